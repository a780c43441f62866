"""Row: SIGKILL in place of the N-th write, truncation or fsync of the log's files, for N through a broker's whole life.

strace delivers the signal at the entrance of the system call, which is never carried out. Each broker starts on an
empty folder, commits lone messages and bursts with checkpoints between them, folds its index, and shuts down; where it
dies on the way a second one goes on, and the client with it. SQLite is told to checkpoint after 20 pages instead of
1000, so that a life has a few hundred calls of every kind, and each of them is tried.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
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

CALLS = "write,pwrite64,pwritev,fdatasync,fsync,ftruncate,unlink"
POINTS = {"full": 100_000, "short": 3}  # at the most
CONTROL_POINTS = {"full": 20, "short": 2}
GROUPS: dict[Scale, tuple[int, ...]] = {"full": (1, 1, 1, 4, 1, 4, 1), "short": (1, 1, 3, 1)}  # said together
LARGE = 20_000  # characters of each message of a burst: two bursts are two checkpoints
SMALL_CHECKPOINTS = "checkpoints"  # what `saboteur` calls them
ANSWER_SECONDS = 20.0
FILES = ("log.db", "log.db-wal", "log.db-journal", "index.db", "index.db-wal", "index.db-journal")
PARALLEL = 2  # lives at a time


def run(scale: Scale) -> Result:
    """Sound and sabotaged."""
    if not shutil.which("strace"):
        raise TortureError("There is no strace here (Debian: apt install strace).")
    total = calls(scale)
    chosen = points(total, POINTS[scale])
    found = live_all(chosen, scale)
    tried = [number for number, (life, _) in zip(chosen, found, strict=True) if life.killed]
    control = sum(
        verdict.faults for _, verdict in live_all(points(total, CONTROL_POINTS[scale]), scale, "commit-first")
    )
    return Result(
        test="SIGKILL at the N-th write or fsync of the log",
        trials=len(tried),
        of="kills",
        figures=f"a life from first start to shutdown makes some {total} such calls; the broker was killed at "
        f"{len(tried)} of {len(chosen)} tried, the last one {max(tried, default=0)}; "
        f"{sum(verdict.acknowledged for _, verdict in found):,} acknowledged.",
        control=f"acknowledge before the commit, {CONTROL_POINTS[scale]} points: {control} faults",
        control_red=control > 0,
        problems=[
            f"at call {life.number}: {each}" for life, verdict in found for each in [*verdict.examples, *life.problems]
        ],
    )


def live_all(numbers: list[int], scale: Scale, sabotage: str = "") -> list[tuple[Life, Verdict]]:
    """Live one life for each number, some at a time."""
    lives = [Life(number, scale, sabotage) for number in numbers]
    with ThreadPoolExecutor(PARALLEL) as pool:
        return list(zip(lives, pool.map(Life.live, lives), strict=True))


def points(total: int, wanted: int) -> list[int]:
    """Every call, and some more since no two lives are quite alike; or so many of them, evenly spread."""
    if wanted > total:
        return list(range(1, total + total // 20 + 1))
    return sorted({1 + (total - 1) * each // max(1, wanted - 1) for each in range(wanted)})


def calls(scale: Scale) -> int:
    """How many such calls an undisturbed life makes."""
    with tempfile.NamedTemporaryFile() as trace:
        Life(0, scale, trace=Path(trace.name)).live()
        return sum(1 for line in trace if b"= 0" in line or b") = " in line)


@dataclass
class Life:
    """One broker that is killed at its N-th call (0: never), its successor, and the one person who talks there."""

    number: int
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
        inject = ["-e", f"inject={CALLS}:signal=KILL:when={self.number}"] if self.number else []
        return ["strace", "-D", "-f", "-qq", "-o", str(self.trace), "-e", f"trace={CALLS}", *inject, *paths]

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
        eye = Eye("ann/desk", "ann")
        if self._broker.process.returncode < 0:  # at its end: the next one has to say the rest
            self.killed = True
            self._broker = Broker(self._home, self._bind)
            if not self._broker.ready(must=False):
                self.problems.append(f"It did not start again: {self._broker.notes()}")
                return eye
        expected = len(self.said)
        for message in ann.messages(timeout=3.0):
            eye.shown.append((message.seq, message.body))
            if len(eye.shown) == expected:
                break
        return eye

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
