"""Owns one attacker's connection: a bare CURVE DEALER under a key of its own, and what the broker has read from it.

Pings stand between the payloads, and their pongs come in order: what is in front of a ping that was answered was read.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Self

import zmq
from zmq.utils.monitor import parse_monitor_message

from messages import PROTOCOL, Dismissed, Hello, Ping, Pong, Welcome, decode_events, encode_commands

Payload = tuple[bytes, ...]  # the frames of one message

PATIENCE_SECONDS = 10.0  # that something may take
NEVER = 2**31 - 1  # connects again; -1 would drop what is unread


class Line:
    """One connection."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], endpoint: str, key: bytes, source: str) -> None:
        self._socket = context.socket(zmq.DEALER)
        self._socket.set_hwm(0)
        self._socket.linger, self._socket.reconnect_ivl = 0, NEVER
        self._socket.curve_serverkey = key
        self._socket.curve_publickey, self._socket.curve_secretkey = zmq.curve_keypair()
        self._monitor = self._socket.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED)
        self._socket.connect(endpoint.replace("//", f"//{source}:0;"))
        self._poller = zmq.Poller()
        self._poller.register(self._socket, zmq.POLLIN)
        self._poller.register(self._monitor, zmq.POLLIN)
        self._first = secrets.randbits(50)  # of the pings' tokens: none that a payload happens to have
        self.up = False  # the handshake succeeded
        self.over = False  # the broker ended it
        self.greeted = False
        self.sent = 0  # payloads
        self.before = 0  # payloads read by the broker, in front of a Hello that succeeded
        self.after = 0  # and behind it

    @property
    def unread(self) -> int:
        """Payloads of which it is not known that the broker has read them."""
        return self.sent - self.before - self.after

    def send(self, payload: Payload) -> None:
        """Send a payload."""
        self._socket.send_multipart(payload)
        self.sent += 1

    def send_long(self, size: int, count: int) -> None:
        """Send a message of so many frames of this size, which here are one in memory."""
        frame = zmq.Frame(bytes(size), copy=False)
        self._socket.send_multipart([frame] * count, copy=False)
        self.sent += 1

    def ping(self) -> None:
        """Ask how much was read."""
        self._socket.send(encode_commands([Ping(self._first + self.sent)]))

    def greet(self, nick: str) -> bool:
        """Say Hello; False when that came to nothing."""
        device = secrets.token_bytes(16)
        self._socket.send(encode_commands([Hello(PROTOCOL, nick, device, feed=False, quiet=True, client="torture")]))
        return self.until(lambda: self.greeted)

    def until(self, condition: Callable[[], bool]) -> bool:
        """Listen until the condition holds; False when the connection is over before, or that takes too long."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            if self.over or time.monotonic() > deadline:
                return False
            self.listen(0.1)
        return True

    def listen(self, seconds: float) -> None:
        """Take all that is there, or comes first within this time."""
        self._poller.poll(int(seconds * 1000))
        while self._monitor.poll(0):
            event = parse_monitor_message(self._monitor.recv_multipart())["event"]
            self.up |= event == zmq.EVENT_HANDSHAKE_SUCCEEDED
            self.over |= event == zmq.EVENT_DISCONNECTED
        while self._socket.poll(0):
            self._take(self._socket.recv())

    def _take(self, frame: bytes) -> None:
        for event in decode_events(frame):
            match event:
                case Pong() if 0 < event.token - self._first <= self.sent:
                    read = event.token - self._first - self.before - self.after
                    if self.greeted:
                        self.after += read
                    else:
                        self.before += read
                case Welcome():
                    self.greeted = True
                case Dismissed():
                    self.over = True

    def __enter__(self) -> Self:
        """Return it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it without a word."""
        self._socket.disable_monitor()
        self._monitor.close(0)
        self._socket.close(0)
