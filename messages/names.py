"""The grammar of nicks, rooms, targets and topics, and how names are compared. Pure functions; knows no state.

An ASCII nick is a letter followed by letters, digits, '_', '-' or '.', at most NICK_LENGTH in all. A room is '#'
followed by a lower-case letter or digit and more of the same or '_', '-', '.'. Names are compared without regard to
case. A target is '@nick', '#room' or '*' (everyone). What holds for other scripts stands in `unicode_names`, which is
imported only for a name that needs it: one-shot commands count milliseconds.

These are the widest rules. Whether a broker allows other scripts than ASCII is its setting, and its own to check.
"""

from __future__ import annotations

import re

from .errors import InvalidName
from .limits import NICK_LENGTH, ROOM_LENGTH, TOPIC_BYTES
from .text import harmless

EVERYONE = "*"  # the target that everyone is
GENERAL = "#general"  # the room in which everyone starts

# They would read as the system speaking.
RESERVED_NICKS = frozenset({"all", "broker", "everyone", "here", "operator", "server"})

_NICK = re.compile(rf"[A-Za-z][A-Za-z0-9_.-]{{0,{NICK_LENGTH - 1}}}", re.ASCII)
_ROOM = re.compile(rf"#[a-z0-9][a-z0-9_.-]{{0,{ROOM_LENGTH - 1}}}", re.ASCII)


def fold(name: str) -> str:
    """The form in which names are compared and kept as keys. Takes any text; what is too long for a name is lowered."""
    if name.isascii():
        return name.lower()
    from . import unicode_names

    return unicode_names.fold(name)


def skeletons(name: str) -> set[str]:
    """What a valid nick or room looks like; two can be taken for each other when they have one of these in common.

    Among ASCII names that is no reason to refuse one. Raises InvalidName for a name in another script when the extra
    confab[names] is not installed.
    """
    from . import unicode_names

    return unicode_names.skeletons(name)


def check_nick(nick: str) -> str:
    """Return `nick` as given, in another script as PRECIS has it, or raise InvalidName with the rule it breaks."""
    if not nick.isascii():
        from . import unicode_names

        nick = unicode_names.check(nick, "nick")
        if not nick.isascii():
            return nick
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
    if not folded.isascii():
        from . import unicode_names

        return "#" + unicode_names.check(folded[1:], "room")
    if not _ROOM.fullmatch(folded):
        raise InvalidName(f"A room is '#' and 1 to {ROOM_LENGTH} ASCII letters, digits, '_', '-' or '.'.")
    return folded


def check_target(target: str) -> str:
    """Return a target in its wire form ('@nick' as check_nick has it, '#room' folded, '*'), or raise InvalidName."""
    if target == EVERYONE:
        return target
    if target.startswith("@"):
        return "@" + check_nick(target[1:])
    if target.startswith("#"):
        return check_room(target)
    raise InvalidName("A target is @nick for one person, #room for a room, or * for everyone.")


def check_topic(topic: str) -> str:
    """Return a room's topic as it is kept (one line, NFC, trimmed; empty: none), or raise InvalidName with the rule."""
    if not topic.isascii() and len(topic) <= 4 * TOPIC_BYTES:  # what is longer is too long in any form
        from . import unicode_names

        topic = unicode_names.check_topic(topic)
    topic = topic.strip(" ")
    if len(topic.encode(errors="replace")) > TOPIC_BYTES:
        raise InvalidName(f"A topic has at most {TOPIC_BYTES} bytes of UTF-8.")
    if harmless(topic) != topic:
        raise InvalidName("A topic is one line, without characters that nobody sees.")
    return topic
