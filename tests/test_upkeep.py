"""Looking after a log: what verify finds, and that a backup is all that a restore needs."""

from __future__ import annotations

import json
import random
import sqlite3
from pathlib import Path

import pytest

from broker import upkeep
from broker.cli import main
from broker.entries import Posted, Removed
from broker.folder import Folder
from broker.keys import load_or_make
from broker.log import Log, LogError
from broker.state import State
from messages import Announce, Home, Join, Post

from .wire import Wire


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home whose broker took forty segments and stored a snapshot in between."""
    home = Home(tmp_path / "home")
    folder = Folder(home)
    load_or_make(folder.key_file)
    log = Log(folder.log_file)
    wire = Wire(log)
    alice, _bob = wire.connect("alice"), wire.connect("bob")
    for number in range(1, 33):
        alice.say(Post(number, "@bob" if number % 2 else "#general", f"message {number} " + "x" * number))
        if number == 20:
            wire.core.store_snapshot()
    alice.say(Join(40, "#ops"), Announce(41, "*", "Deploy at five", "CI", "high"))
    log.close()
    folder.close()
    return home


def log_of(home: Home) -> Path:
    return home.broker / "log.db"


def alter(path: Path, statement: str) -> None:
    with sqlite3.connect(path) as db:
        db.execute(statement)
    db.close()


def test_a_whole_log_is_found_whole(home):
    assert upkeep.verify(log_of(home)) == upkeep.Verdict(36, 40)


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("DELETE FROM segment WHERE first = 20", "Sequence 20 is missing"),
        ("DELETE FROM segment WHERE first > 25", "the end of it is lost"),
        ("UPDATE segment SET at = at + 1 WHERE first = 20", "not what was committed"),
        (
            "UPDATE segment SET entries = (SELECT entries FROM segment WHERE first = 21) WHERE first = 20",
            "not what was",
        ),
        ("UPDATE segment SET digest = zeroblob(32) WHERE first = 20", "not what was committed"),
        ("UPDATE snapshot SET state = (SELECT state FROM snapshot) || x'00'", "cannot be read"),
        ("DROP TABLE segment", "cannot be read"),
    ],
)
def test_loss_alteration_and_reordering_are_found(home, statement, says):
    if "first > 25" in statement:  # the end of a log is vouched for by the snapshot alone
        statement = "DELETE FROM segment WHERE first > 15"
    alter(log_of(home), statement)
    assert says in upkeep.verify(log_of(home)).problem


def test_without_the_chain_an_alteration_goes_unseen(home, monkeypatch):
    """The negative control of the digests."""
    path = log_of(home)
    with sqlite3.connect(path) as db:
        stored = dict(db.execute("SELECT first, digest FROM segment").fetchall())
        altered = (
            db.execute("SELECT entries FROM segment WHERE first = 20").fetchone()[0].replace(b"message", b"massage")
        )
        db.execute("UPDATE segment SET entries = ? WHERE first = 20", (altered,))
    db.close()
    assert upkeep.verify(path).problem
    monkeypatch.setattr(upkeep, "chain", lambda _previous, first, _at, _blob: stored[first])
    assert not upkeep.verify(path).problem


def test_flipped_bits_are_detected_or_change_nothing(home, tmp_path):
    whole = list(upkeep.export(log_of(home)))
    content = log_of(home).read_bytes()
    dice = random.Random(7)
    found = 0
    for number in range(250):
        damaged = bytearray(content)
        damaged[dice.randrange(len(damaged))] ^= 1 << dice.randrange(8)
        path = tmp_path / f"damaged-{number}.db"
        path.write_bytes(damaged)
        if upkeep.verify(path).problem:
            found += 1
        else:
            assert list(upkeep.export(path)) == whole
    assert found > 10


def test_a_backup_restores_everything_into_an_empty_home(home, tmp_path):
    copy = tmp_path / "backup"
    assert upkeep.backup(home, copy) == 40
    assert copy.stat().st_mode & 0o777 == 0o600
    elsewhere = Home(tmp_path / "elsewhere")
    assert upkeep.restore(elsewhere, copy).entries == 40
    assert list(upkeep.export(log_of(elsewhere))) == list(upkeep.export(log_of(home)))
    secret = load_or_make(home.broker / "key.json")
    assert load_or_make(elsewhere.broker / "key.json") == secret
    assert secret.secret not in log_of(elsewhere).read_bytes()
    log = Log(log_of(elsewhere))
    assert Wire(log).connect("alice", after=0).hear()[0].resumed, "the restored log serves"
    log.close()


def test_nothing_is_overwritten(home, tmp_path):
    copy = tmp_path / "backup"
    copy.write_text("mine")
    with pytest.raises(LogError, match="overwrites nothing"):
        upkeep.backup(home, copy)
    assert copy.read_text() == "mine"
    upkeep.backup(home, tmp_path / "second")
    before = log_of(home).read_bytes()
    with pytest.raises(LogError, match="overwrites nothing"):
        upkeep.restore(home, tmp_path / "second")
    assert log_of(home).read_bytes() == before


def test_a_second_backup_to_the_same_file_is_refused_however_close(home, tmp_path, monkeypatch):
    copy, draft = tmp_path / "backup", tmp_path / "backup.part"
    with upkeep._drafting(draft), pytest.raises(LogError, match="Another backup to"):
        upkeep.backup(home, copy)
    sync = upkeep.sync

    def slow(path: Path) -> None:  # somebody else is faster while the draft is written
        copy.write_text("theirs")
        sync(path)

    monkeypatch.setattr(upkeep, "sync", slow)
    with pytest.raises(LogError, match="overwrites nothing"):
        upkeep.backup(home, copy)
    assert copy.read_text() == "theirs"
    assert not draft.exists()


def test_what_a_killed_backup_left_there_is_in_nobodys_way(home, tmp_path):
    (tmp_path / "backup.part").write_bytes(b"half a backup" * 1000)
    assert upkeep.backup(home, tmp_path / "backup") == 40
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backup", "home"]


def test_a_broken_backup_is_not_restored(home, tmp_path):
    copy = tmp_path / "backup"
    upkeep.backup(home, copy)
    alter(copy, "UPDATE segment SET at = at + 1 WHERE first = 20")
    with pytest.raises(LogError, match="nothing was restored"):
        upkeep.restore(Home(tmp_path / "elsewhere"), copy)
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("content", [b"{", b'{"key": 1}', b'{"key": "x", "endpoints": []}', None])
def test_a_damaged_note_of_where_the_broker_is_gives_a_sentence(home, capsys, content):
    folder = Folder(home)
    home.local.mkdir() if content is None else home.local.write_bytes(content)
    assert main(["grant", "alice", "admin", "--data", str(home.path)]) == 1
    error = capsys.readouterr().err
    assert "does not say where the broker is" in error
    assert "Restart the broker" in error
    folder.close()


def test_whoever_reads_an_export_slowly_does_not_hold_the_write_ahead_log_up(home):
    log = Log(log_of(home))
    lines = upkeep.export(log_of(home))
    next(lines)
    Wire(log).connect("alice", nick="alice2").say(Post(50, "*", "behind it"))
    assert log._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0, "nobody reads an earlier moment"
    assert "behind it" not in "".join(lines), "it ends where the log ended at first"
    log.close()


def cut(log: Log, seq: int) -> None:
    log.store_snapshot(State.of(log).snapshot())
    log.rebase()
    log.cut_off(seq)


def test_an_export_says_what_was_cut_off_meanwhile(home, monkeypatch):
    monkeypatch.setattr(upkeep, "PORTION_BYTES", 1)
    log = Log(log_of(home))
    lines = upkeep.export(log_of(home))
    assert json.loads(next(lines))["seq"] == 7
    cut(log, 20)
    with pytest.raises(LogError, match="cut off what came behind 7 up to 20, which is missing here"):
        list(lines)
    log.close()


def test_verify_begins_again_behind_what_was_cut_off_meanwhile(home, monkeypatch):
    monkeypatch.setattr(upkeep, "PORTION_BYTES", 1)
    log = Log(log_of(home))
    cuts = iter([20, 30])
    real = upkeep._segment_problem

    def cutting(first, *rest):
        if first in (8, 22):
            cut(log, next(cuts))
        return real(first, *rest)

    monkeypatch.setattr(upkeep, "_segment_problem", cutting)
    assert upkeep.verify(log_of(home)) == upkeep.Verdict(10, 10, cut=30)
    monkeypatch.setattr(upkeep, "_cut", lambda db: 10**6)
    alter(log_of(home), "DELETE FROM segment WHERE first = 33")
    assert "faster than it can be read" in upkeep.verify(log_of(home)).problem
    log.close()


def test_export_takes_the_name_of_its_only_form(home, capsys):
    assert main(["export", "--jsonl", "--data", str(home.path)]) == 0
    assert capsys.readouterr().out.splitlines() == list(upkeep.export(log_of(home)))


def test_export_does_not_act_on_a_terminal(tmp_path):
    """JSON escapes C0, but neither DEL nor C1, bidirectional overrides or what has no width."""
    evil = "\x1b[2J\x7f\x9b31m\u202egnp.\u200bexe"
    log = Log(tmp_path / "log.db")
    alice = Wire(log).connect("alice")
    alice.say(Post(1, "*", evil), Announce(2, "*", evil, evil))
    log.close()
    lines = list(upkeep.export(tmp_path / "log.db", for_terminal=True))
    assert "".join(lines).isascii()
    assert "".join(lines).isprintable()
    assert [json.loads(line)["body"] for line in lines] == [evil, evil]
    assert not "".join(upkeep.export(tmp_path / "log.db")).isascii()


def test_export_is_one_object_a_message(home):
    lines = [json.loads(line) for line in upkeep.export(log_of(home))]
    assert len(lines) == 33
    assert lines[0] | {"at": 0} == {
        "seq": 7,
        "at": 0,
        "from": "alice",
        "to": "@bob",
        "kind": "text",
        "body": lines[0]["body"],
    }
    assert lines[-1]["title"] == "CI"


def test_a_write_ahead_log_that_cannot_be_read_is_a_problem_told_in_a_sentence(home):
    log_of(home).with_name("log.db-wal").mkdir()
    assert "cannot be read: " in upkeep.verify(log_of(home)).problem


def test_export_tells_of_a_deleted_message_only_that_it_was(tmp_path):
    home = Home(tmp_path)
    home.broker.mkdir(parents=True)
    log = Log(home.broker / "log.db")
    log.append(1, [Posted(1, 1, 1, 0, "ann", "*", "secret"), Posted(1, 2, 1, 0, "ann", "*", "I removed it")])
    log.append(2, [Removed("mod", 9, 1, "leak", "ann", 1, 0)])
    log.close()
    lines = [json.loads(line) for line in upkeep.export(home.broker / "log.db")]
    assert lines[0] == {"seq": 1, "at": 1, "deleted": True}
    assert [line["body"] for line in lines[1:]] == ["I removed it"]
