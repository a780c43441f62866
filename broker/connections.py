"""Which connection is behind a descriptor, and which have ended. Bookkeeping of what the monitor tells; no sockets.

The monitor names connections by descriptor, frames by routing id, and a frame's descriptor joins the two. Descriptors
are reused: frames of a connection that is over may still be unread when its descriptor already belongs to another.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from math import inf
from typing import NamedTuple

from .limits import (
    CONNECTIONS_UNMET,
    CONNECTIONS_UNMET_PER_ADDRESS,
    HANDSHAKES_AT_ONCE,
    HANDSHAKES_PER_SECOND,
    MUTE_SECONDS,
    Buckets,
    is_local,
    site,
)
from .sessions import Peer


class Stranger(NamedTuple):
    """A connection that has said nothing yet."""

    due: float  # when it must have, monotonic
    address: str


class Connections:
    """The open connections as the monitor tells of them, in its order."""

    def __init__(self, patience: float) -> None:
        """`patience`: seconds in which a connection must have said something."""
        self._patience = patience
        self._open: dict[int, Peer | None] = {}  # by descriptor; None: has said nothing yet
        self._addresses: dict[int, str] = {}  # of these, where they come from
        self._descriptors: dict[Peer, int] = {}
        self._silent: dict[int, Stranger] = {}  # by descriptor, those that came first in front
        self._fresh: dict[int, float] = {}  # of these, when to see whether anything came of them at all, monotonic
        self._strangers: Counter[str] = Counter()  # how many of those there are at an address
        self._handshakes = Buckets()  # by address
        self._unread: set[int] = set()  # descriptors of connections that ended before anything of theirs was read

    def __len__(self) -> int:
        return len(self._open)

    @property
    def open(self) -> Mapping[int, Peer | None]:
        """All of them by descriptor; None: has said nothing yet."""
        return self._open

    def address(self, descriptor: int) -> str:
        """Where an open connection comes from; empty: from a Unix socket."""
        return self._addresses.get(descriptor, "")

    def accepted(self, descriptor: int, now: float, address: str = "") -> int | None:
        """A connection is there; returns the descriptor of one that is too much and must be cut, maybe this one.

        Too many from one address, or too often, and the newest goes. Too many from everywhere, and the oldest does:
        who means it has said something before long.
        """
        self._open[descriptor] = None
        self._addresses[descriptor] = address
        self._heard(descriptor)  # so that the new one stands behind all others
        address = site(address)
        self._fresh[descriptor] = now + MUTE_SECONDS
        self._silent[descriptor] = Stranger(now + self._patience, address)
        if not is_local(address):
            self._strangers[address] += 1
            if self._strangers[address] > CONNECTIONS_UNMET_PER_ADDRESS:
                return descriptor
            if not self._handshakes.take(address, 1, HANDSHAKES_PER_SECOND, HANDSHAKES_AT_ONCE, now):
                return descriptor
        return next(iter(self._silent)) if len(self._silent) > CONNECTIONS_UNMET else None

    def _heard(self, descriptor: int) -> None:
        """It said something, or is over."""
        self._fresh.pop(descriptor, None)
        stranger = self._silent.pop(descriptor, None)
        if stranger is not None and not is_local(stranger.address):
            self._strangers[stranger.address] -= 1
            if not self._strangers[stranger.address]:
                del self._strangers[stranger.address]

    def closed(self, descriptor: int) -> Peer | None:
        """A connection is over; returns whose it was, if anything of it was read."""
        self._heard(descriptor)
        peer = self._open.pop(descriptor, None)
        self._addresses.pop(descriptor, None)
        if peer is None:
            self._unread.add(descriptor)
        else:
            del self._descriptors[peer]
        return peer

    def met(self, peer: Peer, descriptor: int, alive: Callable[[], bool]) -> bool:
        """The first frame of a connection came; returns whether the connection is still open.

        `alive` finds that out the hard way; it is asked only when the descriptor may be another's by now.
        """
        if descriptor not in self._open or self._open[descriptor] is not None:
            return False
        if descriptor in self._unread and not alive():
            return False
        self._open[descriptor] = peer
        self._descriptors[peer] = descriptor
        self._heard(descriptor)
        return True

    def drained(self) -> None:
        """Everything was read that came before now."""
        self._unread.clear()

    def descriptor(self, peer: Peer) -> int | None:
        """The descriptor of a connection; None when it is over."""
        return self._descriptors.get(peer)

    @property
    def deadline(self) -> float | None:
        """When a connection must be looked at, or has been silent for too long, monotonic; None: there is none."""
        first = [*islice(self._fresh.values(), 1), *(stranger.due for stranger in islice(self._silent.values(), 1))]
        return min(first, default=None)

    def fresh(self, now: float) -> Iterator[int]:
        """Take the descriptors of which it is time to see whether anything came."""
        while next(iter(self._fresh.values()), inf) <= now:
            descriptor = next(iter(self._fresh))
            del self._fresh[descriptor]
            yield descriptor

    def overdue(self, now: float) -> Iterator[int]:
        """Take the descriptors of those who have been silent for too long."""
        while self._silent and next(iter(self._silent.values())).due <= now:
            descriptor = next(iter(self._silent))
            self._heard(descriptor)
            yield descriptor
