"""Puts what this console said where it stands in the log: among what is delivered. Pure data.

An answer and a delivery come to the console on ways of their own, so either may be first. Whatever was delivered by the
time a line was accepted is shown before it is known that nothing of it stands in front of that line.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable
from math import inf
from operator import attrgetter

from ..model import Message

_SEQ = attrgetter("seq")


class Mine:
    """Accepted lines that wait for their place; `show` shows one, `delivered` tells how many messages ever came."""

    def __init__(self, delivered: Callable[[], int], show: Callable[[Message], None]) -> None:
        self._delivered = delivered
        self._show = show
        self._waiting: list[Message] = []  # by sequence
        self._shown = 0  # messages of those that came

    def accepted(self, message: Message) -> None:
        """One of ours has a place now."""
        insort(self._waiting, message, key=_SEQ)
        self._settle()

    def shown(self) -> None:
        """One that was delivered is shown."""
        self._shown += 1
        self._settle()

    def show(self, before: float = inf) -> None:
        """Show those in front of this sequence, or all."""
        while self._waiting and self._waiting[0].seq < before:
            self._show(self._waiting.pop(0))

    def _settle(self) -> None:
        if self._waiting and self._shown >= self._delivered():
            self.show()
