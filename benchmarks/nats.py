"""The peer NATS, over a plain socket: publishers and subscribers that are never the limit.

Buffers are built before the clock starts, and messages are counted by one byte that occurs once in each. NATS core
stores nothing and acknowledges nothing. JetStream with file storage acknowledges each message once it is written to the
operating system; nats-server 2.9 flushes to the disk every two minutes, not before the acknowledgement.
"""

from __future__ import annotations

import json
import select
import socket
import time
from collections.abc import Iterator

SUBJECT = b"bench.direct"
INBOX = b"_INBOX.acks"
STREAM = "BENCH"
CHUNK = 250  # messages in one write
RECEIVE_BYTES = 1 << 20
END = b"~"  # the last byte of each body, and nowhere else


class Nats:
    """One connection."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(b'CONNECT {"verbose":false,"pedantic":false,"headers":true,"no_responders":true}\r\n')
        self.settle()

    def settle(self) -> bytes:
        """Return what comes until the server has done all that was sent so far."""
        self.socket.sendall(b"PING\r\n")
        seen = b""
        while b"PONG\r\n" not in seen:
            seen += self.socket.recv(RECEIVE_BYTES)
        return seen

    def subscribe(self, subject: bytes) -> None:
        """Receive what is published there from now on."""
        self.socket.sendall(b"SUB " + subject + b" 1\r\n")
        self.settle()

    def create_stream(self) -> None:
        """Keep what is published to SUBJECT in a file, with JetStream's defaults."""
        settings = json.dumps({"name": STREAM, "subjects": [SUBJECT.decode()], "storage": "file"}).encode()
        self.subscribe(b"_INBOX.api")
        self.socket.sendall(b"PUB $JS.API.STREAM.CREATE.BENCH _INBOX.api %d\r\n%s\r\n" % (len(settings), settings))
        answer = b""
        while not answer.endswith(b"}\r\n"):
            answer += self.socket.recv(RECEIVE_BYTES)
        if b'"error"' in answer:
            raise RuntimeError(answer.decode())


def publishes(count: int, body: bytes, *, inbox: bytes = b"", numbered: bool = False) -> list[bytes]:
    """`count` messages in writes of CHUNK; `numbered` gives each the Nats-Msg-Id by which JetStream drops retries."""
    head = b"%s %s" % (SUBJECT, inbox)
    plain = b"PUB %s %d\r\n%s\r\n" % (head, len(body), body)

    def one(number: int) -> bytes:
        header = b"NATS/1.0\r\nNats-Msg-Id: %d\r\n\r\n" % number
        return b"HPUB %s %d %d\r\n%s%s\r\n" % (head, len(header), len(header) + len(body), header, body)

    starts = range(0, count, CHUNK)
    if numbered:
        return [b"".join(map(one, range(start, min(start + CHUNK, count)))) for start in starts]
    return [plain * min(CHUNK, count - start) for start in starts]


def publisher(port: int, count: int, body: bytes) -> Iterator[tuple[float, ...]]:
    """Publish without acknowledgement; yield when it began."""
    nats, writes = Nats(port), publishes(count, body)
    yield ()
    began = time.monotonic()
    for write in writes:
        nats.socket.sendall(write)
    nats.settle()
    yield (began,)


def stream_publisher(port: int, count: int, body: bytes, window: int, numbered: bool) -> Iterator[tuple[float, ...]]:
    """Publish to JetStream with at most `window` unacknowledged; yield when it began, and the last acknowledgement."""
    nats = Nats(port)
    nats.create_stream()
    nats = Nats(port)
    nats.subscribe(INBOX)
    writes = publishes(count, body, inbox=INBOX, numbered=numbered)
    yield ()
    began = time.monotonic()
    sent = acknowledged = 0
    while acknowledged < count:
        while sent < count and sent - acknowledged <= window - CHUNK:
            nats.socket.sendall(writes[sent // CHUNK])
            sent = min(sent + CHUNK, count)
        answers = nats.socket.recv(RECEIVE_BYTES)
        acknowledged += answers.count(b"}")  # each acknowledgement is one flat JSON object
        if b'"error"' in answers:
            raise RuntimeError(answers[:500].decode(errors="replace"))
    yield began, time.monotonic()


def subscriber(port: int, connections: int, each: int) -> Iterator[float]:
    """Subscribe on several connections and take `each` messages on each of them; yield when the last one came."""
    readers = [Nats(port) for _ in range(connections)]
    poll = select.epoll()
    by_descriptor = {}
    for reader in readers:
        reader.subscribe(SUBJECT)
        by_descriptor[reader.socket.fileno()] = reader.socket
        poll.register(reader.socket, select.EPOLLIN)
    left = connections * each
    yield 0.0
    while left:
        for descriptor, _ in poll.poll():
            taken = by_descriptor[descriptor].recv(RECEIVE_BYTES)
            if not taken:
                raise RuntimeError("NATS closed the connection of a subscriber it found too slow")
            left -= taken.count(END)
    yield time.monotonic()
