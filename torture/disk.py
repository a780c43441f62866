"""A disk that loses power: file operations recorded with strace, replayed into what a crash may leave on the platter.

What was synced is there. Of what was not, each write is there, missing, or torn at 512-byte sectors; a file may have
grown before its data came, and reads as zeros there; a file that was made or removed may not be so yet. Between files
there is no order. Knows nothing of databases.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

SECTOR = 512
TRACED = "openat,pwrite64,write,fdatasync,fsync,ftruncate,unlink"

_LINE = re.compile(rb"^\d+ +([\d.]+) (\w+)\((.*)\) = (-?\d+)")
_DESCRIPTOR = re.compile(rb"^\d+<([^>]*)>")
_TEXT = re.compile(rb'"([^"]*)"')


@dataclass(frozen=True, slots=True)
class Operation:
    """One system call on a file; `when` in seconds since the epoch, at its entrance."""

    when: float
    call: str
    path: str
    data: bytes = b""
    offset: int = 0


def command(folder: Path, names: list[str], trace: Path) -> list[str]:
    """The strace command that records what a program does to these files of a folder, and to the folder."""
    paths = [part for path in (folder, *(folder / name for name in names)) for part in ("-P", str(path))]
    form = [
        "-qq",
        "-y",
        "-xx",
        "-ttt",
        "-s",
        "10000000",
        "-e",
        "signal=none",
    ]  # a signal's line may cut a call's in two
    return ["strace", "-D", "-f", *form, "-o", str(trace), "-e", TRACED, *paths]


def read(trace: Path) -> Iterator[Operation]:
    """The operations of a recording, in order; calls that failed did nothing."""
    with trace.open("rb") as lines:
        for line in lines:
            found = _LINE.match(line)
            if not found:
                if b"unfinished" in line or b"resumed" in line:
                    raise ValueError("two threads wrote at once; such a recording cannot be replayed")
                continue
            when, call, arguments, result = float(found[1]), found[2].decode(), found[3], int(found[4])
            if result < 0:
                continue
            text = _TEXT.search(arguments)
            data = _unhex(text[1]) if text else b""
            if call in ("openat", "unlink"):
                if call == "unlink" or b"O_CREAT" in arguments:
                    yield Operation(when, call, data.decode())
                continue
            descriptor = _DESCRIPTOR.match(arguments)
            if descriptor is None:
                raise ValueError(f"no path in {line[:100]!r}")
            path = descriptor[1].replace(b"(deleted)", b"")
            path = (_unhex(path) if path.startswith(b"\\x") else path).decode()
            offset = int(arguments.rpartition(b",")[2]) if call in ("pwrite64", "ftruncate") else 0
            if call == "write":
                raise ValueError("a write without an offset; such a recording cannot be replayed")
            yield Operation(when, call, path, data, offset)


def _unhex(text: bytes) -> bytes:
    return bytes.fromhex(text.replace(b"\\x", b"").decode())


@dataclass(slots=True)
class File:
    """What of one file is certain, and what was done since."""

    synced: bytearray = field(default_factory=bytearray)
    there: bool = False  # its name is certain
    pending: list[Operation] = field(default_factory=list)


class Disk:
    """All files, as far as the replay has come."""

    def __init__(self) -> None:
        self.files: dict[str, File] = {}

    def do(self, operation: Operation) -> None:
        """Carry out the next operation."""
        if operation.call in ("fsync", "fdatasync"):
            if operation.path in self.files:
                self._settle(self.files[operation.path])
            else:  # a folder: which files it holds is certain now
                for file in self.files.values():
                    self._settle_name(file)
            return
        file = self.files.setdefault(operation.path, File())
        if operation.call != "openat" or not (file.there or file.pending):
            file.pending.append(operation)

    def _settle(self, file: File) -> None:
        """What was written to this file is certain, and that it exists."""
        for operation in file.pending:
            if operation.call == "unlink":
                file.synced, file.there = bytearray(), False
            else:
                file.there = True
                _apply(file.synced, operation)
        file.pending.clear()

    def _settle_name(self, file: File) -> None:
        last = max((i for i, each in enumerate(file.pending) if each.call == "unlink"), default=-1)
        if last >= 0:
            file.synced, file.there = bytearray(), False
            del file.pending[: last + 1]
        if any(each.call == "openat" for each in file.pending):
            file.there = True

    def crash(self, rng: random.Random) -> dict[str, bytes]:
        """What may be found after a power cut at this moment."""
        likely = rng.choice((0.0, 0.5, 0.5, 0.9, 1.0))  # that a piece of what was not synced is there
        torn = rng.random() < 0.5
        written = rng.choice((0.0, rng.random(), 0.95))  # share of it, the oldest, that the kernel wrote by itself
        found = {}
        for path, file in self.files.items():
            there, content = file.there, bytearray(file.synced)
            for index, operation in enumerate(file.pending):
                chance = 1.0 if index < written * len(file.pending) else likely
                if operation.call == "unlink":
                    if rng.random() < chance:
                        there, content = False, bytearray()
                elif operation.call == "openat":
                    there = there or rng.random() < max(chance, 0.5)
                else:
                    _crash_write(content, operation, rng, chance, torn)
            if there:
                found[path] = bytes(content)
        return found


def _crash_write(content: bytearray, operation: Operation, rng: random.Random, likely: float, torn: bool) -> None:
    if not torn:
        if rng.random() < likely:
            _apply(content, operation)
        return
    start, end = operation.offset, operation.offset + len(operation.data)
    while start < end:
        stop = min(end, (start // SECTOR + 1) * SECTOR)
        piece = operation.data[start - operation.offset : stop - operation.offset]
        if rng.random() < likely:
            _apply(content, Operation(0, "pwrite64", "", piece, start))
        elif start >= len(content) and rng.random() < 0.5:
            _apply(content, Operation(0, "pwrite64", "", bytes(len(piece)), start))
        start = stop
    if operation.call == "ftruncate" and rng.random() < likely:
        _apply(content, operation)


def _apply(content: bytearray, operation: Operation) -> None:
    if operation.call == "ftruncate":
        del content[operation.offset :]
        content.extend(bytes(operation.offset - len(content)))
    elif operation.call == "pwrite64":
        content.extend(bytes(max(0, operation.offset - len(content))))
        content[operation.offset : operation.offset + len(operation.data)] = operation.data
