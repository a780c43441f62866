"""The grammar of nicks, rooms and targets, and how names are compared. Pure functions; knows no state.

A nick is an ASCII letter followed by letters, digits, '_', '-' or '.', at most NICK_LENGTH in all. A room is '#'
followed by a lower-case letter or digit and more of the same or '_', '-', '.'. Names are compared without regard to
case (ASCII only, so folding is plain lower-casing). A target is '@nick', '#room' or '*' (everyone).
"""

from __future__ import annotations

import re

from .errors import InvalidName
from .limits import NICK_LENGTH, ROOM_LENGTH, TOPIC_BYTES
from .text import harmless

EVERYONE = "*"
GENERAL = "#general"  # the room in which everyone starts

RESERVED_NICKS = frozenset({"all", "broker", "everyone", "here", "server"})  # would read as the system speaking

_NICK = re.compile(rf"[A-Za-z][A-Za-z0-9_.-]{{0,{NICK_LENGTH - 1}}}", re.ASCII)
_ROOM = re.compile(rf"#[a-z0-9][a-z0-9_.-]{{0,{ROOM_LENGTH - 1}}}", re.ASCII)


def fold(name: str) -> str:
    """The form in which names are compared and kept as keys."""
    return name.lower()


def check_nick(nick: str) -> str:
    """Return `nick` as given, or raise InvalidName with the rule it breaks."""
    if not _NICK.fullmatch(nick):
        raise InvalidName(
            f"A nick is 1 to {NICK_LENGTH} ASCII letters, digits, '_', '-' or '.', and starts with a letter."
        )
    if fold(nick) in RESERVED_NICKS:
        raise InvalidName(f"The nick {nick} is reserved, because it would read as the system speaking.")
    return nick


def check_room(room: str) -> str:
    """Return the room's folded name with its '#', or raise InvalidName with the rule it breaks."""
    folded = fold(room if room.startswith("#") else f"#{room}")
    if not _ROOM.fullmatch(folded):
        raise InvalidName(f"A room is '#' and 1 to {ROOM_LENGTH} ASCII letters, digits, '_', '-' or '.'.")
    return folded


def check_target(target: str) -> str:
    """Return a target in its wire form ('@nick' as typed, '#room' folded, '*'), or raise InvalidName."""
    if target == EVERYONE:
        return target
    if target.startswith("@"):
        return "@" + check_nick(target[1:])
    if target.startswith("#"):
        return check_room(target)
    raise InvalidName("A target is @nick for one person, #room for a room, or * for everyone.")


def check_topic(topic: str) -> str:
    """Return a room's topic as given, or raise InvalidName with the rule it breaks."""
    if len(topic.encode()) > TOPIC_BYTES or harmless(topic) != topic:
        raise InvalidName(f"A topic is one line of {TOPIC_BYTES} bytes at most.")
    return topic
