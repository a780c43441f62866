"""The naive peer: a ROUTER that hands each message on with the multipart helpers, and who drives it.

It does what the first hour with ZeroMQ gives: no encryption, no accounts, nothing stored, nothing acknowledged. It
refuses to drop (ROUTER_MANDATORY, and it waits for a full reader), so that what is sent can be counted on arrival.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator

import zmq

READER = b"reader"
HIGH_WATER = 10_000  # messages; ZeroMQ's 1,000 makes this peer slower


def forward(endpoint: str) -> None:
    """Hand every message [to, body] on to its addressee as [from, body], for ever."""
    router = zmq.Context().socket(zmq.ROUTER)
    router.set_hwm(HIGH_WATER)
    router.router_mandatory = True
    router.bind(endpoint)
    while True:
        sender, to, body = router.recv_multipart()
        router.send_multipart([to, sender, body])


def sender(endpoint: str, count: int, body: bytes) -> Iterator[tuple[float, ...]]:
    """Send `count` messages; yield when it began."""
    dealer = zmq.Context().socket(zmq.DEALER)
    dealer.set_hwm(HIGH_WATER)
    dealer.connect(endpoint)
    yield ()
    began = time.monotonic()
    for _ in range(count):
        dealer.send(READER, zmq.SNDMORE)
        dealer.send(body)
    yield (began,)


def reader(endpoint: str, count: int) -> Iterator[float]:
    """Take `count` messages; yield when the last one came."""
    dealer = zmq.Context().socket(zmq.DEALER)
    dealer.set_hwm(HIGH_WATER)
    dealer.identity = READER
    dealer.connect(endpoint)
    dealer.send(READER, zmq.SNDMORE)  # to itself: once it comes back, the forwarder knows the reader
    dealer.send(b"")
    dealer.recv_multipart()
    yield 0.0
    for _ in range(count):
        dealer.recv()
        dealer.recv()
    yield time.monotonic()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    forward(sys.argv[1])
