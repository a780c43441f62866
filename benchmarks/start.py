"""How long a broker takes to start after a kill, and what memory it holds, by the length of its log.

`python -m benchmarks.start` builds logs by appending to them, as a broker does, in segments of a busy tick, and kills
who does so; then a real broker is started on each, killed, and started again, so that no start follows a clean end. Its
index is missing, as after a restore, or far behind.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from broker.core import Core
from broker.entries import Installed, Joined, Named, Posted
from broker.log import SNAPSHOT_ENTRIES, Log
from messages import GENERAL, find_home

from .machine import describe, scratch
from .processes import free_port

SEGMENT = 1_000  # messages in each
PEOPLE = 100
BODY = "x" * 64
TREE = Path(__file__).parent.parent


def build(path: Path, messages: int) -> None:
    """A log of so many messages, its snapshot as far behind its head as one ever is. Kills its process at the end."""
    log = Log(path)
    log._db.execute("PRAGMA synchronous=OFF")  # only while it is built
    for person in range(PEOPLE):
        key = person.to_bytes(32, "big")
        log.append(0, [Named(key, f"n{person}"), Joined(key, GENERAL), Installed(key, key[:16])])
    core = Core(log, operator=bytes(32), name="bench", now=0.0, at=0)
    devices = list(core.state.devices.values())
    number = stored = 0
    while number < messages:
        device = devices[number // SEGMENT % PEOPLE]
        row = range(device.last_number + 1, device.last_number + 1 + min(SEGMENT, messages - number))
        entries = [Posted(device.id, each, device.account, 0, f"n{device.account}", "*", BODY) for each in row]
        segment = log.append(number, [*entries])
        core.state.apply_segment(segment.first, segment.entries)
        number += len(row)
        if messages - number >= SNAPSHOT_ENTRIES and number - stored >= SNAPSHOT_ENTRIES:
            log.store_snapshot(core.state.snapshot())
            stored = number
    os.kill(os.getpid(), signal.SIGKILL)  # so that its write-ahead log stays


def start(home: Path) -> tuple[float, float]:
    """Start a broker and kill it: seconds until it listens, and MiB that it holds then."""
    command = [sys.executable, "-m", "broker", "--data", str(home), "--bind", f"tcp://127.0.0.1:{free_port()}"]
    began = time.monotonic()
    broker = subprocess.Popen([*command, "--log-format", "json"], cwd=TREE, stdout=subprocess.PIPE)
    try:
        assert broker.stdout
        if b'"listening"' not in broker.stdout.readline():
            raise SystemExit("The broker did not start.")
        seconds = time.monotonic() - began
        status = Path(f"/proc/{broker.pid}/status").read_text()
        return seconds, int(status.partition("VmRSS:")[2].split()[0]) / 1024
    finally:
        broker.send_signal(signal.SIGKILL)
        broker.wait()


def main() -> int:
    """Build, start, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.start", description=__doc__.partition("\n")[0])
    parser.add_argument("--messages", type=int, nargs="+", default=[10_000, 1_000_000, 10_000_000], metavar="N")
    parser.add_argument("--repeat", type=int, default=5, metavar="N", help="starts of each, of which the median counts")
    options = parser.parse_args()
    print(f"{describe()}; median of {options.repeat} starts after a kill\n")
    print("| messages | log | start | memory |\n|---|---|---|---|")
    for messages in options.messages:
        with tempfile.TemporaryDirectory(prefix="confab-bench-", dir=scratch()) as folder:
            path = find_home(folder).broker / "log.db"
            path.parent.mkdir(parents=True)
            builder = os.fork()
            if builder == 0:
                build(path, messages)
            os.waitpid(builder, 0)
            runs = [start(Path(folder)) for _ in range(options.repeat)]
            seconds, memory = (statistics.median(values) for values in zip(*runs, strict=True))
            size = path.stat().st_size / 2**20
        print(f"| {messages:,} | {size:,.0f} MiB | {seconds * 1000:.0f} ms | {memory:.1f} MiB |", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
