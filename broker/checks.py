"""What several commands have to check first: whom a target means, who may speak there, how long a text is.

A function here looks, and may refuse; it changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from messages import EVERYONE, REASON_BYTES, ROLES, AnyCommand, Code, InvalidName, Malformed, fold, rank

from . import naming
from .entries import EVERYONE_ID

if TYPE_CHECKING:
    from .core import Core
    from .sessions import Peer
    from .state import Account, Penalty, Room

OPERATOR_RANK = len(ROLES)  # above every role


class Actor(NamedTuple):
    """Who asks for something."""

    name: str
    account: Account | None  # None: the operator
    rank: int

    @property
    def id(self) -> int:
        """The account's id, 0 for the operator."""
        return self.account.id if self.account else 0

    def above(self, account: Account) -> bool:
        """Whether something may be done to an account: it is this one's own, or is further down."""
        return account is self.account or account.rank < self.rank


def actor(core: Core, peer: Peer) -> Actor:
    """Who is behind a connection that has a session, or reads, or is the operator's."""
    session = peer.session or peer.reader
    if session is None:
        return Actor("operator", None, OPERATOR_RANK)
    account = session.here.account
    return Actor(account.nick, account, account.rank)


def number_of(command: AnyCommand | Malformed | None) -> int:
    """The number an answer to this command carries; 0 for those without one."""
    return getattr(command, "number", 0)


def find_target(core: Core, peer: Peer, number: int, target: str) -> tuple[int, str] | None:
    """The id and the wire form of a target; refuses and returns None when there is none, as far as one may know."""
    try:
        wire = naming.wire_form(core, target)
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
    who = actor(core, peer)
    if room is not None and not may_know(core, who, room) and may_enter(core, who, room):
        core.refuse(peer, number, Code.NO_SUCH_ROOM, f"You may enter {wire}, but are not in it: join it first.")
        return None
    if room is None or not may_know(core, who, room):
        core.refuse(
            peer,
            number,
            Code.NO_SUCH_ROOM,
            f"There is no room {wire} that you know of; joining makes it if the name is free.",
        )
        return None
    return room.id, wire


def may_know(core: Core, who: Actor, room: Room) -> bool:
    """Whether somebody may know of a room, and read there: a private one's members, and admins."""
    return not room.private or who.id in core.state.members[room.id] or who.rank >= rank("admin")


def may_enter(core: Core, who: Actor, room: Room) -> bool:
    """Whether somebody may enter a room: a private one those who were let in, its owner, and admins."""
    return may_know(core, who, room) or (who.account is not None and room.lets_in(who.account))


def unrestricted(core: Core, to: int) -> bool:
    """Whether everybody may post to a target, so that nothing need be asked for each message."""
    room = core.state.rooms.get(to)
    if room is not None:
        return not (room.private or room.closed) and room.rule("post") == "guest"
    return to != EVERYONE_ID or core.state.rule("everyone") == "guest"


def may_say(core: Core, peer: Peer, number: int, to: int, *, announce: bool) -> bool:
    """Whether somebody may say something to a target; refuses otherwise."""
    if muted(core, peer, number):
        return False
    text = obstacle(core, actor(core, peer), to, announce=announce)
    if text:
        core.refuse(peer, number, Code.NOT_ALLOWED, text)
    return not text


def obstacle(core: Core, who: Actor, to: int, *, announce: bool) -> str:
    """What the rules have against somebody's saying something to a target, a sentence; empty: nothing."""
    room = core.state.rooms.get(to)
    if room is not None and room.closed:
        return f"{room.name} is closed{_because(room)}."
    for least, what in _needed(core, who, room, to, announce=announce):
        if who.rank < rank(least):
            return f"Only who is {_article(least)} or more may {what}."
    return ""


def _needed(core: Core, who: Actor, room: Room | None, to: int, *, announce: bool) -> list[tuple[str, str]]:
    """The roles that are needed to speak to a target, each with what for."""
    needed = []
    if room is not None and room.owner and room.owner == who.id:
        room = None  # whose room it is may speak there
    elif room is not None:
        needed.append((room.rule("post"), f"speak in {room.name}"))
    elif to == EVERYONE_ID and not announce:
        needed.append((core.state.rule("everyone"), "talk to everyone"))
    if announce:
        needed.append((core.state.rule("announce"), "announce"))
        if room is not None and room.rule("announce") != "broker":
            needed.append((room.rule("announce"), f"announce in {room.name}"))
    return needed


def muted(core: Core, peer: Peer, number: int) -> bool:
    """Whether a person is muted, who is refused then."""
    account = actor(core, peer).account
    penalty = account.muted(core.at) if account is not None else None
    if penalty is not None:
        core.refuse(peer, number, Code.MUTED, muted_text(penalty, core.at))
    return penalty is not None


def muted_text(penalty: Penalty, at: int) -> str:
    """The sentence for who is muted."""
    left = "" if penalty.until is None else f" for another {duration((penalty.until - at) / 1000)}"
    why = f": {penalty.reason}" if penalty.reason else ""
    return f"{penalty.by} muted you{left}{why}."


def duration(seconds: float) -> str:
    """So many seconds in the largest unit that says it well."""
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}s"
    return f"{max(seconds, 1):.0f} seconds"


def _because(room: Room) -> str:
    return "" if room.closed == "on" else f": {room.closed}"


def _article(role: str) -> str:
    return f"{'an' if role[0] in 'ao' else 'a'} {role}"


def short_enough(core: Core, peer: Peer, number: int, text: str) -> bool:
    """Whether a reason or an away text keeps to its limit; refuses otherwise."""
    if len(text.encode()) <= REASON_BYTES:
        return True
    core.refuse(peer, number, Code.TOO_LONG, f"A reason or away text may have {REASON_BYTES} bytes.")
    return False
