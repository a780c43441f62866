"""Makes the pictures of the README from real sessions: a broker, consoles in tmux, and a script. `make screenshots`.

Everything runs in a folder of its own and is ended again. What differs from run to run (folder, port, key, time of day)
is made to look the same, so that a picture changes only when confab does.
"""

from __future__ import annotations

import io
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
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.table import Table
from rich.text import Text

TREE = Path(__file__).resolve().parent.parent
IMAGES = TREE / "docs" / "images"
SHOWN_HOME = "/home/alice/.local/share/confab"  # stands in the pictures for the folder used
SHOWN_KEY = "Wm9yYmEtdGhlLWdyZWVrLWxlYXJucy10by1kYW5jZSE"  # for the broker's key: 43 characters, as every key
SHOWN_PORT = 5577
SHOWN_START = 16 * 3600 + 56 * 60  # seconds into the day at which each session seems to begin
DEADLINE_SECONDS = 20.0  # for anything to happen; a busy machine takes a few
GLANCE_SECONDS = 0.05  # between two looks at a screen

# Without the web font that rich refers to: a picture in a README loads nothing.
SVG = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)


class NeverCameError(Exception):
    """A screen did not show what it was to show; the text says what it showed instead."""


@dataclass(frozen=True)
class Stage:
    """Where the sessions play: their folder, the environment of every program, and tmux's own socket."""

    folder: Path
    environment: dict[str, str]
    port: int

    @property
    def home(self) -> Path:
        """The home of confab; its path is as long as the one that is shown, so that frames around it fit."""
        return self.folder / "h".ljust(len(SHOWN_HOME) - len(str(self.folder)) - 1, "h")

    def tmux(self, *arguments: str) -> str:
        """Give tmux a command; returns what it prints."""
        command = ["tmux", "-u", "-S", str(self.folder / "tmux"), "-f", "/dev/null", *arguments]
        return subprocess.run(
            command, env=self.environment, check=True, capture_output=True, text=True, timeout=DEADLINE_SECONDS
        ).stdout

    def run(self, package: str, *arguments: str) -> None:
        """Run a one-shot command to its end, as a script would."""
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
            programs = [int(line) for line in self.tmux("list-panes", "-a", "-F", "#{pane_pid}").split()]
        except subprocess.CalledProcessError:  # nothing was started, or all is over
            return
        for program in programs:
            os.kill(program, signal.SIGTERM)
        try:
            wait_until(lambda: not any(map(alive, programs)), lambda: "A program did not end.")
        finally:
            subprocess.run(["tmux", "-S", str(self.folder / "tmux"), "kill-server"], check=False, capture_output=True)

    def neutral(self, text: str) -> str:
        """Text of a screen without what belongs to this machine or this run."""
        text = text.replace(str(self.home), SHOWN_HOME).replace(f":{self.port}", f":{SHOWN_PORT}")
        text = re.sub(r"(?<![\d:])(\d\d:\d\d):\d\d", r"\1:00", text)
        return re.sub(r"(?<=/)[\w-]{43}(?![\w-])", SHOWN_KEY, text)


class Screen:
    """A program at a terminal of fixed size."""

    def __init__(self, stage: Stage, name: str, *program: str, columns: int, rows: int) -> None:
        self._stage = stage
        self._name = name
        self.columns = columns
        size = ["-x", str(columns), "-y", str(rows)]
        stage.tmux("new-session", "-d", "-s", name, *size, "-c", str(TREE), *program)
        stage.tmux("set-option", "-t", name, "status", "off")
        stage.tmux("resize-window", "-t", name, *size)

    def type(self, line: str) -> Screen:
        """Type a line and press Enter."""
        self.keys(line)
        self._stage.tmux("send-keys", "-t", self._name, "Enter")
        return self

    def keys(self, text: str) -> Screen:
        """Type without pressing Enter."""
        self._stage.tmux("send-keys", "-t", self._name, "-l", text)
        return self

    def sees(self, *texts: str) -> Screen:
        """Wait until the screen shows all of these."""

        def shown() -> bool:
            return all(text in self.text for text in texts)

        wait_until(shown, lambda: f"{self._name} never saw {texts}:\n{self.text}")
        return self

    @property
    def text(self) -> str:
        """What the screen shows, without colours."""
        return self._stage.tmux("capture-pane", "-p", "-t", self._name)

    def _settled(self) -> str:
        """What the screen shows, in colour, once two looks at it are the same."""
        looks = [""]

        def settled() -> bool:
            looks.append(self._stage.tmux("capture-pane", "-e", "-p", "-t", self._name))
            return looks[-1] == looks[-2]

        wait_until(settled, lambda: f"{self._name} never stood still.")
        return looks[-1]

    def picture(self, first: str = "") -> Text:
        """What the screen shows, in colour, from the line with `first` on."""
        lines = self._stage.neutral(self._settled()).rstrip().split("\n")
        start = next((index for index, line in enumerate(lines) if first in Text.from_ansi(line).plain), 0)
        return Text.from_ansi("\n".join(lines[start:]), no_wrap=True, overflow="ignore")


def alive(program: int) -> bool:
    """Whether a process is still there."""
    try:
        os.kill(program, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until(condition: Callable[[], bool], what: Callable[[], str]) -> None:
    """Look again and again until it is so; raises NeverCameError."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise NeverCameError(what())
        time.sleep(GLANCE_SECONDS)


@contextmanager
def stage() -> Iterator[Stage]:
    """A folder and an environment for sessions; ends whatever runs there."""
    folder = Path(tempfile.mkdtemp(prefix="cf", dir="/tmp"))
    set_up = Stage(folder, environment(), free_port())
    set_up.environment["CONFAB_HOME"] = str(set_up.home)
    try:
        yield set_up
    finally:
        set_up.end()
        shutil.rmtree(folder)


def environment() -> dict[str, str]:
    """Only what the programs need: nothing of this machine shows, and the clock says what it is to say."""
    now = time.gmtime()
    behind = (now.tm_hour * 3600 + now.tm_min * 60 + now.tm_sec - SHOWN_START) % 86400  # of UTC, as TZ counts
    zone = f"CFB{behind // 3600:02}:{behind // 60 % 60:02}:{behind % 60:02}"
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(TREE),
        "LANG": "C.UTF-8",
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "TZ": zone,
    }


def free_port() -> int:
    """A TCP port with as many digits as the one that is shown."""
    for port in range(9999, 2000, -1):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port
    raise NeverCameError("No TCP port is free.")


def save(name: str, title: str, columns: int, *pictures: Text) -> None:
    """Write screens, side by side, as docs/images/NAME.svg."""
    console = Console(
        width=columns * len(pictures) + 3 * (len(pictures) - 1),
        record=True,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
        legacy_windows=False,
    )
    table = Table.grid(padding=(0, 3, 0, 0), pad_edge=False)
    for _ in pictures:
        table.add_column(width=columns, no_wrap=True, overflow="crop")
    table.add_row(*pictures)
    console.print(table)
    path = IMAGES / f"{name}.svg"
    path.write_text(console.export_svg(title=title, code_format=SVG, unique_id=f"confab-{name}"), "utf-8")
    print(f"{path.relative_to(TREE)}: {console.width} columns")


def play(on: Stage) -> None:
    """The sessions of the README."""
    python = sys.executable
    endpoint = f"tcp://127.0.0.1:{on.port}"
    broker = Screen(on, "broker", python, "-m", "broker", "--bind", endpoint, columns=88, rows=24)
    broker.sees("Invite", "confab://")

    alice = Screen(on, "alice", python, "-m", "client", "chat", "alice", columns=64, rows=30)
    alice.sees("You are alice", "#general ›")
    bob = Screen(on, "bob", python, "-m", "client", "chat", "bob", columns=64, rows=30)
    bob.sees("You are bob", "#general ›")
    alice.sees("bob is here")
    alice.type("morning! is the release branch cut?").sees("is the release branch cut?")
    bob.sees("is the release branch cut?")
    bob.type("yes: `release/2.4`").sees("yes: release/2.4").type("and the tests are **green**").sees("tests are green")
    alice.sees("tests are green")
    bob.type("/msg alice coffee before we deploy?").sees("@alice", "coffee before")
    alice.sees("coffee before")
    alice.type("/msg bob always").sees("always")
    bob.sees("always")
    on.run("client", "announce", "--as", "ci", "--title", "Release 2.4", "--priority", "high", "Deploy at five")
    alice.sees("Deploy at five")
    bob.sees("Deploy at five")
    alice.keys("on it, I watch the das").sees("the das")
    save(
        "conversation",
        "make client NICK=alice  ·  make client NICK=bob",
        64,
        alice.picture("You are"),
        bob.picture("You are"),
    )

    carol = Screen(on, "carol", python, "-m", "client", "chat", "carol", columns=88, rows=30)
    carol.sees("You are carol", "#general ›")
    on.run("broker", "grant", "alice", "admin")
    bob.sees("carol is here").type("/away lunch until one").sees("You are away")
    carol.sees("bob is away")
    carol.type("/join #ops").sees("#ops ›")
    carol.type("/who").sees("admin", "#general #ops")
    save("roster", "make client NICK=carol", 88, carol.picture("You are"))

    on.run("client", "announce", "--as", "nightly", "--title", "Nightly build", "All green.")
    urgent = ["--priority", "urgent", "--title", "Database", "Writes fail. We are on it."]
    on.run("client", "announce", "--as", "pager", *urgent)
    carol.sees("Writes fail")
    save("announcement", "make client NICK=carol", 88, carol.picture("ANNOUNCEMENT"))

    bob.type("/quit")
    broker.sees("left  ")
    save("broker", "make broker", 88, broker.picture())


def main() -> int:
    """Make all pictures; returns the exit code."""
    if shutil.which("tmux") is None:
        print("The pictures need tmux, and there is none here.", file=sys.stderr)
        return 1
    IMAGES.mkdir(parents=True, exist_ok=True)
    try:
        with stage() as on:
            play(on)
    except NeverCameError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
