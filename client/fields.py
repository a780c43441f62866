"""What answers are as JSON: the same fields wherever `--json` prints them. Pure functions; messages know theirs."""

from __future__ import annotations

from typing import Any

from messages import Deed, InviteInfo, Person, RoomInfo

from .read import local_time


def person(one: Person) -> dict[str, Any]:
    """Somebody who is online."""
    return {
        "nick": one.nick,
        "since": moment(one.since),
        "rooms": one.rooms,
        "away": one.away,
        "role": one.role,
        "lost": one.lost,
    }


def room(one: RoomInfo) -> dict[str, Any]:
    """A room, as it is to the one who asks."""
    return {
        "name": one.name,
        "people": one.people,
        "joined": one.joined,
        "topic": one.topic,
        "private": one.private,
    }


def invite(one: InviteInfo) -> dict[str, Any]:
    """An invite that is not used up."""
    end = None if one.until is None else moment(one.until, "seconds")
    return {"number": one.invite, "role": one.role, "left": one.left, "until": end, "by": one.by}


def deed(one: Deed) -> dict[str, Any]:
    """A line of the audit trail; `until` only where something ends by itself."""
    told = {name: getattr(one, name) for name in ("seq", "what", "by", "whom", "detail", "reason")}
    ending = {} if one.until is None else {"until": moment(one.until, "seconds")}
    return {"at": moment(one.at), **told, **ending}


def moment(at: int, precision: str = "milliseconds") -> str:
    """A time of the wire, in ISO 8601 and local time."""
    return local_time(at).isoformat(timespec=precision)
