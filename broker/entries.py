"""What the log holds: one struct for each durable thing that can happen. Only data; `state` gives it meaning.

People are named by key where an entry may bring their account into being, and by account id (the sequence of that first
entry) elsewhere, which keeps a post small. A post keeps the names as they were, because history shows what people saw.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import msgspec

from messages import Priority, Role

EVERYONE_ID = 0  # what `to` holds for '*'; sequences start at 1, so no account or room has it


class Span(NamedTuple):
    """A stretch of the log: what comes behind `after`, up to `upto`. The default is empty."""

    after: int = 0
    upto: int = 0

    def covers(self, seq: int) -> bool:
        """Whether a sequence lies in it."""
        return self.after < seq <= self.upto

    def beyond(self, before: Span) -> Span:
        """What is in this one and was not when it reached only as far as `before`."""
        return Span(max(self.after, before.upto), self.upto)

    def joined(self, other: Span) -> Span:
        """Both as one where they meet; else the one that reaches further, since only one is kept."""
        if max(self.after, other.after) > min(self.upto, other.upto):
            return max(self, other, key=lambda span: (span.upto > span.after, span.upto))
        return Span(min(self.after, other.after), max(self.upto, other.upto))


class Reach(NamedTuple):
    """How far somebody has come with what was said: what a client of theirs took, and what it showed."""

    delivered: Span = Span()
    read: Span = Span()

    def joined(self, other: Reach) -> Reach:
        """What one of them or the other reached."""
        return Reach(self.delivered.joined(other.delivered), self.read.joined(other.read))


class Entry(msgspec.Struct, array_like=True, gc=False):
    """Base of all entries."""


class Posted(Entry, tag="posted"):
    """A message: from a device's account to an account, a room or everyone."""

    device: int  # device id and the device's number: how a retry is known
    number: int
    account: int
    to: int  # account id, room id, or EVERYONE_ID
    sender: str  # the nick spoken as
    target: str  # the wire form of `to`, as it was then
    body: str


class Announced(Entry, tag="announced"):
    """An announcement; the first fields are those of Posted."""

    device: int
    number: int
    account: int
    to: int
    sender: str
    target: str
    body: str
    title: str
    priority: Priority


class Named(Entry, tag="named"):
    """A key asks for a nick; the first to ask has it. Makes the account when the key is new."""

    key: bytes
    nick: str
    quiet: bool = False  # asked for by a script that does not announce itself


class Released(Entry, tag="released"):
    """An account has no session left: a guest's nick is free and it is in no room; a registered one is away."""

    account: int
    reason: str
    taken: int = 0  # everything up to here was delivered to its last person's session; 0: to none
    reach: Reach = Reach()  # what is known to have been delivered and read, by any of its sessions


class Reached(Entry, tag="reached"):
    """A registered account has come so far; written now and then, and when the broker goes down. Fields of Released."""

    account: int
    taken: int
    reach: Reach


class Registered(Entry, tag="registered"):
    """An account keeps its nick, its rooms and its mail while it is away, or is a guest again."""

    account: int
    kept: bool


class Shared(Entry, tag="shared"):
    """An account lets the senders of messages know that it has read them, or does so no more."""

    account: int
    on: bool


class Untold(Entry, tag="untold"):
    """A device was put out, and may not have read why; with an empty text it has."""

    device: int
    text: str


class Installed(Entry, tag="installed"):
    """An account speaks through a new device."""

    key: bytes
    device: bytes


class Joined(Entry, tag="joined"):
    """An account enters a room, which is made when new. Without a nick it has no effect."""

    key: bytes
    room: str


class Lost(Entry, tag="lost"):
    """Nothing: it stands in the place of an entry that was lost to damage when the log was repaired."""


class Left(Entry, tag="left"):
    """An account leaves a room."""

    account: int
    room: int


# --- what somebody with a role did: the audit trail ---------------------------------------------------------------


class Deed(Entry):
    """Base of what is done to others: the nick that did it, as it was then, and its account.

    Who it is done to is an account, and `whom`, the nick that it went by; empty in older logs.
    """

    by: str
    actor: int  # account id; 0: the operator


class Granted(Deed, tag="granted"):
    """An account has another role."""

    account: int
    role: Role
    whom: str = ""


class Admitted(Deed, tag="admitted"):
    """A key may come in, with a role, whatever the access; makes the account when the key is new."""

    key: bytes
    role: Role


class Kicked(Deed, tag="kicked"):
    """An account's sessions were ended, and it may not come in again for some time."""

    account: int
    reason: str
    whom: str = ""
    until: int | None = None  # ms since the epoch; None: it may come again at once


class Banned(Deed, tag="banned"):
    """An account may not come in."""

    account: int
    reason: str
    until: int | None  # ms since the epoch; None: for good
    whom: str = ""


class Unbanned(Deed, tag="unbanned"):
    """A banned account may come in again."""

    account: int
    whom: str = ""


class Barred(Deed, tag="barred"):
    """Nobody may come in from a network."""

    network: str  # as ipaddress writes it
    reason: str
    until: int | None


class Unbarred(Deed, tag="unbarred"):
    """One may come in from a network again."""

    network: str


class Muted(Deed, tag="muted"):
    """Nothing that others would see is taken from an account."""

    account: int
    reason: str
    until: int | None
    whom: str = ""


class Unmuted(Deed, tag="unmuted"):
    """An account may speak again."""

    account: int
    whom: str = ""


class Removed(Deed, tag="removed"):
    """A message is shown no more."""

    seq: int
    reason: str
    sender: str  # of that message, as it says
    account: int
    to: int


class Transferred(Deed, tag="transferred"):
    """A nick, its rooms, its registration and its role pass to another key. Makes that account when the key is new."""

    account: int
    key: bytes
    renames: bool = False  # also a key that goes by a nick now
    whom: str = ""


class Revoked(Deed, tag="revoked"):
    """An account is a guest without a nick again."""

    account: int
    reason: str
    whom: str = ""


class Ruled(Deed, tag="ruled"):
    """A rule of the broker, or of a room, has another value."""

    room: int  # 0: the broker
    name: str
    value: str
    reason: str
    until: int | None = None  # ms since the epoch: then it is off again; None: as long as nobody sets it


class Opened(Deed, tag="opened"):
    """An account may enter a private room, or may no longer and is put out of it."""

    account: int
    room: int
    let: bool = True
    whom: str = ""


class Downed(Deed, tag="downed"):
    """The broker is taken down."""

    seconds: float
    reason: str


class Stayed(Deed, tag="stayed"):
    """The broker is not taken down after all."""

    reason: str


class Invited(Deed, tag="invited"):
    """A token lets so many new keys in. Its id is this entry's sequence."""

    digest: bytes  # SHA-256 of the token, which is stored nowhere
    role: Role
    uses: int
    until: int | None


class Uninvited(Deed, tag="uninvited"):
    """A token lets nobody in any more."""

    invite: int


class Redeemed(Deed, tag="redeemed"):
    """A key came with a token, the first ones as often as it is good for; makes the account when the key is new."""

    key: bytes
    invite: int


Said: TypeAlias = Posted | Announced
AnyDeed: TypeAlias = (
    Granted
    | Admitted
    | Kicked
    | Banned
    | Unbanned
    | Barred
    | Unbarred
    | Muted
    | Unmuted
    | Removed
    | Transferred
    | Revoked
    | Ruled
    | Opened
    | Downed
    | Stayed
    | Invited
    | Uninvited
    | Redeemed
)
AnyEntry: TypeAlias = (
    Said | Named | Released | Reached | Registered | Shared | Untold | Installed | Joined | Left | Lost | AnyDeed
)
