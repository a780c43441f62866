"""Where lines appear: renders what is to be shown and writes it in portions. Knows nothing of chats.

Everything shown lands in one queue and is drawn by one task, which takes all that is waiting at once: a burst costs one
redraw of the input line, not one a message, and typing stays alive in between.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from rich.console import Console, RenderableType

PORTION = 100  # renderables drawn before the keyboard gets its turn: some 30 ms


@dataclass(frozen=True, slots=True)
class _Mark:
    """Stands in the queue between renderables: when it is reached, all before it is on the screen."""

    reached: Callable[[], None]


class Screen:
    """A queue of renderables and the task that draws it."""

    def __init__(
        self, console: Console, write: Callable[[str], Awaitable[None]], width: Callable[[], int] | None = None
    ) -> None:
        self._console = console
        self._write = write
        self._width = width
        self._pending: deque[RenderableType | _Mark] = deque()
        self._wake = asyncio.Event()

    def show(self, *things: RenderableType) -> None:
        """Show these soon, in order; to be called on the loop's thread."""
        self._put(*things)

    def when_drawn(self, reached: Callable[[], None]) -> None:
        """Call this once all that was shown before is on the screen."""
        self._put(_Mark(reached))

    def _put(self, *things: RenderableType | _Mark) -> None:
        self._pending.extend(things)
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
                portion = [self._pending.popleft() for _ in range(min(PORTION, len(self._pending)))]
                if things := [thing for thing in portion if not isinstance(thing, _Mark)]:
                    await self._write(self._rendered(things))
                for mark in portion:
                    if isinstance(mark, _Mark):
                        mark.reached()

    def _rendered(self, things: list[RenderableType]) -> str:
        if self._width:
            self._console.width = max(self._width(), 20)
        with self._console.capture() as captured:
            for thing in things:
                self._console.print(thing)
        return captured.get()
