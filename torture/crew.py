"""The people of a campaign: real `Client`s in worker processes, who speak and listen and keep journals of it.

A crew is one worker. It says when all its people are connected, speaks until it is told to stop, says when everything
is answered, listens until the end is announced, and hands over its journals.
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.synchronize import Event
from pathlib import Path

from benchmarks.processes import Worker
from client import Client, ClientError, Rejected, backoff, pulse
from client import connection as library
from client.receipt import Receipt
from messages import PING_SECONDS, SILENCE_SECONDS

from .checker import Eye, Said, Verdict, judge

CONNECT_SECONDS = 30.0
SETTLE_SECONDS = 60.0  # for everything to be answered once the faults are over
QUIET_SECONDS = 4.0  # nothing for so long after the end was announced: nothing more will come
END = "the end of the campaign"


@dataclass(frozen=True, slots=True)
class Person:
    """One device of somebody."""

    nick: str
    device: str
    targets: tuple[str, ...] = ()  # to whom it speaks; nobody: it only listens
    listens: bool = True
    window: int = 300  # messages unanswered
    pause: float = 0.02  # seconds between bursts
    bursts: tuple[int, ...] = (1, 1, 2, 5, 40)
    size: int = 100  # characters, at the most, of a body
    broker: str | None = None  # an invite, when the way there is not the direct one
    heartbeat: tuple[float, float] = (PING_SECONDS, SILENCE_SECONDS)  # one for a whole crew


@dataclass(slots=True)
class Journals:
    """What a crew brings home."""

    said: list[Said] = field(default_factory=list)
    eyes: list[Eye] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)  # clients that gave up

    def add(self, other: Journals) -> None:
        """Put two crews' journals together."""
        self.said += other.said
        self.eyes += other.eyes
        self.failures += other.failures

    def judge(self, stored: list[tuple[int, str]]) -> Verdict:
        """The checker's verdict; the announcement of the end is nobody's message."""
        for eye in self.eyes:
            eye.shown = [shown for shown in eye.shown if shown[1] != END]
        return judge(self.said, self.eyes, [(seq, body) for seq, body in stored if body != END])


def crew(home: Path, people: Sequence[Person], stop: Event) -> Iterator[Journals | None]:
    """A worker's work; see the module."""
    library._STEADY_SECONDS, backoff._LAST = 0.0, (0.5, 1.0)  # kills come faster here than in life
    vars(pulse).update(zip(("PING_SECONDS", "SILENCE_SECONDS"), people[0].heartbeat, strict=True))
    journals = Journals()
    ending = threading.Event()
    with ExitStack() as stack:
        clients = [stack.enter_context(Client(each.nick, home=home, broker=each.broker)) for each in people]
        for client in clients:
            client.wait_connected(CONNECT_SECONDS)
        yield None
        speakers, listeners = [], []
        for person, client in zip(people, clients, strict=True):
            if person.targets:
                speakers.append(_thread(_speak, journals, client, person, stop))
            if person.listens:
                eye = Eye(person.device, person.nick)
                journals.eyes.append(eye)
                listeners.append(_thread(_listen, journals, client, eye, ending))
        for thread in speakers:
            thread.join()
        for client in clients:
            client.wait_connected(CONNECT_SECONDS)
        yield None
        ending.set()
        for thread in listeners:
            thread.join()
    yield journals


def _thread(work: object, journals: Journals, *args: object) -> threading.Thread:
    def run() -> None:
        try:
            work(journals, *args)  # type: ignore[operator]
        except ClientError as error:
            journals.failures.append(f"{type(error).__name__}: {error}")

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def _speak(journals: Journals, client: Client, person: Person, stop: Event) -> None:
    rng = random.Random(person.device)
    said: list[Said] = []
    open_: deque[tuple[Said, Receipt]] = deque()
    try:
        while not stop.is_set():
            for _ in range(rng.choice(person.bursts)):
                body = f"{person.device} {len(said)} " + "x" * rng.randrange(person.size)
                said.append(Said(person.device, person.nick, rng.choice(person.targets), body))
                open_.append((said[-1], client.send(said[-1].target, body)))
            while open_ and (open_[0][1].done or len(open_) > person.window) and not stop.is_set():
                if _answered(*open_[0], 0.2):
                    open_.popleft()
            stop.wait(rng.uniform(0, 2) * person.pause)
        deadline = time.monotonic() + SETTLE_SECONDS
        for each, receipt in open_:
            _answered(each, receipt, max(0.0, deadline - time.monotonic()))
    finally:
        journals.said += said  # in one piece: each device's in its order


def _answered(said: Said, receipt: Receipt, timeout: float) -> bool:
    """Write down what became of a message; False: not known yet."""
    try:
        said.seq = receipt.wait(timeout)
    except Rejected as error:
        said.code = str(error.code)
    except (TimeoutError, ClientError):
        return False
    said.at = time.time()
    return True


def _listen(journals: Journals, client: Client, eye: Eye, ending: threading.Event) -> None:
    heard = time.monotonic()
    while not ending.is_set() or time.monotonic() < heard + QUIET_SECONDS:
        for message in client.messages(timeout=0.5):
            if not message.own or message.body != END:
                eye.shown.append((message.seq, message.body))
            if message.body == END:
                return
            heard = time.monotonic()
        if not ending.is_set():
            heard = time.monotonic()


class Crews:
    """Several crews, led through their phases together."""

    def __init__(self, home: Path, crews: Sequence[Sequence[Person]]) -> None:
        self._home = home
        self._stop = get_context("spawn").Event()
        self._workers = [Worker(crew, home, people, self._stop) for people in crews]

    def begin(self) -> None:
        """Wait until everybody is connected, then let them speak."""
        self._all()
        for worker in self._workers:
            worker.go()

    def finish(self) -> Journals:
        """Let them come to an end: everything answered, everything shown. The broker must be up."""
        self._stop.set()
        self._all(SETTLE_SECONDS + 30)
        with Client("herald", home=self._home) as herald:
            herald.send("*", END).wait(20)
            for worker in self._workers:
                worker.go()
            journals = Journals()
            for each in self._all():
                journals.add(each)
        return journals

    def _all(self, within: float = 60.0) -> list[Journals]:
        return [worker.value(within) for worker in self._workers]

    def close(self) -> None:
        """End the workers, whatever they are doing."""
        for worker in self._workers:
            worker.__exit__(None, None, None)
