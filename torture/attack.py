"""The attackers: what they send, how fast, before a Hello and after. Judges nothing.

A payload counts when the broker has surely read it; a connection that the broker ended was ended for one more. Who is
cut or dismissed comes back at once, from another address and under another key.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import cycle

import zmq

from messages import BATCH_COMMANDS, FRAME_BYTES, AnyCommand, Ping, Post, encode_commands

from .grammar import Grammar
from .line import Line, Payload

LIFE = 500  # payloads over one connection, before another key has its turn
EVERY = 10  # payloads from one ping to the next
WINDOW = 20  # payloads that may be unanswered before more are sent: who is cut often must have been answered often
ADDRESSES = 200  # of this machine, from which they come in turn
MULTIPART_SHARE = 0.02
FRAMES = (2, 2, 3, 5, 500)  # of such a message


@dataclass(slots=True)
class Sent:
    """What came of it."""

    before: int = 0  # payloads that the broker read on connections that were not greeted
    after: int = 0  # and on such that were
    multipart: int = 0  # messages of several frames, sent
    above: int = 0  # frames above a limit, sent
    connections: int = 0
    ended: int = 0  # by the broker
    unanswered: int = 0  # neither ended nor answered in time

    @property
    def read(self) -> int:
        """Payloads that the broker read for sure."""
        return self.before + self.after

    def count(self, line: Line) -> None:
        """Add what came of one connection."""
        last = int(line.over and line.unread > 0)  # the one that it was ended for
        self.before += line.before + (0 if line.greeted else last)
        self.after += line.after + (last if line.greeted else 0)
        self.connections += 1
        self.ended += line.over
        self.unanswered += not line.over and line.unread > 0

    def add(self, other: Sent) -> None:
        """Add what came of another process."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


@cache
def above() -> tuple[bytes, ...]:
    """Frames above a limit, of bytes or of commands."""
    return (
        encode_commands([Post(1, "#general", "x" * 2**26)]),
        encode_commands([None] * (FRAME_BYTES - 5)),
        encode_commands([Ping(1)] * (BATCH_COMMANDS + 1)),
        encode_commands([Post(1, "#general", "x" * FRAME_BYTES)]),
    )


class Sound:
    """The same before it is spoilt, for comparison."""

    def __init__(self, rng: random.Random) -> None:
        self._grammar = Grammar(rng, AnyCommand)

    def __call__(self) -> Payload:
        """A sound frame."""
        return (encode_commands(self._grammar.sound()),)


class Hostile:
    """What an attacker says."""

    def __init__(self, rng: random.Random, beyond: float, found: Sent) -> None:
        """`beyond`: the share of payloads above the limits."""
        self._rng = rng
        self._beyond = beyond
        self._found = found
        self._grammar = Grammar(rng, AnyCommand)
        self._above = cycle(above())

    def __call__(self) -> Payload:
        """A spoilt frame, several in one message, or one above the limits."""
        rng = self._rng
        chance = rng.random()
        if chance < self._beyond:
            self._found.above += 1
            return (next(self._above),)
        if chance > 1 - MULTIPART_SHARE:
            self._found.multipart += 1
            return tuple(self._grammar.spoilt() for _ in range(rng.choice(FRAMES)))
        return (self._grammar.spoilt(),)


def attack(bind: str, key: bytes, name: str, count: int, pace: float, beyond: float | None) -> Iterator[Sent]:
    """Send so many payloads, so many a second, half of them behind a Hello; `beyond` None: sound ones."""
    found, rng = Sent(), random.Random(name)
    say = Sound(rng) if beyond is None else Hostile(rng, beyond, found)
    context = zmq.Context()
    yield found
    began, sent = time.monotonic(), 0
    deadline = began + 3 * count / pace + 20
    while found.read < count and time.monotonic() < deadline:
        source = f"127.2.0.{found.connections % ADDRESSES + 1}"
        with Line(context, bind, key, source) as line:
            greet = found.after < found.before
            if line.until(lambda: line.up) and (not greet or line.greet(f"{name}x{found.connections}")):
                _speak(line, say, min(LIFE, count - found.read), began - sent / pace, pace)
            sent += line.sent
            found.count(line)
    yield found


def _speak(line: Line, say: Callable[[], Payload], count: int, began: float, pace: float) -> None:
    """Send so many payloads as they fall due, until the connection is over or silent."""
    while line.sent < count:
        due = int((time.monotonic() - began) * pace)
        for _ in range(min(due, count) - line.sent):
            line.send(say())
            if line.sent % EVERY == 0 or line.sent == count:
                line.ping()
            if line.unread > WINDOW:
                break
        if not line.until(lambda: line.unread <= WINDOW):
            return
        line.listen(0.001)
    line.until(lambda: line.unread == 0)
