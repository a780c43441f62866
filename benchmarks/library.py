"""confab's own client library as a script uses it: generators and readers with a real `Client`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from client import Client, OutboxFull

ANSWER_SECONDS = 30.0  # nothing takes this long unless it failed
PAUSE_SECONDS = 0.002  # between two messages of an idle conversation


def sender(home: Path, target: str, body: bytes, count: int) -> Iterator[tuple[float, ...]]:
    """Send `count` messages as fast as `send` takes them; yield when it began, and the last acceptance."""
    text = body.decode()
    with Client("sender", home=home, receive=False) as chat:
        chat.wait_connected(ANSWER_SECONDS)
        yield ()
        began = time.monotonic()
        receipt = None
        for _ in range(count):
            try:
                receipt = chat.send(target, text)
            except OutboxFull:
                if receipt is not None:
                    receipt.wait(ANSWER_SECONDS)
                receipt = chat.send(target, text)
        if receipt is not None:
            receipt.wait(ANSWER_SECONDS)
        yield began, time.monotonic()


def reader(home: Path, nick: str, count: int) -> Iterator[float]:
    """Take `count` messages; yield when the last one came."""
    with Client(nick, home=home) as chat:
        chat.wait_connected(ANSWER_SECONDS)
        yield 0.0
        messages = chat.messages(ANSWER_SECONDS)
        for _ in range(count):
            next(messages)
        yield time.monotonic()


def pinger(home: Path, target: str, count: int) -> Iterator[list[tuple[float, float]]]:
    """Send one message at a time; yield when each was sent, and when it was accepted."""
    with Client("pinger", home=home, receive=False) as chat:
        chat.wait_connected(ANSWER_SECONDS)
        yield []
        times = []
        for number in range(count):
            began = time.monotonic()
            chat.send(target, f"ping {number}").wait(ANSWER_SECONDS)
            times.append((began, time.monotonic()))
            time.sleep(PAUSE_SECONDS)
        yield times


def listener(home: Path, nick: str, count: int) -> Iterator[list[float]]:
    """Take `count` messages; yield when each came."""
    with Client(nick, home=home) as chat:
        chat.wait_connected(ANSWER_SECONDS)
        yield []
        messages = chat.messages(ANSWER_SECONDS)
        times = []
        for _ in range(count):
            next(messages)
            times.append(time.monotonic())
        yield times
