"""What is no longer kept: which segments go, what outlives them, and that everyone who misses them is told."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from broker import feeding, upkeep
from broker import index as index_module
from broker import retention as retention_module
from broker.backlog import LAST_PAUSE
from broker.cli import main
from broker.index import Index
from broker.log import Log, LogError
from broker.retention import DAY_MS, Retention
from client import Client
from client.read import gap_text
from messages import (
    PROTOCOL,
    Accepted,
    Announce,
    Bye,
    Feed,
    Gap,
    Grant,
    Hello,
    History,
    HistoryPage,
    Join,
    Mark,
    Message,
    Pong,
    Post,
    Register,
    Rejected,
    Search,
    Welcome,
)

from .processes import DEADLINE, running_broker
from .wire import EPOCH, OPERATOR, Wire


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.db"


@pytest.fixture
def wire(path: Path) -> Wire:
    """Alice and bob, and a hundred messages: number N a second after the one before it."""
    wire = Wire(Log(path))
    alice, _bob = wire.connect("alice"), wire.connect("bob")
    for number in range(1, 101):
        wire.tick(seconds=0.1)
        alice.say(Post(number, "@bob" if number % 2 else "*", f"message {number}"))
    return wire


def cut(wire: Wire, seq: int) -> None:
    """Have the log begin behind this sequence, as a step of Retention does."""
    wire.core.store_snapshot()
    wire.log.rebase()
    wire.log.cut_off(seq)


def steps(wire: Wire, retention: Retention, at: int) -> int:
    """Run until nothing is to be removed; returns how many steps that took."""
    for count in range(1000):
        now = retention.due
        retention.step(wire.core, now, at)
        if retention.due > now + retention_module.PAUSE_SECONDS:
            return count
    raise AssertionError("it never ends")


def gaps(events: list) -> list[tuple[int, int]]:
    return [(event.after, event.until) for event in events if isinstance(event, Gap)]


# --- which segments go -----------------------------------------------------------------------------------------------


def test_without_a_rule_nothing_ever_goes(wire):
    assert Retention().due == float("inf")


def test_what_is_too_old_goes_and_the_rest_stays(wire, path):
    [*_, last] = wire.log.read(0)
    middle = next(segment for segment in wire.log.read(50))
    retention = Retention(days=1)
    assert steps(wire, retention, middle.at + DAY_MS) > 0
    assert wire.log.cut == middle.first - 1, "exactly a day old is kept"
    assert steps(wire, retention, middle.at + DAY_MS) == 0
    assert steps(wire, retention, last.at + DAY_MS + 1) > 0
    assert wire.log.cut == wire.log.head, "all of it was too old"
    assert wire.log.append(last.at, last.entries).first == last.last + 1
    wire.log.close()
    assert not upkeep.verify(path).problem


@pytest.mark.parametrize("size", [10, 900_000])
def test_what_was_dated_ahead_does_not_keep_what_is_older(wire, size):
    """A clock that was a year ahead for a moment stops no cutting, and what came behind is cut when it is due only."""
    alice, bob = wire.peers
    text = "x" * 50_000
    alice.put(*[Post(200 + number, "*", text[:size]) for number in range(1 + size // len(text))])
    wire.core.tick(wire.now, EPOCH + 365 * DAY_MS)
    wire.core.end_tick()
    ahead = wire.log.head
    bob.say(Post(1, "*", "behind it"))
    [*_, last] = wire.log.read(0)
    assert next(wire.log.read(ahead - 1)).at > last.at
    steps(wire, Retention(days=1), last.at + DAY_MS)
    assert 0 < wire.log.cut < ahead, "it goes with what follows it"
    steps(wire, Retention(days=1), last.at + DAY_MS + 1)
    assert wire.log.cut == wire.log.head


def test_what_is_beyond_the_size_goes(wire, monkeypatch):
    monkeypatch.setattr(retention_module, "PORTION_BYTES", 20_000)
    bob = wire.connect("bob", device="two")
    for number in range(1, 61):
        bob.say(Post(number, "*", "x" * 10_000))
    size = wire.log.size
    assert steps(wire, Retention(size=size - 300_000), EPOCH) >= 300_000 / 20_000 / 2, "in portions"
    assert size - 360_000 < wire.log.size <= size - 290_000
    file = wire.log.size + wire.log.free
    for number in range(61, 101):
        bob.say(Post(number, "*", "x" * 10_000))
        steps(wire, Retention(size=size - 300_000), EPOCH)
    assert wire.log.size + wire.log.free <= file + 50_000, "what was cut off makes room for what comes"


def test_much_that_is_unused_is_given_back(wire, path, monkeypatch):
    monkeypatch.setattr(retention_module, "FREE_BYTES", 50_000)
    bob = wire.connect("bob", device="two")
    for number in range(1, 61):
        bob.say(Post(number, "*", "x" * 10_000))
    steps(wire, Retention(size=100_000), EPOCH)
    assert wire.log.free <= 50_000
    wire.log.close()
    assert path.stat().st_size < 250_000


def test_a_portion_is_bounded(wire, monkeypatch):
    monkeypatch.setattr(retention_module, "PORTION_SEGMENTS", 7)
    wire.core.store_snapshot()
    Retention(days=1).step(wire.core, 0.0, EPOCH + 10 * DAY_MS)
    assert len(list(wire.log.read(0))) == len(list(wire.log.read(wire.log.cut)))
    assert next(wire.log.oldest(1)).last == wire.log.cut + 1
    assert wire.log.cut < 20


def test_nothing_is_cut_behind_the_base_nor_inside_a_segment(wire):
    wire.core.store_snapshot()
    wire.log.rebase()
    base = wire.log.base
    wire.connect("carol")
    with pytest.raises(LogError, match="no base covers it"):
        wire.log.cut_off(wire.log.head)
    inside = next(segment for segment in wire.log.read(0) if len(segment.entries) > 1)
    with pytest.raises(LogError, match="no segment ends there"):
        wire.log.cut_off(inside.first)
    wire.log.cut_off(base)
    assert wire.log.cut == base


def test_a_disk_that_fails_is_told_and_tried_again_later(wire, monkeypatch):
    def fail(last: int) -> None:
        raise LogError("What is no longer kept cannot be removed: disk full.")

    monkeypatch.setattr(wire.log, "cut_off", fail)
    retention = Retention(days=1)
    retention.step(wire.core, 5.0, EPOCH + 10 * DAY_MS)
    assert retention.due == 5.0 + retention_module.LOOK_SECONDS_AGE
    assert "disk full" in str(wire.core.notes[-1].fields["text"])
    assert wire.log.cut == 0


# --- what outlives them ----------------------------------------------------------------------------------------------


def test_accounts_roles_rooms_and_numbers_outlive_the_cut(wire, path):
    alice = wire.connect("alice")
    alice.say(Join(201, "#ops"), Register(202))
    operator = wire.connect("operator", greet=False)
    operator.peer.key = OPERATOR
    operator.say(Hello(PROTOCOL, "operator", b"0" * 16), Grant(1, "alice", "admin"))
    before = wire.core.state.snapshot()
    cut(wire, wire.log.head)
    wire.log.close()
    assert upkeep.verify(path).problem == ""
    assert upkeep.verify(path).cut == before.seq
    wire.log = Log(path)
    wire.start()
    assert wire.core.state.snapshot() == before
    [welcome] = wire.connect("alice").hear(Welcome)
    assert (welcome.role, welcome.registered, welcome.rooms) == ("admin", True, ["#general", "#ops"])


def test_a_damaged_snapshot_is_done_without(wire, path):
    cut(wire, 50)
    wire.connect("carol")
    wire.core.store_snapshot()
    before = wire.core.state.snapshot()
    wire.log._db.execute("UPDATE snapshot SET state = zeroblob(100) WHERE id = 1")
    wire.log.close()
    assert "snapshot" in upkeep.verify(path).problem
    wire.log = Log(path)
    wire.start()
    assert wire.core.state.snapshot() == before
    assert "folded from the log instead" in str(wire.core.notes[0].fields["text"])


def test_without_any_whole_snapshot_a_cut_log_does_not_open(wire, path):
    cut(wire, 50)
    wire.log._db.execute("UPDATE snapshot SET state = zeroblob(100)")
    wire.log.close()
    with pytest.raises(LogError, match="is not what was stored"):
        Wire(Log(path))


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        ("UPDATE cut SET seq = seq - 1", "is missing"),
        ("UPDATE cut SET digest = zeroblob(32)", "not what was committed"),
        ("DELETE FROM segment WHERE first = (SELECT min(first) FROM segment)", "is missing"),
        ("DELETE FROM snapshot", "no snapshot of what was before"),
        ("DELETE FROM segment", "the end of it is lost"),
    ],
)
def test_the_chain_holds_from_the_cut_on_and_damage_there_is_found(wire, path, damage, says):
    cut(wire, 50)
    assert next(segment.first for segment in wire.log.read(0)) == 51
    wire.log.close()
    verdict = upkeep.verify(path)
    assert (verdict.problem, verdict.cut, verdict.entries) == ("", 50, wire.log.head - 50)
    log = Log(path)
    log._db.execute(damage)
    log.close()
    assert says in upkeep.verify(path).problem


def test_a_retry_of_what_was_cut_is_accepted_again_and_not_stored_twice(wire):
    cut(wire, wire.log.head)
    head = wire.log.head
    alice = wire.connect("alice")
    alice.hear()
    answers = alice.say(Post(99, "*", "again"), Post(100, "*", "again"))
    assert [(answer.number, answer.seq) for answer in answers] == [(99, 0), (100, 0)]
    assert wire.log.head == head


def test_a_retry_that_may_have_been_refused_is_not_called_accepted(wire):
    alice = wire.connect("alice")
    alice.say(Post(101, "@nobody", "x"), Post(102, "*", "x"))
    cut(wire, wire.log.head)
    alice.hear()
    answers = alice.say(Post(101, "@nobody", "x"), Post(102, "*", "x"))
    assert [type(answer) for answer in answers] == [Rejected, Accepted]
    assert answers[0].code == "forgotten"


# --- who is told -----------------------------------------------------------------------------------------------------


def test_who_comes_back_from_before_the_cut_is_told_and_goes_on_behind_it(wire):
    cut(wire, 60)
    bob = wire.connect("bob", after=20)
    events = bob.hear((Welcome, Gap, Message))
    assert [type(event) for event in events[:3]] == [Welcome, Gap, Message]
    assert (events[0].after, gaps(events)) == (20, [(20, 60)])
    assert events[2].seq == 61
    assert events[1].at == next(wire.log.read(60)).at
    assert "number 20 and 61 are no longer kept" in gap_text(events[1])


def test_who_was_not_away_so_long_is_not_told(wire):
    cut(wire, 60)
    assert gaps(wire.connect("bob", after=60).hear()) == gaps(wire.connect("bob", after=70).hear()) == []


def test_a_reader_that_holds_back_is_told_when_it_goes_on(wire):
    bob = wire.connect("bob", device="two", after=wire.log.head, feed=False)
    alice = wire.connect("alice")
    bob.hear()
    cursor = wire.log.head
    for number in range(101, 111):
        alice.say(Post(number, "@bob", f"late {number}"))
    cut(wire, cursor + 5)
    events = bob.say(Feed(cursor))
    assert gaps(events) == [(cursor, cursor + 5)]
    assert [event.body for event in events if isinstance(event, Message)] == [f"late {n}" for n in range(106, 111)]


def test_a_reader_that_takes_nothing_is_told_once_when_the_cut_overtook_it(wire):
    alice, bob = wire.connect("alice"), wire.connect("bob", after=wire.log.head)
    bob.hear()
    bob.full, cursor = True, wire.log.head
    for number in range(101, 111):
        alice.say(Post(number, "@bob", f"late {number}"))
        wire.tick(seconds=0.06)
    cut(wire, cursor + 5)
    wire.tick(seconds=0.06)
    bob.full = False
    wire.tick(seconds=LAST_PAUSE)
    events = bob.hear((Gap, Message))
    assert gaps(events) == [(cursor, cursor + 5)]
    assert [event.seq for event in events[1:]] == list(range(cursor + 6, cursor + 11))


def test_a_registered_person_is_told_what_of_the_mail_is_gone(wire):
    alice, bob = wire.connect("alice"), wire.connect("bob", after=wire.log.head)
    bob.say(Register(1), Mark(wire.log.head), Bye())
    wire.tick(seconds=1)
    taken = wire.core.state.by_nick["bob"].taken
    for number in range(101, 111):
        alice.say(Post(number, "@bob", f"mail {number}"))
    cut(wire, wire.log.head - 3)
    events = wire.connect("bob", device="new").hear((Gap, Message))
    assert gaps(events) == [(taken, wire.log.cut)]
    assert [event.body for event in events[1:]] == ["mail 108", "mail 109", "mail 110"]


def test_a_cut_that_took_everything_leaves_who_comes_back_live(wire):
    cut(wire, wire.log.head)
    bob = wire.connect("bob", after=20)
    assert gaps(bob.hear()) == [(20, wire.log.head)]
    wire.connect("alice").say(Post(101, "@bob", "now"))
    assert [event.body for event in bob.hear(Message)] == ["now"]


def test_without_the_gap_a_loss_would_be_silent(wire, monkeypatch):
    """The control: feeding that begins at the cut and says nothing of it."""
    cut(wire, 60)
    monkeypatch.setattr(feeding, "_gap", lambda log, after: Pong(1, after))
    assert gaps(wire.connect("bob", after=20).hear()) == []


# --- reading back ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("indexed", [True, False])
def test_pages_end_at_the_cut_and_say_so(wire, indexed, monkeypatch):
    monkeypatch.setattr(index_module, "PART_ENTRIES", 20)
    index = wire.core.index
    while indexed and index.behind:
        index.advance()
    cut(wire, wire.log.head - 10)
    bob = wire.connect("bob")
    bob.hear()
    [page] = bob.say(History(300, "@alice", 3))
    assert (len(page.items), page.cut) == (3, False)
    [page] = bob.say(History(301, "@alice", 50, page.before))
    assert (len(page.items), page.before, page.cut) == (2, None, True)
    [page] = [event for event in bob.say(Search(302, "message")) if isinstance(event, HistoryPage)]
    assert (len(page.items), page.cut) == (10, True)
    assert all(item.seq > wire.log.cut for item in page.items)


def test_the_index_drops_what_was_cut_off(wire, path, monkeypatch):
    monkeypatch.setattr(index_module, "PART_ENTRIES", 20)
    monkeypatch.setattr(index_module, "PORTION_ENTRIES", 10)
    index = Index(path.with_name("index.db"), wire.log)
    while index.behind:
        index.advance()
    tables = "SELECT count(*) FROM sqlite_master WHERE name LIKE 'said%'"
    assert index._db.execute(tables).fetchone()[0] >= 4
    cut(wire, 70)
    while index.behind:
        index.advance()
    rows = sum(len(list(index._db.execute(f"SELECT seq FROM said_{part}"))) for part in index._parts)
    assert rows <= wire.log.head - 70 + 20
    found = [seq for seq, hit in index.matching(["message"], 1000) if hit]
    assert min(found) > 70
    assert len(found) == 100 - (70 - 6), "what is kept is still found"
    index.close()
    again = Index(path.with_name("index.db"), wire.log)
    assert [seq for seq, hit in again.matching(["message"], 1000) if hit] == found
    again.close()
    cut(wire, wire.log.head)
    wire.connect("carol").say(Announce(1, "*", "message of carol"))
    late = Index(path.with_name("index.db"), wire.log)
    while late.behind:
        late.advance()
    assert sum(hit for _, hit in late.matching(["message"], 1000)) == 1
    late.close()


def test_export_begins_at_the_cut(wire, path):
    cut(wire, 60)
    wire.log.close()
    assert len(list(upkeep.export(path))) == 100 - (60 - 6)


# --- a real broker ---------------------------------------------------------------------------------------------------


def test_a_broker_keeps_its_log_within_the_size_and_clients_are_told(tmp_path):
    with running_broker(tmp_path, None, "--keep-size", "16M") as broker:
        with Client("bob", broker=broker.invite, home=tmp_path / "bob") as bob:
            bob.send("*", "first").wait(DEADLINE)
        with Client("alice", broker=broker.invite, home=tmp_path / "alice") as alice:
            for _ in range(400):
                alice.send("*", "x" * 60_000)
            alice.send("*", "last").wait(DEADLINE)
            log = tmp_path / "broker" / "log.db"
            deadline = time.monotonic() + DEADLINE
            while (verdict := upkeep.verify(log)).cut == 0 or verdict.entries > 290:
                assert not verdict.problem
                assert time.monotonic() < deadline, verdict
            page = alice.history("*")
            assert page.messages[-1].body == "last"
            while page.before is not None:
                page = alice.history("*", before=page.before)
            assert page.cut
        broker.kill()
    with running_broker(tmp_path) as broker:
        assert "behind sequence" in broker.run("verify")


@pytest.mark.parametrize(
    "arguments", [["--keep-days", "soon"], ["--keep-days", "-1"], ["--keep-size", "10"], ["--keep-size", "1M"]]
)
def test_a_rule_that_is_none_is_refused(arguments, capsys):
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2
    assert "is no" in capsys.readouterr().err


@pytest.mark.parametrize("size", ["1M", "8M", "15M"])
def test_a_size_that_is_too_small_is_told_with_the_least_there_is(size, capsys):
    with pytest.raises(SystemExit):
        main(["--keep-size", size])
    assert f"'{size}' is no size for a log: the least is 16M" in capsys.readouterr().err
