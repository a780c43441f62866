"""What may happen, as rules that Hypothesis puts into any order, and how such runs are carried out and counted.

Every rule ends with nothing more, with one turn of the broker's loop, or with everything coming through that is on its
way: so that several things happen at once, or one after the other.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from unittest.mock import patch

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from broker import core, feeding, leaving, log, outbound, requests
from client import inbox, outbox
from messages import Announce, Ban, Join, Kick, Leave, Post, Register, Rename, Unban, Unregister, key_text

from ..client_wire import Disk
from .settle import settle
from .world import Device, Process, World

STEPS = 60  # in a run, in front of the settling
PEOPLE = (("ann", "desk"), ("ann", "phone"), ("ben", "desk"), ("cid", "desk"), ("cid", "script"))
NICKS = ("ann", "ben", "cid", "dan", "Dan")
ROOMS = ("#general", "#one", "#two")
TARGETS = ("*", *ROOMS, *(f"@{nick}" for nick in NICKS))
SMALL = (  # bounds so small that a short run goes across them
    (feeding, "PORTION_ENTRIES", 5),
    (feeding, "PORTION_SIZE", 300),
    (feeding, "FEED_ENTRIES", 12),
    (feeding, "RETRY_ENTRIES", 6),
    (log, "CACHE_BYTES", 500),
    (outbound, "PART_BYTES", 200),
    (core, "SNAPSHOT_ENTRIES", 15),
    (leaving, "STAND_SECONDS", 5.0),
    (requests, "RETRY_WINDOW", 8),
    (outbox, "WINDOW", 4),
    (inbox, "FULL", 2),
    (inbox, "OVERFULL", 3),
)

Then = tuple[str, int | None, str]
some_device = st.integers(0, len(PEOPLE) - 1)
few = st.integers(0, 3)
then = st.tuples(  # what comes behind every rule, and who says something in front of that
    st.sampled_from(("flow", "tick", "nothing", "flow", "gather")),
    st.sampled_from((None, *range(len(PEOPLE)))),
    st.sampled_from(TARGETS),
)


class Machine(RuleBasedStateMachine):
    """A world to which things happen."""

    runs = 0  # how many there were
    failed = 0  # which of them was the first that failed; 0: none

    def __init__(self) -> None:
        super().__init__()
        Machine.runs += 1
        self.failure = sys.exception()  # of nobody's concern here
        self.world = World([Device(*person, quiet=person[1] == "script") for person in PEOPLE])
        self.count = 0  # of what was said
        self.failing = 0  # for so many rules the disk still fails

    def teardown(self) -> None:
        """Unless something was wrong already: settle, and look at what is left."""
        try:
            if sys.exception() is self.failure:
                settle(self.world)
        finally:
            if isinstance(sys.exception(), Exception) and sys.exception() is not self.failure:
                Machine.failed = Machine.failed or Machine.runs
            self.world.core.index._db.close()
            self.world.log.close()

    def after(self, then: Then) -> None:
        """What comes behind every rule."""
        how, speaker, to = then
        if speaker is not None:
            self.speak(speaker, to)
        match how:
            case "tick":
                self.world.tick()
            case "flow":
                self.world.reconnect()
                self.world.flow()
            case "gather":  # and those who are not there come
                for device in self.world.devices:
                    if device.process is None:
                        self.world.start(device, device.person)
                self.world.reconnect()
                self.world.flow()
        self.failing -= 1
        self.world.log.broken = self.failing > 0

    def speak(self, device: int, to: str, *, plain: bool = True) -> None:
        """Somebody says something that was never said before."""
        process = self.process(device)
        if process is not None:
            self.count += 1
            body = f"m{self.count}"
            process.ask(Post(1, to, body) if plain else Announce(1, to, body, f"title {body}"))

    def process(self, device: int) -> Process | None:
        """The process of a device or, if it has none, of another one; None: none runs."""
        running = self.world.processes()
        return self.world.devices[device].process or (running[device % len(running)] if running else None)

    # --- people ------------------------------------------------------------------------------------------------------

    @initialize(absent=st.frozensets(some_device, max_size=3), register=st.frozensets(some_device, max_size=2))
    def begin(self, absent: frozenset[int], register: frozenset[int]) -> None:
        """Some are there from the beginning, all in one room more, and some of them to be kept."""
        for number, device in enumerate(self.world.devices):
            if number not in absent:
                self.world.start(device, device.person)
                device.process.ask(Join(1, "#one"))
        self.world.flow()
        for number in register - absent:
            self.process(number).ask(Register(1))

    @rule(device=some_device, nick=st.sampled_from((None, None, *NICKS)), then=then)
    def start(self, device: int, nick: str | None, then: Then) -> None:
        """Somebody starts a client, or chooses another nick where one was refused."""
        idle = [each for each in self.world.devices if each.process is None or each.process.session.refusal]
        if idle:
            where = idle[device % len(idle)]
            if where.process is None:
                self.world.start(where, nick or where.person)
            else:
                where.process.session.retry_as(nick or where.person)
                where.process.turn(0)
        self.after(then)

    @rule(device=some_device, to=st.sampled_from(TARGETS), times=st.integers(1, 3), plain=st.booleans(), then=then)
    def say(self, device: int, to: str, times: int, plain: bool, then: Then) -> None:
        """Somebody says or announces a few things."""
        for _ in range(times):
            self.speak(device, to, plain=plain)
        self.after(then)

    @rule(device=some_device, room=st.sampled_from(ROOMS), joins=st.booleans(), then=then)
    def room(self, device: int, room: str, joins: bool, then: Then) -> None:
        """Somebody enters or leaves a room."""
        if self.process(device) is not None:
            self.process(device).ask(Join(1, room) if joins else Leave(1, room))
        self.after(then)

    @rule(device=some_device, rival=some_device, nick=st.sampled_from(NICKS), then=then)
    def rename(self, device: int, rival: int, nick: str, then: Then) -> None:
        """Somebody wants another nick, which may be taken, or wanted by somebody else too."""
        for each in {device, rival}:
            if self.process(each) is not None:
                self.process(each).ask(Rename(1, nick))
        self.after(then)

    @rule(device=some_device, then=then)
    def track(self, device: int, then: Then) -> None:
        """Somebody wants to know who has their messages."""
        process = self.process(device)
        if process is not None:
            for asked in process.said[-3:] if process.session.failure is None else []:
                process.session.track(asked.receipt)
                process.watched.append(asked)
            process.turn(0)
        self.after(then)

    @rule(device=some_device, kept=st.booleans(), then=then)
    def register(self, device: int, kept: bool, then: Then) -> None:
        """Somebody wants to be kept, or no longer."""
        if self.process(device) is not None:
            self.process(device).ask(Register(1) if kept else Unregister(1))
        self.after(then)

    @rule(device=some_device, then=then)
    def leave(self, device: int, then: Then) -> None:
        """Somebody quits."""
        process = self.process(device)
        if process is not None:
            process.session.inbox.finish()
            process.session.close(self.world.now + 2.0)
            process.turn(0)
        self.after(then)

    @rule(device=some_device, reads=few, then=then)
    def look(self, device: int, reads: int, then: Then) -> None:
        """Somebody stops looking at what comes, looks at a little of it, or goes on."""
        process = self.process(device)
        if process is not None:
            process.reads = reads == 3
            process.read(reads)
            process.turn()
        self.after(then)

    @rule(device=some_device, what=st.sampled_from((Kick, Unban, Ban, Unban)), then=then)
    def moderate(self, device: int, what: type, then: Then) -> None:
        """The operator puts somebody out, for now or for good, or lets them in again."""
        where = self.world.devices[device]
        nick = self.world.ledger.nick.get(where.key)
        self.world.operator(what(1, nick if what is Kick and nick else key_text(where.key)))
        if what is Kick:
            self.world.ledger.put_out.add(where.key)
        self.after(then)

    # --- faults ------------------------------------------------------------------------------------------------------

    @rule(device=some_device, up=few, down=few, deaf=st.booleans(), mute=st.booleans(), then=then)
    def cut(self, device: int, up: int, down: int, deaf: bool, mute: bool, then: Then) -> None:
        """A connection breaks; either end may not notice for long."""
        process = self.process(device)
        if process is not None and process.line is not None:
            process.line.deaf, process.line.mute = deaf, mute
            process.line.cut(up, down)
            process.turn()
        self.after(then)

    @rule(device=some_device, deaf=st.booleans(), mute=st.booleans(), then=then)
    def silence(self, device: int, deaf: bool, mute: bool, then: Then) -> None:
        """A connection swallows what it is given, in one direction or both, for ever."""
        process = self.process(device)
        if process is not None and process.line is not None:
            process.line.deaf |= deaf
            process.line.mute |= mute
        self.after(then)

    @rule(device=some_device, then=then)
    def give_up(self, device: int, then: Then) -> None:
        """A client takes its connection for broken and opens another one; the broker may still have the old one."""
        process = self.process(device)
        if process is not None:
            process.hang_up("It is silent.")
            process.connect()
        self.after(then)

    @rule(device=some_device, room=st.sampled_from((None, 0, 1, 2)), then=then)
    def choke(self, device: int, room: int | None, then: Then) -> None:
        """A connection soon takes no frame from the broker any more, or does again."""
        process = self.process(device)
        if process is not None and process.line is not None:
            process.line.room = room
        self.after(then)

    @rule(device=some_device, then=then)
    def repeat(self, device: int, then: Then) -> None:
        """A client says its last frame twice."""
        process = self.process(device)
        if process is not None and process.line is not None and process.line.up:
            process.line.up.append(process.line.up[-1])
        self.after(then)

    @rule(device=some_device, wiped=st.sampled_from((False, False, True)), again=st.booleans(), then=then)
    def kill_client(self, device: int, wiped: bool, again: bool, then: Then) -> None:
        """A client is killed, and its disk perhaps lost, and perhaps it is started again at once."""
        process = self.process(device)
        if process is not None:
            process.end()
            if wiped and process.device.disk:
                process.device.disk = Disk()
                self.world.ledger.wipe(process.device.key, process.device.token)
            if again:
                self.world.start(process.device, process.session.me.nick)
        self.after(then)

    @rule(committed=st.booleans(), back=st.booleans(), then=then)
    def kill_broker(self, committed: bool, back: bool, then: Then) -> None:
        """The broker is killed, in front of a commit or behind it, and started again."""
        self.world.kill(committed=committed)
        for process in self.world.processes() if back else []:
            process.turn()
            if process.device.process is process and process.line is None:
                process.connect()
        self.after(then)

    @rule(kept=few, then=then)
    def forget(self, kept: int, then: Then) -> None:
        """The oldest part of the log is no longer kept."""
        self.world.cut(kept)
        self.after(then)

    @rule(rules=st.integers(1, 6), then=then)
    def disk(self, rules: int, then: Then) -> None:
        """The disk fails for a while."""
        self.failing, self.world.log.broken = rules, True
        self.after(then)

    # --- time --------------------------------------------------------------------------------------------------------

    @rule(late=st.frozensets(some_device, max_size=2), deliver=some_device, most=few)
    def tick(self, late: frozenset[int], deliver: int, most: int) -> None:
        """One turn of the broker's loop, with some frames still on their way; one client takes some of what came."""
        self.world.tick(frozenset(self.world.devices[device] for device in late))
        if self.process(deliver) is not None:
            self.process(deliver).turn(most)

    @rule(seconds=st.sampled_from((0.06, 1.0, 12.0, 36.0, 75.0)), how=st.sampled_from(("on line", "alone", "asleep")))
    def wait(self, seconds: float, how: str) -> None:
        """Time passes, while lost connections are made anew or stay lost, or as if everything had been asleep."""
        if how == "asleep":
            self.world.now += seconds
        self.world.wait(0.0 if how == "asleep" else seconds, reconnect=how == "on line")


# --- runs ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Campaign:
    """What came of many runs."""

    runs: int  # up to and with the first that failed
    problem: str = ""  # the shortest way to it that was found; empty: nothing was wrong


@contextmanager
def small() -> Iterator[None]:
    """All bounds are small."""
    with ExitStack() as stack:
        for where, what, value in SMALL:
            stack.enter_context(patch.object(where, what, value))
        yield


def campaign(first: int, runs: int, *, shrink: bool = True) -> Campaign:
    """Carry out so many runs, which `first` determines; ends with the first that fails."""
    chosen = settings(
        max_examples=runs,
        stateful_step_count=STEPS,
        database=None,
        deadline=None,
        derandomize=False,
        print_blob=False,
        report_multiple_bugs=False,
        phases=[Phase.generate, *[Phase.shrink] * shrink],
        suppress_health_check=list(HealthCheck),
    )
    Machine.runs = Machine.failed = 0
    with small():
        try:
            run_state_machine_as_test(seed(first)(type("Run", (Machine,), {})), settings=chosen)
        except Exception as error:
            return Campaign(Machine.failed, "\n".join([repr(error), *getattr(error, "__notes__", ())]))
    return Campaign(Machine.runs)
