"""The index behind the log: which messages belong to a conversation, where a word stands, what was moderated.

A fold of the log in a file of its own, written between ticks when there is nothing else to do, up to a watermark. It is
never awaited: a query reads the log itself from the watermark on, and an index that is lost or damaged is built again.
What was written last may be gone after a power cut, watermark and all, but never a part of it alone.

It is kept in parts of so many sequences each, so that what the log has cut off goes by dropping whole parts. Knows
where messages are, not who may see them.
"""

from __future__ import annotations

import re
import sqlite3
import unicodedata
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .entries import Announced, Deed, Posted, Said
from .log import Log, LogError

FORMAT = 3  # of the file; another one is built anew
PORTION_ENTRIES = 500  # folded in at a time
PORTION_SIZE = 64 * 1024  # and characters of their bodies: some 5 ms, which a message may have to wait
PART_ENTRIES = 100_000  # sequences of one part: to drop it takes some 5 ms too

_PART = (
    "CREATE TABLE said_{0} (low INTEGER, high INTEGER, seq INTEGER, PRIMARY KEY (low, high, seq)) WITHOUT ROWID",
    "CREATE TABLE deeds_{0} (seq INTEGER PRIMARY KEY)",
    "CREATE VIRTUAL TABLE words_{0} USING fts5 (body, content='', tokenize='unicode61 remove_diacritics 0')",
)

Indexed = tuple[int, bool]  # a sequence; whether a message stands there, or the index was only looked through so far
Conversation = tuple[int, int]  # (0, the id of a room or of everyone), or the ids of two accounts, the lower one first


def conversation(entry: Said) -> Conversation:
    """The conversation a message belongs to."""
    return pair(entry.account, entry.to) if entry.target.startswith("@") else (0, entry.to)


def pair(one: int, other: int) -> Conversation:
    """The conversation of two accounts."""
    return (one, other) if one <= other else (other, one)


class IndexTrouble(Exception):
    """The index cannot be read or written; the text is a sentence. What it would have told stands in the log."""


class Index:
    """The index of one log; while there is no file for it, it knows nothing, and is tried again."""

    def __init__(self, path: Path | str, log: Log) -> None:
        """Open or make the index; one that belongs to another log, or cannot be read, is built anew."""
        self._path = path
        self._log = log
        self._db: sqlite3.Connection | None = None
        self.watermark = 0  # all up to here is indexed
        self._parts: list[int] = []  # the first sequence of each
        self.damage = ""  # why it is built anew, a sentence, until somebody has told it
        self._take_up()
        if self._db is None:
            with suppress(IndexTrouble, LogError):  # `advance` tries again, and says why not
                self._make()

    def _take_up(self) -> None:
        """Go on with the file that is there, if it is an index of this log up to a place that the log still knows."""
        db = None
        try:
            db = _connect(self._path)
            if db.execute("PRAGMA user_version").fetchone()[0] == FORMAT:
                seq, digest = db.execute("SELECT seq, digest FROM watermark").fetchone()
                if digest and seq <= self._log.head and digest == self._log.digest_at(seq):
                    self._use(db)
        except (sqlite3.Error, LogError, TypeError) as error:  # TypeError: no row
            self.damage = f"The index could not be opened, and is built anew: {error}."
        if db is not None and self._db is None:
            db.close()

    def _make(self) -> None:
        """Begin anew, where the log begins. Raises IndexTrouble, LogError."""
        start = (self._log.cut, self._log.digest_at(self._log.cut))
        try:
            for suffix in ("-wal", "-shm", ""):  # in this order: an old one must not be taken for the new file's
                Path(f"{self._path}{suffix}").unlink(missing_ok=True)
            db = _connect(self._path)
        except (OSError, sqlite3.Error) as error:
            raise IndexTrouble(f"There is no index, the log is read instead; none can be made: {error}.") from error
        try:
            with _transaction(db):
                db.execute("CREATE TABLE watermark (seq INTEGER NOT NULL, digest BLOB NOT NULL)")
                db.execute("INSERT INTO watermark VALUES (?, ?)", start)
                db.execute(f"PRAGMA user_version={FORMAT}")
            self._use(db)
        except sqlite3.Error as error:
            db.close()
            raise IndexTrouble(f"There is no index, the log is read instead; none can be made: {error}.") from error

    def _use(self, db: sqlite3.Connection) -> None:
        [watermark] = db.execute("SELECT seq FROM watermark").fetchone()
        tables = db.execute("SELECT name FROM sqlite_master WHERE name GLOB 'said_*'").fetchall()
        self._db, self.watermark = db, watermark
        self._parts = sorted(int(name.removeprefix("said_")) for (name,) in tables)

    def _lose(self, error: Exception) -> None:
        """It is damaged: know nothing, until it is built anew."""
        self.damage = f"The index is damaged, and is built anew: {error}."
        if self._db is not None:
            self._db.close()
        self._db, self.watermark, self._parts = None, 0, []

    @property
    def behind(self) -> bool:
        """Whether there is something to fold in, to forget, or to make."""
        return self._db is None or self.watermark < self._log.head or self._forgettable

    @property
    def _forgettable(self) -> bool:
        return len(self._parts) > 1 and self._parts[1] <= self._log.cut + 1

    def advance(self) -> None:
        """Make the file, forget a part that was cut off, or fold in the next portion.

        Raises LogError when the log cannot be read, IndexTrouble; nothing is changed then, and it may be tried again.
        """
        db = self._db
        if db is None:
            self._make()
            return
        try:
            if self._forgettable:
                self._forget(db)
            else:
                self._fold(db)
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", None) != sqlite3.SQLITE_FULL:
                self._lose(error)
            raise IndexTrouble(f"The index cannot go on for now, the log is read instead: {error}.") from error

    def _forget(self, db: sqlite3.Connection) -> None:
        part = self._parts[0]
        with _transaction(db):
            db.execute(f"DROP TABLE said_{part}")
            db.execute(f"DROP TABLE words_{part}")
            db.execute(f"DROP TABLE deeds_{part}")
        del self._parts[0]

    def _fold(self, db: sqlite3.Connection) -> None:
        said: list[tuple[int, int, int]] = []
        words: list[tuple[int, str]] = []
        deeds: list[tuple[int]] = []
        start = last = max(self.watermark, self._log.cut)
        size = 0
        for segment in self._log.read(start):
            for seq, entry in enumerate(segment.entries, segment.first):
                if isinstance(entry, (Posted, Announced)):
                    said.append((*conversation(entry), seq))
                    words.append((seq, " ".join(words_of(entry.body))))
                    size += len(entry.body)
                elif isinstance(entry, Deed):
                    deeds.append((seq,))
            last = segment.last
            if last >= start + PORTION_ENTRIES or size >= PORTION_SIZE:
                break
        digest = self._log.digest_at(last)
        new = not self._parts or start >= self._parts[-1] + PART_ENTRIES
        part = start + 1 if new else self._parts[-1]
        with _transaction(db):
            if new:
                for statement in _PART:
                    db.execute(statement.format(part))
            db.executemany(f"INSERT INTO said_{part} VALUES (?, ?, ?)", said)
            db.executemany(f"INSERT INTO words_{part} (rowid, body) VALUES (?, ?)", words)
            db.executemany(f"INSERT INTO deeds_{part} VALUES (?)", deeds)
            db.execute("UPDATE watermark SET seq = ?, digest = ?", (last, digest))
        self._parts += [part] * new
        self.watermark = last

    def of(self, wanted: Conversation, before: int) -> Iterator[Indexed]:
        """Where a conversation's messages are in front of `before`, newest first, as far as they are indexed."""
        return self._sequences("SELECT seq FROM said_{} WHERE low = ? AND high = ? AND seq", "seq", wanted, before)

    def deeds(self, before: int) -> Iterator[Indexed]:
        """Where those with a role did something in front of `before`, newest first, as far as it is indexed."""
        return self._sequences("SELECT seq FROM deeds_{} WHERE seq", "seq", (), before)

    def matching(self, words: Collection[str], before: int) -> Iterator[Indexed]:
        """Where messages with all the words are in front of `before`, newest first, as far as they are indexed."""
        wanted = " ".join(f'"{word}"' for word in words)
        return self._sequences(
            "SELECT rowid FROM words_{0} WHERE words_{0} MATCH ? AND rowid", "rowid", (wanted,), before
        )

    def _sequences(self, select: str, seq: str, wanted: tuple[object, ...], before: int) -> Iterator[Indexed]:
        """Raises IndexTrouble when it turns out to be damaged; it knows nothing then."""
        query = f"{select} > ? AND {seq} < ? ORDER BY {seq} DESC"
        try:
            for part in reversed(self._parts):
                if part < before and self._db is not None:
                    for (found,) in self._db.execute(query.format(part), (*wanted, self._log.cut, before)):
                        yield found, True
                    yield part, False
        except sqlite3.Error as error:
            self._lose(error)
            raise IndexTrouble(self.damage) from error

    def close(self) -> None:
        """Close the file."""
        if self._db is not None:
            self._db.close()


def _connect(path: Path | str) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=NORMAL")  # synced at checkpoints only, which keeps it whole
    return db


@contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("BEGIN")
    try:
        yield
        db.execute("COMMIT")
    except sqlite3.Error:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def words_of(text: str) -> list[str]:
    """The words of a text as the index knows them: without case, accents and punctuation."""
    plain = text.lower()
    if not plain.isascii():
        plain = "".join(char for char in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(char))
    return re.findall(r"[^\W_]+", plain)
