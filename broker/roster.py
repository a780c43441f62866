"""Who is here and which rooms there are: the answers to Who and Rooms. Reads, changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from messages import Person, RoomInfo, RoomList, Rooms, Roster, Who

from .checks import Actor, may_enter, may_know

if TYPE_CHECKING:
    from .core import Core
    from .sessions import Session


def people(core: Core, who: Actor, command: Who) -> Roster:
    """Everyone who announced themselves, by nick, with the rooms that the one who asks may know of."""
    rooms = core.state.rooms
    listed = [
        Person(
            nick=here.nick,
            since=here.since,
            rooms=sorted(rooms[room].name for room in here.account.rooms if may_know(core, who, rooms[room])),
            away=here.away,
            role=here.account.role,
            lost=not here.present,
        )
        for here in core.here.values()
        if here.announced
    ]
    return Roster(command.number, sorted(listed, key=lambda person: person.nick.lower()))


def rooms(core: Core, who: Actor, session: Session, command: Rooms) -> RoomList:
    """Every room that the one who asks may enter, by name, with how many announced people are in it."""
    mine = session.here.account.rooms
    here = core.here
    listed = [
        RoomInfo(
            name=room.name,
            people=sum(1 for account in core.state.members[room.id] if account in here and here[account].announced),
            joined=room.id in mine,
            topic=room.rule("topic"),
            private=room.private,
        )
        for room in core.state.rooms.values()
        if may_enter(core, who, room) and not room.closed
    ]
    return RoomList(command.number, sorted(listed, key=lambda room: room.name))
