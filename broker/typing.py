"""Who is writing something: told at once to those it is for, or not at all. Nothing of it is kept, logged or answered.

A courtesy that must cost little: of an account, and of a room, so many a second are told and the others dropped, and in
a room with many connections none, where "somebody is writing" would be true all day and news to nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from messages import EVERYONE, InvalidName, Typing, Typist, fold

from . import naming
from .checks import actor, obstacle

if TYPE_CHECKING:
    from .core import Core
    from .sessions import Peer, Session

ACCOUNT_RATE, ACCOUNT_BURST = 1.0, 5.0  # of one account, a second and at once: a client says it every few seconds
ROOM_RATE, ROOM_BURST = 4.0, 10.0  # in one room: as many names as fit into a line that people read
ROOM_SESSIONS = 100  # connections that see a room; with the rate 400 frames a second, some 4 ms of one core


def told(core: Core, peer: Peer, session: Session, command: Typing, now: float) -> None:
    """Tell those it is for, if it may be said to them."""
    account = session.here.account
    if session.quiet or account.muted(core.at) is not None:
        return
    if not core.typing.take(account.id, 1, ACCOUNT_RATE, ACCOUNT_BURST, now):
        return
    found = _audience(core, peer, session, command.to, now)
    if found is not None:
        to, sessions = found
        core.out.run(sessions).append(Typist(account.nick, to, command.on))  # who is behind is not told later


def _audience(core: Core, peer: Peer, session: Session, target: str, now: float) -> tuple[str, list[Session]] | None:
    """A target's wire form, and the sessions of people there but those of the account itself; None: nobody is told."""
    try:
        wire = naming.wire_form(core, target)
    except InvalidName:
        return None
    account = session.here.account
    if wire.startswith("@"):
        person = core.state.by_nick.get(fold(wire[1:]))
        if person is None or person is account:
            return None
        to, sessions = f"@{person.nick}", core.audience.sessions(person.id)
    else:
        room = core.state.by_room.get(wire) if wire != EVERYONE else None
        if room is None or room.id not in account.rooms:
            return None
        to, sessions = room.name, core.audience.of(room.id, account.id)
        if len(sessions) > ROOM_SESSIONS or obstacle(core, actor(core, peer), room.id, announce=False):
            return None
        if not core.typing.take(room.id, 1, ROOM_RATE, ROOM_BURST, now):
            return None
    return to, [each for each in sessions if each.here is not session.here and not each.quiet]
