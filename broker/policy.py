"""The rules that can be set, for the broker and for each room: their names, what they may be, and what they are unset.

Data and look-ups; how they are set stands in `rulings`, what they do where they are obeyed. Values are kept, and
travel, as text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from messages import REASON_BYTES, ROLES, InvalidName, check_topic, skeletons

MOST_RATE = 1_000_000  # commands a second: beyond what a broker takes; "off" says so


class Rule(NamedTuple):
    """One rule."""

    default: str
    read: Callable[[str], str]  # the value as it is kept; raises ValueError with what may stand there
    least: str  # the role that may set it, here or, for a room, anywhere; a room's owner may set all of its rules
    passes: bool = False  # may be set for a time, and is off then


def _one_of(*values: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text.lower() not in values:
            raise ValueError(f"It may be {', '.join(values[:-1])} or {values[-1]}.")
        return text.lower()

    return read


def _rate(text: str) -> str:
    if text.lower() == "off":
        return "off"
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= MOST_RATE):
        raise ValueError(f"It may be off, or a number of commands a second up to {MOST_RATE:,}.")
    return str(int(text))


def _names(text: str) -> str:
    value = _one_of("ascii", "unicode")(text)
    if value == "unicode":
        try:
            skeletons("ä")
        except InvalidName as error:  # what it takes is not installed
            raise ValueError(str(error)) from error
    return value


def _topic(text: str) -> str:
    try:
        return check_topic(text) if text else ""
    except InvalidName as error:
        raise ValueError(str(error)) from error


def _reason(text: str) -> str:
    if len(text.encode()) > REASON_BYTES:
        raise ValueError(f"The reason may have {REASON_BYTES} bytes.")
    return "off" if text.lower() == "off" else text or "on"


_SWITCH = _one_of("off", "on")

BROKER_RULES: Mapping[str, Rule] = {
    "access": Rule("open", _one_of("open", "invite", "closed"), "admin"),  # whoever has the invite; a token; known keys
    "locked": Rule("off", _reason, "moderator", passes=True),  # anything but off is the reason why nobody new may come
    "announce": Rule("guest", _one_of(*ROLES), "admin"),  # the least role that may announce
    "everyone": Rule("guest", _one_of(*ROLES), "admin"),  # the least role that may talk to everyone
    "rooms": Rule("guest", _one_of(*ROLES), "admin"),  # the least role that may make a room
    "names": Rule("ascii", _names, "admin"),  # which may be taken
    "rate": Rule("100", _rate, "admin"),  # commands a second of one account: more than one types, and others can read
}
ROOM_RULES: Mapping[str, Rule] = {
    "topic": Rule("", _topic, "moderator"),
    "closed": Rule("off", _reason, "moderator", passes=True),  # the same: why nobody may enter or speak
    "post": Rule("guest", _one_of(*ROLES), "admin"),  # the least role that may speak there
    "announce": Rule("broker", _one_of("broker", *ROLES), "admin"),  # broker: as it is for the whole broker
    "private": Rule("off", _SWITCH, "admin"),  # on: listed for and entered by those only who were let in
}


def rules_of(where: str) -> Mapping[str, Rule]:
    """The rules there are for the broker ('*') or for a room."""
    return BROKER_RULES if where == "*" else ROOM_RULES
