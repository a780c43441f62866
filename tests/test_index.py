"""The index behind the log: a fold that may be lost, deleted or belong to another log, and is right all the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.index import Index, Indexed, pair, words_of
from broker.log import Log
from messages import Post

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
