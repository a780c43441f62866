"""What can be refused: the codes of the wire, and the errors this package raises.

    MessageError(ValueError)
    ├── DecodeError    bytes that are not a batch at all
    ├── InvalidName    a nick, room, target or topic outside the grammar
    └── InvalidAddress a broker address that cannot be read

Codes are for programs, the text beside them is for people. DISMISSING codes end the session: the client must not
reconnect by itself.
"""

from __future__ import annotations

from enum import StrEnum


class Code(StrEnum):
    """Why a command was refused or a session ended."""

    VERSION = "version"  # the Hello's protocol version is not spoken here
    MALFORMED = "malformed"  # not a command of this protocol, or its fields have other types
    HELLO_FIRST = "hello_first"  # a command before Hello
    NICK_TAKEN = "nick_taken"  # another account holds this nick
    NICK_INVALID = "nick_invalid"  # outside the grammar, reserved, or too much like another
    NO_SUCH_NICK = "no_such_nick"  # nobody of that name is here
    NO_SUCH_ROOM = "no_such_room"  # nobody ever made such a room
    TARGET_INVALID = "target_invalid"  # not '@nick', '#room' or '*'
    NOT_IN_ROOM = "not_in_room"  # the account is not in that room
    EMPTY = "empty"  # nothing but white space
    TOO_LONG = "too_long"  # above a limit in bytes
    NOT_ALLOWED = "not_allowed"  # wants a higher role, or a rule is against it
    MUTED = "muted"  # a moderator has muted this account
    TOO_FAST = "too_fast"  # Rejected.again says when it may be sent again
    TOO_MANY = "too_many"  # sessions, rooms or invites
    NOT_INVITED = "not_invited"  # this broker lets in known keys, or those with an invite's token, only
    BANNED = "banned"  # this key, or this address, may not come in
    KICKED = "kicked"  # a moderator ended the sessions of this account
    REPLACED = "replaced"  # the same device connected again, and that newer connection counts
    NOT_STORED = "not_stored"  # the broker cannot write its log; nothing was accepted
    NOT_READ = "not_read"  # the broker cannot read its log at that place
    NOT_TRACKED = "not_tracked"  # not a message of yours that is kept, or one posted to a room or to everyone
    FORGOTTEN = "forgotten"  # a retry of a command which was refused or never arrived, and newer ones were accepted


DISMISSING = frozenset(
    {Code.VERSION, Code.NOT_INVITED, Code.BANNED, Code.KICKED, Code.REPLACED}
)  # they end the session


class MessageError(ValueError):
    """Base of what this package raises; its text is a sentence for the person."""


class DecodeError(MessageError):
    """The bytes are not a MessagePack array of commands or events."""


class InvalidName(MessageError):
    """A nick, room, target or topic that the grammar does not allow."""


class InvalidAddress(MessageError):
    """A broker address or invite that cannot be read."""
