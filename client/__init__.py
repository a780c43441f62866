"""The client side of confab: `from client import Client`, for consoles, shell commands and any script."""

from __future__ import annotations

from messages import (
    Deed,
    Deleted,
    Gap,
    InvalidName,
    InviteInfo,
    Moderated,
    Person,
    Presence,
    RoomChange,
    RoomInfo,
    Ruled,
    Storing,
)

from .client import Client
from .errors import Broken, ClientError, Closed, NotConfigured, NotReached, OutboxFull, Rejected, Unreachable
from .model import (
    CaughtUp,
    ClientEvent,
    Connected,
    Connecting,
    Disconnected,
    Dismissed,
    Message,
    NotKept,
    Page,
    Reached,
    Refused,
    ServerClosed,
    ServerClosing,
    Slowed,
)
from .receipt import Receipt
from .version import __version__

__all__ = [
    "Broken",
    "CaughtUp",
    "Client",
    "ClientError",
    "ClientEvent",
    "Closed",
    "Connected",
    "Connecting",
    "Deed",
    "Deleted",
    "Disconnected",
    "Dismissed",
    "Gap",
    "InvalidName",
    "InviteInfo",
    "Message",
    "Moderated",
    "NotConfigured",
    "NotKept",
    "NotReached",
    "OutboxFull",
    "Page",
    "Person",
    "Presence",
    "Reached",
    "Receipt",
    "Refused",
    "Rejected",
    "RoomChange",
    "RoomInfo",
    "Ruled",
    "ServerClosed",
    "ServerClosing",
    "Slowed",
    "Storing",
    "Unreachable",
    "__version__",
]
