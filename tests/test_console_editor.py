"""The line that is typed in linear mode, at real terminals with a real broker: nothing that comes touches it."""

from __future__ import annotations

import os
import signal
import termios
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from client import Client

from .processes import DEADLINE, BrokerProcess, Terminal, running_broker, until

UNHELD = """
import sys
from client.cli import main
from client.console.editor import Editor

Editor.typing = property(lambda self: False)
sys.exit(main())
"""
WITHOUT = """
import sys
from client.cli import main

sys.modules["readline"] = None
sys.exit(main())
"""

BEHIND = """
import os, signal, subprocess, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
chat = subprocess.Popen([sys.executable, "-m", "client", *sys.argv[1:]], process_group=0)
os.tcsetpgrp(0, chat.pid)
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
signal.sigwait([signal.SIGUSR1])
os.tcsetpgrp(0, os.getpgrp())
chat.terminate()
sys.exit(chat.wait())
"""
ALONE = """
import os, select, signal, sys, termios, threading
from client.console.editor import make_editor

def until_gone():
    thread.join()

def until_typing():
    while not editor.typing:
        pass

signal.signal(signal.SIGHUP, signal.SIG_IGN)
before, terminal = termios.tcgetattr(0), os.dup(0)
editor, got = make_editor(), []
thread = threading.Thread(target=lambda: got.extend(editor.lines()))
with editor:
    thread.start()
    print("begun", flush=True)
    globals()[sys.argv[1]]()
if sys.argv[1] == "until_typing":
    print("closed", flush=True)
    select.select([terminal], [], [])
    thread.join()
    got.append(termios.tcgetattr(terminal) == before)
with open(sys.argv[2], "w") as file:
    print(*got, file=file)
"""


@pytest.fixture
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    with running_broker(tmp_path_factory.mktemp("home")) as broker:
        yield broker


Start = Callable[..., Terminal]


@pytest.fixture
def start(broker: BrokerProcess, tmp_path: Path) -> Iterator[Start]:
    inputrc = tmp_path / "inputrc"
    inputrc.write_text("set enable-bracketed-paste on\nset enable-meta-key on\n")
    with ExitStack() as terminals:

        def start(*program: str, term: str = "dumb", **env: str) -> Terminal:
            alice = Terminal(
                *(program or ("-m", "client")),
                *("chat", "alice", "--linear"),
                CONFAB_HOME=str(broker.home),
                TERM=term,
                INPUTRC=str(inputrc),
                **env,
            )
            terminals.callback(alice.close)
            return alice.sees("/help: shows every command, /quit leaves.")

        yield start


@pytest.fixture
def bob(broker: BrokerProcess) -> Iterator[Client]:
    with Client("bob", home=broker.home, quiet=False) as bob:
        bob.wait_connected(DEADLINE)
        yield bob


def fresh_modes() -> list[Any]:
    """Those of a terminal that no program has touched."""
    master, slave = os.openpty()
    try:
        return termios.tcgetattr(slave)
    finally:
        os.close(master)
        os.close(slave)


def interleaved(alice: Terminal, bob: Client, *, held: bool = True) -> str:
    """What stood on the screen from half a line on, when bob spoke meanwhile and then the line was ended."""
    alice.keys("half a").sees("half a")
    bob.send("@alice", "first").wait(DEADLINE)
    bob.announce("second", priority="urgent").wait(DEADLINE)
    bob.send("#general", "third").wait(DEADLINE)
    if not held:
        alice.sees("third")
    alice.keys(" line").sees(" line").type("").sees("third", "you in #general at")
    return alice.text[alice.text.index("half a") :]


@pytest.mark.parametrize("term", ["dumb", "xterm-256color"])
def test_what_comes_waits_for_the_line(start: Start, bob: Client, term: str) -> None:
    alice = start(term=term)
    text = interleaved(alice, bob)
    lines = text.splitlines()
    assert lines[0] == "half a line"
    order = [text.index(word) for word in ("first", "second", "third", "you in #general at")]
    assert order == sorted(order)
    assert text.count("half a line") == 2, "the line as typed, and as said"
    assert set(alice.raw) - set(range(32, 256)) <= {7, 10, 13}


def test_without_the_hold_it_does_not(start: Start, bob: Client) -> None:
    """The control."""
    assert interleaved(start("-c", UNHELD), bob, held=False).splitlines()[0] != "half a line"


def test_where_there_is_no_readline_the_terminal_edits(start: Start, bob: Client) -> None:
    alice = start("-c", WITHOUT)
    assert interleaved(alice, bob, held=False).splitlines()[0] != "half a line"
    alice.keys("\x03").sees("confab: Bye.")
    assert alice.ends() == 0


@pytest.mark.parametrize("term", ["dumb", "xterm-256color"])
def test_ctrl_c_clears(start: Start, bob: Client, term: str) -> None:
    alice = start(term=term).keys("half").sees("half")
    bob.send("@alice", "psst").wait(DEADLINE)
    alice.keys("\x03").sees("half^C", "psst")
    assert "To leave" not in alice.text
    alice.keys("\x03").sees("Ctrl-C clears the line. To leave: /quit or Ctrl-D.")
    alice.type("whole").sees("you in #general at")
    assert b"\x1b" not in alice.raw
    alice.keys("\x04").sees("confab: Bye.")
    assert alice.ends() == 0
    assert "half" not in next(bob.messages(DEADLINE)).body


def test_lines_as_before(start: Start, bob: Client) -> None:
    """Several pasted at once, one that was edited, a long one, and one that is no UTF-8."""
    alice = start(LC_ALL="C").keys("one\ntwo\nПривет\r").keys("ab\x7fc\r").type("x" * 5000)
    got = [next(bob.messages(DEADLINE)).body for _ in range(5)]
    assert got == ["one", "two", "Привет", "ac", "x" * 5000]
    alice.until(
        lambda: b": " + b"x" * 5000 in alice.raw, "the long one, which else would push what follows off the screen"
    )
    alice.type("\udcff\udcfe").sees("not valid UTF-8")
    alice.type("again").sees(": again").keys("half\x03").sees("half^C").keys("\x1b[A\r")
    assert [next(bob.messages(DEADLINE)).body for _ in range(2)] == ["again", "again"]
    assert b"\x1b" not in alice.raw


def quits(alice: Terminal, broker: BrokerProcess) -> int:
    alice.type("/quit")
    return 0


def hangs_on(alice: Terminal, broker: BrokerProcess) -> int:
    alice.keys("half").sees("half").process.send_signal(signal.SIGTERM)
    return 0


def is_dismissed(alice: Terminal, broker: BrokerProcess) -> int:
    alice.keys("half").sees("half")
    with Client("root", home=broker.home) as root:
        root.wait_connected(DEADLINE)
        broker.run("grant", "root", "admin")
        root.kick("alice", "enough").wait(DEADLINE)
    return 6


@pytest.mark.parametrize("end", [quits, hangs_on, is_dismissed])
def test_the_terminal_is_left_as_it_was(
    start: Start, broker: BrokerProcess, end: Callable[[Terminal, BrokerProcess], int]
) -> None:
    alice = start()
    alice.until(lambda: alice.modes != fresh_modes(), "modes of a line that is edited")
    expected = end(alice, broker)
    assert alice.ends() == expected
    assert alice.modes == fresh_modes()
    assert "confab: Bye." in alice.text.splitlines(), "on a line of its own"
    assert "Fatal" not in alice.text


def test_half_a_line_is_no_line_when_the_terminal_goes(tmp_path: Path) -> None:
    terminal = Terminal("-c", ALONE, "until_gone", str(tmp_path / "got"), TERM="dumb")
    try:
        terminal.sees("begun").keys("whole\rhalf").sees("half")
        assert terminal.hang_up() == 0
    finally:
        terminal.close()
    assert (tmp_path / "got").read_text() == "whole\n"


def test_a_key_pressed_after_the_end_changes_nothing(tmp_path: Path) -> None:
    """The thread that still waits for it has lost the terminal, and sets no modes when it goes on."""
    terminal = Terminal("-c", ALONE, "until_typing", str(tmp_path / "got"), TERM="dumb")
    try:
        terminal.sees("begun").keys("half").sees("closed").keys("\r")
        assert terminal.ends() == 0
    finally:
        terminal.close()
    assert (tmp_path / "got").read_text() == "True\n"


def test_it_ends_in_the_background(start: Start) -> None:
    """Where setting the terminal's modes would stop it for good."""
    alice = start("-c", BEHIND)
    alice.process.send_signal(signal.SIGUSR1)
    alice.sees("confab: Bye.")
    assert alice.ends() == 0


def test_it_goes_on_after_ctrl_z(start: Start) -> None:
    """A shell sets the modes that it likes meanwhile."""
    alice = start().keys("half").sees("half")
    modes = alice.modes
    alice.process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, alice.process.pid, os.WSTOPPED)
    alice.modes = fresh_modes()
    alice.process.send_signal(signal.SIGCONT)
    until(lambda: alice.modes == modes)
    alice.keys("\x03").sees("half^C").keys("\x03").sees("To leave")
    assert alice.modes == modes
