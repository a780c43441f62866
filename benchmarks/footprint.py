"""Workload: what an idle broker holds: its start, its memory, and what each idle session adds to it."""

from __future__ import annotations

from . import systems, wire
from .processes import Worker
from .report import Line, Section, milliseconds, size

SESSIONS = 1_000


def measure(repeat: int) -> Section:
    """Start the broker `repeat` times, each time with SESSIONS idle sessions."""
    start = Line("start, until it listens", milliseconds, note="with an empty folder: makes its key and its log")
    empty = Line("memory at start", size, note="resident")
    each = Line(f"each of {SESSIONS:,} idle sessions", size, note="with CURVE, in #general")
    for _ in range(repeat):
        with systems.confab() as running:
            before = running.server.resident_bytes()
            start.samples.append(running.server.start_seconds)
            empty.samples.append(before)
            with Worker(wire.crowd, running.endpoint, running.key, 0, SESSIONS, 1) as crowd:
                crowd.value()
                each.samples.append((running.server.resident_bytes() - before) / SESSIONS)
    return Section("An idle broker", [start, empty, each])
