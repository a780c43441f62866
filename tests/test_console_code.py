"""Blocks of code get colours, and nothing else changes; what others write costs no more than a moment."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from client.console.code import LANGUAGES, LONGEST, code
from client.console.markup import markup
from client.console.themes import ROLES
from messages import harmless

ALLOWED = {"none", "", *ROLES}
languages = st.sampled_from(sorted(LANGUAGES))


def styles(text: str, language: str) -> set[str]:
    return {str(span.style) for span in code(text, language).spans}


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_every_language_is_known_to_the_highlighter(language: str) -> None:
    assert code("x = 1", language).plain == "x = 1"


def test_a_block_with_a_language_has_colours() -> None:
    text = markup("so:\n```python\ndef f():\n    return '**x**'  # *y*\n```\nend **now**")
    assert text.plain == "so:\ndef f():\n    return '**x**'  # *y*\nend now"
    marked = {text.plain[span.start : span.end]: str(span.style) for span in text.spans}
    assert marked["def"] == "keyword"
    assert marked["# *y*"] == "comment"
    assert marked["**x**"] == "string"
    assert marked["now"] == "bold"


@pytest.mark.parametrize(("text", "language"), [("x = 1", "klingon"), ("x = 1", ""), ("x" * (LONGEST + 1), "py")])
def test_all_else_has_one_colour(text: str, language: str) -> None:
    assert styles(text, language) == set()
    assert str(code(text, language).style) == "code"


def test_a_message_of_many_blocks_is_bounded_as_one() -> None:
    """Else each block would be short enough, and all of them would take long."""
    block = "```py\ndef f(): pass\n```\n"
    assert "keyword" in {str(span.style) for span in markup(block * 2).spans}
    assert "keyword" not in {str(span.style) for span in markup(block * LONGEST).spans}


@settings(max_examples=200)
@given(st.text(alphabet=st.sampled_from("ab1 \n\t'\"`#/*<>{}()[]=:;$@\\&%-+._\x1bé你")), languages)
def test_no_character_is_changed_and_only_our_colours_are_used(text: str, language: str) -> None:
    text = harmless(text, lines=True)
    assert code(text, language).plain == text
    assert styles(text, language) <= ALLOWED


@pytest.mark.parametrize("language", sorted(LANGUAGES))
@pytest.mark.parametrize("piece", ["\n ", "a ", "a.", '"\\', "/", "&", "::", "`", "(", "a<", "{%", "_", "\n"])
def test_the_worst_of_blocks_takes_a_moment(piece: str, language: str) -> None:
    """Some 0.15 s at most."""
    code("", language)
    start = time.perf_counter()
    code((piece * LONGEST)[:LONGEST], language)
    assert time.perf_counter() - start < 2


def test_who_sees_no_code_does_not_wait_for_the_highlighter() -> None:
    program = "import sys, client.console.app; print('pygments' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"
