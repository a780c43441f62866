"""Owns the processes of a benchmark: servers under test, workers that drive them, and what the OS says they cost.

Knows no protocol. A worker is a generator function: what it does before its first `yield` is preparation, what it
yields there is handed to the parent, and each `yield` is a starting line at which it waits to be told to go on.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import socket
import subprocess
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, Self

Work = Callable[..., Iterator[Any]]

LIMIT_SECONDS = 60.0  # nothing here takes a quarter of this; a worker that does has failed
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")

_spawn = multiprocessing.get_context("spawn")  # a socket inherited over fork() hangs


class BenchmarkError(Exception):
    """A server or a worker did not do its part."""


class Worker:
    """A generator or a reader in its own process."""

    def __init__(self, work: Work, *args: object) -> None:
        self._name = work.__name__
        self._pipe, theirs = _spawn.Pipe()
        self._process = _spawn.Process(target=_work, args=(work, theirs, args), daemon=True)
        self._process.start()
        theirs.close()

    def value(self, within: float = LIMIT_SECONDS) -> Any:
        """What the worker yields next; raises BenchmarkError when it failed or is too slow."""
        if not self._pipe.poll(within):
            raise BenchmarkError(f"{self._name} was not done after {within:.0f} s")
        try:
            failure, value = self._pipe.recv()
        except EOFError:
            raise BenchmarkError(f"{self._name} died") from None
        if failure:
            raise BenchmarkError(f"{self._name} failed:\n{failure}")
        return value

    def go(self) -> None:
        """Let the worker run to its next `yield`."""
        self._pipe.send(None)

    def __enter__(self) -> Self:
        """Return the running worker."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End it, whatever it is doing."""
        self._pipe.close()
        self._process.join(0.5)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


def _work(work: Work, pipe: Connection, args: Sequence[object]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's, which then closes the pipe
    try:
        for value in work(*args):
            pipe.send(("", value))
            pipe.recv()
    except (EOFError, ConnectionError):
        return  # the parent has what it wanted
    except Exception:
        pipe.send((traceback.format_exc(), None))


class Server:
    """A system under test, in its own process, ended by SIGTERM."""

    def __init__(self, command: Sequence[str], ready: Callable[[], bool], log: Path, *, farewell: int = 0) -> None:
        self._farewell = farewell  # its exit code after SIGTERM
        started = time.monotonic()
        with log.open("wb") as output:
            self._process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        self.pid = self._process.pid
        while not ready():
            if self._process.poll() is not None or time.monotonic() > started + LIMIT_SECONDS:
                self.stop(check=False)
                raise BenchmarkError(f"{command[0]} did not start:\n{log.read_text(errors='replace')}")
            time.sleep(0.002)
        self.start_seconds = time.monotonic() - started

    def cpu_seconds(self) -> float:
        """User and system time of all its threads so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND

    def resident_bytes(self) -> int:
        """The memory it holds now."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * PAGE_BYTES

    def stop(self, *, check: bool = True) -> None:
        """End it; with `check` anything but a clean exit is an error."""
        self._process.terminate()
        try:
            code = self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        if check and code != self._farewell:
            raise BenchmarkError(f"{self._process.args!r} ended with exit code {code}")

    def __enter__(self) -> Self:
        """Return the running server."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Stop it; an unclean exit counts only when nothing else went wrong."""
        self.stop(check=kind is None)


def free_port() -> int:
    """A TCP port of this machine that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    """Tell whether somebody listens on this port of 127.0.0.1."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def raise_descriptor_limit() -> None:
    """Take all the descriptors the system grants; servers and workers inherit them."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
