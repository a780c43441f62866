"""Commands as the frames they leave in. Pure functions; knows the wire's limits, and nothing of who sends."""

from __future__ import annotations

from collections.abc import Iterator

from messages import BATCH_COMMANDS, FRAME_BYTES, AnyCommand, encode_commands


def pack(commands: list[AnyCommand]) -> Iterator[bytes]:
    """Encode commands as frames that keep to the wire's limits."""
    for start in range(0, len(commands), BATCH_COMMANDS):
        yield from _split(commands[start : start + BATCH_COMMANDS])


def _split(commands: list[AnyCommand]) -> Iterator[bytes]:
    frame = encode_commands(commands)
    if len(frame) <= FRAME_BYTES or len(commands) == 1:
        yield frame
        return
    some = max(1, len(commands) * FRAME_BYTES // len(frame))  # as many as fit when all are alike
    for start in range(0, len(commands), some):
        yield from _split(commands[start : start + some])
