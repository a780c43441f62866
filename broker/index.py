"""The index behind the log: which messages belong to a conversation, and in which messages a word stands.

A fold of the log in a file of its own, written between ticks when there is nothing else to do, up to a watermark. It is
never awaited and never synced: a query reads the log itself from the watermark on, and a lost or deleted index is built
again. Knows where messages are, not who may see them.
"""

from __future__ import annotations

import re
import sqlite3
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from .entries import Announced, Posted, Said
from .log import Log, LogError, Segment

FORMAT = 1  # of the file; another one is built anew
PORTION_ENTRIES = 500  # folded in at a time
PORTION_SIZE = 64 * 1024  # and characters of their bodies: some 5 ms, which a message may have to wait

_SCHEMA = """
DROP TABLE IF EXISTS said; DROP TABLE IF EXISTS words; DROP TABLE IF EXISTS watermark;
CREATE TABLE said (low INTEGER, high INTEGER, seq INTEGER, PRIMARY KEY (low, high, seq)) WITHOUT ROWID;
CREATE VIRTUAL TABLE words USING fts5 (body, content='', tokenize='unicode61 remove_diacritics 0');
CREATE TABLE watermark (seq INTEGER NOT NULL, digest BLOB NOT NULL);
"""

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
        try:
            self._db = self._open(path)
        except sqlite3.DatabaseError:
            for suffix in ("", "-wal", "-shm"):
                Path(f"{path}{suffix}").unlink(missing_ok=True)
            self._db = self._open(path)
        self._stopped = False
        self.watermark: int = self._db.execute("SELECT seq FROM watermark").fetchone()[0]

    def _open(self, path: Path | str) -> sqlite3.Connection:
        db = sqlite3.connect(path, isolation_level=None)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=OFF")  # it can be built again
        seq, digest = 0, b""
        if db.execute("PRAGMA user_version").fetchone()[0] == FORMAT:
            seq, digest = db.execute("SELECT seq, digest FROM watermark").fetchone()
        if seq > self._log.head or digest != self._log.digest_at(seq):
            seq = 0
        if seq == 0:
            db.executescript(_SCHEMA)
            db.execute("INSERT INTO watermark VALUES (0, ?)", (self._log.digest_at(0),))
            db.execute(f"PRAGMA user_version={FORMAT}")
        return db

    @property
    def behind(self) -> bool:
        """Whether there is something to fold in."""
        return not self._stopped and self.watermark < self._log.head

    def advance(self) -> None:
        """Fold in the next portion. Raises LogError when the log cannot be read there."""
        said: list[tuple[int, int, int]] = []
        words: list[tuple[int, str]] = []
        last, size = self.watermark, 0
        for segment in self._log.read(self.watermark):
            for seq, entry in _said(segment):
                said.append((*conversation(entry), seq))
                words.append((seq, " ".join(words_of(entry.body))))
                size += len(entry.body)
            last = segment.last
            if last >= self.watermark + PORTION_ENTRIES or size >= PORTION_SIZE:
                break
        self._db.execute("BEGIN")
        self._db.executemany("INSERT INTO said VALUES (?, ?, ?)", said)
        self._db.executemany("INSERT INTO words (rowid, body) VALUES (?, ?)", words)
        self._db.execute("UPDATE watermark SET seq = ?, digest = ?", (last, self._log.digest_at(last)))
        self._db.execute("COMMIT")
        self.watermark = last

    def of(self, wanted: Conversation, before: int) -> Iterator[int]:
        """Sequences of a conversation's messages in front of `before`, newest first, as far as they are indexed."""
        query = "SELECT seq FROM said WHERE low = ? AND high = ? AND seq < ? ORDER BY seq DESC"
        return self._sequences(query, (*wanted, before))

    def matching(self, words: list[str], before: int) -> Iterator[int]:
        """Sequences of messages in which all the words stand, in front of `before`, newest first, as far as indexed."""
        wanted = " ".join(f'"{word}"' for word in words)
        query = "SELECT rowid FROM words WHERE words MATCH ? AND rowid < ? ORDER BY rowid DESC"
        return self._sequences(query, (wanted, before))

    def _sequences(self, query: str, values: tuple[object, ...]) -> Iterator[int]:
        try:
            for (seq,) in self._db.execute(query, values):
                yield seq
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


def _said(segment: Segment) -> Iterator[tuple[int, Said]]:
    for seq, entry in enumerate(segment.entries, segment.first):
        if isinstance(entry, (Posted, Announced)):
            yield seq, entry
