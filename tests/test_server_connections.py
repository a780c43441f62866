"""The server on real sockets, tick by tick: who is behind a descriptor, who is let in, who is cut, and when."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import resource
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
import zmq
from zmq.utils import z85

from broker import server, sockets
from broker.beacon import Beacon
from broker.connections import Connections
from broker.keys import KeyPair
from broker.limits import MUTE_SECONDS
from broker.refusals import Refusals
from broker.sessions import Peer
from broker.sockets import received
from messages import (
    FRAME_BYTES,
    HELLO_SECONDS,
    PROTOCOL,
    Bye,
    Dismissed,
    Hello,
    Message,
    Ping,
    Pong,
    Post,
    Presence,
    Rejected,
    Welcome,
    encode_commands,
    fingerprint_hash,
    read_beacon_farewell,
)

from .dealer import Dealer
from .stepped import Stepped


@pytest.fixture
def broker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stepped]:
    broker = Stepped(tmp_path, monkeypatch)
    yield broker
    broker.close()


def whys(broker: Stepped) -> list[object]:
    return [note.fields.get("why") for note in broker.notes if note.what == "refused"]


def raw(broker: Stepped) -> socket.socket:
    """A TCP connection to the broker's port."""
    where = urlsplit(broker.address.endpoint)
    return socket.create_connection((where.hostname, where.port), timeout=5)


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def serves(broker: Stepped) -> None:
    """Someone new comes in and is answered."""
    with broker.dealer("canary") as canary:
        assert canary.accepted(Post(1, "*", "sing"))


# --- the bookkeeping alone -------------------------------------------------------------------------------------------


def peer() -> Peer:
    return Peer(b"", b"", 0.0, 0.0)


def never() -> bool:
    raise AssertionError("asked without need")


def test_a_connection_is_its_descriptors_until_it_is_closed():
    known, alice = Connections(10), peer()
    known.accepted(7, 0)
    assert known.met(alice, 7, never)
    assert known.descriptor(alice) == 7
    assert known.closed(7) is alice
    assert known.descriptor(alice) is None
    assert len(known) == 0


def test_a_first_frame_that_is_read_after_the_end_belongs_to_nobody_else():
    known, gone, here = Connections(10), peer(), peer()
    known.accepted(7, 0)
    assert known.closed(7) is None
    known.accepted(7, 0)
    assert not known.met(gone, 7, lambda: False)
    assert known.met(here, 7, lambda: True)
    assert (known.descriptor(gone), known.descriptor(here)) == (None, 7)
    assert not known.met(peer(), 7, never), "two cannot have one descriptor"
    assert known.closed(7) is here


def test_once_all_is_read_nobody_is_in_doubt():
    known = Connections(10)
    known.accepted(7, 0), known.closed(7), known.accepted(7, 0), known.drained()
    assert known.met(peer(), 7, never)


def test_those_who_say_nothing_are_named_in_order_and_once():
    known = Connections(10)
    known.accepted(7, 0), known.accepted(8, 1), known.accepted(9, 2), known.closed(8), known.accepted(7, 3)
    known.met(peer(), 9, never)
    assert known.deadline == 3 + MUTE_SECONDS
    assert list(known.fresh(known.deadline - 0.1)) == []
    assert list(known.fresh(known.deadline)) == [7]
    assert known.deadline == 13
    assert list(known.overdue(12.9)) == []
    assert list(known.overdue(13)) == [7]
    assert known.deadline is None


@pytest.mark.parametrize("seed", range(200))
def test_whatever_the_order_the_living_are_known_and_the_dead_never_own_a_descriptor(seed):
    """Connections come and go on three descriptors; what they said is read later, in any order."""
    rng = random.Random(seed)
    known = Connections(10)
    alive: dict[int, Peer] = {}  # descriptor → connection
    unread: list[tuple[int, Peer]] = []
    read: set[Peer] = set()
    for _ in range(60):
        descriptor = rng.randrange(3)
        match rng.randrange(5):
            case 0 | 1 if descriptor not in alive:
                known.accepted(descriptor, 0)
                alive[descriptor] = peer()
                if rng.random() < 0.8:
                    unread.append((descriptor, alive[descriptor]))
            case 2 if descriptor in alive:
                gone = alive.pop(descriptor)
                assert known.closed(descriptor) is (gone if gone in read else None)
            case 3 if unread:
                at, one = unread.pop(rng.randrange(len(unread)))
                assert known.met(one, at, lambda one=one: one in alive.values()) == (one in alive.values())
                if one in alive.values():
                    read.add(one)
            case 4 if not unread:
                known.drained()
        for one in [one for _, one in unread if one not in alive.values()]:
            assert known.descriptor(one) is None
        assert len(known) == len(alive)


# --- those who say nothing -------------------------------------------------------------------------------------------


def test_a_client_that_never_says_anything_is_cut_in_time(broker):
    silent = broker.dealer(greet=False)
    silent.until(lambda: len(broker.server._connections) == 1)
    broker.steps(HELLO_SECONDS - 1)
    assert not silent.cut
    broker.steps(1.1)
    silent.is_cut()
    assert whys(broker) == ["it said nothing for 20 seconds"]
    serves(broker)


def test_a_tcp_connection_that_never_says_anything_is_cut_in_time(broker):
    with raw(broker) as silent:
        broker.until(lambda: len(broker.server._connections) == 1)
        broker.steps(HELLO_SECONDS + 0.1)
        with contextlib.suppress(ConnectionResetError):
            while silent.recv(1000):
                pass
    serves(broker)


def heard(connection: socket.socket) -> bytes:
    """All that comes over a connection until its end."""
    return b"".join(iter(lambda: connection.recv(1000), b""))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts what came over a connection")
def test_a_tcp_connection_of_which_no_byte_came_is_told_who_this_is_and_cut(broker):
    broker.server._beacon = Beacon(b"key" * 10)
    with raw(broker) as mute, raw(broker) as slow:
        slow.send(b"\xff")  # the first byte of a greeting
        broker.until(lambda: len(broker.server._connections) == 2)
        broker.until(lambda: None not in map(received, broker.server._connections.open))
        broker.steps(MUTE_SECONDS + 0.1)
        assert read_beacon_farewell(heard(mute)) == fingerprint_hash(b"key" * 10)
        broker.until(lambda: len(broker.server._connections) == 1)
        broker.steps(HELLO_SECONDS)
        assert read_beacon_farewell(heard(slow)) is None
        broker.until(lambda: len(broker.server._connections) == 0)
        told = [note.fields for note in broker.notes if note.what == "refused"]
        whys = ("not one byte came in 2 seconds", "it said nothing for 20 seconds")
        assert told == [{"who": "a connection", "address": "127.0.0.1", "why": why} for why in whys], "once of each"
    serves(broker)


def test_of_a_handshake_that_fails_it_is_told_once_whose_it_was(broker):
    with raw(broker) as wrong:
        wrong.send(b"\xff")  # the first byte of a greeting
        broker.until(lambda: len(broker.server._connections) == 1)
    broker.until(lambda: len(broker.server._connections) == 0)
    [told] = [note.fields for note in broker.notes if note.what == "refused"]
    assert (told["who"], told["address"]) == ("a connection", "127.0.0.1")


def test_of_many_that_are_refused_at_once_one_line_is_told():
    refusals = Refusals({1: "192.0.2.1", 2: "192.0.2.1", 3: "", 4: "192.0.2.4", 5: "192.0.2.5", 6: "::1"}.get)
    for descriptor in range(1, 7):
        refusals.refuse(descriptor, "too many")
        refusals.refuse(descriptor, "something else")
    refusals.failed("broke off")
    refusals.over(1)
    assert list(refusals.take()) == [
        ("6 connections", "192.0.2.1, 192.0.2.4, 192.0.2.5 and 1 more addresses", "too many")
    ]
    refusals.failed("broke off")
    refusals.over(1)
    assert list(refusals.take()) == [("a connection", "192.0.2.1", "broke off")], "another one by now"
    refusals.unknown("not PLAIN")
    refusals.over(2)
    assert list(refusals.take()) == [("a connection", "", "not PLAIN")], "it stays open"


def test_where_what_came_is_not_known_nobody_is_taken_for_mute(broker, monkeypatch):
    monkeypatch.setattr(server, "received", lambda descriptor: None)
    with raw(broker):
        broker.until(lambda: len(broker.server._connections) == 1)
        broker.steps(MUTE_SECONDS + 0.1)
        assert whys(broker) == []


def test_a_client_that_says_something_but_never_hello_is_told_and_cut(broker):
    rude = broker.dealer(greet=False)
    rude.put(Ping(1))
    rude.wait(Pong)
    broker.steps(HELLO_SECONDS + 0.1)
    assert rude.wait(Rejected).code == "hello_first"
    broker.steps(2.1)
    rude.is_cut()


def test_without_the_watch_the_silent_one_would_stay(broker, monkeypatch):
    """The control of the first."""
    monkeypatch.setattr(Connections, "overdue", lambda self, now: iter(()))
    silent = broker.dealer(greet=False)
    silent.until(lambda: len(broker.server._connections) == 1)
    broker.steps(HELLO_SECONDS + 0.1)
    with pytest.raises(AssertionError, match="end of the connection"):
        silent.until(lambda: silent.cut, "the end of the connection", deadline=0.2)


# --- those who go ----------------------------------------------------------------------------------------------------


def hello(name: str) -> bytes:
    return encode_commands([Hello(PROTOCOL, name, name.encode().ljust(16, b"\0"))])


def only_zap(broker: Stepped) -> Callable[[], None]:
    """What a server in the middle of a long tick would have done before it: nobody's frames are read."""
    return lambda: broker.sockets.answer_zap() if broker.sockets.zap.poll(1) else None


def come_and_go_unread(broker: Stepped, name: str) -> None:
    """A client says Hello and is gone before the server has read anything of it."""
    with broker.dealer(name, greet=False) as dealer:
        dealer._pump = only_zap(broker)
        dealer.raw(hello(name))
        dealer.until(lambda: broker.sockets.router.poll(0), "its Hello, unread")
    while zmq.EVENT_DISCONNECTED not in broker.monitored():
        broker.sockets.monitor.poll(100)


def nothing_is_left(broker: Stepped) -> None:
    broker.until(lambda: not broker.server._peers, "an end of all peers")
    broker.until(lambda: not len(broker.server._connections), "an end of all connections")
    assert broker.server._connections._descriptors == {}
    broker.until(lambda: broker.core.state.by_nick == {}, "free nicks")


def test_one_who_is_gone_before_the_first_frame_is_read_leaves_nothing(broker):
    come_and_go_unread(broker, "alice")
    broker.until(lambda: broker.core.log.head > 0, "its Hello in the log")
    nothing_is_left(broker)
    broker.dealer("alice").barrier()
    assert set(broker.core.state.by_nick) == {"alice"}


def reuse(broker: Stepped) -> Dealer:
    """The next client gets the descriptor of one whose first frame is still unread, and stays for a minute."""
    for attempt in itertools.count():  # which descriptor the kernel gives depends on what else this process opens
        broker.step(0)
        come_and_go_unread(broker, f"gone{attempt}")
        late = broker.dealer(f"late{attempt}", greet=False)
        late._pump = only_zap(broker)
        late.raw(hello(late.name))
        while not late.up:
            late.read(0.01)
        broker.monitored()
        accepted = [descriptor for event, descriptor in broker._monitored if event == zmq.EVENT_ACCEPTED]
        if len(accepted) == 2 and len(set(accepted)) == 1:
            break
        late.close()
    late._pump = broker.step
    assert late.wait(Welcome).nick == late.name
    for _ in range(6):
        late.put(Ping(0))
        broker.steps(10)
    late.barrier()
    return late


def test_a_reused_descriptor_is_not_cut_for_the_one_that_had_it_before(broker):
    here = reuse(broker)
    assert not here.cut
    assert here.accepted(Post(1, "*", "still here"))
    assert set(broker.core.state.by_nick) == {here.name}


def test_with_every_first_frame_taken_for_its_descriptors_owner_it_would_be(broker, monkeypatch):
    """The control."""

    def trusting(self: Connections, peer: Peer, descriptor: int, alive: object) -> bool:
        self._open[descriptor] = peer
        self._descriptors[peer] = descriptor
        return True

    monkeypatch.setattr(Connections, "met", trusting)
    with pytest.raises(AssertionError, match=r"late\d+ was cut"):
        reuse(broker)


def test_one_who_is_gone_is_noticed_although_there_is_always_more_to_read(broker, monkeypatch):
    watch, alice = broker.dealer("watch"), broker.dealer("alice")
    watch.barrier()
    drain = server.Server._drain
    monkeypatch.setattr(server.Server, "_tick", lambda self, tick=server.Server._tick: tick(self) and False)
    monkeypatch.setattr(server.Server, "_drain", lambda self, now: drain(self, now) and False)
    alice.close()
    watch.until(lambda: bool(broker.server._ended))
    assert watch.barrier() == []
    broker.ahead += 1.1
    assert watch.wait(Presence) == Presence("alice", "lost")


def test_bye_followed_by_the_end_is_one_leaving(broker):
    watch = broker.dealer("watch")
    watch.barrier()
    leaver = broker.dealer("alice")
    leaver.put(Bye())
    leaver.barrier()
    leaver.close()
    watch.until(lambda: len(broker.server._peers) == 1)
    assert [event for event in watch.barrier() if isinstance(event, Presence)] == [
        Presence("alice", "joined"),
        Presence("alice", "left"),
    ]
    assert set(broker.core.state.by_nick) == {"watch"}


def test_one_who_says_bye_and_stays_is_cut(broker):
    leaver = broker.dealer("alice")
    leaver.put(Bye())
    leaver.barrier()
    broker.steps(2.1)
    leaver.is_cut()
    nothing_is_left(broker)


def test_one_who_was_told_to_go_and_stays_is_cut(broker):
    old = broker.dealer("alice")
    new = broker.dealer("alice", keys=old.keys)
    assert old.wait(Dismissed).code == "replaced"
    broker.steps(2.1)
    old.is_cut()
    new.barrier()
    assert len(broker.server._peers) == 1


def test_a_crowd_that_comes_goes_and_comes_back_leaves_nothing_behind(broker):
    """300 connections in three waves; of each some go at once, some in the middle, some with a Bye."""
    before = descriptors()
    rng = random.Random(7)
    keys = [zmq.curve_keypair() for _ in range(100)]
    for _ in range(3):
        crowd = [broker.dealer(f"n{n}", greet=False, keys=keys[n]) for n in range(100)]
        for n, dealer in enumerate(crowd):
            dealer.raw(hello(f"n{n}"))
            broker.step(0)
        for dealer in rng.sample(crowd, 40):
            dealer.close()
            broker.step(0)
        for dealer in crowd:
            if not dealer.socket.closed:
                dealer.wait(Welcome)
                if rng.random() < 0.5:
                    dealer.put(Bye())
                broker.step(0)
                dealer.close()
    broker.until(lambda: not broker.server._peers and not len(broker.server._connections), "an end")
    broker.ahead += 31
    nothing_is_left(broker)
    assert descriptors() <= before + 5
    serves(broker)


# --- those who speak otherwise ---------------------------------------------------------------------------------------


def test_a_self_chosen_routing_id_is_refused_in_words(broker):
    chosen = broker.dealer(greet=False, routing_id=b"admin")
    assert "routing id" in chosen.hello().text
    assert chosen.wait(Dismissed).code == "malformed"
    broker.steps(2.1)
    chosen.is_cut()


def test_an_id_that_looks_automatic_takes_over_nobody(broker):
    """It cannot be told from one that the ROUTER gave; but the key says who somebody is, and no id is given twice."""
    alice = broker.dealer("alice")
    [route] = broker.server._peers
    thief = broker.dealer("thief", greet=False, routing_id=route)
    thief.put(Hello(PROTOCOL, "thief", bytes(16)))
    free = broker.dealer("free", routing_id=b"\0free")
    broker.steps(1)
    assert list(broker.core.state.by_nick) == ["alice", "free"]
    alice.accepted(Post(1, "@free", "still me"))
    assert [event.sender for event in free.barrier() if isinstance(event, Message)] == ["alice"]
    assert not thief.events


@pytest.mark.parametrize(
    ("soft", "hard", "granted", "expected"),
    [
        (1024, 20_000, 20_000, 20_000),
        (20_000, 20_000, 0, 20_000),
        (256, resource.RLIM_INFINITY, 20_000, sockets.MOST_DESCRIPTORS),  # as macOS says
        (256, resource.RLIM_INFINITY, 0, 256),  # and grants even less
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, 0, sockets.MOST_DESCRIPTORS),
    ],
)
def test_connections_stay_below_the_descriptors_that_the_system_grants(monkeypatch, soft, hard, granted, expected):
    def setrlimit(_: int, limits: tuple[int, int]) -> None:
        if limits[0] > granted:
            raise ValueError("current limit exceeds maximum limit")

    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", setrlimit)
    assert sockets._raise_descriptor_limit() == expected - sockets.SPARE_DESCRIPTORS


@pytest.mark.parametrize("granted", [60, sockets.SPARE_DESCRIPTORS + sockets.LEAST_CONNECTIONS])
def test_with_descriptors_for_nobody_the_broker_does_not_start(monkeypatch, granted):
    monkeypatch.setattr(resource, "getrlimit", lambda _: (granted, granted))
    secret = KeyPair(*map(z85.decode, zmq.curve_keypair()))
    serves = granted > sockets.SPARE_DESCRIPTORS
    with contextlib.nullcontext() if serves else pytest.raises(sockets.BindError, match="grants this process 60 descr"):
        sockets.Sockets(secret, ("tcp://127.0.0.1:*",)).close(0)


@pytest.mark.parametrize("frames", [(b"", b"\x90"), (b"a", b"b", b"c"), (b"\x90",) * 50])
def test_wrong_frame_counts_are_refused_and_nothing_else_is_lost(broker, frames):
    alice, bob = broker.dealer("alice"), broker.dealer("bob")
    bob.barrier()
    alice.put(Post(1, "@bob", "before"))
    alice.raw(*frames)
    alice.put(Post(2, "@bob", "after"))
    assert f"this one had {len(frames)}" in alice.wait(Rejected).text
    alice.barrier()
    assert [event.body for event in bob.barrier() if isinstance(event, Message)] == ["before", "after"]


@pytest.mark.parametrize("frame", [b"", b"\xc1", b"hello", b"\xff" * 1000, b"\x91" * 1000, b"\x90\x00"])
def test_garbage_is_refused_and_nothing_else_is_lost(broker, frame):
    alice = broker.dealer("alice")
    alice.raw(frame)
    assert alice.wait(Rejected).code == "malformed"
    assert alice.accepted(Post(1, "*", "after"))


def test_invalid_utf8_is_refused_under_its_number(broker):
    alice = broker.dealer("alice")
    alice.raw(encode_commands([Post(1, "*", "good"), Post(2, "*", "xx")]).replace(b"xx", b"\xff\xfe"))
    assert alice.wait(Rejected).number == 2
    assert alice.accepted(Post(3, "*", "after"))


def test_the_largest_frame_passes_and_one_byte_more_ends_the_connection(broker):
    alice, bob = broker.dealer("alice"), broker.dealer("bob")
    alice.raw(bytes(FRAME_BYTES))
    assert alice.wait(Rejected).code == "malformed"
    alice.raw(bytes(FRAME_BYTES + 1))
    alice.is_cut()
    assert bob.accepted(Post(1, "*", "still served"))


def test_another_version_is_told_which_is_spoken(broker):
    future = broker.dealer(greet=False)
    future.put(["hello", 2, "alice", bytes(16)])
    assert f"speaks protocol {PROTOCOL}" in future.wait(Rejected).text
    assert future.wait(Dismissed).code == "version"
    broker.steps(2.1)
    future.is_cut()


def test_more_connections_than_descriptors_are_turned_away_and_those_inside_stay(broker):
    inside = broker.dealer("alice")
    broker.sockets.limit = 5
    outside = [raw(broker) for _ in range(20)]
    inside.until(lambda: "there are too many connections" in whys(broker))
    inside.until(lambda: len(broker.server._connections) <= 5)
    assert inside.accepted(Post(1, "*", "still inside"))
    for one in outside:
        one.close()
    inside.until(lambda: len(broker.server._connections) == 1)
    serves(broker)


def test_a_flood_of_refusals_is_not_a_flood_of_lines(broker):
    alice = broker.dealer("alice")
    for _ in range(10):
        alice.put(*([["dance"]] * 1000))
    alice.until(lambda: sum(isinstance(event, Rejected) for event in alice.events) == 10_000)
    assert len(broker.notes) <= 10 * (server.TICK_NOTES + 1)
    assert any("are left out" in str(note.fields.get("text")) for note in broker.notes)


# --- who is let in ---------------------------------------------------------------------------------------------------


def comes_in(dealer: Dealer) -> bool:
    """Whether a Hello is answered before the connection fails, or half a second is over."""
    dealer.raw(hello(dealer.name))
    with contextlib.suppress(AssertionError):
        dealer.until(lambda: bool(dealer.events) or dealer.cut, deadline=0.5)
    return bool(dealer.events)


def test_a_handshake_of_another_domain_is_refused(broker, monkeypatch):
    assert comes_in(broker.dealer("alice", greet=False)), "the control"
    monkeypatch.setattr(sockets, "ZAP_DOMAIN", b"another")
    assert not comes_in(broker.dealer("bob", greet=False))


def test_without_a_zap_handler_nobody_comes_in(broker, monkeypatch):
    broker.sockets.zap.close(0)
    monkeypatch.setattr(broker.sockets, "zap", broker.sockets.context.socket(zmq.REP))  # bound nowhere
    assert not comes_in(broker.dealer("alice", greet=False))


def test_with_neither_domain_nor_handler_anyone_would_come_in(tmp_path, monkeypatch):
    """The control: what libzmq does by itself."""

    def open_door(self: sockets.Sockets, keys: KeyPair) -> None:
        self.zap.unbind("inproc://zeromq.zap.01")
        self.router.curve_server = True
        self.router.curve_secretkey = z85.encode(keys.secret)

    monkeypatch.setattr(sockets.Sockets, "_configure", open_door)
    broker = Stepped(tmp_path, monkeypatch)
    stranger = broker.dealer("alice", greet=False)
    stranger._pump = only_zap(broker)
    stranger.raw(hello("alice"))
    stranger.until(lambda: stranger.up and broker.sockets.router.poll(0), "being let in")
    broker.close()


@pytest.mark.parametrize("mechanism", ["null", "plain", "wrong key"])
def test_other_mechanisms_and_keys_are_refused_and_noted(broker, mechanism):
    with contextlib.closing(zmq.Context.instance().socket(zmq.DEALER)) as stranger:
        stranger.linger = 0
        stranger.reconnect_ivl = 2**31 - 1
        if mechanism == "plain":
            stranger.plain_username = stranger.plain_password = b"admin"
        elif mechanism == "wrong key":
            stranger.curve_publickey, stranger.curve_secretkey = zmq.curve_keypair()
            stranger.curve_serverkey = zmq.curve_keypair()[0]
        stranger.connect(broker.address.endpoint)
        stranger.send(hello("admin"), zmq.NOBLOCK)
        broker.until(lambda: whys(broker), "a note of the refusal")
        assert not stranger.poll(0)
    assert broker.core.state.by_nick == {}
    serves(broker)


def first_id(folder: Path, patch: pytest.MonkeyPatch) -> bytes:
    broker = Stepped(folder, patch)
    broker.dealer("alice")
    [route] = broker.server._peers
    broker.close()
    return route


def test_routing_ids_cannot_be_foretold(tmp_path, monkeypatch):
    assert first_id(tmp_path, monkeypatch) != first_id(tmp_path, monkeypatch)


def test_without_a_seed_they_could(tmp_path, monkeypatch):
    """The control: the same seed, the same ids."""
    monkeypatch.setattr(sockets.os, "urandom", lambda size: b"seed" * (size // 4))
    assert first_id(tmp_path, monkeypatch) == first_id(tmp_path, monkeypatch)


# --- the monitor -----------------------------------------------------------------------------------------------------


def knock(broker: Stepped) -> None:
    """A thousand connections come and go."""
    for number in range(1000):
        raw(broker).close()
        if number % 100 == 0:
            broker.step(0)


def test_a_thousand_connections_that_come_and_go_do_not_freeze_it(broker):
    knock(broker)
    serves(broker)
    broker.until(lambda: not len(broker.server._connections), "an end of all connections")


def test_with_the_monitor_not_drained_they_would(broker, monkeypatch):
    """The control."""
    with monkeypatch.context() as patch:
        patch.setattr(broker.sockets, "monitor_events", lambda: iter(()))
        knock(broker)
        late = broker.dealer("late", greet=False)
        assert not comes_in(late)
    while not late.events:  # once it is drained, everything goes on
        late.read(0.01)


def test_what_is_due_in_years_does_not_overflow_the_poller(broker, monkeypatch):
    """Milliseconds are an int of C there; a room may be closed for ten years."""
    asked: list[int] = []
    poller = SimpleNamespace(poll=lambda timeout: asked.append(timeout) or [])
    monkeypatch.setattr(broker.server._core, "deadline", lambda now: now + 10 * 366 * 86_400)
    monkeypatch.setattr(Connections, "deadline", None)
    broker.server._wait(poller, False)
    broker.server._wait(poller, False)
    assert max(asked) == 3_600_000
