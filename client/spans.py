"""How people write a stretch of time: 30s, 10m, 2h, 7d. Pure functions."""

from __future__ import annotations

import re

from .language import _, plural
from .read import local_time

_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
LONGEST_SECONDS = 10 * 366 * 86_400.0  # ten years; what is to hold for good has none
_SPAN = re.compile(r"(\d{1,6})([smhdw])", re.IGNORECASE)


def read_span(text: str) -> float | None:
    """The seconds that are meant; None when it is no stretch of time, or longer than a broker takes."""
    found = _SPAN.fullmatch(text)
    seconds = float(int(found[1]) * _SECONDS[found[2].lower()]) if found else 0.0
    return seconds if 0 < seconds <= LONGEST_SECONDS else None


def lasting(seconds: float | None) -> str:
    """' for 2 hours', behind what holds for so long; nothing behind what holds for good."""
    return "" if seconds is None else _(" for {span}").format(span=span_text(seconds))


def ending(end: int) -> str:
    """When something ends by itself, ms since the epoch, by the clock of this machine."""
    return _("until {until:%Y-%m-%d %H:%M}").format(until=local_time(end))


def span_text(seconds: float) -> str:
    """So many seconds in words, in the largest unit that says it well."""
    minutes, hours, days = (round(seconds / unit) for unit in (60, 3_600, 86_400))
    if seconds >= 2 * 86_400:
        return plural("{days} day", "{days} days", days).format(days=days)
    if seconds >= 2 * 3_600:
        return plural("{hours} hour", "{hours} hours", hours).format(hours=hours)
    if seconds >= 2 * 60:
        return plural("{minutes} minute", "{minutes} minutes", minutes).format(minutes=minutes)
    return plural("{seconds} second", "{seconds} seconds", round(seconds)).format(seconds=round(seconds))
