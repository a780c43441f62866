"""Looking after a log from outside: verify, back up, restore, export. What repairs it is `salvage`.

All but restore may run beside a running broker, in a process of their own, through a connection of their own. What
takes long, or waits for whoever reads it, reads the log a portion at a time, up to where it ended at first: a long
transaction would keep the broker's write-ahead log from being moved into the log. Only a backup is made in one. It is
the log's file with the broker's key pair inside: all that a restore needs, and as secret as the key.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
from msgspec.structs import replace

from messages import Home

from . import wal
from .entries import Announced, AnyEntry, Lost, Posted, Removed
from .folder import Folder
from .keys import KeyPair, load_or_make
from .log import BASE, FORMAT, NEWEST, LogError, chain, fork, newest, read_only, snapshot_in
from .state import Snapshot, State

PORTION_BYTES = 1024 * 1024  # of segments read in one transaction, some milliseconds
WAY_ON = "`confab-broker repair` goes on with what is whole, or restore a backup."
ATTEMPTS = 20  # to verify a log whose oldest segments are being cut off

Row = tuple[int, int, int, bytes, bytes]  # a segment as it is stored

_decode: msgspec.msgpack.Decoder[list[AnyEntry]] = msgspec.msgpack.Decoder(list[AnyEntry])


@dataclass(slots=True)
class Verdict:
    """What `verify` found: how far the log is whole, and the first thing that is wrong."""

    segments: int = 0
    entries: int = 0
    cut: int = 0  # what came up to here is no longer kept
    lost: int = 0  # of the entries, those whose place is all that an earlier repair could keep
    problem: str = ""  # empty: everything holds


def verify(path: Path) -> Verdict:
    """Check every segment from the cut on: its digest, its place and its meaning; and the snapshots against the log."""
    try:
        damage = _damage(path)
    except (OSError, ValueError, sqlite3.Error) as error:
        return Verdict(problem=f"The write-ahead log cannot be read: {error}")
    return check(path, damage)


def check(path: Path, damage: str) -> Verdict:
    """Verify a log of whose write-ahead log this damage is known."""
    verdict = Verdict()
    try:
        with contextlib.ExitStack() as stack:
            view = stack.enter_context(wal.beside(path)) if damage else path
            db = stack.enter_context(_reading(view, examined=True))
            for _ in range(ATTEMPTS):  # from behind the cut each time
                verdict = Verdict()
                if _verify(db, verdict):
                    break
            else:
                verdict.problem = "The broker cuts the log off faster than it can be read. Verify it later."
    except (LogError, OSError, sqlite3.Error, msgspec.DecodeError, KeyError, TypeError, ValueError) as error:
        verdict.problem = (
            f"Behind sequence {verdict.cut + verdict.entries} the log cannot be read: {str(error).rstrip('.')}."
        )
    if damage:
        verdict.problem = f"{damage} {verdict.problem or f'Behind {verdict.cut + verdict.entries} it is lost.'}"
    return verdict


def _damage(path: Path) -> str:
    """What is known of damage in a write-ahead log that was left behind; empty while a broker is at work there."""
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(FileNotFoundError):
            lock = stack.enter_context(path.with_name("lock").open("rb"))
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return ""
        return wal.examine(path) if path.is_file() else ""


def _verify(db: sqlite3.Connection, verdict: Verdict) -> bool:
    """Fill in the verdict; False when the log was cut meanwhile in front of where it was being read."""
    db.execute("BEGIN")
    verdict.cut, digest = db.execute("SELECT seq, digest FROM cut").fetchone()
    state, snapshot = State(snapshot_in(db, BASE)), snapshot_in(db, NEWEST)
    head, _ = newest(db)
    [last] = db.execute("SELECT max(first) FROM segment").fetchone()
    db.execute("COMMIT")
    if last is not None and last > head:
        verdict.problem = f"The segment from sequence {last} on does not say how many entries it holds."
        return True
    if state.seq < verdict.cut:
        verdict.problem = f"The log begins behind {verdict.cut}, and there is no snapshot of what was before."
        return True
    base, expected = state.seq, verdict.cut + 1
    for first, count, at, blob, stored in _segments(db, head):
        if first != expected and _cut(db) >= expected:
            return False
        digest = chain(digest, first, at, blob)
        verdict.problem = _segment_problem(first, count, blob, expected, digest == stored)
        if verdict.problem:
            return True
        for seq, entry in enumerate(_decode.decode(blob), first):
            verdict.lost += isinstance(entry, Lost)
            if seq > base:
                state.apply(seq, entry)
            if snapshot is not None and seq == snapshot.seq and not _same(state.snapshot(), snapshot, verdict.cut):
                verdict.problem = f"The snapshot at {seq} is not what the log amounts to."
                return True
        verdict.segments, verdict.entries, expected = verdict.segments + 1, verdict.entries + count, first + count
    known = max(base, snapshot.seq if snapshot else 0)
    if known >= expected:
        verdict.problem = f"The log ends at {expected - 1}, but a snapshot knows {known}: the end of it is lost."
    return True


def _same(folded: Snapshot, stored: Snapshot, cut: int) -> bool:
    """Whether two snapshots say the same; which messages were deleted that are cut off by now is forgotten."""
    removed = [[seq for seq in each.removed if seq > cut] for each in (folded, stored)]
    return removed[0] == removed[1] and replace(folded, removed=[]) == replace(stored, removed=[])


def _segments(db: sqlite3.Connection, head: int) -> Iterator[Row]:
    """The segments up to this sequence, in portions: no transaction is open while one is looked at."""
    after = 0
    while True:
        rows, size = [], 0
        cursor = db.execute("SELECT * FROM segment WHERE first > ? AND first <= ? ORDER BY first", (after, head))
        for row in cursor:
            rows.append(row)
            size += len(row[3])
            if size >= PORTION_BYTES:
                break
        cursor.close()
        if not rows:
            return
        yield from rows
        after = rows[-1][0]


def _cut(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT seq FROM cut").fetchone()[0])


def _segment_problem(first: int, count: int, blob: bytes, expected: int, chained: bool) -> str:
    if first != expected:
        return f"Sequence {expected} is missing; the next one there is {first}."
    if not chained:
        return f"The segment from sequence {first} on is not what was committed: its digest does not follow."
    if len(_decode.decode(blob)) != count:
        return f"The segment from sequence {first} on does not hold the {count} entries it says."
    return ""


def backup(home: Home, target: Path) -> int:
    """Write a consistent copy of log and key to `target` and verify it; returns its head.

    Raises LogError when the log is not whole; never overwrites.
    """
    if not (home.broker / "log.db").is_file():
        raise LogError(f"There is no log {home.broker / 'log.db'}.")
    keys = load_or_make(home.broker / "key.json")
    if target.exists():
        raise LogError(f"{target} exists; a backup overwrites nothing.")
    draft = target.with_name(f"{target.name}.part")
    try:
        with _drafting(draft):
            if target.exists():
                raise FileExistsError
            with _reading(home.broker / "log.db") as source, contextlib.closing(sqlite3.connect(draft)) as copy:
                source.backup(copy)
                copy.execute("PRAGMA journal_mode=DELETE")  # one file, whole in itself
                copy.execute("CREATE TABLE key (public BLOB NOT NULL, secret BLOB NOT NULL)")
                copy.execute("INSERT INTO key VALUES (?, ?)", (keys.public, keys.secret))
                copy.commit()
                head, _ = newest(copy)
            if problem := check(draft, "").problem:
                raise LogError(f"Nothing was left at {target}, since the log is damaged. {problem} {WAY_ON}")
            sync(draft)
            os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))  # fails when somebody was faster
            draft.rename(target)
            sync(target.absolute().parent)
    except FileExistsError as error:
        raise LogError(f"{target} exists by now; a backup overwrites nothing.") from error
    except BlockingIOError as error:
        raise LogError(f"Another backup to {target} is being made.") from error
    except (sqlite3.Error, OSError) as error:
        damaged = isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError)
        way_on = f" {WAY_ON}" if damaged else ""
        why = (isinstance(error, OSError) and error.strerror) or error
        raise LogError(f"The backup to {target} failed: {why}. Nothing was left there.{way_on}") from error
    return head


@contextlib.contextmanager
def _drafting(draft: Path) -> Iterator[None]:
    """An empty file of our own, gone afterwards; what a run that was killed left there is of no use to anyone."""
    descriptor = os.open(draft, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        draft.with_name(f"{draft.name}-journal").unlink(missing_ok=True)
        os.truncate(descriptor, 0)
        try:
            yield
        finally:
            draft.unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def restore(home: Home, source: Path) -> Verdict:
    """Put a backup into an empty home, after verifying it. Raises LogError, FolderError; never overwrites."""
    if not source.is_file():
        raise LogError(f"There is no backup {source}.")
    verdict = verify(source)
    if verdict.problem:
        raise LogError(f"{source} is no whole backup, nothing was restored. {verdict.problem}")
    folder = Folder(home)
    try:
        for path in (folder.key_file, folder.log_file):
            if path.exists():
                raise LogError(f"{path} exists; a restore overwrites nothing. Choose an empty --data.")
        _place(folder, source)
    except (sqlite3.Error, OSError) as error:
        raise LogError(f"{source} cannot be restored: {error}.") from error
    finally:
        folder.close()
    return verdict


def _place(folder: Folder, source: Path) -> None:
    draft = folder.log_file.with_suffix(".part")
    draft.unlink(missing_ok=True)  # of a run that was killed
    with _reading(source) as backup, contextlib.closing(sqlite3.connect(draft)) as copy:
        public, secret = backup.execute("SELECT public, secret FROM key").fetchone()
        backup.backup(copy)
        copy.execute("DROP TABLE key")
        fork(copy)
        copy.commit()
        copy.execute("VACUUM")  # so that the secret is not left in a free page
    sync(draft)
    load_or_make(folder.key_file, KeyPair(public, secret))
    draft.rename(folder.log_file)


def export(path: Path, *, for_terminal: bool = False) -> Iterator[str]:
    """Yield every message of the log as one JSON object a line, each proved by its segment's digest.

    Of those that were deleted only that they are. For a terminal in ASCII alone, since JSON leaves some control
    characters be. Raises LogError in front of damage, and of what the broker cuts off meanwhile.
    """
    last = 0
    try:
        with _reading(path) as db:
            deleted = _deleted(db)
            last, before = db.execute("SELECT seq, digest FROM cut").fetchone()
            for first, count, at, blob, digest in _segments(db, newest(db)[0]):
                if first > last + 1 and _cut(db) > last:
                    lacking = f"what came behind {last} up to {first - 1}, which is missing here"
                    raise LogError(f"Meanwhile the broker cut off {lacking}. Export again for what is kept.")
                if first != last + 1 or chain(before, first, at, blob) != digest:
                    whole = f"all in front of that is here. {WAY_ON}" if last else WAY_ON
                    raise LogError(f"The log {path} is damaged behind sequence {last}; {whole}")
                last, before = first + count - 1, digest
                for seq, entry in enumerate(_decode.decode(blob), first):
                    if isinstance(entry, (Posted, Announced)):
                        fields = _fields(seq, at, entry)
                        if seq in deleted:
                            fields = {"seq": seq, "at": at, "deleted": True}
                        yield json.dumps(fields, ensure_ascii=for_terminal)
            if (known := max((kept.seq for kept in _snapshots(db)), default=0)) > max(last, newest(db)[0]):
                raise LogError(f"The log {path} ends at {last}, but a snapshot knows {known}: the end of it is lost.")
    except (sqlite3.Error, msgspec.DecodeError, TypeError, ValueError) as error:
        raise LogError(f"Behind sequence {last} the log {path} cannot be read: {error}. {WAY_ON}") from error


def _deleted(db: sqlite3.Connection) -> set[int]:
    """The messages that somebody had deleted, as far as that can be read; only what has the word for it is decoded."""
    found = {seq for kept in _snapshots(db) for seq in kept.removed}
    with contextlib.suppress(sqlite3.Error):
        for _, _, _, blob, _ in _segments(db, newest(db)[0]):
            with contextlib.suppress(msgspec.DecodeError, TypeError, ValueError):
                if b"removed" in blob:
                    found |= {entry.seq for entry in _decode.decode(blob) if isinstance(entry, Removed)}
    return found


def _snapshots(db: sqlite3.Connection) -> Iterator[Snapshot]:
    """Those that are whole."""
    for which in (BASE, NEWEST):
        with contextlib.suppress(LogError):
            if (kept := snapshot_in(db, which)) is not None:
                yield kept


def _fields(seq: int, at: int, entry: Posted | Announced) -> dict[str, object]:
    fields: dict[str, object] = {"seq": seq, "at": at, "from": entry.sender, "to": entry.target}
    fields |= {"kind": "text" if isinstance(entry, Posted) else "announcement", "body": entry.body}
    if isinstance(entry, Announced):
        fields |= {"title": entry.title, "priority": entry.priority}
    return fields


@contextlib.contextmanager
def _reading(path: Path, *, examined: bool = False) -> Iterator[sqlite3.Connection]:
    """A log, or a backup of one."""
    if not path.is_file():
        raise LogError(f"There is no log {path}.")
    if not examined and (damage := _damage(path)):
        raise LogError(f"{damage} `confab-broker verify` and `repair` tell more.")
    with contextlib.closing(read_only(path)) as db:
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version != FORMAT:
            raise LogError(f"{path} is of format {version}, this version reads {FORMAT}.")
        yield db


def sync(path: Path) -> None:
    """Have what was written to a file, or renamed in a folder, reach the disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
