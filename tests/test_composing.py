"""Who is writing, and how long an answer takes: what a client tells of the one, and sees of both."""

from __future__ import annotations

import pytest

from client.composing import TELL_SECONDS
from client.model import Composing
from messages import PING_SECONDS, TYPING_SECONDS, Accepted, Ping, Pong, Typing, Typist
from tests.client_wire import Wire, message, posts, welcome


@pytest.fixture
def wire() -> Wire:
    wire = Wire()
    wire.up()
    wire.events()
    return wire


def test_a_line_that_is_written_is_told_every_few_seconds(wire: Wire) -> None:
    told = []
    for key in range(100):
        wire.session.writes("#general", wire.now)
        told += [(key, command) for command in wire.sent()]
        wire.wait(0.1)
    every = round(TELL_SECONDS / 0.1)
    assert told == [(key, Typing("#general")) for key in range(0, 100, every)]


def test_what_is_cleared_is_told_and_what_is_sent_tells_itself(wire: Wire) -> None:
    assert wire.session.writes("@bob", wire.now)
    assert wire.session.writes("", wire.now)
    assert not wire.session.writes("", wire.now)
    assert wire.sent() == [Typing("@bob"), Typing("@bob", False)]
    wire.session.writes("@bob", wire.now)
    wire.submit(*posts("a"))
    wire.session.writes("", wire.now)
    assert [type(command).__name__ for command in wire.sent()] == ["Typing", "Post"]


def test_another_conversation_ends_the_first(wire: Wire) -> None:
    wire.session.writes("@bob", wire.now)
    wire.session.writes("#general", wire.now)
    assert wire.sent() == [Typing("@bob"), Typing("@bob", False), Typing("#general")]
    wire.wait(TYPING_SECONDS)
    wire.session.writes("", wire.now)  # the others have forgotten it by now
    assert wire.sent() == []


def test_without_a_connection_nothing_is_told(wire: Wire) -> None:
    wire.cut()
    assert not wire.session.writes("@bob", wire.now)
    wire.up()
    assert Typing("@bob") not in wire.sent()
    assert wire.session.writes("@bob", wire.now)


def test_somebody_writes_until_they_say_it_or_stop_or_go_quiet(wire: Wire) -> None:
    wire.says(Typist("bob", "@Alice"), Typist("bob", "#general"), Typist("cat", "#general"))
    wire.says(Typist("bob", "@alice"))  # said again: known
    assert wire.events() == [Composing("bob", "@bob"), Composing("bob", "#general"), Composing("cat", "#general")]
    wire.says(Typist("cat", "#general", False), Typist("dan", "#general", False))
    assert wire.events() == [Composing("cat", "#general", False)]
    wire.says(message(1, sender="Bob", to="#general"))
    assert wire.events() == [Composing("bob", "#general", False)]
    assert wire.wait(TYPING_SECONDS - 1) == wire.now + 1
    assert wire.events() == []
    wire.wait(1)
    assert wire.events() == [Composing("bob", "@bob", False)]


def test_a_break_ends_all_writing(wire: Wire) -> None:
    wire.says(Typist("bob", "@alice"))
    wire.cut()
    assert Composing("bob", "@bob", False) in wire.events()


def test_how_long_the_greeting_takes_is_the_first_figure() -> None:
    wire = Wire()
    wire.connect()
    assert wire.session.pulse.round_trip is None
    wire.wait(0.5)
    wire.says(welcome())
    assert wire.session.pulse.round_trip == pytest.approx(0.5)


def test_how_long_an_answer_takes_is_seen_from_pings_and_texts(wire: Wire) -> None:
    pulse = wire.session.pulse
    wire.submit(*posts("a", "b"))
    wire.sent()
    wire.wait(0.25)
    wire.says(Accepted(1, 5, 2))
    assert pulse.round_trip == pytest.approx(0.25)
    wire.wait(PING_SECONDS)
    [ping] = [command for command in wire.sent() if isinstance(command, Ping)]
    wire.wait(0.125)
    wire.says(Pong(0, 5))  # that it caught up is no answer
    assert pulse.round_trip == pytest.approx(0.25)
    wire.says(Pong(ping.token, 5))
    assert pulse.round_trip == pytest.approx(0.125)


def test_an_answer_that_a_break_took_is_not_waited_for(wire: Wire) -> None:
    wire.submit(*posts("a"))
    wire.sent()
    wire.wait(1)
    wire.cut()
    wire.wait(60)
    wire.connect()
    assert wire.session.pulse.round_trip is None
    wire.wait(0.25)
    wire.says(welcome(), Accepted(1, 5))
    assert wire.session.pulse.round_trip == pytest.approx(0.25)
