"""What a user of the library sees: messages, and what happened to the connection. Data only; knows no state.

Messages are durable and numbered; events are what goes on around them and are forgotten once read. The wire's own
Gap, Presence, RoomChange, Ruled, Moderated, Deleted, Storing, Person and others are plain enough to be passed on.

All are frozen structs: a dataclass takes five times as long to make, and its class many times as long to import.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, TypeAlias

import msgspec

from messages import Deleted, Gap, Moderated, Presence, Registration, RoomChange, Ruled, Sharing, Staying, Storing

Kind: TypeAlias = Literal["text", "announcement"]


class Message(msgspec.Struct, frozen=True, gc=False):
    """One accepted message as this client sees it."""

    seq: int  # its place in the one order of all that was accepted
    at: datetime  # when the broker accepted it, in local time; for people, never for order
    sender: str  # the nick that wrote it, as it was then
    target: str  # '@nick', '#room' or '*'
    kind: Kind  # text or announcement
    body: str  # as it was written: give it to messages.harmless before it reaches a terminal
    title: str = ""  # announcements only
    priority: str = ""  # announcements only: low, normal, high or urgent
    own: bool = False  # its sender's nick equals ours: this account on any device, or who had the nick before
    missed: bool = False  # said while this client was away, and delivered when it came back

    def as_json(self) -> dict[str, Any]:
        """The message as `--json` prints it: seq, at (ISO 8601), from, to, kind, body; title and priority if any."""
        fields: dict[str, Any] = {
            "seq": self.seq,
            "at": self.at.isoformat(timespec="milliseconds"),
            "from": self.sender,
            "to": self.target,
            "kind": self.kind,
            "body": self.body,
        }
        if self.kind == "announcement":
            fields |= {"title": self.title, "priority": self.priority}
        return fields


class Page(msgspec.Struct, frozen=True):
    """A stretch of a conversation, oldest message first."""

    messages: list[Message]  # as many as were asked for, or fewer
    before: int | None  # ask again with this to read further back; None: there is nothing older
    cut: bool = False  # what was said before these is no longer kept by the broker


class Connecting(msgspec.Struct, frozen=True):
    """There is no connection; attempt number `attempt` starts in `retry_in` seconds."""

    attempt: int  # counts from 1 since the last connection
    why: str  # why the last attempt failed, a sentence; empty before the first
    retry_in: float  # seconds


class Connected(msgspec.Struct, frozen=True):
    """The broker knows us; what was sent meanwhile is on its way."""

    nick: str  # the one we have now
    resumed: bool  # the broker had kept the session: to the others we were never gone
    rooms: tuple[str, ...]  # in which we are
    role: str  # guest, member, announcer, moderator, admin or owner
    broker: str = ""  # name and version
    again: bool = False  # not the first connection of this client
    registered: bool = False  # nick, rooms and mail are kept while we are away


class CaughtUp(msgspec.Struct, frozen=True):
    """All that was said while we were away has come. Not told when the broker had nothing new at all."""

    missed: int  # so many messages of it were for us


class Reached(msgspec.Struct, frozen=True):
    """A message of ours that is tracked (see Receipt.track) has reached somebody else."""

    seq: int  # which message
    delivered_to: Mapping[int, str]  # all people whose clients took it, as far as is known: see Receipt.delivered_to
    read_by: Mapping[int, str]  # and those of them to whom it was shown


class Composing(msgspec.Struct, frozen=True):
    """Somebody is writing something, or no more. That it is over is always told, at the latest some seconds later."""

    nick: str  # who
    where: str  # '#room'; '@nick', the same, when it is for us
    on: bool = True  # writing; else no more


class NotKept(msgspec.Struct, frozen=True):
    """What is said with keep=True is in memory only, from now on or since the start; or a leftover was put aside."""

    text: str  # a sentence


class Slowed(msgspec.Struct, frozen=True):
    """We were faster than the broker allows: what is unanswered goes out again, in order, after so many seconds."""

    seconds: float  # of pause


class NotRemembered(msgspec.Struct, frozen=True):
    """The key of this broker could not be written down: the next run needs its invite again."""

    text: str  # a sentence


class Restored(msgspec.Struct, frozen=True):
    """The broker goes on from an earlier state of its log: what was accepted last before that is gone, for everyone.

    Sequences above `after` that are known from before mean nothing any more.
    """

    after: int  # the last sequence that still means what it meant


class Disconnected(msgspec.Struct, frozen=True):
    """The connection broke; the client connects again by itself."""

    why: str  # a sentence


class Refused(msgspec.Struct, frozen=True):
    """The broker is there but refuses this nick: try Client.retry_as. The client itself asks again now and then."""

    code: str  # nick_taken or nick_invalid
    text: str  # a sentence


class Dismissed(msgspec.Struct, frozen=True):
    """The broker ended this session for good, or is the wrong one; the client does not connect again."""

    code: str  # one of messages.Code, or wrong_broker
    text: str  # a sentence


class ServerClosing(msgspec.Struct, frozen=True):
    """The broker will go down."""

    by: str  # the nick of the admin, or empty
    seconds: float  # from now on
    reason: str  # may be empty


class ServerClosed(msgspec.Struct, frozen=True):
    """The broker went down on purpose; the client connects again when it is back."""

    by: str  # as in ServerClosing
    reason: str  # may be empty


ClientEvent: TypeAlias = (
    Connecting
    | Connected
    | CaughtUp
    | Composing
    | NotKept
    | NotRemembered
    | Reached
    | Slowed
    | Restored
    | Disconnected
    | Refused
    | Dismissed
    | ServerClosing
    | ServerClosed
    | Gap
    | Presence
    | RoomChange
    | Ruled
    | Moderated
    | Deleted
    | Registration
    | Sharing
    | Staying
    | Storing
)
"""What `Client.events` yields: what happens around the messages."""
