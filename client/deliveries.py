"""What is delivered, once and in bounded memory: the cursor, and holding the broker back while nobody reads.

No I/O and no clock: methods return the commands that must follow. Times are monotonic seconds.

Holding back: when the inbox is full, Feed(None) asks the broker to stop. Deliveries that are still on their way are
taken too as far as there is any room, and dropped from then on; the Pong behind them shows that no more will come.
Once the user has read enough, Feed(cursor) goes on behind the last one taken. Without waiting for the Pong a straggler
could move the cursor past those that were dropped.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from math import inf
from typing import Literal

from messages import Announcement, Feed, Gap, Mark, Message, Ping, Pong, fold

from .inbox import Inbox
from .model import CaughtUp
from .model import Message as ShownMessage
from .outbox import Kept
from .read import read_message

MARK_SECONDS = 0.2  # between two marks: at once for a message now and then, and next to nothing in a flood


class Deliveries:
    """The position in the broker's log, and the inbox that is filled from there."""

    def __init__(
        self, inbox: Inbox, *, wanted: bool, kept: Kept | None = None, tells_read: Callable[[], bool] = lambda: True
    ) -> None:
        self.inbox = inbox
        self._tells_read = tells_read
        self.wanted = wanted  # False: a client that only sends
        self.left = False  # a guest who said goodbye, and is not waiting for anything
        self._start = cursor = kept.cursor if kept else None
        self.timeline = kept.timeline if kept else b""  # of the broker's log, in which the cursor is a place
        self.cursor = cursor  # all up to here is in the inbox or was never for us; None: never connected
        self.began: int | None = None  # the cursor has come here from there without a gap
        self.read = 0  # all up to here was shown to the person; 0: nobody says so
        self.unmarked = False  # took what its sender may want to know of, and the broker was not told
        self._marked = 0.0  # when it was told last, monotonic
        inbox.finished = cursor or 0
        self._head = 0  # what came up to here was said while we were away
        self._missed: int | None = None  # of that, so many came by now; None: all has come
        self._hold: Literal["", "asked", "held"] = ""
        self._tokens = itertools.count(1)
        self._hold_token = 0  # of the Ping behind Feed(None)
        self._dropping = False  # until the next Feed: one was dropped, so nothing behind it may be taken
        self._trusted = 0  # Pongs from this token on speak of the present feed

    @property
    def feed(self) -> bool:
        """Whether a new connection is to deliver at once."""
        return self.wanted and not self._hold

    @property
    def due(self) -> bool:
        """Whether there is room again for what the broker holds back."""
        return self._hold == "held" and self.inbox.half_empty

    @property
    def mark_at(self) -> float:
        """When to say how far we have come; inf: nobody may want to know."""
        return self._marked + MARK_SECONDS if self.unmarked else inf

    def mark_soon(self, now: float) -> list[Mark]:
        """Say how far we have come, if it is time."""
        if now < self.mark_at:
            return []
        self._marked = now
        return self.mark()

    def mark(self) -> list[Mark]:
        """Tell the broker how far we have come; what was read only if the person still wants that told."""
        self.unmarked = False
        if not self.wanted or not self.cursor:
            return []
        if self.read and not self._tells_read():
            self.read = 0
        return [Mark(self.cursor, self.read)]

    @property
    def finished(self) -> int | None:
        """Where the next process goes on reading: all before it was read or never for us; None: at the head."""
        if self.left:
            return None
        if not self.wanted:
            return self._start
        return self.cursor if self.cursor is None or self.inbox.idle else self.inbox.finished

    @property
    def reader(self) -> tuple[int | None, bytes]:
        """`finished`, and the timeline in which that is a place."""
        return self.finished, self.timeline

    def shown(self, message: ShownMessage, nick: str) -> None:
        """The person was shown everything up to this message; whether that is told is asked again when it is."""
        if not self.inbox.still(message.seq):
            return
        self.inbox.finish(message.seq)
        if not self._tells_read():
            self.read = 0
        elif message.seq > self.read:
            self.read = message.seq
            self.unmarked |= message.kind == "announcement" or fold(message.target) == f"@{fold(nick)}"

    def ping(self) -> list[Mark | Ping]:
        """Ask for a sign of life; its Pong moves the cursor past what was never for us."""
        return [*self.mark(), Ping(next(self._tokens))]

    def welcomed(self, after: int, head: int, timeline: bytes) -> bool:
        """Start behind `after`, where the log reached `head`; whether it goes another way there than it did before."""
        forked = self.timeline not in (b"", timeline)
        self.timeline = timeline
        if forked:
            self.inbox.fork(after)
            self.began = None
            self.read = min(self.read, after)
        self._head = head
        gap = self.wanted and self.cursor is not None and after > self.cursor
        if gap or self.began is None or after < self.began:
            self.began = after
        self.cursor = after  # lower than ours when the broker lost its log and begins anew
        self.inbox.reach(after)
        self._missed = 0 if self.wanted and after < head else None
        if self._hold:
            self._hold = "held"  # Hello said so, and nothing was delivered here before
        return forked

    def take(self, event: Message | Announcement, nick: str) -> list[Feed | Mark | Ping]:
        """Put a delivery into the inbox unless it was there before."""
        if self._dropping or not self.wanted or self.cursor is None or event.seq <= self.cursor:
            return []
        if self._hold and self.inbox.overfull:
            self._dropping = True
            return []
        missed = event.seq <= self._head
        if not missed:
            self._caught_up()
        elif self._missed is not None:
            self._missed += 1
        self.cursor = event.seq
        self.unmarked = self.unmarked or isinstance(event, Announcement) or fold(event.to) == f"@{fold(nick)}"
        self.inbox.put_message(read_message(event, nick, missed=missed))
        if self._hold or not self.inbox.full:
            return []
        self._hold = "asked"
        self._hold_token = next(self._tokens)
        return [Feed(None), *self.mark(), Ping(self._hold_token)]

    def gap(self, event: Gap) -> None:
        """Go on behind what is no longer kept, and tell the user so."""
        if self._dropping or not self.wanted or self.cursor is None or event.until <= self.cursor:
            return
        self.inbox.put_event(event)  # first: the reader is not done with what comes now
        self.cursor = self.began = event.until
        self.inbox.reach(event.until)

    def pong(self, event: Pong) -> None:
        """All deliveries up to `event.head` came before this."""
        if self._hold == "asked" and event.token >= self._hold_token:
            self._hold = "held"
        elif self.feed and (event.token == 0 or event.token >= self._trusted) and self.cursor is not None:
            self.cursor = max(self.cursor, event.head)
            self.inbox.reach(self.cursor)
            if self.cursor >= self._head:
                self._caught_up()

    def _caught_up(self) -> None:
        """Say so, once, behind the last message that was missed."""
        if self._missed is not None:
            self.inbox.put_event(CaughtUp(self._missed))
            self._missed = None

    def go_on(self) -> list[Feed]:
        """Let the broker deliver again when it is `due`."""
        if not self.due:
            return []
        self._hold, self._dropping = "", False
        self._trusted = next(self._tokens)
        return [Feed(self.cursor)]
