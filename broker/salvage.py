"""Repair: what can be read and proved of a damaged log goes into a new file, and the damaged ones are kept aside.

A segment is proved by its digest and that of the one before it, as they stand there. What is lost in between leaves
`Lost` entries in its place, so that every sequence stays what it was; that takes a snapshot of the state from behind
it. Without one the log ends in front of the damage, since nobody knows then what the entries behind it meant. Where the
end is lost, or may be, a new timeline begins.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from messages import Home

from . import upkeep, wal
from .entries import AnyEntry, Lost
from .folder import Folder
from .log import BASE, FORMAT, NEWEST, Log, LogError, chain, fork, newest, read_only, snapshot_in
from .upkeep import Row, sync

FARTHEST = 1 << 48  # sequences that are looked through for what can be read again behind a damaged page

_encode = msgspec.msgpack.Encoder().encode
_decode: msgspec.msgpack.Decoder[list[AnyEntry]] = msgspec.msgpack.Decoder(list[AnyEntry])


@dataclass(slots=True)
class Repaired:
    """What became of a log."""

    problem: str  # what was wrong, a sentence
    head: int = 0  # where it ends now
    lost: list[tuple[int, int]] = field(default_factory=list)  # first and last of each stretch
    forked: bool = False  # the end is lost, or may be: sequences behind the head are given again
    kept: list[Path] = field(default_factory=list)  # where the damaged files are


def repair(home: Home) -> Repaired:
    """Go on with what is whole of a damaged log. Raises LogError when nothing is wrong, or too much; FolderError."""
    path = home.broker / "log.db"
    if not path.is_file():
        raise LogError(f"There is no log {path}, so nothing can be repaired. Restore a backup into an empty --data.")
    folder = Folder(home)
    draft = path.with_suffix(".part")
    try:
        damage = wal.examine(path)
        repaired = Repaired(upkeep.check(path, damage).problem, forked=bool(damage))
        if not repaired.problem:
            raise LogError("The log is whole; there is nothing to repair.")
        _remove(draft)  # of a run that was killed
        with contextlib.ExitStack() as stack:
            view = stack.enter_context(_filled_up(stack.enter_context(wal.beside(path)) if damage else path))
            source = stack.enter_context(contextlib.closing(read_only(view)))
            Log(draft).close()
            target = stack.enter_context(contextlib.closing(sqlite3.connect(draft, isolation_level=None)))
            _copy(source, target, repaired)
        if problem := upkeep.check(draft, "").problem:
            raise LogError(f"{path} cannot be repaired: {problem} Nothing was changed. Restore a backup.")
        sync(draft)
        repaired.kept = _put_aside(path)
        draft.rename(path)
        sync(path.parent)
    except (sqlite3.Error, OSError, TypeError) as error:
        raise LogError(f"{path} cannot be repaired: {error}. Restore a backup.") from error
    finally:
        _remove(draft)
        folder.close()
    return repaired


@contextlib.contextmanager
def _filled_up(path: Path) -> Iterator[Path]:
    """The log, or a copy with empty pages in place of those that were cut off: SQLite reads no file that lacks any."""
    with path.open("rb") as file:
        header = file.read(100)
    if header[:16] != b"SQLite format 3\0":
        raise LogError(f"The first page of {path} is damaged, and with it where all else stands. Restore a backup.")
    size, pages = int.from_bytes(header[16:18], "big"), int.from_bytes(header[28:32], "big")
    if path.stat().st_size >= size * pages:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="examined-", dir=path.parent) as folder:
        for suffix in ("", wal.SUFFIXES[0]):
            if (part := path.with_name(path.name + suffix)).exists():
                shutil.copy(part, folder)
        os.truncate(Path(folder) / path.name, size * pages)
        yield Path(folder) / path.name


def _remove(draft: Path) -> None:
    for suffix in ("", *wal.SUFFIXES, "-journal"):
        draft.with_name(draft.name + suffix).unlink(missing_ok=True)


def _put_aside(path: Path) -> list[Path]:
    """Rename the log's files, the log itself first: no broker starts on a part of them."""
    kept = []
    stamp = time.strftime("%Y%m%d-%H%M%S")
    for suffix in ("", *wal.SUFFIXES):
        source = path.with_name(path.name + suffix)
        if source.exists():
            kept.append(source.rename(source.with_name(f"{source.name}.damaged-{stamp}")))
    return kept


def _copy(source: sqlite3.Connection, target: sqlite3.Connection, repaired: Repaired) -> None:
    """Fill the new log with what is whole of the damaged one."""
    version = source.execute("PRAGMA user_version").fetchone()[0]
    if version != FORMAT:
        text = f"The log is of format {version}, this version reads {FORMAT}. Nothing was changed."
        raise LogError(text if version else f"{text} If it is damaged, restore a backup.")
    target.execute("PRAGMA journal_mode=OFF")  # the file is of use when it is done, or not at all
    target.execute("PRAGMA synchronous=OFF")
    target.execute("BEGIN")
    cut, digest = _cut(source)
    target.execute("UPDATE cut SET seq = ?, digest = ?", (cut, digest))
    known = _copy_snapshot(source, target)
    if cut > known:
        raise LogError("The log was cut, and no snapshot of what was before is whole. Restore a backup.")
    head = end = newest_proved = cut  # of the new log; and how far there are proved segments in the damaged one
    new = digest

    def lose(upto: int, at: int) -> None:
        nonlocal head, new
        repaired.lost.append((head + 1, upto))
        new = _insert(target, new, head + 1, upto - head, at, _encode([Lost()] * (upto - head)))
        head = upto

    for first, count, at, blob, _ in _proved(source, cut, digest):
        end, newest_proved = first + count - 1, first
        if first > max(head, known) + 1:
            continue  # what came in front of it is lost and in no snapshot
        if first > head + 1:
            lose(first - 1, at)
        new = _insert(target, new, first, count, at, blob)
        head = end
    repaired.forked |= not (known <= head == end and newest_proved == _newest_row(source, cut))
    if known > head:
        lose(known, 0)
    if end > head:
        repaired.lost.append((head + 1, end))
    if not head:
        raise LogError("Nothing of the log can be read. Restore a backup into an empty --data.")
    _copy_timelines(source, target, repaired)
    repaired.head = newest(target)[0]
    target.execute("COMMIT")


def _cut(source: sqlite3.Connection) -> tuple[int, bytes]:
    """Where the log begins, and the digest there; by its first row, where only that can be read."""
    with contextlib.suppress(sqlite3.DatabaseError):
        seq, digest = source.execute("SELECT seq, digest FROM cut").fetchone()
        return int(seq), bytes(digest)
    oldest = next(_readable(source, 0), None)
    return (0, bytes(32)) if oldest is None or oldest[0] == 1 else (oldest[0] + oldest[1] - 1, oldest[4])


def _newest_row(source: sqlite3.Connection, cut: int) -> int:
    """With which sequence the last row begins, the cut where all are cut off; -1: SQLite may not see all there is."""
    try:
        [[sound]] = source.execute("PRAGMA quick_check(1)").fetchall()
        [first] = source.execute("SELECT max(first) FROM segment").fetchone()
    except (sqlite3.Error, ValueError):
        return -1
    if sound != "ok":
        return -1
    return cut if first is None else int(first)


def _copy_timelines(source: sqlite3.Connection, target: sqlite3.Connection, repaired: Repaired) -> None:
    """Where they cannot be read the new one is the only one."""
    try:
        timelines = source.execute("SELECT id, upto FROM timeline").fetchall()
        target.execute("DELETE FROM timeline")
        target.executemany("INSERT INTO timeline VALUES (?, ?)", timelines)
        repaired.forked |= [upto for _, upto in timelines].count(None) != 1
    except sqlite3.Error:
        repaired.forked = True
    if repaired.forked:
        fork(target)


def _insert(target: sqlite3.Connection, before: bytes, first: int, count: int, at: int, blob: bytes) -> bytes:
    digest = chain(before, first, at, blob)
    target.execute("INSERT INTO segment VALUES (?, ?, ?, ?, ?)", (first, count, at, blob, digest))
    return digest


def _copy_snapshot(source: sqlite3.Connection, target: sqlite3.Connection) -> int:
    """Take over the newest whole snapshot, as the base too; returns its sequence, 0 when there is none."""
    for which in (NEWEST, BASE):
        with contextlib.suppress(LogError):
            snapshot = snapshot_in(source, which)
            if snapshot is not None:
                row = source.execute("SELECT state, digest FROM snapshot WHERE id = ?", (which,)).fetchone()
                for each in (BASE, NEWEST):
                    target.execute("INSERT INTO snapshot VALUES (?, ?, ?, ?)", (each, snapshot.seq, *row))
                return snapshot.seq
    return 0


def _proved(db: sqlite3.Connection, cut: int, digest: bytes) -> Iterator[Row]:
    """The segments, in order, that follow from the row before them, whatever that one is worth itself."""
    before, last = digest, cut
    for row in _readable(db, cut):
        first, count, at, blob, stored = row
        try:
            if first > last and chain(before, first, at, blob) == stored and len(_decode.decode(blob)) == count:
                last = first + count - 1
                yield row
        except (TypeError, ValueError, msgspec.DecodeError):
            pass  # the damage itself
        before = stored if isinstance(stored, bytes) else b""


def _readable(db: sqlite3.Connection, after: int) -> Iterator[Row]:
    """All rows behind a sequence that SQLite can read."""
    reached: int | None = after
    while reached is not None:
        try:
            for row in db.execute("SELECT * FROM segment WHERE first > ? ORDER BY first", (reached,)):
                yield row
                reached = max(reached, row[0])  # in a damaged tree they may be out of order
            return
        except sqlite3.DatabaseError:
            reached = _beyond(db, reached)


def _beyond(db: sqlite3.Connection, after: int) -> int | None:
    """From behind where on rows can be read again; None: nowhere."""
    found = _next(db, after)
    if found is not None:  # the row is there, what it holds is not
        return max(found, after + 1)
    unreadable, step = after, 1
    while (found := _next(db, after + step)) is None:
        unreadable, step = after + step, step * 2
        if step > FARTHEST:
            return None
    readable = after + step
    while readable - unreadable > 1:
        middle = (readable + unreadable) // 2
        if _next(db, middle) is None:
            unreadable = middle
        else:
            readable = middle
    return readable


def _next(db: sqlite3.Connection, after: int) -> int | None:
    """The sequence with which the next row begins; None: there is none, or SQLite cannot say."""
    try:
        row = db.execute("SELECT first FROM segment WHERE first > ? ORDER BY first LIMIT 1", (after,)).fetchone()
    except sqlite3.DatabaseError:
        return None
    return row[0] if row else None
