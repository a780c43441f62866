"""How a message rings at a terminal: the bell, or a desktop notification. Pure; writes nothing.

OSC 9 takes a text, OSC 777 a title and a text; terminals that know neither show neither. What others wrote is harmless
in them: one line, no control character that could end the sequence, and not long.
"""

from __future__ import annotations

from messages import EVERYONE, harmless

from ..language import _
from ..model import Message
from ..settings import Alarm
from .shown import conversation

TITLE, TEXT = 60, 120  # characters: what desktops show of a notification


def sequence(how: Alarm, title: str, text: str) -> str:
    """What a terminal is sent so that it rings; nothing for `none`."""
    title, text = (harmless(part)[:most].replace(";", ",") for part, most in ((title, TITLE), (text, TEXT)))
    match how:
        case "bell":
            return "\a"
        case "osc9":  # it begins with a name, never with a digit, which some terminals take for a command of their own
            return f"\x1b]9;{title}: {text}\a"
        case "osc777":
            return f"\x1b]777;notify;{title};{text}\a"
        case "none":
            return ""


def title(item: Message, me: str) -> str:
    """Who says something, and where."""
    where = conversation(item, me)
    if where.startswith("@"):
        return item.sender
    if where == EVERYONE:
        return _("{nick} to everyone").format(nick=item.sender)
    return _("{nick} in {room}").format(nick=item.sender, room=where)
