"""Owns bare connections to a broker: a client's end without the library, which says whatever it likes.

Keys, routing id and frames are the caller's choice, and need not fit together. A connection never comes back by itself.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, TypeAlias

import zmq
from zmq.utils.monitor import parse_monitor_message

from messages import (
    PROTOCOL,
    AnyCommand,
    AnyEvent,
    Dismissed,
    Hello,
    Ping,
    Pong,
    Rejected,
    Welcome,
    decode_events,
    encode_commands,
)

from .brokers import TortureError

ANSWER_SECONDS = 20.0  # a busy machine takes a few
_ENDED = zmq.EVENT_DISCONNECTED | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL | zmq.EVENT_HANDSHAKE_FAILED_AUTH
_ENDED |= zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_CLOSED

Keys: TypeAlias = tuple[bytes, bytes]  # public and secret, in Z85
Saying: TypeAlias = AnyCommand | list[Any] | dict[str, Any]  # a command, or what only looks like one


class Dealer:
    """One connection. `said`: the frames that left; `heard`: all that came; `ended`: it is cut or dismissed."""

    def __init__(self, bind: str, key: bytes, keys: Keys | None = None, *, routing_id: bytes = b"") -> None:
        self.keys = keys or zmq.curve_keypair()
        self.device = secrets.token_bytes(16)
        self.said: list[tuple[Saying, ...]] = []
        self.heard: list[AnyEvent] = []
        self.ended = False
        self._pings = 0
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.linger, self._socket.rcvhwm, self._socket.sndtimeo = 0, 0, 0
        self._socket.reconnect_ivl = 2**31 - 1  # never; -1 would drop what is unread when the connection ends
        self._socket.curve_serverkey = key
        self._socket.curve_publickey, self._socket.curve_secretkey = self.keys
        if routing_id:
            self._socket.routing_id = routing_id
        self._monitor = self._socket.get_monitor_socket(_ENDED)
        self._socket.connect(bind)

    def say(self, *commands: Saying) -> None:
        """Send these in one frame."""
        self.said.append(commands)
        try:
            self._socket.send(encode_commands(list(commands)))
        except zmq.Again:  # there is no connection any more
            self.ended = True

    def hello(self, nick: str, **fields: Any) -> Welcome:
        """Be welcomed under this nick; raises TortureError."""
        greeting: dict[str, Any] = {"protocol": PROTOCOL, "nick": nick, "device": self.device, "client": "torture"}
        self.say(Hello(**greeting | fields))
        self.wait(lambda: any(isinstance(event, Welcome | Rejected) for event in self.heard))
        for event in self.heard:
            if isinstance(event, Welcome):
                return event
        raise TortureError(f"{nick} was not welcomed: {self.heard}")

    def settle(self, silence: float | None = None) -> list[AnyEvent]:
        """Wait until all that was said is answered, or the connection ends; returns what came meanwhile.

        A broker that does not answer is an error (TortureError), unless `silence` says how long to wait for it.
        """
        before = len(self.heard)
        self._pings = token = self._pings + 1
        self.say(Ping(token))
        answered = self.wait(
            lambda: any(isinstance(event, Pong) and event.token == token for event in self.heard[before:]),
            silence or ANSWER_SECONDS,
        )
        if not answered and silence is None:
            raise TortureError(f"The broker did not answer; it had said {self.heard[-5:]}")
        return self.heard[before:]

    def wait(self, condition: Callable[[], bool], patience: float = ANSWER_SECONDS) -> bool:
        """Read until a condition holds or the connection ends; False when that takes too long."""
        poller = zmq.Poller()
        poller.register(self._socket, zmq.POLLIN)
        poller.register(self._monitor, zmq.POLLIN)
        deadline = time.monotonic() + patience
        while not (condition() or self.ended):
            ready = dict(poller.poll(max(0, int((deadline - time.monotonic()) * 1000))))
            if not ready:
                return False
            if self._monitor in ready:
                self.ended |= parse_monitor_message(self._monitor.recv_multipart())["event"] & _ENDED != 0
            while self._socket.poll(0):  # also what came in front of the end
                events = decode_events(self._socket.recv())
                self.heard += events
                self.ended |= any(isinstance(event, Dismissed) for event in events)
        return True

    def close(self) -> None:
        """End the connection without a word."""
        self._socket.disable_monitor()
        self._monitor.close(0)
        self._socket.close(0)
        self._context.term()

    def __enter__(self) -> Self:
        """Return it."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close it."""
        self.close()
