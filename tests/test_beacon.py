"""The beacon over real UDP on loopback: what it answers, what it never answers, and what a client makes of silence."""

from __future__ import annotations

import os
import resource
import select
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from broker import beacon as module
from broker.beacon import Beacon
from client.beacon import ask_fingerprint
from messages import Post, beacon_answer, beacon_query, fingerprint_hash, read_beacon_answer, read_beacon_query

from .datagrams import free_port, serving
from .stepped import Stepped

KEY = bytes(range(32))
NONCE = b"n" * 16


@contextmanager
def beaconing(endpoint: str, key: bytes = KEY) -> Iterator[Beacon]:
    """A beacon that answers."""
    beacon = Beacon(key, [endpoint])
    try:
        with serving([*beacon.sockets.values()], lambda each: beacon.answer(each.fileno())):
            yield beacon
    finally:
        beacon.close()


@contextmanager
def asking(beacon: Beacon) -> Iterator[socket.socket]:
    """A socket whose datagrams go to a beacon that answers when the test says so."""
    [at] = beacon.sockets.values()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.connect(at.getsockname())
        asker.settimeout(5)
        yield asker


@pytest.fixture
def beacon() -> Iterator[Beacon]:
    beacon = Beacon(KEY, [f"tcp://127.0.0.1:{free_port()}"])
    yield beacon
    beacon.close()


def test_a_client_learns_the_fingerprint_at_the_address_and_number_of_the_tcp_port() -> None:
    for host in ("127.0.0.1", "0.0.0.0"):
        port = free_port()
        with beaconing(f"tcp://{host}:{port}"):
            assert ask_fingerprint(f"tcp://localhost:{port}") == fingerprint_hash(KEY)


def test_ipv6() -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    try:
        port = free_port(socket.AF_INET6)
    except OSError:
        pytest.skip("no IPv6 loopback here")
    for host in ("[::1]", "[::]"):
        with beaconing(f"tcp://{host}:{port}") as beacon:
            assert not beacon.problems
            assert ask_fingerprint(f"tcp://[::1]:{port}") == fingerprint_hash(KEY)


def test_the_answer_is_shorter_than_the_query_and_holds_no_key(beacon: Beacon) -> None:
    with asking(beacon) as asker:
        asker.send(beacon_query(NONCE))
        [descriptor] = beacon.sockets
        beacon.answer(descriptor)
        answer = asker.recv(1000)
    assert len(answer) <= len(beacon_query(NONCE)) == 64
    assert read_beacon_answer(answer, NONCE) == fingerprint_hash(KEY)
    assert KEY not in answer
    assert len(answer) < 8 + len(NONCE) + len(KEY)  # there is no room for it, in any form


def test_the_datagrams_are_those_of_the_protocol() -> None:
    """As PROTOCOL.md writes them, for a client in another language."""
    digest = fingerprint_hash(KEY)
    assert beacon_query(NONCE) == b"confab?\x01" + NONCE + bytes(40)
    assert read_beacon_query(b"confab?\x01" + NONCE + b"of any value".ljust(40)) == NONCE
    assert beacon_answer(NONCE, digest) == b"confab!\x01" + NONCE + digest


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        b"x" * 64,
        beacon_query(NONCE)[:-1],
        beacon_query(NONCE) + b"\0",
        beacon_query(NONCE).replace(b"\x01", b"\x02"),
        beacon_answer(NONCE, fingerprint_hash(KEY)),
        bytes(range(64)),
    ],
)
def test_what_is_no_query_gets_no_answer(beacon: Beacon, datagram: bytes) -> None:
    """Nothing comes back for it, while the query behind it is answered."""
    with asking(beacon) as asker:
        asker.send(datagram)
        asker.send(beacon_query(NONCE))
        [descriptor] = beacon.sockets
        beacon.answer(descriptor)
        assert read_beacon_answer(asker.recv(1000), NONCE)
        assert not select.select([asker], [], [], 0)[0]


def test_a_flood_is_answered_up_to_the_bound_of_a_tick(beacon: Beacon) -> None:
    with asking(beacon) as asker:
        for _ in range(3 * module.ANSWERS):
            asker.send(beacon_query(NONCE))
        [descriptor] = beacon.sockets
        for _ in ("one tick", "the next"):
            beacon.answer(descriptor)
            for _ in range(module.ANSWERS):
                assert asker.recv(1000)
            assert not select.select([asker], [], [], 0)[0]


@pytest.mark.parametrize("busy", ["beacon", "chat"])
def test_who_keeps_the_beacon_busy_does_not_keep_the_index_waiting(
    busy: str, beacon: Beacon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anyone can send queries on and on. The control: while people talk, the index does wait."""
    broker = Stepped(tmp_path, monkeypatch)
    broker.server._beacon = beacon
    ready = {"beacon": next(iter(beacon.sockets)), "chat": broker.sockets.router}[busy]

    class Busy:
        def poll(self, _: int) -> list[tuple[object, int]]:
            return [(ready, 1)]

    alice = broker.dealer("alice")
    alice.accepted(Post(1, "#general", "hello"))
    broker.ahead += 1  # behind the burst
    behind = broker.core.index.behind
    broker.server._wait(Busy(), busy=False)
    assert (behind, broker.core.index.behind) == (True, busy == "chat")
    broker.close()


def test_an_answer_to_another_query_is_none(beacon: Beacon) -> None:
    answer = beacon_answer(NONCE, fingerprint_hash(KEY))
    assert read_beacon_answer(answer, NONCE) == fingerprint_hash(KEY)
    assert read_beacon_answer(answer, b"m" * 16) is None
    assert read_beacon_answer(answer + b"\0", NONCE) is None
    assert read_beacon_query(answer) is None


def test_a_port_in_use_is_a_sentence_and_the_other_endpoints_are_served() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        used, free = f"tcp://127.0.0.1:{taken.getsockname()[1]}", f"tcp://127.0.0.1:{free_port()}"
        beacon = Beacon(KEY, [used, "ipc:///tmp/x", free])
        [problem] = beacon.problems
        assert used in problem
        assert "in use" in problem
        assert len(beacon.sockets) == 1
        beacon.close()


def test_nobody_there_is_no_answer_at_once() -> None:
    began = time.monotonic()
    assert ask_fingerprint(f"tcp://127.0.0.1:{free_port()}") is None
    assert time.monotonic() - began < 0.4


@pytest.mark.parametrize("endpoint", ["ipc:///tmp/x", f"tcp://{'x' * 80}.example:1"])
def test_where_nobody_can_be_asked_there_is_no_answer(endpoint: str) -> None:
    assert ask_fingerprint(endpoint) is None


@contextmanager
def replying(*replies: Callable[[bytes], bytes]) -> Iterator[str]:
    """Somebody else on a UDP port, who has one reply for each query, and then none."""
    left = iter(replies)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))

        def take(at: socket.socket) -> None:
            query, asker = at.recvfrom(100)
            reply = next(left, None)
            if reply is not None and (answer := reply(query[8:24])):
                at.sendto(answer, asker)

        with serving([other], take):
            yield f"tcp://127.0.0.1:{other.getsockname()[1]}"


def lost(_: bytes) -> bytes:
    return b""


def right(nonce: bytes) -> bytes:
    return beacon_answer(nonce, fingerprint_hash(KEY))


def forged(_: bytes) -> bytes:
    return beacon_answer(b"guessed nonce...", b"x" * 12)


def test_a_query_that_was_lost_is_sent_again() -> None:
    with replying(lost, lost, right) as endpoint:
        assert ask_fingerprint(endpoint) == fingerprint_hash(KEY)


def test_who_has_not_seen_the_query_is_not_believed() -> None:
    with replying(forged, right) as endpoint:
        assert ask_fingerprint(endpoint) == fingerprint_hash(KEY)


def test_silence_is_over_after_half_a_second() -> None:
    began = time.monotonic()
    with replying() as endpoint:
        assert ask_fingerprint(endpoint) is None
    assert 0.4 < time.monotonic() - began < 2


def test_a_process_with_very_many_descriptors_asks_too() -> None:
    """`select` takes none above 1,023."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 2048), hard))
    with replying(right) as endpoint:
        taken = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
        try:
            assert ask_fingerprint(endpoint) == fingerprint_hash(KEY)
        finally:
            for descriptor in taken:
                os.close(descriptor)
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
