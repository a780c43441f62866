"""Row: readers that stop reading while messages pass by the thousand, and then read on.

The broker's memory must stay bounded and another client's answers must not come much later; in the end every reader
must have got everything, once and in order. Bare DEALERs: they leave in the kernel what they do not read.
"""

from __future__ import annotations

import secrets
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import zmq
from zmq.utils import z85

from benchmarks import wire
from benchmarks.processes import PAGE_BYTES, Worker
from messages import (
    PROTOCOL,
    Accepted,
    Hello,
    Local,
    Message,
    Ping,
    Post,
    Welcome,
    decode_events,
    encode_commands,
    find_home,
    parse_key,
)

from .brokers import Broker, endpoint, folder
from .result import Result, Scale

READERS = {"full": 100, "short": 4}
MESSAGES = {"full": 20_000, "short": 6_000}
BODY = b"x" * 2000  # the kernel alone keeps some megabytes for each reader: there must be more than that
WINDOW = 3  # messages unanswered: small ticks, so that more frames wait than the high-water mark allows
ASKED = {"full": 1000, "short": 50}
WORKERS = 2
MEMORY_BYTES = {"full": 2**30, "short": 200 * 2**20}  # that the broker may grow by
PING_SECONDS = 5.0
QUIET_MS = 3_000  # a reader that gets nothing for so long will not get the rest


def run(scale: Scale) -> Result:
    """Sound and sabotaged."""
    problems, alone, beside, grown, took = campaign(scale)
    control, *_ = campaign(scale, sabotage="cursors")
    return Result(
        test="stalled readers",
        trials=READERS[scale],
        of="readers",
        figures=f"{MESSAGES[scale]:,} messages of 2 KB passed each; the broker grew by {grown >> 20} MiB; "
        f"another's answers p99 {beside * 1e3:.0f} ms, under the same load without those readers {alone * 1e3:.0f} ms; "
        f"all caught up within {took:.0f} s.",
        control=f"what does not fit is dropped: {len(control)} problems",
        control_red=bool(control),
        problems=problems,
    )


def campaign(scale: Scale, *, sabotage: str = "") -> tuple[list[str], float, float, int, float]:
    """What is wrong, p99 without and with stalled readers, growth in bytes, seconds to catch up."""
    problems: list[str] = []
    with folder() as place, Broker(place / "home", bind := endpoint(), sabotage=sabotage) as broker:
        key = z85.encode(parse_key(_local(place / "home").key))
        alone = _load(bind, key, scale, "first")
        each = READERS[scale] // WORKERS
        workers = [Worker(read_late, bind, key, n * each, each, MESSAGES[scale]) for n in range(WORKERS)]
        try:
            for worker in workers:
                worker.value()
            before = _resident(broker)
            beside = _load(bind, key, scale, "second")
            grown = _resident(broker) - before
            began = time.monotonic()
            for worker in workers:
                worker.go()
            for worker in workers:
                problems += worker.value(300)
            took = time.monotonic() - began
        finally:
            for worker in workers:
                worker.__exit__(None, None, None)
    if grown > MEMORY_BYTES[scale]:
        problems.append(f"the broker grew by {grown >> 20} MiB")
    return problems, alone, beside, grown, took


def _local(home: Path) -> Local:
    return msgspec.json.decode(find_home(home).local.read_bytes(), type=Local)


def _resident(broker: Broker) -> int:
    return int(Path(f"/proc/{broker.process.pid}/statm").read_text().split()[1]) * PAGE_BYTES


def _load(bind: str, key: bytes, scale: Scale, name: str) -> float:
    """Post to everyone as fast as it is accepted; returns the p99 of another client's answers meanwhile."""
    with (
        Worker(post, bind, key, f"{name}-post", MESSAGES[scale]) as posting,
        Worker(ask, bind, key, f"{name}-ask", ASKED[scale]) as asking,
    ):
        for worker in (posting, asking):
            worker.value()
            worker.go()
        p99: float = asking.value()
        posting.value()
        return p99


def post(bind: str, key: bytes, nick: str, count: int) -> Iterator[None]:
    """Post so many messages, with a window of unanswered ones."""
    socket = wire.welcomed(bind, key, [nick], feed=False)
    frames = iter(wire.posts("*", BODY, count, 1))
    yield None
    accepted = sent = 0
    while accepted < count:
        while sent < count and sent - accepted < WINDOW:
            socket.send(next(frames))
            sent += 1
        accepted += sum(event.count for event in wire.events(socket) if isinstance(event, Accepted))
    yield None


def ask(bind: str, key: bytes, nick: str, count: int) -> Iterator[float]:
    """Post now and then; the p99 of the time until it is accepted."""
    socket = wire.welcomed(bind, key, [nick], feed=False)
    yield 0.0
    took = []
    for number in range(1, count + 1):
        began = time.monotonic()
        socket.send(encode_commands([Post(number, f"@{nick}", "here")]))
        while not any(isinstance(event, Accepted) for event in wire.events(socket)):
            pass
        took.append(time.monotonic() - began)
        time.sleep(0.003)
    yield statistics.quantiles(took, n=100)[-1]


def read_late(bind: str, key: bytes, first: int, readers: int, count: int) -> Iterator[list[str]]:
    """Be so many sessions that read nothing until told to, and then everything; yields what was wrong."""
    context = zmq.Context()
    sockets = [_reader(context, bind, key, f"reader{number}") for number in range(first, first + readers)]
    yield []
    problems = []
    poller = zmq.Poller()
    state = {socket: [0, 0] for socket in sockets}  # how many, and the last sequence
    for socket in sockets:
        poller.register(socket, zmq.POLLIN)
    pinged = time.monotonic()
    while state and (ready := poller.poll(QUIET_MS)):
        for socket, _ in ready:
            for event in decode_events(socket.recv()):
                if isinstance(event, Message) and event.to == "*":
                    if event.seq <= state[socket][1]:
                        problems.append(f"{event.seq} came behind {state[socket][1]}")
                    state[socket] = [state[socket][0] + 1, event.seq]
            if state[socket][0] >= count:
                poller.unregister(socket)
                del state[socket]
        if time.monotonic() > pinged + PING_SECONDS:
            pinged = time.monotonic()
            for socket in state:
                socket.send(encode_commands([Ping(0)]))
    problems += [f"a reader got {got} of {count}" for got, _ in state.values()]
    yield problems


def _reader(context: zmq.Context[zmq.Socket[bytes]], bind: str, key: bytes, nick: str) -> zmq.Socket[bytes]:
    socket = context.socket(zmq.DEALER)
    socket.linger, socket.rcvhwm, socket.rcvtimeo = 0, 2, QUIET_MS
    socket.reconnect_ivl = -1
    socket.curve_serverkey = key
    socket.curve_publickey, socket.curve_secretkey = zmq.curve_keypair()
    socket.connect(bind)
    socket.send(encode_commands([Hello(PROTOCOL, nick, secrets.token_bytes(16), quiet=True, client="torture")]))
    while not any(isinstance(event, Welcome) for event in decode_events(socket.recv())):
        pass
    return socket
