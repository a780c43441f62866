"""Bytes to batches and back. One frame holds a MessagePack array of commands (client to broker) or events.

Decoding is strict and forgiving at once: a whole batch is decoded in one call, and only when that fails is it taken
apart, so that one bad command among good ones costs nothing but itself.
"""

from __future__ import annotations

from typing import cast

import msgspec

from .commands import AnyCommand
from .errors import Code, DecodeError
from .events import AnyEvent
from .limits import PROTOCOL


class Malformed(msgspec.Struct, frozen=True, gc=False):
    """Stands in a decoded batch for a command that was none: the answer it deserves."""

    number: int
    code: Code
    text: str


_encoder = msgspec.msgpack.Encoder()
_commands: msgspec.msgpack.Decoder[list[AnyCommand]] = msgspec.msgpack.Decoder(list[AnyCommand])
_command: msgspec.msgpack.Decoder[AnyCommand] = msgspec.msgpack.Decoder(AnyCommand)
_events: msgspec.msgpack.Decoder[list[AnyEvent]] = msgspec.msgpack.Decoder(list[AnyEvent])
_event: msgspec.msgpack.Decoder[AnyEvent] = msgspec.msgpack.Decoder(AnyEvent)
_parts = msgspec.msgpack.Decoder(list[msgspec.Raw])
_array = msgspec.msgpack.Decoder(list)

encode_commands = encode_events = _encoder.encode
"""Encode a list of commands or events as one frame; never fails on structs of this package."""


def decode_commands(frame: bytes) -> list[AnyCommand | Malformed]:
    """Decode a client's frame; what is no command stands as Malformed in its place.

    Raises DecodeError when the frame is not a MessagePack array.
    """
    try:
        return cast("list[AnyCommand | Malformed]", _commands.decode(frame))
    except (msgspec.DecodeError, RecursionError):
        return [_command_or_malformed(part) for part in _split(frame)]


def decode_events(frame: bytes) -> list[AnyEvent]:
    """Decode a broker's frame, leaving out events this version does not know.

    Raises DecodeError when the frame is not a MessagePack array.
    """
    try:
        return _events.decode(frame)
    except (msgspec.DecodeError, RecursionError):
        return [event for part in _split(frame) if (event := _event_or_none(part)) is not None]


def _split(frame: bytes) -> list[msgspec.Raw]:
    try:
        return _parts.decode(frame)
    except (msgspec.DecodeError, RecursionError) as error:
        raise DecodeError("A frame must be one MessagePack array of commands or events.") from error


def _command_or_malformed(part: msgspec.Raw) -> AnyCommand | Malformed:
    try:
        return _command.decode(part)
    except (msgspec.DecodeError, RecursionError) as error:
        return _explain(part, error)


def _explain(part: msgspec.Raw, error: Exception) -> Malformed:
    try:
        fields = _array.decode(part)
    except (msgspec.DecodeError, RecursionError):
        return Malformed(0, Code.MALFORMED, f"This is not a command: {error}.")
    name, number = [*fields, None, None][:2]
    if name == "hello" and isinstance(number, int) and number != PROTOCOL:
        return version_refusal(number)
    whole = number if isinstance(number, int) and not isinstance(number, bool) and 0 <= number < 2**63 else 0
    return Malformed(whole, Code.MALFORMED, f"This is not a command of protocol {PROTOCOL}: {error}.")


def version_refusal(spoken: int) -> Malformed:
    """The answer to a Hello of another protocol version."""
    return Malformed(
        0, Code.VERSION, f"This broker speaks protocol {PROTOCOL}, you spoke {spoken}; install a matching version."
    )


def _event_or_none(part: msgspec.Raw) -> AnyEvent | None:
    try:
        return _event.decode(part)
    except (msgspec.DecodeError, RecursionError):
        return None
