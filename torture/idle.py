"""Row: ten thousand people who are connected and say nothing, on one broker.

Each has a key and a source address of its own; bare DEALERs with many connections stand for them. They come in groups,
are held for some heartbeats, and must all be answered each time; in the end each must be delivered what is said in the
room, which shows that every single one is still there. The figure is what they cost the broker.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

import zmq
from zmq.utils.monitor import parse_monitor_message

from benchmarks.processes import TICKS_PER_SECOND, Worker
from messages import (
    GENERAL,
    PING_SECONDS,
    PROTOCOL,
    Hello,
    Message,
    Ping,
    Pong,
    Post,
    Welcome,
    decode_events,
    encode_commands,
)

from .brokers import Broker, endpoint, folder
from .dealers import Dealer
from .result import Result, Scale

SESSIONS = {"full": 10_000, "short": 200}
WORKERS = {"full": 4, "short": 2}
GROUP = {"full": 250, "short": 100}  # that come at once in one worker; more would not be greeted in time
BEATS = {"full": 6, "short": 2}
APART = {"full": PING_SECONDS, "short": 0.1}  # seconds from one heartbeat to the next
PATIENCE = 15.0  # seconds without a sign after which no more will come
CONTROL_PATIENCE = 0.3
CONTROL_SESSIONS = 100
CONTROL_DESCRIPTORS = 128  # of which the broker keeps 64 for itself
FAREWELL = "is everybody still here?"

_EVENTS = (
    zmq.EVENT_HANDSHAKE_SUCCEEDED
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_DISCONNECTED
)


@dataclass(slots=True)
class Beat:
    """What came of one heartbeat, and of all before it."""

    welcomed: int = 0
    answered: int = 0  # this time
    ended: int = 0  # connections
    told: int = 0  # were delivered the farewell
    slowest: float = 0.0  # seconds until the last answer, this time

    def add(self, other: Beat) -> None:
        """Put two workers' beats together."""
        self.welcomed += other.welcomed
        self.answered += other.answered
        self.ended += other.ended
        self.told += other.told
        self.slowest = max(self.slowest, other.slowest)


@dataclass(slots=True)
class Campaign:
    """What came of it."""

    problems: list[str] = field(default_factory=list)
    connecting: float = 0.0  # seconds until all were there
    each: float = 0.0  # bytes of the broker's memory for a session
    busy: float = 0.0  # share of a core that the broker needs for them
    slowest: float = 0.0  # seconds until the last answer of a heartbeat


def run(scale: Scale) -> Result:
    """All of them; and more than there are descriptors for."""
    found = campaign(scale, SESSIONS[scale], WORKERS[scale])
    control = campaign("short", CONTROL_SESSIONS, 1, descriptors=CONTROL_DESCRIPTORS, patience=CONTROL_PATIENCE)
    dropped = ", ".join(control.problems[-1:])
    return Result(
        test="idle clients",
        trials=SESSIONS[scale],
        of="CURVE sessions on one broker",
        figures=f"{found.each / 1024:.1f} KB of the broker's memory for a session. Held for {BEATS[scale]} heartbeats, "
        f"{APART[scale]:g} s apart, which take {found.busy:.1%} of a core; all pings of one, sent at once, were "
        f"answered within {found.slowest:.2f} s. {found.connecting:.0f} s until all were there.",
        control=f"{CONTROL_DESCRIPTORS} descriptors for {CONTROL_SESSIONS} sessions: {dropped}",
        control_red=bool(control.problems),
        problems=found.problems,
    )


def campaign(
    scale: Scale, sessions: int, workers: int, *, descriptors: int = 0, patience: float = PATIENCE
) -> Campaign:
    """So many sessions, on a broker that has so many descriptors (0: all there are)."""
    found = Campaign()
    wrap = ("sh", "-c", f'ulimit -n {descriptors}; exec "$@"', "sh") if descriptors else ()
    with folder() as place, Broker(place / "home", bind := endpoint(), wrap=wrap) as broker, ExitStack() as stack:
        before, began = broker.memory()[0], time.monotonic()
        each = sessions // workers
        groups = [range(start, min(start + GROUP[scale], each)) for start in range(0, each, GROUP[scale])]
        crowd = [
            stack.enter_context(Worker(hold, bind, broker.key, groups, n * each, patience)) for n in range(workers)
        ]
        for worker in crowd:
            worker.value()
        for _ in groups:
            beat = _beat(crowd)
        found.connecting = time.monotonic() - began
        found.each = (broker.memory()[0] - before) / sessions
        used, began = _used(broker), time.monotonic()
        for number in range(BEATS[scale]):
            time.sleep(max(0.0, began + (number + 1) * APART[scale] - time.monotonic()))
            beat = _beat(crowd)
            found.slowest = max(found.slowest, beat.slowest)
            if beat.answered != sessions:
                found.problems.append(f"{beat.answered} of {sessions} answered")
        found.busy = (_used(broker) - used) / (time.monotonic() - began)
        if not found.problems:  # else there may be no room for who says it
            _say(bind, broker.key)
        beat = _beat(crowd)
        if (beat.welcomed, beat.ended, beat.told) != (sessions, 0, sessions):
            found.problems.append(
                f"{beat.welcomed} of {sessions} were welcomed, {beat.ended} dropped, {beat.told} told what was said"
            )
    return found


def _beat(crowd: list[Worker]) -> Beat:
    total = Beat()
    for worker in crowd:
        worker.go()
    for worker in crowd:
        total.add(worker.value())
    return total


def _used(broker: Broker) -> float:
    """Seconds of CPU so far."""
    with open(f"/proc/{broker.process.pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


def _say(bind: str, key: bytes) -> None:
    """Say the farewell in the room in which everyone is."""
    with Dealer(bind, key) as herald:
        herald.hello("herald", feed=False, quiet=True)
        herald.say(Post(1, GENERAL, FAREWELL))
        herald.settle()


# --- in the workers --------------------------------------------------------------------------------------------------


def hold(bind: str, key: bytes, groups: list[range], first: int, patience: float) -> Iterator[Beat]:
    """Be so many sessions: at each step the next group comes, if one is missing yet, and all give a sign of life."""
    context = zmq.Context()
    here: list[Group] = []
    beat = Beat()
    yield beat
    for people in groups:
        here.append(Group(context, bind, key, range(first + people.start, first + people.stop), patience))
        yield _all(here, beat, patience)
    while True:
        yield _all(here, beat, patience)


def _all(groups: list[Group], beat: Beat, patience: float) -> Beat:
    began = time.monotonic()
    for group in groups:
        group.ping()
    beat.answered = sum(group.answers(patience) for group in groups)
    beat.slowest = time.monotonic() - began
    beat.welcomed = sum(group.welcomed for group in groups)
    beat.ended = sum(group.ended for group in groups)
    beat.told = sum(group.told for group in groups)
    return beat


class Group:
    """A DEALER with many connections, none of which connects again; what it sends goes to each in turn."""

    def __init__(
        self, context: zmq.Context[zmq.Socket[bytes]], bind: str, key: bytes, people: range, patience: float
    ) -> None:
        self.welcomed = self.ended = self.told = 0
        self._shaken = 0
        self._socket = context.socket(zmq.DEALER)
        self._socket.set_hwm(0)
        self._socket.linger, self._socket.sndtimeo = 0, 0
        self._socket.immediate = True
        self._socket.reconnect_ivl = -1
        self._socket.curve_serverkey = key
        self._monitor = self._socket.get_monitor_socket(_EVENTS)
        for number in people:
            source = f"127.1.{number // 250}.{number % 250 + 1}"
            self._socket.curve_publickey, self._socket.curve_secretkey = zmq.curve_keypair()
            self._socket.connect(bind.replace("//", f"//{source}:0;"))
        while self._shaken + self.ended < len(people) and self._monitor.poll(int(patience * 1000)):
            self._watch()
        for number in people[: self._shaken]:
            self._send(Hello(PROTOCOL, f"idle{number}", secrets.token_bytes(16), quiet=True, client="torture"))
        while self.welcomed < self._shaken and self._socket.poll(int(patience * 1000)):
            self._hear()

    def _watch(self) -> None:
        while self._monitor.poll(0):
            event = parse_monitor_message(self._monitor.recv_multipart())["event"]
            if event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
                self._shaken += 1
            else:
                self.ended += 1

    def _send(self, command: Hello | Ping) -> None:
        try:
            self._socket.send(encode_commands([command]))
        except zmq.Again:  # nobody is left
            return

    def _hear(self) -> int:
        """Take one frame; returns how many pings it answers."""
        answers = 0
        for event in decode_events(self._socket.recv()):
            match event:
                case Welcome():
                    self.welcomed += 1
                case Message(body=body) if body == FAREWELL:
                    self.told += 1
                case Pong():
                    answers += 1
        return answers

    def ping(self) -> None:
        """One heartbeat of all."""
        for number in range(self.welcomed):
            self._send(Ping(number))

    def answers(self, patience: float) -> int:
        """How many of them were answered."""
        answers = 0
        while answers < self.welcomed and self._socket.poll(int(patience * 1000)):
            answers += self._hear()
        self._watch()
        return answers
