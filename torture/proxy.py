"""A small TCP proxy between one client and its broker, which cuts the connection, lets it go half dead, or listens in.

What it swallows is gone for good, so a connection that lost bytes in one direction never gets that direction back, as
with a host that was switched off or a NAT entry that ran out: nobody is told.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from typing import Literal

Kind = Literal["reset", "close", "deaf", "mute", "dead"]
SWALLOWED: dict[Kind, frozenset[str]] = {  # which directions carry nothing any more
    "deaf": frozenset({"up"}),  # the broker hears nothing of the client
    "mute": frozenset({"down"}),  # the client hears nothing of the broker
    "dead": frozenset({"up", "down"}),
}
CHUNK = 65536


class Proxy:
    """Listens for one client, again and again; `accepted` counts its connections."""

    def __init__(self, port: int) -> None:
        self._target = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.accepted = 0
        self._came = threading.Condition()
        self._links: list[_Link] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:  # closed: the end
                return
            try:
                broker = socket.create_connection(self._target)
            except OSError:  # nobody there: as if we were not there either
                client.close()
                continue
            with self._came:
                self._links.append(_Link(client, broker))
                self.accepted += 1
                self._came.notify_all()

    def cut(self, kind: Kind, within: float) -> float | None:
        """Do this to the present connection; returns the seconds until the client opened the next one."""
        with self._came:
            before = self.accepted
            self._links[-1].cut(kind)
            began = time.monotonic()
            came = self._came.wait_for(lambda: self.accepted > before, within)
            return time.monotonic() - began if came else None

    @property
    def said(self) -> bytes:
        """What the client has said over its present connection, as it stands on the wire."""
        return bytes(self._links[-1].said)

    def slip_in(self, data: bytes) -> None:
        """Say this to the broker as if it came from the client, which says nothing meanwhile."""
        self._links[-1].slip_in(data)

    def close(self) -> None:
        """End everything."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        for link in self._links:
            link.close()


class _Link:
    """One connection of the client and its twin to the broker."""

    def __init__(self, client: socket.socket, broker: socket.socket) -> None:
        self._ends = (client, broker)
        self.said = bytearray()
        self._swallowed: frozenset[str] = frozenset()
        self._threads = [
            threading.Thread(target=self._carry, args=ends, daemon=True)
            for ends in ((client, broker, "up"), (broker, client, "down"))
        ]
        for thread in self._threads:
            thread.start()

    def _carry(self, source: socket.socket, sink: socket.socket, direction: str) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK):
                if direction == "up":
                    self.said += data
                if direction not in self._swallowed:
                    sink.sendall(data)
        if direction not in self._swallowed:  # else the other side learns nothing of the end either
            _shut(sink)

    def slip_in(self, data: bytes) -> None:
        with contextlib.suppress(OSError):  # the broker has had enough already
            self._ends[1].sendall(data)

    def cut(self, kind: Kind) -> None:
        self._swallowed = SWALLOWED.get(kind, frozenset())
        if kind == "reset":
            for end in self._ends:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close()
        elif kind == "close":
            for end in self._ends:
                _shut(end)

    def close(self) -> None:
        for end in self._ends:
            _shut(end)
        for thread in self._threads:
            thread.join()
        for end in self._ends:
            end.close()


def _shut(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
