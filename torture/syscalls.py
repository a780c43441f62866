"""Row: SIGKILL in place of the N-th write, truncation or fsync of the broker's files, for N through its whole life.

strace delivers the signal at the entrance of the system call, which is never carried out. Each broker starts on an
empty folder, commits lone messages and bursts with checkpoints between them, folds its index, and shuts down; where it
dies on the way a second one goes on, and the client with it. SQLite is told to checkpoint after 20 pages instead of
1000, so that a life has a few hundred calls of every kind, and each of them is tried.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from client import Client, ClientError, Rejected
from client.receipt import Receipt
from messages import find_home

from .brokers import Broker, TortureError, broken, endpoint, folder, stored
from .checker import Eye, Said, Verdict, judge
from .result import Result, Scale

CALLS = ("write", "pwrite64", "pwritev", "fdatasync", "fsync", "ftruncate", "unlink")
Point = tuple[str, int]  # the N-th call of a kind: strace counts each kind by itself
UNTOUCHED: Point = ("", 0)
POINTS = {"full": 100_000, "short": 3}  # at the most
CONTROL_POINTS = {"full": 20, "short": 2}
GROUPS: dict[Scale, tuple[int, ...]] = {"full": (1, 1, 1, 4, 1, 4, 1), "short": (1, 1, 3, 1)}  # said together
LARGE = 20_000  # characters of each message of a burst: two bursts are two checkpoints
SMALL_CHECKPOINTS = "checkpoints"  # what `saboteur` calls them
ANSWER_SECONDS = 20.0
FILES = ("log.db", "log.db-wal", "log.db-journal", "index.db", "index.db-wal", "index.db-journal", "key.part")
PARALLEL = 2  # lives at a time


def run(scale: Scale) -> Result:
    """Sound and sabotaged."""
    if not shutil.which("strace"):
        raise TortureError("There is no strace here (Debian: apt install strace).")
    every = [(call, number) for call, total in calls(scale).items() for number in range(1, total + 1)]
    chosen = spread(every, POINTS[scale])
    found = live_all(chosen, scale)
    hit = Counter(life.point[0] for life, _ in found if life.killed)
    kinds = ", ".join(f"{number} {call}" for call, number in sorted(hit.items()))
    acknowledged = sum(verdict.acknowledged for _, verdict in found)
    problems = [(life.point, each) for life, verdict in found for each in [*verdict.examples, *life.problems]]
    careless = live_all(spread(every, CONTROL_POINTS[scale]), scale, "commit-first")
    control = sum(verdict.faults for _, verdict in careless)
    return Result(
        test="SIGKILL at the N-th write or fsync of the log",
        trials=hit.total(),
        of="kills",
        figures=f"a life from first start to shutdown makes some {len(every)} such calls, {len(chosen)} were tried, at "
        f"{hit.total()} the broker was killed ({kinds}); {acknowledged:,} acknowledged.",
        control=f"acknowledge before the commit, {CONTROL_POINTS[scale]} points: {control} faults",
        control_red=control > 0,
        problems=[f"at {call} {number}: {each}" for (call, number), each in problems],
    )


def live_all(points: list[Point], scale: Scale, sabotage: str = "") -> list[tuple[Life, Verdict]]:
    """Live one life for each point, some at a time."""
    lives = [Life(point, scale, sabotage) for point in points]
    with ThreadPoolExecutor(PARALLEL) as pool:
        return list(zip(lives, pool.map(Life.live, lives), strict=True))


def spread(every: list[Point], wanted: int) -> list[Point]:
    """All of them, or so many, evenly spread."""
    if wanted >= len(every):
        return every
    return [every[each * (len(every) - 1) // max(1, wanted - 1)] for each in range(wanted)]


def calls(scale: Scale) -> Counter[str]:
    """How many such calls of each kind an undisturbed life makes."""
    with tempfile.NamedTemporaryFile("r") as trace:
        Life(UNTOUCHED, scale, trace=Path(trace.name)).live()
        return Counter(match[1] for line in trace if (match := re.match(r"\d+ +(\w+)\(", line)))


@dataclass
class Life:
    """One broker that is killed at this call, its successor, and the one person who talks there."""

    point: Point
    scale: Scale
    sabotage: str = ""
    trace: Path = Path("/dev/null")
    killed: bool = False
    problems: list[str] = field(default_factory=list)
    said: list[tuple[Said, Receipt]] = field(default_factory=list)

    def live(self) -> Verdict:
        """From the first start to the last shutdown."""
        with folder() as place:
            self._home, self._bind = place / "home", endpoint()
            changed = ",".join(filter(None, (SMALL_CHECKPOINTS, self.sabotage)))
            self._broker = Broker(self._home, self._bind, sabotage=changed, wrap=self._strace())
            try:
                self._broker.ready(must=False)
                self._go_on()
                with Client("ann", home=self._home) as ann:
                    eye = self._talk(ann)
            finally:
                self._broker.kill()
            if problem := broken(self._broker.log):
                self.problems.append(f"verify: {problem}")
            return judge([said for said, _ in self.said], [eye], stored(self._broker.log))

    def _strace(self) -> list[str]:
        data = find_home(self._home).broker
        paths = [part for name in FILES for part in ("-P", str(data / name))]
        call, number = self.point
        inject = ["-e", f"inject={call}:signal=KILL:when={number}"] if number else []
        return ["strace", "-D", "-f", "-qq", "-o", str(self.trace), "-e", f"trace={','.join(CALLS)}", *inject, *paths]

    def _go_on(self) -> None:
        """Where the broker died, start the next one."""
        if self._broker.process.poll() is not None:
            self.killed = True
            self._broker = Broker(self._home, self._bind, sabotage=self.sabotage)
            self._broker.ready()

    def _talk(self, ann: Client) -> Eye:
        names = count()
        for group in GROUPS[self.scale]:
            size = LARGE if group > 1 else 10
            for _ in range(group):
                said = Said("ann/desk", "ann", "@ann", f"ann/desk {next(names)} " + "x" * size)
                self.said.append((said, ann.send("@ann", said.body)))
            for said, receipt in self.said[-group:]:
                self._wait(said, receipt)
        self._broker.process.terminate()
        try:
            self._broker.process.wait(ANSWER_SECONDS)
        except subprocess.TimeoutExpired:
            self.problems.append("It did not end when told to.")
            self._broker.kill()
        self.killed |= self._broker.process.returncode < 0
        eye = Eye("ann/desk", "ann")
        self._take(ann, eye, 0.0)
        if len(eye.shown) < len(self.said):  # it came to its end before it had sent all: the next one does
            self._broker = Broker(self._home, self._bind)
            if not self._broker.ready(must=False):
                self.problems.append(f"It did not start again: {self._broker.notes()}")
                return eye
            self._take(ann, eye, 3.0)
        return eye

    def _take(self, ann: Client, eye: Eye, patience: float) -> None:
        for message in ann.messages(timeout=patience):
            eye.shown.append((message.seq, message.body))
            if len(eye.shown) == len(self.said):
                break

    def _wait(self, said: Said, receipt: Receipt) -> None:
        for _ in range(int(ANSWER_SECONDS / 0.1)):
            try:
                said.seq = receipt.wait(0.1)
                return
            except Rejected as error:
                said.code = str(error.code)
                return
            except (TimeoutError, ClientError):
                self._go_on()
        self.problems.append(f"{said.body[:20]!r} was never answered.")
