"""`python -m benchmarks [NAME …]`: run workloads, then print one table. Owns the order; measures nothing itself."""

from __future__ import annotations

import argparse
import time

from rich.console import Console

from . import console, direct, fanout, footprint, oneshot, roundtrip
from .machine import describe
from .processes import BenchmarkError, raise_descriptor_limit
from .report import Section, print_report
from .systems import NATS

WORKLOADS = {
    "direct": direct.measure,
    "fanout": fanout.measure,
    "roundtrip": roundtrip.measure,
    "oneshot": oneshot.measure,
    "footprint": footprint.measure,
    "start": console.start,
    "typing": console.typing,
}
TABLE_WIDTH = 120  # columns: also when the output is a file


def main() -> int:
    """Run what was asked for; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure confab beside its peers.")
    parser.add_argument("workload", nargs="*", choices=[*WORKLOADS, []], help="which to run (default: all)")
    parser.add_argument("--repeat", type=int, default=5, metavar="N", help="runs of each, of which the median counts")
    options = parser.parse_args()
    paper, progress = Console(), Console(stderr=True)
    paper.width = max(paper.width, TABLE_WIDTH)
    raise_descriptor_limit()
    began = time.monotonic()
    if NATS is None:
        paper.print(
            "There is no nats-server here (Debian: apt install nats-server), so NATS and JetStream are left out."
        )
    sections: list[Section] = []
    failed = False
    try:
        for name in options.workload or WORKLOADS:
            with progress.status(f"measuring: {name}"):
                try:
                    sections.append(WORKLOADS[name](options.repeat))
                except BenchmarkError as error:  # the other workloads still say something
                    failed = True
                    progress.print(f"{name}: {error}", markup=False)
    except KeyboardInterrupt:
        progress.print("Interrupted; what was finished:")
    took = f"median of {options.repeat} runs, taken in turn; {time.monotonic() - began:.0f} s in all"
    print_report(paper, f"{describe()}; {took}", sections)
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
