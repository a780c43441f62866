"""Row: readers that stop reading while a million messages pass, and then read on.

The broker's memory must stay bounded and another client's answers must not come much later; in the end every reader
must have got everything, once and in order. Bare DEALERs: they leave in the kernel what they do not read. Messages come
at a steady pace, the same with those readers and without: a sender that waits for answers would slow down with a slow
broker and hide it.
"""

from __future__ import annotations

import secrets
import statistics
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from math import inf
from multiprocessing import get_context
from multiprocessing.synchronize import Event

import zmq

from benchmarks import wire
from benchmarks.processes import Worker
from messages import (
    PROTOCOL,
    Accepted,
    AnyEvent,
    Hello,
    Message,
    Ping,
    Post,
    Welcome,
    decode_events,
    encode_commands,
)

from .brokers import Broker, endpoint, folder, without_rate
from .result import Result, Scale

READERS = {"full": 100, "short": 4}
MESSAGES = {"full": 1_000_000, "short": 30_000}
ALONE = {"full": 100_000, "short": 10_000}  # messages without those readers, for comparison
CONTROL_MESSAGES = 60_000  # memory has no bound then: not a million
BODY = {"full": b"x" * 100, "short": b"x" * 700}  # the kernel keeps some megabytes for each reader
BATCH = 10  # messages in a frame: small ticks, so that many frames wait
PACE = {"full": 10_000, "short": 25_000}  # messages a second
WORKERS = 2
MEMORY_BYTES = {"full": 256 * 2**20, "short": 30 * 2**20}  # that the broker may grow by
SLOWER = {"full": 2.0, "short": inf}  # times: how much later another's answers may come; of few it says little
ASK_SECONDS = 0.01  # between two questions of that client
PING_SECONDS = 5.0
QUIET_SECONDS = 5.0  # a reader that gets nothing for so long will not get the rest
CATCH_UP_SECONDS = 400.0


@dataclass
class Campaign:
    """What came of it."""

    problems: list[str] = field(default_factory=list)
    alone: float = 0.0  # p99 without stalled readers, seconds
    beside: float = 0.0  # and with them
    grown: int = 0  # bytes, while they stalled
    most: int = 0  # and at the most, until all had caught up
    took: float = 0.0  # seconds to catch up


def run(scale: Scale) -> Result:
    """Sound and sabotaged."""
    found = campaign(scale, MESSAGES[scale])
    if found.beside > SLOWER[scale] * found.alone:
        found.problems.append(f"p99 {found.beside * 1e3:.1f} ms, without those readers {found.alone * 1e3:.1f} ms")
    control = campaign(scale, CONTROL_MESSAGES, sabotage="high-water-mark", catch_up=False)
    return Result(
        test="stalled readers",
        trials=READERS[scale],
        of="readers",
        figures=f"{MESSAGES[scale]:,} messages of {len(BODY[scale])} bytes passed each, {PACE[scale]:,} a second; the "
        f"broker grew by {found.grown >> 20} MiB meanwhile, by {found.most >> 20} MiB at the most until all had caught "
        f"up, {found.took:.0f} s later; another's answers p99 {found.beside * 1e3:.1f} ms, under the same load without "
        f"those readers {found.alone * 1e3:.1f} ms.",
        control=f"no high-water mark, {CONTROL_MESSAGES:,} messages: grew by {control.grown >> 20} MiB",
        control_red=bool(control.problems),
        problems=found.problems,
    )


def campaign(scale: Scale, messages: int, *, sabotage: str = "", catch_up: bool = True) -> Campaign:
    """The same load without and with readers that stall."""
    found = Campaign()
    stalling = get_context("spawn").Event()
    stalling.set()
    with ExitStack() as stack:
        place = stack.enter_context(folder())
        without_rate(place / "home")
        broker = stack.enter_context(Broker(place / "home", bind := endpoint(), sabotage=sabotage))
        key = broker.key
        found.alone = _load(bind, key, scale, ALONE[scale], "first")
        each = READERS[scale] // WORKERS
        workers = [Worker(read_late, bind, key, n * each, each, messages, stalling) for n in range(WORKERS)]
        try:
            for worker in workers:
                worker.value()
                worker.go()
            before = broker.memory()[0]
            found.beside = _load(bind, key, scale, messages, "second")
            found.grown = broker.memory()[0] - before
            began = time.monotonic()
            stalling.clear()
            if catch_up:
                for worker in workers:
                    found.problems += worker.value(CATCH_UP_SECONDS)
            found.took = time.monotonic() - began
            found.most = broker.memory()[1] - before
        finally:
            for worker in workers:
                worker.__exit__(None, None, None)
    for what, grown in (("while they stalled", found.grown), ("while they caught up", found.most)):
        if grown > MEMORY_BYTES[scale]:
            found.problems.append(f"the broker grew by {grown >> 20} MiB {what}")
    return found


def _load(bind: str, key: bytes, scale: Scale, count: int, name: str) -> float:
    """Post to everyone at a pace; returns the p99 of another client's answers meanwhile."""
    pace = PACE[scale]
    with (
        Worker(post, bind, key, f"{name}-post", BODY[scale], count, pace) as posting,
        Worker(ask, bind, key, f"{name}-ask", count / pace) as asking,
    ):
        within = 3 * count / pace + 60
        for worker in (posting, asking):
            worker.value()
        for worker in (posting, asking):
            worker.go()
        took: list[float] = asking.value(within)
        posting.value(within)
        return p99(took)


def p99(took: list[float]) -> float:
    """What 99 of 100 do not exceed."""
    return statistics.quantiles(took, n=100, method="inclusive")[-1]


def post(bind: str, key: bytes, nick: str, body: bytes, count: int, pace: int) -> Iterator[None]:
    """Post so many messages, so many a second; done when all are accepted."""
    socket = wire.welcomed(bind, key, [nick], feed=False)
    frames = iter(wire.posts("*", body, count, BATCH))
    yield None
    began = time.monotonic()
    accepted = sent = 0
    while accepted < count:
        due = min(count, int((time.monotonic() - began) * pace))
        while sent < due and sent - accepted < wire.WINDOW:
            socket.send(next(frames))
            sent += BATCH
        if socket.poll(1):
            accepted += sum(event.count for event in wire.events(socket) if isinstance(event, Accepted))
    yield None


def ask(bind: str, key: bytes, nick: str, seconds: float) -> Iterator[list[float]]:
    """Post now and then; how long it takes each time until that is accepted."""
    socket = wire.welcomed(bind, key, [nick], feed=False)
    took: list[float] = []
    yield took
    end = time.monotonic() + seconds
    while time.monotonic() < end or len(took) < 2:
        began = time.monotonic()
        socket.send(encode_commands([Post(len(took) + 1, f"@{nick}", "here")]))
        while not any(isinstance(event, Accepted) for event in wire.events(socket)):
            pass
        took.append(time.monotonic() - began)
        time.sleep(ASK_SECONDS)
    yield took


def read_late(bind: str, key: bytes, first: int, readers: int, count: int, stalling: Event) -> Iterator[list[str]]:
    """Be so many sessions that read nothing while told to stall, and then everything; yields what was wrong."""
    context = zmq.Context()
    sockets = [_reader(context, bind, key, f"reader{number}") for number in range(first, first + readers)]
    yield []
    problems: list[str] = []
    poller = zmq.Poller()
    state = {socket: [0, 0] for socket in sockets}  # how many, and the last sequence
    pinged = time.monotonic()
    while stalling.is_set():
        pinged = _ping(state, pinged)  # all that they do
        time.sleep(0.05)
    for socket in sockets:
        poller.register(socket, zmq.POLLIN)
    while state and (ready := poller.poll(int(QUIET_SECONDS * 1000))):
        for socket, _ in ready:
            problems += _take(decode_events(socket.recv()), state[socket])
            if state[socket][0] >= count:
                poller.unregister(socket)
                del state[socket]
        pinged = _ping(state, pinged)
    problems += [f"a reader got {got} of {count}" for got, _ in state.values()]
    yield problems


def _ping(sockets: Iterable[zmq.Socket[bytes]], before: float) -> float:
    """Give a sign of life now and then; returns when that was last."""
    if time.monotonic() < before + PING_SECONDS:
        return before
    for socket in sockets:
        socket.send(encode_commands([Ping(0)]))
    return time.monotonic()


def _take(events: list[AnyEvent], state: list[int]) -> list[str]:
    """Count what was said to everyone; returns what came out of order, or again."""
    problems = []
    for event in events:
        if isinstance(event, Message) and event.to == "*":
            if event.seq <= state[1]:
                problems.append(f"{event.seq} came behind {state[1]}")
            state[0] += 1
            state[1] = event.seq
    return problems


def _reader(context: zmq.Context[zmq.Socket[bytes]], bind: str, key: bytes, nick: str) -> zmq.Socket[bytes]:
    socket = context.socket(zmq.DEALER)
    socket.linger, socket.rcvhwm, socket.rcvtimeo = 0, 2, int(QUIET_SECONDS * 1000)
    socket.reconnect_ivl = -1
    socket.curve_serverkey = key
    socket.curve_publickey, socket.curve_secretkey = zmq.curve_keypair()
    socket.connect(bind)
    socket.send(encode_commands([Hello(PROTOCOL, nick, secrets.token_bytes(16), quiet=True, client="torture")]))
    while not any(isinstance(event, Welcome) for event in decode_events(socket.recv())):
        pass
    return socket
