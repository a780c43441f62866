"""A log that goes another way than it did: after a restore or a repair nothing is missed, and nothing false is told."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from broker import salvage, upkeep
from broker.folder import Folder
from broker.keys import load_or_make
from broker.log import Log, fork
from client import Restored
from messages import PROTOCOL, Accepted, Announce, Done, Hello, Home, Mark, Message, Post, Progress, Track, Welcome

from . import client_wire
from .client_wire import Disk, message, posts, said, welcome
from .wire import Remote, Wire

# --- the broker ------------------------------------------------------------------------------------------------------


class Twice:
    """A broker whose log was copied at `shared`, went on to `lost`, and was replaced by the copy."""

    def __init__(self, folder: Path) -> None:
        wire = Wire(Log(folder / "log.db"))
        sender, bob = wire.connect("sender"), wire.connect("bob")
        sender.say(*[Post(number, "*", f"shared {number}") for number in range(1, 6)])
        self.timeline, self.shared = wire.log.timeline, wire.log.head
        with closing(sqlite3.connect(folder / "copy.db")) as copy:
            wire.log._db.backup(copy)
            fork(copy)
            copy.commit()
        sender.say(*[Post(number, "*", f"lost {number}") for number in range(6, 16)])
        assert len(bob.hear(Message)) == 15
        self.lost = wire.log.head
        wire.log.close()
        self.wire = Wire(Log(folder / "copy.db"))
        self.sender = self.wire.connect("sender")
        self.said = self.sender.say(
            Announce(100, "*", "important"), *[Post(n, "*", f"new {n}") for n in range(101, 115)]
        )
        assert self.wire.log.head > self.lost, "the sequences that are lost are given again"

    def back(self, after: int, **fields: object) -> Remote:
        return self.wire.connect("bob", after=after, **{"timeline": self.timeline, **fields})


@pytest.fixture
def twice(tmp_path: Path) -> Twice:
    return Twice(tmp_path)


def bodies(remote: Remote) -> list[str]:
    return [event.body for event in remote.hear() if hasattr(event, "body")]


NEW = ["important", *[f"new {n}" for n in range(101, 115)]]


def test_who_comes_from_the_lost_part_goes_on_where_both_are_the_same(twice):
    assert bodies(twice.back(twice.lost)) == NEW


def test_who_had_not_come_so_far_misses_nothing_of_what_both_have(twice):
    assert bodies(twice.back(twice.shared - 2)) == ["shared 4", "shared 5", *NEW]


def test_who_comes_from_a_log_that_is_not_known_begins_as_without_a_cursor(twice):
    assert bodies(twice.back(twice.lost, timeline=b"another")) == []


def test_who_is_of_the_present_timeline_goes_on_as_ever(twice):
    assert bodies(twice.back(twice.lost, timeline=twice.wire.log.timeline)) == NEW[twice.lost - twice.wire.log.head :]


def test_without_the_timeline_messages_would_be_missed(twice):
    """The control: a cursor alone is taken for a place in the present log."""
    assert "important" not in bodies(twice.back(twice.lost, timeline=b""))


def test_nobody_is_told_to_have_what_was_given_the_sequence_of_something_else(twice):
    seq = next(event.seq for event in twice.said if isinstance(event, Accepted))
    bob = twice.back(twice.lost, began=1, feed=False)
    assert [type(event) for event in twice.sender.say(Track(200, [seq]))] == [Done]
    bob.say(Mark(seq))
    assert twice.sender.hear(Progress) == [], "it was not sent to bob yet"


def test_a_restore_and_a_repair_begin_a_timeline_and_know_the_one_before(tmp_path):
    home = Home(tmp_path / "home")
    folder = Folder(home)
    load_or_make(folder.key_file)
    log = Log(folder.log_file)
    Wire(log).connect("alice").say(*[Post(number, "*", "x") for number in (1, 2, 3)])
    folder.close()
    upkeep.backup(home, tmp_path / "backup")
    seen = {log.timeline: log.head}
    for name in ("one", "two"):
        elsewhere = Home(tmp_path / name)
        upkeep.restore(elsewhere, tmp_path / "backup")
        restored = Log(elsewhere.broker / "log.db")
        assert restored._earlier == {log.timeline: log.head}
        seen[restored.timeline] = restored.head
        wire = Wire(restored)
        wire.connect("alice").say(Post(4, "*", "x"), Post(5, "*", "x"))
        wire.core.store_snapshot()
        restored.close()
    assert len(seen) == 3, "each restore is a way of its own"
    with closing(sqlite3.connect(elsewhere.broker / "log.db")) as db:
        db.execute("UPDATE segment SET at = at + 1 WHERE first > 1")
        db.execute("DELETE FROM snapshot")
        db.commit()
    head = salvage.repair(elsewhere).head
    repaired = Log(elsewhere.broker / "log.db")
    assert repaired.timeline not in seen
    assert set(repaired._earlier.values()) == {head}, "of the earlier ones no more is shared than is left"
    assert len(repaired._earlier) == 2
    repaired.close()
    log.close()


# --- the client ------------------------------------------------------------------------------------------------------


def up(wire: client_wire.Wire, timeline: bytes, **fields: object) -> Hello:
    hello = wire.connect()
    wire.says(welcome(timeline=timeline, **{"after": hello.after or 0, **fields}))
    return hello


def test_a_client_says_its_timeline_also_in_its_next_process():
    wire = client_wire.Wire(disk=Disk())
    assert up(wire, b"A").timeline == b""
    wire.says(message(5))
    wire.bodies()
    wire.cut()
    hello = up(wire, b"A")
    assert (hello.after, hello.timeline) == (5, b"A")
    wire.save()
    wire.start()
    hello = wire.connect()
    assert (hello.after, hello.timeline) == (5, b"A")


def test_the_person_is_told_and_reading_goes_on_where_the_broker_says():
    wire = client_wire.Wire(disk=Disk())
    up(wire, b"A")
    wire.says(message(8), message(10))
    wire.session.mark_read(wire.session.inbox.take_message())
    wire.cut()
    up(wire, b"B", after=7, head=9)
    assert wire.events()[-1] == Restored(7)
    wire.says(message(8, "new"))
    unread = wire.session.inbox.take_message()
    assert (unread.body, unread.seq) == ("m10", 0), "it was said, and has no place any more"
    wire.session.mark_read(unread)
    assert wire.session._deliveries.reader == (7, b"B")
    assert wire.session._deliveries.mark() == [Mark(8, 7)], "none of the new ones was shown"
    new = wire.session.inbox.take_message()
    wire.session.mark_read(new)
    assert wire.session._deliveries.reader == (8, b"B")
    assert wire.session._deliveries.mark() == [Mark(8, 8)]


def test_what_was_in_the_readers_hands_is_not_taken_for_what_has_its_sequence_now():
    wire = client_wire.Wire()
    up(wire, b"A")
    wire.says(message(8), message(10))
    wire.events()
    old = [wire.session.inbox.take_ahead(), wire.session.inbox.take_ahead()]
    wire.cut()
    up(wire, b"B", after=7)
    wire.says(*[message(seq, f"new {seq}") for seq in range(8, 13)])
    wire.events()
    new = [wire.session.inbox.take_ahead() for _ in range(5)]
    for each in old:
        wire.session.mark_read(each)
    assert wire.session._deliveries.reader[0] <= 7
    assert wire.session._deliveries.read <= 7
    wire.session.mark_read(new[-1])
    assert wire.session._deliveries.reader[0] == wire.session._deliveries.read == 12


def test_what_had_no_answer_is_sent_again_once_and_what_was_accepted_is_not():
    wire = client_wire.Wire(disk=Disk())
    up(wire, b"A")
    first, _second = wire.submit(*posts("accepted and lost", "never answered"))
    assert said(wire.sent()) == [(1, "accepted and lost"), (2, "never answered")]
    wire.says(Accepted(1, 20))
    wire.start()
    up(wire, b"B", after=7, last_number=0)
    assert said(wire.sent()) == [(2, "never answered")]
    wire.says(Accepted(2, 20))
    assert wire.disk.texts == []
    assert first.seq == 20


def test_nothing_more_is_asked_of_a_message_that_may_be_undone():
    wire = client_wire.Wire()
    up(wire, b"A")
    [receipt] = wire.submit(*posts("to bob"))
    wire.session.track(receipt)
    wire.sent()
    wire.says(Accepted(1, 20))
    assert [type(command) for command in wire.sent()] == [Track]
    wire.cut()
    up(wire, b"B", after=7)
    assert not [command for command in wire.sent() if isinstance(command, Track)]
    wire.says(Progress(20, ["bob"], ["bob"]))
    assert not receipt.read_by
    assert "earlier state of its log" in str(receipt.untracked)


def test_the_same_timeline_is_no_news():
    wire = client_wire.Wire()
    up(wire, b"A")
    wire.cut()
    up(wire, b"A")
    assert not [event for event in wire.events() if isinstance(event, Restored)]


# --- both ------------------------------------------------------------------------------------------------------------


def test_a_client_over_a_restored_log_is_shown_all_of_it(twice):
    """What a real session says after a restore, to the real core: nothing of the new way is missed or shown twice."""
    client = client_wire.Wire()
    up(client, twice.timeline, after=twice.lost)
    client.cut()
    client.session.submit(Post(1, "*", "typed meanwhile"))
    remote = twice.wire.connect("alice", greet=False)
    client.session.connected(client.now)
    for _ in range(5):
        client.says(*remote.say(*client.sent()))
    assert client.bodies() == NEW
    assert twice.sender.hear(Message)[-1].body == "typed meanwhile"


def test_a_hello_of_an_older_client_is_understood():
    wire = Wire()
    remote = wire.connect("alice", greet=False)
    [answer] = remote.say(Hello(PROTOCOL, "alice", bytes(16)))
    assert isinstance(answer, Welcome)
    assert len(answer.timeline) == 16
