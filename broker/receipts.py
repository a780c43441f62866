"""Who was delivered, and who has read, the messages that their senders track. Knows no log and sends nothing itself.

What a session took, and what it showed, is one span of the log each (`Reach`), which its client's marks move on. A
tracked message that a span comes to cover is this tick's news. A message that nobody tracks costs nothing here.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from messages import TRACKED, Progress, Recipient

from .entries import EVERYONE_ID, Reach, Span
from .sessions import Here, Peer, Session
from .state import Account, State


@dataclass(eq=False, slots=True)
class Watch:
    """A message that is tracked."""

    seq: int
    sender: int  # account id
    to: int  # account id, room id, or EVERYONE_ID
    sessions: dict[Session, None] = field(default_factory=dict)  # of the sender, connected: who track it
    delivered: list[Recipient] = field(default_factory=list)  # this tick's news
    read: list[Recipient] = field(default_factory=list)


class Receipts:
    """What is tracked, and what there is to tell about it."""

    def __init__(self, state: State, here: dict[int, Here]) -> None:
        self._state = state
        self._here = here
        self._watches: dict[int, Watch] = {}  # by sequence
        self._to: dict[int, list[int]] = {}  # by whom they were said to: sequences, rising
        self._of: dict[Session, dict[int, Watch]] = {}  # by who tracks them: those asked for first in front
        self._news: dict[Watch, None] = {}

    # --- what is tracked ----------------------------------------------------------------------------------------------

    def find(self, seq: int) -> Watch | None:
        """The watch on a message that is tracked already."""
        return self._watches.get(seq)

    def concerned(self, watch: Watch) -> Collection[Account]:
        """The accounts that may be named for a message, and some that may not."""
        accounts = self._state.accounts
        if watch.to in accounts:
            return (accounts[watch.to],)
        if watch.to == EVERYONE_ID:
            return self._state.by_nick.values()
        return [accounts[member] for member in self._state.members[watch.to]]

    def track(self, session: Session, watch: Watch) -> Progress:
        """Tell a session about a message from now on; returns what is known already."""
        known = Progress(watch.seq, [], [])
        for account in self.concerned(watch):
            if self._counts(account, watch):
                reaches = self._reaches(account)
                if any(reach.delivered.covers(watch.seq) for reach in reaches):
                    known.delivered.append(self._named(account))
                if account.sharing and any(reach.read.covers(watch.seq) for reach in reaches):
                    known.read.append(self._named(account))
        if not self._settled(watch, known):
            self._open(session, watch)
        return known

    def _open(self, session: Session, watch: Watch) -> None:
        watch = self._watches.setdefault(watch.seq, watch)
        if not watch.sessions:
            insort(self._to.setdefault(watch.to, []), watch.seq)
        watch.sessions[session] = None
        mine = self._of.setdefault(session, {})
        mine.pop(watch.seq, None)
        mine[watch.seq] = watch
        if len(mine) > TRACKED:
            self._forget(session, next(iter(mine.values())))

    def drop(self, session: Session) -> None:
        """A session's connection is over; its client asks anew over the next one."""
        for watch in list(self._of.get(session, {}).values()):
            self._forget(session, watch)

    def _forget(self, session: Session, watch: Watch) -> None:
        mine = self._of[session]
        del mine[watch.seq], watch.sessions[session]
        if not mine:
            del self._of[session]
        if watch.sessions:
            return
        del self._watches[watch.seq]
        self._news.pop(watch, None)
        seqs = self._to[watch.to]
        del seqs[bisect_left(seqs, watch.seq)]
        if not seqs:
            del self._to[watch.to]

    # --- what comes to be known ---------------------------------------------------------------------------------------

    def greeted(self, session: Session) -> None:
        """A session began: what its client took over earlier connections counts."""
        self._covers(session, session.reach)

    def mark(self, session: Session, taken: int, read: int) -> None:
        """A client took everything up to `taken`, and showed everything up to `read`, which is its person's to tell."""
        if not session.here.account.sharing:
            taken, read = max(taken, read), 0
        before = session.reach
        session.shown = max(session.shown, read)
        session.taken = max(session.taken, taken, read)
        now = session.reach
        if now != before:
            self._covers(session, Reach(now.delivered.beyond(before.delivered), now.read.beyond(before.read)))

    def skip(self, session: Session, after: int) -> None:
        """A session gets no more of what there is up to `after`: that leaves a gap behind what its client took."""
        here = session.here
        here.reach = here.reach.joined(session.reach)
        session.began = after

    def _covers(self, session: Session, grown: Reach) -> None:
        """A session's reach grew by `grown`."""
        account = session.here.account
        to = self._to.keys()
        for target in [*(to & {account.id, EVERYONE_ID}), *(to & account.rooms.keys())]:
            known = self._reaches(account, but=session)
            for watch in self._within(grown.delivered, target, account):
                if not any(reach.delivered.covers(watch.seq) for reach in known):
                    watch.delivered.append(self._named(account))
                    self._news[watch] = None
            for watch in self._within(grown.read, target, account):
                if not any(reach.read.covers(watch.seq) for reach in known):
                    watch.read.append(self._named(account))
                    self._news[watch] = None

    def _within(self, span: Span, target: int, account: Account) -> Iterator[Watch]:
        """What is tracked in a span, was said to a target, and counts for an account."""
        seqs = self._to[target]
        for seq in seqs[bisect_right(seqs, span.after) : bisect_right(seqs, span.upto)]:
            if self._counts(account, self._watches[seq]):
                yield self._watches[seq]

    def news(self) -> Iterator[tuple[Peer, Progress]]:
        """Take what came to be known in this tick: one event for a message, however many it names."""
        news, self._news = self._news, {}
        for watch in news:
            event = Progress(watch.seq, watch.delivered, watch.read)
            watch.delivered, watch.read = [], []
            for session in list(watch.sessions):
                if session.peer is not None:
                    yield session.peer, event
                if self._settled(watch, event):
                    self._forget(session, watch)

    # --- whom it concerns ---------------------------------------------------------------------------------------------

    def _settled(self, watch: Watch, known: Progress) -> bool:
        """Whether nothing more can come to be known: it was for one person, who has read it."""
        return bool(known.read) and watch.to in self._state.accounts

    def _counts(self, account: Account, watch: Watch) -> bool:
        """Whether an account, once it was delivered a message, is named for it."""
        if watch.to == account.id:
            return True
        here = self._here.get(account.id)
        listed = here.announced if here is not None else not account.quiet  # scripts are left out
        if account.id == watch.sender or not listed:
            return False
        return watch.to == EVERYONE_ID or watch.seq > account.rooms.get(watch.to, watch.seq)

    def _reaches(self, account: Account, but: Session | None = None) -> list[Reach]:
        """How far an account has come, by all its sessions (but one)."""
        here = self._here.get(account.id)
        if here is None:
            return [account.reach]
        return [here.reach, *(session.reach for session in here.sessions.values() if session is not but)]

    def _named(self, account: Account) -> Recipient:
        return Recipient(account.id, account.nick or account.last_nick)
