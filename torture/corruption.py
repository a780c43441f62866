"""Row: a byte of the log's files changes, or an end is cut off, while no broker runs.

What `confab-broker verify` or the start says is *detected*. What leaves every message and the state as they were is
*harmless*. Everything else is silent, and a failure. What is detected must not be shown all the same when the log is
read, and a repair must keep nothing false, and say of all that it did not keep that it is lost. The write-ahead log
that a kill leaves behind is damaged with and without the index beside it, which a power cut may take. Without it the
loss of the last commit cannot be told from a torn write, nor any cut-off end: that is counted apart.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec.msgpack import encode

from broker import salvage, upkeep, wal
from broker.core import Core
from broker.entries import Posted
from broker.log import Damaged, Log, LogError
from messages import Home

from .brokers import Broker, broken, endpoint, folder, stored
from .crew import Crews, Person
from .result import Result, Scale

DAMAGES = {"full": 1000, "short": 40}
CONTROL_DAMAGES = {"full": 200, "short": 40}
PARTS = ("log.db", "log.db-wal", "log.db-shm")
SECONDS = {"full": 3.0, "short": 0.7}


def run(scale: Scale) -> Result:
    """Sound and sabotaged."""
    with folder() as place:
        make(place, SECONDS[scale])
        found, silent = damage(place, DAMAGES[scale], broken)
        tails, unseen = damage(place, DAMAGES[scale] // 5, broken, tail=True)
        lone, unproven = damage(place, DAMAGES[scale] // 5, broken, tail=True, index=False)
        control, _ = damage(place, CONTROL_DAMAGES[scale], unchained)
        with unexamined():
            blind, _ = damage(place, CONTROL_DAMAGES[scale], broken, tail=True)
    return Result(
        test="corrupted log: bit flips and truncations",
        trials=DAMAGES[scale],
        of="damages of log.db",
        figures=f"{found['detected']} detected, {found['harmless']} harmless, {found['silent']} silent; of "
        f"those detected {found['repaired']} were repaired and kept {found['kept']:,} of {found['of']:,} messages, "
        f"{found['beyond repair']} could not be. "
        f"Of {DAMAGES[scale] // 5} damages of a left-over log.db-wal, with log.db-shm: {tails['detected']} detected, "
        f"{tails['harmless']} harmless, {tails['shorter'] + tails['last'] + tails['silent']} else. Of as many without: "
        f"{lone['detected']} detected, {lone['harmless']} harmless, {lone['last']} cost the last commit alone or cut "
        f"the end off and were not told from a torn write, {lone['shorter'] + lone['silent']} else.",
        control=f"digests not compared, {CONTROL_DAMAGES[scale]} damages: {control['silent']} silent; log.db-wal not "
        f"examined, as many: {blind['last'] + blind['shorter']} ended the log earlier",
        control_red=control["silent"] > 0 and blind["last"] + blind["shorter"] > 0,
        problems=silent + unseen + [each for each in unproven if not each.startswith("last")],
    )


def make(place: Path, seconds: float) -> None:
    """Two logs of a broker that was talked to: `whole` after a shutdown, `killed` with its write-ahead log."""
    home = place / "home"
    with Broker(home, endpoint()) as broker:
        people = [Person(nick, f"{nick}/desk", ("*", "@ann"), listens=False, size=500) for nick in ("ann", "ben")]
        crews = Crews(home, [people])
        try:
            crews.begin()
            time.sleep(seconds)
            crews.finish()
        finally:
            crews.close()
        (place / "killed").mkdir()
        for part in PARTS:
            shutil.copy(broker.log.with_name(part), place / "killed" / part)
    (place / "whole").mkdir()
    shutil.copy(broker.log, place / "whole" / "log.db")


def damage(
    place: Path, times: int, verify: Callable[[Path], str], *, tail: bool = False, index: bool = True
) -> tuple[Counter[str], list[str]]:
    """Damage copies so many times; returns how many were of which kind, and the silent ones in words."""
    rng = random.Random(times)
    source = place / ("killed" if tail else "whole")
    name = "log.db-wal" if tail else "log.db"
    intact, original = look(_copy(source, place / "copy" / "broker")), (source / name).read_bytes()
    segments = upkeep.verify(place / "copy" / "broker" / "log.db").segments
    counts: Counter[str] = Counter()
    silent = []
    for _ in range(times):
        path = _copy(source, place / "copy" / "broker")
        content, what = _hurt(original, rng)
        path.with_name(name).write_bytes(content)
        if not index:
            path.with_name(PARTS[2]).unlink()
        kind = classify(path, verify, intact)
        if kind == "shorter" and (len(content) < len(original) or upkeep.verify(path).segments >= segments - 1):
            kind = "last"
        counts[kind] += 1
        if kind in ("silent", "shorter", "last"):
            silent.append(f"{kind}: {name}, {what}")
        if kind == "detected" and not tail and verify is broken:
            problem = shown_falsely(path, intact) or repair(path, intact, counts)
            silent += [f"{problem}: {name}, {what}"] * bool(problem)
    return counts, silent


def _copy(source: Path, target: Path) -> Path:
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)
    return target / "log.db"


def _hurt(original: bytes, rng: random.Random) -> tuple[bytes, str]:
    content = bytearray(original)
    place = rng.randrange(len(content))
    if rng.random() < 0.2:
        del content[place:]
        return bytes(content), f"cut off at {place} of {len(original)}"
    bit = rng.randrange(8)
    content[place] ^= 1 << bit
    return bytes(content), f"bit {bit} at {place} of {len(original)}"


Seen = tuple[list[tuple[int, str]], bytes]


def look(path: Path) -> Seen:
    """Everything that a log means: its messages, and the state that a broker starts with."""
    log = Log(path)
    try:
        core = Core(log, operator=bytes(32), name="torture", now=0.0, at=0)
        return stored(path), encode(core.state.snapshot())
    finally:
        log.close()


def classify(path: Path, verify: Callable[[Path], str], intact: Seen) -> str:
    """What became of a damaged log."""
    if verify(path):
        return "detected"
    try:
        seen = look(path)
    except (LogError, sqlite3.Error):
        return "detected"
    if seen == intact:
        return "harmless"
    return "shorter" if seen[0] == intact[0][: len(seen[0])] else "silent"  # the last commit may hold no message


def shown_falsely(path: Path, intact: Seen) -> str:
    """Read a damaged log as a broker does for those who were away; what it shows of it that was never said, if any."""
    there = dict(intact[0])
    try:
        log = Log(path)
    except LogError:
        return ""
    after = 0
    try:
        while after < log.head:
            try:
                segment = next(log.read(after))
            except Damaged as damage:
                after = damage.last
                continue
            for seq, entry in enumerate(segment.entries, segment.first):
                if isinstance(entry, Posted) and there.get(seq) != entry.body:
                    return f"{seq} was shown falsely"
            after = segment.last
    except LogError:
        pass  # it refuses to go on
    finally:
        log.close()
    return ""


def repair(path: Path, intact: Seen, counts: Counter[str]) -> str:
    """Repair a damaged log; what is wrong with it afterwards, if anything."""
    try:
        repaired = salvage.repair(Home(path.parent.parent))
    except LogError:
        counts["beyond repair"] += 1
        return ""
    counts["repaired"] += 1
    there, kept = dict(intact[0]), dict(stored(path))
    lost = {seq for first, last in repaired.lost for seq in range(first, last + 1)}
    counts["kept"] += len(kept)
    counts["of"] += len(there)
    if problem := broken(path):
        return f"repaired, but {problem}"
    if false := [seq for seq, body in kept.items() if there.get(seq) != body]:
        return f"repaired with a false {false[0]}"
    if not repaired.forked and repaired.head < max(there):
        return "repaired as if its end were there"
    silent = [seq for seq in there.keys() - kept.keys() if seq not in lost and seq <= repaired.head]
    return f"repaired without {silent[0]}, and without a word" if silent else ""


@contextmanager
def unexamined() -> Iterator[None]:
    """Without its safeguard: nobody looks at what a kill left behind."""
    examine = wal.examine
    wal.examine = lambda log: ""
    try:
        yield
    finally:
        wal.examine = examine


def unchained(path: Path) -> str:
    """`verify` without its safeguard: whatever digest stands there is taken for right."""
    problem = upkeep._segment_problem
    upkeep._segment_problem = lambda first, count, blob, expected, chained: problem(first, count, blob, expected, True)
    try:
        return broken(path)
    finally:
        upkeep._segment_problem = problem
