"""What people type behind /search, as the question to the broker."""

from __future__ import annotations

from datetime import datetime

import pytest

from client.query import read_query
from messages import InvalidName, Search


def test_words_and_what_stands_among_them():
    day = int(datetime(2026, 11, 1).astimezone().timestamp() * 1000)
    noon = int(datetime(2026, 11, 2, 12).astimezone().timestamp() * 1000)
    typed = "disk from:@bob full in:#Ops after:2026-11-01 before:2026-11-02T12:00"
    assert read_query(typed, 5, 9) == Search(1, "disk full", 5, 9, "bob", "#ops", day, noon)


def test_names_in_other_scripts():
    assert read_query("from:Алиса in:#Général a") == Search(1, "a", 50, None, "Алиса", "#général")


def test_a_colon_elsewhere_is_part_of_a_word():
    assert read_query("error: 10:30 afrom: http://x").words == "error: 10:30 afrom: http://x"


@pytest.mark.parametrize(
    "typed", ["from:9x a", "in:#no/room a", "after:soon a", "before:2026-13-01 a", "a from:", "IN: #ops"]
)
def test_what_cannot_be_read_is_said(typed):
    with pytest.raises(InvalidName):
        read_query(typed)
