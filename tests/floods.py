"""Many connections from one address of a network: those that say nothing, and those that prove a key and say Hello."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Self

import zmq
from zmq.utils import z85

from messages import Address, AnyCommand, AnyEvent, Rejected, Welcome, decode_events, encode_commands, parse_address

from .processes import DEADLINE


def soon(condition: Callable[[], bool], what: str) -> None:
    """Try until it is so; a try waits for the network by itself."""
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, f"never came: {what}"


def calling_from(source: str, invite: str) -> Address:
    """Where the invite leads, for a caller with this address."""
    found = parse_address(invite)
    return Address(found.endpoint.replace("//", f"//{source}:0;"), found.key)


class Silence:
    """Connections that say nothing."""

    def __init__(self, place: tuple[str, int], source: str, count: int) -> None:
        self._sockets = [socket.create_connection(place, DEADLINE, (source, 0)) for _ in range(count)]
        for each in self._sockets:
            each.setblocking(False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for each in self._sockets:
            each.close()

    def cut(self, count: int) -> list[int]:
        """Which of them the broker has ended, by number, once it is so many."""
        soon(lambda: len(self._ended()) >= count, f"the end of {count} connections")
        return self._ended()

    def _ended(self) -> list[int]:
        return [number for number, each in enumerate(self._sockets) if _is_over(each)]


def _is_over(connection: socket.socket) -> bool:
    try:
        while connection.recv(1000):
            pass
    except BlockingIOError:
        return False
    except ConnectionResetError:
        pass
    return True


class Crowd:
    """Connections over one socket, each with its own number and keys; `heard` is what each has been told."""

    def __init__(self, source: str, invite: str) -> None:
        address = calling_from(source, invite)
        self._endpoint = address.endpoint
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)  # the one kind that connects to a place again and again
        self._socket.linger = self._socket.sndhwm = self._socket.rcvhwm = 0
        self._socket.curve_serverkey = z85.encode(address.key or b"")
        self.heard: list[list[AnyEvent]] = []
        self._waiting: set[int] = set()  # those who have heard nothing since they spoke

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        self._context.term()

    def come(self, keys: tuple[bytes, bytes], command: AnyCommand) -> None:
        """One more, with these keys and this as its first word."""
        number = len(self.heard)
        self._socket.curve_publickey, self._socket.curve_secretkey = keys
        self._socket.setsockopt(zmq.CONNECT_ROUTING_ID, b"%d" % number)
        self._socket.connect(self._endpoint)
        self.heard.append([])
        self.say(number, command)

    def say(self, number: int, command: AnyCommand) -> None:
        """Have one of them say something."""
        self._socket.send_multipart([b"%d" % number, encode_commands([command])])
        self._waiting.add(number)

    def listen(self) -> None:
        """Read until whoever spoke has been told something."""
        end = time.monotonic() + DEADLINE
        while self._waiting:
            assert self._socket.poll(max(0, int((end - time.monotonic()) * 1000))), f"{self._waiting} heard nothing"
            number, frame = self._socket.recv_multipart()
            self.heard[int(number)] += decode_events(frame)
            self._waiting.discard(int(number))

    @property
    def welcomed(self) -> list[int]:
        """Who is in, by number."""
        return [number for number, events in enumerate(self.heard) if isinstance(events[0], Welcome)]

    def told(self, text: str) -> int:
        """How many were refused with this sentence."""
        return sum(isinstance(events[0], Rejected) and events[0].text == text for events in self.heard)
