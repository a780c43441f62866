"""The commands that have no answer yet, in the order in which they were given. Pure data; knows no connection.

A command waits until there is room in the window, then gets its number and flies until it is answered. Its number
stays with it over every reconnect, which is how the broker knows a retry.

A keeping outbox also notes what must be written down before anything more is sent, so that another process can go on
where this one dies. Only texts are kept: the broker knows their retries for ever. What changes a name, a room or a
right was meant for its moment, and is not carried out in a later one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from math import inf
from typing import NamedTuple

from messages import RETRY_WINDOW, Announce, Command, Down, Event, Invite, Kick, Post, Stay, Track

from .errors import ClientError, OutboxFull, Rejected, Unreachable
from .language import _
from .receipt import Desk, Numbered, Receipt

LIMIT = 100_000  # units of unanswered commands, one for each and one for each KiB of its text: 100 MB at the most
WINDOW = RETRY_WINDOW // 2  # commands in flight: all of them stay within what the broker looks up
AGAIN_SECONDS = 5.0  # until a text is sent again of which the broker could not read whether it has it
TRIES = 12  # of that on one connection
UNREPEATABLE = (Down, Stay, Invite, Kick, Track)
"""The broker cannot know a retry: one would end the next broker, countdown or session, or make a second token. What a
Track asked for was for the connection that broke; it is asked anew."""


class Row(NamedTuple):
    """One unanswered text as it is kept."""

    place: int  # in the order in which they were given
    number: int  # 0: it has none yet
    command: Post | Announce | None  # None: it is answered, and no longer kept


class Kept(NamedTuple):
    """What is kept, or what has changed of it."""

    rows: list[Row]
    cursor: int | None  # the reader has finished with what came up to here; None: there is no such place
    timeline: bytes = b""  # of the broker's log, of which the cursor is a place


class Outbox:
    """Unanswered commands: `waiting` have no number yet, `flying` were numbered for the broker."""

    def __init__(self, kept: Kept | None = None) -> None:
        self.waiting: deque[Receipt] = deque()
        self.flying: dict[int, Receipt] = {}  # in the order of their numbers
        self._next = 1
        self._units = 0
        self.keeping = kept is not None  # False: nothing is written down
        self._reader = (kept.cursor, kept.timeline) if kept else (None, b"")  # where it stands, as was written last
        self._place = 0  # of the text that was kept last
        self._tries: dict[int, int] = {}  # texts the broker knows nothing of: how often it said so on this connection
        self._again: list[int] = []  # and which of them are to be sent again
        self.again_at = inf  # and when
        self._refused: set[int] = set()  # numbers that came too fast: until then nothing is launched, and then these go
        self._changed: dict[Receipt, int | None] = {}  # kept texts → their number, 0 without one, None when answered

    def __len__(self) -> int:
        return len(self.waiting) + len(self.flying)

    def add(self, receipt: Receipt, *, anyway: bool = False) -> None:
        """Queue a command; raises OutboxFull, unless it must be queued anyway."""
        if self._units >= LIMIT and not anyway:
            count = len(self)
            raise OutboxFull(
                _("{count:,} commands wait for the broker's answer already; wait for some receipts first.").format(
                    count=count
                )
            )
        self._units += receipt.units
        self.waiting.append(receipt)
        if self.keeping and isinstance(receipt.command, Post | Announce):
            self._place += 1
            receipt.place = self._place
            self._changed[receipt] = 0

    def count(self, *kinds: type[Command]) -> int:
        """How many commands of some kinds are unanswered."""
        return sum(isinstance(receipt.command, kinds) for receipt in (*self.flying.values(), *self.waiting))

    def restore(self, rows: Sequence[Row], desk: Desk) -> list[Receipt]:
        """Take over what an earlier process left: numbered texts fly, as after a break, the others wait."""
        receipts: list[Receipt] = []
        for row in rows:
            if row.command is None:
                continue
            receipt = Receipt(row.command, desk, len(row.command.body))
            self._place = receipt.place = row.place
            self._units += receipt.units
            if row.number:
                row.command.number = row.number
                self.flying[row.number] = receipt
                self._next = row.number + 1
            else:
                self.waiting.append(receipt)
            receipts.append(receipt)
        return receipts

    def unsaved(self, reader: tuple[int | None, bytes]) -> bool:
        """Whether something must be written down, with the reader at this cursor in this timeline."""
        return bool(self._changed) or reader != self._reader

    def take_unsaved(self, reader: tuple[int | None, bytes]) -> Kept | None:
        """What must be written down before anything more is sent."""
        if not self.unsaved(reader):
            return None
        rows = [
            Row(receipt.place, number or 0, None if number is None else receipt.command)  # type: ignore[arg-type]
            for receipt, number in self._changed.items()
        ]
        self._changed.clear()
        self._reader = reader
        return Kept(rows, *reader)

    def stop_keeping(self) -> None:
        """Nothing is written down any more."""
        self.keeping = False
        self._changed.clear()
        for receipt in (*self.flying.values(), *self.waiting):
            receipt.place = 0

    def launch(self, now: float) -> list[Numbered]:
        """Number as many waiting commands as the window has room for, and return them and what is sent again by now."""
        waiting, flying, number = self.waiting, self.flying, self._next
        if self._refused and now < self.again_at:
            return []
        launched = self._sent_again() if now >= self.again_at else []
        for _each in range(min(WINDOW - len(flying), len(waiting))):
            receipt = waiting.popleft()
            receipt.command.number = number
            flying[number] = receipt
            launched.append(receipt.command)
            if receipt.place:
                self._changed[receipt] = number
            number += 1
        self._next = number
        return launched

    def resume(self, last_number: int, rejoin: Sequence[Receipt]) -> list[Numbered]:
        """Go on after a reconnect: return the commands that must be sent again, in order.

        `rejoin` must reach the broker before anything that was not accepted yet. So what the broker surely has not
        accepted (a number above `last_number`) goes back behind `rejoin` and is numbered anew. That is done only here,
        where the old session is known to be over: while it lives, a copy may still be on its way under the old number.
        """
        if rejoin:
            self._units += len(rejoin)
            numbers = [number for number in self.flying if number > last_number]
            again = [self.flying.pop(number) for number in numbers]
            self._changed |= {receipt: 0 for receipt in again if receipt.place}
            self.waiting.extendleft(reversed([*rejoin, *again]))
        self._next = max(self._next, last_number + 1)
        self._tries, self._again, self.again_at, self._refused = {}, [], inf, set()
        return [receipt.command for receipt in self.flying.values()]

    def unknown(self, number: int, why: str, now: float) -> bool:
        """The broker cannot read whether it has a text: that flies on, and is sent again unless it was too often.

        False when it is no text.
        """
        receipt = self.flying.get(number)
        if receipt is None or not isinstance(receipt.command, Post | Announce):
            return False
        self._tries[number] = self._tries.get(number, 0) + 1
        if self._tries[number] < TRIES:
            self._again.append(number)
            self.again_at = min(self.again_at, now + AGAIN_SECONDS)
        else:
            self.answered(number, Unreachable(_("{why} So it is not known whether this was accepted.").format(why=why)))
        return True

    @property
    def paused(self) -> bool:
        """Whether the broker takes nothing for a while, because we were too fast."""
        return bool(self._refused)

    def pause(self, number: int, until: float) -> bool:
        """The broker did not take this one, and takes nothing before then; returns whether that is news."""
        news = not self._refused
        self.again_at = until if news else max(until, self.again_at)
        self._refused.add(number)
        return news

    def _sent_again(self) -> list[Numbered]:
        """What the broker wants again, in order.

        It takes nothing behind the first that was too fast before that one comes again, so all behind it goes too, but
        for what must not happen twice and may not have been refused.
        """
        first = min(self._refused, default=inf)
        behind = [
            number
            for number, receipt in self.flying.items()
            if number >= first and (number in self._refused or not isinstance(receipt.command, UNREPEATABLE))
        ]
        numbers = sorted({*self._again, *behind})
        self._again, self.again_at, self._refused = [], inf, set()
        return [self.flying[number].command for number in numbers if number in self.flying]

    def accepted(self, number: int, seq: int, count: int) -> None:
        """Answer `count` commands from `number` on with the sequences from `seq` on."""
        flying = self.flying
        for offset in range(min(count, WINDOW)):  # a bound, since the count comes from elsewhere
            receipt = flying.pop(number + offset, None)
            if receipt is not None:
                receipt.answer = seq + offset
                self._units -= receipt.units
                if receipt.place:
                    self._changed[receipt] = None

    def answered(self, number: int, answer: int | Event | ClientError) -> None:
        """Answer one command; an answer to nothing we know is an echo of a retry and means nothing.

        A text of which nothing is known stays kept, for the next process.
        """
        receipt = self.flying.pop(number, None)
        if receipt is not None:
            receipt.answer = answer
            self._units -= receipt.units
            if receipt.place and not isinstance(answer, Unreachable):
                self._changed[receipt] = None

    def give_up_unrepeatable(self) -> None:
        """After a break, forget what is in flight and must not happen twice: it may have worked the first time."""
        for number, receipt in list(self.flying.items()):
            if isinstance(receipt.command, UNREPEATABLE):
                text = _("The connection broke before the broker answered; it may have been done or not.")
                self.answered(number, Unreachable(text))

    def fail(self, error: ClientError) -> None:
        """Answer everything with `error`. What the broker has not refused stays kept, for the next process."""
        for receipt in (*self.flying.values(), *self.waiting):
            receipt.answer = error
            if receipt.place and isinstance(error, Rejected):
                self._changed[receipt] = None
        self.flying.clear()
        self.waiting.clear()
        self._units = 0
