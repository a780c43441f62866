"""How things look: nothing from elsewhere acts on the terminal, and lines stay readable at every width."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest
from rich.cells import cell_len
from rich.console import RenderableType

from client.console import render, tables
from client.console.shown import Help, RoomList, Roster
from client.console.words import excerpt
from messages import Person, RoomInfo
from tests.fake_client import AT, said

EVIL = "\x1b[2J\x1b]0;title\x07\x9b31m[bold red]x[/]\u202egnp.\u200bexe"


def drawn(thing: RenderableType, width: int = 80, color: bool = False) -> str:
    console = render.terminal(force_terminal=color or None)
    console.file, console.width = io.StringIO(), width
    console.print(thing)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize(
    "thing",
    [
        render.message(said(EVIL), "alice", AT.date()),
        render.message(said(EVIL, sender=EVIL, target=EVIL), "alice", AT.date()),
        render.message(
            said(EVIL, kind="announcement", title=EVIL, priority=EVIL, sender=EVIL, target=EVIL), "alice", AT.date()
        ),
        tables.roster(Roster((Person(EVIL, 0, [EVIL], away=EVIL),), "alice", AT.date())),
        tables.room_list(RoomList((RoomInfo(EVIL, 1, True),))),
        render.rule(EVIL),
        render.notice(EVIL),
        render.warning(EVIL),
        render.refusal(EVIL),
        render.quiet(EVIL, AT, AT.date()),
        render.hint(("text", EVIL)),
    ],
)
def test_no_text_from_elsewhere_acts_on_a_terminal_or_is_read_as_markup(thing: RenderableType) -> None:
    text = drawn(thing, width=200)
    assert not set(text) & {"\x1b", "\x07", "\x9b", "\u202e", "\u200b"}
    assert "[bold red]x[/]" in text.casefold() or "[BOLD RED]X[/]" in text


def test_a_message_tells_time_place_and_sender() -> None:
    assert drawn(render.message(said("hello"), "alice", AT.date())) == "12:04 #general bob     hello\n"


def test_a_message_of_another_day_tells_the_day() -> None:
    text = drawn(render.message(said("hello"), "alice", datetime(2027, 1, 1, tzinfo=UTC).date()))
    assert text.startswith("2026-11-24 12:04 #general")


def test_a_direct_message_stands_under_the_other_person() -> None:
    assert "@bob" in drawn(render.message(said("psst", target="@Alice"), "alice", AT.date()))
    assert "@bob" in drawn(render.message(said("hey", sender="alice", target="@bob", own=True), "alice", AT.date()))


def test_long_text_wraps_beside_its_head_and_loses_nothing() -> None:
    words = " ".join(f"word{number}" for number in range(60))
    rows = drawn(render.message(said(words), "alice", AT.date())).splitlines()
    assert len(rows) > 3
    assert all(len(row) <= 80 for row in rows)
    assert all(row.startswith(" " * 23) and row[23] != " " for row in rows[1:])
    assert " ".join(row[23:] for row in rows).split() == words.split()


@pytest.mark.parametrize("width", [20, 30, 45, 59, 60, 200])
def test_every_width_shows_all_of_a_text(width: int) -> None:
    text = drawn(
        render.message(said("x" * 300 + " 你好" * 20, sender="n" * 24, target="#" + "r" * 32), "a", AT.date()), width
    )
    assert text.count("x") == 300
    assert text.count("你") == text.count("好") == 20
    assert all(cell_len(row) <= width for row in text.splitlines())


def test_lines_and_inner_spaces_of_a_text_are_kept() -> None:
    rows = drawn(render.message(said("def f():\n    return  1\n\nend"), "alice", AT.date())).splitlines()
    assert [row[23:] for row in rows] == ["def f():", "    return  1", "", "end"]


def test_an_announcement_is_a_panel_with_sender_title_and_priority() -> None:
    item = said("Deploy at five", kind="announcement", title="CI", priority="urgent", target="*", sender="ops")
    text = drawn(render.message(item, "alice", AT.date()))
    assert "URGENT ANNOUNCEMENT: CI" in text
    assert "ops to everyone, 12:04" in text
    assert "║ Deploy at five" in text


def test_an_announcement_in_a_history_tells_its_number() -> None:
    item = said("Deploy at five", kind="announcement", target="*", seq=17)
    assert "to everyone, 12:04, №17" in drawn(render.message(item, "alice", AT.date(), numbered=True))
    assert "№" not in drawn(render.message(item, "alice", AT.date()))


def test_the_time_of_an_urgent_announcement_is_not_dim_in_the_colour_of_its_frame() -> None:
    item = said("fire", kind="announcement", priority="urgent", target="*")
    console = render.terminal(force_terminal=True)
    (time,) = (each for each in console.render(render.message(item, "alice", AT.date())) if each.text == "12:04")
    assert time.style is not None
    assert time.style.dim
    assert time.style.color is not None
    assert time.style.color.is_default


def test_colours_only_at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[" in drawn(render.message(said("hello"), "alice", AT.date()), color=True)
    assert "\x1b[" not in drawn(render.message(said("hello"), "alice", AT.date()))


def test_an_excerpt_is_one_short_harmless_line() -> None:
    assert excerpt("short") == "short"
    assert excerpt("two\nlines") == "two⏎lines"
    assert excerpt("x" * 100_000) == "x" * 60 + "…"


def test_on_a_narrow_terminal_the_other_names_of_a_command_stand_below_it() -> None:
    table = tables.help_table(Help((("/msg NICK text", ("-to",), "say something to one person"),)))
    assert [row.rstrip() for row in drawn(table, width=40).splitlines()[2:]] == [
        "  /msg NICK text   say something to one",
        "  -to              person",
    ]
    assert "-to   say something to one person" in drawn(table, width=80)
