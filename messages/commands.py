"""What a client says to the broker: one struct a command, in the order in which people meet them.

On the wire a command is a MessagePack array: its name, then its fields in the order below. `number` counts the
commands of one device upwards from 1 and correlates the answer; a retry carries the same number. Meaning and every
possible answer stand in PROTOCOL.md.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec

from .limits import TRACK_SEQS

Number: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=2**53)]  # exact in every language
Sequence: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Device: TypeAlias = Annotated[bytes, msgspec.Meta(min_length=16, max_length=16)]  # random, made once per device slot
Priority: TypeAlias = Literal["low", "normal", "high", "urgent"]


class Command(msgspec.Struct, array_like=True, gc=False):
    """Base of all commands."""


class Hello(Command, tag="hello"):
    """The first command of every connection: who I wish to be, and from where to feed me."""

    protocol: int
    nick: str  # a wish: an account that already has a nick keeps it
    device: Device
    after: Sequence | None = None  # deliver entries after this sequence; None: from now on
    feed: bool = True  # False: deliver nothing until Feed (a script that only sends)
    quiet: bool = False  # True: do not announce my coming and going (scripts)
    client: str = ""  # name and version, for the broker's log
    began: Sequence | None = None  # every delivery from behind this up to `after` was taken; None: says nothing


class Post(Command, tag="post"):
    """Say `body` to a target."""

    number: Number
    to: str
    body: str


class Announce(Command, tag="announce"):
    """Say something that must not be overlooked."""

    number: Number
    to: str
    body: str
    title: str = ""
    priority: Priority = "normal"


class Join(Command, tag="join"):
    """Enter a room; it is created when new."""

    number: Number
    room: str


class Leave(Command, tag="leave"):
    """Leave a room."""

    number: Number
    room: str


class Rename(Command, tag="rename"):
    """Take another nick."""

    number: Number
    nick: str


class Away(Command, tag="away"):
    """Say that I am away and why; empty: back."""

    number: Number
    text: str


class Who(Command, tag="who"):
    """Ask who is online."""

    number: Number


class Rooms(Command, tag="rooms"):
    """Ask which rooms there are."""

    number: Number


class History(Command, tag="history"):
    """Ask for the latest messages of a conversation, or those before a sequence."""

    number: Number
    to: str
    limit: Number = 50
    before: Sequence | None = None
    since: int | None = None  # only from this time on, ms since the epoch
    until: int | None = None  # only before this time


class Search(Command, tag="search"):
    """Ask for the latest messages in which all these words stand, among those the account may see."""

    number: Number
    words: str
    limit: Number = 50
    before: Sequence | None = None
    sender: str = ""  # only by this nick
    to: str = ""  # only in this conversation
    since: int | None = None  # only from this time on, ms since the epoch
    until: int | None = None  # only before this time


class Feed(Command, tag="feed"):
    """Deliver entries after this sequence; None: hold deliveries back (answers still come)."""

    after: Sequence | None


class Ping(Command, tag="ping"):
    """Ask for a sign of life."""

    token: Sequence  # returned in the Pong; opaque to the broker


class Mark(Command, tag="mark"):
    """Say how far I have come with what was delivered to me."""

    taken: Sequence  # every delivery up to here was taken by this client
    read: Sequence = 0  # every delivery up to here was shown to the person; 0: says nothing


class Track(Command, tag="track"):
    """Ask who was delivered and who read these messages of mine, now and from now on."""

    number: Number
    seqs: Annotated[list[Sequence], msgspec.Meta(min_length=1, max_length=TRACK_SEQS)]


class Bye(Command, tag="bye"):
    """End this session; a guest's nick is free at once."""


class Register(Command, tag="register"):
    """Keep my nick, my rooms and my mail while I am away."""

    number: Number


class Unregister(Command, tag="unregister"):
    """Be a guest again: the nick is free when I leave."""

    number: Number


class Kick(Command, tag="kick"):
    """Admin: end a person's sessions."""

    number: Number
    nick: str
    reason: str = ""


class Ban(Command, tag="ban"):
    """Admin: kick, and refuse the key from now on."""

    number: Number
    nick: str
    reason: str = ""


class Unban(Command, tag="unban"):
    """Admin: let a banned person in again, by the nick held when banned."""

    number: Number
    nick: str


class Grant(Command, tag="grant"):
    """Operator or admin: make a person an admin, or take that away."""

    number: Number
    nick: str
    admin: bool = True


class Down(Command, tag="down"):
    """Admin: take the broker down after `seconds`; every client is told."""

    number: Number
    seconds: Annotated[float, msgspec.Meta(ge=0, le=86_400)] = 0.0  # at most a day
    reason: str = ""


AnyCommand: TypeAlias = (
    Hello
    | Post
    | Announce
    | Join
    | Leave
    | Rename
    | Away
    | Who
    | Rooms
    | History
    | Search
    | Feed
    | Ping
    | Mark
    | Track
    | Bye
    | Register
    | Unregister
    | Kick
    | Ban
    | Unban
    | Grant
    | Down
)
