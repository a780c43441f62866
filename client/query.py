"""What a person searches for: words, and 'from:NICK in:TARGET after:DATE before:DATE' among them. Pure functions.

A date is a day as in 2026-11-24, or a time of one as in 2026-11-24T17:00, in local time. after: means from its
beginning on, before: up to its beginning.
"""

from __future__ import annotations

from datetime import datetime

from messages import InvalidName, Search

from .targets import read_nick, read_target


def read_query(text: str, limit: int = 50, before: int | None = None) -> Search:
    """The question behind what was typed; raises InvalidName for a name or a date that is none."""
    words: list[str] = []
    sender = to = ""
    since = until = None
    for word in text.split():
        key, colon, value = word.partition(":")
        match key.lower() if colon and value else "":
            case "from":
                sender = read_nick(value)
            case "in":
                to = read_target(value)
            case "after":
                since = _moment(value)
            case "before":
                until = _moment(value)
            case _:
                words.append(word)
    return Search(1, " ".join(words), limit, before, sender, to, since, until)


def _moment(text: str) -> int:
    try:
        return int(datetime.fromisoformat(text).astimezone().timestamp() * 1000)
    except (ValueError, OverflowError, OSError):
        raise InvalidName(f"{text} is no date; write 2026-11-24 or 2026-11-24T17:00.") from None
