"""The index behind the log: a fold that may be lost, deleted or belong to another log, and is right all the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.folding import AGAIN_SECONDS
from broker.index import Index, Indexed, pair, words_of
from broker.log import Log
from messages import History, Post, Search

from .wire import Wire


@pytest.fixture
def log(tmp_path: Path):
    log = Log(tmp_path / "log.db")
    wire = Wire(log)
    alice, _bob = wire.connect("alice"), wire.connect("bob")
    for number in range(1, 31):
        alice.say(Post(number, "@bob" if number % 2 else "*", f"number {number}"))
    yield log
    log.close()


def fold(index: Index) -> Index:
    while index.behind:
        index.advance()
    return index


def hits(found: Iterator[Indexed]) -> list[int]:
    return [seq for seq, hit in found if hit]


def test_it_goes_on_where_it_stopped(log, tmp_path):
    index = Index(tmp_path / "index.db", log)
    index.advance()
    reached = index.watermark
    index.close()
    again = Index(tmp_path / "index.db", log)
    assert again.watermark == reached > 0
    assert len(hits(fold(again).of((0, 0), 1000))) == 15
    again.close()


@pytest.mark.parametrize("damage", ["garbage", "another log", "deleted"])
def test_a_damaged_or_foreign_index_is_built_again(log, tmp_path, damage):
    path = tmp_path / "index.db"
    index = fold(Index(path, log))
    index.close()
    if damage == "garbage":
        path.write_bytes(b"no database at all" * 1000)
    elif damage == "deleted":
        path.unlink()
    other = Log(":memory:") if damage == "another log" else log
    index = Index(path, other)
    assert index.watermark == 0
    fold(index)
    assert len(hits(index.matching(["number"], 1000))) == (0 if other is not log else 30)
    index.close()


def test_after_a_power_cut_it_is_whole_up_to_its_watermark(log, tmp_path):
    """Commits need not be synced for that, but checkpoints: the torture row `power` shows it, with its control."""
    index = Index(tmp_path / "index.db", log)
    assert index._db.execute("PRAGMA synchronous").fetchone() == (1,)
    assert index._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    index.close()


def damage(index: Index, table: str) -> None:
    index._db.execute(f"DROP TABLE {table}_{index._parts[0]}")


@pytest.mark.parametrize("question", [History(90, "*"), Search(90, "number")])
def test_what_a_damaged_index_would_have_told_is_read_in_the_log_and_it_is_built_again(log, question):
    wire = Wire(log)
    bob = wire.connect("bob", device="two")
    fold(wire.core.index)
    [page] = bob.say(question)[-1:]
    damage(wire.core.index, "said")
    damage(wire.core.index, "words")
    assert bob.say(question) == [page]
    assert wire.core.folding.due(wire.now)
    wire.core.folding.step(wire.now)
    assert "is damaged, and is built anew" in wire.core.notes[-1].fields["text"]
    fold(wire.core.index)
    assert wire.core.index.watermark == log.head
    assert bob.say(question) == [page]


def test_what_a_wrong_index_says_is_not_shown_without_a_look_at_the_message(log):
    """Somebody else's message is not found in a conversation because of a bit that fell over."""
    wire = Wire(log)
    carol = wire.connect("carol")
    fold(wire.core.index)
    wire.core.index._db.execute(f"UPDATE said_{wire.core.index._parts[0]} SET low = 0, high = 0")
    [page] = carol.say(History(1, "*"))[-1:]
    assert {item.to for item in page.items} == {"*"}


def test_one_that_turns_out_to_be_damaged_while_it_is_written_is_built_again(log):
    core = Wire(log).core
    core.index.advance()
    damage(core.index, "words")
    log.append(0, next(log.read(10)).entries)
    core.folding.step(0.0)
    assert "no such table" in core.notes[-1].fields["text"]
    assert not core.folding.due(AGAIN_SECONDS - 1)
    assert core.folding.due(AGAIN_SECONDS)
    fold(core.index)
    assert len(hits(core.index.matching(["number"], 1000))) == 31


def test_a_full_disk_stops_it_for_a_while_only_and_loses_nothing(log, tmp_path):
    core = Wire(log).core
    core.index = core.folding.index = index = Index(tmp_path / "index.db", log)
    [pages] = index._db.execute("PRAGMA page_count").fetchone()
    index._db.execute(f"PRAGMA max_page_count={pages}")
    core.folding.step(0.0)
    assert "cannot go on for now" in core.notes[-1].fields["text"]
    assert (index.watermark, index._parts, index._db.in_transaction) == (0, [], False)
    index._db.execute("PRAGMA max_page_count=100000")
    assert core.folding.due(AGAIN_SECONDS)
    assert len(hits(fold(index).matching(["number"], 1000))) == 30
    index.close()


def test_a_broker_without_room_for_an_index_serves_and_says_so(log, tmp_path):
    (tmp_path / "index.db").mkdir()
    wire = Wire(log)
    wire.core.index = wire.core.folding.index = Index(tmp_path / "index.db", log)
    bob = wire.connect("bob", device="two")
    assert len(bob.say(Search(1, "number"))[-1].items) == 30
    wire.core.folding.step(wire.now)
    assert "There is no index, the log is read instead" in wire.core.notes[-1].fields["text"]
    (tmp_path / "index.db").rmdir()
    fold(wire.core.index)
    assert len(hits(wire.core.index.matching(["number"], 1000))) == 30
    wire.core.index.close()


def test_words_are_found_newest_first_and_in_front_of_a_place(log):
    index = fold(Index(":memory:", log))
    sequences = hits(index.matching(["number"], 1000))
    assert sequences == sorted(sequences, reverse=True)
    assert hits(index.matching(["number"], sequences[10])) == sequences[11:]
    assert len(hits(index.matching(["number", "7"], 1000))) == 1


def test_words_are_known_without_case_accents_and_punctuation():
    assert words_of('Größe, "NEAR" мой/Ёлка — e-mail_x2') == ["große", "near", "мои", "елка", "e", "mail", "x2"]


def test_a_pair_is_one_conversation_from_both_sides():
    assert pair(3, 9) == pair(9, 3) == (3, 9)
