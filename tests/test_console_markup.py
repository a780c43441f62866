"""The few marks that are taken as styles: nothing else is changed, nothing is lost, and nothing acts on a terminal."""

from __future__ import annotations

import io
import re
import time
from itertools import groupby
from operator import itemgetter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from client.console import render
from client.console.layout import Body
from client.console.markup import markup
from messages import harmless
from tests.fake_client import AT, said
from torture.texts import EVERY

PIECES = (
    "*",
    "**",
    "`",
    "```",
    "\n```\n",
    "\n```py\n",
    "\n",
    " ",
    "a",
    "b c",
    ".",
    "https://x.y",
    "\x1b[2J",
    "[b]",
    "- ",
)
texts = st.one_of(st.text(), st.lists(st.sampled_from(PIECES), max_size=30).map("".join))


def styled(text: Text) -> list[tuple[str, str]]:
    """What is marked, and how."""
    each = [
        (character, " ".join(str(span.style) for span in text.spans if span.start <= at < span.end))
        for at, character in enumerate(text.plain)
    ]
    runs = [("".join(character for character, _ in run), style) for style, run in groupby(each, key=itemgetter(1))]
    return [(run, style) for run, style in runs if style]


def shown(body: str, width: int = 80, *, terminal: bool = True) -> str:
    """The characters of a body as they are drawn, without styles."""
    console = render.terminal(force_terminal=terminal)
    console.file, console.width = io.StringIO(), width
    console.print(Body(body))
    assert isinstance(console.file, io.StringIO)
    return "\n".join(map(str.rstrip, Text.from_ansi(console.file.getvalue()).plain.splitlines()))


@pytest.mark.parametrize(
    ("written", "plain", "marks"),
    [
        ("it is **very** late", "it is very late", [("very", "bold")]),
        ("it is *very* late", "it is very late", [("very", "italic")]),
        ("**a *b* c**", "a b c", [("a ", "bold"), ("b", "bold italic"), (" c", "bold")]),
        ("(**sic**), **so**!", "(sic), so!", [("sic", "bold"), ("so", "bold")]),
        ('**"quoted"**', '"quoted"', [('"quoted"', "bold")]),
        ("run `make **all**` now", "run make **all** now", [("make **all**", "code")]),
        ("**`a**b`**", "a**b", [("a**b", "bold code")]),
        ("see https://x.y/a_(b).", "see https://x.y/a_(b).", [("https://x.y/a_(b", "underline")]),
        ("**http://x.y**", "http://x.y", [("http://x.y", "bold underline")]),
        ("so:\n```\na = *b*\n\n  c\n```\nend", "so:\na = *b*\n\n  c\nend", [("a = *b*\n\n  c", "code")]),
        ("- **a**: x\n- b", "- a: x\n- b", [("a", "bold")]),
    ],
)
def test_marks_become_styles(written: str, plain: str, marks: list[tuple[str, str]]) -> None:
    text = markup(written)
    assert (text.plain, styled(text)) == (plain, marks)


@pytest.mark.parametrize(
    "written",
    [
        "snake_case and __init__, _so_",
        "2*3*4 and 2 * 3 * 4, 2**3**4",
        "** alone, * alone, ` alone, **** and ``",
        "**open, *open, `open",
        "**not\nover lines**, `nor\nthis`",
        "f(*args, **kw) and g(*args, **kw)",
        "*.py *.txt, src/*.py,lib/*.txt and **/*.py, **/*.md",
        "/*comment*/ '*' or '*'",
        "don`t, l`eau e l`altro",
        "```\nnever closed",
        "```\n\n```",
        "ftp://x.y javascript:x file:///etc/passwd xhttps://x",
        "[bold]x[/] [link=http://x]y[/link] :smile:"[:10],
        "a  b\n\n   c ",
        "# heading\n> quote\n1. one\n- two",
    ],
)
def test_what_is_no_mark_stays_as_it_is(written: str) -> None:
    text = markup(written)
    assert (text.plain, styled(text)) == (written, [])


@given(texts)
def test_nothing_is_lost_but_marks_and_nothing_is_added(text: str) -> None:
    """What is shown is what was written, in its order, but for stars, backticks, and fences with their languages."""
    left = iter(markup(text).plain)
    wanted, missing = next(left, None), []
    for character in harmless(text, lines=True):
        if character == wanted:
            wanted = next(left, None)
        else:
            missing.append(character)
    assert wanted is None
    languages = re.findall(r"```[ ]*([^\s`]*)", text)
    assert set(missing) <= set("*`\n ").union(*languages)


@given(st.text().map(lambda text: text.replace("*", "").replace("`", "")))
def test_without_marks_a_text_is_as_it_was(text: str) -> None:
    assert markup(text).plain == harmless(text, lines=True)


@given(texts)
def test_no_text_acts_on_a_terminal(text: str) -> None:
    assert not set(markup(text).plain) & (set(EVERY) - {"\n"})


@given(texts, st.integers(8, 60))
def test_every_width_shows_every_character(text: str, width: int) -> None:
    def characters(shown: str) -> str:
        return "".join(shown.split())

    assert characters(shown(text, width)) == characters(markup(text).plain)


@pytest.mark.parametrize(
    "piece", ["*", "**a", " *a", "*a* ", "`", "`a", "*`", "**`a", "```a\n", "```\n", "https://.", "(*x`"]
)
def test_the_longest_message_of_marks_takes_no_time(piece: str) -> None:
    """Some 0.2 s at most; were it in proportion to the square of the length, it would be minutes."""
    start = time.perf_counter()
    markup((piece * 65_536)[:65_536])
    assert time.perf_counter() - start < 5


def test_where_there_are_no_styles_a_text_stays_as_written() -> None:
    written = "it is **very** late\n```\n- x\n```"
    assert shown(written, terminal=False) == written
    assert shown(written) == "it is very late\n- x"


def test_a_dumb_terminal_has_no_styles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert shown("**a**") == "**a**"


def test_items_of_a_list_wrap_under_their_text() -> None:
    assert shown("- one two three\n10. four five", 10) == "- one two\n  three\n10. four\n    five"


@pytest.mark.parametrize("kind", ["text", "announcement"])
def test_messages_and_announcements_are_read_alike(kind: str) -> None:
    console = render.terminal(force_terminal=True)
    console.file, console.width = io.StringIO(), 40
    console.print(render.message(said("it is **very** late, `x`", kind=kind), "alice", AT.date()))
    assert isinstance(console.file, io.StringIO)
    drawn = Text.from_ansi(console.file.getvalue())
    assert "very" in drawn.plain
    assert "*" not in drawn.plain
    assert "`" not in drawn.plain
    assert all(len(row) <= 40 for row in drawn.plain.splitlines())
