"""Sockets that never finish a handshake: what each kind says, and thousands of them held open. Measures nothing.

What a CURVE client says first is recorded from a real one, and said again by each socket: a server keeps nothing that
would tell a repetition.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from itertools import cycle

import zmq

SIGNATURE = b"\xff" + bytes(8) + b"\x7f"
GREETING_BYTES = 64
HELLO_BYTES = 2 + 200  # with its head
INITIATE_BYTES = 257
COMMAND, LONG = 4, 2  # flags of ZMTP
READY = b"\x05READY\x0bSocket-Type\0\0\0\x06DEALER"
PLAIN = b"\x05HELLO\x03ann\x06sesame"
NEVER = 2**31 - 1
SPREAD = 250  # addresses of this machine that half of them come from; the others come from one
PATIENCE_SECONDS = 10.0
REFUSED_EVERY = 10  # sockets: one that says what no broker here would listen to
FINISHED_EVERY = 50  # sockets: one connection more, which shakes hands and then says nothing


class Halves:
    """Sockets of every kind, most of which leave the broker waiting."""

    def __init__(self, port: int, key: bytes) -> None:
        self._port = port
        self._key = key
        self._context = zmq.Context()
        self._sockets: list[socket.socket] = []
        self._slow: list[tuple[socket.socket, Iterator[int]]] = []  # with what each is still to say
        self._finished: list[zmq.Socket[bytes]] = []
        self._waiting, self._refused = cycle(waiting(key)), cycle(refused(key))

    def open(self, count: int) -> None:
        """Open so many more."""
        for number in range(len(self._sockets), len(self._sockets) + count):
            address = "127.3.0.1" if number % 2 else f"127.4.0.{number % SPREAD + 1}"
            connection = socket.create_connection(("127.0.0.1", self._port), PATIENCE_SECONDS, (address, 0))
            self._sockets.append(connection)
            said = next(self._refused if number % REFUSED_EVERY == 0 else self._waiting)
            if said is None:
                self._slow.append((connection, iter(_greeting(b"CURVE"))))
            else:
                with contextlib.suppress(OSError):  # it was cut already, which is the broker's good right
                    connection.sendall(said)
            if number % FINISHED_EVERY == 0:
                self._finish()

    def _finish(self) -> None:
        dealer = self._context.socket(zmq.DEALER)
        dealer.reconnect_ivl = NEVER
        dealer.curve_serverkey = self._key
        dealer.curve_publickey, dealer.curve_secretkey = zmq.curve_keypair()
        dealer.connect(f"tcp://127.0.0.1:{self._port}")
        self._finished.append(dealer)

    def trickle(self) -> None:
        """Have the slow ones say one byte more."""
        for connection, said in self._slow:
            with contextlib.suppress(OSError, StopIteration):
                connection.send(bytes([next(said)]))

    def close(self) -> None:
        """Close all of them."""
        for connection in self._sockets:
            connection.close()
        self._context.destroy(0)


def waiting(key: bytes) -> list[bytes | None]:
    """What is said by those for whom a broker of this key has to wait; None: a greeting, one byte now and then."""
    return [b"", SIGNATURE, _greeting(b"CURVE"), _recorded(key), None]


def refused(key: bytes) -> list[bytes]:
    """What no handshake here begins with, or goes on with."""
    noise = b"\x08INITIATE" + os.urandom(INITIATE_BYTES - 9)
    return [
        b"GET / HTTP/1.1\r\nHost: confab\r\n\r\n",
        b"\x01\x00",  # a greeting of ZMTP 1
        _greeting(b"NULL") + bytes([COMMAND, len(READY)]) + READY,
        _greeting(b"PLAIN") + bytes([COMMAND, len(PLAIN)]) + PLAIN,
        _greeting(b"CURVE") + bytes([COMMAND | LONG]) + (2**62).to_bytes(8, "big"),  # a command without end
        _recorded(zmq.curve_keypair()[0]),  # another broker's key
        _recorded(key) + bytes([COMMAND | LONG]) + len(noise).to_bytes(8, "big") + noise,
    ]


def _greeting(mechanism: bytes) -> bytes:
    """What both sides of a connection say first: ZMTP 3.1, which mechanism, and that this is no server."""
    return (SIGNATURE + b"\x03\x01" + mechanism.ljust(20, b"\0")).ljust(GREETING_BYTES, b"\0")


def _recorded(key: bytes) -> bytes:
    """What a CURVE client says to a broker of this key, up to where it needs an answer."""
    server = bytearray(_greeting(b"CURVE"))
    server[32] = 1  # as-server
    with socket.create_server(("127.0.0.1", 0)) as listener, zmq.Context() as context:
        listener.settimeout(PATIENCE_SECONDS)
        dealer = context.socket(zmq.DEALER)
        dealer.linger = 0
        dealer.curve_serverkey = key
        dealer.curve_publickey, dealer.curve_secretkey = zmq.curve_keypair()
        dealer.connect(f"tcp://127.0.0.1:{listener.getsockname()[1]}")
        connection, _ = listener.accept()
        with connection, connection.makefile("rb") as said:
            connection.sendall(server)
            heard = said.read(GREETING_BYTES + HELLO_BYTES)
        dealer.close()
        return heard
