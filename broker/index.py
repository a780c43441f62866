"""The index behind the log: which messages belong to a conversation, where a word stands, what was moderated.

A fold of the log in a file of its own, written between ticks when there is nothing else to do, up to a watermark. It is
never awaited and never synced: a query reads the log itself from the watermark on, and a lost or deleted index is built
again. It is kept in parts of so many sequences each, so that what the log has cut off goes by dropping whole parts.
Knows where messages are, not who may see them.
"""

from __future__ import annotations

import re
import sqlite3
import unicodedata
from collections.abc import Collection, Iterator
from pathlib import Path

from .entries import Announced, Deed, Posted, Said
from .log import Log, LogError

FORMAT = 3  # of the file; another one is built anew
PORTION_ENTRIES = 500  # folded in at a time
PORTION_SIZE = 64 * 1024  # and characters of their bodies: some 5 ms, which a message may have to wait
PART_ENTRIES = 100_000  # sequences of one part: to drop it takes some 5 ms too

_WATERMARK = "CREATE TABLE watermark (seq INTEGER NOT NULL, digest BLOB NOT NULL)"
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


class Index:
    """The open index of one log."""

    def __init__(self, path: Path | str, log: Log) -> None:
        """Open or make the index; one that belongs to another log, or cannot be read, is built anew."""
        self._log = log
        self._stopped = False
        try:
            known = self._open(path)
        except sqlite3.DatabaseError:
            known = False
        if not known:
            self._db.close()
            for suffix in ("", "-wal", "-shm"):
                Path(f"{path}{suffix}").unlink(missing_ok=True)
            self._open(path)
            self._db.execute(_WATERMARK)
            self._db.execute("INSERT INTO watermark VALUES (?, ?)", (log.cut, log.digest_at(log.cut)))
            self._db.execute(f"PRAGMA user_version={FORMAT}")
        self.watermark: int = self._db.execute("SELECT seq FROM watermark").fetchone()[0]
        tables = self._db.execute("SELECT name FROM sqlite_master WHERE name GLOB 'said_*'").fetchall()
        self._parts = sorted(int(name.removeprefix("said_")) for (name,) in tables)  # the first sequence of each

    def _open(self, path: Path | str) -> bool:
        """Open the file; whether it is an index of this log, up to a place that the log still knows."""
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=OFF")  # it can be built again
        if self._db.execute("PRAGMA user_version").fetchone()[0] != FORMAT:
            return False
        seq, digest = self._db.execute("SELECT seq, digest FROM watermark").fetchone()
        return bool(digest) and seq <= self._log.head and digest == self._log.digest_at(seq)

    @property
    def behind(self) -> bool:
        """Whether there is something to fold in, or to forget."""
        return not self._stopped and (self.watermark < self._log.head or self._forgettable)

    @property
    def _forgettable(self) -> bool:
        return len(self._parts) > 1 and self._parts[1] <= self._log.cut + 1

    def advance(self) -> None:
        """Forget a part that was cut off, or fold in the next portion. Raises LogError when the log cannot be read."""
        if self._forgettable:
            part = self._parts.pop(0)
            self._db.execute(f"DROP TABLE said_{part}")
            self._db.execute(f"DROP TABLE words_{part}")
            self._db.execute(f"DROP TABLE deeds_{part}")
            return
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
        self._db.execute("BEGIN")
        if not self._parts or start >= self._parts[-1] + PART_ENTRIES:
            for statement in _PART:
                self._db.execute(statement.format(start + 1))
            self._parts.append(start + 1)
        part = self._parts[-1]
        self._db.executemany(f"INSERT INTO said_{part} VALUES (?, ?, ?)", said)
        self._db.executemany(f"INSERT INTO words_{part} (rowid, body) VALUES (?, ?)", words)
        self._db.executemany(f"INSERT INTO deeds_{part} VALUES (?)", deeds)
        self._db.execute("UPDATE watermark SET seq = ?, digest = ?", (last, self._log.digest_at(last)))
        self._db.execute("COMMIT")
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
        query = f"{select} > ? AND {seq} < ? ORDER BY {seq} DESC"
        try:
            for part in reversed(self._parts):
                if part < before:
                    for (found,) in self._db.execute(query.format(part), (*wanted, self._log.cut, before)):
                        yield found, True
                    yield part, False
        except sqlite3.Error as error:
            raise LogError(f"The index cannot be read: {error}.") from error

    def stop(self) -> None:
        """Fold in nothing more."""
        self._stopped = True

    def close(self) -> None:
        """Close the file."""
        self._db.close()


def words_of(text: str) -> list[str]:
    """The words of a text as the index knows them: without case, accents and punctuation."""
    plain = text.lower()
    if not plain.isascii():
        plain = "".join(char for char in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(char))
    return re.findall(r"[^\W_]+", plain)
