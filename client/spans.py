"""How people write a stretch of time: 30s, 10m, 2h, 7d. Pure functions."""

from __future__ import annotations

import re

_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_SPAN = re.compile(r"(\d{1,6})([smhdw])", re.IGNORECASE)


def read_span(text: str) -> float | None:
    """The seconds that are meant; None when it is no stretch of time."""
    found = _SPAN.fullmatch(text)
    return float(int(found[1]) * _SECONDS[found[2].lower()]) if found and int(found[1]) else None


def span_text(seconds: float) -> str:
    """So many seconds in words, in the largest unit that says it well."""
    for name, unit in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.0f} {name}s"
    return "1 second" if round(seconds) == 1 else f"{seconds:.0f} seconds"
