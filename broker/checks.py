"""What several commands have to check before anything else: whom a target means, how long a text is.

A function here looks, and may refuse; it changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from messages import EVERYONE, REASON_BYTES, AnyCommand, Code, InvalidName, check_target, fold

from .entries import EVERYONE_ID

if TYPE_CHECKING:
    from .core import Core
    from .sessions import Peer


def number_of(command: AnyCommand | None) -> int:
    """The number an answer to this command carries; 0 for those without one."""
    return getattr(command, "number", 0)


def find_target(core: Core, peer: Peer, number: int, target: str) -> tuple[int, str] | None:
    """The id and the wire form of a target; refuses and returns None when there is none."""
    try:
        wire = check_target(target)
    except InvalidName as error:
        core.refuse(peer, number, Code.TARGET_INVALID, str(error))
        return None
    if wire == EVERYONE:
        return EVERYONE_ID, wire
    if wire.startswith("@"):
        account = core.state.by_nick.get(fold(wire[1:]))
        if account is None:
            core.refuse(peer, number, Code.NO_SUCH_NICK, f"Nobody called {wire[1:]} is here.")
            return None
        return account.id, f"@{account.nick}"
    room = core.state.by_room.get(wire)
    if room is None:
        core.refuse(peer, number, Code.NO_SUCH_ROOM, f"There is no room {wire}; joining it would make it.")
        return None
    return room.id, wire


def short_enough(core: Core, peer: Peer, number: int, text: str) -> bool:
    """Whether a reason or an away text keeps to its limit; refuses otherwise."""
    if len(text.encode()) <= REASON_BYTES:
        return True
    core.refuse(peer, number, Code.TOO_LONG, f"A reason or away text may have {REASON_BYTES} bytes.")
    return False
