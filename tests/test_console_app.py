"""How the console's parts end together: in order, with what was shown on the screen, and never with a traceback."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest

from client.console import app, render
from client.console.commands import obey
from client.console.face_json import JsonFace
from client.console.face_rich import RichFace
from client.console.program import obey_program
from client.console.screen import PORTION, Screen
from client.console.talk import Talk
from tests.fake_client import FakeClient, connected, said

Write = Callable[[str], Awaitable[None]]


def converse(chat: FakeClient, read: app.Reader, write: Write | None = None) -> tuple[int, str]:
    """Run a whole console on a fake client; returns its exit code and what it showed."""
    shown: list[str] = []

    async def keep(text: str) -> None:
        shown.append(text)

    async def run() -> int:
        screen = Screen(RichFace(render.terminal()), write or keep)
        return await app._converse(chat, screen, screen.show, read)  # type: ignore[arg-type]

    return asyncio.run(asyncio.wait_for(run(), 20)), "".join(shown)


def test_it_shows_what_came_and_says_goodbye() -> None:
    chat = FakeClient()
    for item in (connected(), *(said(f"message {number}.") for number in range(3 * PORTION))):
        chat.items.put(item)

    async def read(talk: Talk, over: asyncio.Event) -> None:
        obey(talk, "one more")
        talk.answers.when_idle(talk.quit)
        await over.wait()

    status, text = converse(chat, read)
    assert status == 0
    assert "one more" in text
    assert text.endswith("Bye.\n")
    assert chat.closed


def test_more_than_it_holds_ahead_is_shown_all_the_same() -> None:
    chat = FakeClient()
    for number in range(3 * app.AHEAD):
        chat.items.put(said(f"message {number}."))

    async def read(talk: Talk, over: asyncio.Event) -> None:
        while not chat.items.empty():
            await asyncio.sleep(0)

    _, text = converse(chat, read)
    assert text.count("message ") >= 2 * app.AHEAD
    assert len(chat.read) == text.count("message ")  # what was drawn was said to be read, and nothing else


def test_a_bug_is_a_sentence_and_ends_the_console() -> None:
    async def read(talk: Talk, over: asyncio.Event) -> None:
        asyncio.get_running_loop().call_soon(lambda: 1 // 0)
        await over.wait()

    status, text = converse(FakeClient(), read)
    assert status == 1
    assert "This is a bug in confab: ZeroDivisionError at test_console_app.py:" in text
    assert "Traceback" not in text


def test_a_bug_beside_the_console_is_a_sentence_too() -> None:
    chat = FakeClient()
    chat.error = RuntimeError("unforeseen")

    async def read(talk: Talk, over: asyncio.Event) -> None:
        obey(talk, "/who")
        await over.wait()

    status, text = converse(chat, read)
    assert (status, "unforeseen" in text) == (1, True)


def test_a_screen_that_cannot_be_written_ends_the_console() -> None:
    async def broken(text: str) -> None:
        raise BrokenPipeError

    async def read(talk: Talk, over: asyncio.Event) -> None:
        obey(talk, "/help")
        await over.wait()

    with pytest.raises(BrokenPipeError):
        converse(FakeClient(), read, broken)


@pytest.mark.parametrize("kept", [False, True])
def test_what_was_never_answered_is_named_at_the_end(kept: bool) -> None:
    chat = FakeClient()
    chat.outcomes = [None]

    async def read(talk: Talk, over: asyncio.Event) -> None:
        obey(talk, "last words")
        chat.receipts[0].kept = kept

    status, text = converse(chat, read)
    assert status == 5
    how = (
        "Not sent yet, and kept: it goes out when you are here again" if kept else "Not sent, since the broker did not"
    )
    assert how in text
    assert "last words" in text


def test_a_program_is_told_which_of_its_lines_was_never_answered() -> None:
    chat = FakeClient()
    chat.outcomes = [None]
    face = JsonFace(ascii_only=False)
    written: list[str] = []

    async def write(text: str) -> None:
        written.append(text)

    async def read(talk: Talk, over: asyncio.Event) -> None:
        face.status = lambda: talk.status
        obey_program(talk, '{"line": "/msg bob last words", "id": 4}')

    async def run() -> int:
        screen: Screen[str] = Screen("".join, write)
        return await app._converse(chat, screen, lambda *things: screen.show(face(things)), read)  # type: ignore[arg-type]

    assert asyncio.run(asyncio.wait_for(run(), 20)) == 5
    unsent, *_, bye = [json.loads(line) for line in "".join(written).splitlines()]
    assert (unsent["type"], unsent["line"], unsent["id"]) == ("unsent", "last words", 4)
    assert bye == {"type": "bye", "exit_code": 5}
