"""What was typed, on the disk: the newest lines come back, nothing damages them, and no disk disturbs the console."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TypeAlias

import pytest

from client.console import typed as module
from client.console.typed import KEPT_BYTES, KEPT_LINES, SAVE_SECONDS, Typed
from client.files import locked, write_whole

Lock: TypeAlias = Callable[[Path], AbstractContextManager[None]]


class Desk:
    """A console's files, whose clock and whose thread are the test."""

    def __init__(self, folder: Path, slot: str = "window-0") -> None:
        self.told: list[str] = []
        self.due: list[tuple[float, Callable[[], None]]] = []
        self.typed = Typed(folder / slot, self._after, self.told.append, self._fail)
        self.draft = self.typed.draft

    def _after(self, seconds: float, then: Callable[[], None]) -> None:
        self.due.append((seconds, then))

    def _fail(self, error: Exception) -> None:
        raise error

    def lines(self) -> list[str]:
        """What arrow up brings, the newest first."""
        return list(self.typed.lines.load_history_strings())

    def enter(self, *lines: str) -> None:
        for line in lines:
            self.typed.lines.append_string(line)


def reopened(folder: Path, *entered: str) -> Desk:
    desk = Desk(folder)
    desk.enter(*entered)
    desk.typed.close()
    return Desk(folder)


def full(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


LINES = ["one", "two\n  lines, das Ü und 👋", "\x1b[31m", "caf\udce9", '"quoted" \\']


def test_lines_of_an_earlier_run_come_back_as_they_were(tmp_path: Path) -> None:
    assert reopened(tmp_path, *LINES).lines() == LINES[::-1]


def test_only_their_owner_reads_them(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.enter("one")
    desk.draft.change("half a thou")
    desk.typed.close()
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {"typed": 0o600, "lock": 0o600, "window-0.draft": 0o600}


def test_only_the_newest_come_back_and_the_file_stays_bounded(tmp_path: Path) -> None:
    assert len(reopened(tmp_path, *map(str, range(KEPT_LINES + 10))).lines()) == KEPT_LINES
    long = [f"{number} {'x' * 60_000}" for number in range(50)]
    found = reopened(tmp_path, *long).lines()
    assert found == long[: -len(found) - 1 : -1]
    assert len(found) >= KEPT_BYTES // 60_010 - 1
    assert (tmp_path / "typed").stat().st_size < 2 * KEPT_BYTES


def test_what_is_too_long_to_be_sent_pushes_nothing_out(tmp_path: Path) -> None:
    assert reopened(tmp_path, "one", "x" * 1_000_000).lines() == ["one"]


def test_two_consoles_of_one_profile_lose_no_line(tmp_path: Path) -> None:
    """Each appends while the other may be cutting the file: with big lines they cut it often."""
    desks = [Desk(tmp_path, "window-0"), Desk(tmp_path, "window-1")]
    for number in range(60):
        for name, desk in enumerate(desks):
            desk.enter(f"{name} {number} {'x' * 50_000}")
    for desk in desks:
        desk.typed.close()
    found = [line.split()[:2] for line in Desk(tmp_path).lines()]
    assert len(found) >= 10
    for each in "01":
        numbers = [int(number) for who, number in found if who == each]
        assert numbers == list(range(59, 59 - len(numbers), -1))


@pytest.mark.parametrize("lock", [locked, lambda path: nullcontext()], ids=["locked", "control"])
def test_the_others_wait_while_the_file_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lock: Lock) -> None:
    """And without the lock they would not, so that the line they add meanwhile would be lost."""
    others_wait: list[bool] = []

    def cut(path: Path, content: bytes) -> None:
        with (tmp_path / "lock").open("a") as another:
            try:
                fcntl.flock(another, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                others_wait.append(True)
            else:
                others_wait.append(False)
        write_whole(path, content)

    monkeypatch.setattr(module, "locked", lock)
    monkeypatch.setattr(module, "write_whole", cut)
    reopened(tmp_path, *("x" * 60_000 for _ in range(40)))
    assert others_wait == [lock is locked]


@pytest.mark.parametrize("damage", [b'\n"cut of', b"\n\xff\xfe", b"\n\0\0\0\0", b"\n[1]\n\n7"])
def test_damage_costs_the_damaged_line_only(tmp_path: Path, damage: bytes) -> None:
    reopened(tmp_path, "before")
    with (tmp_path / "typed").open("ab") as file:
        file.write(damage)
    assert reopened(tmp_path, "behind").lines() == ["behind", "before"]


def test_a_draft_is_saved_soon_after_a_change_and_once_for_many(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    for text in ("h", "ha", "half"):
        desk.draft.change(text)
    assert not (tmp_path / "window-0.draft").exists()  # no key has waited for the disk
    [(seconds, save)] = desk.due
    assert seconds == SAVE_SECONDS
    save()
    desk.draft.change("half a th")
    assert len(desk.due) == 2
    desk.typed.close()
    assert Desk(tmp_path).draft.text == "half a th"
    assert Desk(tmp_path, "window-1").draft.text == ""


def test_a_draft_is_gone_once_the_line_is_empty(tmp_path: Path) -> None:
    for text in ("two\nlines \udcff", ""):
        desk = Desk(tmp_path)
        desk.draft.change(text)
        desk.typed.close()
        assert Desk(tmp_path).draft.text == text
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b'"half', b"\xff", b"[]"])
def test_a_damaged_draft_is_no_draft(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "window-0.draft").write_bytes(content)
    desk = Desk(tmp_path)
    assert (desk.draft.text, desk.told) == ("", [])


def test_a_console_killed_while_it_saved_keeps_the_older_draft(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.draft.change("older")
    desk.typed.close()
    (tmp_path / "window-0.draft-new").write_bytes(b'\n"newe')
    desk = Desk(tmp_path)
    assert desk.draft.text == "older"
    desk.draft.change("newest")
    desk.typed.close()
    assert Desk(tmp_path).draft.text == "newest"


def test_a_full_disk_is_told_once_and_costs_only_what_was_to_be_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "write_new", full)
    monkeypatch.setattr(module, "locked", full)
    desk = Desk(tmp_path)
    desk.enter("one", "two")
    desk.draft.change("three")
    desk.typed.close()
    assert desk.told == ["What you type is not kept for the next start (No space left on device). It is sent as ever."]
    assert desk.typed.lines.get_strings() == ["one", "two"]  # arrow up still brings them
    monkeypatch.undo()
    assert reopened(tmp_path, "four").lines() == ["four"]


def test_a_disk_that_hangs_holds_nobody_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a key nor the end of the console."""
    hangs = threading.Event()
    monkeypatch.setattr(module, "write_new", lambda *_: hangs.wait())
    monkeypatch.setattr(module, "CLOSE_SECONDS", 0.01)
    desk = Desk(tmp_path)
    for number in range(1_000):
        desk.draft.change(f"line {number}")
        desk.draft.save()
        desk.enter(f"line {number}")
    desk.typed.close()
    assert not (tmp_path / "typed").exists()
    hangs.set()


def test_a_draft_that_the_disk_refused_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "write_new", full)
    desk = Desk(tmp_path)
    desk.draft.change("half")
    with pytest.raises(OSError, match="No space"):
        desk.draft._write()
    monkeypatch.undo()
    desk.typed.close()
    assert Desk(tmp_path).draft.text == "half"


def test_files_that_cannot_be_read_are_told_of(tmp_path: Path) -> None:
    for name in ("typed", "window-0.draft"):
        (tmp_path / name).mkdir()
    desk = Desk(tmp_path)
    assert (desk.lines(), desk.draft.text) == ([], "")
    assert desk.told == ["What you type is not kept for the next start (Is a directory). It is sent as ever."]
