"""What the wire's messages become for the user of the library. Pure functions; knows no session."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from functools import lru_cache

from messages import Announcement, Gap, HistoryPage, fold
from messages import Message as WireMessage

from .language import N_, _
from .model import Message, Page

_ZONE_SECONDS = 900  # every time zone changes its offset on a quarter of an hour


def read_message(event: WireMessage | Announcement, nick: str, *, missed: bool = False) -> Message:
    """A delivered message as `nick` sees it; `missed`: it was said while we were away."""
    own = event.sender == nick or fold(event.sender) == fold(nick)
    if isinstance(event, Announcement):
        at, title, priority = local_time(event.at), event.title, event.priority
        return Message(event.seq, at, event.sender, event.to, "announcement", event.body, title, priority, own, missed)
    return Message(event.seq, local_time(event.at), event.sender, event.to, "text", event.body, "", "", own, missed)


def read_page(page: HistoryPage, nick: str) -> Page:
    """An answer to History as `nick` sees it."""
    return Page([read_message(item, nick) for item in page.items], page.before, page.cut)


RESTORED = N_(
    "The broker goes on from an earlier state of its log, as after a restored backup. What was "
    "said last before that may be gone, for everyone."
)


def gap_text(event: Gap) -> str:
    """The sentence that tells a person of messages that are no longer kept, or are damaged."""
    between = _("The messages between number {after} and {before}").format(after=event.after, before=event.until + 1)
    if not event.at:
        return _("{between} are no longer kept, or cannot be read any more.").format(between=between)
    return _("{between} are no longer kept. Reading goes on from {at:%Y-%m-%d %H:%M}.").format(
        between=between, at=local_time(event.at)
    )


def local_time(at: int) -> datetime:
    """Milliseconds since the epoch in this machine's zone; a time that no clock shows becomes the epoch."""
    try:
        return datetime.fromtimestamp(at / 1000, _zone(at // (1000 * _ZONE_SECONDS)))
    except (OverflowError, OSError, ValueError):
        return datetime.fromtimestamp(0, UTC)


@lru_cache(maxsize=16)
def _zone(quarter: int) -> tzinfo | None:
    """The offset that held then. Remembered, because asking for it takes longer than all else a message needs."""
    return datetime.fromtimestamp(quarter * _ZONE_SECONDS).astimezone().tzinfo
