"""What a client keeps on disk: it survives any kill, belongs to one broker and one device, and never stops a client."""

from __future__ import annotations

import errno
import sqlite3
import stat
from pathlib import Path

import pytest

from client import keeper as keeper_module
from client.keeper import Keeper
from client.outbox import Kept, Row
from client.profile import open_profile
from client.store import Store, StoreError, look
from messages import Announce, Post

DEVICE, BROKER, OTHER = b"d" * 16, b"k" * 32, b"o" * 32
TEXTS = [
    Row(1, 8, Post(8, "@bob", "ünï")),
    Row(2, 9, Announce(9, "*", "b", "T", "high")),
    Row(3, 0, Post(1, "#c", "c")),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "window-0.db"


def test_what_was_saved_is_there_without_a_goodbye(path: Path) -> None:
    first = Store(path, DEVICE, BROKER)
    assert first.kept == Kept([], None)
    first.save(Kept(TEXTS, 70))
    first.save(Kept([Row(1, 0, None), Row(3, 10, Post(10, "#c", "c"))], 71))
    second = Store(path, b"x" * 16, BROKER)  # the first one was never closed, as after a kill
    assert second.kept == Kept([TEXTS[1], Row(3, 10, Post(10, "#c", "c"))], 71)
    assert second.device == DEVICE  # whose numbers these are, whatever the slot says
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()} == {0o600}
    second.save(Kept([], None))
    assert Store(path, DEVICE, BROKER).kept.cursor is None
    first.close()
    second.close()


def test_each_broker_has_its_own(path: Path) -> None:
    ours, others = Store(path, DEVICE, BROKER), Store(path, DEVICE, OTHER)
    ours.save(Kept(TEXTS, 70))
    assert others.kept == Kept([], None)
    others.save(Kept([Row(1, 1, Post(1, "*", "z"))], 5))
    assert (len(look(path, BROKER).rows), look(path, BROKER).cursor) == (3, 70)
    assert (len(look(path, OTHER).rows), look(path, OTHER).cursor) == (1, 5)
    ours.close()
    others.close()


def test_another_versions_file_is_put_aside_and_said(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version=99")
    keeper = Keeper(path, DEVICE, BROKER)
    assert "was written by another version of confab. It is kept as window-0.aside-1.db. What was" in keeper.problem
    assert keeper.kept == Kept([], None)
    assert keeper.save(Kept(TEXTS, 3)) == ""
    keeper.close()


@pytest.mark.parametrize("damage", [b"no database at all", b""])
def test_a_damaged_file_is_put_aside_and_said(path: Path, damage: bytes) -> None:
    store = Store(path, DEVICE, BROKER)
    store.save(Kept([Row(n, n, Post(n, "@bob", "x" * 3000)) for n in range(1, 30)], 70))
    store.close()
    content = path.read_bytes()
    path.write_bytes(damage or content[:4096] + b"\xff" * 8192 + content[12288:])
    keeper = Keeper(path, DEVICE, BROKER)
    assert "It is kept as window-0.aside-1.db" in keeper.problem
    assert keeper.kept == Kept([], None)
    assert path.with_name("window-0.aside-1.db").stat().st_size > 0
    keeper.close()


def test_what_is_no_text_is_damage(path: Path) -> None:
    store = Store(path, DEVICE, BROKER)
    store._db.execute("INSERT INTO unanswered VALUES (?, 1, 1, ?)", (BROKER, b"\xc1"))
    store.close()
    with pytest.raises(StoreError):
        Store(path, DEVICE, BROKER)


def test_a_full_disk_is_said_once_and_nothing_old_is_left_to_be_sent_again(path: Path) -> None:
    """What is in memory from then on may be accepted unseen by the file, so the file must not be used again."""
    keeper = Keeper(path, DEVICE, BROKER)
    assert keeper._store
    assert keeper.save(Kept(TEXTS[:1], 1)) == ""
    pages = keeper._store._db.execute("PRAGMA page_count").fetchone()[0]
    keeper._store._db.execute(f"PRAGMA max_page_count={pages}")
    problem = keeper.save(Kept([Row(2, 0, Post(1, "*", "x" * 60_000))], 2))
    assert "cannot be written (database or disk is full). It is kept as window-0.aside-1.db." in problem
    assert "in memory only" in problem
    assert keeper.save(Kept(TEXTS, 3)) == ""
    assert Keeper(path, DEVICE, BROKER).kept == Kept([], None)


def trouble(monkeypatch: pytest.MonkeyPatch, query: str, error: sqlite3.Error) -> None:
    """SQLite fails at this statement, whichever file it is about."""

    class Failing(sqlite3.Connection):
        def execute(self, sql: str, *values: object) -> sqlite3.Cursor:
            if sql.startswith(query):
                raise error
            return super().execute(sql, *values)  # type: ignore[arg-type]

    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *args, **kwargs: connect(*args, **kwargs, factory=Failing))


def failure(kind: type[sqlite3.Error], code: int) -> sqlite3.Error:
    error = kind("it failed")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize("code", [sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_BUSY])
@pytest.mark.parametrize("query", ["PRAGMA user_version", "PRAGMA journal_mode", "SELECT place"])
def test_trouble_that_may_pass_leaves_the_file_for_the_next_start(
    path: Path, monkeypatch: pytest.MonkeyPatch, query: str, code: int
) -> None:
    """A full or failing disk, or a lock, when the console starts: this run is another device and keeps nothing."""
    store = Store(path, DEVICE, BROKER)
    store.save(Kept(TEXTS, 70))
    store.close()
    with monkeypatch.context() as patch:
        trouble(patch, query, failure(sqlite3.OperationalError, code))
        keeper = Keeper(path, DEVICE, BROKER)
        assert keeper.kept is None
        assert keeper.device != DEVICE, "the file's numbers are promised to what lies in it"
        assert "it failed" in keeper.problem
        assert "goes out when a later start can use it. What you send is kept in memory only" in keeper.problem
        assert keeper.save(Kept(TEXTS[:1], 71)) == ""
        keeper.close()
    later = Keeper(path, DEVICE, BROKER)
    assert (later.problem, later.kept, later.device) == ("", Kept(TEXTS, 70), DEVICE)
    later.close()


@pytest.mark.parametrize("readable", [True, False])
def test_what_looks_malformed_is_damage_only_if_the_disk_gives_all_of_it(
    path: Path, monkeypatch: pytest.MonkeyPatch, readable: bool
) -> None:
    """SQLite reports a page that the disk does not give as a malformed file."""
    Store(path, DEVICE, BROKER).close()

    def refuse(_: Path) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        trouble(patch, "PRAGMA quick_check", failure(sqlite3.DatabaseError, sqlite3.SQLITE_CORRUPT))
        if not readable:
            patch.setattr(Path, "read_bytes", refuse)
        keeper = Keeper(path, DEVICE, BROKER)
        assert (path.with_name("window-0.aside-1.db").exists(), path.exists()) == (readable, True)
        assert ("It stays where it is" in keeper.problem) is not readable
        keeper.close()


def test_a_folder_that_cannot_be_written_is_said_and_nothing_is_kept(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> Store:
        raise StoreError(f"{path} cannot be opened (Read-only file system)")

    monkeypatch.setattr(keeper_module, "Store", refuse)
    keeper = Keeper(path, DEVICE, BROKER)
    assert keeper.kept is None
    assert "Read-only file system" in keeper.problem
    assert "in memory only" in keeper.problem


# --- slots -----------------------------------------------------------------------------------------------------------


def leave(folder: Path, slots: int) -> None:
    """Let so many windows run at once and die, the last one with a text unsent and a cursor of its own."""
    profiles = [open_profile(folder, BROKER) for _ in range(slots)]
    for number, profile in enumerate(profiles):
        assert profile.keeper
        profile.keeper.save(Kept(TEXTS[:1] if number == slots - 1 else [], 100 - number))
    for profile in profiles:
        profile.release()


def test_a_slot_in_which_something_waits_is_taken_first(tmp_path: Path) -> None:
    leave(tmp_path, 3)
    window = open_profile(tmp_path, BROKER)
    assert window.keeper
    assert window.keeper.kept == Kept(TEXTS[:1], 100)  # its text, and no message that another window has shown
    other = open_profile(tmp_path, OTHER)
    assert other.keeper
    assert other.keeper.kept == Kept([], None)
    assert other.device != window.device
    other.release()
    window.release()


def test_texts_in_other_free_slots_are_counted(tmp_path: Path) -> None:
    first, second = open_profile(tmp_path, BROKER), open_profile(tmp_path, BROKER)
    for profile in (first, second):
        assert profile.keeper
        profile.keeper.save(Kept(TEXTS, 1))
    second.release()
    beside = open_profile(tmp_path, BROKER)
    assert beside.keeper
    assert (len(beside.keeper.kept.rows), beside.keeper.elsewhere) == (3, 0)  # type: ignore[union-attr]
    beside.release()
    first.release()
    alone = open_profile(tmp_path, BROKER)
    assert alone.keeper
    assert alone.keeper.elsewhere == 3
    alone.release()


def test_a_script_never_takes_a_slot_that_keeps(tmp_path: Path) -> None:
    leave(tmp_path, 1)
    script, window = open_profile(tmp_path), open_profile(tmp_path, BROKER)
    assert script.keeper is None
    assert window.device != script.device
    script.release()
    window.release()
