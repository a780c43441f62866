"""Workloads of the console at a real pseudo-terminal: from its start to the prompt, and from a key to the screen.

Keys are characters that nobody else writes, a new one each time, so that it is known when each first comes back.
"""

from __future__ import annotations

import fcntl
import os
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from client import Client

from . import systems
from .library import ANSWER_SECONDS
from .processes import BenchmarkError, Worker
from .report import Line, Section, milliseconds, quantile

STARTS = 10  # in each repetition
FLOOD_PER_SECOND = 1_000
FLOOD_SECONDS = 10.0
TICK_SECONDS = 0.01  # the flood comes in as many portions
KEY_SECONDS = 0.05  # between two keys: a fast typist
LINE = 20  # keys; then the line is cleared
KEYS = 0x1200  # the first of some 200 Ethiopic letters: narrow, and in no message
ROWS, COLUMNS = 40, 120
CONFAB = Path(sys.executable).with_name("confab")

# Makes the pseudo-terminal the controlling one, as a login does.
_LOGIN = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"


class Console:
    """`confab chat` at a pseudo-terminal."""

    def __init__(self, folder: Path, nick: str) -> None:
        self._master, slave = os.openpty()
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self._process = subprocess.Popen(
            [sys.executable, "-c", _LOGIN, str(CONFAB), "chat", nick, "--home", str(folder)],
            env={**os.environ, "TERM": "xterm-256color"},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        self._rest = b""

    def press(self, keys: str) -> float:
        """Press these keys; returns when."""
        at = time.monotonic()
        os.write(self._master, keys.encode())
        return at

    def reads(self, text: str) -> float:
        """Read until this is written; returns when it was. Raises BenchmarkError."""
        wanted = text.encode()
        while select.select([self._master], [], [], ANSWER_SECONDS)[0]:
            data = self._rest + os.read(self._master, 65536)
            self._rest = data[-len(wanted) + 1 :] if len(wanted) > 1 else b""
            if wanted in data:
                return time.monotonic()
        raise BenchmarkError(f"the console never wrote {text!r}")

    def drain(self, until: float) -> None:
        """Read what is written up to a monotonic time."""
        while (left := until - time.monotonic()) > 0:
            if select.select([self._master], [], [], left)[0]:
                os.read(self._master, 65536)

    def __enter__(self) -> Self:
        """Return it."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        os.close(self._master)


def start(repeat: int) -> Section:
    """Start consoles, one after the other, each until the prompt takes keys."""
    line = Line("start to prompt", milliseconds, note=f"median of {STARTS} starts of `confab chat`")
    with systems.confab() as running:
        _start(running.folder)  # once for the page cache, and for the profile's key
        for _ in range(repeat):
            line.samples.append(quantile([_start(running.folder) for _ in range(STARTS)], 0.5))
    section = Section("Start of the console", [line])
    section.verdict("below 400 ms", line.name)
    return section


def _start(folder: Path) -> float:
    began = time.monotonic()
    with Console(folder, "alice") as console:
        return console.reads("#general › ") - began


def typing(repeat: int) -> Section:
    """Type while messages come in, and while nothing does."""
    quiet = Line("key to screen, p99, nothing comes", milliseconds)
    flooded = Line(f"key to screen, p99, {FLOOD_PER_SECOND:,}/s", milliseconds, note="messages to the current room")
    median = Line(f"key to screen, median, {FLOOD_PER_SECOND:,}/s", milliseconds)
    for _ in range(repeat):
        quiet.samples.append(quantile(_type(flood=False), 0.99))
        took = _type(flood=True)
        flooded.samples.append(quantile(took, 0.99))
        median.samples.append(quantile(took, 0.5))
    section = Section("Typing in the console", [quiet, flooded, median])
    section.verdict("below 50 ms", flooded.name)
    return section


def _type(*, flood: bool) -> list[float]:
    """Seconds from each key to the screen."""
    took: list[float] = []
    with systems.confab() as running, Worker(flooder, running.folder) as worker:
        worker.value()
        with Console(running.folder, "alice") as console:
            console.reads("/quit leaves")
            if flood:
                worker.go()
                console.reads("message 1000 ")  # it runs
            end = time.monotonic() + FLOOD_SECONDS - 2.0
            while time.monotonic() < end:
                key = chr(KEYS + len(took))
                pressed = console.press(key)
                took.append(console.reads(key) - pressed)
                if len(took) % LINE == 0:
                    console.press("\x15")
                console.drain(pressed + KEY_SECONDS)
    return took


def flooder(folder: Path) -> Iterator[float]:
    """Say FLOOD_PER_SECOND messages in #general, evenly."""
    with Client("bob", home=folder, receive=False) as chat:
        chat.wait_connected(ANSWER_SECONDS)
        yield 0.0
        began, portion, number = time.monotonic(), round(FLOOD_PER_SECOND * TICK_SECONDS), 0
        for tick in range(round(FLOOD_SECONDS / TICK_SECONDS)):
            time.sleep(max(0.0, began + tick * TICK_SECONDS - time.monotonic()))
            for _ in range(portion):
                number += 1
                receipt = chat.send("#general", f"message {number} of a flood that nobody reads to its end")
        receipt.wait(ANSWER_SECONDS)
        yield time.monotonic() - began
