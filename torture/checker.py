"""The checker: what each client said and saw acknowledged, held against what everyone was shown and what is stored.

After Jepsen's set-full and total-queue. It knows nothing of brokers, logs or sockets, only three journals that were
kept outside of them. A message is known by its body, which nobody says twice. Every message that was said gets one
class, the worst that applies: lost, twice, disorder, phantom, unknown, ok.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

FAULTS = ("lost", "twice", "disorder", "phantom")
EXAMPLES = 10  # of faults, kept for the person who has to find out why


@dataclass(slots=True)
class Said:
    """One message as its sender knows it; `seq` when it was acknowledged, `code` when it was refused."""

    device: str
    nick: str
    target: str
    body: str
    seq: int = 0
    code: str = ""
    at: float = 0.0  # when the answer came, seconds since the epoch


@dataclass(slots=True)
class Eye:
    """One listening device and what it was shown, in that order; it was there before anything was said."""

    device: str
    nick: str
    shown: list[tuple[int, str]] = field(default_factory=list)

    def expects(self, said: Said) -> bool:
        """Whether this message is for this device: everyone is in the one room; nobody is sent their own words."""
        if said.device == self.device:
            return said.target == f"@{self.nick}"
        return said.target in ("*", "#general", f"@{self.nick}") or said.nick == self.nick


@dataclass(slots=True)
class Verdict:
    """How many messages are of which class."""

    counts: Counter[str] = field(default_factory=Counter)
    acknowledged: int = 0
    shown: int = 0
    examples: list[str] = field(default_factory=list)

    @property
    def faults(self) -> int:
        """Messages with which something is wrong."""
        return sum(self.counts[fault] for fault in FAULTS)

    def __str__(self) -> str:
        """The figures in one line."""
        return (
            f"{self.acknowledged:,} acknowledged, {self.shown:,} shown: {self.counts['lost']} lost, "
            f"{self.counts['twice']} twice, {self.counts['disorder']} out of order, {self.counts['phantom']} phantom; "
            f"{self.counts['unknown']} never answered"
        )


def judge(said: Sequence[Said], eyes: Sequence[Eye], stored: Iterable[tuple[int, str]]) -> Verdict:
    """Classify every message. `said` holds each device's messages in the order in which it said them."""
    verdict = Verdict(acknowledged=sum(1 for each in said if each.seq), shown=sum(len(eye.shown) for eye in eyes))
    places: dict[str, int] = {}  # body → its sequence in the log
    blame: dict[str, tuple[str, str]] = {}  # body → its worst class, and why
    for seq, body in stored:
        if body in places:
            _blame(blame, body, "twice", f"stored at {places[body]} and {seq}")
        places.setdefault(body, seq)
    _check_said(said, places, blame)
    for eye in eyes:
        _check_eye(eye, said, places, blame)
    known = {each.body for each in said}
    for body in [body for body in [*places, *blame] if body not in known]:
        blame[body] = ("phantom", "nobody said it")
    for body, (fault, why) in blame.items():
        verdict.counts[fault] += 1
        if len(verdict.examples) < EXAMPLES:
            verdict.examples.append(f"{fault}: {body[:40]!r}: {why}")
    for each in said:
        if each.body not in blame:
            verdict.counts["ok" if each.seq or each.code else "unknown"] += 1
    return verdict


def _blame(blame: dict[str, tuple[str, str]], body: str, fault: str, why: str) -> None:
    before = blame.get(body)
    if before is None or FAULTS.index(fault) < FAULTS.index(before[0]):
        blame[body] = (fault, why)


def _check_said(said: Sequence[Said], places: dict[str, int], blame: dict[str, tuple[str, str]]) -> None:
    """The log against the senders: all that was acknowledged, nothing that was refused, in each device's order."""
    newest: dict[str, int] = {}
    for each in said:
        place = places.get(each.body, 0)
        if each.seq and place != each.seq:
            where = f"is at {place}" if place else "is not in the log"
            _blame(blame, each.body, "lost", f"acknowledged as {each.seq}, {where}")
        if each.code and place:
            _blame(blame, each.body, "phantom", f"refused with {each.code}, and stored at {place}")
        if place:
            if place < newest.get(each.device, 0):
                _blame(blame, each.body, "disorder", f"stored at {place}, before what {each.device} said earlier")
            newest[each.device] = place


def _check_eye(eye: Eye, said: Sequence[Said], places: dict[str, int], blame: dict[str, tuple[str, str]]) -> None:
    """One device against the log: all that is stored for it, once, in the log's order, and nothing else."""
    seen: dict[str, int] = {}
    last = 0
    for seq, body in eye.shown:
        if body in seen:
            _blame(blame, body, "twice", f"shown to {eye.device} as {seen[body]} and {seq}")
        elif seq <= last:
            _blame(blame, body, "disorder", f"shown to {eye.device} as {seq} behind {last}")
        if places.get(body) != seq:
            _blame(blame, body, "phantom", f"shown to {eye.device} as {seq}, stored at {places.get(body)}")
        seen[body] = last = seq
    for each in said:
        if each.body in places and each.body not in seen and eye.expects(each):
            _blame(blame, each.body, "lost", f"stored at {places[each.body]}, never shown to {eye.device}")
