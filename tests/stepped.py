"""A real server over real sockets, in the test's own thread: it runs when the test says so, and on the test's clock."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq

from broker import server
from broker.core import Core
from broker.keys import load_or_make
from broker.log import Log
from broker.notes import Note
from broker.sockets import Sockets
from messages import Address

from .dealer import Dealer


class Stepped:
    """A broker whose ticks the test runs. `ahead` is how many seconds its clock is in front of ours."""

    def __init__(
        self, folder: Path, patch: pytest.MonkeyPatch, endpoint: str = "tcp://127.0.0.1:*", *, plain: bool = False
    ) -> None:
        self.ahead = 0.0
        patch.setattr(server, "time", self)
        keys = load_or_make(folder / "key.json")
        self.core = Core(Log(":memory:"), operator=keys.public, name="test", now=self.monotonic(), at=0)
        self.sockets = Sockets(keys, (endpoint,), plain=plain)
        self.notes: list[Note] = []
        self._monitored: list[tuple[int, int]] = []
        self._monitor_events = self.sockets.monitor_events
        patch.setattr(self.sockets, "monitor_events", self._take_monitored)
        self.server = server.Server(self.core, self.sockets, self.notes.append)
        self.address = Address(self.sockets.endpoints[0], keys.public, plain=plain)
        self._poller = zmq.Poller()
        for watched in (self.sockets.router, self.sockets.zap, self.sockets.monitor):
            self._poller.register(watched, zmq.POLLIN)
        self.dealers: list[Dealer] = []

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead

    def time_ns(self) -> int:
        return time.time_ns()

    def monitored(self) -> list[int]:
        """The kinds of the monitor's events that the server has not looked at."""
        self._monitored += self._monitor_events()
        return [event for event, _ in self._monitored]

    def _take_monitored(self) -> Iterator[tuple[int, int]]:
        self.monitored()
        while self._monitored:
            yield self._monitored.pop(0)

    def step(self, wait: float = 0.005) -> None:
        """One round of the server's loop, when there is something to do for it."""
        self._poller.poll(int(wait * 1000))
        self.server._wait(self._poller, busy=True)
        while self.server._tick():
            pass

    def steps(self, seconds: float) -> None:
        """Let the server's time pass, and have it do what is due then."""
        self.ahead += seconds
        for _ in range(3):
            self.step()

    def until(self, condition: Any, what: str = "a condition") -> None:
        """Run the server until a condition holds."""
        end = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < end, f"never came: {what}"
            self.step()

    def dealer(
        self, name: str = "alice", *, greet: bool = True, hello: dict[str, Any] | None = None, **more: Any
    ) -> Dealer:
        """A connection; by default it has said Hello and was welcomed."""
        dealer = Dealer(self.address, name, pump=self.step, **more)
        self.dealers.append(dealer)
        if greet:
            dealer.hello(**(hello or {}))
        return dealer

    def close(self) -> None:
        """End everything."""
        for dealer in self.dealers:
            if not dealer.socket.closed:
                dealer.close()
        self.monitored()
        self.sockets.close(0)
        self.server._wake.close()
        self.server._waker.close()
        self.core.log.close()
