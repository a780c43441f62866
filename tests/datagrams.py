"""UDP on loopback for tests of the beacon: a free port, and a thread that takes what comes."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


def free_port(family: int = socket.AF_INET) -> int:
    """A number that nobody uses here now, for UDP."""
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(sockets: list[socket.socket], take: Callable[[socket.socket], None]) -> Iterator[None]:
    """A thread that has each datagram taken, as the broker's loop does."""
    stop, stopped = socket.socketpair()

    def serve() -> None:
        while stop not in (ready := select.select([stop, *sockets], [], [])[0]):
            for each in ready:
                take(each)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        stopped.send(b"!")
        thread.join()
        stop.close()
        stopped.close()
