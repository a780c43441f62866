"""Messages one below the other: the day is told when it changes, and who says it where and when once for a run."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from rich.text import Text

from client.console import render
from client.console.face_rich import RichFace
from client.console.flow import RUN, Flow, page
from client.model import Message
from messages import Presence
from tests.fake_client import AT, said
from tests.test_console_talk import Desk

SOON, LATER = AT + timedelta(minutes=1), AT + RUN
YESTERDAY, TOMORROW = AT - timedelta(days=1), AT + timedelta(days=1)


def drawn(things: Any, width: int = 80, *, terminal: bool = True) -> list[str]:
    console = render.terminal(force_terminal=terminal)
    console.width = width
    return [row.rstrip() for row in Text.from_ansi(RichFace(console)(things) or "").plain.splitlines()]


def live(*items: Message) -> list[str]:
    flow = Flow(AT.date())
    return drawn([thing for item in items for thing in flow.next(item, "alice")])


def test_a_run_of_one_author_tells_once_who_says_it_where_and_when() -> None:
    assert live(said("one"), said("two", at=SOON), said("three", at=SOON)) == [
        "12:04 #general bob     one",
        "                       two",
        "                       three",
    ]


@pytest.mark.parametrize(
    ("second", "row"),
    [
        (said("two", sender="carol", at=SOON), "12:05 #general carol   two"),
        (said("two", target="#ops", at=SOON), "12:05 #ops     bob     two"),
        (said("two", target="@alice", at=SOON), "12:05 @bob     bob     two"),
        (said("two", at=LATER), "12:09 #general bob     two"),
        (said("two", at=AT - timedelta(minutes=1)), "12:03 #general bob     two"),
        (said("alice: two", at=SOON), "12:05 #general bob     alice: two"),
    ],
)
def test_another_author_place_or_time_is_told_and_so_is_who_calls_me(second: Message, row: str) -> None:
    assert live(said("one"), second)[1] == row


def test_the_time_of_no_line_is_further_up_than_a_run_is_long() -> None:
    """However many follow each other closely."""
    rows = live(*(said("x", at=AT + timedelta(minutes=number)) for number in range(8)))
    assert [row[:5].strip() for row in rows] == ["12:04", "", "", "", "", "12:09", "", ""]


def test_an_announcement_stands_for_itself() -> None:
    rows = live(said("one"), said("Deploy", kind="announcement", at=SOON), said("two", at=SOON))
    assert rows[-1] == "12:05 #general bob     two"


def test_where_there_are_no_styles_every_line_tells_all() -> None:
    flow = Flow(AT.date())
    things = [thing for body in ("one", "two") for thing in flow.next(said(body), "alice")]
    assert drawn(things, terminal=False) == ["12:04 #general bob     one", "12:04 #general bob     two"]


def test_on_forty_columns_a_run_goes_on_below_its_head() -> None:
    names: dict[str, Any] = {"sender": "b" * 20, "target": "#general"}
    items = [said("x" * 50, **names), said("two words " * 6, **names)]
    rows = drawn(page(items, "alice", AT.date()), 40)
    assert rows[0] == f"12:04 #general {'b' * 20}"
    assert rows[1] == "  " + "x" * 38
    assert [row for row in rows[1:] if not row.startswith("  ")] == []
    assert all(len(row) <= 40 for row in rows)


def test_a_day_is_told_in_front_of_its_first_message() -> None:
    items = [said("one", at=YESTERDAY), said("two", at=YESTERDAY), said("three"), said("four", at=TOMORROW)]
    for rows in (live(*items), drawn(page(items, "alice", AT.date()))):
        assert [row.split("  №")[0].strip(" ─")[:18].rstrip() for row in rows] == [
            "Monday, 2026-11-23",
            "12:04 #general bob",
            "two",
            "Tuesday, 2026-11-2",
            "12:04 #general bob",
            "Wednesday, 2026-11",
            "12:04 #general bob",
        ]


def test_of_today_nothing_is_said_of_days() -> None:
    assert drawn(page([said("one")], "alice", AT.date())) == ["12:04 #general bob     one  №7"]


def test_a_run_of_which_midnight_is_part_is_told_anew() -> None:
    late = AT.replace(hour=23, minute=59)
    rows = live(said("one", at=late), said("two", at=late + timedelta(minutes=2)))
    assert rows[-1] == "00:01 #general bob     two"


def test_what_else_happens_ends_a_run_and_what_leaves_no_trace_does_not() -> None:
    desk = Desk()
    now = desk.talk.now()
    for body in ("one", "two"):
        desk.talk.happened(said(body, at=now, kind="text", priority="high"))  # rings
    assert [row[23:] for row in drawn(desk.shown)] == ["one", "two"]
    assert drawn(desk.shown)[1].startswith(" " * 23)
    desk.talk.happened(Presence("carol", "joined"))
    desk.talk.happened(said("three", at=now))
    assert drawn(desk.shown)[-1] == f"{now:%H:%M} #general bob     three"
    desk.chat.close()


def test_what_was_missed_on_another_day_tells_it() -> None:
    desk = Desk()
    desk.talk.happened(said("one", at=AT, missed=True))
    desk.talk.happened(said("two", at=desk.talk.now()))
    today = desk.talk.now().date()
    rows = [row.strip("─ ") for row in drawn(desk.shown)]
    assert [rows[0], rows[1], rows[3], rows[4]] == [
        "while you were away",
        "Tuesday, 2026-11-24",
        "now",
        f"{today:%A}, {today.isoformat()}",
    ]
    desk.chat.close()
