"""The public face of the library: class Client. Thin and thread-safe; what to say and when stands in session.py."""

from __future__ import annotations

import os
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from messages import EVERYONE, Person, Priority, RoomInfo

from .model import ClientEvent, Connected, Message, Page
from .receipt import Receipt


class Client:
    """One person's or script's connection to a broker; any thread may call it.

    Raises InvalidName and NotConfigured at once and never waits for the network: what is sent before the connection
    is up goes out when it is. `quiet` keeps this session's coming and going from the others; `receive=False` asks
    the broker to deliver nothing (for scripts that only send).
    """

    def __init__(
        self,
        nick: str,
        *,
        broker: str | None = None,
        home: str | os.PathLike[str] | None = None,
        receive: bool = True,
        quiet: bool = True,
    ) -> None:
        raise NotImplementedError

    @property
    def nick(self) -> str:
        """The nick we go by now."""
        raise NotImplementedError

    @property
    def connected(self) -> bool:
        """Whether the broker has welcomed us and the connection is up."""
        raise NotImplementedError

    @property
    def is_admin(self) -> bool:
        """Whether the broker called us an admin when it last welcomed us."""
        raise NotImplementedError

    @property
    def rooms(self) -> list[str]:
        """The rooms we are in."""
        raise NotImplementedError

    def wait_connected(self, timeout: float | None = None) -> Connected:
        """Wait until the broker has welcomed us; raises Unreachable, or Rejected (nick taken, banned, version)."""
        raise NotImplementedError

    def send(self, target: str, body: str) -> Receipt:
        """Say `body` to '@nick', '#room' or '*'."""
        raise NotImplementedError

    def announce(self, body: str, *, title: str = "", priority: Priority = "normal", to: str = EVERYONE) -> Receipt:
        """Say something that must not be overlooked."""
        raise NotImplementedError

    def join(self, room: str) -> Receipt:
        """Enter a room; it is created when new."""
        raise NotImplementedError

    def leave(self, room: str) -> Receipt:
        """Leave a room."""
        raise NotImplementedError

    def rename(self, nick: str) -> Receipt:
        """Take another nick."""
        raise NotImplementedError

    def away(self, text: str = "") -> Receipt:
        """Say that we are away and why; empty: back."""
        raise NotImplementedError

    def kick(self, nick: str, reason: str = "") -> Receipt:
        """Admin: end a person's sessions."""
        raise NotImplementedError

    def ban(self, nick: str, reason: str = "") -> Receipt:
        """Admin: kick, and refuse the person's key from now on."""
        raise NotImplementedError

    def unban(self, nick: str) -> Receipt:
        """Admin: let a banned person in again."""
        raise NotImplementedError

    def grant(self, nick: str, admin: bool = True) -> Receipt:
        """Make a person an admin, or take that away."""
        raise NotImplementedError

    def down(self, seconds: float = 0.0, reason: str = "") -> Receipt:
        """Admin: take the broker down after `seconds`."""
        raise NotImplementedError

    def who(self, timeout: float | None = 5.0) -> list[Person]:
        """Who is online."""
        raise NotImplementedError

    def list_rooms(self, timeout: float | None = 5.0) -> list[RoomInfo]:
        """Which rooms there are."""
        raise NotImplementedError

    def history(self, target: str, *, limit: int = 50, before: int | None = None, timeout: float | None = 5.0) -> Page:
        """The latest messages of a conversation, or those before a sequence."""
        raise NotImplementedError

    def messages(self, timeout: float | None = None) -> Iterator[Message]:
        """Yield messages as they come; ends after `timeout` seconds of silence (None: never) or when closed.

        Raises Rejected when the broker dismisses us. Each message goes to one reader only.
        """
        raise NotImplementedError

    def events(self, timeout: float | None = None) -> Iterator[ClientEvent]:
        """Yield what happens around the messages; ends like messages(), and after Dismissed."""
        raise NotImplementedError

    def stream(self, timeout: float | None = None) -> Iterator[Message | ClientEvent]:
        """Yield messages and events in the order in which they happened; ends like events()."""
        raise NotImplementedError

    def retry_as(self, nick: str) -> None:
        """After the broker refused our nick: ask for another, with the same profile and key."""
        raise NotImplementedError

    def close(self, timeout: float = 2.0) -> None:
        """Wait up to `timeout` seconds for what is unanswered, say goodbye, end the thread. Idempotent, never hangs."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
