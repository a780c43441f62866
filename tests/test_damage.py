"""A log that is damaged inside: nothing false is shown, what is whole is, and repair goes on with that."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from broker.folder import Folder
from broker.keys import load_or_make
from broker.log import Log
from messages import Gap, History, HistoryPage, Home, Join, Message, Post

from .wire import Wire

TEXTS = 30


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home whose broker took thirty texts, each a segment, and stored a snapshot when it went down."""
    home = Home(tmp_path / "home")
    folder = Folder(home)
    load_or_make(folder.key_file)
    log = Log(folder.log_file)
    wire = Wire(log)
    alice = wire.connect("alice")
    wire.connect("bob")
    for number in range(1, TEXTS + 1):
        alice.say(Post(number, "*", f"text {number}"))
    alice.say(Join(TEXTS + 1, "#ops"))
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
