"""The client side of confab: `from client import Client`, for consoles, shell commands and any script."""

from __future__ import annotations

from messages import Gap, InvalidName, Person, Presence, RoomChange, RoomInfo, Storing

from .client import Client
from .errors import Broken, ClientError, Closed, NotConfigured, OutboxFull, Rejected, Unreachable
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
    "Disconnected",
    "Dismissed",
    "Gap",
    "InvalidName",
    "Message",
    "NotConfigured",
    "NotKept",
    "OutboxFull",
    "Page",
    "Person",
    "Presence",
    "Reached",
    "Receipt",
    "Refused",
    "Rejected",
    "RoomChange",
    "Storing",
    "RoomInfo",
    "ServerClosed",
    "ServerClosing",
    "Unreachable",
    "__version__",
]
