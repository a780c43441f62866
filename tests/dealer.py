"""A client's end without the client library: a raw DEALER that says and hears exactly what a test wants.

Nothing here sleeps: every wait reads until a condition holds or the deadline passes. Where the broker runs in this very
thread (see `stepped`), `pump` is what lets it run meanwhile.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any, Self

import zmq
from zmq.utils import z85
from zmq.utils.monitor import parse_monitor_message

from messages import (
    PROTOCOL,
    Accepted,
    Address,
    AnyCommand,
    AnyEvent,
    Hello,
    Ping,
    Pong,
    Rejected,
    Welcome,
    decode_events,
    encode_commands,
    key_text,
    parse_address,
)

from .processes import DEADLINE

_CONTEXT: zmq.Context[Any] = zmq.Context()  # one for all dealers of the tests; its thread ends with the process


class Dealer:
    """One connection. It never connects again by itself."""

    def __init__(
        self,
        invite: str | Address,
        name: str = "alice",
        *,
        keys: tuple[bytes, bytes] | None = None,
        pump: Callable[[], object] | None = None,
        **options: Any,
    ) -> None:
        address = invite if isinstance(invite, Address) else parse_address(invite)
        self.name = name
        self.keys = keys or zmq.curve_keypair()
        self.socket = _CONTEXT.socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.reconnect_ivl = 2**31 - 1  # never; -1 would drop what is unread when the connection ends
        self.socket.rcvhwm = 0
        if address.plain:
            self.socket.plain_username = key_text(z85.decode(self.keys[0])).encode()
        else:
            self.socket.curve_publickey, self.socket.curve_secretkey = self.keys
            self.socket.curve_serverkey = z85.encode(address.key or b"")
        for option, value in options.items():
            setattr(self.socket, option, value)
        self.monitor = self.socket.get_monitor_socket(
            zmq.EVENT_DISCONNECTED | zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_HANDSHAKE_FAILED_AUTH
        )
        self.socket.connect(address.endpoint)
        self.events: list[AnyEvent] = []  # all that came and was not taken
        self.up = False  # the handshake succeeded
        self.cut = False  # the broker closed the connection, or refused it
        self._pump = pump
        self._token = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- saying ------------------------------------------------------------------------------------------------------

    def put(self, *commands: AnyCommand | list[Any]) -> None:
        """Send one frame."""
        self.raw(encode_commands(list(commands)))

    def raw(self, *frames: bytes) -> None:
        """Send one message of these frames, whatever they are."""

        def sent() -> bool:
            with contextlib.suppress(zmq.Again):
                self.socket.send_multipart(frames, zmq.NOBLOCK)
                return True
            return False

        self.until(sent, "room to send")

    def hello(self, **fields: Any) -> Welcome | Rejected:
        """Say Hello, and return what came of it."""
        values = {"protocol": PROTOCOL, "nick": self.name, "device": self.name.encode().ljust(16, b"\0")}
        self.put(Hello(**{**values, **fields}))
        return self.wait((Welcome, Rejected))

    def ask(self, command: AnyCommand) -> AnyEvent:
        """Send one command and return its answer."""
        self.put(command)
        number = getattr(command, "number", 0)
        return self.wait(object, lambda event: getattr(event, "number", None) == number)

    def accepted(self, command: AnyCommand) -> int:
        """Send one command that must be accepted; returns its sequence."""
        answer = self.ask(command)
        assert isinstance(answer, Accepted), answer
        return answer.seq

    # --- hearing -----------------------------------------------------------------------------------------------------

    def barrier(self) -> list[AnyEvent]:
        """All that the broker had for this connection up to now: what came before the Pong to a Ping."""
        self._token += 1
        self.put(Ping(self._token))
        self.until(lambda: any(isinstance(e, Pong) and e.token == self._token for e in self.events), "a Pong")
        events = [event for event in self.events if not isinstance(event, Pong)]
        self.events.clear()
        return events

    def wait(self, kind: Any, condition: Callable[[Any], bool] = lambda event: True) -> Any:
        """Take the first event of a kind for which the condition holds, once it is there; all others stay."""

        def found() -> Any:
            return next((e for e in self.events if isinstance(e, kind) and condition(e)), None)

        self.until(lambda: found() is not None, f"{kind}")
        event = found()
        self.events.remove(event)
        return event

    def until(self, condition: Callable[[], bool], what: str = "a condition", deadline: float = DEADLINE) -> None:
        """Read until a condition holds."""
        end = time.monotonic() + deadline
        while not condition():
            assert time.monotonic() < end, f"{self.name} waited in vain for {what}; it heard {self.events[-20:]}"
            self.read(0.01 if self._pump else end - time.monotonic())
            if self.cut:
                assert condition(), f"{self.name} was cut while it waited for {what}"
                return

    def read(self, seconds: float = 0.0) -> None:
        """Take what is there or comes within this time."""
        if self._pump:
            self._pump()
        poller = zmq.Poller()
        poller.register(self.socket, zmq.POLLIN)
        poller.register(self.monitor, zmq.POLLIN)
        poller.poll(max(0, int(seconds * 1000)))
        while self.monitor.poll(0):
            event = parse_monitor_message(self.monitor.recv_multipart())["event"]
            self.up |= event == zmq.EVENT_HANDSHAKE_SUCCEEDED
            self.cut |= event != zmq.EVENT_HANDSHAKE_SUCCEEDED
        while self.socket.poll(0):  # also what came in front of the end
            self.events += decode_events(self.socket.recv())

    def is_cut(self) -> None:
        """Wait until the broker has closed the connection."""
        self.until(lambda: self.cut, "the end of the connection")

    def close(self) -> None:
        """End the connection without a word."""
        self.socket.disable_monitor()
        self.monitor.close(0)
        self.socket.close(0)
