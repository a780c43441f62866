"""What the client library raises. Every text is a sentence for the person; Rejected carries a code for programs.

    ClientError
    ├── Rejected       the broker refused (or surely would): `code` says why, trying again alone will not help
    │   └── WrongBroker  another broker than the expected one is there, and was sent nothing
    ├── Unreachable    no broker answered; trying again later may help
    ├── NotReached     accepted, but not known to have come as far as was waited for; also a TimeoutError
    ├── OutboxFull     too much is unanswered already; wait for receipts, then send again
    ├── NotConfigured  this machine lacks an address, a key or a usable folder: to be mended before anything else
    ├── IdentityRefused  a key was not exported or imported, since something is in its way; nothing was changed
    ├── WrongSetting   there is no such setting, or it cannot have that value; nothing was changed
    ├── Closed         the client was closed, by its own user
    └── Broken         a bug in this library ended its thread; the cause is attached

A wait that runs out while a connection is up raises the built-in TimeoutError. A name outside the grammar raises
messages.InvalidName before anything is sent.
"""

from __future__ import annotations

WRONG_BROKER = "wrong_broker"  # a code of this side, beside those of messages.Code


class ClientError(Exception):
    """Base of what this package raises by itself."""


class Rejected(ClientError):
    """The broker said no, or surely would.

    `code` is one of messages.Code, or one that a newer broker knows; `text` a sentence for the person.
    """

    def __init__(self, code: str, text: str) -> None:
        super().__init__(code, text)
        self.code = code
        self.text = text

    def __str__(self) -> str:
        return self.text


class WrongBroker(Rejected):
    """Who is at the broker's address says that its key is another one: for people to settle. `code` is WRONG_BROKER."""


class Unreachable(ClientError):
    """No broker answered in time."""


class NotReached(ClientError, TimeoutError):
    """The message is accepted; that as many people have it as were waited for is not known, in time or ever."""


class OutboxFull(ClientError):
    """Nothing more is taken until the broker has answered some of what is waiting."""


class NotConfigured(ClientError):
    """No usable broker address, key or folder on this machine."""


class IdentityRefused(ClientError):
    """A key was not written to a file, or not taken from one; nothing was changed."""


class WrongSetting(ClientError):
    """What was asked of the settings makes no sense; they stay as they are."""


class Closed(ClientError):
    """The client has been closed."""


class Broken(ClientError):
    """The client's thread ended by a bug of this library."""
