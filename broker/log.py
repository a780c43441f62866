"""The log: committed segments in order, in one SQLite file. Owns the file, the chain of digests and the snapshots.

A segment is what one tick commits: one row, one transaction, one fsync. Its digest covers the previous segment's, so
that loss, reordering and alteration of history can be detected. The seam the core sees is free of SQLite: `append`
returns the committed segment, `read` and `read_back` return segments in order. The log knows nothing of what entries
mean.

The oldest segments may be cut off. The log then begins behind `cut`: reading from before it begins there too, reading
back ends there, and the chain goes on from the digest that was kept. Two snapshots of the state are stored: the newest,
for the start, and the base, behind which nothing is cut, so that the state can always be folded anew.

A backup that is restored, and a log that is repaired, go another way than the log went before: the same sequences are
given to other entries. So each such way, a *timeline*, has a random id, and the log knows the earlier ones and how far
it shares them.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from . import wal
from .entries import AnyEntry
from .state import Snapshot

FORMAT = 3  # of the file; another one is refused instead of misread
SNAPSHOT_ENTRIES = 50_000  # entries between snapshots: what a start after a kill folds again, some 50 ms
PAGE_BYTES = 16 * 1024  # of a new log: each page costs two writes on its way, and a busy tick commits some 100 KB
WAL_BYTES = 4 * 1024 * 1024  # of the write-ahead log, before it is moved into the log
CACHE_BYTES = 2 * 1024 * 1024  # of encoded entries, kept decoded for sessions that read a little behind the head

_SCHEMA = """
CREATE TABLE segment (
    first INTEGER PRIMARY KEY, -- sequence of its first entry
    count INTEGER NOT NULL,
    at INTEGER NOT NULL,       -- ms since the epoch
    entries BLOB NOT NULL,     -- MessagePack array
    digest BLOB NOT NULL       -- SHA-256 over the previous digest and this row
);
CREATE TABLE snapshot (
    id INTEGER PRIMARY KEY,    -- 0: the base, 1: the newest
    seq INTEGER NOT NULL,
    state BLOB NOT NULL,
    digest BLOB NOT NULL       -- SHA-256 over the state
);
CREATE TABLE cut (seq INTEGER NOT NULL, digest BLOB NOT NULL); -- one row: the last segment that was cut off
INSERT INTO cut VALUES (0, zeroblob(32));
CREATE TABLE timeline (
    id BLOB NOT NULL,          -- random
    upto INTEGER               -- the last sequence that it has in common with the present one; NULL: it is that one
);
INSERT INTO timeline VALUES (randomblob(16), NULL);
"""
BASE, NEWEST = 0, 1  # the ids of the snapshots

_encode = msgspec.msgpack.Encoder().encode
_decode: msgspec.msgpack.Decoder[list[AnyEntry]] = msgspec.msgpack.Decoder(list[AnyEntry])
_decode_snapshot: msgspec.msgpack.Decoder[Snapshot] = msgspec.msgpack.Decoder(Snapshot)


class LogError(Exception):
    """The log cannot be opened, read or written; the text is a sentence for the person."""


class Damaged(LogError):
    """What stands in the log is not what was committed, up to the sequence `last`."""

    def __init__(self, first: int, last: int) -> None:
        super().__init__(
            f"The log is damaged: from sequence {first} to {last} it is not what was committed. That is not shown; "
            "`confab-broker repair` goes on without it, or restore a backup."
        )
        self.last = last


class Segment(msgspec.Struct, gc=False):
    """Consecutive committed entries, the first with sequence `first`, all at `at` ms since the epoch."""

    first: int
    at: int
    entries: list[AnyEntry]

    @property
    def last(self) -> int:
        """The sequence of its last entry."""
        return self.first + len(self.entries) - 1


class Old(NamedTuple):
    """What there is to know of a segment without reading it."""

    last: int
    at: int  # ms since the epoch
    size: int  # bytes of its entries


class Log:
    """An open log. `head` is the newest committed sequence, `cut` the last one cut off; 0: there is none."""

    def __init__(self, path: Path | str, *, make: bool = True) -> None:
        """Open the log at `path`, or `make` one (':memory:' keeps it in memory). Raises LogError."""
        if path != ":memory:" and (damage := wal.examine(Path(path))):
            raise LogError(
                f"{damage} {_readable(Path(path))} Nothing was changed. Restore a backup, or have "
                "`confab-broker repair` go on with what can be read."
            )
        try:
            self._db = sqlite3.connect(path, isolation_level=None)
            self._prepare(make)
            self.head, self._digest = newest(self._db)
            self.cut: int = self._db.execute("SELECT seq FROM cut").fetchone()[0]
            self.base: int = self._db.execute("SELECT coalesce(max(seq), 0) FROM snapshot WHERE id = 0").fetchone()[0]
            self.timeline, self._earlier = _timelines(self._db)
        except (sqlite3.Error, TypeError) as error:  # TypeError: no row
            raise LogError(
                f"The log {path} cannot be opened: {error}. Nothing was changed. `confab-broker verify` tells more."
            ) from error
        self.snapshot_seq = 0  # of the newest snapshot that was loaded or stored; 0: none was
        self._wal = Path(f"{path}-wal")
        self.damage = ""  # what was found and could be done without, a sentence
        self._cache: OrderedDict[int, tuple[Segment, int]] = OrderedDict()  # by first sequence; with encoded bytes
        self._firsts: dict[int, int] = {}  # of what is cached: last sequence → first, for who reads back
        self._cached_bytes = 0
        next(self.read(self.head - 1), None)  # the end is proved, which says where to go on

    def _prepare(self, make: bool) -> None:
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version == 0 and not make:
            raise sqlite3.DatabaseError("it holds nothing")
        if version == 0:  # incremental: so that the room of what is cut off can be given back
            self._db.executescript(f"PRAGMA page_size={PAGE_BYTES};PRAGMA auto_vacuum=INCREMENTAL")
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")  # the fsync before every acknowledgement: promise P1
        self._db.execute(f"PRAGMA wal_autocheckpoint={WAL_BYTES // self._pragma('page_size')}")
        if version == 0:
            self._db.executescript(f"BEGIN IMMEDIATE;{_SCHEMA}PRAGMA user_version={FORMAT};COMMIT;")
        elif version != FORMAT:
            raise sqlite3.DatabaseError(f"it is of format {version}, this version reads {FORMAT}")

    def append(self, at: int, entries: list[AnyEntry]) -> Segment:
        """Commit the entries as the next segment and return it; nothing is kept when LogError is raised."""
        first, blob = self.head + 1, _encode(entries)
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
        """Write something else in the place of a segment whose sync failed, which a start after a kill would find."""
        with contextlib.suppress(sqlite3.Error):
            self._db.execute("PRAGMA synchronous=OFF")
            self._db.execute(f"PRAGMA user_version={FORMAT}")
        self._db.execute("PRAGMA synchronous=FULL")

    def read(self, after: int) -> Iterator[Segment]:
        """Segments in order, from the one that holds the sequence behind `after`. Raises LogError.

        What was cut off is left out: in front of `cut` it begins behind it.
        """
        first = max(after, self.cut) + 1
        while first <= self.head:
            segment = self._holding(first)
            yield segment
            first = segment.last + 1

    def read_back(self, before: int) -> Iterator[Segment]:
        """Segments in reverse to the cut, from the one with the sequence in front of `before`. Raises LogError."""
        seq = min(before - 1, self.head)
        while seq > self.cut:
            segment = self._holding(seq)
            yield segment
            seq = segment.first - 1

    def digest_at(self, seq: int) -> bytes:
        """The digest of the segment that ends with this sequence; empty when none does. Raises LogError."""
        try:
            if seq == self.cut:
                return bytes(self._db.execute("SELECT digest FROM cut").fetchone()[0])
            row = self._db.execute(
                "SELECT digest, first + count - 1 FROM segment WHERE first <= ? ORDER BY first DESC LIMIT 1", (seq,)
            ).fetchone()
        except sqlite3.Error as error:
            raise LogError(f"The log cannot be read at sequence {seq}: {error}.") from error
        return bytes(row[0]) if row and row[1] == seq else b""

    def shared(self, timeline: bytes, seq: int) -> int | None:
        """How far what is known up to a sequence of this timeline is the same here; None: the timeline is unknown."""
        upto = seq if timeline == self.timeline else self._earlier.get(timeline)
        return None if upto is None else min(seq, upto)

    def load_snapshot(self) -> Snapshot | None:
        """The newest whole snapshot, None when there is none; `damage` tells when it is not the last one stored.

        Raises LogError when the log cannot be folded without the damaged one, or ends in front of it.
        """
        try:
            snapshot = snapshot_in(self._db, NEWEST)
        except LogError as error:
            self.damage += " " + f"{error} The state was folded from the log instead."
            snapshot = snapshot_in(self._db, BASE) if self.base else None
        if snapshot is not None and snapshot.seq > self.head:
            raise LogError(f"The log ends at {self.head}, but a snapshot knows {snapshot.seq}: the end of it is lost.")
        if self.cut > (snapshot.seq if snapshot else 0):
            raise LogError(f"The log begins behind {self.cut}, and there is no snapshot of what was before.")
        self.snapshot_seq = snapshot.seq if snapshot else 0
        return snapshot

    def store_snapshot(self, snapshot: Snapshot) -> None:
        """Replace the newest snapshot. Raises LogError; the one before stays then."""
        state = _encode(snapshot)
        row = (NEWEST, snapshot.seq, state, hashlib.sha256(state).digest())
        try:
            self._db.execute("INSERT OR REPLACE INTO snapshot VALUES (?, ?, ?, ?)", row)
        except sqlite3.Error as error:
            raise LogError(f"The snapshot cannot be stored: {error}.") from error
        self.snapshot_seq = snapshot.seq

    @property
    def wal_size(self) -> int:
        """Bytes of the write-ahead log, of which SQLite makes use again once nobody reads from an earlier moment."""
        try:
            return self._wal.stat().st_size
        except OSError:
            return 0

    # --- cutting off what is no longer kept ---------------------------------------------------------------------------

    @property
    def size(self) -> int:
        """Bytes of the file that are in use."""
        return (self._pragma("page_count") - self._pragma("freelist_count")) * self._pragma("page_size")

    @property
    def free(self) -> int:
        """Bytes of the file that are not in use."""
        return self._pragma("freelist_count") * self._pragma("page_size")

    def _pragma(self, name: str) -> int:
        try:
            return int(self._db.execute(f"PRAGMA {name}").fetchone()[0])
        except sqlite3.Error as error:
            raise LogError(f"The log cannot be read: {error}.") from error

    def oldest(self, count: int) -> Iterator[Old]:
        """The oldest so many segments. Raises LogError."""
        query = "SELECT first + count - 1, at, length(entries) FROM segment ORDER BY first LIMIT ?"
        try:
            for row in self._db.execute(query, (count,)):
                yield Old(*row)
        except sqlite3.Error as error:
            raise LogError(f"The log cannot be read: {error}.") from error

    def rebase(self) -> None:
        """Make the newest snapshot the base too. Raises LogError."""
        try:
            self._db.execute(
                "INSERT OR REPLACE INTO snapshot SELECT ?, seq, state, digest FROM snapshot WHERE id = ?",
                (BASE, NEWEST),
            )
            self.base = self._db.execute("SELECT seq FROM snapshot WHERE id = ?", (BASE,)).fetchone()[0]
        except (sqlite3.Error, TypeError) as error:
            raise LogError(f"The snapshot cannot be stored: {error}.") from error

    def cut_off(self, last: int) -> None:
        """Remove all segments up to the one that ends with `last`, which the base must cover. Raises LogError."""
        digest = self.digest_at(last)
        if not digest or not self.cut < last <= self.base:
            raise LogError(f"The log cannot be cut at {last}: no segment ends there, or no base covers it.")
        try:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute("DELETE FROM segment WHERE first <= ?", (last,))
            self._db.execute("UPDATE cut SET seq = ?, digest = ?", (last, digest))
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise LogError(f"What is no longer kept cannot be removed: {error}.") from error
        self.cut = last

    def give_back(self, pages: int) -> None:
        """Give so many unused pages at the most back to the file system. Raises LogError."""
        try:
            # A row for each page, which `execute` leaves be.
            self._db.executescript(f"PRAGMA incremental_vacuum({pages})")
        except sqlite3.Error as error:
            raise LogError(f"What is no longer used cannot be given back: {error}.") from error

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
            if found is None or found.last < seq:
                start = found.last + 1 if found else first or self.cut + 1
                [behind] = self._db.execute("SELECT min(first) FROM segment WHERE first > ?", (seq,)).fetchone()
                raise Damaged(start, behind - 1 if behind else self.head)
        except (sqlite3.Error, msgspec.DecodeError, UnicodeDecodeError) as error:
            raise LogError(f"The log cannot be read at sequence {seq}: {error}.") from error
        return found

    def _load(self, first: int | None) -> Segment | None:
        """The segment that begins there, if it is there and follows from the one before it."""
        row = self._db.execute("SELECT at, entries, digest, count FROM segment WHERE first = ?", (first,)).fetchone()
        if first is None or row is None:
            return None
        before = self._db.execute("SELECT digest FROM segment WHERE first < ? ORDER BY first DESC LIMIT 1", (first,))
        previous = (before.fetchone() or self._db.execute("SELECT digest FROM cut").fetchone())[0]
        try:
            if chain(previous, first, *row[:2]) != row[2]:
                return None
        except TypeError:  # not even a digest, a time or a blob
            return None
        segment = Segment(first, row[0], _decode.decode(row[1]))
        if len(segment.entries) != row[3]:
            return None
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


def _readable(path: Path) -> str:
    try:
        with wal.beside(path) as view, contextlib.closing(read_only(view)) as db:
            return f"What was said behind sequence {newest(db)[0]} is lost."
    except (sqlite3.Error, OSError, TypeError):
        return "How far the log can be read is not known."


def read_only(path: Path) -> sqlite3.Connection:
    """A connection that changes nothing, not even by moving a write-ahead log into the log when it is closed."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)


def newest(db: sqlite3.Connection) -> tuple[int, bytes]:
    """The newest sequence of a log and its segment's digest; where nothing is left, those of the cut."""
    row = db.execute("SELECT first + count - 1, digest FROM segment ORDER BY first DESC LIMIT 1").fetchone()
    seq, digest = row or db.execute("SELECT seq, digest FROM cut").fetchone()
    return int(seq), bytes(digest)  # TypeError too: a damaged row


def fork(db: sqlite3.Connection) -> None:
    """From its end on a log goes another way than it did before: a new timeline begins there."""
    head, _ = newest(db)
    db.execute("UPDATE timeline SET upto = min(coalesce(upto, ?1), ?1)", (head,))
    db.execute("INSERT INTO timeline VALUES (randomblob(16), NULL)")


def _timelines(db: sqlite3.Connection) -> tuple[bytes, dict[bytes, int]]:
    """The present one, and how far the earlier ones are shared."""
    [present] = db.execute("SELECT id FROM timeline WHERE upto IS NULL").fetchone()
    earlier = db.execute("SELECT id, upto FROM timeline WHERE upto IS NOT NULL").fetchall()
    return bytes(present), {bytes(timeline): int(upto) for timeline, upto in earlier}


def snapshot_in(db: sqlite3.Connection, which: int) -> Snapshot | None:
    """A stored snapshot, the newest or the base; None when there is none. Raises LogError when it is damaged."""
    try:
        row = db.execute("SELECT state, digest FROM snapshot WHERE id = ?", (which,)).fetchone()
        if row is None:
            return None
        if hashlib.sha256(row[0]).digest() != row[1]:
            raise LogError("The snapshot in the log is not what was stored.")
        return _decode_snapshot.decode(row[0])
    except (sqlite3.Error, msgspec.DecodeError, TypeError) as error:
        raise LogError(f"The snapshot in the log cannot be read: {error}.") from error


def chain(previous: bytes, first: int, at: int, blob: bytes) -> bytes:
    """The digest of a segment: SHA-256 over the previous digest, the header and the entries."""
    digest = hashlib.sha256(b"%s%d %d " % (previous, first, at))
    digest.update(blob)
    return digest.digest()
