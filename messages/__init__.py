"""The wire between confab's clients and its broker: commands, events, codec, names, limits, error codes.

Imports nothing of the other packages and never zmq. PROTOCOL.md beside this file is the same, for any language.
"""

from __future__ import annotations

from .address import DEFAULT_ENDPOINT, Address, key_text, parse_address, parse_key
from .codec import (
    Malformed,
    decode_commands,
    decode_events,
    encode_commands,
    encode_events,
    join_batches,
    version_refusal,
)
from .commands import (
    Announce,
    AnyCommand,
    Away,
    Ban,
    Bye,
    Command,
    Down,
    Feed,
    Grant,
    Hello,
    History,
    Join,
    Kick,
    Leave,
    Ping,
    Post,
    Priority,
    Rename,
    Rooms,
    Unban,
    Who,
)
from .errors import DISMISSING, Code, DecodeError, InvalidAddress, InvalidName, MessageError
from .events import (
    Accepted,
    Announcement,
    AnyEvent,
    Closed,
    Closing,
    Coming,
    Dismissed,
    Done,
    Event,
    HistoryPage,
    Message,
    Person,
    Pong,
    Presence,
    Rejected,
    RoomChange,
    RoomInfo,
    RoomList,
    Roster,
    Welcome,
)
from .home import Home, Local, find_home
from .limits import (
    BATCH_COMMANDS,
    BODY_BYTES,
    DEFAULT_PORT,
    FRAME_BYTES,
    HELLO_SECONDS,
    HISTORY_BYTES,
    HISTORY_PAGE,
    LEASE_SECONDS,
    NICK_LENGTH,
    PING_SECONDS,
    PROTOCOL,
    REASON_BYTES,
    RETRY_WINDOW,
    ROOM_LENGTH,
    SILENCE_SECONDS,
    TITLE_BYTES,
)
from .names import EVERYONE, GENERAL, check_nick, check_room, check_target, fold
from .text import harmless
