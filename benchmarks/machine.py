"""What the machine itself costs: the disk that is written to, and what one flush of it takes. Knows no system."""

from __future__ import annotations

import os
import platform
import sqlite3
import tempfile
import time
from functools import cache
from pathlib import Path

MEMORY = frozenset({"tmpfs", "ramfs"})  # file systems on which fsync means nothing


@cache
def scratch() -> Path:
    """A folder for the systems' files, on a real disk where there is one."""
    candidates = [Path(tempfile.gettempdir()), Path("/var/tmp"), Path.cwd()]
    return next((folder for folder in candidates if file_system(folder) not in MEMORY), candidates[0])


def file_system(folder: Path) -> str:
    """The type of the file system that holds `folder`, as the kernel names it."""
    best, kind = "", "unknown"
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        mount = before.split()[4]
        if folder.resolve().is_relative_to(mount) and len(mount) >= len(best):
            best, kind = mount, after.split()[0]
    return kind


def describe() -> str:
    """The machine in one line: a figure says nothing without it."""
    warning = ", which is no disk: fsync costs nothing here" if file_system(scratch()) in MEMORY else ""
    return (
        f"{os.cpu_count()} cores, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, "
        f"files in {scratch()} ({file_system(scratch())}{warning})"
    )


def fsync_seconds(times: int) -> list[float]:
    """How long appending 100 bytes and flushing them to the disk takes."""
    took = []
    with tempfile.TemporaryFile(dir=scratch(), buffering=0) as file:
        for _ in range(times):
            began = time.perf_counter()
            file.write(b"x" * 100)
            os.fsync(file.fileno())
            took.append(time.perf_counter() - began)
    return took


def commit_seconds(times: int) -> list[float]:
    """How long inserting one row takes in SQLite with WAL and synchronous=FULL."""
    took = []
    with tempfile.TemporaryDirectory(prefix="confab-bench-", dir=scratch()) as folder:
        database = sqlite3.connect(Path(folder) / "log", isolation_level=None)
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")
        database.execute("CREATE TABLE segment (first INTEGER PRIMARY KEY, entries BLOB)")
        for first in range(times):
            began = time.perf_counter()
            database.execute("INSERT INTO segment VALUES (?, ?)", (first, b"x" * 100))
            took.append(time.perf_counter() - began)
        database.close()
    return took
