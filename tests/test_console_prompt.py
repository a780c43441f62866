"""The input line: what others are called does not act on the terminal from there either."""

from __future__ import annotations

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from client.console.prompt import Names, prompt_text
from client.console.talk import Talk
from messages import Presence
from tests.fake_client import FakeClient


@pytest.fixture
def talk() -> Talk:
    return Talk(FakeClient(), lambda *things: None, lambda work: None, lambda: None)  # type: ignore[arg-type]


def test_a_nick_in_the_prompt_is_harmless(talk: Talk) -> None:
    """Whom one talks to may take another nick, and only a broker that keeps the rules looks at it."""
    talk.turn_to("@bob")
    talk.happened(Presence("bob", "renamed", "b\u202eo\x9b31mb"))
    [(_, shown)] = prompt_text(talk)
    assert shown == "@bo\ufffd31mb › "


def test_only_names_that_show_as_they_are_complete(talk: Talk) -> None:
    for nick in ("bob", "bo\u200bb", "bo\x1b[2Jb"):
        talk.happened(Presence(nick, "joined"))
    found = Names(talk).get_completions(Document("/msg b"), CompleteEvent())
    assert [completion.text for completion in found] == ["bob "]
