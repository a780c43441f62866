"""Where the play takes place: a folder of its own with a real broker in it, and those who are no more than clients."""

from __future__ import annotations

import subprocess
import sys
from collections import deque
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from time import monotonic, sleep
from types import TracebackType
from typing import Self

from messages import find_home

from ..client import Client
from ..errors import ClientError, NotConfigured
from ..language import _
from ..locate import find_broker
from .pane import ROOT

_START_SECONDS = 20.0
_END_SECONDS = 5.0
_NOT_OURS = ("CONFAB_BROKER", "CONFAB_NICK", "COLUMNS", "LINES")  # of the environment: would lead elsewhere


class StageError(ClientError):
    """What the play needs does not work; the text is a sentence."""


class Stage:
    """A broker and the others. Nothing of it is left when the block ends, however it ends."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._stack = ExitStack()
        self._given = {name: value for name, value in env.items() if name not in _NOT_OURS}
        self._cast: dict[str, Client] = {}

    def __enter__(self) -> Self:
        with self._stack:
            folder = self._stack.enter_context(TemporaryDirectory(prefix="confab-", ignore_cleanup_errors=True))
            self._folder, self._home = Path(folder), Path(folder, "others")
            self.start_broker()
            self._stack = self._stack.pop_all()
        return self

    def start_broker(self) -> None:
        """Start the broker, or start it again when it has gone down; raises StageError."""
        with (self._folder / "problem").open("wb") as problem:
            self._broker = subprocess.Popen(
                [sys.executable, "-m", "broker", "--bind", f"ipc://{self._folder}/broker"],
                cwd=ROOT,
                env=self.env(self._home),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=problem,
                start_new_session=True,  # a Ctrl-C is ours alone
            )
        self._stack.callback(end, self._broker)
        self._await_broker()

    def _await_broker(self) -> None:
        deadline = monotonic() + _START_SECONDS
        while True:
            try:
                self.invite = find_broker(None, find_home(self._home)).address.invite
            except NotConfigured as error:
                if self._broker.poll() is not None or monotonic() > deadline:
                    why = (self._folder / "problem").read_text("utf-8", "replace").strip()
                    raise StageError(_("The broker of the demo did not start. {why}").format(why=why)) from error
                sleep(0.01)
            else:
                return

    def env(self, home: Path) -> dict[str, str]:
        """The environment of a program that is at home there."""
        return {**self._given, "CONFAB_HOME": str(home)}

    @property
    def hero_env(self) -> dict[str, str]:
        """That of the console: another person on another machine, as it were."""
        return {**self.env(self._folder / "hero"), "CONFAB_BROKER": self.invite}

    def come(self, nick: str) -> None:
        """Somebody comes; raises what Client raises."""
        client = self._stack.enter_context(Client(nick, home=self._home, quiet=False))
        client.wait_connected(_START_SECONDS)
        Thread(target=deque, args=(client.stream(), 0), daemon=True).start()  # reads everything, as people do
        self._cast[nick] = client

    def who(self, nick: str) -> Client:
        """Somebody who has come."""
        return self._cast[nick]

    def run(self, program: str, arguments: tuple[str, ...]) -> subprocess.Popen[bytes]:
        """Start a program as a shell does."""
        return subprocess.Popen(
            [sys.executable, "-m", program, *arguments],
            cwd=ROOT,
            env=self.env(self._home),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process, in good order if it can."""
    process.terminate()
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
