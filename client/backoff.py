"""How long to wait between attempts to reach a broker."""

from __future__ import annotations

from collections.abc import Iterator

_FIRST = 0.1  # seconds; a broker that restarts is back after about that long
_LAST = (5.0, 30.0)  # seconds; drawn anew each time, so that a crowd does not come back as one


def backoff() -> Iterator[float]:
    """Seconds between attempts: doubling, jittered, and in the end slow."""
    import random  # slow to import, and a one-shot command that reaches its broker never gets here

    pause = _FIRST
    while pause < _LAST[0]:
        yield pause * random.uniform(0.5, 1.5)
        pause *= 2
    while True:
        yield random.uniform(*_LAST)
