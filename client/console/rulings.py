"""What is told of roles, rules, deeds and invites: sentences and tables. Pure; how lines look otherwise is render's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime

from rich.console import RenderableType
from rich.text import Text

from messages import EVERYONE, Deed, Deleted, InviteInfo, Moderated, Ruled, harmless

from ..model import Slowed
from ..spans import span_text
from .layout import Indented
from .render import clock, make_table, nick_text, place_text


def ruled(event: Ruled) -> str:
    """A rule has another value."""
    where, value, by = event.where, harmless(event.value), harmless(event.by)
    match event.name:
        case "topic":
            return f"{by} set the topic of {where}: {value}" if value else f"{by} took the topic of {where} away."
        case "closed" if value == "off":
            return f"{by} opened {where} again."
        case "closed":
            return f"{by} closed {where}{'' if value == 'on' else f': {value}'}."
        case "locked":
            doing = "locked the broker: nobody new comes in" if value == "on" else "unlocked the broker"
            return f"{by} {doing}{_why(event.reason)}."
    whose = "here" if where == EVERYONE else f"in {harmless(where)}"
    return f"{by} set {harmless(event.name)} {whose} to {value}{_why(event.reason)}."


def moderated(event: Moderated) -> str:
    """Something was done to me."""
    by, detail, why = harmless(event.by), harmless(event.detail), _why(event.reason)
    match event.what:
        case "muted":
            span = "" if event.seconds is None else f" for {span_text(event.seconds)}"
            return f"{by} muted you{span}{why}. What you say is not taken meanwhile."
        case "unmuted":
            return f"{by} unmuted you."
        case "granted":
            return f"You are {detail} now, by {by}."
        case "opened":
            return f"{by} let you into {detail}: /join {detail} enters it."
        case "expelled":
            return f"{by} put you out of {detail}."
        case "transferred":
            return f"You are {detail} now: {by} gave the nick to your key, with its rooms and its role."
    return f"{by}: {harmless(event.what)} {detail}{why}"


def deleted(event: Deleted, sender: str) -> str:
    """A message is to be shown no more; its sender as far as that is known."""
    whose = f" of {harmless(sender)}" if sender else ""
    return f"{harmless(event.by)} deleted message {event.seq}{whose}{_why(event.reason)}."


def slowed(event: Slowed) -> str:
    """We were faster than the broker allows."""
    return f"That was faster than the broker allows. The rest goes out by itself in {span_text(event.seconds)}."


def rules(where: str, found: Mapping[str, str]) -> RenderableType:
    """Which rules hold."""
    table = make_table("rule", f"{'here' if where == EVERYONE else where}")
    for name, value in found.items():
        table.add_row(Text(harmless(name), style="bold"), Text(harmless(value) or "—"))
    return Indented(table)


def invites(found: Iterable[InviteInfo], now: datetime) -> RenderableType:
    """Which invites are good."""
    table = make_table("number", "lets in", "until", "by")
    for one in found:
        end = None if one.until is None else _moment(one.until)
        until = "no end" if end is None else f"{end:%Y-%m-%d %H:%M}"
        if end is not None and end <= now:
            until = f"expired {until}"
        table.add_row(str(one.invite), f"{one.left} × {harmless(one.role)}", until, nick_text(one.by))
    return Indented(table)


def deeds(found: Iterable[Deed], today: date) -> RenderableType:
    """The audit trail."""
    table = make_table("when", "by", "did", "to", "")
    for deed in found:
        until = "" if deed.until is None else f"until {_moment(deed.until):%Y-%m-%d %H:%M}"
        more = " ".join(filter(None, (harmless(deed.detail), until, _why(deed.reason)[2:])))
        whom = place_text(deed.whom) if deed.whom.startswith("#") else Text(harmless(deed.whom))
        table.add_row(clock(_moment(deed.at), today), nick_text(deed.by), harmless(deed.what), whom, Text(more))
    return Indented(table)


def _moment(at: int) -> datetime:
    return datetime.fromtimestamp(at / 1000).astimezone()


def _why(reason: str) -> str:
    return f": {harmless(reason)}" if reason else ""
