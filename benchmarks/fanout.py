"""Workload: a burst of messages of 64 bytes to a room of 1,000 sessions, until the last one has the last message."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

from messages import GENERAL

from . import nats, systems, wire
from .processes import Worker
from .race import BODY, race
from .report import Line, Section

MEMBERS = 1_000
READERS = 2  # processes among which the members are shared
BURSTS = (100, 2_000)  # messages
BATCH = 10  # messages in one of the sender's frames


def measure(repeat: int) -> Section:
    """Run both systems in turn for each burst, `repeat` times; a figure is deliveries a second, over all members."""
    runs: list[tuple[Line, int, Callable[[int], tuple[float, float]]]] = []
    for burst in BURSTS:
        runs.append((Line(f"confab, {burst:,} messages", note="encryption, fsync, dedupe, answer"), burst, _confab))
        if systems.NATS:
            runs.append((Line(f"NATS core, {burst:,} messages", note="delivery only"), burst, _nats))
    for _ in range(repeat):
        for line, burst, run in runs:
            seconds, cpu = run(burst)
            line.samples.append(burst * MEMBERS / seconds)
            line.cpu_microseconds.append(cpu / (burst * MEMBERS) * 1e6)
    section = Section(f"Deliveries of a burst to a room of {MEMBERS:,}", [line for line, _, _ in runs])
    longest = f"{BURSTS[-1]:,} messages"
    section.verdict("1.5 M/s", f"confab, {longest}")
    section.compare("ahead of NATS core", f"confab, {longest}", f"NATS core, {longest}")
    return section


def _confab(burst: int) -> tuple[float, float]:
    with ExitStack() as stack:
        running = stack.enter_context(systems.confab())
        each = MEMBERS // READERS
        readers = [
            stack.enter_context(Worker(wire.crowd, running.endpoint, running.key, number * each, each, burst))
            for number in range(READERS)
        ]
        sender = Worker(wire.sender, running.endpoint, running.key, GENERAL, BODY, burst, BATCH)
        return race(running, stack.enter_context(sender), *readers)


def _nats(burst: int) -> tuple[float, float]:
    with ExitStack() as stack:
        running = stack.enter_context(systems.nats())
        each = MEMBERS // READERS
        readers = [stack.enter_context(Worker(nats.subscriber, running.port, each, burst)) for _ in range(READERS)]
        sender = stack.enter_context(Worker(nats.publisher, running.port, burst, BODY))
        return race(running, sender, *readers)
