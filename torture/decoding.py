"""Hostile bytes through the decoders: a batch or a DecodeError must come out, in good time. No sockets."""

from __future__ import annotations

import random
import resource
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import msgspec

from messages import (
    BATCH_COMMANDS,
    AnyCommand,
    AnyEvent,
    Command,
    DecodeError,
    Event,
    Malformed,
    Rejected,
    decode_commands,
    decode_events,
    encode_events,
)

from .grammar import Grammar
from .saboteur import SAFEGUARDS

SEED = 4
EVENTS_SHARE = 0.2  # of the payloads: for the decoder of clients
SLOWEST_SECONDS = 0.05  # that the largest frame may take the broker to read; ten times what it takes here
MEMORY_BYTES = 96 * 2**20  # that a quarter of a million values in one frame, for a moment, may need; twice what it does
MOST_PROBLEMS = 20
EXPLAINED = 300  # characters at the most, of what is said against a command


@dataclass
class Decoded:
    """What came of many payloads."""

    payloads: int = 0
    sound: int = 0  # of them: all of the frame was understood
    slowest: float = 0.0  # seconds of CPU
    grown: int = 0  # bytes
    problems: list[str] = field(default_factory=list)

    def commands(self, frame: bytes) -> None:
        """Decode a client's frame as the broker does, and judge what comes out."""
        self.payloads += 1
        began = time.thread_time()
        try:
            batch = decode_commands(frame)
        except DecodeError:
            batch = []
        except Exception:
            self._problem(f"{traceback.format_exc(limit=-1)} at {frame[:200]!r}")
            return
        took = time.thread_time() - began
        self.slowest = max(self.slowest, took)
        if took > SLOWEST_SECONDS or len(batch) > BATCH_COMMANDS:
            self._problem(f"{len(frame)} bytes took {took:.2f} s and became {len(batch)} commands")
        refused = [each for each in batch if type(each) is Malformed]
        self.sound += bool(batch) and not refused
        for each in refused:
            encode_events([Rejected(each.number, each.code, each.text)])  # so it can be answered
        if not _kinds(batch, (Command, Malformed)) or any(len(each.text) > EXPLAINED for each in refused):
            self._problem(f"not a batch of commands: {batch!r:.200}")

    def events(self, frame: bytes) -> None:
        """The same with a broker's frame, as clients do."""
        self.payloads += 1
        try:
            batch = decode_events(frame)
        except DecodeError:
            return
        except Exception:
            self._problem(f"{traceback.format_exc(limit=-1)} at {frame[:200]!r}")
            return
        self.sound += bool(batch)
        if not _kinds(batch, (Event,)):
            self._problem(f"not a batch of events: {batch!r:.200}")

    def _problem(self, text: str) -> None:
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(text)


def decode(count: int, sabotage: str = "") -> Iterator[Decoded]:
    """Make so many payloads by the grammar and have them decoded."""
    if sabotage:
        SAFEGUARDS[sabotage]()
    rng = random.Random(SEED)
    said, told = Grammar(rng, AnyCommand), Grammar(rng, AnyEvent)
    found = Decoded()
    before = _peak_bytes()
    for make in said.huge:
        found.commands(make())
    while found.payloads < count and len(found.problems) < MOST_PROBLEMS:
        if rng.random() < EVENTS_SHARE:
            found.events(told.spoilt())
        else:
            found.commands(said.spoilt())
    found.grown = _peak_bytes() - before
    if found.grown > MEMORY_BYTES:
        found.problems.append(f"the decoder's process grew by {found.grown >> 20} MiB")
    yield found


def _kinds(batch: Sequence[msgspec.Struct], allowed: tuple[type, ...]) -> bool:
    return all(isinstance(each, allowed) for each in batch)


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
