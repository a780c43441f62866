"""A broker, clients and the lines between them, with a clock of their own. Everything passes through the real codec.

Knows how things break, not what would be wrong: every fact goes to the ledger, which judges.
"""

from __future__ import annotations

from collections import deque
from itertools import islice
from math import inf
from types import SimpleNamespace

from broker.core import Core
from broker.sessions import Peer
from client.frames import pack
from client.receipt import Numbered
from client.session import Session, State
from client.tracking import trackable
from messages import (
    LEASE_SECONDS,
    PROTOCOL,
    AnyCommand,
    Bye,
    Gap,
    Hello,
    Progress,
    Welcome,
    decode_commands,
    decode_events,
)

from ..client_wire import Disk
from ..rough import check_invariants
from ..wire import EPOCH, OPERATOR, BrittleLog, key_of
from .ledger import Asked, Ledger, Wrong

ROUNDS = 200  # of broker and clients until nothing is on its way; far more than there ever are
LOOK_SECONDS = 4.0  # between two looks at everyone while time passes: less than a client's patience


class FailingLog(BrittleLog):
    """A log that counts how often it could not be written."""

    failures = 0

    def _try(self) -> None:
        self.failures += self.broken
        super()._try()


class Line:
    """One connection, and what is on its way over it. A frame that is put on a silent direction is lost."""

    def __init__(self, process: Process) -> None:
        self.process = process  # at the client's end
        self.peer: Peer | None = None  # at the broker's, once it has read something
        self.up: deque[bytes] = deque()  # to the broker
        self.down: deque[bytes] = deque()
        self.over = False  # closed by either end, or cut; seen by an end when it has read what came before
        self.deaf = False  # nothing reaches the client any more, not even that the line is over
        self.mute = False  # nor the broker
        self.room: int | None = None  # for so many more frames from the broker; None: for all
        self.greeted = False  # the broker has had a session on it

    def cut(self, up: int, down: int) -> None:
        """The connection breaks; of what was on its way the first few frames come through."""
        self.over = True
        self.up = deque(islice(self.up, up))
        self.down = deque(islice(self.down, down))

    @property
    def ended_for_client(self) -> bool:
        """Whether the client sees that it is over."""
        return self.over and not self.deaf and not self.down

    @property
    def ended_for_broker(self) -> bool:
        """Whether the broker does."""
        return self.over and not self.mute and not self.up

    @property
    def attached(self) -> bool:
        """Whether the broker has a session on it."""
        return self.peer is not None and not self.peer.gone and self.peer.session is not None


class Device:
    """One install of a client, with its disk. It has a process while somebody uses it."""

    def __init__(self, person: str, name: str, *, quiet: bool = False) -> None:
        self.name = f"{person}/{name}"
        self.person = person
        self.key = key_of(person)
        self.token = name.encode().ljust(16, b"\0")
        self.quiet = quiet
        self.disk = None if quiet else Disk()  # scripts keep nothing
        self.process: Process | None = None


class Process:
    """One run of a client: a session and its present line. It goes on where its disk says."""

    def __init__(self, world: World, device: Device, nick: str) -> None:
        self.world = world
        self.device = device
        kept = device.disk.load() if device.disk else None
        wish = SimpleNamespace(held=False)
        self.session = Session(nick, device.token, desk=None, quiet=device.quiet, kept=kept, wish=wish)
        self.line: Line | None = None
        self.reads = True  # somebody takes out of the inbox what comes
        self.asked = [world.ledger.again(receipt) for receipt in self.session.leftovers]  # without an answer yet
        self.said: list[Asked] = []  # of which can be known who has it
        self.watched: list[Asked] = []  # and is asked
        self.seen = kept.cursor if kept else None  # all up to here was shown that is for us; None: not welcomed yet
        self.first = self.seen  # where its deliveries began
        self.told: dict[int, dict[int, str]] = {}  # sequence → who was delivered it, as the broker says
        self.gaps: list[Gap] = []  # in the log, as it was told
        self.floor: int | None = None  # deliveries to a process without a cursor must begin no later than behind this
        self.met = 0  # the head when that began
        self.life = 0  # of the broker, in which that was last
        self.held_until = 0.0  # the nick cannot be lost before
        self.quit = False  # on purpose
        self.held = False  # held deliveries back since it was welcomed: does not hear what goes on around meanwhile

    @property
    def cursor(self) -> int:
        """How far its deliveries have come."""
        return self.session._deliveries.cursor or 0

    @property
    def came(self) -> int:
        """How far the broker may take this process to have come."""
        if self.seen is None:
            return self.met if self.floor is None else self.floor
        return self.cursor

    def took(self, seq: int) -> bool:
        """Whether a delivery with this sequence came to this process."""
        gap = any(gap.after < seq <= gap.until for gap in self.gaps)
        return self.first is not None and self.first < seq <= self.cursor and not gap

    def claims(self, seq: int) -> bool:
        """Whether it says to the broker that this came."""
        began = self.session._deliveries.began
        return began is not None and began < seq <= self.cursor

    def connect(self) -> None:
        """Open a line, and greet."""
        self.line = Line(self)
        self.world.lines.append(self.line)
        self.session.connected(self.world.now)
        self.turn(0)

    def ask(self, command: Numbered) -> None:
        """Give the session something to do, unless it is being closed."""
        if self.session._closing < inf:
            return
        device = self.device
        asked = self.world.ledger.ask(device.key, device.token, command, self.session.submit(command))
        self.asked.append(asked)
        if trackable(command):
            self.said.append(asked)
        self.turn(0)

    def turn(self, most: int = 1000) -> None:
        """One round of the client's thread: take some frames, say what is due, notice what broke."""
        line, now, session = self.line, self.world.now, self.session
        if line is not None:
            for _ in range(min(most, len(line.down))):
                for event in decode_events(line.down.popleft()):
                    if isinstance(event, Welcome) and session.state is State.GREETING:
                        self.world.ledger.welcomed(self, event)
                        self.held = False
                    elif isinstance(event, Gap):
                        self.gaps.append(event)
                    elif isinstance(event, Progress):
                        self.world.ledger.progress(self, event)
                    session.received((event,), now)
                    self.held |= not session._deliveries.feed
        session.tick(now)
        commands = session.outgoing(now) if line is not None else []
        kept = session.take_unsaved()
        if kept is not None:
            self.device.disk.save(kept)
        if line is not None and not line.mute and not line.over:
            line.up.extend(pack(commands))
        if self.reads:
            self.read()
        if self.asked:
            self.asked = [asked for asked in self.asked if not self.world.ledger.judge(asked)]
        if session.state is State.OVER:
            self.end()
            self.quit = True
        elif line is not None and (line.ended_for_client or session.stale):
            self.hang_up(session.stale or "The connection broke.")

    def read(self, most: int = 1000) -> None:
        """The user looks at what came."""
        inbox, ledger = self.session.inbox, self.world.ledger
        for _ in range(most):
            message = inbox.take_message()
            if message is None:
                ledger.caught_up(self, self.session._deliveries.cursor)
                break
            ledger.shown(self, message)
            self.session.mark_read(message)
        for _ in iter(inbox.take_event, None):
            pass

    def hang_up(self, why: str) -> None:
        """The client lets go of its line."""
        if self.line is not None:
            self.line.over = True
            self.line = None
            self.session.disconnected(why, 0.1)

    def end(self) -> None:
        """The process is gone; what it had said may still arrive."""
        self.read()
        if self.line is not None:
            self.line.over = True
            self.line = None
        if self.device.process is self:
            self.device.process = None


class World:
    """All there is."""

    def __init__(self, devices: list[Device]) -> None:
        self.now = 0.0
        self.devices = devices
        self.ledger = Ledger()
        self.log = FailingLog(":memory:")
        self.lines: list[Line] = []
        self.past: list[Process] = []  # all there ever were
        self.life = 0  # of the broker
        self._unable = 0  # turns at whose beginning it knew already that its disk failed
        self._routes = 0
        self._boot()

    def start(self, device: Device, nick: str) -> None:
        """Somebody starts a client."""
        device.process = Process(self, device, nick)
        self.past.append(device.process)
        device.process.connect()

    def processes(self) -> list[Process]:
        """Those that run."""
        return [device.process for device in self.devices if device.process is not None]

    # --- the broker --------------------------------------------------------------------------------------------------

    def _boot(self) -> None:
        self.life += 1
        self.core = Core(self.log, operator=OPERATOR, name="model", now=self.now, at=EPOCH)

    def kill(self, *, committed: bool) -> None:
        """SIGKILL, before or behind the commit of a tick that nobody hears of any more; and start again."""
        for line in self.lines:
            self._drain(line)
        if committed:
            self.core.tick(self.now, EPOCH)
        for line in self.lines:
            line.over = True
            line.up.clear()
        self.lines.clear()
        self.core.index._db.close()
        self.log._cache.clear()  # what the process had in memory
        self.log._firsts.clear()
        self.log._cached_bytes = 0
        self.ledger.absorb(self.log)
        self._boot()
        self.ledger.check(self)

    def tick(self, late: frozenset[Device] = frozenset()) -> None:
        """One turn of the broker's loop; what the clients on `late` devices sent has not arrived yet."""
        self._unable += not self.core.storing
        for line in self.lines:
            if line.process.device not in late:
                self._drain(line)
        for line in self.lines:
            if line.ended_for_broker and line.peer is not None:
                if line.attached:
                    line.process.held_until = self.now + LEASE_SECONDS
                self.core.close(line.peer, self.now)
        self.lines = [line for line in self.lines if not (line.over and (line.peer is None or line.peer.gone))]
        self.core.tick(self.now, EPOCH)
        self.ledger.absorb(self.log)
        self.ledger.failures = self.log.failures + self._unable
        for line in self.lines:
            if line.attached:
                self._greeted(line)
        self._flush()
        self.ledger.check(self)
        check_invariants(self.core)

    def _drain(self, line: Line) -> None:
        while line.up:
            frame = line.up.popleft()
            if line.peer is None:
                line.peer = self._open(line.process.device.key)
            if not line.peer.gone:
                self.core.receive(line.peer, decode_commands(frame), self.now)
                if line.attached:
                    self._greeted(line)

    def _open(self, key: bytes) -> Peer:
        self._routes += 1
        return self.core.open(b"%d" % self._routes, key, self.now)

    def _greeted(self, line: Line) -> None:
        """The broker has a session for this process; the ledger must know how things stood when it began."""
        process, peer = line.process, line.peer
        if not line.greeted:
            line.greeted = True
            process.floor = self.ledger.floor(self, process, peer.session)
            process.met = self.ledger.head
        if process.life != self.life:
            process.life = self.life
            for other in self.past:  # those of this device are over; a new broker does not know of other devices yet
                if other.device.key == process.device.key and (
                    other.life != self.life or other.device is process.device
                ):
                    other.held_until = 0.0
        process.held_until = max(process.held_until, peer.heard + LEASE_SECONDS)

    def _flush(self) -> None:
        lines = {line.peer: line for line in self.lines}
        for peer, frame in self.core.frames():
            line = lines.get(peer)
            if line is not None and line.room == 0:
                self.core.choked(peer, self.now)
            elif line is not None:
                if line.room is not None:
                    line.room -= 1
                if not line.deaf and not line.over:
                    line.down.append(frame)
        self.core.end_tick()
        for peer in self.core.cut:
            line = lines.get(peer)
            if line is not None:
                if line.attached:
                    line.process.held_until = self.now + LEASE_SECONDS
                line.over = True
                line.up.clear()
            self.core.close(peer, self.now)
        self.core.cut.clear()
        self.core.notes.clear()

    def cut(self, kept: int) -> None:
        """The oldest segments are no longer kept, but for so many."""
        segments = list(self.log.oldest(1000))
        if len(segments) > kept and not self.log.broken:
            self.log.store_snapshot(self.core.state.snapshot())
            self.log.rebase()
            self.log.cut_off(segments[-1 - kept].last)
            self.ledger.cut = self.log.cut

    def operator(self, *commands: AnyCommand) -> None:
        """Who runs the broker says something."""
        hello = Hello(PROTOCOL, "operator", bytes(16))
        self.core.receive(self._open(OPERATOR), [hello, *commands, Bye()], self.now)

    # --- time --------------------------------------------------------------------------------------------------------

    def reconnect(self) -> None:
        """Every client without a connection tries again."""
        for process in self.processes():
            if process.line is None:
                process.connect()

    def flow(self) -> None:
        """Let everything come through that is on its way."""
        for _ in range(ROUNDS):
            for process in self.processes():
                process.turn()
            self.tick()
            deadline = self.core.deadline(self.now)
            on_its_way = any(line.up or (line.down and line is line.process.line) for line in self.lines)
            if not on_its_way and (deadline is None or deadline > self.now):
                return
        raise Wrong("the broker and its clients come to no rest")

    def wait(self, seconds: float, *, reconnect: bool = False) -> None:
        """Let time pass while everything runs."""
        until = self.now + seconds
        while True:
            self.flow()
            if self.now >= until:
                return
            self.now = min(self.now + LOOK_SECONDS, until)
            if reconnect:
                self.reconnect()
