"""The commands that have no answer yet, in the order in which they were given. Pure data; knows no connection.

A command waits until there is room in the window, then gets its number and flies until it is answered. Its number
stays with it over every reconnect, which is how the broker knows a retry.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from messages import RETRY_WINDOW, Down, Event, Kick

from .errors import ClientError, OutboxFull, Unreachable
from .receipt import Numbered, Receipt

LIMIT = 100_000  # units of unanswered commands, one for each and one for each KiB of its text: 100 MB at the most
WINDOW = RETRY_WINDOW // 2  # commands in flight: all of them stay within what the broker looks up
UNREPEATABLE = (
    Down,
    Kick,
)  # not in the log, so the broker cannot know a retry: it would end the next broker, or session


class Outbox:
    """Unanswered commands: `waiting` have no number yet, `flying` were numbered for the broker."""

    def __init__(self) -> None:
        self.waiting: deque[Receipt] = deque()
        self.flying: dict[int, Receipt] = {}  # in the order of their numbers
        self._next = 1
        self._units = 0

    def __len__(self) -> int:
        return len(self.waiting) + len(self.flying)

    def add(self, receipt: Receipt) -> None:
        """Queue a command; raises OutboxFull."""
        if self._units >= LIMIT:
            count = len(self)
            raise OutboxFull(f"{count:,} commands wait for the broker's answer already; wait for some receipts first.")
        self._units += receipt.units
        self.waiting.append(receipt)

    def launch(self) -> list[Numbered]:
        """Number as many waiting commands as the window has room for, and return them to be sent."""
        waiting, flying, number = self.waiting, self.flying, self._next
        launched: list[Numbered] = []
        for _ in range(min(WINDOW - len(flying), len(waiting))):
            receipt = waiting.popleft()
            receipt.command.number = number
            flying[number] = receipt
            launched.append(receipt.command)
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
            self.waiting.extendleft(reversed([*rejoin, *(self.flying.pop(number) for number in numbers)]))
        self._next = max(self._next, last_number + 1)
        return [receipt.command for receipt in self.flying.values()]

    def accepted(self, number: int, seq: int, count: int) -> None:
        """Answer `count` commands from `number` on with the sequences from `seq` on."""
        flying = self.flying
        for offset in range(min(count, WINDOW)):  # a bound, since the count comes from elsewhere
            receipt = flying.pop(number + offset, None)
            if receipt is not None:
                receipt.answer = seq + offset
                self._units -= receipt.units

    def answered(self, number: int, answer: int | Event | ClientError) -> None:
        """Answer one command; an answer to nothing we know is an echo of a retry and means nothing."""
        receipt = self.flying.pop(number, None)
        if receipt is not None:
            receipt.answer = answer
            self._units -= receipt.units

    def give_up_unrepeatable(self) -> None:
        """After a break, forget what is in flight and must not happen twice: it may have worked the first time."""
        for number, receipt in list(self.flying.items()):
            if isinstance(receipt.command, UNREPEATABLE):
                text = "The connection broke before the broker answered; it may have been done or not."
                self.answered(number, Unreachable(text))

    def fail(self, error: ClientError) -> None:
        """Answer everything with `error`."""
        for receipt in (*self.flying.values(), *self.waiting):
            receipt.answer = error
        self.flying.clear()
        self.waiting.clear()
        self._units = 0
