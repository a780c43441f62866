"""Who we are to the broker: nick, rooms, role, registration, and what changes them. Pure data; says nothing itself."""

from __future__ import annotations

from messages import Join, Leave, Moderated, Presence, Register, Rename, RoomChange, Unregister, Welcome, fold

from .receipt import Numbered


class Standing:
    """What the broker last told of us, or we of ourselves."""

    def __init__(self, nick: str) -> None:
        self.nick = nick  # ours once welcomed, else the one we ask for
        self.rooms: list[str] = []
        self.role = "guest"
        self.registered = False

    def welcomed(self, event: Welcome) -> None:
        """Take over what the broker knows."""
        self.nick, self.rooms, self.role = event.nick, [*event.rooms], event.role
        self.registered = event.registered

    def did(self, command: Numbered) -> None:
        """An accepted command of ours may have changed something about us."""
        match command:
            case Rename(nick=nick):
                self.nick = nick
            case Join(room=room):
                self._room(room, True)
            case Leave(room=room):
                self._room(room, False)
            case Register():
                self.registered = True
            case Unregister():
                self.registered = False

    def heard(self, event: Presence | RoomChange | Moderated) -> None:
        """Another device of ours, or somebody with a role, may have changed something about us."""
        match event:
            case Moderated(what="granted", detail=role):
                self.role = role
                self.registered |= role not in ("guest", "announcer")
            case Moderated(what="expelled", detail=room):
                self._room(room, False)
            case Presence(what="renamed", nick=nick, text=other) if fold(nick) == fold(self.nick):
                self.nick = other
            case RoomChange(room=room, nick=nick, joined=joined) if fold(nick) == fold(self.nick):
                self._room(room, joined)

    def _room(self, room: str, joined: bool) -> None:
        self.rooms = [name for name in self.rooms if name != room] + [room] * joined
