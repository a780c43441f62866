"""A program at a pseudo-terminal of ours: keys go in, and what it draws comes out and is handed on. One thread's."""

from __future__ import annotations

import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Mapping
from pathlib import Path
from time import monotonic

ROOT = Path(__file__).parents[2]  # where the packages are, wherever we were called

# Makes the pseudo-terminal the controlling one, as a login does, so that a change of size becomes a signal.
_LOGIN = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
_CONTROLS = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-~])")
_END_SECONDS = 3.0  # for a program that was asked to go
_QUIET_SECONDS = 0.03  # after which what it had to draw is taken to be drawn


class Pane:
    """The program, its terminal, and what it has drawn since `listen` was last called."""

    def __init__(
        self, arguments: tuple[str, ...], env: Mapping[str, str], size: tuple[int, int], output: Callable[[bytes], None]
    ) -> None:
        """Start Python with these arguments at a terminal of so many columns and rows."""
        self._output = output
        self._heard = b""
        self._master, terminal = os.openpty()
        self.resize(*size)
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _LOGIN, sys.executable, *arguments],
                cwd=ROOT,
                env=env,
                stdin=terminal,
                stdout=terminal,
                stderr=terminal,
                start_new_session=True,
            )
        except BaseException:
            os.close(self._master)
            raise
        finally:
            os.close(terminal)

    def resize(self, columns: int, rows: int) -> None:
        """Change the size of the terminal."""
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def press(self, keys: str) -> None:
        """Press these keys."""
        os.write(self._master, keys.encode())

    def listen(self) -> None:
        """Forget what was drawn so far."""
        self._heard = b""

    def drew(self, text: str) -> bool:
        """Whether the letters of the last line of a text were drawn, wherever they were wrapped."""
        lines = [letters for line in text.splitlines() if (letters := _letters(line))]
        return not lines or lines[-1] in _letters(_CONTROLS.sub(b"", self._heard).decode(errors="replace"))

    def pump(self, seconds: float, until: Callable[[], bool] = lambda: False) -> bool:
        """Hand on what is drawn for so many seconds, or until something is so; False: the program has ended."""
        deadline = monotonic() + seconds
        while not until() and (left := deadline - monotonic()) > 0:
            if not self._read(min(left, _QUIET_SECONDS)):
                return False
        return True

    def settle(self, seconds: float) -> None:
        """Wait until nothing more is drawn, so many seconds at the most."""
        deadline = monotonic() + seconds
        heard = None
        while heard != len(self._heard) and monotonic() < deadline:
            heard = len(self._heard)
            self.pump(_QUIET_SECONDS)

    def _read(self, seconds: float) -> bool:
        ready, _, _ = select.select([self._master], [], [], seconds)
        if not ready:
            return True
        try:
            data = os.read(self._master, 65536)
        except OSError:  # the program has closed its side
            return False
        self._heard += data
        self._output(data)
        return bool(data)

    def close(self) -> None:
        """Have the program leave in good order, and end it if it does not."""
        try:
            if self.process.poll() is None:
                self.process.send_signal(signal.SIGTERM)
                self.pump(_END_SECONDS, lambda: self.process.poll() is not None)
            self.pump(_QUIET_SECONDS)  # its last words
        finally:
            if self.process.poll() is None:
                self.process.kill()
            self.process.wait()
            os.close(self._master)


def _letters(text: str) -> str:
    """A text without blanks, frames and marks."""
    return re.sub(r"\W", "", text)
