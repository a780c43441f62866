"""Row: the power is cut. What a broker did to its files is recorded and replayed to many moments (see `disk`).

From each of these images the broker's log must open, its chain must hold, and every message must be there that a client
had seen acknowledged by then; and the index must know of all messages up to its watermark, or be built anew. The
clients wait for each answer before they go on, so that the moments are told apart.
"""

from __future__ import annotations

import random
import shutil
import tempfile
import time
from math import inf
from pathlib import Path

from broker.core import Core
from broker.entries import EVERYONE_ID, Posted
from broker.index import Index, IndexTrouble
from broker.log import Log, LogError
from messages import find_home

from .brokers import Broker, TortureError, broken, endpoint, folder, stored
from .checker import Said
from .crew import Crews, Person
from .disk import Disk, Operation, command, read
from .result import Result, Scale

IMAGES = {"full": 1000, "short": 40}
CONTROL_IMAGES = {"full": 100, "short": 10}
SECONDS = {"full": 10.0, "short": 1.0}  # of recording; SQLite checkpoints some times in the longer one
FILES = [f"{name}.db{suffix}" for name in ("log", "index") for suffix in ("", "-wal", "-journal")]
MEMORY = Path("/dev/shm")  # images need no disk


def run(scale: Scale) -> Result:
    """Sound and sabotaged."""
    if not shutil.which("strace"):
        raise TortureError("There is no strace here (Debian: apt install strace).")
    operations, said = record(SECONDS[scale], sabotage="index")
    problems, unsynced = replay(operations, said, IMAGES[scale])
    control, _ = replay(*record(1.0, sabotage="fsync"), CONTROL_IMAGES[scale])
    index, _ = replay(*record(1.0, sabotage="index,index-fsync"), 10 * CONTROL_IMAGES[scale], enough=5)
    syncs = sum(1 for each in operations if "sync" in each.call)
    return Result(
        test="power cut: unsynced writes lost or torn",
        trials=IMAGES[scale],
        of="crash images",
        figures=f"of {len(operations):,} file operations with {syncs:,} syncs; {len(said):,} acknowledged; "
        f"{unsynced:,} images had writes to lose. Log opens and verifies in each, and the index says what it says.",
        control=f"`synchronous=OFF`, {CONTROL_IMAGES[scale]} images: {len(control)} with a loss or damage; "
        f"of the index alone, at most ten times as many: {len(index)} with one that lacks messages or is damaged",
        control_red=bool(control) and bool(index),
        problems=problems,
    )


def record(seconds: float, *, sabotage: str = "") -> tuple[list[Operation], list[Said]]:
    """A broker's whole life under load: what it did to its files, and what its clients saw acknowledged when."""
    with folder() as place:
        home, trace = place / "home", place / "trace"
        wrap = command(find_home(home).broker, FILES, trace)
        with Broker(home, endpoint(), sabotage=sabotage, wrap=wrap):
            crews = Crews(home, [[_person("ann"), _person("ben")]])
            try:
                crews.begin()
                time.sleep(seconds)
                journals = crews.finish()
            finally:
                crews.close()
        return list(read(trace)), [each for each in journals.said if each.seq]


def _person(nick: str) -> Person:
    """Somebody who waits for each answer."""
    return Person(nick, f"{nick}/desk", ("*",), listens=False, window=0, pause=0.005, bursts=(1, 1, 3), size=8000)


def replay(operations: list[Operation], said: list[Said], images: int, *, enough: float = inf) -> tuple[list[str], int]:
    """Check images of so many moments, up to so many problems; returns those, and how many had writes to lose."""
    rng = random.Random(images)
    moments = set(rng.sample(range(len(operations)), min(images, len(operations))))
    shots = [rng.choice(sorted(moments)) for _ in range(images - len(moments))] + sorted(moments)
    disk, problems, unsynced = Disk(), [], 0
    for index, operation in enumerate(operations):
        for _ in range(shots.count(index) if index in moments else 0):
            unsynced += any(file.pending for file in disk.files.values())
            acknowledged = [each for each in said if each.at < operation.when]
            problem = check(disk.crash(rng), acknowledged)
            if problem:
                problems.append(f"in front of operation {index}: {problem}")
            if len(problems) >= enough:
                return problems, unsynced
        disk.do(operation)
    return problems, unsynced


def check(image: dict[str, bytes], acknowledged: list[Said]) -> str:
    """Start from an image; returns what is wrong, if anything."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as name:
        for origin, content in image.items():
            (Path(name) / Path(origin).name).write_bytes(content)
        path = Path(name) / "log.db"
        try:
            log = Log(path)
            Core(log, operator=bytes(32), name="torture", now=0.0, at=0)
            lacking = _lacking(Path(name) / "index.db", log)
            log.close()
            there = dict(stored(path))
        except (LogError, IndexTrouble) as error:
            return str(error)
        missing = [each for each in acknowledged if there.get(each.seq) != each.body]
        if missing:
            return f"{len(missing)} of {len(acknowledged)} acknowledged are lost, the first is {missing[0].seq}"
        return broken(path) or lacking


def _lacking(path: Path, log: Log) -> str:
    """Hold what an index says against the log, as far as it claims to know it."""
    index = Index(path, log)
    found = {seq for seq, hit in index.of((0, EVERYONE_ID), index.watermark + 1) if hit}
    index.close()
    said = {
        seq
        for segment in log.read(0)
        for seq, entry in enumerate(segment.entries, segment.first)
        if isinstance(entry, Posted) and entry.to == EVERYONE_ID and seq <= index.watermark
    }
    return f"the index lacks {len(said - found)} of {len(said)} messages" if said != found else ""
