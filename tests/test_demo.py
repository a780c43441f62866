"""`confab demo` at a real terminal: the main moments in their order, an early end, and nothing that stays behind."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pyte
import pytest

from client.demo.scenes import HERO, OTHERS, SCENES, TAKEN, Does, Says
from client.demo.show import Show
from tests.processes import Terminal, confab, environment

MOMENTS = (
    "all real but the people",
    f"The nick {TAKEN} is taken",
    f"You are {HERO}",
    "why search is slow?",
    "page.touch()",
    "omar is here",
    "if nobody minds",
    "only for you: coffee first?",
    "Nobody called zoe is here",
    "Deploy at five",
    "You are talking to #ops",
    "the standby is warm",
    "away: lunch until one",
    "omar took the broker down: new disk",
    "The broker is back",
    "here we are again",
    "Bye.",
    "confab chat alice",
)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where temporary folders are made; its path is short, since that of a Unix socket is to be."""
    with TemporaryDirectory(prefix="cf", dir="/tmp") as folder:
        yield Path(folder)


@pytest.fixture
def demo(folder: Path, request: pytest.FixtureRequest) -> Iterator[Terminal]:
    speed = str(getattr(request, "param", 200))
    terminal = Terminal("-m", "client", "demo", "--speed", speed, columns=80, rows=24, TMPDIR=str(folder))
    yield terminal
    terminal.close()


def left(folder: Path) -> tuple[list[Path], list[str]]:
    """What is left of a demo: files, and processes that were told its folder."""
    running = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has just ended, or is another person's
            if f"TMPDIR={folder}".encode() in (process / "environ").read_bytes():
                running.append((process / "cmdline").read_text())
    return list(folder.iterdir()), running


def drawn(raw: bytes) -> str:
    """Everything that was ever drawn, without its colours."""
    return re.sub(r"\x1b(\[[0-?]*[ -/]*[@-~]|[^\[])|\r", "", raw.decode())


def test_it_plays_to_its_end_and_leaves_nothing(demo: Terminal, folder: Path) -> None:
    demo.until(lambda: "The nick sam is taken" in drawn(demo.raw))
    assert left(folder)[1], "the negative control: what runs is found"
    assert demo.ends() == 0
    text, places = drawn(demo.raw), []
    for moment in MOMENTS:
        assert moment in text, f"never shown: {moment}\n{text}"
        places.append(text.index(moment))
    assert places == sorted(places)
    assert left(folder) == ([], [])


@pytest.mark.parametrize("demo", [20], indirect=True)
def test_ended_early_and_in_a_narrower_window_it_leaves_nothing_either(demo: Terminal, folder: Path) -> None:
    demo.until(lambda: "You are robin" in drawn(demo.raw)).resize(40, 24)
    demo.until(lambda: "morning! has anybody" in drawn(demo.raw))
    assert all(len(row.rstrip()) <= 40 for row in demo.display.display)
    demo.keys("\x03\x03")
    assert demo.ends() == 0
    assert "You have seen enough" in drawn(demo.raw)
    assert "confab chat alice" in drawn(demo.raw)
    assert left(folder) == ([], [])


def test_the_console_in_it_speaks_the_same_language(folder: Path) -> None:
    demo = Terminal("-m", "client", "demo", "--lang", "ru", columns=80, rows=24, TMPDIR=str(folder))
    demo.until(lambda: "Ник sam занят" in drawn(demo.raw)).keys("\x03")
    assert demo.ends() == 0
    demo.close()


def test_a_closed_window_ends_it_too(demo: Terminal, folder: Path) -> None:
    demo.until(lambda: "The nick sam is taken" in drawn(demo.raw)).hang_up()
    assert left(folder) == ([], [])


def test_it_can_be_played_up_to_a_moment_for_a_picture() -> None:
    display = pyte.Screen(70, 24)
    with Show((70, 24), pyte.ByteStream(display).feed, speed=200, env=environment()) as show:
        assert "You are robin" not in "\n".join(display.display)
        show.play("taken")
    shown = "\n".join(display.display)
    assert "You are robin" in shown
    assert "morning" not in shown


def test_whoever_acts_has_come() -> None:
    here = {TAKEN, *OTHERS}
    for scene in SCENES:
        for step in scene.steps:
            if isinstance(step, Does) and step.what == "come":
                here.add(step.who)
            elif isinstance(step, Does | Says):
                assert step.who in here
    assert len({scene.name for scene in SCENES}) == len(SCENES)


@pytest.mark.parametrize("arguments", [(), ("--speed", "0"), ("--speed", "fast"), ("please",)])
def test_without_a_terminal_or_with_wrong_words_it_says_so(arguments: tuple[str, ...], tmp_path: Path) -> None:
    run = confab("demo", *arguments, home=tmp_path)
    assert (run.returncode, run.stdout) == (2, "")
    assert ("needs a terminal" in run.stderr) == (not arguments)
    assert os.linesep not in run.stderr.rstrip()
