"""Finds the connections with a message that does not end, by what came over each and what was read of it.

libzmq shows a message of several frames when the last one has come, and keeps the others until then. Its limits are of
one frame and of whole messages, so it would keep any number of bytes for somebody of whom the broker has heard nothing.

Nothing wakes us for what is not shown. But to take bytes costs this process time, and to keep them memory: whenever it
has worked for a moment a signal has us look at its memory, and when that has grown, at what came over each connection.
An idle broker does not work, and is not woken. This needs Linux, and sees TCP only.
"""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import termios
from collections.abc import Iterator
from types import FrameType
from typing import NamedTuple

from .connections import Connections
from .limits import STRANGER_BYTES, SWELL_BYTES, SWELL_CPU_SECONDS, UNFINISHED_BYTES
from .sessions import Peer
from .sockets import received

SUPPORTED = sys.platform == "linux" and os.path.exists("/proc/self/statm")
UNREAD_SECONDS = 1.0  # in a flood, in which there is always more to read, all that was whole has been read by then

_SHORT, _LONG = 2, 9  # bytes in front of a frame on the wire, of less than _MIDDLE bytes and of more
_MIDDLE = 256
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Suspect(NamedTuple):
    """A connection of which more is kept than one frame, but maybe whole messages that are not read yet."""

    read: int  # bytes at that time
    since: float  # monotonic


class Swell:
    """The watch over one broker's memory."""

    def __init__(self) -> None:
        self._statm = -1  # the descriptor that tells our memory; kept open, for when there is no other left
        self._due = False
        self._least = 0  # bytes: the least since the last look at each connection
        self._suspects: dict[int, Suspect] = {}  # by descriptor

    def watch(self) -> None:
        """Be told whenever this process has worked for `SWELL_CPU_SECONDS`. Only in the main thread."""
        if SUPPORTED:
            self._statm = os.open("/proc/self/statm", os.O_RDONLY)
            signal.signal(signal.SIGPROF, self.stir)
            signal.siginterrupt(signal.SIGPROF, False)
            signal.setitimer(signal.ITIMER_PROF, SWELL_CPU_SECONDS, SWELL_CPU_SECONDS)

    def rest(self) -> None:
        """Be told no more, before the program ends: a signal that nobody takes any longer would end the process."""
        if SUPPORTED:
            signal.setitimer(signal.ITIMER_PROF, 0)
            os.close(self._statm)

    def stir(self, _number: int = 0, _frame: FrameType | None = None) -> None:
        """Have the next tick look at the memory."""
        self._due = True

    def _memory(self) -> int:
        """The bytes that this process holds."""
        return int(os.pread(self._statm, 100, 0).split()[1]) * _PAGE_BYTES

    def look(self, connections: Connections, now: float) -> None:
        """Before frames are read: if memory has grown, note whose."""
        if not self._due:
            return
        self._due = False
        memory = self._memory()
        if memory < self._least + SWELL_BYTES:
            self._least = min(self._least, memory)
            return
        self._least = memory
        for descriptor, peer in connections.open.items():
            read = _read(peer)
            if _kept(descriptor, read) > allowed(peer):
                self._suspects.setdefault(descriptor, Suspect(read, now))

    def endless(self, connections: Connections, now: float, exhausted: bool) -> Iterator[tuple[int, Peer | None]]:
        """After frames were read: take those of whom nothing was there to be read; `exhausted`: all was read."""
        for descriptor, (read, since) in list(self._suspects.items()):
            peer = connections.open.get(descriptor)
            if _read(peer) != read or _kept(descriptor, read) <= allowed(peer):
                del self._suspects[descriptor]
            elif exhausted or since + UNREAD_SECONDS <= now:
                del self._suspects[descriptor]
                yield descriptor, peer


def on_wire(size: int, wrapping: int) -> int:
    """The bytes that a frame of this size took on the wire, with so many added by its encryption."""
    size += wrapping
    return size + (_SHORT if size < _MIDDLE else _LONG)


def allowed(peer: Peer | None) -> int:
    """The bytes that libzmq may keep of a connection with nothing to be read."""
    return STRANGER_BYTES if peer is None else UNFINISHED_BYTES


def _read(peer: Peer | None) -> int:
    """The bytes that were read of a connection."""
    return 0 if peer is None else peer.read


def _kept(descriptor: int, read: int) -> int:
    """The bytes that libzmq took from a connection beyond those that were read; 0 when it is over, or no TCP."""
    came = received(descriptor)
    if came is None:
        return 0
    if came - read <= STRANGER_BYTES:
        return came - read
    try:
        waiting = fcntl.ioctl(descriptor, termios.FIONREAD, bytes(4))  # is the kernel's, and bounded by it
    except OSError:
        return 0
    return came - read - int.from_bytes(waiting, sys.byteorder)
