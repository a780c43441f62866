"""Messages of many frames, which libzmq keeps until the last one has come: who does not end one is cut.

On real sockets, tick by tick. That a broker looks by itself, and what it grows by meanwhile, is the torture row
`hostile`'s.
"""

from __future__ import annotations

import contextlib
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import zmq

from broker import server, swell
from broker.connections import Connections
from broker.limits import STRANGER_BYTES, UNFINISHED_BYTES
from broker.swell import Swell
from messages import FRAME_BYTES, PROTOCOL, Hello, Post, encode_commands, key_text

from .dealer import Dealer
from .stepped import Stepped

pytestmark = pytest.mark.skipif(not swell.SUPPORTED, reason="Linux tells what came over a connection")

MORE, LONG, COMMAND = 1, 2, 4  # flags of a ZMTP frame
INITIATE = b"\x08INITIATE\x0bSocket-Type\0\0\0\x06DEALER"


@pytest.fixture(params=["curve", "plain"])
def broker(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stepped]:
    """A broker that looks at each connection in each tick."""
    monkeypatch.setattr(swell, "SWELL_BYTES", 0)
    monkeypatch.setattr(Swell, "_memory", lambda _: 1)
    tick = server.Server._tick
    monkeypatch.setattr(server.Server, "_tick", lambda self: self._swell.stir() or tick(self))
    broker = Stepped(tmp_path, monkeypatch, plain=request.param == "plain")
    yield broker
    broker.close()


only_plain = pytest.mark.parametrize("broker", ["plain"], indirect=True)


class Raw:
    """A client of a plain broker that sends what it wants, also half of a message."""

    def __init__(self, broker: Stepped) -> None:
        where = urlsplit(broker.address.endpoint)
        self.socket = socket.create_connection((where.hostname, where.port))
        name = key_text(secrets.token_bytes(32)).encode()
        self.socket.sendall((b"\xff" + bytes(8) + b"\x7f\x03\x01" + b"PLAIN".ljust(20, b"\0")).ljust(64, b"\0"))
        self.socket.setblocking(False)
        self.answered = b""
        for said, wanted in ((b"\x05HELLO" + bytes([len(name)]) + name + b"\0", b"WELCOME"), (INITIATE, b"READY")):
            self.socket.sendall(bytes([COMMAND, len(said)]) + said)
            broker.until(lambda wanted=wanted: self._hears(wanted), "the next step of the handshake")

    def _hears(self, wanted: bytes) -> bool:
        with contextlib.suppress(BlockingIOError):
            self.answered += self.socket.recv(65536)
        return wanted in self.answered

    def hello(self, broker: Stepped) -> None:
        self.frame(encode_commands([Hello(PROTOCOL, "raw", bytes(16))]), more=False)
        broker.until(lambda: self._hears(b"welcome"), "a welcome")

    def frame(self, body: bytes, *, more: bool, size: int | None = None) -> None:
        """A frame, or the beginning of one of a larger size."""
        self.socket.setblocking(True)
        self.socket.sendall(bytes([LONG | more]) + (size or len(body)).to_bytes(8, "big") + body)
        self.socket.setblocking(False)

    @property
    def cut(self) -> bool:
        with contextlib.suppress(BlockingIOError):
            try:
                return not self.socket.recv(65536)
            except ConnectionResetError:
                return True
        return False


@pytest.fixture
def raw(broker: Stepped) -> Iterator[Raw]:
    client = Raw(broker)
    yield client
    client.socket.close()


def whys(broker: Stepped) -> list[object]:
    return [note.fields["why"] for note in broker.notes if note.what == "refused"]


def kept(broker: Stepped) -> int:
    """What libzmq is thought to keep of the only connection."""
    [(descriptor, peer)] = broker.server._connections.open.items()
    assert peer is not None
    return swell._kept(descriptor, peer.read)


def serves(broker: Stepped) -> None:
    with broker.dealer("canary") as canary:
        assert canary.accepted(Post(1, "*", "sing"))


def endless(broker: Stepped) -> Dealer:
    """A client in the middle of a message of 800 MB, of which it keeps one frame; it has been welcomed."""
    dealer = broker.dealer("alice", sndhwm=0)
    part = zmq.Frame(bytes(200_000), copy=False)
    dealer.socket.send_multipart([part] * 4000, copy=False)
    return dealer


def test_a_message_without_end_is_cut_and_told(broker):
    endless(broker).is_cut()
    assert whys(broker) == [f"{UNFINISHED_BYTES // 1024} KiB of a message came, and no end of it"]
    assert [note.fields["who"] for note in broker.notes if note.what == "refused"] == ["alice"]
    serves(broker)


@only_plain
@pytest.mark.parametrize("greeted", [False, True])
def test_it_is_cut_also_when_nothing_more_comes(broker, raw, greeted):
    """Before a first word, and after it."""
    if greeted:
        raw.hello(broker)
    for _ in range(2):
        raw.frame(bytes(200_000), more=True)
    broker.until(lambda: raw.cut, "the end of the connection")
    assert len(whys(broker)) == 1
    serves(broker)


@only_plain
def test_without_the_watch_it_would_stay(broker, raw, monkeypatch):
    """The control: its message is read, to its end, whenever that comes."""
    monkeypatch.setattr(Swell, "look", lambda *_: None)
    for _ in range(200):
        raw.frame(bytes(200_000), more=True)
    serves(broker)
    assert not raw.cut
    raw.frame(b"", more=False)
    broker.until(lambda: raw._hears(b"this one had 201"), "an answer")


@only_plain
def test_one_frame_of_the_largest_size_may_take_its_time(broker, raw):
    raw.hello(broker)
    raw.frame(bytes(FRAME_BYTES - 1), more=False, size=FRAME_BYTES)
    serves(broker)
    assert not raw.cut
    raw.socket.sendall(b"\0")
    broker.until(lambda: raw._hears(b"malformed"), "an answer")


def test_whole_messages_that_wait_to_be_read_are_no_message_without_end(broker):
    """16 MiB of them, two ticks' reading, and the kernel's buffers behind them."""
    alice = broker.dealer("alice", sndhwm=0)
    for number in range(1, 81):
        alice.socket.send(encode_commands([Post(number, "*", "x" * 1000)]).ljust(FRAME_BYTES, b"\0"))
    alice._pump = lambda: None
    alice.until(lambda: kept(broker) > 8 * 2**20, "much to read")
    alice._pump = broker.step
    alice.barrier()
    assert not alice.cut
    assert not [why for why in whys(broker) if "no end" in str(why)]


def test_what_is_read_is_what_came(broker):
    """To the byte, for frames of each size and several in a message: nothing is left for who talks for years."""
    alice = broker.dealer("alice")
    alice.barrier()
    before = kept(broker)
    assert before < 1024, "the handshake"
    for size in (0, 1, 100, *range(220, 225), *range(253, 258), 1000, 70_000, FRAME_BYTES):
        alice.raw(bytes(size))
        alice.raw(bytes(size), b"", bytes(size))
        alice.barrier()
    assert kept(broker) == before


def test_in_a_flood_it_is_cut_after_a_while(monkeypatch):
    """There is always more to read then, but whoever had something whole to be read had it read by then."""
    monkeypatch.setattr(Swell, "_memory", lambda _: 2**30)
    watch, connections = Swell(), Connections(10)
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()) as sender,
        listener.accept()[0] as taken,
    ):
        connections.accepted(taken.fileno(), 0.0)
        for _ in range(8):
            sender.sendall(bytes(50_000))
            taken.recv(50_000, socket.MSG_WAITALL)
        watch.stir()
        watch.look(connections, 0.0)
        assert not list(watch.endless(connections, 0.9, exhausted=False))
        assert list(watch.endless(connections, 1.0, exhausted=False)) == [(taken.fileno(), None)]
        assert not list(watch.endless(connections, 2.0, exhausted=True)), "once"


def test_a_connection_without_a_count_is_left_alone():
    """A Unix socket, and one that is over."""
    one, other = socket.socketpair()
    with one, other:
        other.sendall(bytes(1000))
        assert swell._kept(one.fileno(), 0) == 0
        gone = one.fileno()
    assert swell._kept(gone, 0) == 0


# --- before anything was read ----------------------------------------------------------------------------------------

GREETING = (b"\xff" + bytes(8) + b"\x7f\x03\x01" + b"CURVE".ljust(20, b"\0")).ljust(64, b"\0")


@pytest.mark.parametrize("broker", ["curve"], indirect=True)
@pytest.mark.parametrize("allowed", [STRANGER_BYTES, UNFINISHED_BYTES], ids=["as it is", "the control"])
def test_a_stranger_may_begin_a_handshake_and_no_large_frame(broker: Stepped, monkeypatch, allowed: int) -> None:
    """Of two that fill a frame which never ends, the one that is larger than a handshake is cut."""
    monkeypatch.setattr(swell, "STRANGER_BYTES", allowed)
    where = urlsplit(broker.address.endpoint)
    address, open_ones = (where.hostname, where.port), broker.server._connections
    with socket.create_connection(address) as small, socket.create_connection(address) as large:
        for stranger, size in ((small, 10_000), (large, 200_000)):
            stranger.sendall(GREETING + bytes([COMMAND | LONG]) + (FRAME_BYTES - 1).to_bytes(8, "big") + bytes(size))
        if allowed == STRANGER_BYTES:
            broker.until(lambda: bool(whys(broker)) and len(open_ones) == 1, "one is cut")
        else:
            broker.until(lambda: len(open_ones) == 2, "both are there")
            serves(broker)
            assert whys(broker) == []
