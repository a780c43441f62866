"""The rows of tables as sentences, for the linear face: pure functions. tables.py has them as tables."""

from __future__ import annotations

from datetime import date, datetime

from messages import EVERYONE, Deed, InviteInfo, Person, RoomInfo, fold

from ..language import _, told
from ..read import local_time
from ..spans import ending
from . import words
from .shown import Progress, Setting


def person(one: Person, me: str, today: date) -> str:
    """Somebody who is online."""
    return _listed(
        one.nick + (_(" (you)") if fold(one.nick) == fold(me) else ""),
        _("here since {time}").format(time=clock(local_time(one.since), today)),
        _("in {rooms}").format(rooms=" ".join(one.rooms)) if one.rooms else "",
        one.role if one.role != "guest" else "",
        _("away: {text}").format(text=one.away) if one.away else "",
        _("connection lost") if one.lost else "",
    )


def room(one: RoomInfo) -> str:
    """A room."""
    return _listed(
        one.name,
        words.people(one.people),
        _("private") if one.private else "",
        _("you are in it") if one.joined else "",
        _("topic: {text}").format(text=one.topic) if one.topic else "",
    )


def command(row: tuple[str, tuple[str, ...], str]) -> str:
    """How a command is typed, what else it is called, what it does."""
    usage, names, text = row
    others = "".join(_(" or {name}").format(name=name) for name in names)
    return _("{usage}{others}: {text}.").format(usage=usage, others=others, text=text)


def sent(one: Progress) -> str:
    """How far a message of mine has come."""
    to, text = words.place(one.to), words.excerpt(one.body)
    return _("To {place}, {state}: {text}").format(place=to, state=words.progress(one), text=text)


def rule(where: str, name: str, value: str) -> str:
    """A rule that holds."""
    place = _("here") if where == EVERYONE else _("in {room}").format(room=where)
    return _("{name} {place}: {value}").format(name=name, place=place, value=value or _("not set"))


def invite(one: InviteInfo, now: datetime) -> str:
    """An invite that is not used up."""
    return _listed(
        _("Invite {number}").format(number=one.invite),
        _("lets {count} in as {role}").format(count=one.left, role=one.role),
        words.until(one.until, now),
        _("by {nick}").format(nick=one.by),
    )


def deed(one: Deed, today: date) -> str:
    """What somebody with a role did."""
    return _listed(
        " ".join(filter(None, (one.by, _(one.what), told(one.whom)))),
        told(one.detail),
        "" if one.until is None else ending(one.until),
        one.reason,
        _("at {time}").format(time=clock(local_time(one.at), today)),
    )


def setting(one: Setting) -> str:
    """What a setting is, and what it means."""
    return _("{name} is {value}: {help}").format(
        name=one.name, value=words.value(one.value) or _("not set"), help=one.help
    )


def clock(at: datetime, today: date) -> str:
    """The time, with the day when it is not today."""
    return f"{at:%H:%M}" if at.date() == today else f"{at:%Y-%m-%d %H:%M}"


def _listed(*parts: str) -> str:
    """The parts there are, as one sentence."""
    return ", ".join(filter(None, parts)) + "."
