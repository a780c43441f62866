"""The input line: what others are called does not act on the terminal from there either."""

from __future__ import annotations

import subprocess
import sys

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text.utils import fragment_list_to_text
from prompt_toolkit.layout.controls import BufferControl
from prompt_toolkit.layout.processors import TransformationInput

from client.console import emoji
from client.console.apart import Apart
from client.console.prompt import Names, prompt_text
from client.console.talk import Talk
from messages import Presence
from tests.fake_client import FakeClient


@pytest.mark.parametrize(
    ("line", "shown", "places"),
    [
        ("日 é", "日 é", [0, 1, 2, 3]),
        ("a🇩🇪b", "aDEb", [0, 1, 2, 3, 4]),
        ("👩\u200d👧x", "👩·👧x", [0, 1, 2, 3, 4]),
        ("👍\U0001f3fd", "👍·", [0, 1, 2]),
        ("❤\ufe0fx", "❤x", [0, 1, 1, 2]),
    ],
)
def test_emoji_of_several_characters_stand_apart(line: str, shown: str, places: list[int]) -> None:
    """Of one that the terminal makes narrower than its parts the prompt would be overwritten."""
    given = TransformationInput(BufferControl(), Document(line), 0, lambda at: at, [("", line)], 80, 1)
    result = Apart(lambda mark: mark).apply_transformation(given)
    assert fragment_list_to_text(result.fragments) == shown
    assert [result.source_to_display(at) for at in range(len(line) + 1)] == places
    assert result.display_to_source(len(shown)) == len(line)


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


def completed(talk: Talk, line: str) -> list[str]:
    """The lines that this one may become."""
    document = Document(line)
    found = Names(talk).get_completions(document, CompleteEvent(completion_requested=True))
    return [line[: len(line) + completion.start_position] + completion.text for completion in found]


@pytest.mark.parametrize(
    ("line", "becomes"),
    [
        ("well done :tad", "well done 🎉"),
        (":smile:", "😄"),
        ("/msg bob two\n:TADA", "/msg bob two\n🎉"),
        ("so :sunr", "so :sunrise"),
        (":thumbs_up", "👍"),
    ],
)
def test_the_name_of_an_emoji_becomes_it(talk: Talk, line: str, becomes: str) -> None:
    """Where it is the only one, or ended with a colon; else it grows as far as all that fit agree."""
    assert completed(talk, line) == [becomes]


@pytest.mark.parametrize(
    "line", [":", ":s", ":)", "12:30", "a:smi", ":smi ", "http://xn", ":nosuchname", ":smi:", "::sm"]
)
def test_what_is_no_name_of_an_emoji_stays(talk: Talk, line: str) -> None:
    assert completed(talk, line) == []


def test_of_several_emoji_a_few_are_shown_with_their_names(talk: Talk) -> None:
    found = list(Names(talk).get_completions(Document(":smile"), CompleteEvent()))
    assert [completion.display_text for completion in found][:2] == ["😄 :smile:", "😸 :smile_cat:"]
    assert len(completed(talk, ":wo")) == emoji.LISTED


def test_no_emoji_costs_the_start_of_a_console() -> None:
    code = "import sys; import client.console.app, client.console.prompt; print('rich._emoji_codes' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"
