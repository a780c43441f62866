"""The log: committed segments in order, in one SQLite file. Owns the file, the chain of digests and the snapshot.

A segment is what one tick commits: one row, one transaction, one fsync. Its digest covers the previous segment's, so
that loss, reordering and alteration of history can be detected. The seam the core sees is free of SQLite: `append`
returns the committed segment, `read` and `read_back` return segments in order. The log knows nothing of what entries
mean.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path

import msgspec

from .entries import AnyEntry
from .state import Snapshot

FORMAT = 1  # of the file; a newer one is refused instead of misread
SNAPSHOT_ENTRIES = 50_000  # entries between snapshots: what a start after a kill folds again, some 50 ms
CACHE_BYTES = 8 * 1024 * 1024  # of encoded entries, kept decoded for sessions that read a little behind the head

_SCHEMA = """
CREATE TABLE segment (
    first INTEGER PRIMARY KEY, -- sequence of its first entry
    count INTEGER NOT NULL,
    at INTEGER NOT NULL,       -- ms since the epoch
    entries BLOB NOT NULL,     -- MessagePack array
    digest BLOB NOT NULL       -- SHA-256 over the previous digest and this row
);
CREATE TABLE snapshot (id INTEGER PRIMARY KEY CHECK (id = 1), seq INTEGER NOT NULL, state BLOB NOT NULL);
"""

_encode = msgspec.msgpack.Encoder().encode
_decode: msgspec.msgpack.Decoder[list[AnyEntry]] = msgspec.msgpack.Decoder(list[AnyEntry])
_decode_snapshot: msgspec.msgpack.Decoder[Snapshot] = msgspec.msgpack.Decoder(Snapshot)


class LogError(Exception):
    """The log cannot be opened, read or written; the text is a sentence for the person."""


class Segment(msgspec.Struct, gc=False):
    """Consecutive committed entries, the first with sequence `first`, all at `at` ms since the epoch."""

    first: int
    at: int
    entries: list[AnyEntry]

    @property
    def last(self) -> int:
        """The sequence of its last entry."""
        return self.first + len(self.entries) - 1


class Log:
    """An open log. `head` is the newest committed sequence, 0 when empty."""

    def __init__(self, path: Path | str) -> None:
        """Open or create the log at `path` (':memory:' keeps it in memory). Raises LogError."""
        try:
            self._db = sqlite3.connect(path, isolation_level=None)
            self._prepare()
            row = self._db.execute(
                "SELECT first + count - 1, digest FROM segment ORDER BY first DESC LIMIT 1"
            ).fetchone()
        except sqlite3.Error as error:
            raise LogError(f"The log {path} cannot be opened: {error}. Nothing was changed.") from error
        self.head: int = row[0] if row else 0
        self._digest: bytes = row[1] if row else bytes(32)
        self._cache: OrderedDict[int, tuple[Segment, int]] = OrderedDict()  # by first sequence; with encoded bytes
        self._firsts: dict[int, int] = {}  # of what is cached: last sequence → first, for who reads back
        self._cached_bytes = 0

    def _prepare(self) -> None:
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")  # the fsync before every acknowledgement: promise P1
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            self._db.executescript(f"BEGIN IMMEDIATE;{_SCHEMA}PRAGMA user_version={FORMAT};COMMIT;")
        elif version != FORMAT:
            raise sqlite3.DatabaseError(f"it is of format {version}, this version reads {FORMAT}")

    def append(self, at: int, entries: list[AnyEntry]) -> Segment:
        """Commit the entries as the next segment and return it; nothing is kept when LogError is raised."""
        first = self.head + 1
        blob = _encode(entries)
        digest = chain(self._digest, first, at, blob)
        try:
            self._db.execute("INSERT INTO segment VALUES (?, ?, ?, ?, ?)", (first, len(entries), at, blob, digest))
        except sqlite3.Error as error:
            self._overwrite_failed()
            raise LogError(f"The log cannot be written: {error}.") from error
        self._digest = digest
        self.head += len(entries)
        segment = Segment(first, at, entries)
        self._remember(segment, len(blob))
        return segment

    def _overwrite_failed(self) -> None:
        """Write something else in the place of a segment whose sync failed, which a start after a kill would find.

        Where that fails too, nothing more can be done.
        """
        with contextlib.suppress(sqlite3.Error):
            self._db.execute("PRAGMA synchronous=OFF")
            self._db.execute(f"PRAGMA user_version={FORMAT}")
        self._db.execute("PRAGMA synchronous=FULL")

    def read(self, after: int) -> Iterator[Segment]:
        """Segments in order, from the one that holds the sequence behind `after`. Raises LogError."""
        first = after + 1
        while first <= self.head:
            segment = self._holding(first)
            yield segment
            first = segment.last + 1

    def read_back(self, before: int) -> Iterator[Segment]:
        """Segments in reverse, from the one that holds the sequence in front of `before`. Raises LogError."""
        seq = min(before - 1, self.head)
        while seq >= 1:
            segment = self._holding(seq)
            yield segment
            seq = segment.first - 1

    def digest_at(self, seq: int) -> bytes:
        """The digest of the segment that ends with this sequence; empty when none does. Raises LogError."""
        if seq == 0:
            return bytes(32)
        try:
            row = self._db.execute(
                "SELECT digest, first + count - 1 FROM segment WHERE first <= ? ORDER BY first DESC LIMIT 1", (seq,)
            ).fetchone()
        except sqlite3.Error as error:
            raise LogError(f"The log cannot be read at sequence {seq}: {error}.") from error
        return bytes(row[0]) if row and row[1] == seq else b""

    def load_snapshot(self) -> Snapshot | None:
        """The newest stored snapshot, None when there is none yet. Raises LogError."""
        try:
            row = self._db.execute("SELECT state FROM snapshot").fetchone()
            return _decode_snapshot.decode(row[0]) if row else None
        except (sqlite3.Error, msgspec.DecodeError) as error:
            raise LogError(f"The snapshot in the log cannot be read: {error}.") from error

    def store_snapshot(self, snapshot: Snapshot) -> None:
        """Replace the stored snapshot. Raises LogError; the one before stays then."""
        try:
            self._db.execute("INSERT OR REPLACE INTO snapshot VALUES (1, ?, ?)", (snapshot.seq, _encode(snapshot)))
        except sqlite3.Error as error:
            raise LogError(f"The snapshot cannot be stored: {error}.") from error

    def close(self) -> None:
        """Close the file; the log is of no use afterwards."""
        self._db.close()

    def _holding(self, seq: int) -> Segment:
        cached = self._cache.get(seq) or self._cache.get(self._firsts.get(seq, 0))  # reading on, or reading back
        if cached is not None:
            return cached[0]
        try:
            [first] = self._db.execute("SELECT max(first) FROM segment WHERE first <= ?", (seq,)).fetchone()
            found = self._load(first) if first not in self._cache else self._cache[first][0]
        except (sqlite3.Error, msgspec.DecodeError, UnicodeDecodeError) as error:
            raise LogError(f"The log cannot be read at sequence {seq}: {error}.") from error
        if found is None or found.last < seq:
            raise LogError(f"The log has no entry with sequence {seq}.")
        return found

    def _load(self, first: int | None) -> Segment | None:
        row = self._db.execute("SELECT at, entries FROM segment WHERE first = ?", (first,)).fetchone()
        if first is None or row is None:
            return None
        segment = Segment(first, row[0], _decode.decode(row[1]))
        self._remember(segment, len(row[1]))
        return segment

    def _remember(self, segment: Segment, size: int) -> None:
        self._cache[segment.first] = (segment, size)
        self._firsts[segment.last] = segment.first
        self._cached_bytes += size
        while self._cached_bytes > CACHE_BYTES and len(self._cache) > 1:
            _, (dropped, size) = self._cache.popitem(last=False)
            del self._firsts[dropped.last]
            self._cached_bytes -= size


def chain(previous: bytes, first: int, at: int, blob: bytes) -> bytes:
    """The digest of a segment: SHA-256 over the previous digest, the header and the entries."""
    digest = hashlib.sha256(b"%s%d %d " % (previous, first, at))
    digest.update(blob)
    return digest.digest()
