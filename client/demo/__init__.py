"""`confab demo`: a lively session of several people, in one terminal, for the curious.

What one sees is a real console (`confab chat`) at a pseudo-terminal of ours, whose screen is handed on to the terminal;
the broker is a real one too, and the others are clients. All of it lives in a folder of its own and goes with it.
"""

from __future__ import annotations

import os
import shutil
import signal
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from ..console import render
from ..exits import ACCEPTED
from ..language import _, spoken
from .show import Show

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run(speed: float) -> int:
    """Play it on this terminal, so many times as fast as people are; returns the exit code. Ctrl-C ends it."""
    _tell(_("A broker, four people and a script: all real but the people. Ctrl-C ends it."))
    with _watching():
        try:
            with Show(_size(), _draw, speed=speed, language=spoken()) as show:
                signal.signal(signal.SIGWINCH, lambda *_: show.pane.resize(*_size()))
                show.play()
                _ignore_signals()
        except KeyboardInterrupt:
            _tell("", _("You have seen enough: the demo is over."))
    _tell(
        _("Its broker, its people and its folder are gone. Now you, in two terminals:"),
        "  confab-broker",
        "  confab chat alice",
        _("or, where confab's source is, `make broker` and `make client NICK=alice`."),
    )
    return ACCEPTED


def _tell(*lines: str) -> None:
    render.terminal().print(*lines, sep="\n")


def _size() -> tuple[int, int]:
    columns, rows = shutil.get_terminal_size()
    return columns, rows


def _draw(data: bytes) -> None:
    while data:
        data = data[os.write(1, data) :]


def _interrupt(*_: object) -> None:
    """End the demo: the first time that somebody says so, since what comes then must not be interrupted."""
    _ignore_signals()
    raise KeyboardInterrupt


def _ignore_signals() -> None:
    for number in _ENDING:
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def _watching() -> Iterator[None]:
    """The terminal of somebody who only watches: what is typed is not shown, and only Ctrl-C means something."""
    before = termios.tcgetattr(0)
    quiet = termios.tcgetattr(0)
    quiet[3] &= ~(termios.ECHO | termios.ICANON)
    quiet[6][termios.VSUSP] = quiet[6][termios.VQUIT] = b"\0"
    termios.tcsetattr(0, termios.TCSADRAIN, quiet)
    handlers = {number: signal.signal(number, _interrupt) for number in _ENDING}
    try:
        yield
    finally:
        for number, handler in {**handlers, signal.SIGWINCH: signal.SIG_DFL}.items():
            signal.signal(number, handler)
        with suppress(termios.error):  # the terminal is gone
            termios.tcsetattr(0, termios.TCSAFLUSH, before)  # what was typed meanwhile is not for the shell
