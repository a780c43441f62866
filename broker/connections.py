"""Which connection is behind a descriptor, and which have ended. Bookkeeping of what the monitor tells; no sockets.

The monitor names connections by descriptor, frames by routing id, and a frame's descriptor joins the two. Descriptors
are reused: frames of a connection that is over may still be unread when its descriptor already belongs to another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from .sessions import Peer


class Connections:
    """The open connections as the monitor tells of them, in its order."""

    def __init__(self, patience: float) -> None:
        """`patience`: seconds in which a connection must have said something."""
        self._patience = patience
        self._open: dict[int, Peer | None] = {}  # by descriptor; None: has said nothing yet
        self._descriptors: dict[Peer, int] = {}
        self._silent: dict[int, float] = {}  # descriptor → when it must have said something; the earliest first
        self._unread: set[int] = set()  # descriptors of connections that ended before anything of theirs was read

    def __len__(self) -> int:
        return len(self._open)

    def accepted(self, descriptor: int, now: float) -> None:
        """A connection is there."""
        self._open[descriptor] = None
        self._silent.pop(descriptor, None)  # so that the new deadline stands behind all others
        self._silent[descriptor] = now + self._patience

    def closed(self, descriptor: int) -> Peer | None:
        """A connection is over; returns whose it was, if anything of it was read."""
        self._silent.pop(descriptor, None)
        peer = self._open.pop(descriptor, None)
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
        self._silent.pop(descriptor, None)
        return True

    def drained(self) -> None:
        """Everything was read that came before now."""
        self._unread.clear()

    def descriptor(self, peer: Peer) -> int | None:
        """The descriptor of a connection; None when it is over."""
        return self._descriptors.get(peer)

    @property
    def deadline(self) -> float | None:
        """When the first connection has been silent for too long, monotonic; None: there is none."""
        return next(iter(self._silent.values()), None)

    def overdue(self, now: float) -> Iterator[int]:
        """Take the descriptors of those who have been silent for too long."""
        while (deadline := self.deadline) is not None and deadline <= now:
            descriptor = next(iter(self._silent))
            del self._silent[descriptor]
            yield descriptor
