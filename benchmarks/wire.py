"""confab's protocol over a bare DEALER: generators and readers that cost less than the broker they drive.

Commands are encoded before the clock starts, in batches of `batch` to a frame. A reader that stands for many sessions
is one DEALER with many connections, each with its own key and source address (to the very same endpoint a DEALER
connects only once): libzmq applies the key at connect, and sends in turn over all connections, so each says one Hello.

`key` is the broker's, with which all is encrypted; an empty one means that the broker is plain.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator

import zmq
from zmq.utils.monitor import recv_monitor_message

from messages import (
    PROTOCOL,
    RETRY_WINDOW,
    Accepted,
    AnyCommand,
    AnyEvent,
    Hello,
    Message,
    Post,
    Rejected,
    Welcome,
    decode_events,
    encode_commands,
    key_text,
)

WINDOW = RETRY_WINDOW // 2  # messages unanswered, as the client library has
DELIVERY = b"\xa7message"  # how each Message begins, and nothing else in these workloads
PATIENCE_MS = 30_000  # nothing is silent for this long unless it failed


def dealer(endpoint: str, key: bytes, connections: int = 1) -> zmq.Socket[bytes]:
    """A DEALER with this many connections that have all shaken hands."""
    socket = zmq.Context().socket(zmq.DEALER)
    socket.set_hwm(0)
    socket.linger = 0
    socket.immediate = True
    socket.rcvtimeo = PATIENCE_MS
    monitor = socket.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED)
    monitor.rcvtimeo = PATIENCE_MS
    for number in range(connections):
        source = f"127.1.{number // 250}.{number % 250 + 1}"
        if key:
            socket.curve_serverkey = key
            socket.curve_publickey, socket.curve_secretkey = zmq.curve_keypair()
        else:
            socket.plain_username = key_text(secrets.token_bytes(32)).encode()
        socket.connect(endpoint.replace("//", f"//{source}:0;"))
    for _ in range(connections):
        recv_monitor_message(monitor)
    socket.disable_monitor()
    return socket


def welcomed(endpoint: str, key: bytes, nicks: list[str], *, feed: bool = True) -> zmq.Socket[bytes]:
    """One session for each nick, on one socket."""
    socket = dealer(endpoint, key, len(nicks))
    for nick in nicks:
        hello = Hello(PROTOCOL, nick, secrets.token_bytes(16), feed=feed, quiet=True, client="benchmark")
        socket.send(encode_commands([hello]))
    missing = set(nicks)
    while missing:
        for event in events(socket):
            if isinstance(event, Welcome):
                missing.remove(event.nick)
    return socket


def events(socket: zmq.Socket[bytes]) -> list[AnyEvent]:
    """The next frame; raises what the broker refused."""
    batch = decode_events(socket.recv())
    for event in batch:
        if isinstance(event, Rejected):
            raise RuntimeError(f"refused: {event.code}: {event.text}")
    return batch


def posts(target: str, body: bytes, count: int, batch: int) -> list[bytes]:
    """`count` posts, numbered from 1, in frames of `batch`."""
    text = body.decode()
    numbers = range(1, count + 1)
    frames: list[list[AnyCommand]] = [
        [Post(number, target, text) for number in numbers[start : start + batch]] for start in range(0, count, batch)
    ]
    return [encode_commands(frame) for frame in frames]


def sender(endpoint: str, key: bytes, target: str, body: bytes, count: int, batch: int) -> Iterator[tuple[float, ...]]:
    """Post `count` messages with at most WINDOW unanswered; yield when it began, and the last acceptance."""
    socket = welcomed(endpoint, key, ["sender"], feed=False)
    frames = posts(target, body, count, batch)
    yield ()
    began = time.monotonic()
    sent = accepted = 0
    while accepted < count:
        while sent < count and sent - accepted <= WINDOW - batch:
            socket.send(frames[sent // batch])
            sent = min(sent + batch, count)
        for event in events(socket):
            if isinstance(event, Accepted):
                accepted += event.count
    yield began, time.monotonic()


def reader(endpoint: str, key: bytes, nick: str, count: int) -> Iterator[float]:
    """Be one session and decode `count` messages; yield when the last one came."""
    socket = welcomed(endpoint, key, [nick])
    yield 0.0
    last = 0
    while count:
        for event in events(socket):
            if isinstance(event, Message):
                if event.seq <= last:
                    raise RuntimeError(f"sequence {event.seq} came after {last}")
                last = event.seq
                count -= 1
    yield time.monotonic()


def crowd(endpoint: str, key: bytes, first: int, sessions: int, each: int) -> Iterator[float]:
    """Be many sessions in #general and count `each` messages for each of them; yield when the last one came."""
    socket = welcomed(endpoint, key, [f"reader{number}" for number in range(first, first + sessions)])
    yield 0.0
    left = sessions * each
    while left:
        left -= socket.recv().count(DELIVERY)
    yield time.monotonic()
