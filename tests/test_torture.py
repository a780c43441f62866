"""The reliability campaigns in their short form, each with its control: the safeguard off, the test must fail.

`make torture` is the full form.
"""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from torture import brokers
from torture.__main__ import ROWS
from torture.checker import Eye, Said, judge
from torture.disk import Disk, Operation
from torture.stream import faults
from torture.texts import EVERY

NEEDS_STRACE = {"syscalls", "power", "diskerrors"}


@pytest.mark.parametrize("row", ROWS)
def test_row(row: str) -> None:
    """Nothing fails with all safeguards, something does without."""
    if row in NEEDS_STRACE and not shutil.which("strace"):
        pytest.skip("needs strace")
    result = importlib.import_module(f"torture.{row}").run("short")
    assert not result.problems
    assert result.control_red
    assert result.trials


# --- the checker -----------------------------------------------------------------------------------------------------


def said(body: str, seq: int = 0, **other: str) -> Said:
    return Said("ann/desk", "ann", "*", body, seq, **other)


SOUND = ([said("a", 1), said("b", 2), said("c")], [(1, "a"), (2, "b")], [(1, "a"), (2, "b")])


def test_a_sound_run() -> None:
    spoken, shown, stored = SOUND
    verdict = judge(spoken, [Eye("ben/desk", "ben", shown), Eye("ann/desk", "ann", [])], stored)
    assert (verdict.faults, verdict.counts["ok"], verdict.counts["unknown"]) == (0, 2, 1)
    assert (verdict.acknowledged, verdict.shown) == (2, 2)


@pytest.mark.parametrize(
    ("fault", "spoken", "shown", "stored"),
    [
        ("lost", [said("a", 1)], [], []),
        ("lost", [said("a", 1)], [], [(1, "a")]),
        ("lost", [said("a", 1)], [(2, "a")], [(2, "a")]),
        ("lost", [said("a")], [], [(1, "a")]),
        ("twice", [said("a", 1)], [(1, "a"), (1, "a")], [(1, "a")]),
        ("twice", [said("a", 1)], [(1, "a")], [(1, "a"), (2, "a")]),
        ("disorder", [said("a", 1), said("b", 2)], [(2, "b"), (1, "a")], [(1, "a"), (2, "b")]),
        ("disorder", [said("a", 2), said("b", 1)], [(1, "b"), (2, "a")], [(1, "b"), (2, "a")]),
        ("phantom", [said("a", 1)], [(1, "a"), (2, "b")], [(1, "a"), (2, "b")]),
        ("phantom", [said("a", code="not_stored")], [(1, "a")], [(1, "a")]),
        ("phantom", [said("a")], [(1, "a")], []),
    ],
)
def test_each_fault_is_seen(
    fault: str, spoken: list[Said], shown: list[tuple[int, str]], stored: list[tuple[int, str]]
) -> None:
    verdict = judge(spoken, [Eye("ben/desk", "ben", shown)], stored)
    assert verdict.counts[fault] == 1
    assert verdict.faults == 1


# --- the disk that loses power ---------------------------------------------------------------------------------------


class Dice:
    """A random.Random with which everything that may be lost is lost, or nothing."""

    def __init__(self, likely: float) -> None:
        self._likely = likely

    def choice(self, _: object) -> float:
        return self._likely

    def random(self) -> float:
        return 0.7  # above and below the likelihoods of nothing and all; not torn


def operations() -> Iterator[Operation]:
    yield Operation(0, "openat", "a")
    yield Operation(1, "pwrite64", "a", b"one", 0)
    yield Operation(2, "fdatasync", "a")
    yield Operation(3, "pwrite64", "a", b"two", 2)


def test_what_was_synced_survives() -> None:
    disk = Disk()
    for operation in operations():
        disk.do(operation)
    assert disk.crash(Dice(0.0)) == {"a": b"one"}
    assert disk.crash(Dice(1.0)) == {"a": b"ontwo"}


def test_a_removed_file_may_come_back() -> None:
    disk = Disk()
    for operation in [*operations(), Operation(4, "unlink", "a")]:
        disk.do(operation)
    assert disk.crash(Dice(0.0)) == {"a": b"one"}
    assert disk.crash(Dice(1.0)) == {}
    disk.do(Operation(5, "fsync", "the folder"))
    assert disk.crash(Dice(0.0)) == {}


# --- what arrives at a terminal --------------------------------------------------------------------------------------

OURS = "\x1b[?2004h\x1b[?25l\x1b[0m\x1b[J\x1b[0;36;1m#general › \x1b[11D\x08\x1b[?7h\r\n\x1b[1;7;31m URGENT \x1b[0m\x07"


def test_what_confab_writes_is_no_fault() -> None:
    assert not faults(OURS.encode())


@pytest.mark.parametrize(
    "evil",
    [
        *sorted({*EVERY} - {"\r", "\n", "\x07"}),
        "\x1b[5m",
        "\x1b[38;5;9m",
        "\x1b[2J",
        "\x1b]8;;x\x1b\\",
        "\x1b[m",
        "\x1bc",
    ],
)
def test_what_a_text_brings_is_a_fault(evil: str) -> None:
    """Line ends are not, since they are ours too; and bells are counted."""
    assert faults((OURS + evil + OURS).encode())


def test_half_a_character_is_a_fault() -> None:
    assert faults(OURS.encode() + b"\x9b2J")


def test_files_are_on_a_real_disk(tmp_path: Path) -> None:
    """A campaign leaves nothing behind."""
    with brokers.folder() as place:
        assert place.is_dir()
    assert not place.exists()
