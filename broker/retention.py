"""What is no longer kept: the oldest segments go, by age and by size, a little at a time between ticks.

Decides how far the log may be cut and when to look again; the log does the cutting. The durable facts (accounts, rooms,
roles, numbers of devices) are in the snapshot that the cut never passes. Knows nothing of who still wants to read.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from .log import Log, LogError

if TYPE_CHECKING:
    from .core import Core

PORTION_BYTES = 512 * 1024  # of segments removed at a time: some 2 ms, which a message may have to wait
PORTION_SEGMENTS = 1_000  # and no more of them
PORTION_PAGES = 100  # of the file given back at a time
FREE_BYTES = 64 * 1024 * 1024  # unused space that the file keeps, for what is said next
PAUSE_SECONDS = 0.01  # between two portions
LOOK_SECONDS = 1.0  # between two looks at the size
LOOK_SECONDS_AGE = 60.0  # and where the age alone counts
DAY_MS = 24 * 60 * 60 * 1000


class Retention:
    """The rule of one run: entries older than `days`, or beyond `size` bytes, are not kept; None: no such bound."""

    def __init__(self, *, days: float | None = None, size: int | None = None) -> None:
        self._days = days
        self._size = size
        self.due = inf if days is None and size is None else 0.0  # when `step` is to be called again, monotonic

    def step(self, core: Core, now: float, at: int) -> None:
        """Remove a portion of what is to go, at `at` ms since the epoch."""
        log = core.log
        try:
            if log.free > FREE_BYTES:  # at once: among more of it, SQLite would search long for what to move where
                log.give_back(PORTION_PAGES)
            elif last := self._portion(log, at):
                if last > log.base:
                    core.store_snapshot()
                    log.rebase()
                log.cut_off(last)
                core.state.removed = {seq for seq in core.state.removed if seq > last}  # nobody can ask for those again
            else:
                self.due = now + (LOOK_SECONDS_AGE if self._size is None else LOOK_SECONDS)
                return
        except LogError as error:
            core.note("log", text=str(error))
            self.due = now + LOOK_SECONDS_AGE
            return
        self.due = now + PAUSE_SECONDS

    def _portion(self, log: Log, at: int) -> int:
        """The last sequence of the segments that go next; 0 when none has to.

        One that a wrong clock dated ahead of now says nothing of its age: it goes with what follows it.
        """
        too_old = -inf if self._days is None else at - self._days * DAY_MS
        surplus = -inf if self._size is None else log.size - self._size
        last = size = 0
        for segment in log.oldest(PORTION_SEGMENTS):
            goes = segment.at < too_old or size < surplus
            if (last and size >= PORTION_BYTES) or not (goes or segment.at > at):  # dated ahead: what follows tells
                break
            last = segment.last if goes else last
            size += segment.size
        return last
