"""Who we are to the broker: nick, rooms, role, registration, and what changes them. Pure data; says nothing itself."""

from __future__ import annotations

from typing import TypeAlias

from messages import (
    Join,
    Leave,
    Moderated,
    Presence,
    Register,
    Registration,
    Rename,
    RoomChange,
    Share,
    Sharing,
    Unregister,
    Welcome,
    fold,
)

from .receipt import Numbered
from .wish import Wish

Heard: TypeAlias = Presence | RoomChange | Moderated | Registration | Sharing


class Standing:
    """What the broker last told of us, or we of ourselves."""

    def __init__(self, nick: str, wish: Wish) -> None:
        self._wish = wish  # that nobody is to learn what we read, while the broker may not know that
        self.nick = nick  # ours once welcomed, else the one we ask for
        self.rooms: list[str] = []
        self.role = "guest"
        self.registered = False
        self.sharing = True  # senders may learn what we have read

    @property
    def tells_read(self) -> bool:
        """Whether the broker may be told now what was shown: another device, or window, may be against it."""
        return self.sharing and not self._wish.held

    def asks(self, command: Share) -> None:
        """We choose whether that may be told, which holds here before the broker knows."""
        self._wish.held = not command.on

    def heeded(self) -> None:
        """The broker knows the last that we chose."""
        if not self.sharing:
            self._wish.held = False

    def welcomed(self, event: Welcome) -> None:
        """Take over what the broker knows."""
        self.nick, self.rooms, self.role = event.nick, [*event.rooms], event.role
        self.registered, self.sharing = event.registered, event.sharing

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
            case Share(on=on):
                self.sharing = on

    def heard(self, event: Heard) -> bool:
        """Another device of ours, or somebody with a role, may have changed something; whether that is news to us."""
        before = self.sharing, self.registered
        match event:
            case Moderated(what="granted", detail=role):
                self.role = role
                self.registered |= role not in ("guest", "announcer")
            case Sharing(on=on):
                self.sharing = on
            case Registration(kept=kept):
                self.registered = kept
            case Moderated(what="transferred"):
                self.registered = True
            case Moderated(what="expelled", detail=room):
                self._room(room, False)
            case Presence(what="renamed", nick=nick, text=other) if fold(nick) == fold(self.nick):
                self.nick = other
            case RoomChange(room=room, nick=nick, joined=joined) if fold(nick) == fold(self.nick):
                self._room(room, joined)
        return not isinstance(event, Registration | Sharing) or (self.sharing, self.registered) != before

    def _room(self, room: str, joined: bool) -> None:
        self.rooms = [name for name in self.rooms if name != room] + [room] * joined
