"""What a committed entry means for those who are connected, and what happens as time passes. Presence lives here.

`applied` runs for every entry that is not a message, whoever proposed it; `conclude` answers the one who asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from messages import (
    EVERYONE,
    HELLO_SECONDS,
    SILENCE_SECONDS,
    Accepted,
    Announcement,
    AnyCommand,
    Code,
    Hello,
    Invite,
    Join,
    Presence,
    Registration,
    Rename,
    RoomChange,
    Sharing,
    Transfer,
    check_room,
)

from . import consequences, greeting, leaving, rulings
from .checks import number_of
from .entries import Announced, AnyEntry, Deed, Joined, Left, Named, Registered, Released, Shared
from .sessions import Here, Peer, Session

if TYPE_CHECKING:
    from .core import Core


def applied(core: Core, entry: AnyEntry, took: bool, now: float) -> None:
    """Tell the others what changed."""
    match entry:
        case Named() if took:
            core.obey_rules()
            _renamed(core, entry)
        case Released() if took:
            core.obey_rules()
            core.audience.changed()
            here = core.here.pop(entry.account, None)
            if here is not None:
                leaving.tell_left(core, here, entry.reason)
        case Joined() if took:
            core.obey_rules()
            account = core.state.by_key[entry.key]
            _entered(core, core.state.by_room[entry.room].id, account.id, joined=True)
        case Left() if took:
            _entered(core, entry.room, entry.account, joined=False)
        case Registered() if took:
            core.tell(core.audience.sessions(entry.account), Registration(entry.kept))
        case Shared():
            core.tell(core.audience.sessions(entry.account), Sharing(entry.on))
        case Deed():
            consequences.of(core, entry, took, now)


def conclude(core: Core, peer: Peer, command: AnyCommand, seq: int, took: bool, now: float) -> None:
    """Answer a command whose entries are applied."""
    match command:
        case Hello():
            greeting.committed(core, peer, command, now)
        case Rename() if not took:
            core.refuse(peer, command.number, Code.NICK_TAKEN, f"The nick {command.nick} is taken.")
        case Join() if not took:
            _entered_already(core, peer, command)
        case Transfer() if not took:
            core.refuse(peer, command.number, Code.NOT_ALLOWED, "There is nothing to transfer to that key.")
        case Invite():
            rulings.invited(core, peer, command, seq)
        case _:
            core.answer(peer, Accepted(number_of(command), seq))


def _entered_already(core: Core, peer: Peer, command: Join) -> None:
    """A join changed nothing: another device was first, or somebody closed the door."""
    account = core.state.by_key[peer.key]
    room = core.state.by_room.get(check_room(command.room))
    if room is not None and room.id in account.rooms:
        core.answer(peer, Accepted(command.number, account.rooms[room.id]))
    else:
        core.refuse(peer, command.number, Code.NOT_ALLOWED, f"{command.room} was closed just now.")


def announcement(core: Core, seq: int, at: int, entry: Announced) -> Announcement:
    """The delivery of an announcement; one that is no private matter is noted."""
    room = core.state.rooms.get(entry.to)
    if entry.target == EVERYONE or (room is not None and not room.private):
        core.note(
            "announcement",
            who=entry.sender,
            to="everyone" if entry.target == EVERYONE else entry.target,
            title=entry.title,
            text=entry.body,
        )
    return Announcement(seq, at, entry.sender, entry.target, entry.body, entry.title, entry.priority)


def _renamed(core: Core, entry: Named) -> None:
    account = core.state.by_key[entry.key]
    here = core.here.get(account.id)
    if here is not None and here.announced and here.nick != account.nick:
        core.tell(core.audience.everyone(), Presence(here.nick, "renamed", account.nick))
        core.note("renamed", who=here.nick, to=account.nick)
    if here is not None:
        here.nick = account.nick


def _entered(core: Core, room: int, account: int, *, joined: bool) -> None:
    core.audience.changed()
    here = core.here.get(account)
    if here is None or not here.announced:
        return
    name = core.state.rooms[room].name
    core.tell(core.audience.of(room, account), RoomChange(name, here.nick, joined))
    core.note("entered" if joined else "left room", who=here.nick, room=name)


# --- as time passes -------------------------------------------------------------------------------------------------


def expire(core: Core, what: Peer | Session | Here, now: float) -> None:
    """Look at something whose time may have come."""
    match what:
        case Peer():
            _expire_peer(core, what, now)
        case Session():
            if what.peer is None and what.expires <= now:
                leaving.end(core, what, "the connection was lost")
        case Here():
            if not what.sessions and core.here.get(what.account.id) is what:
                core.leave(what, "did not come back")


def _expire_peer(core: Core, peer: Peer, now: float) -> None:
    if peer.gone or peer.leaving:
        if peer.cut_at <= now:
            peer.untold = 0  # who did not close it may not have read why
            core.cut.append(peer)
    elif peer.session is None and not peer.operator and peer.greet_by <= now:
        core.refuse(peer, 0, Code.HELLO_FIRST, f"No Hello came within {HELLO_SECONDS:.0f} seconds; connect again.")
        peer.leaving = True
        leaving.farewell(core, peer, now)
    elif peer.heard + SILENCE_SECONDS <= now:
        core.close(peer, now)
        core.cut.append(peer)
    else:
        core.schedule(peer, peer.heard + SILENCE_SECONDS)
