"""The console in Russian: what a person sees, and that nothing of it is left in English."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from client.console import render
from client.console.face_linear import LinearFace
from client.console.face_rich import RichFace
from client.console.words import JOKES
from client.language import _, choose, told
from client.model import ServerClosed, ServerClosing
from messages import Presence
from tests.catalogues import TREE, sentences
from tests.fake_client import connected, refused, said
from tests.processes import Terminal, running_broker
from tests.test_console_faces import samples
from tests.test_console_talk import Desk

NO_PROSE = {  # words that are typed, or say how something looks
    *(
        "confab",
        "down",
        "server",
        "msg",
        "show",
        "export",
        "import",
        "text",
        "reason",
        "for",
        "in",
        "as",
        "h",
        "m",
        "s",
        "room",
    ),
    *(
        "bold",
        "dim",
        "not",
        "reverse",
        "red",
        "yellow",
        "escape",
        "enter",
        "ack",
        "a",
        "off",
        "all",
        "mentions",
        "mute",
    ),
}


@pytest.fixture
def desk() -> Iterator[Desk]:
    choose("ru")
    desk = Desk()
    yield desk
    desk.chat.close()
    choose("en")


def unmarked(path: Path) -> list[str]:
    """Texts of two words or more that are neither marked nor anything but prose."""
    found = []
    for text in sentences(path):
        words = set(re.findall(r"\b[a-z]+", re.sub(r"\{[^}]*\}", "", text)))
        if words - NO_PROSE and not re.search(
            r"\(\?|PRAGMA|^<|^ *(confab(-broker)?|chmod|import) |^set [a-z-]+ \w+$", text
        ):  # a pattern, a command, a variable of readline's
            found.append(text)
    return found


NOT_SHOWN = {  # what the people of the demo say; looks, of which docs/console.md tells
    *(TREE / "client/demo/scenes.py", TREE / "client/console/themes.py"),
}


@pytest.mark.parametrize("path", sorted({*(TREE / "client").rglob("*.py")} - NOT_SHOWN), ids=lambda path: path.stem)
def test_all_that_people_read_is_marked(path: Path) -> None:
    assert unmarked(path) == []


def test_an_unmarked_text_is_found(tmp_path: Path) -> None:
    """The control, for each form of text; what is marked, or is a docstring, is no such."""
    source = tmp_path / "new.py"
    source.write_text('"""A module."""\nshow("The moon.", f"{who} sings", _("Not it."), N_("Nor it."), "bold red")\n')
    assert sorted(unmarked(source)) == ["The moon.", "{who} sings"]


@pytest.mark.parametrize("face", ["rich", "linear"])
def test_no_english_word_is_left_in_what_is_shown(face: str, desk: Desk) -> None:
    """One of each thing that may be shown: a word both in the English and in the Russian form is none of ours."""
    things = samples("ПРИВЕТ", "Алиса", "#кошки")
    russian = words_in(face, things)
    choose("en")
    english = words_in(face, things)
    assert len(english) > 40, "the control: there are English words to be found"
    typed = {
        "msg",
        "to",
        "help",
        "quit",
        "text",
        "off",
        "on",
        "receipts",
        "uninvite",
        "nick",
        "history",
        "around",
        "ack",
    }
    assert english & russian <= typed | {"confab"}


def words_in(face: str, things: list[object]) -> set[str]:
    console = render.terminal(force_terminal=False)
    console.width = 200
    draw = RichFace(console) if face == "rich" else LinearFace(terminal=False)
    return set(re.findall(r"[a-z]{2,}", draw(things).lower()))  # type: ignore[arg-type]


def test_the_first_screen(desk: Desk) -> None:
    desk.happens(connected()).sees("Вы alice. Здесь ещё один человек:")
    assert "все команды, а /quit — выход" in desk.screen


def test_the_words_of_old(desk: Desk) -> None:
    """An unknown nick, a message to oneself, the broker going down."""
    desk.happens(connected()).sees("Вы alice")
    desk.chat.outcomes = [refused("no_such_nick", told("Nobody called bobb is here."))]
    desk.type("/msg bobb эй").sees("Пользователь не найден: bobb. Не отправлено: эй")
    desk.happens(said("эй", sender="alice", target="@alice", own=True)).sees("Тебе настолько одиноко? Сходи прогуляйся")
    desk.happens(ServerClosing("bob", 30.0, "обновление")).sees("bob остановит брокер через 30 секунд: обновление.")
    desk.happens(ServerClosed("bob", "обновление")).sees("Всем спасибо, сервер лёг) — bob: обновление")


def test_every_joke_asks_whether_you_are_lonely() -> None:
    choose("ru")
    assert len({_(joke) for joke in JOKES}) == len(JOKES)
    assert all("Тебе настолько одиноко? Сходи прогуляйся" in _(joke) for joke in JOKES)
    choose("en")


def test_why_somebody_left_is_told_in_russian(desk: Desk) -> None:
    """The reason is the broker's sentence; what a person wrote in it stays."""
    desk.happens(Presence("bob", "left", "kicked by eve: spam")).sees("bob уходит: кик от eve: spam")
    desk.happens(Presence("eve", "lost", "the connection was lost")).sees("eve теряет связь: связь потеряна")


def test_at_a_terminal_of_40_columns(tmp_path: Path) -> None:
    """Start, who is here, an unknown nick, a message to oneself, the broker going down: by the locale, for real."""
    with running_broker(tmp_path) as broker:
        alice = Terminal(
            "-m", "client", "chat", "alice", columns=40, rows=30, CONFAB_HOME=str(tmp_path), LC_ALL="ru_RU.UTF-8"
        )
        try:
            alice.sees("Вы alice.", "Больше здесь", "все команды")
            alice.type("/who").sees("комнаты", "alice (вы)")
            alice.type("/msg zoe привет").sees("Пользователь не найден: zoe. Не", "отправлено: привет")
            alice.type("/msg alice эй").sees("Тебе настолько одиноко? Сходи")
            alice.type("/qut").sees("Нет команды /qut. Может быть, /quit")
            assert max(map(len, alice.text.splitlines())) <= 40
            broker.run("grant", "alice", "admin")
            alice.sees("Ваша роль теперь admin").type("/down обед").sees("Всем спасибо, сервер лёг)", "обед")
        finally:
            alice.close()
