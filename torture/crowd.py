"""Row: the broker is killed and started again, and everybody comes back at once.

Real `Client`s, many to a process. Back is who got a message that was said after the restart; all of them must be within
30 seconds, with the pauses between attempts that the library makes in life.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from benchmarks.processes import Worker
from client import Client
from client import connection as library

from .brokers import Broker, endpoint, folder
from .crew import END
from .result import Result, Scale

CLIENTS = {"full": 1000, "short": 20}
WORKERS = {"full": 4, "short": 2}
BACK_SECONDS = 30.0
CONTROL_SECONDS = 1.0  # without a second attempt nobody comes back, however long it takes
CONNECT_SECONDS = 120.0


def run(scale: Scale) -> Result:
    """Sound and sabotaged."""
    problems, first, took = campaign(CLIENTS[scale], WORKERS[scale], BACK_SECONDS)
    control, _, _ = campaign(CLIENTS["short"], 1, CONTROL_SECONDS, reconnect=False)
    return Result(
        test="a crowd reconnects after a kill",
        trials=CLIENTS[scale],
        of="clients",
        figures=f"all back {took:.1f} s after the broker was started again; to connect for the first time, one after "
        f"the other, took them {first:.0f} s.",
        control=f"one attempt only: {len(control)} of {CLIENTS['short']} not back",
        control_red=bool(control),
        problems=problems,
    )


def campaign(clients: int, workers: int, within: float, *, reconnect: bool = True) -> tuple[list[str], float, float]:
    """What is wrong, seconds to connect at first, seconds until all were back."""
    with folder() as place, ExitStack() as stack:
        home, bind = place / "home", endpoint()
        broker = Broker(home, bind)
        stack.callback(lambda: broker.kill())
        broker.ready()
        began = time.monotonic()
        each = clients // workers
        crowd = [stack.enter_context(Worker(come, home, n * each, each, within, reconnect)) for n in range(workers)]
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


def come(home: Path, first: int, count: int, within: float, reconnect: bool) -> Iterator[tuple[float, list[str]]]:
    """Be so many clients; yields when the last of them was back, and who was not."""
    if not reconnect:
        library.backoff = lambda: iter([CONNECT_SECONDS])
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
