"""What a person searches for: words, and 'from:NICK in:TARGET after:DATE before:DATE' among them. Pure functions.

A date is a day as in 2026-11-24, or a time of one as in 2026-11-24T17:00, in local time, or an age as in 30m, 12h or
7d. after: means from its beginning on, before: up to its beginning.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from messages import InvalidName, Search

from .language import _
from .targets import read_nick, read_target

_AGES = {
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}


def read_query(text: str, limit: int = 50, before: int | None = None) -> Search:
    """The question behind what was typed; raises InvalidName for a name or a date that is none, or is missing."""
    words: list[str] = []
    sender = to = ""
    since = until = None
    for word in text.split():
        key, colon, value = word.partition(":")
        match key.lower() if colon else "":
            case "from" | "in" | "after" | "before" if not value:
                raise InvalidName(
                    _("{word} needs something right behind it, as in from:bob, in:#ops or after:2026-11-24.").format(
                        word=word
                    )
                )
            case "from":
                sender = read_nick(value)
            case "in":
                to = read_target(value)
            case "after":
                since = milliseconds(read_moment(value))
            case "before":
                until = milliseconds(read_moment(value))
            case _:
                words.append(word)
    return Search(1, " ".join(words), limit, before, sender, to, since, until)


def read_moment(text: str) -> datetime:
    """The moment that a person means by a date or an age; raises InvalidName."""
    try:
        if text[-1:].lower() in _AGES and text[:-1].isdecimal():
            return datetime.now().astimezone() - int(text[:-1]) * _AGES[text[-1].lower()]
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError, OSError):
        raise InvalidName(
            _("{text} is no date; write 2026-11-24, 2026-11-24T17:00, or an age as in 12h.").format(text=text)
        ) from None


def milliseconds(moment: datetime) -> int:
    """A moment as the wire has it; one without a zone is local time."""
    return int(moment.timestamp() * 1000)
