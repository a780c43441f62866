"""What it costs to cut a log: how long each step between two ticks takes, and what becomes of the file.

`python -m benchmarks.retention` builds a log as `benchmarks.start` does and has all but a tenth of it removed, one step
after the other, as a broker's loop does; then the index's part.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

from broker.core import Core
from broker.index import PART_ENTRIES, Index
from broker.log import Log
from broker.retention import PAUSE_SECONDS, Retention

from .machine import describe, scratch
from .start import build


def main() -> int:
    """Build, cut, and print what it took."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.retention", description=__doc__.partition("\n")[0])
    parser.add_argument("--messages", type=int, default=12_000_000, metavar="N")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="confab-bench-", dir=scratch()) as folder:
        path = Path(folder) / "log.db"
        builder = os.fork()
        if builder == 0:
            build(path, options.messages)
        os.waitpid(builder, 0)
        os.sync()  # what was built without
        log = Log(path)
        core = Core(log, operator=bytes(32), name="bench", now=0.0, at=0)
        size = log.size
        took = steps(core, Retention(size=size // 10))
        print(f"{describe()}\n")
        kept, free = log.size / 2**20, log.free / 2**20
        log._db.execute("PRAGMA wal_checkpoint")  # as the next messages bring about
        print(f"{size / 2**20:,.0f} MiB cut to {kept:,.0f} and {free:,.0f} unused, the file has {mib(path):,.0f} MiB:")
        print(f"{len(took):,} steps of at most {took[-1]:.1f} ms, median {took[len(took) // 2]:.1f} ms,", end=" ")
        print(f"99 % within {took[len(took) * 99 // 100]:.1f} ms, {sum(took) / 1000:.1f} s in all.")
        print(f"A part of the index, {PART_ENTRIES:,} messages, is dropped in {drop(log, Path(folder)):.1f} ms.")
    return 0


def steps(core: Core, retention: Retention) -> list[float]:
    """Milliseconds that each step took, sorted, until nothing is left to do."""
    took, now = [], 0.0
    while retention.due <= now:
        began = time.perf_counter()
        retention.step(core, now, 0)
        took.append((time.perf_counter() - began) * 1000)
        now += PAUSE_SECONDS
    return sorted(took)


def drop(log: Log, folder: Path) -> float:
    """Milliseconds that forgetting a part of the index takes."""
    index = Index(folder / "index.db", log)
    while index.watermark < min(log.head, log.cut + PART_ENTRIES + 2_000):
        index.advance()
    core = Core(log, operator=bytes(32), name="bench", now=0.0, at=0)
    core.store_snapshot()
    log.rebase()
    log.cut_off(index.watermark)
    began = time.perf_counter()
    index.advance()
    return (time.perf_counter() - began) * 1000


def mib(path: Path) -> float:
    """The size of a file."""
    return path.stat().st_size / 2**20


if __name__ == "__main__":
    raise SystemExit(main())
