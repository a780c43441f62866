"""When the index goes on: between ticks, and after trouble not at once. What it does then is its own."""

from __future__ import annotations

from collections.abc import Callable

from .index import Index, IndexTrouble
from .log import LogError

AGAIN_SECONDS = 60.0  # after trouble with the index it is tried again: the disk may have room then


class Folding:
    """The index of one core, brought nearer to the head a little at a time; it is never awaited."""

    def __init__(self, index: Index, note: Callable[[str], None]) -> None:
        """`note` is told of trouble, a sentence."""
        self.index = index
        self._note = note
        self._again_at = 0.0  # monotonic

    def due(self, now: float) -> bool:
        """Whether the index has something to do, and was not in trouble a moment ago."""
        return self.index.behind and now >= self._again_at

    def step(self, now: float) -> None:
        """Bring it a little nearer; what it lacks is read in the log meanwhile."""
        if self.index.damage:
            self._note(self.index.damage)
            self.index.damage = ""
        try:
            self.index.advance()
        except (LogError, IndexTrouble) as error:
            self._again_at = now + AGAIN_SECONDS
            self._note(str(error))
