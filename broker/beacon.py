"""Tells by which fingerprint this broker goes: on the UDP port beside each TCP one, and who says nothing over TCP.

CURVE never shows the broker's key: a client that expects another one only sees its handshake fail, as it also does when
a broker dies at that moment. So it asks here. It is told the fingerprint, from which the key cannot be found, since the
key is what admits. Where no datagram comes through it connects and says nothing; clients of ZeroMQ begin at once.

Nothing proves the answer, and nothing has to: no key is taken from it and nobody gets in by it. All it does is turn a
handshake that has failed anyway into a better sentence. Who can forge it must have seen the query, and could as well
have cut the connection.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterable

from messages import BEACON_UNASKED, beacon_answer, fingerprint_hash, read_beacon_query

ANSWERS = 16  # of one tick and socket, some 0.1 ms; what the kernel's buffer does not hold until the next is lost
_READ = 65  # bytes: one more than a query has, so that a longer one is not taken for it


class Beacon:
    """The UDP sockets of one broker. Without endpoints it has none, and is silent."""

    def __init__(self, key: bytes = b"", endpoints: Iterable[str] = ()) -> None:
        self.sockets: dict[int, socket.socket] = {}  # by descriptor, for whoever polls
        self.problems: list[str] = []  # sentences: a broker works without its beacon
        self._fingerprint = fingerprint_hash(key) if key else b""
        for endpoint in endpoints:
            if endpoint.startswith("tcp://"):
                self._open(endpoint)

    def _open(self, endpoint: str) -> None:
        try:
            opened = _bind(endpoint)
        except OSError as error:
            self.problems.append(
                f"The fingerprint is not told on UDP beside {endpoint}: {error.strerror}. Clients that expect another "
                "key learn over TCP which one is here, some seconds later (where this runs on Linux)."
            )
        else:
            self.sockets[opened.fileno()] = opened

    def answer(self, descriptor: int) -> None:
        """Answer what has come on one socket, up to the bound of a tick."""
        asked = self.sockets[descriptor]
        for _ in range(ANSWERS):
            try:
                datagram, sender = asked.recvfrom(_READ)
            except OSError:  # that was all, or the network is down for the moment
                return
            nonce = read_beacon_query(datagram)
            if nonce is not None:
                with contextlib.suppress(OSError):  # an answer that cannot leave is as one that was lost: asked again
                    asked.sendto(beacon_answer(nonce, self._fingerprint), sender)

    def introduce(self, descriptor: int) -> None:
        """Tell a TCP connection of which nothing came, and of which nothing will be read, as its last words."""
        if not self._fingerprint:
            return
        with contextlib.suppress(OSError):  # it is over
            connection = socket.socket(fileno=descriptor)
            try:
                connection.send(beacon_answer(BEACON_UNASKED, self._fingerprint), socket.MSG_DONTWAIT)
            finally:
                connection.detach()

    def close(self) -> None:
        """Close everything."""
        for opened in self.sockets.values():
            opened.close()


def _bind(endpoint: str) -> socket.socket:
    """A socket on the UDP port of the same number and address. `endpoint` is as libzmq tells it: all in numbers."""
    host, _, port = endpoint.removeprefix("tcp://").rpartition(":")
    flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    family, kind, _, _, place = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_DGRAM, flags=flags)[0]
    opened = socket.socket(family, kind)
    try:
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)  # [::] is every address, as it is for TCP
        opened.setblocking(False)
        opened.bind(place)
    except OSError:
        opened.close()
        raise
    return opened
