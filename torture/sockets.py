"""Row: thousands of sockets that never finish, from plain TCP that says nothing to half a CURVE handshake.

Who means well comes in meanwhile, under a new key each time, within a second; afterwards the broker has as many
descriptors as before. The sockets stay open on their side until then, so it is the broker that is rid of them. Its
memory has the same bound for one crowd and for two: what a connection leaves behind would show.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.synchronize import Event

from benchmarks import wire
from benchmarks.processes import Worker
from broker.sockets import HANDSHAKE_MS
from messages import HELLO_SECONDS

from .brokers import Broker, endpoint, folder
from .halves import Halves
from .result import Result, Scale
from .stalled import p99

SOCKETS = {"full": 5000, "short": 48}
CROWDS = {"full": 2, "short": 1}
OPENED = {"full": 500, "short": 200}  # sockets a second
CONTROL_SOCKETS = 24
HASTE = {"full": "", "short": "haste"}  # the limits of the short form, see `saboteur`
WITHIN_SECONDS = {"full": max(HANDSHAKE_MS / 1000, HELLO_SECONDS) + 3.0, "short": 6.0}  # of the last one
CONTROL_SECONDS = {"full": WITHIN_SECONDS["full"], "short": 1.2}
LOGIN_SECONDS = 1.0
PAUSE_SECONDS = 0.1  # between two who come in
LOOK_SECONDS = 0.1
MEMORY_BYTES = 24 * 1024  # that each of a crowd may cost the broker, however many crowds come
OTHER_BYTES = 8 * 2**20  # for those who come in, and the broker's own


@dataclass
class Campaign:
    """What came of it."""

    problems: list[str] = field(default_factory=list)
    logins: list[float] = field(default_factory=list)  # seconds each
    before: int = 0  # descriptors
    most: int = 0
    after: int = 0
    back: float = 0.0  # seconds from the last socket until all descriptors were back, at the most
    grown: list[int] = field(default_factory=list)  # bytes at the most, up to the end of each crowd


def run(scale: Scale) -> Result:
    """Sound and sabotaged."""
    found = campaign(scale, SOCKETS[scale], CROWDS[scale], WITHIN_SECONDS[scale], HASTE[scale])
    control = campaign(scale, CONTROL_SOCKETS, 1, CONTROL_SECONDS[scale], "time-limits")
    crowds = f"{CROWDS[scale]} crowd{'s' * (CROWDS[scale] > 1)} of {SOCKETS[scale]:,}"
    grown = ", ".join(str(each >> 20) for each in found.grown)
    return Result(
        test="raw TCP and half handshakes",
        trials=CROWDS[scale] * SOCKETS[scale],
        of="sockets",
        figures=f"{crowds}, {OPENED[scale]} sockets a second. {len(found.logins)} people came in meanwhile, each under "
        f"a new key, in {max(found.logins):.2f} s at the most, p99 {p99(found.logins) * 1e3:.0f} ms. Descriptors: "
        f"{found.before} before, {found.most:,} at the most, {found.after} again {found.back:.1f} s after the last "
        f"socket. The broker grew, crowd by crowd, by at the most {grown} MiB.",
        control=f"no time limits, {CONTROL_SOCKETS} sockets: {control.after - control.before} descriptors did not come "
        "back",
        control_red=control.after > control.before,
        problems=found.problems,
    )


def campaign(scale: Scale, count: int, crowds: int, within: float, sabotage: str) -> Campaign:
    """So many crowds of so many sockets, while people come in."""
    found, stop = Campaign(), get_context("spawn").Event()
    with (
        folder() as place,
        Broker(place / "home", bind := endpoint(), sabotage=sabotage) as broker,
        Worker(log_in, bind, broker.key, stop) as coming,
    ):
        coming.value()
        found.before = broker.descriptors()
        empty, _ = broker.memory()
        coming.go()
        for _ in range(crowds):
            halves = Halves(int(bind.rpartition(":")[2]), broker.key)
            try:
                _crowd(found, broker, halves, count, OPENED[scale], within)
            finally:
                halves.close()
            found.grown.append(broker.memory()[1] - empty)
        stop.set()
        found.logins = coming.value()
    _judge(found, count)
    return found


def _crowd(found: Campaign, broker: Broker, halves: Halves, count: int, pace: int, within: float) -> None:
    """Open that many, so many a second, and wait for the broker to be rid of them."""
    began = now = last = time.monotonic()
    opened, found.after = 0, found.before
    while opened < count or (found.after > found.before and now < last + within):
        due = min(count, int((now - began) * pace) + 1)
        if opened < due:
            halves.open(due - opened)
            opened, last = due, time.monotonic()
        halves.trickle()
        time.sleep(LOOK_SECONDS)
        found.after = broker.descriptors()
        found.most = max(found.most, found.after)
        now = time.monotonic()
    found.back = max(found.back, now - last)


def _judge(found: Campaign, count: int) -> None:
    if found.after > found.before:
        found.problems.append(f"{found.after - found.before} descriptors did not come back")
    if max(found.logins) > LOGIN_SECONDS:
        found.problems.append(f"to come in took {max(found.logins):.2f} s")
    if max(found.grown) > OTHER_BYTES + count * MEMORY_BYTES:
        found.problems.append(f"the broker grew by {max(found.grown) >> 20} MiB")


def log_in(bind: str, key: bytes, stop: Event) -> Iterator[list[float]]:
    """Come in and go, again and again, until told to stop; how long it took each time to be welcomed."""
    took: list[float] = []
    while not stop.is_set() or len(took) < 3:
        began = time.monotonic()
        socket = wire.welcomed(bind, key, [f"guest{len(took)}"], feed=False)
        took.append(time.monotonic() - began)
        socket.context.destroy(0)
        time.sleep(PAUSE_SECONDS)
        if len(took) == 1:  # once, so that the broker has opened what it keeps open
            yield took
    yield took
