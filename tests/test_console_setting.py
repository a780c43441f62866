"""/set and the keys: what is set at a console holds at once and in later runs, and what makes no sense is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output import DummyOutput

from client.console import render
from client.console.chosen import Chosen
from client.console.commands import obey
from client.console.face_rich import RichFace
from client.console.keys import spoken, usable
from client.console.prompt import Names, make_prompt, prompt_text
from client.console.shown import Shown
from client.console.talk import Talk
from client.console.typed import Typed
from client.preferences import all_settings
from client.settings import Keys, Settings, read
from tests.fake_client import FakeClient


class Desk:
    """A console in memory, with a settings file of its own."""

    def __init__(self, path: Path, **given: object) -> None:
        self.path = path
        self.chosen = Chosen(path, given)
        self.left = 0
        self.face = RichFace(render.terminal(self.chosen.looks), lambda: 100, self.chosen)
        self.screen = ""
        self.talk = Talk(FakeClient(), self.show, lambda work: None, self.leave, self.chosen)  # type: ignore[arg-type]

    def show(self, *things: Shown) -> None:
        self.screen += self.face(things)

    def leave(self) -> None:
        self.left += 1

    def type(self, line: str) -> str:
        """What is shown for a line."""
        self.screen = ""
        obey(self.talk, line)
        return self.screen

    def completed(self, line: str) -> list[str]:
        found = Names(self.talk).get_completions(Document(line), CompleteEvent(completion_requested=True))
        return [completion.text for completion in found]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "settings.toml"


@pytest.fixture
def desk(path: Path) -> Desk:
    return Desk(path)


def test_a_setting_is_shown_changed_and_kept(desk: Desk, path: Path) -> None:
    text = desk.type("/set")
    assert all(setting.name in text for setting in all_settings())
    assert '"any"' in desk.type("/set theme")
    assert desk.type("/set theme dark") == '● theme is "dark" from now on.\n'
    assert '"dark"' in desk.type("/set theme")
    assert read(path) == (Settings(theme="dark"), [])
    assert Chosen(path).settings.theme == "dark"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("/set teme dark", "There is no setting teme. Did you mean theme"),
        ("/set teme", "There is no setting teme. Did you mean theme"),
        ("/set theme drak", "There is no theme drak. Did you mean dark?"),
        ("/set color sometimes", "it takes one of auto, always, never"),
        ("/set keys.send x", "that is a character one types"),
        ("/set keys.send \x1b[2J", "that is no key"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(desk: Desk, path: Path, line: str, told: str) -> None:
    shown = desk.type(line)
    assert shown.startswith("✗ ")
    assert told in shown
    assert "\x1b" not in shown
    assert not path.exists()


def test_looks_change_at_once(desk: Desk) -> None:
    desk.type("/set ascii always")
    assert desk.type("/set emoji off") == "* emoji is false from now on.\n"
    assert prompt_text(desk.talk) == [("class:prompt", "#general > ")]
    assert desk.completed("so :tad") == [":tada:"]
    desk.type("/set emoji on")
    assert desk.completed("so :tad") == ["🎉"]


def test_what_was_given_for_this_run_holds_until_it_is_set(path: Path) -> None:
    path.write_text('color = "always"\n')
    desk = Desk(path, color="never", ascii="always")
    assert (desk.chosen.looks.color, desk.chosen.looks.ascii) == (False, True)
    desk.type("/set theme dark")
    assert (desk.chosen.looks.color, desk.chosen.looks.theme) == (False, "dark")
    desk.type("/set color always")
    assert (desk.chosen.looks.color, desk.chosen.looks.ascii) == (True, True)
    assert read(path) == (Settings(color="always", theme="dark"), [])


def test_a_broken_file_is_told_and_mended_by_nobody_else(path: Path) -> None:
    path.write_text("theme = dark\n")
    desk = Desk(path)
    assert len(desk.chosen.complaints) == 1
    assert "line 1" in desk.chosen.complaints[0]
    assert "cannot be changed" in " ".join(desk.type("/set theme dark").split())
    assert path.read_text() == "theme = dark\n"


def test_names_and_values_are_completed(desk: Desk, path: Path) -> None:
    assert desk.completed("/set the") == ["theme "]
    assert desk.completed("/set keys.s") == ["keys.send "]
    assert desk.completed("/set theme ") == ["any", "dark", "light", "contrast", "sober"]
    assert desk.completed("/set color n") == ["never"]
    assert desk.completed("/set emoji ") == ["true", "false"]
    assert desk.completed("/set nothing x") == []
    path.write_text('[themes.mine]\nlike = "dark"\n')
    desk = Desk(path)
    assert desk.completed("/set theme m") == ["mine"]
    assert desk.completed("/set themes.mine.ti") == ["themes.mine.time "]


# --- keys ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("enter", "Enter"),
        ("escape enter", "Alt-Enter"),
        ("c-c", "Ctrl-C"),
        ("s-tab", "Shift-Tab"),
        ("f5", "F5"),
        ("escape n", "Alt-N"),
        ("c-x c-s", "Ctrl-X Ctrl-S"),
        ("c-s-left", "Ctrl-Shift-Left"),
        ("pageup", "PageUp"),
    ],
)
def test_keys_as_people_say_them(keys: str, said: str) -> None:
    assert spoken(tuple(keys.split())) == said


def test_a_key_that_makes_no_sense_is_the_default() -> None:
    assert usable(Keys(send="hyper-x", newline="c-j")) == usable(Keys(newline="c-j"))


def test_help_tells_the_keys_in_force(desk: Desk) -> None:
    assert "Alt-Enter" in desk.type("/help keys")
    desk.type("/set keys.newline escape n")
    shown = desk.type("/help keys")
    assert "Alt-N" in shown
    assert "Alt-Enter" not in shown


@pytest.fixture
def typing() -> Iterator[PipeInput]:
    with create_pipe_input() as source, create_app_session(input=source, output=DummyOutput()):
        yield source


Answer = Callable[[str], str | None]


def typed_keys(desk: Desk, source: PipeInput, folder: Path, keys: str, answer: Answer) -> None:
    """Type `keys`; hand each line to `answer`, which says what is typed next, or None at the end."""
    done = asyncio.Event()

    def hand_on(line: str) -> None:
        more = answer(line)
        if more is None:
            done.set()
        else:
            source.send_text(more)

    async def run() -> None:
        typed = Typed(folder / "window-0", asyncio.get_running_loop().call_later, print, print)
        session = make_prompt(desk.talk, hand_on, typed, source, DummyOutput())
        prompting = asyncio.create_task(session.prompt_async())
        source.send_text(keys)
        await asyncio.wait({prompting, asyncio.create_task(done.wait())}, return_when=asyncio.FIRST_COMPLETED)
        assert not prompting.done()
        prompting.cancel()
        await asyncio.gather(prompting, return_exceptions=True)
        typed.close()

    asyncio.run(asyncio.wait_for(run(), 10))


def test_keys_do_what_the_settings_say_at_once(desk: Desk, typing: PipeInput, tmp_path: Path) -> None:
    """Ctrl-O begins a new line, and F2 sends, until Ctrl-T does."""
    desk.type("/set keys.newline c-o")
    desk.type("/set keys.send f2")
    handed: list[str] = []

    def answer(line: str) -> str | None:
        handed.append(line)
        if len(handed) == 2:
            return None
        desk.type("/set keys.send c-t")
        return "three\x14"

    typed_keys(desk, typing, tmp_path, "one\x0ftwo\x1bOQ", answer)
    assert handed == ["one\ntwo", "three"]


def test_a_key_that_was_freed_ends_nothing(desk: Desk, typing: PipeInput, tmp_path: Path) -> None:
    """Those that end prompt_toolkit's own prompts: Ctrl-D, Ctrl-C, Alt-Enter, Ctrl-O."""
    for setting in ("leave c-q", "clear c-g", "newline f3"):
        desk.type(f"/set keys.{setting}")
    handed: list[str] = []

    def answer(line: str) -> str | None:
        handed.append(line)
        return None if line == "end" else {"alt": "o\x0f", "o": "end\r"}[line]

    typed_keys(desk, typing, tmp_path, "\x04gone\x03\x03\x04alt\x1b\r", answer)
    assert handed == ["alt", "o", "end"]
    assert desk.left == 0
    assert "Ctrl-G clears the line. To leave: /quit or Ctrl-Q." in desk.screen


def test_the_key_that_leaves_does_so_when_the_line_is_empty(desk: Desk, typing: PipeInput, tmp_path: Path) -> None:
    desk.type("/set keys.leave f4")
    typed_keys(desk, typing, tmp_path, "text\x1bOS\r", lambda line: None)
    assert desk.left == 0
    typed_keys(desk, typing, tmp_path, "\x1bOSx\r", lambda line: None)
    assert desk.left == 1
