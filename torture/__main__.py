"""`python -m torture [ROW …] [--short]`: run campaigns, each with its control, and print one table of figures."""

from __future__ import annotations

import argparse
import importlib
import sys
import time
import traceback

from benchmarks.machine import describe
from benchmarks.processes import BenchmarkError, raise_descriptor_limit

from .brokers import TortureError
from .result import HEAD, Scale, line

ROWS = (
    "kills",
    "clients",
    "syscalls",
    "power",
    "corruption",
    "diskerrors",
    "cuts",
    "stalled",
    "crowd",
    "idle",
    "identity",
    "output",
    "clock",
    "model",
    "hostile",
    "sockets",
)


def main() -> int:
    """Run what was asked for; the exit code is 1 when anything failed or a control did not."""
    parser = argparse.ArgumentParser(prog="python -m torture", description=__doc__.partition(": ")[2])
    parser.add_argument("row", nargs="*", choices=[*ROWS, []], help="which to run (default: all)")
    parser.add_argument("--short", action="store_true", help="as in the tests: seconds instead of minutes")
    options = parser.parse_args()
    scale: Scale = "short" if options.short else "full"
    raise_descriptor_limit()
    print(
        f"`{' '.join(['python -m torture', *sys.argv[1:]])}`, {time.strftime('%Y-%m-%d')}; {describe()}.\n\n{HEAD}",
        flush=True,
    )
    failed = False
    for name in options.row or ROWS:
        began = time.monotonic()
        print(f"{name} …", end=" ", file=sys.stderr, flush=True)
        try:
            result = importlib.import_module(f"torture.{name}").run(scale)
        except (TortureError, BenchmarkError):  # the other rows still say something
            failed = True
            traceback.print_exc()
            continue
        print(f"{time.monotonic() - began:.0f} s", file=sys.stderr)
        for problem in result.problems:
            print(f"  {problem}", file=sys.stderr)
        print(line(result), flush=True)  # at once: a run that is broken off has said what it found
        failed |= not result.passed
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
