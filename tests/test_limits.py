"""What one account, address and connection may take: told so, in order, at nobody else's cost."""

from __future__ import annotations

import pytest

from broker import limits
from broker.connections import Connections
from messages import (
    PROTOCOL,
    Accepted,
    Admit,
    Ban,
    Delete,
    Hello,
    Join,
    Message,
    Ping,
    Pong,
    Post,
    Rejected,
    Rule,
    Welcome,
    Who,
)

from .test_moderation import operator, person, refusals
from .wire import Remote, Wire


@pytest.fixture
def wire() -> Wire:
    return Wire()


def slow(wire: Wire, rate: int = 10) -> None:
    operator(wire).say(Rule(1, "*", "rate", str(rate)))


def posts(first: int, last: int) -> list[Post]:
    return [Post(number, "*", str(number)) for number in range(first, last + 1)]


def accepted(events: list) -> int:
    return sum(event.count for event in events if isinstance(event, Accepted))


def test_who_is_too_fast_is_told_when_to_come_again_and_then_all_is_taken_in_order(wire):
    ann, ben = person(wire, "ann"), person(wire, "ben")
    slow(wire)
    answers = ann.say(*posts(1, 600))
    assert accepted(answers) == 10 * limits.BURST_SECONDS == 500
    refused = [event for event in answers if isinstance(event, Rejected)]
    assert [event.number for event in refused] == list(range(501, 601))
    assert {(event.code, event.again) for event in refused} == {("too_fast", 10.0)}
    assert refused[0].text == "You are faster than this broker allows (10 commands a second); again in 10 s."
    wire.tick(seconds=5)
    assert refusals(ann.say(Post(601, "*", "601"))) == ["too_fast"], "or it would overtake"
    wire.tick(seconds=5.1)
    assert accepted(ann.say(*posts(501, 601))) == 101
    assert [event.body for event in ben.hear(Message)] == [str(number) for number in range(1, 602)]


def test_what_was_under_way_does_not_overtake_what_was_refused(wire):
    """However late it is read: it is refused until the first that was refused comes again."""
    ann, ben = person(wire, "ann"), person(wire, "ben")
    slow(wire)
    ann.say(*posts(1, 510))
    wire.tick(seconds=15)
    assert refusals(ann.say(*posts(511, 515))) == ["too_fast"] * 5, "the pause is over, but 501 has not come"
    wire.tick(seconds=2)
    assert accepted(ann.say(*posts(501, 515))) == 15
    assert [event.body for event in ben.hear(Message)] == [str(number) for number in range(1, 516)]


def test_marks_and_pings_do_not_prolong_the_pause(wire):
    from messages import Mark

    ann = person(wire, "ann")
    slow(wire)
    ann.say(*posts(1, 510))
    for _ in range(60):
        wire.tick(seconds=0.2)
        ann.say(Mark(1), Ping(1))
    assert accepted(ann.say(*posts(501, 510))) == 10


def test_signs_of_life_are_taken_all_the_same(wire):
    ann = person(wire, "ann")
    slow(wire)
    ann.say(*posts(1, 600))
    assert [type(event) for event in ann.say(Ping(7), Who(601)) if not isinstance(event, Message)] == [Rejected, Pong]


def test_nobody_else_is_slowed(wire):
    ann, ben = person(wire, "ann"), person(wire, "ben")
    slow(wire)
    ann.say(*posts(1, 600))
    assert refusals(ben.say(*posts(1, 100))) == []


def test_another_device_or_a_new_session_is_no_way_round(wire):
    ann = person(wire, "ann")
    slow(wire)
    ann.say(*posts(1, 500))
    assert refusals(wire.connect("ann", device="two").say(Post(1, "*", "x"))) == ["too_fast"]
    ann.break_off()
    assert refusals(wire.connect("ann").say(Post(501, "*", "x"))) == ["too_fast"]


def test_what_stands_behind_a_hello_is_counted_too(wire):
    """In its own frame, or waiting until its entries are stored."""
    person(wire, "ann"), person(wire, "ben")
    slow(wire)
    known, fresh = wire.connect("ann", greet=False), wire.connect("cid", greet=False)
    assert accepted(known.say(Hello(PROTOCOL, "ann", bytes(16)), *posts(1, 600))) == 500
    assert accepted(fresh.say(Hello(PROTOCOL, "cid", bytes(16)), *posts(1, 600))) == 500
    assert refusals(known.say(Post(601, "*", "x")) + fresh.say(Post(601, "*", "x"))) == ["too_fast"] * 2


def test_a_pause_is_kept_though_the_rule_has_ended(wire):
    """Or what was under way would overtake what was refused."""
    ann, ben = person(wire, "ann"), person(wire, "ben")
    slow(wire)
    ann.say(*posts(1, 510))
    operator(wire).say(Rule(1, "*", "rate", "off"))
    assert refusals(ann.say(*posts(511, 515))) == ["too_fast"] * 5
    wire.tick(seconds=2)
    assert accepted(ann.say(*posts(501, 515))) == 15
    assert [event.body for event in ben.hear(Message)] == [str(number) for number in range(1, 516)]


def test_without_the_rule_all_is_taken(wire):
    """The control: the limit off, and nothing is refused."""
    ann = person(wire, "ann")
    slow(wire)
    operator(wire).say(Rule(1, "*", "rate", "off"))
    assert refusals(ann.say(*posts(1, 1000))) == []


def test_a_crowd_that_comes_back_with_all_it_had_unanswered_is_not_punished(wire):
    """The client has at most 5,000 commands in flight; the burst is as much."""
    from client.outbox import WINDOW

    assert wire.core.rate * limits.BURST_SECONDS >= WINDOW


def test_a_connection_that_says_much_before_a_hello_is_cut(wire):
    stranger = wire.connect("eve", greet=False)
    for _ in range(2 * limits.GREETING_COMMANDS // 100 + 1):
        if not stranger.peer.gone:
            stranger.put(*[Who(1)] * 100)
    wire.tick()
    assert stranger.peer.gone
    assert [event.code for event in stranger.hear(Rejected)][-1] == "too_fast"


def test_sessions_of_one_key_are_bounded(wire, monkeypatch):
    monkeypatch.setattr("broker.greeting.SESSIONS_PER_ACCOUNT", 2)
    answers = [wire.connect("ann", device=name).hear((Welcome, Rejected))[0] for name in "abc"]
    assert [type(answer) for answer in answers] == [Welcome, Welcome, Rejected]
    assert answers[2].code == "too_many"
    assert [type(event) for event in wire.connect("ann", device="a").hear()] == [Welcome], "it takes its own place"


def test_sessions_from_one_address_are_bounded_and_this_machines_are_not(wire, monkeypatch):
    monkeypatch.setattr("broker.greeting.SESSIONS_PER_ADDRESS", 2)

    def greet(name: str, address: str) -> list:
        remote = wire.connect(name, greet=False)
        remote.peer.address = address
        return [type(event) for event in remote.say(Hello(1, name, b"1" * 16))][:1], remote

    far = [greet(f"far{n}", "192.0.2.1") for n in range(3)]
    assert [kinds for kinds, _ in far] == [[Welcome], [Welcome], [Rejected]]
    assert [greet(f"near{n}", "127.0.0.1")[0] for n in range(5)] == [[Welcome]] * 5
    far[0][1].break_off()
    assert greet("far3", "192.0.2.1")[0] == [Welcome], "there is room again"


@pytest.mark.parametrize("limit", ["SESSIONS_PER_ACCOUNT", "SESSIONS_PER_ADDRESS"])
def test_sessions_that_come_in_one_tick_are_bounded_too(wire, monkeypatch, limit):
    """When each of them was looked at, none of the others was there yet."""
    monkeypatch.setattr(f"broker.greeting.{limit}", 2)
    names = ["ann"] * 4 if limit == "SESSIONS_PER_ACCOUNT" else ["ann", "ben", "cid", "dan"]
    remotes = [wire.connect(name, greet=False) for name in names]
    for place, (name, remote) in enumerate(zip(names, remotes, strict=True)):
        remote.peer.address = "192.0.2.1"
        remote.put(Hello(PROTOCOL, name, bytes([place] * 16)))
    wire.tick()
    assert [type(remote.hear((Welcome, Rejected))[0]) for remote in remotes] == [Welcome] * 2 + [Rejected] * 2
    wire.tick()
    assert list(wire.core.state.by_nick) == list(dict.fromkeys(names[:2])), "nobody holds a nick who is not here"


def test_newcomers_from_one_address_have_a_rate(wire, monkeypatch):
    """Those who were here before come back all the same."""
    monkeypatch.setattr("broker.greeting.NEWCOMERS_AT_ONCE", 2.0)

    def greet(name: str) -> type:
        remote = wire.connect(name, greet=False)
        remote.peer.address = "192.0.2.1"
        return type(remote.say(Hello(1, name, b"1" * 16))[0])

    assert [greet(name) for name in ("ann", "ben", "cid", "ann")] == [Welcome, Welcome, Rejected, Welcome]
    wire.tick(seconds=5.1)
    assert greet("cid") is Welcome


def test_devices_of_one_key_are_bounded(wire, monkeypatch):
    monkeypatch.setattr("broker.greeting.DEVICES_PER_ACCOUNT", 2)
    answers = [wire.connect("ann", device=name).hear((Welcome, Rejected))[0] for name in ("a", "b", "c", "a")]
    assert [type(answer) for answer in answers] == [Welcome, Welcome, Rejected, Welcome]


def test_devices_that_come_in_one_tick_are_bounded_too(wire, monkeypatch):
    """When each of them was looked at, none of the others was there yet. Those that were here before do not count."""
    monkeypatch.setattr("broker.greeting.DEVICES_PER_ACCOUNT", 3)
    wire.connect("ann", device="a")
    remotes = [wire.connect("ann", device=device, greet=False) for device in "abcd"]
    for device, remote in zip("abcd", remotes, strict=True):
        remote.put(Hello(PROTOCOL, "ann", device.encode().ljust(16, b"\0")))
    wire.tick()
    assert [type(remote.hear((Welcome, Rejected))[0]) for remote in remotes] == [Welcome] * 3 + [Rejected]


def test_banned_addresses_and_those_let_in_are_bounded(wire, monkeypatch):
    monkeypatch.setattr("broker.access.BARRED", 1)
    monkeypatch.setattr("broker.rulings.OPENED", 1)
    alice = person(wire, "alice", "admin")
    person(wire, "bob")
    assert refusals(alice.say(Ban(1, "192.0.2.1"))) == []
    assert refusals(alice.say(Ban(2, "192.0.2.1", "again", seconds=60))) == [], "it is no further one"
    assert refusals(alice.say(Ban(3, "192.0.2.2"))) == ["too_many"]
    assert refusals(alice.say(Admit(4, "#general", "bob")) + alice.say(Admit(5, "#general", "alice"))) == ["too_many"]
    wire.tick(seconds=61)
    assert refusals(alice.say(Ban(6, "192.0.2.2"))) == [], "one that has ended does not count"


def test_deleted_messages_are_bounded_and_ones_own_cannot_use_up_what_admins_need(wire, monkeypatch):
    monkeypatch.setattr("broker.moderation.REMOVED", 2)
    alice = person(wire, "alice", "admin")
    bob = person(wire, "bob")
    bob.say(*posts(1, 4))
    last = wire.log.head
    assert refusals(bob.say(Delete(5, last)) + bob.say(Delete(6, last - 1))) == ["too_many"]
    assert refusals(alice.say(Delete(1, last - 1)) + alice.say(Delete(2, last - 2))) == ["too_many"]


def test_rooms_of_one_account_are_bounded(wire, monkeypatch):
    monkeypatch.setattr("broker.requests.ROOMS_PER_ACCOUNT", 3)
    ann = person(wire, "ann")
    assert refusals([event for n in range(4) for event in ann.say(Join(n + 1, f"#r{n}"))]) == ["too_many"] * 2


def test_all_rooms_are_bounded(wire, monkeypatch):
    monkeypatch.setattr("broker.requests.ROOMS", 2)
    ann: Remote = person(wire, "ann")
    assert refusals(ann.say(Join(1, "#a")) + ann.say(Join(2, "#b"))) == ["too_many"]


# --- connections that say nothing ------------------------------------------------------------------------------------


def test_the_newest_of_too_many_silent_ones_from_one_address_is_cut(monkeypatch):
    monkeypatch.setattr("broker.connections.CONNECTIONS_UNMET_PER_ADDRESS", 3)
    connections = Connections(20.0)
    assert [connections.accepted(n, 0.0, "192.0.2.1") for n in range(5)] == [None, None, None, 3, 4]
    assert connections.accepted(9, 0.0, "192.0.2.2") is None
    connections.closed(3), connections.closed(4), connections.closed(0)
    assert connections.accepted(10, 0.0, "192.0.2.1") is None


def test_the_oldest_of_too_many_silent_ones_from_everywhere_is_cut(monkeypatch):
    monkeypatch.setattr("broker.connections.CONNECTIONS_UNMET", 3)
    connections = Connections(20.0)
    assert [connections.accepted(n, 0.0, f"192.0.2.{n}") for n in range(4)] == [None, None, None, 0]


def test_handshakes_of_one_address_have_a_rate():
    connections = Connections(1e9)
    most = int(limits.HANDSHAKES_AT_ONCE)
    for n in range(most):
        assert connections.accepted(n, 0.0, "192.0.2.1") is None or n >= limits.CONNECTIONS_UNMET_PER_ADDRESS
        connections.closed(n)
    assert connections.accepted(most, 0.0, "192.0.2.1") == most
    connections.closed(most)
    assert connections.accepted(most + 1, 1.0, "192.0.2.1") is None, "some come back each second"


def test_this_machines_own_connections_are_not_counted(monkeypatch):
    monkeypatch.setattr("broker.connections.CONNECTIONS_UNMET_PER_ADDRESS", 1)
    connections = Connections(20.0)
    assert [connections.accepted(n, 0.0, where) for n, where in enumerate(("127.0.0.1", "::1", "", "127.0.0.1"))] == [
        None
    ] * 4


def test_buckets_forget_those_that_are_full_again(monkeypatch):
    monkeypatch.setattr(limits, "_FORGET", 10)
    buckets = limits.Buckets()
    for n in range(100):
        assert buckets.take(n, 1, 1.0, 1.0, float(n)) == 1
    assert len(buckets._buckets) <= 12


def test_minutes_to_choose_a_nick_are_given_once_and_not_to_many_of_one_address(wire, monkeypatch):
    monkeypatch.setattr("broker.greeting.CHOOSING_PER_ADDRESS", 2)
    person(wire, "ann")
    remotes = []
    for number in range(4):
        remote = wire.connect(f"eve{number}", greet=False)
        remote.peer.address = "192.0.2.1"
        remote.say(Hello(1, "ann", b"1" * 16))
        remotes.append(remote)
    assert [remote.peer.greet_by > 100 for remote in remotes] == [True, True, False, False]
    before = remotes[0].peer.greet_by
    wire.tick(seconds=10)
    remotes[0].say(Hello(1, "ann", b"1" * 16))
    assert remotes[0].peer.greet_by == before


def test_refusals_of_a_stranger_are_noted_some_times_only(wire):
    stranger = wire.connect("eve", greet=False)
    stranger.say(*[Who(1)] * 500)
    assert len([note for note in wire.core.notes if note.what == "refused"]) <= 25


def test_rooms_that_one_account_made_are_bounded(wire, monkeypatch):
    """Leaving them makes no room for others, since they are kept."""
    from messages import Leave

    monkeypatch.setattr("broker.requests.ROOMS_OWNED", 2)
    ann = person(wire, "ann")
    answers = [event for n in range(3) for event in ann.say(Join(2 * n + 1, f"#r{n}"), Leave(2 * n + 2, f"#r{n}"))]
    assert refusals(answers)[0] == "too_many"


@pytest.mark.parametrize(("one", "other"), [("2001:db8::1", "2001:db8::ffff:1"), ("::ffff:192.0.2.1", "192.0.2.1")])
def test_what_one_machine_has_by_itself_counts_as_one_address(one, other):
    assert limits.site(one) == limits.site(other)
    assert limits.site("2001:db8::1") != limits.site("2001:db8:1::1")
