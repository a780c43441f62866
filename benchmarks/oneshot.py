"""Workload: one `confab announce` from the shell, beside an interpreter that only imports what the wire needs."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from . import systems
from .processes import BenchmarkError
from .report import Line, Section, milliseconds

PAIRS = 10  # of the two commands, one after the other, in each repetition
CONFAB = Path(sys.executable).with_name("confab")


def measure(repeat: int) -> Section:
    """Run both commands alternately; each sample is one run."""
    ours = Line("confab announce", milliseconds, note="start, handshake, accepted, goodbye")
    bare = Line("import zmq, msgspec", milliseconds, note="what any script with ZeroMQ pays")
    with systems.confab() as running:
        announce = [str(CONFAB), "announce", "--as", "ops", "--home", str(running.folder), "Deploy at five"]
        imports = [sys.executable, "-c", "import zmq, msgspec"]
        for command in (announce, imports):  # once for the page cache, and for the profile's key
            _seconds(command)
        for _ in range(repeat * PAIRS):
            ours.samples.append(_seconds(announce))
            bare.samples.append(_seconds(imports))
    section = Section("One-shot command, wall time", [ours, bare])
    section.compare("at most 2 × the imports", ours.name, bare.name)
    return section


def _seconds(command: list[str]) -> float:
    began = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True)
    took = time.monotonic() - began
    if done.returncode:
        raise BenchmarkError(f"{command} ended with exit code {done.returncode}:\n{done.stderr or done.stdout}")
    return took
