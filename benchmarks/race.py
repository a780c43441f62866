"""One race: workers lined up, let go together, timed from the first send to the last sign of arrival."""

from __future__ import annotations

from .nats import END
from .processes import Worker
from .systems import Running

BODY = b"x" * 63 + END  # 64 bytes


def race(running: Running, sender: Worker, *readers: Worker) -> tuple[float, float]:
    """Return the seconds from the first send to the last arrival or acknowledgement, and the server's CPU seconds.

    A sender yields when it began and, if it waits for acknowledgements, when the last one came; a reader yields when
    it had everything.
    """
    workers = (*readers, sender)
    for worker in workers:
        worker.value()
    cpu = running.server.cpu_seconds()
    for worker in workers:
        worker.go()
    began, *ended = sender.value()
    ended += [reader.value() for reader in readers]
    return max(ended) - began, running.server.cpu_seconds() - cpu
