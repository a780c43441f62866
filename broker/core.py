"""The broker's rules: commands in, committed entries applied, events out. No sockets and no clock in here.

A tick is `receive` for each frame, then `tick` once, then `frames` once. Commands become *proposed* entries; only what
the log hands back committed changes the state or is told to anyone. Time comes in as monotonic seconds (`now`) for
leases and as milliseconds since the epoch (`at`) for people.
"""

from __future__ import annotations

import heapq
import sqlite3
from collections.abc import Iterable, Iterator
from itertools import count

from messages import (
    HELLO_SECONDS,
    LEASE_SECONDS,
    Announcement,
    AnyCommand,
    AnyEvent,
    Closed,
    Closing,
    Code,
    Dismissed,
    Gap,
    Hello,
    Malformed,
    Message,
    Rejected,
    Storing,
    encode_commands,
)

from . import applying, effects, feeding, requests
from .audience import Audience
from .entries import AnyEntry
from .index import Index
from .log import SNAPSHOT_ENTRIES, Log, LogError
from .notes import Note
from .outbound import Outbound
from .sessions import Here, Peer, Session
from .state import State

MAX_ANSWERS = 10_000  # events kept for a connection that takes none; then it is cut and resumes from the log
PROBE_SECONDS = 1.0  # between two attempts to write a log that could not be written
LOOKUPS = 64  # what questions may cost in one tick, in units of a roster; the rest wait for the next
MAX_WAITING = 16 * 1024 * 1024  # bytes of commands kept for a connection whose earlier ones are not done; then the same
COMMAND_BYTES = 128  # what a command weighs in memory besides its text


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
        self.snapshot_seq = self.state.seq
        self.here: dict[int, Here] = {}  # by account id
        self.audience = Audience(self.state, self.here)
        self.out = Outbound()
        self.notes: list[Note] = []  # what happened, for the broker's own log
        if log.damage:
            self.note("log", text=log.damage)
        self.cut: list[Peer] = []  # connections that the server is to close
        self.down: Closed | None = None  # set: the server says this and ends
        self.closing: tuple[float, Closing] | None = None  # monotonic time, and what was announced
        self.storing = True  # False while the log cannot be written
        self._probe_at = 0.0  # then: when to try, monotonic
        self._entries: list[AnyEntry] = []  # proposed in this tick
        self._origins: list[Peer | None] = []  # beside them: who waits for the outcome
        self.arriving: set[bytes] = set()  # keys whose Hello waits for this tick's commit
        self._leaving: dict[Here, str] = {}  # people without a session, and why; released unless they come back at once
        self.spoken: dict[int, int] = {}  # of sessions that ended in this tick: device id → number of its last post
        self._stuck: dict[Peer, float] = {}  # took no frame: when to try again, monotonic; not listened to until then
        self._unblocked: list[Peer] = []  # have commands waiting for the next tick
        self._lookups = LOOKUPS
        self._behind: dict[Session, None] = {}  # connected sessions that are fed from the log
        self.fed: list[Session] = []  # were fed in this tick
        self._due: list[tuple[float, int, Peer | Session | Here]] = []  # heap of deadlines
        self._order = count()
        self.tick_head = log.head  # the head before this tick's commit
        self.at = at  # this tick's time for people, ms since the epoch
        self.routes: dict[str, tuple[int, str]] = {}  # target as typed → id and wire form, until names change
        for account in self.state.by_nick.values():  # held over the restart: their clients are on their way back
            if not account.registered:  # those may be away as long as they like
                here = self.here[account.id] = Here(account, account.nick, at, announced=not account.quiet)
                self.schedule(here, now + LEASE_SECONDS)

    # --- in ----------------------------------------------------------------------------------------------------------

    def receive(self, peer: Peer, commands: Iterable[AnyCommand | Malformed], now: float) -> None:
        """Take one frame's commands from a connection."""
        peer.heard = now
        if peer.blocked or peer in self._stuck:  # who does not listen is not listened to
            self._wait(peer, commands)
        else:
            self._handle(peer, commands, now)

    def _handle(self, peer: Peer, commands: Iterable[AnyCommand | Malformed], now: float) -> None:
        iterator = iter(commands)
        while (command := requests.propose_posts(self, peer, iterator)) is not None:
            requests.handle(self, peer, command, now)
            if peer.gone:  # dismissed: nothing behind that counts
                return
            if peer.blocked:  # the rest must see what this one changed
                self._wait(peer, iterator)

    def _wait(self, peer: Peer, commands: Iterable[AnyCommand | Malformed]) -> None:
        """Keep commands for later, and no endless amount of them."""
        before = peer.waiting_bytes
        for command in commands:
            peer.waiting.append(command)
            peer.waiting_bytes += COMMAND_BYTES + len(encode_commands([command]))
        if before <= MAX_WAITING < peer.waiting_bytes:
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
            self.arriving.add(peer.key)
        for entry in entries[:-1]:
            self.propose(entry)
        self.propose(entries[-1], peer)
        peer.asked = command
        peer.blocked = True

    def postpone(self, peer: Peer, *commands: AnyCommand) -> None:
        """Look at these commands, and all behind them, in the next tick."""
        self._wait(peer, commands)
        peer.blocked = True
        self._unblocked.append(peer)

    def afford(self, peer: Peer, command: AnyCommand, cost: int) -> bool:
        """Whether a question may still be answered in this tick; if not it is asked again in the next."""
        if self._lookups < cost:
            self.postpone(peer, command)
            return False
        self._lookups -= cost
        return True

    def leave(self, here: Here, reason: str) -> None:
        """A person has no session left: release the nick with this tick, unless the same key is coming in again."""
        self._leaving[here] = reason

    def answer(self, peer: Peer, event: AnyEvent) -> None:
        """Send one event to one connection with this tick."""
        if peer.gone:
            return
        if peer not in self._stuck:
            self.out.answer(peer, event)
            return
        peer.answers.append(event)
        if len(peer.answers) > MAX_ANSWERS:
            self.cut.append(peer)

    def refuse(self, peer: Peer, number: int, code: Code, text: str) -> None:
        """Refuse one command; nothing else of its batch is touched."""
        self.answer(peer, Rejected(number, code, text))
        self.note("refused", who=self.name_of(peer), why=text, code=str(code))

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
        return account.last_nick if account else "someone"

    # --- the tick ----------------------------------------------------------------------------------------------------

    def tick(self, now: float, at: int) -> None:
        """Do what is due, commit what was proposed, apply it, and feed those who are behind."""
        self.at = at
        self._unstick(now)
        unblocked, self._unblocked = self._unblocked, []
        for peer in unblocked:
            peer.blocked = False
            self._go_on(peer, now)
        while self._due and self._due[0][0] <= now:
            effects.expire(self, heapq.heappop(self._due)[2], now)
        if self.closing and self.closing[0] <= now:
            self.down = Closed(self.closing[1].by, self.closing[1].reason)
            self.closing = None
        self._release()
        if not self.storing and not self._entries and self._probe_at <= now:
            self._probe(now)
        if self._entries:
            self._commit(now, at)
        self.spoken.clear()
        if self._behind:
            self.fed = feeding.feed(self, self._behind, now)

    def _unstick(self, now: float) -> None:
        """Try again those that took no frame a while ago."""
        for peer in [peer for peer, when in self._stuck.items() if when <= now]:
            del self._stuck[peer]
            self.out.again(peer)
            if not peer.blocked:
                self._go_on(peer, now)

    def _go_on(self, peer: Peer, now: float) -> None:
        """Take what waited; of one that is gone nothing, since the same may have come over its next connection."""
        if not peer.gone and peer not in self._stuck:
            waiting, peer.waiting, peer.waiting_bytes = peer.waiting, [], 0
            self._handle(peer, waiting, now)

    def deadline(self, now: float) -> float | None:
        """The monotonic time of the next tick that must happen even without input; None: none."""
        if self._unblocked or self._entries or self._leaving or self.out.pending:
            return now
        times = [self._due[0][0]] if self._due else []
        if self.closing:
            times.append(self.closing[0])
        if not self.storing:
            times.append(self._probe_at)
        times.extend(session.retry_at for session in self._behind)
        times.extend(self._stuck.values())
        return min(times, default=None)

    def frames(self) -> Iterator[tuple[Peer, bytes]]:
        """Yield what goes out; the caller empties `peer.answers` once sent, or calls `choked`. Then `end_tick`."""
        return self.out.frames()

    def end_tick(self) -> None:
        """Forget the tick's deliveries."""
        self.out.clear()
        self._lookups = LOOKUPS
        self.tick_head = self.log.head
        for session in self.fed:
            session.fed_from = -1
        self.fed = []

    def choked(self, peer: Peer, now: float) -> None:
        """The connection took no frame: keep its answers, and feed it from the log later."""
        session = peer.session
        if session is None:
            self.cut.append(peer)  # not greeted, and already stuck
            return
        self._stuck[peer] = session.retry_at = now + feeding.RETRY_SECONDS
        peer.answers += [e for e in self.out.events(session) if not isinstance(e, (Message, Announcement, Gap))]
        if session.fed_from >= 0:
            session.cursor = session.fed_from
        elif session.live:
            session.cursor = max(session.cursor, self.tick_head)
        self.follow(session)

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
                effects.left(self, here, reason)

    def _commit(self, now: float, at: int) -> None:
        entries, origins = self._entries, self._origins
        self._entries, self._origins = [], []
        self.arriving.clear()
        try:
            segment = self.log.append(at, entries)
        except LogError as error:
            self._can_store(now, False, str(error))
            applying.refuse(self, entries, origins, str(error), now)
            return
        self._can_store(now, True, "The log can be written again.")
        applying.apply(self, segment, origins, now)
        if self.log.head - self.snapshot_seq >= SNAPSHOT_ENTRIES:
            self.store_snapshot()

    def decided(self, peer: Peer, seq: int, took: bool, now: float) -> None:
        """Answer the command behind an applied entry, and go on with what waited behind it."""
        command, peer.asked = peer.asked, None
        if command is not None and not peer.gone:
            effects.conclude(self, peer, command, seq, took, now)
        elif isinstance(command, Hello):
            effects.abandoned(self, peer)
        self.unblock(peer)

    def unblock(self, peer: Peer) -> None:
        """Go on with what waited behind a command that is decided."""
        if peer.waiting:
            self._unblocked.append(peer)  # stays blocked until then, so that nothing overtakes
        else:
            peer.blocked = False

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

    def fold_index(self) -> None:
        """Bring the index a little nearer to the head; it is never awaited, and what it lacks is read in the log."""
        try:
            self.index.advance()
        except (LogError, sqlite3.Error) as error:
            self.note("log", text=f"The index cannot go on, and is left as it is until the next start: {error}")
            self.index.stop()

    def store_snapshot(self) -> None:
        """Store the state beside the log, so that the next start is short; on an error the last one serves."""
        try:
            self.log.store_snapshot(self.state.snapshot())
            self.snapshot_seq = self.state.seq
        except LogError as error:
            self.note("log", text=str(error))

    # --- connections --------------------------------------------------------------------------------------------------

    def open(self, route: bytes, key: bytes, now: float) -> Peer:
        """A new connection, which proved `key`."""
        peer = Peer(route, key, greet_by=now + HELLO_SECONDS, heard=now)
        self.schedule(peer, now + HELLO_SECONDS)
        return peer

    def close(self, peer: Peer, now: float) -> None:
        """The connection is gone; its session keeps its place for a lease."""
        if peer.gone:
            return
        peer.gone = True
        peer.answers.clear()
        peer.waiting.clear()
        self._stuck.pop(peer, None)
        if peer.session is not None:
            effects.detach(self, peer.session, now)

    def dismiss(self, peer: Peer, code: Code, text: str, now: float) -> None:
        """Tell a connection that it is over; it is cut if it stays all the same."""
        self.answer(peer, Dismissed(code, text))
        peer.gone = True
        self.schedule(peer, now + effects.FAREWELL_SECONDS)

    def shut(self, by: str, reason: str, seconds: float, now: float) -> None:
        """Go down after `seconds`, and tell everyone."""
        closing = Closing(by, seconds, reason)
        self.closing = (now + seconds, closing)
        self.tell(self.audience.everyone(), closing)
        self.note("closing", by=by, seconds=seconds, reason=reason)
