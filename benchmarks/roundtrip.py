"""Workload: one message at a time through an idle broker, with the cost of the disk's own flush beside it."""

from __future__ import annotations

from contextlib import ExitStack

from . import library, systems
from .machine import commit_seconds, fsync_seconds
from .processes import Worker
from .report import Line, Section, milliseconds, quantile

PINGS = 500


def measure(repeat: int) -> Section:
    """Send PINGS messages, `repeat` times; each sample is the median or the p99 of one time."""
    names = ("send → accepted", "send → shown", "SQLite commit", "fsync")
    notes = ("with two real Clients", "by the other Client", "one row, WAL, synchronous=FULL", "of 100 bytes appended")
    medians = [Line(f"{name}, median", milliseconds, note=note) for name, note in zip(names, notes, strict=True)]
    p99s = [Line(f"{name}, p99", milliseconds) for name in names]
    for _ in range(repeat):
        for median, p99, took in zip(
            medians, p99s, (*_ping(), commit_seconds(PINGS), fsync_seconds(PINGS)), strict=True
        ):
            median.samples.append(quantile(took, 0.5))
            p99.samples.append(quantile(took, 0.99))
    pairs = zip(medians, p99s, strict=True)
    return Section("One message at a time, idle broker", [line for pair in pairs for line in pair])


def _ping() -> tuple[list[float], list[float]]:
    with ExitStack() as stack:
        running = stack.enter_context(systems.confab())
        listener = stack.enter_context(Worker(library.listener, running.folder, "listener", PINGS))
        listener.value()
        pinger = stack.enter_context(Worker(library.pinger, running.folder, "@listener", PINGS))
        pinger.value()
        for worker in (listener, pinger):
            worker.go()
        sent, came = pinger.value(), listener.value()
    accepted = [end - began for began, end in sent]
    return accepted, [shown - began for shown, (began, _) in zip(came, sent, strict=True)]
