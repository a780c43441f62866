"""The log: what was appended comes back, also after a kill; the chain of digests; the state as a fold of it."""

from __future__ import annotations

import hashlib
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import broker.log
from broker import core
from broker.entries import (
    Admitted,
    Announced,
    AnyEntry,
    Banned,
    Barred,
    Granted,
    Installed,
    Invited,
    Joined,
    Kicked,
    Left,
    Muted,
    Named,
    Opened,
    Posted,
    Redeemed,
    Released,
    Removed,
    Revoked,
    Ruled,
    Transferred,
    Unbanned,
    Unbarred,
    Uninvited,
    Unmuted,
)
from broker.log import FORMAT, Damaged, Log, LogError, Segment, chain
from broker.state import State
from messages import ROLES, Post

from .processes import TREE, environment
from .wire import Wire


def posted(number: int, body: str = "x") -> Posted:
    return Posted(1, number, 1, 0, "alice", "*", body)


def entries_of(log: Log, after: int = 0) -> list[AnyEntry]:
    return [entry for segment in log.read(after) for entry in segment.entries]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.db"


def filled(path: Path | str, segments: int = 10, width: int = 3) -> Log:
    """A log of so many segments of so many posts, numbered as their sequences."""
    log = Log(path)
    for index in range(segments):
        log.append(1000 + index, [posted(index * width + offset + 1) for offset in range(width)])
    return log


# --- append and read -------------------------------------------------------------------------------------------------


def test_what_is_appended_has_the_next_sequences_and_comes_back(path):
    log = Log(path)
    assert log.head == 0
    assert list(log.read(0)) == list(log.read_back(99)) == []
    assert log.append(5, [posted(1), posted(2)]) == Segment(1, 5, [posted(1), posted(2)])
    assert log.append(6, [posted(3)]) == Segment(3, 6, [posted(3)])
    assert log.head == 3
    assert list(log.read(0)) == [Segment(1, 5, [posted(1), posted(2)]), Segment(3, 6, [posted(3)])]
    log.close()


@pytest.mark.parametrize("cached", [True, False])
def test_reading_starts_in_the_segment_that_holds_the_sequence(path, monkeypatch, cached):
    if not cached:
        monkeypatch.setattr(broker.log, "CACHE_BYTES", 0)
    log = filled(path)
    for after in range(31):
        numbers = [entry.number for entry in entries_of(log, after)]
        assert numbers == list(range(after // 3 * 3 + 1, 31))
    for before in range(1, 40):
        segments = list(log.read_back(before))
        newest = min(before - 1, 30)
        assert [segment.first for segment in segments] == list(
            range((newest - 1) // 3 * 3 + 1, 0, -3) if newest else []
        )
    log.close()


def test_what_is_appended_while_reading_is_read_too(path):
    log = filled(path, segments=2)
    seen = []
    for segment in log.read(0):
        seen.append(segment.first)
        if log.head < 12:
            log.append(0, [posted(log.head + 1)])
    assert seen == [1, 4, *range(7, 13)]
    log.close()


def test_a_long_log_of_single_messages_is_read_in_time_that_grows_with_its_length():
    """Each segment is found by its place; once each was looked for among all that were cached, for minutes."""
    log = filled(":memory:", segments=20_000, width=1)
    began = time.process_time()
    assert sum(len(segment.entries) for segment in log.read(0)) == 20_000
    assert sum(len(segment.entries) for segment in log.read_back(20_001)) == 20_000
    assert time.process_time() - began < 2
    log.close()


def test_the_cache_is_bounded_and_forgets_what_it_should(path, monkeypatch):
    monkeypatch.setattr(broker.log, "CACHE_BYTES", 2000)
    log = filled(path, segments=200)
    assert log._cached_bytes <= 2000
    entries_of(log), list(log.read_back(601)), entries_of(log, 17)
    assert log._cached_bytes <= 2000
    assert log._cached_bytes == sum(size for _, size in log._cache.values())
    assert {segment.last for segment, _ in log._cache.values()} == set(log._firsts)
    log.close()


# --- start again -----------------------------------------------------------------------------------------------------


def test_a_log_goes_on_where_it_ended(path):
    filled(path).close()
    log = Log(path)
    assert log.head == 30
    assert [entry.number for entry in entries_of(log)] == list(range(1, 31))
    assert log.append(0, [posted(31)]).first == 31
    log.close()


def test_what_append_returned_survives_a_kill(path):
    """The process ends without closing anything, in the middle of a transaction."""
    killed = """
import os, sys
from tests.test_log import filled, posted
log = filled(sys.argv[1])
log._db.execute("BEGIN")
log._db.execute("INSERT INTO segment VALUES (31, 1, 0, x'90', x'00')")
os.kill(os.getpid(), 9)
"""
    run = subprocess.run([sys.executable, "-c", killed, path], cwd=TREE, env=environment(), timeout=20, check=False)
    assert run.returncode == -9
    log = Log(path)
    assert log.head == 30
    assert [entry.number for entry in entries_of(log)] == list(range(1, 31))
    assert log.append(0, [posted(31)]).first == 31
    log.close()


def test_every_commit_is_synced_before_append_returns(path):
    log = Log(path)
    assert log._db.execute("PRAGMA synchronous").fetchone() == (2,)
    assert log._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert not log._db.in_transaction
    log.append(0, [posted(1)])
    assert not log._db.in_transaction, "committed, not only written"
    log.close()


def test_a_failed_append_leaves_the_log_as_it_was(path):
    log = filled(path)
    other = sqlite3.connect(path, isolation_level=None)
    log._db.execute("PRAGMA busy_timeout=0")
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(LogError, match="cannot be written"):
        log.append(0, [posted(31)])
    assert log.head == 30
    other.execute("ROLLBACK")
    other.close()
    assert log.append(0, [posted(31, "again")]).first == 31
    log.close()
    reopened = Log(path)
    assert entries_of(reopened)[-1] == posted(31, "again")
    check_chain(path)
    reopened.close()


# --- the chain -------------------------------------------------------------------------------------------------------


def broken_at(path: Path) -> int | None:
    """The first segment whose digest does not follow from the one before."""
    digest = bytes(32)
    with sqlite3.connect(path) as db:
        rows = db.execute("SELECT first, at, entries, digest FROM segment ORDER BY first").fetchall()
    db.close()
    for first, at, blob, stored in rows:
        digest = chain(digest, first, at, blob)
        if digest != stored:
            return first
    return None


def check_chain(path: Path) -> None:
    assert broken_at(path) is None


def test_the_chain_holds_over_restarts(path):
    filled(path).close()
    filled(path, segments=1).close()
    check_chain(path)


@pytest.mark.parametrize(
    ("change", "at"),
    [
        ("UPDATE segment SET entries = CAST(entries || x'00' AS BLOB) WHERE first = 7", 7),
        ("UPDATE segment SET at = at + 1 WHERE first = 10", 10),
        ("DELETE FROM segment WHERE first = 13", 16),
        ("UPDATE segment SET first = 100 WHERE first = 4", 7),
        ("UPDATE segment SET digest = x'00' WHERE first = 28", 28),
    ],
    ids=["altered", "redated", "lost", "moved", "digest"],
)
def test_loss_reordering_and_alteration_show_in_the_chain(path, change, at):
    filled(path).close()
    with sqlite3.connect(path) as db:
        db.execute(change)
    db.close()
    assert broken_at(path) == at


def test_without_the_chain_a_lost_segment_would_not_show(path, monkeypatch):
    """The control: a digest that covers only its own segment."""
    alone = chain
    monkeypatch.setattr(broker.log, "chain", lambda _, first, at, blob: alone(bytes(32), first, at, blob))
    filled(path).close()
    with sqlite3.connect(path) as db:
        db.execute("DELETE FROM segment WHERE first = 13")
        rows = db.execute("SELECT first, at, entries, digest FROM segment").fetchall()
    db.close()
    assert all(alone(bytes(32), first, at, blob) == digest for first, at, blob, digest in rows)


# --- files that are no log -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("other", [1, FORMAT - 1, FORMAT + 1])
def test_another_format_is_refused_and_left_alone(path, other):
    filled(path).close()
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version={other}")
    db.close()
    before = path.read_bytes()
    with pytest.raises(LogError, match=f"format {other}, this version reads {FORMAT}"):
        Log(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"This is a letter, not a log. " * 100, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_file_that_is_no_database_is_refused_and_left_alone(path, content):
    path.write_bytes(content)
    with pytest.raises(LogError, match="Nothing was changed"):
        Log(path)
    assert path.read_bytes() == content


def test_a_folder_in_its_place_is_refused(path):
    path.mkdir()
    with pytest.raises(LogError, match="cannot be opened"):
        Log(path)


@pytest.mark.parametrize("damage", [b"\xc1", b"", b"\x91\x97\xa6posted\x01\x01\x01\x00\xa2\xff\xfe\xa1*\xa1x", b"\x90"])
def test_damage_inside_is_said_and_not_taken_for_entries(path, damage):
    filled(path).close()
    with sqlite3.connect(path) as db:
        db.execute("UPDATE segment SET entries = ? WHERE first = 13", (damage,))
        db.execute("INSERT INTO snapshot VALUES (1, 5, ?, ?)", (damage, hashlib.sha256(damage).digest()))
    db.close()
    log = Log(path)
    for reading in (log.read(0), log.read_back(31)):
        with pytest.raises(Damaged, match=r"sequence 13 to 15"):
            list(reading)
    assert len(entries_of(log, 15)) == 15, "what is whole can still be read"
    assert log.load_snapshot() is None, "the state is folded from the log"
    assert "The state was folded from the log instead" in log.damage
    log.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE segment SET entries = CAST(replace(entries, 'x', 'y') AS BLOB) WHERE first = 13",
        "UPDATE segment SET at = at + 1 WHERE first = 13",
        "UPDATE segment SET count = 2 WHERE first = 13",
        "UPDATE segment SET at = 'noon' WHERE first = 13",
        "UPDATE segment SET entries = 13 WHERE first = 13",
    ],
)
def test_what_is_not_what_was_committed_is_not_shown(path, statement):
    """A text that reads well is as damaged as one that does not."""
    filled(path).close()
    with sqlite3.connect(path) as db:
        db.execute(statement)
    db.close()
    log = Log(path)
    for reading in (log.read(0), log.read_back(31), log.read(12)):
        with pytest.raises(Damaged, match="from sequence 13 to 15 it is not what was committed") as found:
            list(reading)
        assert found.value.last == 15
    log.close()


def test_without_the_comparison_a_false_text_is_shown(path, monkeypatch):
    """The control."""
    filled(path).close()
    with sqlite3.connect(path) as db:
        stored = dict(db.execute("SELECT first, digest FROM segment").fetchall())
        db.execute("UPDATE segment SET entries = CAST(replace(entries, 'x', 'y') AS BLOB) WHERE first = 13")
    db.close()
    monkeypatch.setattr(broker.log, "chain", lambda _previous, number, _at, _blob: stored[number])
    log = Log(path)
    assert [entry.body for entry in entries_of(log)].count("y") == 3
    log.close()


def test_where_segments_are_missing_what_cannot_be_proved_is_not_shown_either(path):
    filled(path).close()
    with sqlite3.connect(path) as db:
        db.execute("DELETE FROM segment WHERE first = 13")
    db.close()
    log = Log(path)
    with pytest.raises(Damaged, match="from sequence 13 to 15"):
        entries_of(log)
    with pytest.raises(Damaged, match="from sequence 16 to 18"):
        entries_of(log, 15)
    assert len(entries_of(log, 18)) == 12
    log.close()


def test_a_log_whose_newest_segment_is_damaged_is_not_opened(path):
    """It says under which sequence and digest to go on."""
    filled(path).close()
    with sqlite3.connect(path) as db:
        db.execute("UPDATE segment SET count = 2 WHERE first = 28")
    db.close()
    with pytest.raises(LogError, match=r"from sequence 28 to 29 .* `confab-broker repair`"):
        Log(path)


# --- the state as a fold ---------------------------------------------------------------------------------------------

KEYS = [bytes([65 + index]) * 32 for index in range(4)]
NICKS = ["ann", "Ann", "ben", "cid"]
ROOMS = ["#general", "#ops", "#dev"]

keys, nicks, rooms = st.sampled_from(KEYS), st.sampled_from(NICKS), st.sampled_from(ROOMS)
tokens = st.sampled_from([b"1" * 16, b"2" * 16])
pick = st.integers(0, 10)  # an account, device or room among those there are
words = st.text(max_size=5)
wishes = st.one_of(
    st.builds(Named, keys, nicks, st.booleans()),
    st.builds(Installed, keys, tokens),
    st.builds(Joined, keys, rooms),
    st.builds(Released, pick, words),
    st.builds(Left, pick, pick),
    st.builds(Granted, words, pick, pick, st.sampled_from(ROLES)),
    st.builds(Banned, words, pick, pick, words, st.none()),
    st.builds(Unbanned, words, pick, pick),
    st.builds(Admitted, words, pick, keys, st.sampled_from(ROLES)),
    st.builds(Barred, words, pick, st.just("192.0.2.0/24"), words, st.none()),
    st.builds(Unbarred, words, pick, st.just("192.0.2.0/24")),
    st.builds(Kicked, words, pick, pick, words),
    st.builds(Muted, words, pick, pick, words, st.integers(0, 10)),
    st.builds(Unmuted, words, pick, pick),
    st.builds(Removed, words, pick, pick, words, words, pick, pick),
    st.builds(Transferred, words, pick, pick, keys),
    st.builds(Revoked, words, pick, pick, words),
    st.builds(Ruled, words, pick, pick, st.just("private"), st.sampled_from(["on", "off"]), words),
    st.builds(Ruled, words, pick, pick, st.just("closed"), st.sampled_from(["on", "off"]), words),
    st.builds(Opened, words, pick, pick, pick),
    st.builds(
        Invited, words, pick, st.binary(min_size=32, max_size=32), st.sampled_from(ROLES), st.integers(1, 2), st.none()
    ),
    st.builds(Uninvited, words, pick, pick),
    st.builds(Redeemed, words, pick, keys, pick),
    st.builds(Posted, pick, st.just(0), pick, pick, words, words, words),
    st.builds(Announced, pick, st.just(0), pick, pick, words, words, words, words, st.just("high")),
)
people = [Named(KEYS[0], "ann", False), Joined(KEYS[0], "#general"), Installed(KEYS[0], b"1" * 16)]  # there are some


def possible(state: State, wish: AnyEntry) -> AnyEntry:
    """The entry that the core might propose in this state: ids of accounts, devices and rooms that are there."""
    fields = {name: getattr(wish, name) for name in wish.__struct_fields__}

    def one_of(ids: dict[int, object], index: int) -> int:
        return list(ids)[index % len(ids)]

    if isinstance(wish, (Posted, Announced)):
        device = state.devices[one_of(state.devices, wish.device)]
        targets = {0: None, **state.accounts, **state.rooms}
        fields |= {"device": device.id, "number": device.last_number + 1, "account": device.account}
        fields |= {"to": one_of(targets, wish.to)}
    elif "account" in fields:
        fields["account"] = one_of(state.accounts, fields["account"])
    if isinstance(wish, (Left, Opened)):
        fields["room"] = one_of(state.rooms, wish.room)
    if isinstance(wish, Ruled):
        fields["room"] = one_of({0: None, **state.rooms}, wish.room)
    if isinstance(wish, (Redeemed, Uninvited)):
        fields["invite"] = one_of({0: None, **state.tickets}, wish.invite)
    return type(wish)(**fields)


def everything(state: State) -> tuple[object, ...]:
    """The state with all its look-ups, as plain data."""
    return (
        msgspec.to_builtins(state.snapshot()),
        {nick: account.id for nick, account in state.by_nick.items()},
        {key: account.id for key, account in state.by_key.items()},
        {token: device.id for token, device in state.by_token.items()},
        {name: room.id for name, room in state.by_room.items()},
        state.members,
    )


def grown(log: Log, wishes: list[list[AnyEntry]], snapshot_at: int | None = None) -> State:
    """A log of these segments, and the state that followed it; a snapshot is stored behind one of them."""
    state = State()
    for index, segment in enumerate([people, *wishes]):
        entries = []
        trial = State(msgspec.msgpack.decode(msgspec.msgpack.encode(state.snapshot()), type=type(state.snapshot())))
        for wish in segment:
            entries.append(entry := possible(trial, wish))
            trial.apply(trial.seq + 1, entry)
        committed = log.append(index, entries)
        state.apply_segment(committed.first, committed.entries)
        if index == snapshot_at:
            log.store_snapshot(state.snapshot())
    return state


def folded(log: Log) -> State:
    """What a broker starts with."""
    state = State(log.load_snapshot())
    for segment in log.read(state.seq):
        state.apply_segment(segment.first, segment.entries)
    return state


segments = st.lists(st.lists(wishes, min_size=1, max_size=6), max_size=8)


@settings(max_examples=150, deadline=None)
@given(segments, st.integers(0, 8))
def test_a_snapshot_and_the_tail_give_the_state_of_the_whole_log(wishes, snapshot_at):
    log = Log(":memory:")
    followed = grown(log, wishes, snapshot_at)
    whole = State()
    for segment in log.read(0):
        whole.apply_segment(segment.first, segment.entries)
    assert everything(folded(log)) == everything(whole) == everything(followed)
    assert folded(log).seq == log.head
    log.close()


@settings(max_examples=100, deadline=None)
@given(segments)
def test_whatever_the_entries_a_nick_has_one_holder_and_members_have_a_nick(wishes):
    log = Log(":memory:")
    state = grown(log, wishes)
    held = [account.nick.lower() for account in state.accounts.values() if account.nick]
    assert len(held) == len(set(held)) == len(state.by_nick)
    for room, members in state.members.items():
        assert members == {account.id for account in state.accounts.values() if room in account.rooms}
    assert all(account.nick for account in state.accounts.values() if account.rooms)
    log.close()


def test_a_snapshot_that_was_forgotten_to_be_read_would_show():
    """The control: a fold that starts at the snapshot's sequence, but empty."""
    log = Log(":memory:")
    grown(log, [[posted(1)], [Named(KEYS[1], "ben", False)]], snapshot_at=1)
    state = State()
    state.seq = log.load_snapshot().seq
    for segment in log.read(state.seq):
        state.apply_segment(segment.first, segment.entries)
    assert everything(state) != everything(folded(log))
    log.close()


def test_a_segment_that_the_snapshot_ends_in_is_not_folded_twice():
    log = Log(":memory:")
    grown(log, [[Joined(KEYS[0], "#ops"), posted(1)]])
    half = State()
    for seq, entry in enumerate(entries_of(log)[:4], 1):
        half.apply(seq, entry)
    log.store_snapshot(half.snapshot())
    assert everything(folded(log)) == everything(grown(Log(":memory:"), [[Joined(KEYS[0], "#ops"), posted(1)]]))
    log.close()


def test_of_two_claims_the_first_wins_and_takes_effect():
    state = State()
    assert state.apply(1, Named(KEYS[0], "Ann", False))
    assert not state.apply(2, Named(KEYS[1], "ann", False))
    assert not state.apply(3, Joined(KEYS[1], "#general"))
    assert state.apply(4, Joined(KEYS[0], "#general"))
    assert not state.apply(5, Joined(KEYS[0], "#general"))
    assert state.by_nick["ann"].key == KEYS[0]
    assert [account.key for account in state.accounts.values()] == [KEYS[0]]


def test_a_write_ahead_log_that_somebody_keeps_from_being_moved_is_noted(path, monkeypatch):
    monkeypatch.setattr(core, "LARGE_WAL", 1_000_000)
    wire = Wire(Log(path))
    alice = wire.connect("alice")
    wire.core.store_snapshot()
    assert not [note for note in wire.core.notes if note.what == "log"]
    with sqlite3.connect(path) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM segment").fetchall()
        for number in range(1, 200):
            alice.say(Post(number, "*", "x" * 10_000))
        wire.core.store_snapshot()
    reader.close()
    assert "something reads it for long, a backup say" in wire.core.notes[-1].fields["text"]
    wire.log.close()


def test_a_snapshot_becomes_due_however_often_the_broker_is_killed_before(monkeypatch):
    """What a start folds again stays bounded by SNAPSHOT_ENTRIES over many short lives."""
    monkeypatch.setattr(core, "SNAPSHOT_ENTRIES", 30)
    wire = Wire()
    for life in range(5):
        wire.start()
        wire.connect("alice").say(*[Post(life * 20 + number, "*", "x") for number in range(1, 21)])
        snapshot = wire.log.load_snapshot()
        assert wire.log.head - (snapshot.seq if snapshot else 0) < 30
