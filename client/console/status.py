"""The status line: one row below the line being typed, cut to the width there is. Pure: says what stands there.

From left to right: the conversation, what is unread elsewhere, who is writing; at the right end whether one is not to
be disturbed, and the connection. Where there is no room for all, what stands further left stays. Above it, a row for
each thing that stays until it is acknowledged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil, inf

from rich.cells import cell_len, set_cell_size

from messages import harmless

from ..language import _, plural
from ..model import Composing, Message
from . import words
from .shown import Overview, Unread

Part = tuple[str, str]  # a style class of the prompt's, and a text

GAP = "  "
LEAST_WRITING = 12  # columns: less does not tell who is writing


def rows(status: Overview, width: int, body: Callable[[str], str] = str) -> list[Part]:
    """All rows, each exactly `width` columns wide; `body` writes what somebody wrote as the person wants it."""
    if not status.urgent:
        return line(status, width)
    return [*banner(status.urgent, width, body), ("", "\n"), *line(status, width)]


def line(status: Overview, width: int) -> list[Part]:
    """The status line."""
    right = _right(status)
    left: list[Part] = [("class:status_place", words.place(status.current))]
    room = width - cell_len(right) - 1
    for index, one in enumerate(status.unread):
        part = ("class:status_mention" if one.mentions else "class:status_unread", GAP + _unread(one))
        rest = len(status.unread) - index - 1
        if _cells(left) + cell_len(part[1]) + (len(GAP) + 1 + len(str(rest)) if rest else 0) > room:
            left.append(("class:status_unread", f"{GAP}+{rest + 1}"))
            break
        left.append(part)
    writing = GAP + writing_text(status.writing) if status.writing else ""
    if writing and room - _cells(left) >= min(cell_len(writing), LEAST_WRITING):
        left.append(("class:status", writing))
    return _fit(left, right, width)


def banner(urgent: Sequence[Message], width: int, body: Callable[[str], str] = str) -> list[Part]:
    """The row for urgent announcements: the newest that is not acknowledged, and how many more there are."""
    item = urgent[-1]
    more = f" +{len(urgent) - 1}" if len(urgent) > 1 else ""
    head = harmless(f"{item.sender}: {item.title}" if item.title else item.sender)
    text = harmless(body(item.body))
    end = f"{more}  /ack "
    room = max(width - cell_len(end), 0)
    return [("class:status_urgent", set_cell_size(_cut(f" ▲ {head}: {text}", room), room) + end)]


def sentences(status: Overview) -> str:
    """The same in words, for who has no status line before their eyes."""
    told = [_("You are talking to {place}.").format(place=words.place(status.current))]
    if status.unread:
        unread = ", ".join(
            (_("{place} {count} (for you: {mentions})") if one.mentions else "{place} {count}").format(
                place=words.place(one.where), count=one.count, mentions=one.mentions
            )
            for one in status.unread
        )
        told.append(_("Unread: {unread}.").format(unread=unread))
    if status.writing:
        told.append(writing_text(status.writing).replace("…", "."))
    if status.quiet:
        told.append(_("Nothing rings but what is urgent ({quiet}).").format(quiet=quiet_text(status.quiet)))
    if status.urgent:
        told.append(
            plural(
                "{count} urgent announcement waits for /ack.",
                "{count} urgent announcements wait for /ack.",
                len(status.urgent),
            ).format(count=len(status.urgent))
        )
    if not status.connected:
        told.append(_("There is no connection to the broker."))
    elif status.round_trip is not None:
        told.append(_("The broker answers in {time}.").format(time=_milliseconds(status.round_trip)))
    return " ".join(told)


def quiet_text(seconds: float) -> str:
    """For how long one is not to be disturbed, in a few characters."""
    if seconds == inf:
        return _("dnd")
    minutes = ceil(seconds / 60)
    left = (
        _("{minutes} min").format(minutes=minutes) if minutes < 120 else _("{hours} h").format(hours=ceil(minutes / 60))
    )
    return _("dnd {left}").format(left=left)


def _right(status: Overview) -> str:
    told = [quiet_text(status.quiet)] if status.quiet > 0 else []
    if not status.connected:
        told.append(_("connecting…"))
    elif status.round_trip is not None:
        told.append(_milliseconds(status.round_trip))
    return GAP.join(told)


def _milliseconds(seconds: float) -> str:
    return _("{count} ms").format(count=f"{max(1, round(seconds * 1000)):,}")


def _unread(one: Unread) -> str:
    return f"{words.place(one.where)} {one.count:,}{'!' if one.mentions else ''}"


def writing_text(writers: Sequence[Composing]) -> str:
    """Who is writing."""
    nicks = list(dict.fromkeys(harmless(one.nick) for one in writers))
    if len(nicks) == 1:
        return _("{nick} is writing…").format(nick=nicks[0])
    if len(nicks) == 2:
        return _("{one} and {other} are writing…").format(one=nicks[0], other=nicks[1])
    return plural("{count} person is writing…", "{count} people are writing…", len(nicks)).format(count=len(nicks))


def _fit(left: list[Part], right: str, width: int) -> list[Part]:
    """The left parts as far as there is room, and the right end at the right."""
    right = _cut(right, width)
    room = max(width - cell_len(right) - (1 if right else 0), 0)
    fitted: list[Part] = []
    for style, text in left:
        text = _cut(text, room)
        room -= cell_len(text)
        fitted.append((style, text))
    return [*fitted, ("class:status", " " * (width - _cells(fitted) - cell_len(right)) + right)]


def _cells(parts: Sequence[Part]) -> int:
    return sum(cell_len(text) for _style, text in parts)


def _cut(text: str, cells: int) -> str:
    """At most so many columns of a text; an ellipsis says that it goes on."""
    if cell_len(text) <= cells:
        return text
    return set_cell_size(text, cells - 1).rstrip() + "…" if cells > 1 else " " * max(cells, 0)
