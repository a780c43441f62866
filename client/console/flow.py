"""What a message need not tell again because of the one before it: its day, and who says it where and when.

Live messages and pages of history flow alike. Knows what was shown last, and nothing of where it is shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta

from messages import fold

from ..model import Message
from .shown import Day, Said, calls, conversation

RUN = timedelta(minutes=5)  # of one author; then the time is told again


class Flow:
    """Messages, one below the other; `day` is what a reader takes the day of the first to be."""

    def __init__(self, day: date) -> None:
        self._day = day
        self._head: Message | None = None  # the message whose time, place and sender the next may go under

    def interrupt(self) -> None:
        """Something else was shown: the next message tells all again."""
        self._head = None

    def next(self, item: Message, me: str, *, numbered: bool = False) -> Iterator[Said | Day]:
        """The message, below its day when that is another than before."""
        day = item.at.date()
        if day != self._day:
            self._day, self._head = day, None
            yield Day(day)
        continued = self._head is not None and _goes_under(item, self._head, me)
        if not continued:
            self._head = None if item.kind == "announcement" else item
        yield Said(item, me, day, numbered, continued)


def page(items: Iterable[Message], me: str, today: date) -> Iterator[Said | Day]:
    """A stretch of history, or what was found; when all is of today nothing is said of days."""
    flow = Flow(today)
    for item in items:
        yield from flow.next(item, me, numbered=True)


def _goes_under(item: Message, head: Message, me: str) -> bool:
    """Whether a message is the same person's, there, and soon after; who calls me by name is always named."""
    return (
        item.kind == "text"
        and fold(item.sender) == fold(head.sender)
        and conversation(item, me) == conversation(head, me)
        and timedelta() <= item.at - head.at < RUN
        and not calls(item, me)
    )
