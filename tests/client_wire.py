"""The broker's end of a client session's wire, for tests: what it says, what it hears, and the clock."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from client.frames import pack
from client.outbox import Kept, Row
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
    encode_commands,
    encode_events,
)
from messages import Message as WireMessage

DEVICE = bytes(range(16))


class Disk:
    """What a store holds, without a file."""

    def __init__(self) -> None:
        self.rows: dict[int, tuple[int, bytes]] = {}
        self.cursor: int | None = None
        self.timeline = b""

    def save(self, kept: Kept) -> None:
        for row in kept.rows:
            self.rows.pop(row.place, None)
            if row.command is not None:
                self.rows[row.place] = row.number, encode_commands([row.command])
        self.cursor, self.timeline = kept.cursor, kept.timeline

    def load(self) -> Kept:
        rows = [Row(place, number, decode_commands(frame)[0]) for place, (number, frame) in sorted(self.rows.items())]  # type: ignore[arg-type]
        return Kept(rows, self.cursor, self.timeline)

    @property
    def texts(self) -> list[tuple[int, str]]:
        """Number and body of all that is unanswered."""
        return [(row.number, row.command.body) for row in self.load().rows if row.command]


class Wire:
    """A session, the broker's end of its connection, and a clock. Everything passes through the codec.

    With a disk, everything is written as the connection does it: before it is sent.
    """

    def __init__(self, disk: Disk | None = None, **options: Any) -> None:
        self.now = 1000.0
        self.disk = disk
        self.options = options
        self.wish = SimpleNamespace(held=False)  # as their windows share it
        self.start()

    def start(self) -> None:
        """Begin a session, as a new process does; the one before, if any, is dead."""
        kept = self.disk.load() if self.disk else None
        self.session = Session("alice", DEVICE, desk=None, kept=kept, wish=self.wish, **self.options)  # type: ignore[arg-type]

    def save(self) -> None:
        """What the connection writes down before it sends or waits."""
        kept = self.session.take_unsaved()
        if kept is not None and self.disk is not None:
            self.disk.save(kept)

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
        self.save()

    def sent(self) -> list[AnyCommand]:
        frames = pack(self.session.outgoing(self.now))
        self.save()
        return [command for frame in frames for command in decode_commands(frame)]  # type: ignore[misc]

    def submit(self, *commands: Numbered) -> list[Receipt]:
        return [self.session.submit(command) for command in commands]

    def wait(self, seconds: float) -> float:
        self.now += seconds
        due = self.session.tick(self.now)
        self.save()
        return due

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
        "role": "guest",
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
