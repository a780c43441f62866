"""Which names the broker lets people take: on every path on which a nick or a room comes into being."""

from __future__ import annotations

import pytest

from broker import naming
from broker.greeting import CHOICE_SECONDS
from broker.lookalikes import Lookalikes
from messages import (
    HELLO_SECONDS,
    LEASE_SECONDS,
    PING_SECONDS,
    PROTOCOL,
    Accepted,
    Bye,
    Code,
    Done,
    Hello,
    History,
    HistoryPage,
    InvalidName,
    Join,
    Leave,
    Message,
    Ping,
    Post,
    Register,
    Rejected,
    Rename,
    Welcome,
)

from .wire import Remote, Wire


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def other_scripts(wire: Wire) -> None:
    """The broker is set to allow them."""
    wire.core.state.rules["names"] = "unicode"


def hello(wire: Wire, key: str, nick: str) -> tuple[Remote, Welcome | Rejected]:
    """Who greets, and what the broker says."""
    remote = wire.connect(key, greet=False)
    said = remote.say(Hello(PROTOCOL, nick, key.encode().ljust(16, b"\0")))
    return remote, next(event for event in said if isinstance(event, (Welcome, Rejected)))


def ask(wire: Wire, remote: Remote, command: object) -> object:
    """The answer to one command; what else came before or with it is dropped."""
    remote.hear()
    return next(event for event in remote.say(command) if isinstance(event, (Accepted, Done, HistoryPage, Rejected)))


ATTEMPTS = [
    (Rename(1, "Алиса"), Code.NICK_INVALID),
    (Join(1, "#Новости"), Code.TARGET_INVALID),
    (Join(1, "новости"), Code.TARGET_INVALID),
    (Post(1, "@Алиса", "hello"), Code.TARGET_INVALID),
    (Post(1, "#новости", "hello"), Code.TARGET_INVALID),
    (History(1, "@Алиса"), Code.TARGET_INVALID),
]


@pytest.mark.parametrize(("command", "code"), ATTEMPTS)
def test_a_broker_has_ascii_names_unless_it_is_set_otherwise(wire: Wire, command, code: Code) -> None:
    """And says that it is its setting; whatever comes behind it is not touched."""
    alice = wire.connect("alice")
    answer = ask(wire, alice, command)
    assert isinstance(answer, Rejected)
    assert answer.code == code
    assert "This broker is set to allow ASCII names only" in answer.text
    assert isinstance(ask(wire, alice, Post(2, "#general", "hello")), Accepted)


def test_so_it_says_at_the_door_and_leaves_time_for_another_nick(wire: Wire) -> None:
    remote, answer = hello(wire, "alice", "Алиса")
    assert isinstance(answer, Rejected)
    assert answer.code == Code.NICK_INVALID
    assert "set to allow ASCII names only" in answer.text
    while wire.now < max(2 * HELLO_SECONDS, CHOICE_SECONDS - 2 * PING_SECONDS):
        remote.put(Ping(1))
        wire.tick(seconds=PING_SECONDS)
    assert any(isinstance(event, Welcome) for event in remote.say(Hello(PROTOCOL, "Alice", bytes(16))))


@pytest.mark.usefixtures("other_scripts")
def test_a_broker_that_allows_other_scripts(wire: Wire) -> None:
    """The control: all of the same is let through, in the form that names have."""
    alice, welcome = hello(wire, "alice", "АЛИСА")
    assert isinstance(welcome, Welcome)
    assert welcome.nick == "АЛИСА"
    bob = wire.connect("bob")
    assert isinstance(ask(wire, bob, Join(1, "Новости")), Accepted)
    assert wire.core.state.by_room.keys() == {"#general", "#новости"}
    alice.hear()
    for number, target in enumerate(["@алиса", "@Алиса", "@АЛИСА"], 2):
        assert isinstance(ask(wire, bob, Post(number, target, "hello")), Accepted)
    assert [event.to for event in alice.hear() if isinstance(event, Message)] == ["@АЛИСА"] * 3
    assert isinstance(ask(wire, bob, History(5, "#НОВОСТИ")), HistoryPage)
    assert ask(wire, bob, Post(6, "@Алина", "hello")).code == Code.NO_SUCH_NICK
    assert ask(wire, bob, Post(7, "@Алинa", "hello")).code == Code.TARGET_INVALID  # mixed
    assert isinstance(ask(wire, bob, Leave(8, "#НОВОСТИ")), Accepted)
    assert isinstance(ask(wire, alice, Rename(1, "алиса")), Accepted)  # another spelling
    assert ask(wire, bob, Rename(9, "АлисА")).code == Code.NICK_TAKEN
    assert isinstance(ask(wire, alice, Rename(2, "алиса")), Done)
    _, twice = hello(wire, "carol", "Алиса")
    assert twice.code == Code.NICK_TAKEN


@pytest.mark.usefixtures("other_scripts")
def test_what_becomes_ascii_is_an_ascii_name(wire: Wire) -> None:
    _, welcome = hello(wire, "alice", "Ａlice")
    assert isinstance(welcome, Welcome)
    assert welcome.nick == "Alice"
    _, twice = hello(wire, "bob", "alice")
    assert twice.code == Code.NICK_TAKEN


# --- what looks alike ------------------------------------------------------------------------------------------------


def lookalikes(wire: Wire) -> list[Code | None]:
    """On each path, somebody wants what can be taken for a name that there is; what the broker says."""
    alice, _ = hello(wire, "alice", "Kjær")
    ask(wire, alice, Join(1, "#kjær"))
    ask(wire, alice, Join(2, "#rnaerz"))
    hello(wire, "mary", "mærie")
    bob = wire.connect("bob")
    answers = [
        hello(wire, "carol", "Kjaer")[1],
        ask(wire, bob, Rename(1, "Maerie")),
        ask(wire, bob, Join(2, "#kjaer")),
        ask(wire, bob, Join(3, "#mærz")),
    ]
    return [getattr(answer, "code", None) for answer in answers]


@pytest.mark.usefixtures("other_scripts")
def test_a_name_that_can_be_taken_for_one_there_is_is_refused_on_every_path(wire: Wire) -> None:
    assert lookalikes(wire) == [Code.NICK_INVALID, Code.NICK_INVALID, Code.TARGET_INVALID, Code.TARGET_INVALID]


@pytest.mark.usefixtures("other_scripts")
def test_without_the_comparison_it_is_not(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control."""
    monkeypatch.setattr(Lookalikes, "find", lambda self, name, but="": "")
    assert lookalikes(wire) == [None, None, None, None]


@pytest.mark.usefixtures("other_scripts")
def test_two_ascii_names_are_never_held_to_look_alike(wire: Wire) -> None:
    modern, modem = wire.connect("modern"), wire.connect("modem")
    assert isinstance(ask(wire, modern, Join(1, "#l0")), Accepted)
    assert isinstance(ask(wire, modem, Join(1, "#lo")), Accepted)


@pytest.mark.usefixtures("other_scripts")
def test_ones_own_nick_is_in_nobodys_way(wire: Wire) -> None:
    """One may turn to what looks like it, and who leaves frees both."""
    alice, _ = hello(wire, "alice", "Kjær")
    assert isinstance(ask(wire, alice, Rename(1, "kjaer")), Accepted)
    assert isinstance(ask(wire, alice, Rename(2, "Kjær")), Accepted)
    bob = wire.connect("bob")
    assert ask(wire, bob, Rename(1, "kjaer")).code == Code.NICK_INVALID
    alice.say(Bye())
    assert isinstance(ask(wire, bob, Rename(2, "kjaer")), Accepted)


@pytest.mark.usefixtures("other_scripts")
def test_they_are_known_after_a_restart_with_and_without_a_snapshot(wire: Wire) -> None:
    """And the nick of a registered account stays its own while it is away."""
    alice, _ = hello(wire, "alice", "Kjær")
    ask(wire, alice, Register(1))
    ask(wire, alice, Join(2, "#æon"))
    for snapshot in (False, True):
        if snapshot:
            wire.core.store_snapshot()
        wire.start()
        wire.tick(seconds=LEASE_SECONDS + 1)
        bob = wire.connect("bob")
        assert ask(wire, bob, Rename(bob_number(bob), "kjaer")).code == Code.NICK_INVALID
        assert ask(wire, bob, Join(bob_number(bob) + 1, "aeon")).code == Code.TARGET_INVALID


def bob_number(bob: Remote) -> int:
    """A number that bob has not used."""
    return bob.peer.session.device.last_number + 1


@pytest.mark.usefixtures("other_scripts")
@pytest.mark.parametrize("noted", [True, False])
def test_of_two_that_ask_in_one_tick_the_first_has_it(wire: Wire, noted: bool) -> None:
    """What is asked for is compared too, before it is in the log; without that (the control) both would have it."""
    if not noted:
        wire.core.naming.add = lambda name: None
    pair = [wire.connect(key, greet=False) for key in ("one", "two")]
    for remote, nick in zip(pair, ("Kjær", "kjaer"), strict=True):
        remote.put(Hello(PROTOCOL, nick, bytes(16)))
    wire.tick()
    greeted = [any(isinstance(event, Welcome) for event in remote.hear()) for remote in pair]
    assert greeted == [True, not noted]


# --- other times -----------------------------------------------------------------------------------------------------


def test_names_of_another_time_stay_valid(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set back to ASCII, and without the extra, a broker goes on with the names that there are, and takes none more."""
    wire.core.state.rules["names"] = "unicode"
    alice, _ = hello(wire, "alice", "Алиса")
    ask(wire, alice, Join(1, "#новости"))
    ask(wire, alice, Register(2))
    wire.core.state.rules["names"] = "ascii"
    monkeypatch.setattr(naming, "check_target", no_extra)
    monkeypatch.setattr("broker.lookalikes.skeletons", no_extra)
    wire.core.store_snapshot()
    wire.start()
    bob = wire.connect("bob")
    assert isinstance(ask(wire, bob, Join(1, "#Новости")), Accepted)
    assert isinstance(ask(wire, bob, Post(2, "@алиса", "hello")), Accepted)
    assert isinstance(ask(wire, bob, Post(3, "#новости", "hello")), Accepted)
    alice, welcome = hello(wire, "alice", "somebody")
    assert isinstance(welcome, Welcome)
    assert welcome.nick == "Алиса"
    assert "ASCII names only" in ask(wire, alice, Rename(3, "Алина")).text
    assert isinstance(ask(wire, alice, Rename(4, "alice")), Accepted)


def no_extra(name: str) -> None:
    """As without it."""
    raise InvalidName("Names in other scripts ...")
