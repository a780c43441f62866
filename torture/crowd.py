"""Row: the broker is killed and started again, and everybody comes back at once.

Real `Client`s, many to a process. Back is who got a message that was said after the restart; all of them must be within
30 seconds, with the pauses between attempts that the library makes in life. The same without their jitter is reported
beside it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import chain, repeat
from pathlib import Path
from typing import Literal

from benchmarks.processes import Worker
from client import Client
from client import connection as library

from .brokers import Broker, endpoint, folder, without_rate
from .crew import END
from .result import Result, Scale

Retry = Literal["jittered", "together", "never"]  # when the next attempt begins

CLIENTS = {"full": 3000, "short": 20}
WORKERS = {"full": 6, "short": 2}
BACK_SECONDS = 30.0
CONTROL_SECONDS = 1.0  # without a second attempt nobody comes back, however long it takes
CONNECT_SECONDS = 120.0
# Between two demands of a thread for the interpreter. In life every client has one of its own; here hundreds share one,
# and at Python's 5 ms their demands alone cost more than all that they do.
SWITCH_SECONDS = 0.1


def run(scale: Scale) -> Result:
    """Sound and sabotaged."""
    problems, first, took = campaign(CLIENTS[scale], WORKERS[scale], BACK_SECONDS)
    control, _, _ = campaign(CLIENTS["short"], 1, CONTROL_SECONDS, "never")
    figures = (
        f"all back {took:.1f} s after the broker was started again; to connect for the first time, one by one, "
        f"took them {first:.0f} s."
    )
    if scale == "full":
        late, _, together = campaign(CLIENTS[scale], WORKERS[scale], BACK_SECONDS, "together")
        figures += f" Without jitter: {len(late)} not back, the last one after {together:.1f} s."
    return Result(
        test="a crowd reconnects after a kill",
        trials=CLIENTS[scale],
        of="clients",
        figures=figures,
        control=f"one attempt only: {len(control)} of {CLIENTS['short']} not back",
        control_red=bool(control),
        problems=problems,
    )


def campaign(clients: int, workers: int, within: float, retry: Retry = "jittered") -> tuple[list[str], float, float]:
    """What is wrong, seconds to connect at first, seconds until all were back."""
    with folder() as place, ExitStack() as stack:
        home, bind = place / "home", endpoint()
        without_rate(home)
        broker = Broker(home, bind)
        stack.callback(lambda: broker.kill())
        broker.ready()
        began = time.monotonic()
        each = clients // workers
        crowd = [stack.enter_context(Worker(come, home, n * each, each, within, retry)) for n in range(workers)]
        for worker in crowd:
            worker.value(CONNECT_SECONDS)
        first = time.monotonic() - began
        broker.kill()
        broker = Broker(home, bind)
        broker.ready()
        restarted = time.monotonic()
        for worker in crowd:
            worker.go()
        with Client("herald", home=home) as herald:
            herald.send("*", END).wait(within)
            found = [worker.value(within + CONNECT_SECONDS) for worker in crowd]
        problems = [problem for _, missing in found for problem in missing]
        return problems, first, max(last for last, _ in found) - restarted


def come(home: Path, first: int, count: int, within: float, retry: Retry) -> Iterator[tuple[float, list[str]]]:
    """Be so many clients; yields when the last of them was back, and who was not."""
    sys.setswitchinterval(SWITCH_SECONDS)
    if retry == "never":
        library.backoff = lambda: iter([CONNECT_SECONDS])
    elif retry == "together":
        library.backoff = lambda: chain((0.1 * 2**n for n in range(6)), repeat(5.0))
    clients = [Client(f"c{number}", home=home) for number in range(first, first + count)]
    for client in clients:
        client.wait_connected(CONNECT_SECONDS)
    yield 0.0, []
    deadline, last, missing = time.monotonic() + within, 0.0, []
    for client in clients:
        if any(message.body == END for message in client.messages(max(0.01, deadline - time.monotonic()))):
            last = time.monotonic()
        else:
            missing.append(f"{client.nick} is not back")
    yield last, missing
