"""A log that is damaged inside: nothing false is shown, what is whole is, and repair goes on with that."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from broker import log as log_module
from broker import salvage, upkeep
from broker.cli import main
from broker.folder import Folder
from broker.keys import load_or_make
from broker.log import Log, LogError
from messages import Gap, History, HistoryPage, Home, Join, Message, Post

from .wire import Wire

TEXTS = 30


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home whose broker took thirty texts, each a segment, and stored a snapshot when it went down."""
    return made(Home(tmp_path / "home"))


def made(home: Home, texts: int = TEXTS) -> Home:
    folder = Folder(home)
    load_or_make(folder.key_file)
    log = Log(folder.log_file)
    wire = Wire(log)
    alice = wire.connect("alice")
    wire.connect("bob")
    for number in range(1, texts + 1):
        alice.say(Post(number, "*", f"text {number}"))
    alice.say(Join(texts + 1, "#ops"))
    wire.core.store_snapshot()
    log.close()
    folder.close()
    return home


def log_of(home: Home) -> Path:
    return home.broker / "log.db"


def alter(home: Home, *numbers: int) -> list[int]:
    """Change a byte of these texts, so that they read well but false; returns their sequences."""
    altered = []
    with closing(sqlite3.connect(log_of(home))) as db:
        for first, blob in db.execute("SELECT first, entries FROM segment").fetchall():
            for number in numbers:
                if blob.endswith(b"text %d" % number):
                    false = blob.replace(b"text", b"lies")
                    db.execute("UPDATE segment SET entries = ? WHERE first = ?", (false, first))
                    altered.append(first)
        db.commit()
    return altered


def texts(events: list) -> list[str]:
    return [event.body for event in events if isinstance(event, Message)]


# --- a running broker ------------------------------------------------------------------------------------------------


def test_who_was_away_is_told_of_the_damage_as_a_gap_and_gets_all_the_rest(home):
    [seq] = alter(home, 10)
    log = Log(log_of(home))
    wire = Wire(log)
    events = wire.connect("bob", after=seq - 3).hear((Message, Gap))
    assert texts(events) == [f"text {number}" for number in range(8, TEXTS + 1) if number != 10]
    assert Gap(seq - 1, seq) in events
    assert any(f"from sequence {seq} to {seq}" in str(note.fields) for note in wire.core.notes), "the operator is told"
    wire.connect("alice").say(Post(100, "*", "on and on"))
    assert texts(wire.peers[0].hear()) == ["on and on"], "bob is live again"
    log.close()


def test_a_page_with_damage_in_it_is_refused_and_one_in_front_of_it_is_not(home):
    [seq] = alter(home, 10)
    log = Log(log_of(home))
    alice = Wire(log).connect("alice")
    alice.hear()
    [refused] = alice.say(History(100, "*"))
    assert refused.code == "not_read"
    assert f"from sequence {seq} to {seq}" in refused.text
    [page] = alice.say(History(101, "*", before=seq))
    assert isinstance(page, HistoryPage)
    assert texts(page.items) == [f"text {number}" for number in range(1, 10)]
    log.close()


# --- verify, backup, repair ------------------------------------------------------------------------------------------


def test_verify_tells_the_way_on_and_a_backup_of_damage_fails_and_says_so(home, tmp_path, capsys):
    alter(home, 10)
    assert main(["verify", "--data", str(home.path)]) == 1
    assert "`confab-broker repair` goes on with what is whole, or restore a backup." in capsys.readouterr().err
    with pytest.raises(LogError, match=r"log is damaged\. .* not what was committed.*`confab-broker repair`"):
        upkeep.backup(home, tmp_path / "backup")
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


def test_repair_keeps_every_sequence_and_says_which_are_lost(home, tmp_path, capsys):
    """The state is known from behind the damage, so that only what is damaged is lost."""
    lost = alter(home, 10, 11, 20)
    damaged, timeline, end = log_of(home).read_bytes(), *place_of(home)
    assert main(["repair", "--data", str(home.path)]) == 0
    out = capsys.readouterr().out
    assert place_of(home) == (timeline, end), "no sequence is given again, so no client has to be told of another way"
    assert f"The log ends at sequence {end}, as it did." in out
    assert f"number {lost[0]} to {lost[1]} is lost" in out
    assert f"number {lost[2]} to {lost[2]} is lost" in out
    [kept] = home.broker.glob("log.db.damaged-*")
    assert kept.read_bytes() == damaged
    verdict = upkeep.verify(log_of(home))
    assert (verdict.problem, verdict.lost) == ("", 3)
    upkeep.backup(home, tmp_path / "backup")
    log = Log(log_of(home))
    events = Wire(log).connect("bob", after=lost[0] - 2).hear((Message, Gap))
    assert texts(events) == [f"text {number}" for number in range(9, TEXTS + 1) if number not in (10, 11, 20)]
    assert [(gap.after, gap.until) for gap in events if isinstance(gap, Gap)] == [
        (lost[0] - 1, lost[1]),
        (lost[2] - 1, lost[2]),
    ]
    log.close()
    assert main(["repair", "--data", str(home.path)]) == 1
    assert "The log is whole; there is nothing to repair." in capsys.readouterr().err


def place_of(home: Home) -> tuple[bytes, int]:
    log = Log(log_of(home))
    log.close()
    return log.timeline, log.head


@pytest.mark.parametrize(
    "sql", ["UPDATE segment SET at = at + 1 WHERE first = ?", "DELETE FROM segment WHERE first = ?"]
)
def test_where_the_end_is_damaged_the_log_goes_another_way_from_there(home, sql):
    """Also where a snapshot is of the very end: nobody knows what else stood there."""
    timeline, end = place_of(home)
    with closing(sqlite3.connect(log_of(home))) as db, db:
        db.execute(sql, (end,))
    assert salvage.repair(home).forked
    assert place_of(home)[0] != timeline


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE segment SET count = 0 WHERE first = (SELECT max(first) FROM segment)",  # a bit of its header
        "UPDATE timeline SET upto = 0",  # none is the present one, so that no broker could start
    ],
)
def test_what_is_beside_damage_in_the_middle_is_not_taken_for_sound(home, sql):
    """The sequence of the last segment would be given again, and clients that know it would drop what has it then."""
    timeline, _ = place_of(home)
    alter(home, 10)
    with closing(sqlite3.connect(log_of(home))) as db, db:
        db.execute("DELETE FROM snapshot")
        db.execute(sql)
    assert upkeep.verify(log_of(home)).problem
    repaired = salvage.repair(home)
    assert repaired.forked
    assert place_of(home)[0] != timeline


def test_a_segment_that_says_it_holds_nothing_is_no_whole_log(home):
    with closing(sqlite3.connect(log_of(home))) as db, db:
        db.execute("UPDATE segment SET count = 0 WHERE first = (SELECT max(first) FROM segment)")
    assert "does not say how many entries" in upkeep.verify(log_of(home)).problem


def test_where_a_page_no_longer_tells_of_the_last_ones_the_log_goes_another_way(tmp_path, monkeypatch):
    """Whatever bit of the table's root is another: SQLite reads on, and shows an end that is none."""
    monkeypatch.setattr(log_module, "PAGE_BYTES", 4096)
    home = made(Home(tmp_path / "home"), texts=80)
    with closing(sqlite3.connect(log_of(home))) as db, db:
        db.execute("DELETE FROM snapshot")
        [root] = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'segment'").fetchone()
    whole, (_, end) = log_of(home).read_bytes(), place_of(home)
    shorter = 0
    for bit in range(8 * 12):
        content = bytearray(whole)
        content[(root - 1) * 4096 + bit // 8] ^= 1 << bit % 8
        log_of(home).write_bytes(content)
        try:
            repaired = salvage.repair(home)
        except LogError:
            continue
        shorter += repaired.head < end
        assert repaired.forked or repaired.head == end, bit
    assert shorter


def test_the_log_ends_in_front_of_damage_that_is_in_no_snapshot(home):
    with closing(sqlite3.connect(log_of(home))) as db:
        db.execute("DELETE FROM snapshot")
        db.commit()
    [seq] = alter(home, 10)
    timeline, _ = place_of(home)
    repaired = salvage.repair(home)
    assert repaired.head == seq - 1
    assert place_of(home)[0] != timeline
    assert [first for first, _ in repaired.lost] == [seq]
    assert not upkeep.verify(log_of(home)).problem
    log = Log(log_of(home))
    wire = Wire(log)
    wire.connect("alice").say(Post(100, "*", "on and on"))
    assert log.head == seq
    log.close()


@pytest.mark.parametrize("cut_off", [False, True])
@pytest.mark.parametrize("page", range(1, 12))
def test_of_a_file_with_a_page_gone_all_is_kept_that_stands_on_others(tmp_path, monkeypatch, page, cut_off):
    """What SQLite calls malformed too: the rows on other pages are read, and the rest is told."""
    monkeypatch.setattr(log_module, "PAGE_BYTES", 4096)  # so that thirty texts stand on several
    home = made(Home(tmp_path / "home"))
    said = {line["seq"]: line["body"] for line in map(json.loads, upkeep.export(log_of(home)))}
    content = bytearray(log_of(home).read_bytes())
    content[page * 4096 : None if cut_off else (page + 1) * 4096] = b"" if cut_off else bytes(4096)
    log_of(home).write_bytes(content)
    if not upkeep.verify(log_of(home)).problem:
        assert {line["seq"]: line["body"] for line in map(json.loads, upkeep.export(log_of(home)))} == said
        return
    if cut_off and page < 3:  # the table's own root is gone
        with pytest.raises(LogError, match="Restore a backup"):
            salvage.repair(home)
        return
    repaired = salvage.repair(home)
    assert not upkeep.verify(log_of(home)).problem
    kept = {line["seq"]: line["body"] for line in map(json.loads, upkeep.export(log_of(home)))}
    lost = {seq for first, last in repaired.lost for seq in range(first, last + 1)}
    assert {seq: body for seq, body in said.items() if seq not in lost and seq <= repaired.head} == kept
    log = Log(log_of(home))
    Wire(log).connect("alice").say(Post(100, "*", "on and on"))
    assert log.head == repaired.head + 1
    log.close()


def test_export_ends_in_front_of_what_is_not_as_it_was_said(home, capsys):
    [first] = alter(home, 20)
    assert main(["export", "--data", str(home.path)]) == 1
    told = capsys.readouterr()
    said = [json.loads(line)["body"] for line in told.out.splitlines()]
    assert said == [f"text {number}" for number in range(1, 20)]
    assert f"damaged behind sequence {first - 1}; all in front of that is here. `confab-broker repair`" in told.err
    with closing(sqlite3.connect(log_of(home))) as db, db:
        db.execute("DELETE FROM segment WHERE first = ?", (first - 4,))
    assert main(["export", "--data", str(home.path)]) == 1
    assert f"damaged behind sequence {first - 5};" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("sql", "bodies"),
    [
        ("UPDATE snapshot SET state = x'00'", TEXTS),  # the broker does without it
        ("UPDATE segment SET entries = x'a772656d6f766564' WHERE first = (SELECT max(first) FROM segment)", TEXTS),
        ("DELETE FROM segment WHERE first > 20", 14),
    ],
)
def test_export_comes_as_far_as_the_log_is_whole(home, capsys, sql, bodies):
    """Damage behind what it prints, or where the broker does without, keeps it from nothing."""
    with closing(sqlite3.connect(log_of(home))) as db, db:
        db.execute(sql)
    main(["export", "--data", str(home.path)])
    told = capsys.readouterr()
    assert len(told.out.splitlines()) == bodies
    assert ("snapshot" in sql) == (told.err == "")


def test_repair_makes_no_log_where_there_is_none_and_none_of_nothing(home, tmp_path, capsys):
    upkeep.backup(home, tmp_path / "backup")
    empty = tmp_path / "empty"
    assert main(["repair", "--data", str(empty)]) == 1
    assert "There is no log" in capsys.readouterr().err
    assert not empty.exists()
    assert main(["restore", str(tmp_path / "backup"), "--data", str(empty)]) == 0
    for nothing in (b"", b"This is no log. " * 1000, bytes(log_module.PAGE_BYTES) + log_of(home).read_bytes()):
        log_of(home).write_bytes(nothing)
        assert main(["repair", "--data", str(home.path)]) == 1
        assert "estore a backup" in capsys.readouterr().err
        assert log_of(home).read_bytes() == nothing
        assert not list(home.broker.glob("*.part*")) + list(home.broker.glob("*.damaged-*"))
