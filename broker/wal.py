"""Damage in the write-ahead log that a kill or a power cut leaves behind, looked for before SQLite opens the log.

SQLite takes a frame with a wrong checksum for the end, as after a torn write, and goes on with what is in front of it.
But every commit was synced before the next one began, so that only the last can be torn: where committed frames follow
the wrong one, what was accepted is damaged. `log.db-shm`, which outlives a kill though not a power cut, tells also how
many frames there were. Knows SQLite's file format (https://www.sqlite.org/walformat.html), and nothing of segments.

Never looks at a log that this process has open: closing the file again would drop SQLite's locks.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import shutil
import sqlite3
import struct
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HEADER, FRAME = 32, 24  # bytes of the file's header, and of a frame's
SUFFIXES = ("-wal", "-shm")

Sums = tuple[int, int]
Content = bytes | mmap.mmap


@dataclass(slots=True)
class Frame:
    """One page as a transaction left it."""

    page: int
    commit: bool  # ends its transaction
    salts: bytes
    sums: Sums  # the checksum that stands there
    computed: Sums  # the one that should, by that of the frame before
    follows: bool  # the frame before is its predecessor: one of the two is right, as it stands there or as it should
    content: memoryview


def examine(log: Path) -> str:
    """A sentence that says what of a log's write-ahead log is damaged; empty when nothing is known to be."""
    name = log.name + SUFFIXES[0]
    content = _mapped(log.with_name(name))
    taken = _taken(log) if len(content) else 0
    size = _page_size(log, content)
    salts, frames, whole = _frames(content, size, taken)
    known, moved = _index(_read(log, SUFFIXES[1]), salts)
    last = taken + max((number for number, frame in enumerate(frames[:whole], 1) if frame.commit), default=0)
    if known > last and not (last == 0 and moved >= known):
        return f"{name} is damaged: of the {known} pages that were committed there, {last} can be read."
    lost = _proven(frames[whole:], salts)
    if lost and not _shown(log, _pages(content, size, last), lost):
        commits = sum(frame.commit for frame in lost)
        place = _place(size, taken + whole)
        return f"{name} is damaged at byte {place}: {commits} commits behind it cannot be read."
    return ""


@contextlib.contextmanager
def beside(log: Path) -> Iterator[Path]:
    """The log as SQLite would read it, in a folder of its own, so that the damaged one stays as it is. OSError."""
    with tempfile.TemporaryDirectory(prefix="examined-", dir=log.parent) as folder:
        view = Path(folder) / log.name
        os.link(log, view)
        shutil.copy(log.with_name(log.name + SUFFIXES[0]), folder)
        yield view


def _read(log: Path, suffix: str) -> bytes:
    try:
        return log.with_name(log.name + suffix).read_bytes()
    except FileNotFoundError:
        return b""


def _mapped(path: Path) -> Content:
    """A file as if it had been read, which takes no memory; empty when there is none."""
    try:
        with path.open("rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if path.stat().st_size else b""
    except FileNotFoundError:
        return b""


def _taken(log: Path) -> int:
    """How many frames SQLite takes, by its own count: a hundred times faster than ours. 0: it does not say."""
    with contextlib.suppress(sqlite3.Error, OSError), tempfile.TemporaryDirectory(dir=log.parent) as folder:
        view = Path(folder) / log.name
        for path in (log, log.with_name(log.name + SUFFIXES[0])):
            os.link(path, view.with_name(path.name))
        with contextlib.closing(sqlite3.connect(f"{view.absolute().as_uri()}?mode=ro", uri=True)) as db:
            db.execute("SELECT count(*) FROM sqlite_master").fetchone()
            return _index(_read(view, SUFFIXES[1]), b"")[0]
    return 0


def _place(size: int, frame: int) -> int:
    return HEADER + frame * (FRAME + size) if frame else 0


def _page_size(log: Path, content: Content) -> int:
    """Bytes of a page, as the write-ahead log says at its beginning, or else the log; 4096 when neither does."""
    stated = [content[8:12]]
    with contextlib.suppress(OSError), log.open("rb") as file:
        stated.append(file.read(18)[16:])
    for number in stated:
        size = int.from_bytes(number, "big")
        if 512 <= size <= 65536 and size & (size - 1) == 0:
            return size
    return 4096


def _frames(content: Content, size: int, taken: int = 0) -> tuple[bytes, list[Frame], int]:
    """The salts of the present generation, the frames behind those taken for sure, and how many of them hold too."""
    if len(content) < HEADER + FRAME:
        return content[16:24], [], 0
    little = content[3] & 1 == 0
    step = struct.Struct(f"{'<' if little else '>'}{2 + size // 4}I")
    sums = struct.unpack(">II", content[24:32])
    sound = sums == _checksum(struct.unpack("<6I" if little else ">6I", content[:24]), (0, 0))
    salts = content[16:24] if sound else content[HEADER + 8 : HEADER + 16]  # of the first frame
    frames: list[Frame] = []
    if taken:
        start = HEADER + (taken - 1) * (FRAME + size)
        sums = struct.unpack(">II", content[start + 16 : start + 24])
    view, before = memoryview(content), (sums, sums)
    whole = 0
    for start in range(HEADER + taken * (FRAME + size), len(content) - FRAME - size + 1, FRAME + size):
        page, commit, *stored = struct.unpack(">2I8x2I", view[start : start + FRAME])
        theirs = bytes(view[start + 8 : start + 16])
        image = view[start + FRAME : start + FRAME + size]
        frame = Frame(page, commit > 0, theirs, (stored[0], stored[1]), (0, 0), False, image)
        if theirs == salts or len(frames) == whole:  # of an earlier generation only the first is looked at
            words = step.unpack(bytes(view[start : start + 8]) + bytes(image))
            frame.computed = _checksum(words, before[0])
            frame.follows = frame.sums == frame.computed or frame.sums == _checksum(words, before[1])
        if sound and len(frames) == whole and theirs == salts and frame.computed == frame.sums:
            whole += 1
        before = (frame.sums, frame.computed)
        frames.append(frame)
    return salts, frames, whole


def _checksum(words: tuple[int, ...], sums: Sums) -> Sums:
    first, second = sums
    pairs = iter(words)
    for one, other in zip(pairs, pairs, strict=True):
        first = (first + one + second) & 0xFFFFFFFF
        second = (second + other + first) & 0xFFFFFFFF
    return first, second


def _proven(rest: list[Frame], salts: bytes) -> list[Frame]:
    """The frames behind the end that were surely committed and synced: with others behind them in the same row.

    A transaction whose sync failed leaves its frames there too, when a shorter one took its place; nothing was ever
    written behind it in the same row.
    """
    rows: list[list[Frame]] = []
    for index, frame in enumerate(rest):
        if index and frame.salts != salts:
            continue
        if index == 0 or not frame.follows:
            rows.append([])
        rows[-1].append(frame)
    return [frame for row in rows if any(frame.commit for frame in row[:-1]) for frame in row]


def _pages(content: Content, size: int, count: int) -> dict[int, memoryview]:
    """The pages as the first so many frames leave them, by number."""
    view = memoryview(content)
    starts = range(HEADER, HEADER + count * (FRAME + size), FRAME + size)
    return {int.from_bytes(view[at : at + 4], "big"): view[at + FRAME : at + FRAME + size] for at in starts}


def _shown(log: Path, shown: dict[int, memoryview], lost: list[Frame]) -> bool:
    """Whether SQLite will read the same pages without the lost frames, because they were moved into the log before."""
    newest = {frame.page: frame.content for frame in lost}
    with log.open("rb") as file:
        for page, content in newest.items():
            if page not in shown:
                file.seek((page - 1) * len(content))
            if (shown[page] if page in shown else file.read(len(content))) != content:
                return False
    return True


def _index(content: bytes, salts: bytes) -> tuple[int, int]:
    """How many frames `log.db-shm` knows as committed, and how many of them as moved into the log; (0, 0): no word."""
    if len(content) < 136 or content[:48] != content[48:96]:
        return 0, 0
    words = struct.unpack("=12I", content[:48])
    if _checksum(words[:10], (0, 0)) != words[10:] or (salts and content[32:40] != salts):
        return 0, 0
    return words[4], struct.unpack("=I", content[96:100])[0]
