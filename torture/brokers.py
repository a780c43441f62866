"""Owns the brokers under test: real ones in their own processes, sound or sabotaged, and what they leave behind."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
from zmq.utils import z85

from benchmarks.machine import scratch
from benchmarks.processes import PAGE_BYTES, free_port
from broker import operator, upkeep
from broker.entries import Announced, AnyEntry, Posted
from broker.log import LogError, read_only
from messages import EVERYONE, Local, Rule, find_home, parse_key

TREE = Path(__file__).parent.parent
START_SECONDS = 20.0  # a start takes a tenth of a second; a busy machine, or strace, a few times that


_decode: msgspec.msgpack.Decoder[list[AnyEntry]] = msgspec.msgpack.Decoder(list[AnyEntry])


class TortureError(Exception):
    """The test itself could not be carried out."""


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A folder for one campaign, on a real disk, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="confab-torture-", dir=scratch(), ignore_cleanup_errors=True) as name:
        yield Path(name)


def endpoint() -> str:
    """Where nobody listens now."""
    return f"tcp://127.0.0.1:{free_port()}"


def without_rate(home: Path) -> None:
    """Let everybody say as much as they can, from the first start on: how they are slowed is not what is tested."""
    operator.ask(find_home(home), Rule(1, EVERYONE, "rate", "off"))


def key_of(home: Path) -> bytes:
    """The public key of the broker that lives there, in Z85."""
    local = msgspec.json.decode(find_home(home).local.read_bytes(), type=Local)
    return z85.encode(parse_key(local.key))


class Broker:
    """One run of a broker. `sabotage` names the safeguard that it lacks, `wrap` is a command that runs it."""

    def __init__(self, home: Path, bind: str, *, sabotage: str = "", wrap: Sequence[str] = ()) -> None:
        self.home = home
        module = ["torture.saboteur", sabotage] if sabotage else ["broker"]
        home.mkdir(parents=True, exist_ok=True)
        self._output = tempfile.NamedTemporaryFile(prefix="confab-told-")  # noqa: SIM115 - not on the disk that is filled
        weakref.finalize(self, self._output.close)
        self._told = Path(self._output.name)
        self.process = subprocess.Popen(
            [*wrap, sys.executable, "-m", *module, "--data", str(home), "--bind", bind, "--log-format", "json"],
            cwd=TREE,
            env={name: value for name, value in os.environ.items() if not name.startswith("CONFAB_")},
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
        )

    @property
    def log(self) -> Path:
        """The file of its log."""
        return find_home(self.home).broker / "log.db"

    @property
    def key(self) -> bytes:
        """Its public key in Z85, as zmq takes it."""
        return key_of(self.home)

    def memory(self) -> tuple[int, int]:
        """The bytes that it holds now, and the most it ever held."""
        process = Path(f"/proc/{self.process.pid}")
        peak = next(line for line in (process / "status").read_text().splitlines() if line.startswith("VmHWM"))
        return int((process / "statm").read_text().split()[1]) * PAGE_BYTES, int(peak.split()[1]) * 1024

    def descriptors(self) -> int:
        """How many descriptors it has open."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def notes(self) -> str:
        """All that it printed."""
        return self._told.read_text(errors="replace")

    def ready(self, *, must: bool = True) -> bool:
        """Wait until it listens; False when it ended before (which is an error when it `must`)."""
        deadline = time.monotonic() + START_SECONDS
        while b'"listening"' not in self._told.read_bytes():
            if self.process.poll() is not None or time.monotonic() > deadline:
                if must:
                    self.kill()
                    raise TortureError(f"The broker did not start: {self.notes()}")
                return False
            time.sleep(0.005)
        return True

    def kill(self) -> None:
        """End it with SIGKILL, whatever it is doing."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """End it as its owner does."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()
            raise TortureError("The broker did not end when told to.") from None

    def __enter__(self) -> Self:
        """Return it, listening."""
        self.ready()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End it."""
        if kind is None:
            self.stop()
        else:
            self.kill()


def stored(log: Path) -> list[tuple[int, str]]:
    """All messages that a log holds, as (sequence, body), proved or not: who damages one sees what became of it.

    Raises LogError for one that cannot be read.
    """
    try:
        with contextlib.closing(read_only(log)) as db:
            segments = db.execute("SELECT first, entries FROM segment ORDER BY first").fetchall()
        entries = ((seq, entry) for first, blob in segments for seq, entry in enumerate(_decode.decode(blob), first))
        return [(seq, entry.body) for seq, entry in entries if isinstance(entry, Posted | Announced)]
    except (sqlite3.Error, msgspec.DecodeError, TypeError, ValueError) as error:
        raise LogError(f"{log} cannot be read: {error}") from error


def broken(log: Path) -> str:
    """What `confab-broker verify` has to say against a log; empty: nothing."""
    return upkeep.verify(log).problem
