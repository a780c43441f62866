"""Real processes for end-to-end tests: a broker, and programs at a pseudo-terminal read through pyte.

Nothing here sleeps: every wait reads what the process writes until a condition holds or a deadline passes.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import selectors
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyte

TREE = Path(__file__).parent.parent
PROGRAM = (sys.executable, "-m", "broker")
DEADLINE = 20.0  # seconds for anything to happen; a busy machine takes a few

# Makes the pseudo-terminal the controlling one, as a login does, so that keys and hang-ups become signals.
_LOGIN = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"


def environment(**changes: str) -> dict[str, str]:
    """The environment without anything that steers confab or belies a terminal's size, and with these changes."""
    steers = ("CONFAB_", "COLUMNS", "LINES")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(steers)}
    return kept | {"PYTHONPATH": str(TREE), "TERM": "xterm-256color"} | changes


def free_endpoint() -> str:
    """A TCP endpoint on this machine where nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"tcp://127.0.0.1:{probe.getsockname()[1]}"


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that no screen shows."""
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class BrokerProcess:
    """A broker in its own process; `lines` are the events it told, as JSON objects, `output` all that it wrote."""

    def __init__(
        self, home: Path, endpoint: str | None = None, *arguments: str, program: Sequence[str] = PROGRAM
    ) -> None:
        self.home = home
        self.endpoint = endpoint or free_endpoint()
        self.output: list[str] = []
        self.lines: list[dict[str, Any]] = []
        self._told = threading.Condition()
        self.process = subprocess.Popen(
            [*program, "--data", str(home), "--bind", self.endpoint, "--log-format", "json", *arguments],
            cwd=TREE,
            env=environment(PYTHONUNBUFFERED="1"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.invite: str = self.told("listening")["invites"][0]

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.output.append(line)
            with contextlib.suppress(ValueError), self._told:
                self.lines.append(json.loads(line))
                self._told.notify_all()

    def told(self, event: str, **fields: str) -> dict[str, Any]:
        """Wait until the broker has told this event."""

        def found() -> dict[str, Any] | None:
            wanted = {"event": event, **fields}
            return next((line for line in self.lines if wanted.items() <= line.items()), None)

        self.tells(lambda: found() is not None, f"{event} {fields}")
        line = found()
        assert line is not None
        return line

    def tells(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until a condition on what the broker has told holds."""
        with self._told:
            assert self._told.wait_for(condition, DEADLINE), f"the broker never told {what}: {self.lines[-50:]}"

    def run(self, *arguments: str) -> str:
        """Run the broker's program beside it, as in `grant`."""
        command = [*PROGRAM, "--data", str(self.home), *arguments]
        return subprocess.run(
            command, cwd=TREE, env=environment(), capture_output=True, text=True, timeout=DEADLINE, check=True
        ).stdout

    def kill(self) -> None:
        """End it as a power cut does."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """End it as its owner does; returns its exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        status = self.process.wait(DEADLINE)
        self._reader.join(DEADLINE)
        assert self.process.stdout
        self.process.stdout.close()
        return status


@contextlib.contextmanager
def running_broker(home: Path, endpoint: str | None = None, *arguments: str) -> Iterator[BrokerProcess]:
    """A broker for as long as the block lasts."""
    broker = BrokerProcess(home, endpoint, *arguments)
    try:
        yield broker
    finally:
        broker.stop()


def confab(*arguments: str, home: Path, stdin: bytes | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    """Run `confab` to its end, at no terminal."""
    run = subprocess.run(
        [sys.executable, "-m", "client", *arguments],
        cwd=TREE,
        env=environment(CONFAB_HOME=str(home), **env),
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        timeout=DEADLINE,
        check=False,
    )
    return subprocess.CompletedProcess(run.args, run.returncode, run.stdout.decode(), run.stderr.decode())


class Terminal:
    """A program at a pseudo-terminal; what it draws is read from a pyte screen."""

    def __init__(self, *arguments: str, columns: int = 100, rows: int = 40, **env: str) -> None:
        self.display = pyte.HistoryScreen(columns, rows, history=1000)
        self._stream = pyte.ByteStream(self.display)
        self.raw = b""  # all that came, for what a screen does not keep
        self._master, slave = os.openpty()
        self._resize(columns, rows)
        self.process = subprocess.Popen(
            [sys.executable, "-c", _LOGIN, sys.executable, *arguments],
            cwd=TREE,
            env=environment(**env),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._master, selectors.EVENT_READ)

    def _resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def resize(self, columns: int, rows: int) -> None:
        """Change the window's size, as a person does with the mouse."""
        self.display.resize(rows, columns)
        self._resize(columns, rows)

    def keys(self, text: str) -> Terminal:
        """Press these keys."""
        data = text.encode(errors="surrogateescape")
        while data:
            data = data[os.write(self._master, data[:512]) :]
            self._read(0)  # or both sides wait for each other
        return self

    def type(self, line: str) -> Terminal:
        """Type a line and press Enter."""
        return self.keys(line + "\r")

    def paste(self, text: str) -> Terminal:
        """Paste, as terminals with bracketed paste do."""
        return self.keys(f"\x1b[200~{text}\x1b[201~")

    @property
    def text(self) -> str:
        """What the screen shows."""
        return "\n".join(row.rstrip() for row in self.display.display).rstrip()

    @property
    def modes(self) -> list[Any]:
        """The terminal's modes, as the program has set them."""
        return termios.tcgetattr(self._master)

    @modes.setter
    def modes(self, modes: list[Any]) -> None:
        termios.tcsetattr(self._master, termios.TCSANOW, modes)

    @property
    def prompt(self) -> str:
        """The row of the cursor."""
        return self.display.display[self.display.cursor.y].rstrip()

    def sees(self, *texts: str) -> Terminal:
        """Wait until the screen shows all of these."""
        return self.until(lambda: all(text in self.text for text in texts), f"{texts} on the screen")

    def prompts(self, row: str) -> Terminal:
        """Wait until the row of the cursor is this."""
        return self.until(lambda: self.prompt == row, f"the input line {row!r}")

    def until(self, condition: Callable[[], bool], what: str = "a condition") -> Terminal:
        """Wait until a condition holds."""
        deadline = time.monotonic() + DEADLINE
        while not condition():
            left = deadline - time.monotonic()
            if left <= 0 or not self._read(left):
                raise AssertionError(f"never came: {what}. The screen:\n{self.text}")
        return self

    def _read(self, timeout: float) -> bool:
        """Read what is there; False: nothing more will come in time."""
        if not self._selector.select(timeout):
            return False
        try:
            data = os.read(self._master, 65536)
        except OSError:  # the program has closed its side
            return False
        self.raw += data
        self._stream.feed(data)
        return bool(data)

    def ends(self) -> int:
        """Wait until the program ends; returns its exit code."""
        while self._read(DEADLINE):
            pass
        return self.process.wait(DEADLINE)

    def hang_up(self) -> int:
        """Close the terminal's window; returns the program's exit code."""
        self._selector.close()
        os.close(self._master)
        return self.process.wait(DEADLINE)

    def close(self) -> None:
        """End the program if it still runs, however it feels about that."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(DEADLINE)
        with contextlib.suppress(OSError, KeyError, RuntimeError):
            self._selector.close()
            os.close(self._master)
