"""Asks a broker's beacon by which fingerprint it goes: one short question over UDP, then silence over TCP.

Asked only after a handshake failed without a reason. Nothing proves the answer: whoever believes it stops calling, and
trusts nobody more than before. See broker/beacon.py.
"""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Callable
from time import monotonic

from messages import beacon_query, read_beacon_answer, read_beacon_farewell

_TRIES = 3  # datagrams get lost
_WAIT = 0.5 / _TRIES  # seconds for each; the client's thread does nothing else meanwhile
_SILENCE = 4.0  # seconds in which a broker has taken notice of it
_GLANCE = 0.2  # seconds between two looks whether to give up
_NEAR = 1.0  # seconds for TCP to connect: it just did
_LONGEST = 1_000  # bytes: more than it says then


def ask_fingerprint(endpoint: str) -> bytes | None:
    """The fingerprint's hash of the broker at a TCP endpoint, by its own word; None when nobody answers."""
    if not endpoint.startswith("tcp://"):  # a Unix socket has no number that UDP could share
        return None
    nonce = os.urandom(16)
    try:
        with _connect(endpoint, socket.SOCK_DGRAM) as way:
            for _ in range(_TRIES):
                way.send(beacon_query(nonce))
                digest = _listen(way, nonce, monotonic() + _WAIT)
                if digest is not None:
                    return digest
    except (OSError, UnicodeError):  # nobody has the port, there is no way, or the name is none: no answer
        return None
    return None


def keep_silent(endpoint: str, wake: int = -1, leave: Callable[[bool], bool] = lambda _: False) -> bytes | None:
    """The same, as a broker tells a TCP connection that says nothing: for where UDP does not come through.

    `leave` is asked now and then whether to give up, and told whether something can be read from the descriptor `wake`.
    """
    if not endpoint.startswith("tcp://"):
        return None
    heard, until = b"", monotonic() + _SILENCE
    poller = select.poll()
    try:
        with _connect(endpoint, socket.SOCK_STREAM) as way:
            poller.register(way, select.POLLIN)
            if wake >= 0:
                poller.register(wake, select.POLLIN)
            while len(heard) < _LONGEST and (left := until - monotonic()) > 0:
                ready = dict(poller.poll(min(left, _GLANCE) * 1000))
                if leave(wake in ready):
                    return None
                if way.fileno() not in ready:
                    continue
                if not (more := way.recv(_LONGEST)):
                    return read_beacon_farewell(heard)
                heard += more
    except (OSError, UnicodeError):
        return None
    return None


def _connect(endpoint: str, kind: socket.SocketKind) -> socket.socket:
    """A socket that hears only whom it asks, in the family in which the broker was called. The name was just found."""
    host, _, port = endpoint.removeprefix("tcp://").rpartition(":")
    family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
    [(*_, place), *_] = socket.getaddrinfo(host.strip("[]"), int(port), family, kind)
    way = socket.socket(family, kind)
    try:
        way.settimeout(_NEAR)
        way.connect(place)
    except OSError:
        way.close()
        raise
    return way


def _listen(way: socket.socket, nonce: bytes, until: float) -> bytes | None:
    while (left := until - monotonic()) > 0:
        way.settimeout(left)
        try:
            digest = read_beacon_answer(way.recv(2048), nonce)
        except TimeoutError:
            return None
        if digest is not None:
            return digest
    return None
