"""What a client keeps on disk for its next run: texts without an answer, under their numbers, and its reader's cursor.

One SQLite file for a device slot, written by the process that holds the slot, one transaction a batch.

    device       whose numbers these are
    cursor       for each broker (named by its key): what came up to here, the reader has finished with; in this
                 timeline of the broker's log
    unanswered   for each broker, in the order of `place`: a command; number 0: nothing of it has left yet

A text is synced to the disk before it leaves: whatever dies then, this process or the machine, it goes out once more
under the number it had. That something was answered or read is not synced: at the worst it is asked or shown again.

A file that is damaged, or out of date since it could not be written, is put aside, never deleted and never used again:
its numbers would be wrong. One that only cannot be used at the moment is left where it is, for the next run.
Knows files and commands, no session and no network.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory

from messages import Announce, DecodeError, Post, decode_commands, encode_commands

from .language import _
from .outbox import Kept, Row

FORMAT = 2  # of the file
BUSY_SECONDS = 2.0  # for another process that has a short look at the file

_SCHEMA = """
CREATE TABLE device (token BLOB NOT NULL);
CREATE TABLE cursor (broker BLOB PRIMARY KEY, seq INTEGER NOT NULL, timeline BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE unanswered (
    broker BLOB, place INTEGER, number INTEGER NOT NULL, command BLOB NOT NULL, PRIMARY KEY (broker, place)
) WITHOUT ROWID;
"""


class StoreError(Exception):
    """The file cannot be used now; the text says why, as the first half of a sentence."""


class Damaged(StoreError):
    """The file is of no more use: what it holds, this confab cannot read."""


class Store:
    """The open file of one slot, as far as it is about one broker."""

    def __init__(self, path: Path, device: bytes, broker: bytes) -> None:
        """Open the file, made when new for `device`; raises StoreError."""
        self._path = path
        self._broker = broker
        self._full = True  # whether commits are synced now
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            self._db = sqlite3.connect(path, BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(_("{path} cannot be opened ({error})").format(path=path, error=_reason(error))) from error
        try:
            self.device = self._prepare(device)
            self.kept = self._load()
        except (sqlite3.Error, DecodeError, StoreError) as error:
            self._db.close()
            text = (
                str(error)
                if isinstance(error, StoreError)
                else _("{path} cannot be used ({error})").format(path=path, error=_reason(error))
            )
            raise (Damaged if _tells_damage(error) and _is_readable(path) else StoreError)(text) from error

    def _prepare(self, device: bytes) -> bytes:
        [version] = self._db.execute("PRAGMA user_version").fetchone()
        if version not in (0, FORMAT):
            raise StoreError(_("{path} was written by another version of confab").format(path=self._path))
        [health] = self._db.execute("PRAGMA quick_check(1)").fetchone()
        if health != "ok":
            raise StoreError(_("{path} is damaged or cannot be read ({health})").format(path=self._path, health=health))
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        if version == 0:
            self._db.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version={FORMAT};")
            self._db.execute("INSERT INTO device VALUES (?)", (device,))
            self._db.execute("COMMIT")
        [token] = self._db.execute("SELECT token FROM device").fetchone()
        return bytes(token)

    def _load(self) -> Kept:
        rows: list[Row] = []
        query = "SELECT place, number, command FROM unanswered WHERE broker = ? ORDER BY place"
        for place, number, frame in self._db.execute(query, (self._broker,)):
            commands = decode_commands(frame)
            if len(commands) != 1 or not isinstance(commands[0], Post | Announce):
                raise StoreError(_("{path} is damaged (no text at place {place})").format(path=self._path, place=place))
            rows.append(Row(place, number, commands[0]))
        return Kept(rows, *_reader(self._db, self._broker))

    def save(self, kept: Kept) -> None:
        """Write one batch of changes; what is text is on the disk then. Raises StoreError, and nothing is changed."""
        texts = [
            (self._broker, row.place, row.number, encode_commands([row.command])) for row in kept.rows if row.command
        ]
        try:
            self._sync(bool(texts))
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany("INSERT OR REPLACE INTO unanswered VALUES (?, ?, ?, ?)", texts)
            self._db.executemany(
                "DELETE FROM unanswered WHERE broker = ? AND place = ?",
                [(self._broker, row.place) for row in kept.rows if row.command is None],
            )
            if kept.cursor is None:
                self._db.execute("DELETE FROM cursor WHERE broker = ?", (self._broker,))
            else:
                row = (self._broker, kept.cursor, kept.timeline)
                self._db.execute("INSERT OR REPLACE INTO cursor VALUES (?, ?, ?)", row)
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            with suppress(sqlite3.Error):  # a failed COMMIT leaves it open, other failures may have ended it
                self._db.execute("ROLLBACK")
            raise StoreError(
                _("{path} cannot be written ({error})").format(path=self._path, error=_reason(error))
            ) from error

    def _sync(self, full: bool) -> None:
        if full is not self._full:
            self._db.execute(f"PRAGMA synchronous={'FULL' if full else 'NORMAL'}")
            self._full = full

    def close(self) -> None:
        """Close the file. Idempotent."""
        with suppress(sqlite3.Error):  # the last checkpoint does not fit: the next open does it
            self._db.close()


def put_aside(path: Path) -> Path | None:
    """Rename a file so that it is kept but not used again; None when that is impossible too."""
    for number in range(1, 1000):
        aside = path.with_name(f"{path.stem}.aside-{number}{path.suffix}")
        if aside.exists():
            continue
        try:
            path.rename(aside)
            for suffix in ("-wal", "-shm"):  # what was committed last lies there
                with suppress(FileNotFoundError):
                    path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
        except OSError:
            return None
        return aside
    return None


def examine(path: Path) -> str:
    """Why the file of a slot that nobody holds is of no use, half a sentence; empty: it is whole. Opens only a copy."""
    with TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        try:
            for suffix in ("", "-wal"):
                if path.with_name(path.name + suffix).exists():
                    copyfile(path.with_name(path.name + suffix), copy.with_name(copy.name + suffix))
            Store(copy, bytes(16), b"").close()
        except OSError as error:
            return _("{path} cannot be read ({error})").format(path=path, error=_reason(error))
        except StoreError as error:
            return str(error).replace(str(copy), str(path))
    return ""


def look(path: Path, broker: bytes) -> Kept:
    """What another slot's file holds for a broker, without its texts; nothing when it cannot be read."""
    if not path.exists():
        return Kept([], None)
    with suppress(sqlite3.Error), closing(sqlite3.connect(path, BUSY_SECONDS)) as db:
        places = db.execute("SELECT place, number FROM unanswered WHERE broker = ?", (broker,)).fetchall()
        return Kept([Row(place, number, None) for place, number in places], *_reader(db, broker))
    return Kept([], None)


def _tells_damage(error: Exception) -> bool:
    """Whether it is the content that is wrong, and not the disk that is full or fails, or a lock."""
    if not isinstance(error, sqlite3.Error):
        return True
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    damage = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)  # the last: other tables
    return (code & 0xFF) in damage


def _is_readable(path: Path) -> bool:
    """Whether the disk gives the content: SQLite calls it malformed, too, when it does not."""
    try:
        for each in (path, path.with_name(path.name + "-wal")):
            if each.exists():
                each.read_bytes()
    except OSError:
        return False
    return True


def _reader(db: sqlite3.Connection, broker: bytes) -> tuple[int | None, bytes]:
    found = db.execute("SELECT seq, timeline FROM cursor WHERE broker = ?", (broker,)).fetchone()
    return found or (None, b"")


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
