"""Workload: direct messages of 64 bytes, from one script to one reader, as fast as they go."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from . import library, naive, nats, systems, wire
from .processes import Worker
from .race import BODY, race
from .report import Line, Section

JETSTREAM_WINDOW = 8_000  # publishes unacknowledged: its rate does not rise with more
EVERYTHING = "encryption, fsync, dedupe, answer, delivery"
PLAIN = "as above without encryption"


@dataclass(frozen=True, slots=True)
class Contender:
    """A line of the table, how many messages take it a second or two, and the run itself."""

    line: Line
    count: int
    run: Callable[[int], tuple[float, float]]  # messages → seconds, and the server's CPU seconds


def measure(repeat: int) -> Section:
    """Run all contenders in turn, `repeat` times; a figure is messages a second, and counts what came to the end."""
    contenders = _contenders()
    for _ in range(repeat):
        for contender in contenders:
            seconds, cpu = contender.run(contender.count)
            contender.line.samples.append(contender.count / seconds)
            contender.line.cpu_microseconds.append(cpu / contender.count * 1e6)
    section = Section("Direct messages, 64 B, one to one", [contender.line for contender in contenders])
    for batch in ("frames of 10", "frames of 1"):
        section.compare(f"0.85 × --plain, {batch}", f"confab, {batch}", f"confab --plain, {batch}")
    section.compare("1.5 × JetStream, acknowledged", "confab, frames of 10", "NATS JetStream, acknowledged")
    section.compare("5 × the naive forwarder", "confab, frames of 10", "naive forwarder")
    return section


def _contenders() -> list[Contender]:
    found = [
        Contender(Line("confab, frames of 10", note=EVERYTHING), 1_000_000, partial(_confab, 10)),
        Contender(Line("confab --plain, frames of 10", note=PLAIN), 1_000_000, partial(_confab, 10, plain=True)),
        Contender(Line("confab, frames of 1", note=EVERYTHING), 400_000, partial(_confab, 1)),
        Contender(Line("confab --plain, frames of 1", note=PLAIN), 400_000, partial(_confab, 1, plain=True)),
        Contender(Line("confab, frames of 100", note=EVERYTHING), 1_000_000, partial(_confab, 100)),
        Contender(Line("confab, library to library", note="the same, in two real Clients"), 400_000, _library),
        Contender(Line("naive forwarder", note="delivery"), 200_000, _naive),
    ]
    if systems.NATS:
        found += [
            Contender(Line("NATS core", note="delivery"), 4_000_000, _nats),
            Contender(
                Line("NATS JetStream, acknowledged", note="file without fsync, answer"),
                600_000,
                _jetstream,
            ),
            Contender(
                Line("NATS JetStream, read", note="file without fsync, dedupe, answer, delivery"),
                400_000,
                _jetstream_read,
            ),
        ]
    return found


def _confab(batch: int, count: int, *, plain: bool = False) -> tuple[float, float]:
    with ExitStack() as stack:
        running = stack.enter_context(systems.confab(plain=plain))
        where = running.endpoint, running.key
        reader = stack.enter_context(Worker(wire.reader, *where, "reader", count))
        sender = stack.enter_context(Worker(wire.sender, *where, "@reader", BODY, count, batch))
        return race(running, sender, reader)


def _library(count: int) -> tuple[float, float]:
    with ExitStack() as stack:
        running = stack.enter_context(systems.confab())
        reader = stack.enter_context(Worker(library.reader, running.folder, "reader", count))
        sender = stack.enter_context(Worker(library.sender, running.folder, "@reader", BODY, count))
        return race(running, sender, reader)


def _naive(count: int) -> tuple[float, float]:
    with ExitStack() as stack:
        running = stack.enter_context(systems.naive())
        reader = stack.enter_context(Worker(naive.reader, running.endpoint, count))
        sender = stack.enter_context(Worker(naive.sender, running.endpoint, count, BODY))
        return race(running, sender, reader)


def _nats(count: int) -> tuple[float, float]:
    with ExitStack() as stack:
        running = stack.enter_context(systems.nats())
        reader = stack.enter_context(Worker(nats.subscriber, running.port, 1, count))
        sender = stack.enter_context(Worker(nats.publisher, running.port, count, BODY))
        return race(running, sender, reader)


def _jetstream(count: int) -> tuple[float, float]:
    with ExitStack() as stack:
        running = stack.enter_context(systems.nats())
        sender = stack.enter_context(Worker(nats.stream_publisher, running.port, count, BODY, JETSTREAM_WINDOW, False))
        return race(running, sender)


def _jetstream_read(count: int) -> tuple[float, float]:
    with ExitStack() as stack:
        running = stack.enter_context(systems.nats())
        reader = stack.enter_context(Worker(nats.subscriber, running.port, 1, count))
        sender = stack.enter_context(Worker(nats.stream_publisher, running.port, count, BODY, JETSTREAM_WINDOW, True))
        return race(running, sender, reader)
