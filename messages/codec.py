"""Bytes to batches and back. One frame holds a MessagePack array of commands (client to broker) or events.

Decoding is strict and forgiving at once: a whole batch is decoded in one call, and only when that fails is it taken
apart, so that one bad command among good ones costs nothing but itself.
"""

from __future__ import annotations

import contextlib
import re
from typing import cast

import msgspec

from .commands import AnyCommand
from .errors import Code, DecodeError
from .events import AnyEvent
from .limits import BATCH_COMMANDS, PROTOCOL


class Malformed(msgspec.Struct, frozen=True, gc=False):
    """Stands in a decoded batch for a command that was none: the answer it deserves."""

    number: int
    code: Code
    text: str


class _Head(msgspec.Struct, array_like=True, gc=False):
    """How a command begins. What stands behind that is skipped, and made nothing of."""

    name: msgspec.Raw
    number: msgspec.Raw


_encoder = msgspec.msgpack.Encoder()
_commands: msgspec.msgpack.Decoder[list[AnyCommand]] = msgspec.msgpack.Decoder(list[AnyCommand])
_command: msgspec.msgpack.Decoder[AnyCommand] = msgspec.msgpack.Decoder(AnyCommand)
_events: msgspec.msgpack.Decoder[list[AnyEvent]] = msgspec.msgpack.Decoder(list[AnyEvent])
_event: msgspec.msgpack.Decoder[AnyEvent] = msgspec.msgpack.Decoder(AnyEvent)
_parts = msgspec.msgpack.Decoder(list[msgspec.Raw])
_head = msgspec.msgpack.Decoder(_Head)
_name = msgspec.msgpack.Decoder(str)
_number = msgspec.msgpack.Decoder(int)

_QUOTED = re.compile(r""" (['"]).*\1""", re.DOTALL)
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)  # all that msgspec raises for any bytes

encode_commands = encode_events = _encoder.encode
"""Encode a list of commands or events as one frame; never fails on structs of this package."""


def decode_commands(frame: bytes) -> list[AnyCommand | Malformed]:
    """Decode a client's frame; what is no command stands as Malformed in its place.

    Raises DecodeError when the frame is not a MessagePack array, or one of more than BATCH_COMMANDS.
    """
    if len(frame) > BATCH_COMMANDS:
        _check_length(frame)
    try:
        return cast("list[AnyCommand | Malformed]", _commands.decode(frame))
    except _UNREADABLE:
        return [_command_or_malformed(part) for part in _split(frame)]


def decode_events(frame: bytes) -> list[AnyEvent]:
    """Decode a broker's frame, leaving out events this version does not know.

    Raises DecodeError when the frame is not a MessagePack array.
    """
    try:
        return _events.decode(frame)
    except _UNREADABLE:
        return [event for part in _split(frame) if (event := _event_or_none(part)) is not None]


def _check_length(frame: bytes) -> None:
    """Look at what the frame says of its length before anything is read: it has room for a quarter of a million."""
    size = {0xDC: 2, 0xDD: 4}.get(frame[0], 0)  # bytes of the length; what has it in its first byte is short
    length = int.from_bytes(frame[1 : 1 + size], "big")
    if length > BATCH_COMMANDS:
        raise DecodeError(f"A frame may hold {BATCH_COMMANDS} commands, this one had {length}; none was read.")


def _split(frame: bytes) -> list[msgspec.Raw]:
    try:
        return _parts.decode(frame)
    except _UNREADABLE as error:
        raise DecodeError("A frame must be one MessagePack array of commands or events.") from error


def _command_or_malformed(part: msgspec.Raw) -> AnyCommand | Malformed:
    try:
        return _command.decode(part)
    except _UNREADABLE as error:
        return _explain(part, error)


def _explain(part: msgspec.Raw, error: Exception) -> Malformed:
    """Say what is wrong, under the command's number as far as that can be read."""
    name, number = "", 0
    with contextlib.suppress(*_UNREADABLE):
        head = _head.decode(part)
        number = _number.decode(head.number)
        name = _name.decode(head.name)
    if name == "hello" and number != PROTOCOL:
        return version_refusal(number)
    whole = number if 0 <= number < 2**63 else 0
    return Malformed(whole, Code.MALFORMED, f"This is not a command of protocol {PROTOCOL}: {_reason(error)}.")


def _reason(error: Exception) -> str:
    """What msgspec found wrong, without the value that was wrong: it may be private, or endless."""
    if isinstance(error, UnicodeDecodeError):
        return "a text is not valid UTF-8"
    return _QUOTED.sub("", str(error))


def version_refusal(spoken: int) -> Malformed:
    """The answer to a Hello of another protocol version."""
    return Malformed(
        0, Code.VERSION, f"This broker speaks protocol {PROTOCOL}, you spoke {spoken}; install a matching version."
    )


def _event_or_none(part: msgspec.Raw) -> AnyEvent | None:
    try:
        return _event.decode(part)
    except _UNREADABLE:
        return None
