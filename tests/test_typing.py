"""Who is writing: told to those it is for, and to nobody else; bounded, and never kept."""

from __future__ import annotations

import pytest

from broker import typing
from messages import Feed, Hello, Join, Leave, Mute, Ping, Post, Rejected, Rule, Typing, Typist
from tests.wire import Remote, Wire


@pytest.fixture
def wire() -> Wire:
    return Wire()


def people(wire: Wire, *names: str) -> list[Remote]:
    """So many people, who have heard of each other."""
    remotes = [wire.connect(name) for name in names]
    for remote in remotes:
        remote.hear()
    return remotes


def told(remote: Remote) -> list[tuple[str, str, bool]]:
    """Who is writing, and where, as this end has heard since it was asked last."""
    return [(event.nick, event.to, event.on) for event in remote.hear(Typist)]


def test_a_person_learns_who_writes_to_them_and_nobody_else_does(wire):
    ann, bob, cat = people(wire, "ann", "bob", "cat")
    other = wire.connect("ann", device="two")
    ann.say(Typing("@BOB"))
    assert told(bob) == [("ann", "@bob", True)]
    ann.say(Typing("@bob", False))
    assert told(bob) == [("ann", "@bob", False)]
    assert told(cat) == told(other) == told(ann) == []


def test_a_room_learns_it_and_who_left_the_room_does_not(wire):
    ann, bob, cat = people(wire, "ann", "bob", "cat")
    other = wire.connect("ann", device="two")
    cat.say(Leave(1, "#general"))
    ann.say(Typing("#General"))
    assert told(bob) == [("ann", "#general", True)]
    assert told(cat) == told(other) == []


@pytest.mark.parametrize("to", ["*", "@ann", "@nobody", "#nowhere", "nonsense", "@", "", "#" + "x" * 300, "\x1b[2J"])
def test_what_is_for_nobody_is_told_to_nobody_and_not_answered(wire, to):
    ann, bob = people(wire, "ann", "bob")
    assert ann.say(Typing(to)) == []
    assert told(bob) == []


def test_only_who_is_in_a_room_writes_there(wire):
    """So a private room stays unknown to those outside, and what they say does not reach it."""
    ann, bob = people(wire, "ann", "bob")
    ann.say(Join(1, "#cabal"), Rule(2, "#cabal", "private", "on"))
    bob.hear()
    assert bob.say(Typing("#cabal")) == []
    assert told(ann) == []


def test_who_may_not_speak_is_not_heard_writing(wire):
    ann, bob = people(wire, "ann", "bob")
    bob.say(Join(1, "#ops"))
    ann.say(Join(1, "#ops"), Rule(2, "#general", "closed", "on"))
    bob.say(Rule(2, "#ops", "post", "moderator"))
    bob.hear()
    ann.say(Typing("#ops"))
    assert told(bob) == []
    bob.say(Rule(3, "#ops", "post", "guest"))
    ann.say(Typing("#ops"))
    assert told(bob) == [("ann", "#ops", True)]
    wire.connect("operator").say(Mute(1, "ann"))
    ann.say(Typing("#ops"), Typing("@bob"))
    assert told(bob) == []


def test_scripts_are_not_told_and_do_not_tell(wire):
    ann, bob, script = wire.connect("ann"), wire.connect("bob"), wire.connect("ci", quiet=True)
    ann.say(Typing("#general"))
    script.say(Typing("#general"))
    assert told(bob) == [("ann", "#general", True)]
    assert told(script) == []


def test_it_is_not_told_later(wire):
    """Nothing is kept: who holds deliveries back, or takes nothing, hears nothing of it afterwards."""
    ann, bob, cat = people(wire, "ann", "bob", "cat")
    bob.say(Feed(None))
    cat.full = True
    head = wire.log.head
    ann.say(Typing("#general"))
    bob.say(Feed(head))
    cat.full = False
    wire.tick(seconds=2)
    assert told(bob) == told(cat) == []
    assert wire.log.head == head


def test_the_control_of_that(wire, monkeypatch):
    """Without the case in `rewind` who took nothing would hear of it afterwards."""
    monkeypatch.setattr("broker.feeding.Typist", Rejected)
    ann, cat = people(wire, "ann", "cat")
    cat.full = True
    ann.say(Typing("#general"))
    cat.full = False
    wire.tick(seconds=2)
    assert told(cat) == [("ann", "#general", True)]


def test_many_at_once_are_left_out_for_account_and_room(wire, monkeypatch):
    ann, bob = people(wire, "ann", "bob")
    assert ann.say(*[Typing("@bob")] * 50) == []
    assert len(told(bob)) == typing.ACCOUNT_BURST
    wire.tick(seconds=3)
    ann.say(*[Typing("@bob")] * 50)
    assert len(told(bob)) == 3 * typing.ACCOUNT_RATE
    monkeypatch.setattr(typing, "ROOM_BURST", 2.0)
    crowd = [wire.connect(f"n{number}") for number in range(5)]
    for one in crowd:
        one.put(Typing("#general"))
    wire.tick()
    assert len(told(bob)) == 2


def test_a_crowded_room_is_spared(wire, monkeypatch):
    monkeypatch.setattr(typing, "ROOM_SESSIONS", 3)
    ann, bob, _ = people(wire, "ann", "bob", "cat")
    ann.say(Typing("#general"))
    assert len(told(bob)) == 1
    wire.connect("dan")
    ann.say(Typing("#general"))
    assert told(bob) == []


def test_it_costs_nothing_of_what_an_account_may_say(wire):
    """It carries no number, so it is neither refused nor held up by the rate, and it holds up no post."""
    ann, bob = people(wire, "ann", "bob")
    wire.core.rate = 0.02  # one command at once, see BURST_SECONDS
    heard = ann.say(Post(1, "@bob", "one"), Post(2, "@bob", "two"), Typing("@bob"))
    assert [type(event).__name__ for event in heard] == ["Rejected", "Accepted"]
    assert told(bob) == [("ann", "@bob", True)]


def test_before_hello_it_is_passed_over(wire):
    ann = wire.connect("ann", greet=False)
    assert [type(event).__name__ for event in ann.say(Typing("#general"), Ping(1))] == ["Pong"]
    assert isinstance(ann.say(Hello(1, "ann", b"one".ljust(16, b"\0")))[0].nick, str)
