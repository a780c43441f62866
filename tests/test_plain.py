"""--plain: nothing is encrypted, keys are claimed. So it stays on this machine, is loud, and makes nobody operator."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import zmq
from zmq.utils import z85

from broker.keys import KeyPair
from broker.sockets import BindError, Sockets
from client import Client, Unreachable
from messages import (
    Accepted,
    Address,
    Grant,
    Message,
    Post,
    Rejected,
    Welcome,
    encode_commands,
    key_text,
    parse_address,
)

from .dealer import Dealer
from .processes import DEADLINE, TREE, BrokerProcess, confab, environment, running_broker
from .stepped import Stepped


@pytest.fixture
def broker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stepped]:
    broker = Stepped(tmp_path, monkeypatch, plain=True)
    yield broker
    broker.close()


def claims(broker: Stepped, name: bytes, password: bytes = b"") -> Dealer:
    """Someone who claims a key; the broker has let them in (up) or not (cut)."""
    options: dict[str, Any] = {"plain_username": name} | ({"plain_password": password} if password else {})
    dealer = broker.dealer("eve", greet=False, **options)
    dealer.until(lambda: dealer.up or dealer.cut, "an end of the handshake")
    return dealer


def broker_name(broker: Stepped) -> bytes:
    """What anybody can know: the broker's public key."""
    return key_text(broker.core.operator).encode()


# --- who is who ------------------------------------------------------------------------------------------------------


def test_people_talk_and_the_key_that_they_claim_is_their_account(broker: Stepped) -> None:
    alice, bob = broker.dealer("alice"), broker.dealer("bob")
    alice.accepted(Post(1, "@bob", "hi"))
    assert bob.wait(Message).sender == "alice"
    assert broker.core.state.by_key[z85.decode(alice.keys[0])].nick == "alice"
    forger = broker.dealer("anyone", keys=alice.keys)
    assert forger.accepted(Post(2, "@bob", "nothing is proved here"))
    assert bob.wait(Message).sender == "alice"


GOOD = key_text(bytes(range(32))).encode()


@pytest.mark.parametrize(
    "name", [b"alice", GOOD[:-1], GOOD + b"A", b"%" * 43, b"\xff" * 43, b"\0" * 43, b"A" * 255, z85.encode(bytes(32))]
)
def test_a_name_that_is_no_key_is_refused(broker: Stepped, name: bytes) -> None:
    assert claims(broker, GOOD).up, "the control"
    assert claims(broker, name).cut


@pytest.mark.parametrize("mechanism", ["null", "curve"])
def test_only_plain_is_spoken(broker: Stepped, mechanism: str) -> None:
    with contextlib.closing(zmq.Context.instance().socket(zmq.DEALER)) as stranger:
        stranger.linger = 0
        stranger.reconnect_ivl = 2**31 - 1
        if mechanism == "curve":
            stranger.curve_publickey, stranger.curve_secretkey = zmq.curve_keypair()
            stranger.curve_serverkey = z85.encode(broker.core.operator)
        stranger.connect(broker.address.endpoint)
        stranger.send(encode_commands([Post(1, "*", "hi")]), zmq.NOBLOCK)
        broker.until(lambda: broker.notes, "a note of the refusal")
        assert {note.what for note in broker.notes} == {"refused"}
        assert not stranger.poll(0)
    assert broker.dealer("alice").accepted(Post(1, "*", "the control"))


# --- the operator ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("password", [b"", b"admin", b"0" * 64])
def test_nobody_is_the_operator_by_claiming_the_brokers_key(broker: Stepped, password: bytes) -> None:
    assert claims(broker, broker_name(broker), password).cut
    assert claims(broker, GOOD, password).up == (password == b""), "and others have no password"


def test_who_can_read_the_key_file_is(broker: Stepped) -> None:
    alice = broker.dealer("alice")
    operator = claims(broker, broker_name(broker), broker.sockets._keys.password)
    assert isinstance(operator.hello(), Welcome)
    assert isinstance(operator.ask(Grant(1, "alice", "admin")), Accepted)
    assert broker.core.state.by_key[z85.decode(alice.keys[0])].role == "admin"


def test_with_no_password_wanted_anybody_would_be(broker: Stepped, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control of the first."""
    monkeypatch.setattr(KeyPair, "password", b"")
    eve = broker.dealer("eve")
    forger = claims(broker, broker_name(broker))
    assert isinstance(forger.hello(), Welcome)
    assert isinstance(forger.ask(Grant(1, "eve", "admin")), Accepted)
    assert broker.core.state.by_key[z85.decode(eve.keys[0])].role == "admin"


def test_the_password_gives_neither_key_away_and_differs_between_brokers() -> None:
    pair, other = KeyPair(b"p" * 32, b"s" * 32), KeyPair(b"p" * 32, b"t" * 32)
    assert pair.password != other.password
    assert pair.secret.hex().encode() not in pair.password


# --- where it listens ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "endpoint", ["tcp://0.0.0.0:*", "tcp://*:*", "tcp://[::]:*", "tcp://192.0.2.1:5577", "tcp://lo:*"]
)
def test_what_others_might_reach_is_not_opened(endpoint: str) -> None:
    """Also not behind another endpoint which is harmless; encrypted it is not refused for that reason."""
    public, secret = map(z85.decode, zmq.curve_keypair())
    with pytest.raises(BindError, match=r"^With --plain nothing is encrypted"):
        Sockets(KeyPair(public, secret), ("tcp://127.0.0.1:*", endpoint), plain=True)
    with pytest.raises(BindError, match=r"^Cannot listen on tcp://192\.0\.2\.1"):
        Sockets(KeyPair(public, secret), ("tcp://192.0.2.1:5577",))


def test_loopback_and_unix_sockets_are(tmp_path: Path) -> None:
    public, secret = map(z85.decode, zmq.curve_keypair())
    wanted = ("tcp://127.0.0.1:*", "tcp://127.1.2.3:*", "tcp://localhost:*", f"ipc://{tmp_path}/a.sock")
    sockets = Sockets(KeyPair(public, secret), wanted, plain=True)
    assert [endpoint.rpartition(":")[0] for endpoint in sockets.endpoints] == [
        "tcp://127.0.0.1",
        "tcp://127.1.2.3",
        "tcp://127.0.0.1",
        "ipc",
    ]
    sockets.close(0)


# --- as processes ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    """A plain broker for the tests below."""
    home = tmp_path_factory.mktemp("plain")
    with running_broker(home, None, "--plain", "--bind", f"ipc://{home}/a.sock") as broker:
        yield broker


def test_clients_under_its_home_and_with_its_invites_talk(shared: BrokerProcess, tmp_path: Path) -> None:
    invites = shared.told("listening")["invites"]
    assert [invite.rpartition("/")[0] for invite in invites] == [
        shared.endpoint.replace("tcp://", "confab+plain://"),
        f"confab+plain+ipc://{shared.home}/a.sock",
    ]
    with contextlib.ExitStack() as stack:
        alice = stack.enter_context(Client("alice", home=shared.home))
        others = [Client(f"n{n}", home=tmp_path, broker=invite) for n, invite in enumerate(invites)]
        for client in (alice, *map(stack.enter_context, others)):
            client.wait_connected(DEADLINE)
        for client in others:
            client.send("@alice", "hi").wait(DEADLINE)
        run = confab("send", "--as", "ci", "@alice", "hi", home=shared.home)
        assert (run.returncode, run.stderr) == (0, "")
        assert [next(alice.messages(DEADLINE)).sender for _ in range(3)] == ["n0", "n1", "ci"]


def test_admins_are_made_while_it_runs(shared: BrokerProcess) -> None:
    with Dealer(shared.invite, "ann") as ann:
        assert isinstance(ann.hello(), Welcome)
        assert isinstance(ann.ask(Grant(1, GOOD.decode(), "member")), Rejected)
        assert shared.run("grant", "ann", "admin") == "ann is admin now.\n"
        assert isinstance(ann.ask(Grant(2, GOOD.decode(), "member")), Accepted)


def test_an_invite_that_is_made_there_is_plain_too(shared: BrokerProcess) -> None:
    made = [parse_address(line) for line in shared.run("invite", "create").splitlines()]
    listening = [parse_address(invite) for invite in shared.told("listening")["invites"]]
    assert [replace(address, token="") for address in made] == listening
    assert all(address.token and address.plain for address in made)


def test_an_encrypted_client_is_told_in_words(shared: BrokerProcess, tmp_path: Path) -> None:
    with Client("carl", home=tmp_path, broker=shared.invite.replace("+plain", "")) as carl:
        next(carl.events(DEADLINE))  # it has tried
        with pytest.raises(Unreachable, match=r"or one with --plain; that needs|One with --plain proves none"):
            carl.wait_connected(0)


def test_a_plain_client_at_an_encrypted_broker_is_told_in_words(tmp_path: Path) -> None:
    with running_broker(tmp_path) as broker:
        invite = broker.invite.replace("confab", "confab+plain")
        run = confab("send", "--as", "carl", "--broker", invite, "*", "hi", "--timeout", "1", home=tmp_path)
        assert run.returncode == 4
        assert "or an encrypted one" in run.stderr
        broker.told("refused")
        assert confab("send", "--as", "carl", "*", "hi", home=tmp_path).returncode == 0, "the control"


def test_it_says_loudly_what_it_is(shared: BrokerProcess) -> None:
    assert [line["event"] for line in shared.lines[:2]] == ["listening", "unencrypted"]
    assert "NOTHING IS ENCRYPTED" in shared.lines[1]["text"]


@pytest.mark.parametrize(("arguments", "loud"), [(("--plain",), 2), ((), 0)])
def test_so_do_its_banner_and_its_log_for_people(tmp_path: Path, arguments: tuple[str, ...], loud: int) -> None:
    """And without --plain neither does."""
    process = subprocess.Popen(
        [sys.executable, "-m", "broker", "--data", tmp_path, "--bind", "tcp://127.0.0.1:*", *arguments],
        cwd=TREE,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    banner = "".join(iter(process.stdout.readline, "\n"))  # it ends with an empty line
    with Dealer(banner.split()[-1]) as alice:
        assert isinstance(alice.hello(), Welcome)
    process.send_signal(signal.SIGTERM)
    told = banner + process.communicate(timeout=DEADLINE)[0]
    assert told.count("NOTHING IS ENCRYPTED") == loud
    assert ("confab+plain://" in told, "lets others in" in told) == (bool(loud), not loud)


# --- never by itself -------------------------------------------------------------------------------------------------


VERSION = b"\xff\0\0\0\0\0\0\0\1\x7f\3\1"  # how a ZMTP greeting begins; the mechanism comes next


def offers(invite: str, spoken: bytes, listener: socket.socket, home: Path) -> list[bytes]:
    """Which mechanism a client offers, at each of some attempts, to one who speaks this one."""
    found = []
    with Client("alice", broker=invite, home=home):
        for _ in range(4):
            connection, _ = listener.accept()
            with connection, connection.makefile("rb") as stream:
                connection.sendall(VERSION)
                found.append(stream.read(64)[12:32].rstrip(b"\0"))
                connection.sendall(spoken.ljust(20, b"\0") + b"\1" + bytes(31))
    return found


@pytest.mark.parametrize(("offered", "spoken"), [(b"CURVE", b"PLAIN"), (b"PLAIN", b"CURVE"), (b"CURVE", b"NULL")])
def test_a_client_never_falls_back(tmp_path: Path, offered: bytes, spoken: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(DEADLINE)
        endpoint = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        address = Address(endpoint, b"k" * 32, plain=offered == b"PLAIN")
        assert offers(address.invite, spoken, listener, tmp_path) == [offered] * 4
