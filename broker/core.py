"""The broker's rules: commands in, committed entries applied, events out. No sockets and no clock in here.

A tick is `receive` for each frame, then `tick` once, then `frames` once. Commands become *proposed* entries; only what
the log hands back committed changes the state or is told to anyone. Time comes in as monotonic seconds (`now`) for
leases and as milliseconds since the epoch (`at`) for people.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import count

from messages import (
    HELLO_SECONDS,
    AnyCommand,
    AnyEvent,
    Closed,
    Code,
    Dismissed,
    Hello,
    Malformed,
    Rejected,
    Storing,
    key_text,
)

from . import applying, countdown, effects, feeding, leaving, limits, requests, rulings
from .audience import Audience
from .backlog import Backlog
from .entries import AnyEntry, Installed, Joined, Named, Span
from .folding import Folding
from .index import Index
from .log import SNAPSHOT_ENTRIES, Log, LogError
from .lookalikes import Lookalikes
from .notes import Note
from .outbound import Outbound
from .receipts import Receipts
from .sessions import Here, Peer, Session
from .state import State

MAX_ANSWERS = 10_000  # events kept for a connection that takes none; then it is cut and resumes from the log
LARGE_WAL = 64 * 1024 * 1024  # bytes of the write-ahead log, which are 4 MB where nobody reads for long
PROBE_SECONDS = 1.0  # between two attempts to write a log that could not be written
LATE_SECONDS = 5.0  # who looks this late was stopped: signs of life may be unread, so it looks again as much later
NOTED_REFUSALS = 20  # of a connection that has no session: anybody can make them by the thousand
LOOKUPS = 64  # what questions may cost in one tick, in units of a roster; the rest wait for the next


class Core:
    """Everything the broker knows, and what it does next."""

    def __init__(
        self, log: Log, index: Index | None = None, *, operator: bytes, name: str, now: float, at: int
    ) -> None:
        """Fold the log into the state. `operator` is the broker's own public key; raises LogError."""
        self.log = log
        self.index = index or Index(":memory:", log)
        self.name = name
        self.operator = operator
        self.state = State.of(log)
        self.here: dict[int, Here] = {}  # by account id
        self.audience = Audience(self.state, self.here)
        self.receipts = Receipts(self.state, self.here)
        self.out = Outbound()
        self.seats = limits.Seats()
        self.newcomers = limits.Buckets()
        self.choosing: dict[Peer, str] = {}  # were refused a nick and may take their time; the address of each
        self.buckets = limits.Buckets()
        self.typing = limits.Buckets()
        self.rate = 0.0  # commands a second that one account may say; 0: as many as it can
        self.notes: list[Note] = []  # what happened, for the broker's own log
        if log.damage:
            self.note("log", text=log.damage.strip())
        self.cut: list[Peer] = []  # connections that the server is to close
        self.down: Closed | None = None  # set: the server says this and ends
        self.closing: countdown.Countdown | None = None  # to the broker's end
        self.storing = True  # False while the log cannot be written
        self.stand_at = now + leaving.STAND_SECONDS  # when to write down how far people have come, monotonic
        self.stood = Span()  # where that was done last
        self.folding = Folding(self.index, lambda text: self.note("log", text=text))
        self._probe_at = 0.0  # then: when to try, monotonic
        self._entries: list[AnyEntry] = []  # proposed in this tick
        self._origins: list[Peer | None] = []  # beside them: who waits for the outcome
        self.arriving = Counter[bytes]()  # keys whose Hello waits for this tick's commit; of each how many new devices
        self.naming = Lookalikes()  # names asked for in this tick
        self._leaving: dict[Here, str] = {}  # people without a session, and why; released unless they come back at once
        self.untold = leaving.still_untold(self.state)  # of devices that were put out: why, for when they come again
        self.spoken: dict[int, int] = {}  # of sessions that ended in this tick: device id → number of its last post
        self.backlog = Backlog()
        self._lookups = LOOKUPS
        self._behind: dict[Session, None] = {}  # connected sessions that are fed from the log
        self.fed = False  # somebody was fed in this tick
        self._due: list[tuple[float, int, Peer | Session | Here]] = []  # heap of deadlines
        self._order = count()
        self.tick_head = log.head  # the head before this tick's commit
        self.at = at  # this tick's time for people, ms since the epoch
        self.routes: dict[str, tuple[int, str]] = {}  # where all may speak: target as typed → id and wire form
        self.obey_rules()
        leaving.hold_over(self, now, at)

    # --- in ----------------------------------------------------------------------------------------------------------

    def obey_rules(self) -> None:
        """A rule or a name has changed: forget what was remembered of them."""
        self.routes.clear()
        rate = self.state.rule("rate")
        self.rate = 0.0 if rate == "off" else float(rate)

    def receive(self, peer: Peer, commands: list[AnyCommand | Malformed], now: float) -> None:
        """Take one frame's commands from a connection."""
        peer.heard = now
        if peer.session is not None:
            commands = limits.pace(self, peer, peer.session, commands, now)
        elif not peer.operator and limits.greeting_over(self, peer, len(commands), now):
            return
        if self.backlog.holds(peer):  # who does not listen is not listened to
            self._keep(peer, commands)
            return
        rest = iter(commands)
        self._handle(peer, rest, now)
        if peer.blocked:  # the rest must see what this one changed
            self._keep(peer, rest)

    def _handle(self, peer: Peer, commands: Iterator[AnyCommand | Malformed], now: float) -> None:
        """Carry out commands up to one that must be decided before the next is looked at."""
        while (command := requests.propose_posts(self, peer, commands)) is not None:
            requests.handle(self, peer, command, now)
            if peer.unpaced and peer.session is not None:  # that was its Hello
                self.backlog.interrupt(peer)
            if peer.gone or peer.blocked:  # dismissed: nothing behind that counts
                return

    def _keep(self, peer: Peer, commands: Iterable[AnyCommand | Malformed]) -> None:
        """Keep commands for later, and no endless amount of them."""
        if self.backlog.keep(peer, commands):
            self.note("refused", who=self.name_of(peer), why="it sends more than it waits for")
            self.cut.append(peer)

    def propose(self, entry: AnyEntry, peer: Peer | None = None) -> None:
        """Put an entry into this tick's segment; `peer` is told the outcome."""
        self._entries.append(entry)
        self._origins.append(peer)

    def propose_row(self, entries: list[AnyEntry], peer: Peer) -> None:
        """Put many entries of one connection into this tick's segment."""
        self._entries += entries
        self._origins += [peer] * len(entries)

    def ask(self, peer: Peer, command: AnyCommand, *entries: AnyEntry) -> None:
        """Propose what a command needs; its connection's next commands wait until that is decided."""
        if isinstance(command, Hello):
            self.arriving[peer.key] += sum(isinstance(entry, Installed) for entry in entries)
        for entry in entries:
            if isinstance(entry, (Named, Joined)):
                self.naming.add(entry.nick if isinstance(entry, Named) else entry.room)
        for entry in entries[:-1]:
            self.propose(entry)
        self.propose(entries[-1], peer)
        peer.asked = command
        peer.blocked = True

    def afford(self, peer: Peer, command: AnyCommand, cost: int) -> bool:
        """Whether a question may still be answered in this tick; if not it is asked again in the next."""
        if self._lookups < min(cost, LOOKUPS):
            self.backlog.postpone(peer, command)
            return False
        self.spend(cost)
        return True

    def spend(self, cost: int) -> None:
        """Note what an answer cost, beyond what was known before."""
        self._lookups -= cost

    def leave(self, here: Here, reason: str) -> None:
        """A person has no session left: release the nick with this tick, unless the same key is coming in again."""
        self._leaving[here] = reason

    def answer(self, peer: Peer, event: AnyEvent) -> None:
        """Send one event to one connection with this tick."""
        if peer.gone:
            return
        if not self.backlog.stuck(peer):
            self.out.answer(peer, event)
            return
        peer.answers.append(event)
        if len(peer.answers) > MAX_ANSWERS:
            self.cut.append(peer)

    def refuse(self, peer: Peer, number: int, code: Code, text: str) -> None:
        """Refuse one command; nothing else of its batch is touched."""
        self.answer(peer, Rejected(number, code, text))
        peer.refused += peer.session is None
        if peer.refused <= NOTED_REFUSALS:
            origin = {"address": peer.address} if peer.session is None else {}
            self.note("refused", who=self.name_of(peer), **origin, why=text, code=str(code))

    def tell(self, audience: Iterable[Session], event: AnyEvent, but: Session | None = None) -> None:
        """Send an event that is not in the log; sessions fed from the log get it with their answers."""
        audience = list(audience)
        self.out.run(audience, but).append(event)
        for session in audience:
            if not session.live and session.feeding and session.peer is not None and session is not but:
                self.answer(session.peer, event)

    def note(self, what: str, **fields: object) -> None:
        """Remember what happened for the broker's own log."""
        self.notes.append(Note(what, fields))

    def name_of(self, peer: Peer) -> str:
        """How the broker's log calls a connection."""
        if peer.operator:
            return "operator"
        if peer.session is not None:
            return peer.session.here.account.nick
        account = self.state.by_key.get(peer.key)
        return (account and account.last_nick) or key_text(peer.key)

    # --- the tick ----------------------------------------------------------------------------------------------------

    def tick(self, now: float, at: int) -> None:
        """Do what is due, commit what was proposed, apply it, and feed those who are behind."""
        self.at = at
        for peer in self.backlog.knock(now):
            self.out.knock(peer)
        for peer in self.backlog.unblocked():
            self._handle(peer, limits.go_on(self, peer, now), now)
        while self._due and self._due[0][0] <= now:
            due, _, what = heapq.heappop(self._due)
            if now > due + LATE_SECONDS:
                self.schedule(what, now + LATE_SECONDS)
            else:
                effects.expire(self, what, now)
        countdown.tick(self, now)
        self._release()
        if self.storing and self.state.passing:
            rulings.end_what_passes(self, self._entries)
        if now >= self.stand_at:
            leaving.stand(self, now)
        if not self.storing and not self._entries and self._probe_at <= now:
            self._probe(now)
        if self._entries:
            self._commit(now, at)
        self.spoken.clear()
        for peer, event in self.receipts.news():
            self.answer(peer, event)
        if self._behind:
            self.fed = feeding.feed(self, self._behind, now)

    def deadline(self, now: float) -> float | None:
        """The monotonic time of the next tick that must happen even without input; None: none."""
        if self._entries or self._leaving or self.out.pending:
            return now
        times = [self._due[0][0]] if self._due else []
        if (waiting := self.backlog.deadline(now)) is not None:
            times.append(waiting)
        if self.closing:
            times.append(self.closing.next_at)
        if self.storing and self.state.passing:
            times.append(now + (min(self.state.passing.values()) - self.at) / 1000)
        if not self.storing:
            times.append(self._probe_at)
        times.extend(session.retry_at for session in self._behind)
        return min(times, default=None)

    def frames(self) -> Iterator[tuple[Peer, bytes]]:
        """Yield what goes out; the caller calls `choked` for a frame that is not taken, and `end_tick` at the end."""
        return self.out.frames()

    def end_tick(self) -> None:
        """Forget the tick's deliveries, and go on with those that take frames again."""
        self.out.clear()
        self._lookups = LOOKUPS
        self.tick_head = self.log.head
        self.fed = False
        for peer in self.backlog.taken():
            if peer.session is not None:
                self.follow(peer.session)

    def choked(self, peer: Peer, now: float) -> None:
        """The connection took no frame: keep its answers, and feed it from the log once it takes something again."""
        untaken = self.out.take_back(peer)
        session = peer.session
        if session is None:
            self.cut.append(peer)  # not greeted, and already stuck
            return
        peer.answers += feeding.rewind(session, untaken, self.log.head)
        self.backlog.refused(peer, now)
        self.forget(session)

    def schedule(self, what: Peer | Session | Here, when: float) -> None:
        """Look at something again at a monotonic time."""
        heapq.heappush(self._due, (when, next(self._order), what))

    def follow(self, session: Session) -> None:
        """Feed a session from its cursor until it is at the head."""
        session.live = False
        if session.feeding and session.peer is not None:
            self._behind[session] = None
        else:
            self._behind.pop(session, None)

    def forget(self, session: Session) -> None:
        """Feed a session no more."""
        session.live = False
        self._behind.pop(session, None)

    # --- commit and apply ---------------------------------------------------------------------------------------------

    def _release(self) -> None:
        for here, reason in list(self._leaving.items()):
            if here.account.key not in self.arriving:
                del self._leaving[here]
                leaving.left(self, here, reason)

    def _commit(self, now: float, at: int) -> None:
        entries, origins = self._entries, self._origins
        self._entries, self._origins = [], []
        self.arriving.clear()
        self.naming = Lookalikes()
        try:
            segment = self.log.append(at, entries)
        except LogError as error:
            self._can_store(now, False, str(error))
            applying.refuse(self, entries, origins, str(error), now)
            return
        self._can_store(now, True, "The log can be written again.")
        applying.apply(self, segment, origins, now)
        if self.log.head - self.log.snapshot_seq >= SNAPSHOT_ENTRIES:
            self.store_snapshot()

    def decided(self, peer: Peer, seq: int, took: bool, now: float) -> None:
        """Answer the command behind an applied entry, and go on with what waited behind it."""
        command, peer.asked = peer.asked, None
        if command is not None and not peer.gone:
            effects.conclude(self, peer, command, seq, took, now)
        elif isinstance(command, Hello):
            leaving.abandoned(self, peer)
        self.backlog.unblock(peer)

    def _can_store(self, now: float, ok: bool, text: str) -> None:
        """Tell everyone, once, that the log cannot be written or can be again."""
        if not ok:
            self._probe_at = now + PROBE_SECONDS
        if ok != self.storing:
            self.storing = ok
            self.tell(self.audience.everyone(), Storing(ok, text))
            self.note("log", text=text)

    def _probe(self, now: float) -> None:
        """See whether the log can be written again, without waiting for somebody to say something."""
        self._probe_at = now + PROBE_SECONDS
        try:
            self.log.store_snapshot(self.state.snapshot())
        except LogError:
            return  # known and told
        self._can_store(now, True, "The log can be written again.")

    def store_snapshot(self) -> None:
        """Store the state beside the log, so that the next start is short; on an error the last one serves."""
        try:
            self.log.store_snapshot(self.state.snapshot())
        except LogError as error:
            self.note("log", text=str(error))
        if self.log.wal_size > LARGE_WAL:
            text = f"The write-ahead log holds {self.log.wal_size >> 20} MB: something reads it for long, a backup say."
            self.note("log", text=text)

    # --- connections --------------------------------------------------------------------------------------------------

    def open(self, route: bytes, key: bytes, now: float, address: str = "") -> Peer:
        """A new connection, which proved `key`."""
        peer = Peer(route, key, greet_by=now + HELLO_SECONDS, heard=now, address=address)
        self.schedule(peer, now + HELLO_SECONDS)
        return peer

    def close(self, peer: Peer, now: float) -> None:
        """The connection is gone; its session keeps its place for a lease."""
        leaving.told(self, peer.untold)
        if peer.gone:
            return
        peer.gone = True
        peer.answers.clear()
        self.choosing.pop(peer, None)
        self.backlog.forget(peer)
        if peer.session is not None:
            leaving.detach(self, peer.session, now)

    def dismiss(self, peer: Peer, code: Code, text: str, now: float) -> None:
        """Tell a connection that it is over; it is cut if it stays all the same."""
        self.answer(peer, Dismissed(code, text))
        self.choosing.pop(peer, None)
        peer.gone = True
        leaving.farewell(self, peer, now)
