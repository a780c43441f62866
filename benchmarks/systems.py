"""Owns how each system under test is started, and where it is found then. Knows no workload."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from broker import operator
from messages import EVERYONE, Home, Local, Rule, parse_key

from .machine import scratch
from .processes import Server, answers, free_port

NATS = shutil.which("nats-server", path="/usr/sbin:/usr/local/bin:/usr/bin")


@dataclass(frozen=True, slots=True)
class Running:
    """A system under test: its process, its port on 127.0.0.1, and the folder it writes to."""

    server: Server
    port: int
    folder: Path
    key: bytes = b""  # confab's public key; empty: it is plain

    @property
    def endpoint(self) -> str:
        """The port as ZeroMQ names it."""
        return f"tcp://127.0.0.1:{self.port}"


@contextmanager
def confab(*, plain: bool = False) -> Iterator[Running]:
    """The broker with everything on but the rate of each account, and encryption when it is `plain`; an empty home."""
    with TemporaryDirectory(prefix="confab-bench-", dir=scratch()) as folder:
        home, port = Home(Path(folder)), free_port()
        command = [sys.executable, "-m", "broker", "--bind", f"tcp://127.0.0.1:{port}", "--data", folder]
        command += ["--plain"] if plain else []
        operator.ask(home, Rule(1, EVERYONE, "rate", "off"))  # a hundred commands a second are for people
        with Server(command, home.local.exists, home.path / "output") as server:
            local = msgspec.json.decode(home.local.read_bytes(), type=Local)
            yield Running(server, port, home.path, b"" if plain else parse_key(local.key))


@contextmanager
def naive() -> Iterator[Running]:
    """The forwarder of naive.py."""
    with TemporaryDirectory(prefix="confab-bench-", dir=scratch()) as folder:
        port = free_port()
        command = [sys.executable, "-m", "benchmarks.naive", f"tcp://127.0.0.1:{port}"]
        with Server(command, lambda: answers(port), Path(folder) / "output") as server:
            yield Running(server, port, Path(folder))


@contextmanager
def nats() -> Iterator[Running]:
    """A NATS server with its defaults; JetStream is on, with its files in an empty folder."""
    if NATS is None:
        raise FileNotFoundError("nats-server")
    with TemporaryDirectory(prefix="confab-bench-", dir=scratch()) as folder:
        port = free_port()
        command = [NATS, "--addr", "127.0.0.1", "--port", str(port), "--jetstream", "--store_dir", folder]
        with Server(command, lambda: answers(port), Path(folder) / "output", farewell=1) as server:
            yield Running(server, port, Path(folder))
