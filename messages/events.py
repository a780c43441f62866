"""What the broker says to a client: answers, deliveries, and what goes on around. One struct an event.

On the wire an event is a MessagePack array: its name, then its fields in the order below. Times are milliseconds since
the Unix epoch by the broker's clock, for people to read; order is `seq` alone. A client ignores events it does not
know.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from .commands import Priority

Coming: TypeAlias = Literal["joined", "left", "lost", "back", "renamed", "away", "here"]  # see Presence


class Event(msgspec.Struct, array_like=True, gc=False):
    """Base of all events."""


# --- answers -------------------------------------------------------------------------------------------------------


class Welcome(Event, tag="welcome"):
    """Hello was accepted."""

    protocol: int
    nick: str  # the nick this session speaks as
    head: int  # the newest sequence at this moment
    after: int  # entries after this one will be delivered
    resumed: bool  # the account's session was still held: rooms and nick are as they were
    last_number: int  # this device's highest accepted number; go on above it
    rooms: list[str]
    role: str
    broker: str  # name and version
    registered: bool = False  # the nick, the rooms and the mail are kept while away
    timeline: bytes = b""  # of the log; another one than before: sequences behind `after` mean other entries
    sharing: bool = True  # senders may learn what this account has read


class Accepted(Event, tag="accepted"):
    """`count` commands from `number` on are committed as consecutive sequences from `seq` on."""

    number: int
    seq: int
    count: int = 1


class Done(Event, tag="done"):
    """A command that writes nothing to the log was carried out."""

    number: int


class Rejected(Event, tag="rejected"):
    """A command was refused and changed nothing; number 0: the Hello, or something that carried no number."""

    number: int
    code: str
    text: str
    again: float = 0.0  # too_fast: what is sent again after so many seconds is taken


class Person(msgspec.Struct, array_like=True, gc=False):
    """One line of the roster."""

    nick: str  # as its holder writes it
    since: int  # when this person came, in ms since the epoch
    rooms: list[str]  # those that the one who asks may know of
    away: str = ""  # why; empty: here
    role: str = "guest"  # one of ROLES
    lost: bool = False  # the connection broke and the lease still runs


class Roster(Event, tag="roster"):
    """Answer to Who."""

    number: int
    people: list[Person]


class RoomInfo(msgspec.Struct, array_like=True, gc=False):
    """One line of the room list."""

    name: str  # with its #
    people: int  # how many are in it now, quiet ones not counted
    joined: bool  # by the one who asks
    topic: str = ""  # one line; empty: none
    private: bool = False  # for those who were let in; others are not told of it


class RoomList(Event, tag="room_list"):
    """Answer to Rooms."""

    number: int
    rooms: list[RoomInfo]


class Pong(Event, tag="pong"):
    """Answer to Ping, or with token 0 unasked, when a session that was behind has caught up.

    Every delivery up to `head` has been sent to this session.
    """

    token: int
    head: int


# --- deliveries ----------------------------------------------------------------------------------------------------


class Message(Event, tag="message"):
    """A committed post, seen by its recipients and the sender's other devices."""

    seq: int
    at: int
    sender: str
    to: str
    body: str


class Announcement(Event, tag="announcement"):
    """A committed announcement."""

    seq: int
    at: int
    sender: str
    to: str
    body: str
    title: str
    priority: Priority


class Gap(Event, tag="gap"):
    """What came behind `after` up to `until` is no longer kept, or damaged; deliveries go on behind it."""

    after: int  # a sequence
    until: int  # a sequence
    at: int = 0  # when the oldest that is kept was committed; 0: nothing is, or the gap is one of damage


class HistoryPage(Event, tag="history_page"):
    """Answer to History and Search: oldest first."""

    number: int
    to: str
    items: list[Message | Announcement]
    before: int | None  # ask again with this to read further back; None: nothing older
    cut: bool = False  # what was said before these is no longer kept


class RuleList(Event, tag="rule_list"):
    """Answer to Rules: what holds, defaults included."""

    number: int
    where: str
    rules: list[tuple[str, str]]  # name and value


class Invited(Event, tag="invited"):
    """Answer to Invite. The broker keeps no copy of the token, so it cannot be asked for again."""

    number: int
    invite: int  # its number, for Uninvite
    token: str


class InviteInfo(msgspec.Struct, array_like=True, gc=False):
    """One line of the list of invites."""

    invite: int  # its number
    role: str  # which whoever comes in with it gets
    left: int  # so many keys may still come in with it
    until: int | None  # ms since the epoch; None: no end
    by: str  # who made it


class InviteList(Event, tag="invite_list"):
    """Answer to Invites."""

    number: int
    invites: list[InviteInfo]


class Deed(msgspec.Struct, array_like=True, gc=False):
    """One line of the audit trail: somebody with a role did something."""

    seq: int  # its place in the log
    at: int  # ms since the epoch
    what: str  # as the command is called, or 'joined by invite'
    by: str  # the nick as it was then
    whom: str = ""  # a nick as it was then, a room, a key, an address, or the number of a message
    detail: str = ""  # a role, or a rule and its value
    reason: str = ""  # may be empty
    until: int | None = None  # ms since the epoch, for what ends by itself


class AuditPage(Event, tag="audit_page"):
    """Answer to Audit: oldest first."""

    number: int
    deeds: list[Deed]
    before: int | None  # ask again with this to read further back; None: nothing older


class Recipient(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One of those who have a message."""

    person: int  # the same in every progress, whatever the person is called by then
    nick: str


class Progress(Event, tag="progress"):
    """Who else was delivered, and who else has read, a message that this session tracks."""

    seq: int
    delivered: list[Recipient]
    read: list[Recipient]


# --- what goes on around (never stored) ----------------------------------------------------------------------------


class Presence(Event, tag="presence"):
    """A person came, went, broke off, is back, took another nick, is away or here again."""

    nick: str  # whose
    what: Coming  # joined, left, lost, back, renamed, away or here
    text: str = ""  # the new nick for renamed, else the reason or away text


class RoomChange(Event, tag="room_change"):
    """A person entered or left a room of mine."""

    room: str  # with its #
    nick: str  # whose; may be ours
    joined: bool  # entered; else left


class Typist(Event, tag="typing"):
    """A person is writing something for me, or for a room of mine, or is no more; forgotten after TYPING_SECONDS."""

    nick: str
    to: str  # '@' and my nick, or '#room'
    on: bool = True


class Ruled(Event, tag="ruled"):
    """A rule of the broker, or of a room of mine, has another value."""

    where: str  # '*' or '#room'
    name: str  # of the rule
    value: str  # as it is now
    by: str  # the nick of who set it
    reason: str = ""  # may be empty
    seconds: float | None = None  # until it is off again by itself; None: as long as nobody sets it


class Moderated(Event, tag="moderated"):
    """Something was done to me: muted, unmuted, granted, transferred, let into a room or put out of it."""

    what: str  # muted, unmuted, granted, opened, expelled or transferred
    by: str  # the nick of who did it
    detail: str = ""  # the role, the nick, or the room
    reason: str = ""  # may be empty
    seconds: float | None = None  # for so long; None: until somebody changes it


class Deleted(Event, tag="deleted"):
    """A message that was delivered is to be shown no more."""

    seq: int  # of the message
    by: str  # the nick of who deleted it
    reason: str = ""  # may be empty


class Registration(Event, tag="registration"):
    """A device of mine, maybe this one, registered my account, or ended that."""

    kept: bool  # nick, rooms and mail are kept while I am away


class Sharing(Event, tag="sharing"):
    """A device of mine, maybe this one, chose whether senders may learn what I have read."""

    on: bool  # they may


class Storing(Event, tag="storing"):
    """The broker cannot write its log any more and accepts nothing, or it can again."""

    ok: bool  # it can write
    text: str  # a sentence


class Closing(Event, tag="closing"):
    """The broker goes down in `seconds`."""

    by: str
    seconds: float
    reason: str


class Staying(Event, tag="staying"):
    """The broker does not go down after all."""

    by: str  # the nick of the admin
    reason: str  # may be empty


class Closed(Event, tag="closed"):
    """The broker's last word; reconnecting later is fine."""

    by: str
    reason: str


class Dismissed(Event, tag="dismissed"):
    """This session is over; do not reconnect by yourself."""

    code: str
    text: str


AnyEvent: TypeAlias = (
    Welcome
    | Accepted
    | Done
    | Rejected
    | Roster
    | RoomList
    | Pong
    | Message
    | Announcement
    | Gap
    | HistoryPage
    | RuleList
    | Invited
    | InviteList
    | AuditPage
    | Progress
    | Presence
    | RoomChange
    | Typist
    | Ruled
    | Moderated
    | Deleted
    | Registration
    | Sharing
    | Storing
    | Closing
    | Staying
    | Closed
    | Dismissed
)
