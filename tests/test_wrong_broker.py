"""A broker with another key than the expected one: told as such with both fingerprints, and never called again."""

from __future__ import annotations

import json
import re
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import zmq
from zmq.utils import z85

from broker.beacon import Beacon
from client import Client, Connected, Connecting, Disconnected, Dismissed, NotRemembered, Unreachable, WrongBroker
from client.beacon import keep_silent
from messages import Address, key_fingerprint

from .datagrams import serving
from .fake_router import FakeRouter
from .processes import DEADLINE, BrokerProcess, confab, free_endpoint, running_broker, until

A_KEY = z85.decode(zmq.curve_keypair()[0])


@contextmanager
def fake_broker(home: Path, calls_itself: bytes | None, secret: bytes | None = None, port: int = 0) -> Iterator[int]:
    """A fake broker, with a beacon beside it that names this key if there is any; yields its port."""
    home.mkdir(exist_ok=True)
    router = FakeRouter(home, secret=secret, port=port)
    beacon = Beacon(calls_itself, [f"tcp://127.0.0.1:{router.port}"]) if calls_itself else Beacon()
    try:
        with serving([*beacon.sockets.values()], lambda each: beacon.answer(each.fileno())):
            yield router.port
    finally:
        beacon.close()
        router.close()


def invite(port: int, key: bytes = A_KEY) -> str:
    return Address(f"tcp://127.0.0.1:{port}", key).invite


# --- the thread ----------------------------------------------------------------------------------------------------


def test_a_broker_that_calls_itself_otherwise_ends_the_session_for_good(tmp_path: Path) -> None:
    """Every wait ends with the same error, nothing more is taken, and the thread is gone."""
    other = b"o" * 32
    with fake_broker(tmp_path / "other", other) as port, Client("alice", broker=invite(port), home=tmp_path) as client:
        receipt = client.send("@bob", "secret")
        [event] = client.events(timeout=DEADLINE)
        assert isinstance(event, Dismissed)
        assert event.code == "wrong_broker"
        assert key_fingerprint(A_KEY) in event.text
        assert key_fingerprint(other) in event.text
        for use in (receipt.wait, client.wait_connected, client.who, lambda: [*client.messages()]):
            with pytest.raises(WrongBroker, match="is not the one you expect"):
                use()
        with pytest.raises(WrongBroker):
            client.send("@bob", "again")
        client.close()
        assert "confab" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize("calls_itself", [None, A_KEY], ids=["silence", "the expected one"])
def test_without_another_fingerprint_it_is_tried_again_and_the_reason_told(
    calls_itself: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: a handshake that fails proves nothing by itself, since a broker that dies fails it too."""
    monkeypatch.setattr("client.beacon._SILENCE", 0.1)
    with (
        fake_broker(tmp_path / "other", calls_itself) as port,
        Client("alice", broker=invite(port), home=tmp_path) as client,
    ):
        events = client.events(timeout=DEADLINE)
        for attempt in (2, 3):
            event = next(events)
            assert isinstance(event, Connecting)
            assert event.attempt == attempt
            assert "did not prove the broker's key" in event.why
        with pytest.raises(Unreachable):
            client.wait_connected(0)
        client.close(0)


def test_a_beacon_that_lies_harms_nobody_whose_handshake_succeeds(tmp_path: Path) -> None:
    """It is asked about nothing else than a handshake that failed."""
    with fake_broker(tmp_path, b"liar" * 8), Client("alice", home=tmp_path) as client:
        assert client.send("@bob", "hi").wait(DEADLINE) == 1


def test_a_connection_that_was_up_ends_when_another_broker_takes_the_place(tmp_path: Path) -> None:
    public, secret = zmq.curve_keypair()
    with fake_broker(tmp_path, None, secret) as port:
        client = Client("alice", home=tmp_path)
        client.wait_connected(DEADLINE)
    with fake_broker(tmp_path / "other", A_KEY, port=port), client:
        *events, last = client.events(timeout=DEADLINE)
        assert isinstance(last, Dismissed)
        assert f"{key_fingerprint(z85.decode(public))} (that of this home's own broker)" in last.text
        assert "--broker" in last.text
        assert {type(event) for event in events} == {Connected, Disconnected, Connecting}


def test_a_key_that_cannot_be_remembered_is_told_and_the_chat_goes_on(tmp_path: Path) -> None:
    (tmp_path / "home" / "known.lock").mkdir(parents=True)
    public, secret = zmq.curve_keypair()
    with (
        fake_broker(tmp_path / "other", None, secret) as port,
        Client("alice", broker=invite(port, z85.decode(public)), home=tmp_path / "home") as client,
    ):
        assert client.send("@bob", "hi").wait(DEADLINE) == 1
        told = next(event for event in client.events(timeout=DEADLINE) if isinstance(event, NotRemembered))
        assert "needs the invite again" in told.text
        assert "known.json cannot be written" in told.text


# --- real brokers --------------------------------------------------------------------------------------------------


def fingerprint(broker: BrokerProcess) -> str:
    return str(broker.told("listening")["fingerprint"])


def test_another_broker_at_a_known_address_end_to_end(tmp_path: Path) -> None:
    """Two homes with a broker each, one after the other at one address; a third home whose person knows the first."""
    endpoint, person = free_endpoint(), tmp_path / "person"
    place = endpoint.removeprefix("tcp://")
    with running_broker(tmp_path / "one", endpoint) as one:
        old, old_invite = fingerprint(one), one.invite
        assert confab("who", "--broker", place, home=person).returncode == 4  # not known yet
        assert confab("who", "--as", "ann", "--broker", one.invite, home=person).returncode == 0
        assert confab("who", "--as", "ann", home=person, CONFAB_BROKER=place).returncode == 0
        client = Client("bob", broker=place, home=person)
        client.wait_connected(DEADLINE)
    with running_broker(tmp_path / "two", endpoint) as two, client:
        new = fingerprint(two)
        assert new != old
        *_, last = client.events(timeout=DEADLINE)
        assert isinstance(last, Dismissed)

        run = confab("send", "#general", "psst", "--as", "ann", "--broker", place, "--json", home=person)
        error = json.loads(run.stderr)
        assert (run.returncode, error["error"]) == (4, "wrong_broker")
        assert re.search(rf"{old} \(remembered since \d{{4}}-\d\d-\d\d\), but it calls itself {new}", error["text"])

        run = confab("who", "--as", "ann", "--broker", two.invite, home=person)
        assert run.returncode == 4
        assert all(part in run.stderr for part in (old, new, "since", "nothing was sent", "confab trust INVITE"))

        elsewhere = confab("who", "--as", "eve", "--broker", old_invite, home=tmp_path / "elsewhere")
        assert f"{old} (from its invite), but it calls itself {new}" in elsewhere.stderr
        assert not (tmp_path / "elsewhere" / "known.json").exists()

        run = confab("trust", two.invite, home=person)
        assert (run.returncode, run.stderr) == (0, "")
        assert all(part in run.stdout for part in (endpoint, old, new))
        run = confab("trust", two.invite, "--json", home=person)
        assert json.loads(run.stdout) == {"broker": endpoint, "fingerprint": new, "before": None}
        assert confab("who", "--as", "ann", "--broker", place, home=person).returncode == 0
        assert "psst" not in confab("history", "#general", "--as", "ann", "--broker", place, home=person).stdout
    assert not [line for line in two.lines if line["event"] == "joined" and line.get("who") == "bob"]


def test_a_person_who_tails_learns_it_too(tmp_path: Path) -> None:
    endpoint = free_endpoint()
    stranger = Address(endpoint, A_KEY).invite
    with running_broker(tmp_path / "home", endpoint) as broker:
        run = confab("tail", "--as", "ann", "--broker", stranger, home=tmp_path / "person")
        assert run.returncode == 4
        assert fingerprint(broker) in run.stderr
        run = confab("chat", "ann", "--broker", stranger, home=tmp_path / "person", stdin=b"hello\n")
        assert run.returncode == 4
        assert fingerprint(broker) in run.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts what came over a connection")
def test_where_no_datagram_comes_through_another_broker_is_told_over_tcp(tmp_path: Path) -> None:
    """The broker starts and serves without its UDP port, and says so."""
    endpoint = free_endpoint()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", int(endpoint.rpartition(":")[2])))
        with running_broker(tmp_path / "home", endpoint) as broker:
            assert "not told on UDP" in broker.told("log")["text"]
            assert confab("who", "--as", "ann", home=tmp_path / "home").returncode == 0
            run = confab("who", "--as", "ann", "--broker", Address(endpoint, A_KEY).invite, home=tmp_path / "person")
            assert run.returncode == 4
            assert key_fingerprint(A_KEY) in run.stderr
            assert fingerprint(broker) in run.stderr


def test_who_wants_something_ends_the_silence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that closes its client does not wait for a broker's last words."""
    asked = threading.Event()
    monkeypatch.setattr("client.beacon._SILENCE", 10 * DEADLINE)
    monkeypatch.setattr("client.beacon.keep_silent", lambda *how: asked.set() or keep_silent(*how))
    with fake_broker(tmp_path / "other", None) as port:
        client = Client("alice", broker=invite(port), home=tmp_path)
        assert asked.wait(DEADLINE)
        client.close(0)
        until(lambda: "confab" not in {thread.name for thread in threading.enumerate()})


def test_who_goes_on_talking_is_told_too(tmp_path: Path) -> None:
    """What one sends meanwhile wakes the client's thread, and does not end the silence."""
    endpoint = free_endpoint()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", int(endpoint.rpartition(":")[2])))
        with running_broker(tmp_path / "home", endpoint):
            client = Client("alice", broker=Address(endpoint, A_KEY).invite, home=tmp_path / "person")

            def is_told() -> bool:
                try:
                    client.send("#general", "and another thing")
                except WrongBroker:
                    return True
                return False

            until(is_told)


def test_a_command_that_gives_up_before_the_silence_ends_says_why(tmp_path: Path) -> None:
    """Behind this port is no broker that says who it is, to anyone."""
    with fake_broker(tmp_path / "other", None) as port:
        run = confab("who", "--as", "ann", "--broker", invite(port), "--timeout", "2", home=tmp_path / "person")
        assert run.returncode != 0
        assert "did not prove the broker's key" in run.stderr


@pytest.mark.parametrize("words", [[], ["host:1"], ["tcp://host:1", "more"], ["confab://host:1/short"]])
def test_trust_takes_one_invite(words: list[str], tmp_path: Path) -> None:
    run = confab("trust", *words, home=tmp_path)
    assert run.returncode == 2
    assert "confab://" in run.stderr or "key" in run.stderr
    assert not (tmp_path / "known.json").exists()
