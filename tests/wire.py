"""A fake wire and a fake clock: a real core over a log in memory, and connections whose frames are plain lists.

Everything goes through the real codec, so that a test speaks and hears exactly what a socket would carry.
"""

from __future__ import annotations

import sys

from broker.core import Core
from broker.log import Log, LogError, Segment
from broker.sessions import Peer
from messages import PROTOCOL, Hello, decode_commands, decode_events, encode_commands

OPERATOR = b"operator".ljust(32, b"\0")
EPOCH = 1_000_000  # ms since the epoch when a wire is made; its monotonic clock starts at 0


def key_of(name: str) -> bytes:
    """The public key that the person `name` proves in tests."""
    return name.encode().ljust(32, b"\0")


class BrittleLog(Log):
    """A log whose disk can be told to fail."""

    broken = False

    def append(self, at, entries) -> Segment:
        self._try()
        return super().append(at, entries)

    def store_snapshot(self, snapshot) -> None:
        self._try()
        super().store_snapshot(snapshot)

    def _try(self) -> None:
        if self.broken:
            raise LogError("The log cannot be written: disk full.")


class Wire:
    """A broker without sockets."""

    def __init__(self, log: Log | None = None) -> None:
        self.now = 0.0
        self.log = log or BrittleLog(":memory:")
        self.count = 0
        self.peers: list[Remote] = []
        self.start()

    def start(self) -> None:
        """Start a broker over the log, as after a kill: every connection and all memory is gone."""
        self.core = Core(self.log, operator=OPERATOR, name="test", now=self.now, at=EPOCH)
        self.peers.clear()

    def without_rate(self) -> None:
        """Let everybody say as much as they can, until the next start."""
        self.core.state.rules["rate"] = "off"
        self.core.obey_rules()

    def connect(
        self, name: str, *, nick: str | None = None, device: str = "one", greet: bool = True, **hello
    ) -> Remote:
        """Open a connection that proves the key of `name`; by default it says Hello and takes its Welcome."""
        self.count += 1
        for before in self.peers:  # a client that reads that it is dismissed closes the connection
            if before.peer.key == key_of(name) and before.peer.gone:
                self.core.close(before.peer, self.now)
        remote = Remote(self, self.core.open(b"route-%d" % self.count, key_of(name), self.now))
        self.peers.append(remote)
        if greet:
            remote.put(Hello(PROTOCOL, nick or name, device.encode().ljust(16, b"\0"), **hello))
            self.tick()
        return remote

    def tick(self, *, seconds: float = 0.0) -> None:
        """Let time pass, a second at a time, and run ticks until nothing is due."""
        while seconds > 1:
            seconds -= 1
            self._pass(1)
        self._pass(seconds)

    def _pass(self, seconds: float) -> None:
        self.now += seconds
        while True:
            self.core.tick(self.now, EPOCH + int(self.now * 1000))
            for peer, frame in self.core.frames():
                remote = next((remote for remote in self.peers if remote.peer is peer), None)
                if remote is not None and remote.full:
                    self.core.choked(peer, self.now)
                elif remote is not None and not remote.broken:
                    remote.inbox.append(frame)
                    remote.full = len(remote.inbox) >= remote.room
            self.core.end_tick()
            for peer in self.core.cut:
                self.core.close(peer, self.now)
            self.core.cut.clear()
            deadline = self.core.deadline(self.now)
            if deadline is None or deadline > self.now:
                return


class Remote:
    """The far end of one connection."""

    def __init__(self, wire: Wire, peer: Peer) -> None:
        self.wire = wire
        self.peer = peer
        self.inbox: list[bytes] = []
        self.full = False  # takes no frame, as a client that stopped reading
        self.room = sys.maxsize  # so many frames make it full
        self.broken = False

    def put(self, *commands) -> None:
        """Send one frame; it is handled, but the tick has not come to its end."""
        self.wire.core.receive(self.peer, decode_commands(encode_commands(list(commands))), self.wire.now)

    def say(self, *commands) -> list:
        """Send one frame, let the tick run, and return what this end hears."""
        self.put(*commands)
        self.wire.tick()
        return self.hear()

    def hear(self, kind: type | tuple[type, ...] | None = None) -> list:
        """Take all events that arrived, or only those of a kind (the others are dropped)."""
        events = [event for frame in self.inbox for event in decode_events(frame)]
        self.inbox.clear()
        return events if kind is None else [event for event in events if isinstance(event, kind)]

    def break_off(self) -> None:
        """The connection is gone, and the broker notices."""
        self.broken = True
        self.wire.core.close(self.peer, self.wire.now)
        self.wire.tick()
