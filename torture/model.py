"""Row: anything happens in any order, to real clients and a real core over a simulated network, beside a plain model.

The machine and the model are those of tests/model. Each of its seeded bugs is the control, and must be found; how many
runs that takes says how sharp the test is.
"""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

from tests.model.machine import STEPS, Campaign, campaign
from tests.model.sabotage import BUGS

from .result import Result, Scale

RUNS = {"full": 10_000, "short": 40}
PORTION = 500  # runs in one campaign; each has a seed of its own
BUG_RUNS = {"full": 5_000, "short": 400}  # until a bug must have been found
EASY = ("dedupe", "commit", "cursor", "lease", "own words", "trust")  # found at once, and so in the short form too


def run(scale: Scale) -> Result:
    """Sound, and with one bug after the other."""
    runs = RUNS[scale]
    names = [bug.name for bug in BUGS if scale == "full" or bug.name in EASY]
    sizes = [min(PORTION, runs - done) for done in range(0, runs, PORTION)]
    if scale == "full":
        with ProcessPoolExecutor(os.cpu_count(), get_context("spawn")) as workers:
            sound = list(workers.map(campaign, range(len(sizes)), sizes))
            found = list(workers.map(partial(spoilt, BUG_RUNS[scale]), names))
    else:
        sound = list(map(campaign, range(len(sizes)), sizes))
        found = list(map(partial(spoilt, BUG_RUNS[scale]), names))
    seen = [f"{name} {each.runs:,}" for name, each in zip(names, found, strict=True) if each.problem]
    missed = [name for name, each in zip(names, found, strict=True) if not each.problem]
    return Result(
        test="model test: clients and core beside a plain model",
        trials=runs,
        of=f"runs of {STEPS} steps",
        figures="each run ends with all faults cured: what was accepted is in the log once and was shown, once and in "
        "order, to everyone it concerns; nicks, rooms, receipts and history are as the model has them.",
        control=f"{len(seen)} of {len(names)} seeded bugs found, after so many runs: {', '.join(seen)}"
        + "".join(f"; {name} not found" for name in missed),
        control_red=not missed,
        problems=[each.problem for each in sound if each.problem],
    )


def spoilt(runs: int, name: str) -> Campaign:
    """A campaign with one bug at work, up to the run that shows it."""
    [bug] = [bug for bug in BUGS if bug.name == name]
    with bug.at_work():
        return campaign(0, runs, shrink=False)
