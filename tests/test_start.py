"""What a broker starts with, also while its disk is full."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from broker import operator, start
from broker.entries import Ruled
from broker.folder import Folder
from broker.log import LogError
from messages import Home, RuleList, Rules

from .wire import Wire


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    folder = Folder(Home(tmp_path))
    log, _ = start.log_and_keys(folder)
    log.close()
    yield folder
    folder.close()


def test_on_a_full_disk_it_starts_on_what_was_reserved_and_says_so(folder, monkeypatch):
    reserve = folder.path / "reserve"
    assert reserve.stat().st_size == start.RESERVE_BYTES
    monkeypatch.setattr(start, "_free", lambda path: 0)
    log, _ = start.log_and_keys(folder)
    assert not reserve.exists(), "SQLite has its room"
    assert "The disk is full" in log.damage
    log.close()
    monkeypatch.undo()
    log, _ = start.log_and_keys(folder)
    assert (reserve.exists(), log.damage) == (True, "")
    log.close()


def test_where_that_does_not_do_it_says_that_the_disk_is_full(folder, monkeypatch):
    def full(*_args, **_kwargs):
        raise LogError("The log cannot be opened: disk I/O error.")

    monkeypatch.setattr(start, "_free", lambda path: 0)
    monkeypatch.setattr(start, "Log", full)
    with pytest.raises(LogError, match=r"disk I/O error\. Its disk is full; make room, and start again\."):
        start.log_and_keys(folder)


def test_where_it_listens_is_not_written_again_when_it_stands_there(folder, monkeypatch):
    folder.publish(bytes(32), ["tcp://127.0.0.1:1"], plain=False)
    monkeypatch.setattr(Path, "write_bytes", lambda *_: pytest.fail("a full disk has no room"))
    folder.publish(bytes(32), ["tcp://127.0.0.1:1"], plain=False)


def test_a_log_whose_key_is_gone_is_served_under_a_new_one_and_that_is_said(folder):
    log, _ = start.log_and_keys(folder)
    Wire(log).connect("alice")
    log.close()
    folder.key_file.unlink()
    log, _ = start.log_and_keys(folder)
    assert "was gone, so the broker has a new key" in log.damage
    log.close()


def test_what_ended_while_no_broker_ran_has_ended_for_the_operator(tmp_path):
    folder = Folder(Home(tmp_path))
    log, _ = start.log_and_keys(folder)
    wire = Wire(log)
    wire.connect("ann")
    wire.core.propose(Ruled("ann", 1, 0, "locked", "raid", "", until=10**12))  # after the wire's time, before ours
    wire.tick()
    log.close()
    folder.close()
    found = operator.ask(Home(tmp_path), Rules(1, "*"))
    assert isinstance(found, RuleList)
    assert dict(found.rules)["locked"] == "off"
