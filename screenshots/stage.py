"""Where a scene plays: a folder, an environment, a broker with a key of the pictures' own, terminals in tmux.

Everything is ended again. What differs from run to run (folder, port, time of day) is made to look the same, so that a
picture changes only when confab does.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import zmq
from rich.text import Text
from zmq.utils import z85

from broker.folder import Folder
from broker.keys import KeyPair, load_or_make
from broker.log import Log
from messages import Address, Home

from .words import Words

TREE = Path(__file__).resolve().parent.parent
SHOWN_HOME = "/home/alice/.local/share/confab"  # stands in the pictures for the folder used
SHOWN_PORT = 5577
SHOWN_START = 16 * 3600 + 56 * 60  # seconds into the day at which each scene seems to begin
SECRET = hashlib.sha256(b"the broker of the pictures").digest()  # a key that stays, and invite and fingerprint with it
DEADLINE_SECONDS = 20.0  # for anything to happen; a busy machine takes a few
GLANCE_SECONDS = 0.05  # between two looks at a screen
ROUND_TRIP = re.compile(r"(?P<colour>(?:\x1b\[[\d;]*m)*)(?P<ms>\d+) (?P<unit>ms|мс)(?!\w)")  # another one in each run
STILL_SECONDS = 0.6  # without a change: then it is taken


# `confab demo` up to the end of one scene, where it stays until it is told to end, and cleans up.
DEMO = """
import signal, sys
from client.demo.show import Show

def draw(data):
    sys.stdout.buffer.write(data)
    sys.stdout.flush()

signal.signal(signal.SIGTERM, lambda *_: sys.exit())
scene, columns, rows = sys.argv[1:]
with Show((int(columns), int(rows)), draw, speed=20) as show:
    show.play(scene)
    signal.pause()
"""


class NeverCameError(Exception):
    """A screen did not show what it was to show; the text says what it showed instead."""


@dataclass(frozen=True)
class Stage:
    """The folder, the environment of every program, tmux's own socket, and what is said."""

    folder: Path
    environment: dict[str, str]
    port: int
    words: Words

    @property
    def home(self) -> Path:
        """The home of confab; its path is as long as the one that is shown, so that frames around it fit."""
        return self.folder / "h".ljust(len(SHOWN_HOME) - len(str(self.folder)) - 1, "h")

    @property
    def address(self) -> Address:
        """Where the broker listens, and its key."""
        return Address(f"tcp://127.0.0.1:{self.port}", z85.decode(zmq.curve_public(z85.encode(SECRET))))

    # --- programs ----------------------------------------------------------------------------------------------------

    def broker(self, columns: int = 88) -> Screen:
        """Start the broker, with the pictures' own key, and wait until it listens."""
        folder = Folder(Home(self.home))
        Log(folder.log_file).close()
        load_or_make(folder.key_file, KeyPair(self.address.key or b"", SECRET))
        folder.close()
        program = [sys.executable, "-m", "broker", "--bind", self.address.endpoint]
        return Screen(self, "broker", *program, columns=columns, rows=24).sees("confab://")

    def console(self, nick: str, columns: int, rows: int) -> Screen:
        """Start a person's console, and wait until the broker has welcomed it."""
        program = [sys.executable, "-m", "client", "chat", nick]
        return Screen(self, nick, *program, columns=columns, rows=rows).sees("/help")

    def stranger(self, nick: str, columns: int, rows: int) -> Screen:
        """Start the console of somebody with another home, and so with another key behind the same nick."""
        program = [sys.executable, "-m", "client", "chat", nick, "--home", str(self.folder / "other")]
        return Screen(self, "stranger", *program, "--broker", self.address.invite, columns=columns, rows=rows)

    def script(self, name: str, *lines: str, columns: int) -> Screen:
        """Run a shell script whose lines are shown as the shell reads them, each above what comes of it."""
        (self.folder / name).write_text("".join(f"{line}\n" for line in (f"# {name}", *lines)), "utf-8")
        return Screen(self, "script", "sh", "-v", str(self.folder / name), columns=columns, rows=24)

    def demo(self, scene: str, columns: int, rows: int) -> Screen:
        """Play `confab demo` up to the end of a scene, and stay there."""
        program = [sys.executable, "-c", DEMO, scene, str(columns), str(rows)]
        return Screen(self, "demo", *program, columns=columns, rows=rows)

    def run(self, package: str, *arguments: str) -> None:
        """Run a one-shot command to its end, beside what is shown."""
        subprocess.run(
            [sys.executable, "-m", package, *arguments],
            env=self.environment,
            cwd=TREE,
            check=True,
            timeout=DEADLINE_SECONDS,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )

    def end(self) -> None:
        """End every program, and tmux with the last of them; whoever does not go when asked is killed."""
        try:
            programs = [int(program) for program, dead in self._panes() if dead == "0"]
        except subprocess.CalledProcessError:  # nothing was started
            return
        for program in programs:
            with contextlib.suppress(ProcessLookupError):  # it has just ended
                os.kill(program, signal.SIGTERM)
        try:
            wait_until(lambda: all(dead == "1" for _, dead in self._panes()), lambda: "A program did not end.")
        finally:
            self.tmux("kill-server")

    def _panes(self) -> list[list[str]]:
        """The process in each terminal, and whether it has ended."""
        return [line.split() for line in self.tmux("list-panes", "-a", "-F", "#{pane_pid} #{pane_dead}").splitlines()]

    # --- terminals ---------------------------------------------------------------------------------------------------

    def tmux(self, *arguments: str) -> str:
        """Give tmux a command; returns what it prints."""
        command = ["tmux", "-u", "-S", str(self.folder / "tmux"), "-f", "/dev/null", *arguments]
        return subprocess.run(
            command, env=self.environment, check=True, capture_output=True, text=True, timeout=DEADLINE_SECONDS
        ).stdout

    def neutral(self, text: str) -> str:
        """Text of a screen without what belongs to this machine or this run."""
        text = text.replace(str(self.home), SHOWN_HOME).replace(f":{self.port}", f":{SHOWN_PORT}")
        text = re.sub(r"(?<![\d:])(\d\d:\d\d):\d\d", r"\1:00", text)
        return ROUND_TRIP.sub(lambda trip: f"{'':{len(trip['ms']) - 1}}{trip['colour']}3 {trip['unit']}", text)


class Screen:
    """A program at a terminal of fixed size."""

    def __init__(self, stage: Stage, name: str, *program: str, columns: int, rows: int) -> None:
        self.name = name
        self.columns = columns
        self._stage = stage
        size = ["-x", str(columns), "-y", str(rows)]
        start = ["new-session", "-d", "-s", name, *size, "-c", str(TREE), *program]
        keep = ["set-option", "-g", "remain-on-exit", "on", ";", "set-option", "-g", "remain-on-exit-format", ""]
        stage.tmux("start-server", ";", *keep, ";", *start)
        stage.tmux("set-option", "-t", name, "status", "off")
        stage.tmux("resize-window", "-t", name, *size)

    def type(self, line: str) -> Screen:
        """Type a line and press Enter."""
        return self.keys(line).key("Enter")

    def keys(self, text: str) -> Screen:
        """Type without pressing Enter."""
        self._stage.tmux("send-keys", "-t", self.name, "-l", text)
        return self

    def key(self, name: str) -> Screen:
        """Press one key, as tmux calls it."""
        self._stage.tmux("send-keys", "-t", self.name, name)
        return self

    # --- waiting -----------------------------------------------------------------------------------------------------

    def sees(self, *texts: str) -> Screen:
        """Wait until the screen shows all of these."""
        wait_until(lambda: all(text in self.text for text in texts), lambda: f"{self.name} never saw {texts}:{self}")
        return self

    def says(self, text: str) -> Screen:
        """Wait until a text stands above the input line, where it may be wrapped."""

        def above() -> str:
            return " ".join(word for line in self.text.splitlines() if "›" not in line for word in line.split())

        wait_until(lambda: text in above(), lambda: f"{self.name} never said {text!r}:{self}")
        return self

    def gone(self, text: str) -> Screen:
        """Wait until the screen does not show this."""
        wait_until(lambda: text not in self.text, lambda: f"{self.name} kept {text!r}:{self}")
        return self

    def ends(self) -> Screen:
        """Wait until the program has ended; its terminal stays."""

        def dead() -> bool:
            return self._stage.tmux("display-message", "-p", "-t", self.name, "#{pane_dead}").strip() == "1"

        wait_until(dead, lambda: f"{self.name} did not end:{self}")
        return self

    # --- looking -----------------------------------------------------------------------------------------------------

    @property
    def text(self) -> str:
        """What the screen shows, without colours."""
        return self._stage.tmux("capture-pane", "-p", "-t", self.name)

    def __str__(self) -> str:
        return f"\n{self.text}"

    def _settled(self) -> str:
        """What the screen shows, in colour, once it has stood still: what was read is told a moment later."""
        look, since = "", time.monotonic()

        def settled() -> bool:
            nonlocal look, since
            before, look = look, self._stage.tmux("capture-pane", "-e", "-p", "-t", self.name)
            if look != before:
                since = time.monotonic()
            return time.monotonic() - since >= STILL_SECONDS

        wait_until(settled, lambda: f"{self.name} never stood still.")
        return look

    def shown(self, first: str = "") -> Shown:
        """What the screen shows, in colour, from the line with `first` on."""
        lines = self._stage.neutral(self._settled()).rstrip().split("\n")
        start = next((index for index, line in enumerate(lines) if first in Text.from_ansi(line).plain), 0)
        text = Text.from_ansi("\n".join(lines[start:]), no_wrap=True, overflow="ignore")
        return Shown(self.name, self.columns, text)


@dataclass(frozen=True)
class Shown:
    """What one terminal showed."""

    name: str
    columns: int
    text: Text


def wait_until(condition: Callable[[], bool], what: Callable[[], str]) -> None:
    """Look again and again until it is so; raises NeverCameError."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise NeverCameError(what())
        time.sleep(GLANCE_SECONDS)


@contextlib.contextmanager
def stage(words: Words) -> Iterator[Stage]:
    """A folder and an environment for a scene; ends whatever runs there."""
    folder = Path(tempfile.mkdtemp(prefix="cf", dir="/tmp"))
    set_up = Stage(folder, environment(words.locale), free_port(), words)
    set_up.environment["CONFAB_HOME"] = str(set_up.home)
    try:
        yield set_up
    finally:
        try:
            set_up.end()
        finally:
            shutil.rmtree(folder)


def environment(locale: str) -> dict[str, str]:
    """Only what the programs need: nothing of this machine shows, and the clock says what it is to say."""
    now = time.gmtime()
    behind = (now.tm_hour * 3600 + now.tm_min * 60 + now.tm_sec - SHOWN_START) % 86400  # of UTC, as TZ counts
    return {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(TREE),
        "LANG": "C.UTF-8",
        "LC_MESSAGES": locale,
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "TZ": f"CFB{behind // 3600:02}:{behind // 60 % 60:02}:{behind % 60:02}",
    }


def free_port() -> int:
    """A TCP port with as many digits as the one that is shown."""
    for port in range(9999, 2000, -1):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port
    raise NeverCameError("No TCP port is free.")
