"""A damaged write-ahead log is told from a torn write, and nothing goes on without its end unless someone says so."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from broker import upkeep, wal
from broker.cli import main
from broker.entries import Installed, Named, Posted
from broker.folder import Folder
from broker.log import PAGE_BYTES, Log, LogError
from messages import Home

STEP = wal.FRAME + PAGE_BYTES


def append(log: Log, count: int, size: int = 100) -> None:
    for _ in range(count):
        log.append(1, [Posted(2, log.head + 1, 1, 0, "ann", "*", "x" * size)])


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """What a kill leaves behind: sixty commits in the write-ahead log, some of several pages."""
    home = Home(tmp_path / "killed")
    folder = Folder(Home(tmp_path / "alive"))
    log = Log(folder.log_file)
    log.append(0, [Named(bytes(32), "ann"), Installed(bytes(32), bytes(16))])
    for _ in range(20):
        append(log, 2)
        append(log, 1, 2 * PAGE_BYTES)
    home.broker.mkdir(parents=True)
    for part in ("log.db", "log.db-wal", "log.db-shm"):
        shutil.copy(folder.path / part, home.broker / part)
    log.close()
    folder.close()
    return home


def log_of(home: Home) -> Path:
    return home.broker / "log.db"


def wal_of(home: Home) -> Path:
    return home.broker / "log.db-wal"


def flip(home: Home, place: int) -> None:
    content = bytearray(wal_of(home).read_bytes())
    content[place] ^= 16
    wal_of(home).write_bytes(content)


def without_index(home: Home) -> None:
    """As after a power cut, which `log.db-shm` does not outlive."""
    (home.broker / "log.db-shm").unlink()


def frames(home: Home) -> list[wal.Frame]:
    return wal._frames(wal_of(home).read_bytes(), PAGE_BYTES)[1]


def test_a_whole_one_is_whole_with_and_without_its_index(home):
    assert wal.examine(log_of(home)) == ""
    without_index(home)
    assert wal.examine(log_of(home)) == ""
    assert upkeep.verify(log_of(home)).entries == 62


def test_what_sqlite_takes_is_not_reckoned_again(home, monkeypatch):
    """A write-ahead log of any length costs what SQLite needs to read it, and no memory."""
    reckoned = []
    real = wal._checksum
    monkeypatch.setattr(wal, "_checksum", lambda words, sums: reckoned.append(1) or real(words, sums))
    assert wal.examine(log_of(home)) == ""
    assert len(reckoned) < 5 < len(frames(home))


def test_where_a_file_has_one_name_only_all_is_reckoned_and_the_same_is_found(home, monkeypatch):
    """The files are linked for SQLite to count in; some file systems cannot do that."""
    for place in (None, wal.HEADER + 30, wal_of(home).stat().st_size // 2):
        if place is not None:
            flip(home, place)
        with_links = wal.examine(log_of(home))
        with monkeypatch.context() as patch:
            patch.setattr(wal, "_taken", lambda log: 0)
            assert wal.examine(log_of(home)) == with_links
        assert bool(with_links) == (place is not None)


@pytest.mark.parametrize("where", ["page", "page number", "salt", "checksum", "content", "end of the content"])
@pytest.mark.parametrize("number", [1, 5, 30])
def test_a_flipped_bit_in_any_part_of_a_frame_is_found(home, where, number):
    without_index(home)
    offset = {"page": 3, "page number": 0, "salt": 9, "checksum": 17, "content": 24, "end of the content": STEP - 1}
    flip(home, wal.HEADER + (number - 1) * STEP + offset[where])
    assert "is damaged at byte" in wal.examine(log_of(home))


@pytest.mark.parametrize("place", range(0, 32, 3))
def test_a_flipped_bit_in_the_header_is_found_or_changes_nothing(home, place):
    without_index(home)
    flip(home, place)
    assert wal.examine(log_of(home)) or upkeep.verify(log_of(home)).entries == 62


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "gone"])
def test_the_index_that_a_kill_leaves_knows_of_the_very_last_commit(home, damage):
    last = wal_of(home).stat().st_size - STEP
    match damage:
        case "flip":
            flip(home, last + 100)
        case "cut":
            os.truncate(wal_of(home), last)
        case "empty":
            os.truncate(wal_of(home), 0)
        case "gone":
            wal_of(home).unlink()
    assert "pages that were committed" in wal.examine(log_of(home))


def test_a_torn_last_commit_is_no_damage(home):
    without_index(home)
    ends = [number for number, frame in enumerate(frames(home)) if frame.commit]
    assert ends[-1] - ends[-2] > 1, "it has several pages"
    flip(home, wal.HEADER + (ends[-2] + 1) * STEP + 100)
    assert wal.examine(log_of(home)) == ""
    log = Log(log_of(home))
    assert log.head == 61
    log.close()


def test_the_one_before_the_last_is_not_torn(home):
    without_index(home)
    ends = [number for number, frame in enumerate(frames(home)) if frame.commit]
    for offset in (17, 100):  # its checksum, its content
        flip(home, wal.HEADER + ends[-2] * STEP + offset)
        assert "damaged" in wal.examine(log_of(home))
        flip(home, wal.HEADER + ends[-2] * STEP + offset)


def test_what_an_earlier_generation_left_behind_is_no_damage(tmp_path):
    """After a checkpoint the file is written from its beginning, over older frames."""
    folder = Folder(Home(tmp_path / "home"))
    log = Log(folder.log_file)
    append(log, 1200, 2000)
    (tmp_path / "copy").mkdir()
    for part in ("log.db", "log.db-wal"):
        shutil.copy(folder.path / part, tmp_path / "copy" / part)
    salts, found, whole = wal._frames((tmp_path / "copy" / "log.db-wal").read_bytes(), PAGE_BYTES)
    assert 0 < whole < len(found)
    assert any(frame.salts != salts for frame in found)
    assert wal.examine(tmp_path / "copy" / "log.db") == ""
    log.close()
    folder.close()


def test_a_commit_whose_sync_failed_is_no_damage(home):
    """Its frames stay behind the shorter one that took its place, as `Log._overwrite_failed` writes it."""
    without_index(home)
    content = wal_of(home).read_bytes()
    ends = [number for number, frame in enumerate(frames(home)) if frame.commit]
    failed = content[wal.HEADER + (ends[-2] + 2) * STEP :]  # but its first frame
    log = Log(log_of(home))
    log._db.execute("PRAGMA user_version=3")
    shutil.copy(wal_of(home), wal_of(home).with_name("kept"))
    shutil.copy(log_of(home), log_of(home).with_name("kept.db"))
    log.close()
    shutil.move(log_of(home).with_name("kept.db"), log_of(home))
    wal_of(home).write_bytes(wal_of(home).with_name("kept").read_bytes() + failed)
    assert wal.examine(log_of(home)) == ""


def test_pages_that_were_moved_into_the_log_before_are_not_lost(home):
    log = Log(log_of(home))
    log._db.execute("PRAGMA wal_checkpoint(PASSIVE)")
    for part in ("log.db", "log.db-wal"):
        shutil.copy(home.broker / part, home.broker / f"kept-{part}")
    log.close()
    for part in ("log.db", "log.db-wal"):
        shutil.move(home.broker / f"kept-{part}", home.broker / part)
    flip(home, 1)  # SQLite does not read this file at all then, and need not
    assert wal.examine(log_of(home)) == ""
    assert upkeep.verify(log_of(home)).entries == 62


# --- what comes of it ------------------------------------------------------------------------------------------------


@pytest.fixture
def damaged(home: Home) -> Home:
    flip(home, wal.HEADER + 30 * STEP + 100)
    return home


def test_start_verify_export_and_backup_refuse_and_change_nothing(damaged, tmp_path):
    before = {path.name: path.read_bytes() for path in damaged.broker.iterdir()}
    with pytest.raises(LogError, match=r"is lost\. Nothing was changed\. .*`confab-broker repair`"):
        Log(log_of(damaged))
    verdict = upkeep.verify(log_of(damaged))
    assert "is damaged" in verdict.problem
    assert f"Behind {verdict.entries} it is lost." in verdict.problem
    assert 0 < verdict.entries < 62
    with pytest.raises(LogError, match="damaged"):
        list(upkeep.export(log_of(damaged)))
    Folder(damaged).close()
    assert {path.name: path.read_bytes() for path in damaged.broker.iterdir()} == before | {"lock": b""}


def test_without_the_look_the_end_would_be_lost_in_silence(damaged, monkeypatch):
    """The control."""
    monkeypatch.setattr(wal, "examine", lambda log: "")
    verdict = upkeep.verify(log_of(damaged))
    assert (verdict.problem, verdict.entries < 62) == ("", True)


def test_repair_keeps_the_damaged_files_and_goes_on_with_what_can_be_read(damaged, capsys):
    content = wal_of(damaged).read_bytes()
    readable = upkeep.verify(log_of(damaged)).entries
    assert main(["repair", "--data", str(damaged.path)]) == 0
    assert f"The log ends at sequence {readable} now;" in capsys.readouterr().out
    [kept] = damaged.broker.glob("log.db-wal.damaged-*")
    assert kept.read_bytes() == content
    assert upkeep.verify(log_of(damaged)) == upkeep.Verdict(readable - 1, readable)
    log = Log(log_of(damaged))
    append(log, 3)
    assert log.head == readable + 3
    log.close()
    assert main(["repair", "--data", str(damaged.path)]) == 1
    assert "The log is whole; there is nothing to repair." in capsys.readouterr().err
