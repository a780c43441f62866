"""Messages of thousands of frames, of which libzmq shows none before the last one has come. Part of the row `hostile`.

Each attacker sends 800 MB in one message, as a first word or behind a Hello. It must be cut before the broker has grown
by much, and whoever comes next must be served.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field

import zmq

from .brokers import Broker, endpoint, folder
from .line import Line
from .result import Scale

PART_BYTES = 200_000
PARTS = 4_000
AT_ONCE = 4  # attackers; two of them have said Hello
MEMORY_BYTES = {"full": 256 * 2**20, "short": 96 * 2**20}  # that the broker may grow by; malloc keeps some for later


@dataclass
class Swollen:
    """What came of it."""

    sent: int = 0  # messages
    cut: int = 0
    grown: int = 0  # bytes, at the most
    problems: list[str] = field(default_factory=list)


def campaign(scale: Scale, count: int, parts: int = PARTS, sabotage: str = "") -> Swollen:
    """So many messages, some at a time, to one broker."""
    found, context = Swollen(), zmq.Context()
    try:
        with folder() as place, Broker(place / "home", bind := endpoint(), sabotage=sabotage) as broker:
            before, _ = broker.memory()
            while found.sent < count:
                _attack(found, context, bind, broker.key, min(AT_ONCE, count - found.sent), parts)
            found.grown = broker.memory()[1] - before
            with Line(context, bind, broker.key, "127.5.0.1") as canary:
                if not canary.greet("canary"):
                    found.problems.append("nobody came in any more")
            if "Traceback" in broker.notes():
                found.problems.append(f"the broker failed: {broker.notes()[-2000:]}")
    finally:
        context.destroy(0)
    if found.cut < found.sent:
        found.problems.append(f"{found.sent - found.cut} of {found.sent} messages without end were read to their end")
    if found.grown > MEMORY_BYTES[scale]:
        found.problems.append(f"the broker grew by {found.grown >> 20} MiB for messages without end")
    return found


def _attack(
    found: Swollen, context: zmq.Context[zmq.Socket[bytes]], bind: str, key: bytes, many: int, parts: int
) -> None:
    """So many at once, until each is cut, or answered."""
    with ExitStack() as stack:
        lines = [stack.enter_context(Line(context, bind, key, f"127.5.1.{number + 1}")) for number in range(many)]
        for number, line in enumerate(lines):
            if line.until(lambda line=line: line.up) and number % 2:
                line.greet(f"m{found.sent + number}")
        for line in lines:
            line.send_long(PART_BYTES, parts)
            line.ping()
        for line in lines:
            line.until(lambda line=line: line.unread == 0)
            found.sent += 1
            found.cut += line.over
