"""Which names may be taken: of a script that the rule `names` allows, and not such that they look like another's.

The grammar itself stands in messages/names.py. Names that somebody has are valid, whatever may be taken now.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from messages import InvalidName, check_nick, check_room, check_target, fold

if TYPE_CHECKING:
    from .core import Core


def wire_form(core: Core, target: str) -> str:
    """A target as check_target has it; raises InvalidName. Names that somebody has are valid, whatever may be taken."""
    folded = fold(target)
    if folded in core.state.by_room or (folded.startswith("@") and folded[1:] in core.state.by_nick):
        return folded
    _of_a_script_allowed(core, target)
    return check_target(target)


def allowed_nick(core: Core, nick: str, has: str = "") -> str:
    """The form in which somebody, who has the nick `has`, may take this one; raises InvalidName.

    Whether another has it is not looked at, only whether another has one that looks like it.
    """
    _of_a_script_allowed(core, nick)
    return _unlike_others(core, check_nick(nick), has)


def allowed_room(core: Core, room: str) -> str:
    """The name of a room, with its '#', that there is or that may be made; raises InvalidName."""
    name = fold(room if room.startswith("#") else f"#{room}")
    if name in core.state.by_room:
        return name
    _of_a_script_allowed(core, room)
    return _unlike_others(core, check_room(room))


def _of_a_script_allowed(core: Core, name: str) -> None:
    if core.state.rule("names") == "ascii" and not name.isascii():
        raise InvalidName("This broker is set to allow ASCII names only: letters a to z, digits, '_', '-' and '.'.")


def _unlike_others(core: Core, name: str, has: str = "") -> str:
    for names in (core.state.lookalikes, core.naming):
        if names.find(name, but=has):  # which it is, is not told: it may be a room that not all know of
            raise InvalidName(f"{name} looks too much like a name that is taken already; choose another.")
    return name
