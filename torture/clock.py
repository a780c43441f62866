"""Row: the wall clock jumps by a day and by a year, both ways, under a running broker (libfaketime).

Nothing may be lost, shown twice or out of order, and nobody's connection or nick may end: leases, retries and order do
not depend on that clock. In the control libfaketime moves the monotonic clock along, so that a lease is as good as one
on the wall clock, and the broker does not look twice after a jump.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from broker import upkeep
from client import Client
from client.model import Connected

from .brokers import Broker, TortureError, broken, endpoint, folder, stored, without_rate
from .checker import Verdict
from .crew import Crews, Person
from .result import Result, Scale

DAY, YEAR = 86_400, 31_536_000
JUMPS = {"full": (DAY, -DAY, YEAR, -YEAR) * 5, "short": (YEAR, -DAY)}
PAUSE = {"full": 2.0, "short": 0.4}  # seconds between jumps


def run(scale: Scale) -> Result:
    """Sound and sabotaged."""
    library = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
    if library is None:
        raise TortureError("There is no libfaketime here (Debian: apt install faketime).")
    verdict, problems = campaign(str(library), scale, monotonic=False)
    _, control = campaign(str(library), "short", monotonic=True)
    return Result(
        test="the wall clock jumps by a day and a year, both ways",
        trials=len(JUMPS[scale]),
        of="jumps",
        figures=f"{verdict}. No connection ended.",
        control=f"leases on a clock that jumps too: {len(control)} problems",
        control_red=bool(control),
        problems=problems,
    )


def campaign(library: str, scale: Scale, *, monotonic: bool) -> tuple[Verdict, list[str]]:
    """All jumps, under load; with `monotonic` that clock jumps too."""
    problems: list[str] = []
    with folder() as place:
        home, offset = place / "home", place / "offset"
        offset.write_text("+0")
        settings = {
            "LD_PRELOAD": library,
            "FAKETIME_TIMESTAMP_FILE": str(offset),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": str(int(not monotonic)),
        }
        wrap = ["env", *(f"{name}={value}" for name, value in settings.items())]
        without_rate(home)
        broker = Broker(home, endpoint(), sabotage="late-looks" if monotonic else "", wrap=wrap)
        broker.ready()
        people = [Person("ann", "ann/desk", ("*", "@ben")), Person("ben", "ben/desk", ("#general",))]
        crews = Crews(home, [people])
        try:
            crews.begin()
            with Client("eve", home=home) as eve:
                eve.wait_connected(20)
                _jump(offset, scale)
                welcomes = [event for event in eve.events(timeout=0.1) if isinstance(event, Connected)]
            if len(welcomes) != 1:
                problems.append(f"a client had to connect {len(welcomes)} times")
            if monotonic and problems:
                return Verdict(), problems
            journals = crews.finish()
        finally:
            crews.close()
            broker.kill()
        times = [json.loads(line)["at"] for line in upkeep.export(broker.log)]
        if max(times) - min(times) < DAY * 1000:
            problems.append("the clock did not jump")
        verdict = journals.judge(stored(broker.log))
        problems += [*verdict.examples, *journals.failures]
        if problem := broken(broker.log):
            problems.append(f"verify: {problem}")
    return verdict, problems


def _jump(offset: Path, scale: Scale) -> None:
    for jump in JUMPS[scale]:
        draft = offset.with_suffix(".part")
        draft.write_text(f"{jump:+d}")
        os.replace(draft, offset)
        time.sleep(PAUSE[scale])
