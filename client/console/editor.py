"""The line that is typed at a terminal in linear mode: readline edits it, so that it is known whether one stands there.

What comes is drawn neither into the line nor around it: who writes to the terminal waits while `typing`.
"""

from __future__ import annotations

import contextlib
import os
import sys
import termios
from collections.abc import Iterator
from types import ModuleType, TracebackType
from typing import Any

IFLAG, LFLAG, CC = 0, 3, 6  # where they are in what termios gives
INTERRUPT = "\x03"
CHOICES = (
    "set enable-bracketed-paste off",  # both write sequences that a dumb terminal shows
    "set enable-meta-key off",
    "set input-meta on",  # UTF-8, also where the locale does not say so
    "set output-meta on",
    "set convert-meta off",
    "set history-size 1000",
)
CLEARING = r'"\C-c": "\C-v\C-c\C-m"'  # leaves the line as a shell does, with ^C behind it


class Editor:
    """Edits one line after the other, while entered as a context; leaves the terminal as it was."""

    def __init__(self, readline: ModuleType) -> None:
        from ctypes import CDLL, c_int

        self._readline = readline
        # Not readline.get_line_buffer(): that decodes the line while another thread changes it, and libc aborts.
        self._end = c_int.in_dll(CDLL(getattr(readline, "__file__", None)), "rl_end")
        self._reading = False

    @property
    def typing(self) -> bool:
        """Whether something stands in the line."""
        return self._reading and self._end.value > 0

    def __enter__(self) -> Editor:
        self._terminal = os.dup(0)
        self._modes = termios.tcgetattr(0)
        self._between = termios.tcgetattr(0)
        self._no_key = os.fpathconf(0, "PC_VDISABLE").to_bytes(1, sys.byteorder)
        sys.stdin.reconfigure(encoding="utf-8", errors="surrogateescape")  # type: ignore[union-attr]
        for choice in CHOICES:
            self._readline.parse_and_bind(choice)
        if "libedit" not in (self._readline.__doc__ or ""):  # which has no such macros: there Ctrl-C stays a signal
            self._readline.parse_and_bind(CLEARING)
            self._between[CC][termios.VINTR] = self._no_key
            self._set(self._between)
        return self

    def lines(self) -> Iterator[str]:
        """What is entered, until the terminal ends; with INTERRUPT in it: what was cleared instead."""
        while (line := self._line()) is not None:
            if INTERRUPT in line:  # which readline has taken for one of those that were entered
                self._readline.remove_history_item(self._readline.get_current_history_length() - 1)
            yield line

    def _line(self) -> str | None:
        self._reading = True
        try:
            return input()  # waits in readline, not in sys.stdin: with a thread in there Python could not end
        except EOFError:
            return None
        finally:
            self._reading = False

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the terminal back, though a thread still waits in readline."""
        with contextlib.suppress(OSError):
            if self.typing:
                os.write(self._terminal, b"\n")
        self._reading = False
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)  # else that thread would take the next key, and set the modes once more
        os.close(nothing)
        self._set(self._modes)
        os.close(self._terminal)

    def resume(self) -> None:
        """Go on after Ctrl-Z: the shell has set modes of its own, and readline sets its own at the next line only."""
        modes = [*self._between[:CC], [*self._between[CC]]]
        if self._reading:
            modes[IFLAG] &= ~(termios.ICRNL | termios.INLCR)
            modes[LFLAG] &= ~(termios.ICANON | termios.ECHO)
            modes[CC][termios.VMIN], modes[CC][termios.VTIME] = 1, 0
            modes[CC][termios.VLNEXT] = modes[CC][termios.VDISCARD] = self._no_key  # Ctrl-V and Ctrl-O are readline's
        self._set(modes)

    def _set(self, modes: list[Any]) -> None:
        with contextlib.suppress(OSError, termios.error):  # a terminal that has gone has no modes either
            if os.tcgetpgrp(self._terminal) == os.getpgrp():  # else a shell has it, and this would stop us
                termios.tcsetattr(self._terminal, termios.TCSADRAIN, modes)


def make_editor() -> Editor | None:
    """The editor, where a person types at a terminal and Python has readline."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return None
    try:
        import readline

        return Editor(readline)
    except (ImportError, OSError, ValueError):  # there is none, or none that can be looked into
        return None
