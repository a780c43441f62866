"""`confab doctor`: what is wrong with a set-up, and how to mend it. Looks only: nothing is made, changed or removed."""

from __future__ import annotations

from collections.abc import Iterator

from messages import Home, find_home

from ..exits import ACCEPTED, REJECTED
from ..oneshot import Out
from . import report
from .brokers import check_broker
from .finding import Finding
from .folders import check_home
from .programs import check_programs
from .terminal import check_terminal


def run(chosen: str | None, place: str | None, *, as_json: bool) -> int:
    """Look at everything and print it: with the broker that was chosen, and the home; returns the exit code."""
    findings = report.tell(_all(chosen, find_home(place)), Out(as_json=as_json))
    return REJECTED if any(each.level == "problem" for each in findings) else ACCEPTED


def _all(chosen: str | None, home: Home) -> Iterator[Finding]:
    yield from check_programs()
    yield from check_terminal()
    yield from check_home(home)
    yield from check_broker(chosen, home)
