"""Owns programs at a pseudo-terminal: what they write there is kept as it came, and nothing draws it."""

from __future__ import annotations

import fcntl
import os
import select
import struct
import subprocess
import sys
import termios
from pathlib import Path
from types import TracebackType
from typing import Self

from .brokers import TREE, TortureError

PATIENCE = 30.0  # seconds for anything to happen
ROWS, COLUMNS = 40, 120

# Makes the pseudo-terminal the controlling one, as a login does.
_LOGIN = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"


class Pty:
    """`python -m MODULE ARGUMENTS…` at a terminal; `written` is all that it wrote there."""

    def __init__(self, *arguments: str, home: Path, term: str = "xterm-256color") -> None:
        self.written = bytearray()
        self._awaited = 0
        self._master, slave = os.openpty()
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        kept = {name: value for name, value in os.environ.items() if not name.startswith("CONFAB_")}
        self._process = subprocess.Popen(
            [sys.executable, "-c", _LOGIN, sys.executable, "-m", *arguments],
            cwd=TREE,
            env=kept | {"TERM": term, "CONFAB_HOME": str(home)},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)

    def enter(self, line: str) -> None:
        """Type a line and press Enter."""
        os.write(self._master, f"{line}\r".encode())

    def until(self, text: str) -> None:
        """Wait until it has written this, behind what was awaited before; raises TortureError."""
        while (found := self.written.find(text.encode(), self._awaited)) < 0:
            if not self._read():
                raise TortureError(f"{text!r} was never written, but: {bytes(self.written[-2000:])!r}")
        self._awaited = found + 1

    def ends(self) -> int:
        """Wait until it ends; returns its exit code."""
        while self._read():
            pass
        return self._process.wait(PATIENCE)

    def _read(self) -> bool:
        if not select.select([self._master], [], [], PATIENCE)[0]:
            return False
        try:
            data = os.read(self._master, 65536)
        except OSError:  # the program has closed its side
            return False
        self.written += data
        return bool(data)

    def __enter__(self) -> Self:
        """Return it."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End it if it still runs."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        os.close(self._master)
