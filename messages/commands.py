"""What a client says to the broker: one struct a command, in the order in which people meet them.

On the wire a command is a MessagePack array: its name, then its fields in the order below. `number` counts the
commands of one device upwards from 1 and correlates the answer; a retry carries the same number. Meaning and every
possible answer stand in PROTOCOL.md.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec

from .limits import TRACK_SEQS
from .roles import Role

Number: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=2**53)]  # exact in every language
Sequence: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Device: TypeAlias = Annotated[bytes, msgspec.Meta(min_length=16, max_length=16)]  # random, made once per device slot
Timeline: TypeAlias = Annotated[bytes, msgspec.Meta(max_length=16)]
Priority: TypeAlias = Literal["low", "normal", "high", "urgent"]  # of an announcement
Seconds: TypeAlias = Annotated[float, msgspec.Meta(gt=0, le=10 * 366 * 86_400)]  # ten years: for ever is None


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
    token: str = ""  # of an invite, for a broker that lets in only who was invited
    timeline: Timeline = b""  # of the log that those two speak of; empty: says nothing


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


class Share(Command, tag="share"):
    """Choose whether the senders of messages may learn that I have read them."""

    number: Number
    on: bool


class Typing(Command, tag="typing"):
    """Say that I am writing something for a person or a room, or that I am no more."""

    to: str
    on: bool = True


class Bye(Command, tag="bye"):
    """End this session; a guest's nick is free at once."""


class Register(Command, tag="register"):
    """Keep my nick, my rooms and my mail while I am away."""

    number: Number


class Unregister(Command, tag="unregister"):
    """Be a guest again: the nick is free when I leave."""

    number: Number


# --- for those with a role ------------------------------------------------------------------------------------------
#
# `who` is a nick, held now or last, or a key as an invite writes it. What is given for `seconds` ends by itself.


class Kick(Command, tag="kick"):
    """End a person's sessions; with `seconds`, keep the key out for so long."""

    number: Number
    who: str
    reason: str = ""
    seconds: Seconds | None = None


class Ban(Command, tag="ban"):
    """Kick, and refuse the key; or refuse all that comes from an address or a range, as in 192.0.2.0/24."""

    number: Number
    who: str
    reason: str = ""
    seconds: Seconds | None = None


class Unban(Command, tag="unban"):
    """Let a banned key, address or range in again."""

    number: Number
    who: str


class Mute(Command, tag="mute"):
    """Take nothing from a person that others would see."""

    number: Number
    who: str
    reason: str = ""
    seconds: Seconds | None = None


class Unmute(Command, tag="unmute"):
    """Let a person speak again."""

    number: Number
    who: str


class Delete(Command, tag="delete"):
    """Show a message to nobody any more; one's own, or as a moderator anybody's."""

    number: Number
    seq: Sequence
    reason: str = ""


class Grant(Command, tag="grant"):
    """Give a person, or a key that was never here, another role."""

    number: Number
    who: str
    role: Role


class Transfer(Command, tag="transfer"):
    """Give the nick, its rooms and its role to another key: one's own, or as an admin anybody's."""

    number: Number
    who: str  # empty: mine
    key: str  # as an invite writes it, or the nick of somebody who is here


class Revoke(Command, tag="revoke"):
    """Take nick, registration and role from a key: one's own, or as an admin anybody's."""

    number: Number
    who: str  # empty: mine
    reason: str = ""


class Rule(Command, tag="rule"):
    """Set a rule of the broker or of a room; see PROTOCOL.md for which there are."""

    number: Number
    where: str  # '*' for the broker, or '#room'
    name: str
    value: str
    reason: str = ""
    seconds: Seconds | None = None  # what is closed or locked opens by itself then


class Rules(Command, tag="rules"):
    """Ask for the rules of the broker or of a room."""

    number: Number
    where: str


class Admit(Command, tag="admit"):
    """Let a person into a private room, or put it out of it."""

    number: Number
    room: str
    who: str
    let: bool = True


class Invite(Command, tag="invite"):
    """Make a token with which so many new keys may come in."""

    number: Number
    role: Role = "member"
    uses: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1
    seconds: Seconds | None = None


class Invites(Command, tag="invites"):
    """Ask which tokens are still good."""

    number: Number


class Uninvite(Command, tag="uninvite"):
    """Withdraw a token."""

    number: Number
    invite: Sequence


class Audit(Command, tag="audit"):
    """Ask what those with a role did, the latest first."""

    number: Number
    limit: Number = 50
    before: Sequence | None = None


class Down(Command, tag="down"):
    """Take the broker down after `seconds`."""

    number: Number
    seconds: Annotated[float, msgspec.Meta(ge=0, le=86_400)] = 0.0
    reason: str = ""


class Stay(Command, tag="stay"):
    """Do not take the broker down after all."""

    number: Number
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
    | Share
    | Typing
    | Bye
    | Register
    | Unregister
    | Kick
    | Ban
    | Unban
    | Mute
    | Unmute
    | Delete
    | Grant
    | Transfer
    | Revoke
    | Rule
    | Rules
    | Admit
    | Invite
    | Invites
    | Uninvite
    | Audit
    | Down
    | Stay
)
