"""Where lines appear: has a face draw what is to be shown, and writes it in portions. Knows nothing of chats.

Everything shown lands in one queue and is drawn by one task, which takes all that is waiting at once: a burst costs one
redraw of the input line, not one a message, and typing stays alive in between. While the screen is held, all waits.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

HELD_SECONDS = 0.1  # between two looks whether it still is; only while something waits
PORTION = 100  # things drawn before the keyboard gets its turn: some 30 ms


@dataclass(frozen=True, slots=True)
class _Mark:
    """Stands in the queue between things: when it is reached, all before it is on the screen."""

    reached: Callable[[], None]


class Screen(Generic[T]):
    """A queue of what is to be shown and the task that draws it."""

    def __init__(
        self,
        face: Callable[[list[T]], str | None],
        write: Callable[[str], Awaitable[None]],
        held: Callable[[], bool] = lambda: False,
    ) -> None:
        self._face = face
        self._write = write
        self._held = held
        self._pending: deque[T | _Mark] = deque()
        self._wake = asyncio.Event()

    def show(self, *things: T) -> None:
        """Show these soon, in order; to be called on the loop's thread."""
        self._put(*things)

    def when_drawn(self, reached: Callable[[], None]) -> None:
        """Call this once all that was shown before is on the screen."""
        self._put(_Mark(reached))

    def _put(self, *things: T | _Mark) -> None:
        self._pending.extend(things)
        self.wake()

    def wake(self) -> None:
        """Look again whether there is something to draw."""
        self._wake.set()

    async def drained(self) -> None:
        """Wait until all that was shown is on the screen."""
        done = asyncio.Event()
        self.when_drawn(done.set)
        await done.wait()

    async def draw_forever(self) -> None:
        """Draw what is shown; runs until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._pending:
                if self._held():
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._wake.wait(), HELD_SECONDS)
                    self._wake.clear()
                    continue
                portion = [self._pending.popleft() for _ in range(min(PORTION, len(self._pending)))]
                text = self._face([thing for thing in portion if not isinstance(thing, _Mark)])
                if text is not None:
                    await self._write(text)
                for mark in portion:
                    if isinstance(mark, _Mark):
                        mark.reached()
