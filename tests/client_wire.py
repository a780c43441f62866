"""The broker's end of a client session's wire, for tests: what it says, what it hears, and the clock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from client.connection import pack
from client.receipt import Numbered, Receipt
from client.session import Session
from messages import (
    PROTOCOL,
    AnyCommand,
    AnyEvent,
    Hello,
    Post,
    Welcome,
    decode_commands,
    decode_events,
    encode_events,
)
from messages import Message as WireMessage

DEVICE = bytes(range(16))


class Wire:
    """A session, the broker's end of its connection, and a clock. Everything passes through the codec."""

    def __init__(self, **options: Any) -> None:
        self.now = 1000.0
        self.session = Session("alice", DEVICE, desk=None, **options)  # type: ignore[arg-type]

    def connect(self) -> Hello:
        self.session.connected(self.now)
        [hello] = self.sent()
        assert isinstance(hello, Hello)
        return hello

    def up(self, **fields: Any) -> list[AnyCommand]:
        """Connect and welcome; returns what follows the Hello."""
        after = self.connect().after
        self.says(welcome(**{"after": after or 0, **fields}))
        return self.sent()

    def cut(self, why: str = "It broke.") -> None:
        self.session.disconnected(why, retry_in=0.1)

    def says(self, *events: AnyEvent) -> None:
        self.session.received(decode_events(encode_events(list(events))), self.now)

    def sent(self) -> list[AnyCommand]:
        frames = pack(self.session.outgoing(self.now))
        return [command for frame in frames for command in decode_commands(frame)]  # type: ignore[misc]

    def submit(self, *commands: Numbered) -> list[Receipt]:
        return [self.session.submit(command) for command in commands]

    def wait(self, seconds: float) -> float:
        self.now += seconds
        return self.session.tick(self.now)

    def events(self) -> list[Any]:
        return list(iter(self.session.inbox.take_event, None))

    def bodies(self) -> list[str]:
        return [message.body for message in iter(self.session.inbox.take_message, None)]


def welcome(**fields: Any) -> Welcome:
    values: dict[str, Any] = {
        "protocol": PROTOCOL,
        "nick": "alice",
        "head": 0,
        "after": 0,
        "resumed": True,
        "last_number": 0,
        "rooms": ["#general"],
        "admin": False,
        "broker": "test",
    }
    return Welcome(**{**values, **fields})


def message(seq: int, body: str = "", sender: str = "bob", to: str = "@alice") -> WireMessage:
    return WireMessage(seq, 1_764_000_000_000, sender, to, body or f"m{seq}")


def posts(*bodies: str) -> list[Post]:
    return [Post(1, "@bob", body) for body in bodies]


def said(commands: Sequence[AnyCommand]) -> list[tuple[int, str]]:
    """Number and body of each; fails on anything but posts."""
    assert all(isinstance(command, Post) for command in commands)
    return [(command.number, command.body) for command in commands if isinstance(command, Post)]
