"""What a person at the console knows at a glance, and by ear: unread messages, who writes, what is urgent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from client.console.chosen import Chosen
from client.console.commands import written_for
from client.console.prompt import toolbar
from client.console.shown import Ring
from client.model import Composing, Disconnected, Page
from client.settings import Settings
from messages import Presence
from tests.fake_client import connected, said
from tests.test_console_talk import Desk


class Timed(Desk):
    """A console whose clock stands still."""

    def __init__(self, settings: Path) -> None:
        super().__init__(chosen=Chosen(settings))
        self.now = 1000.0
        self.talk.clock = lambda: self.now


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Timed]:
    desk = Timed(tmp_path / "settings.toml")
    desk.happens(connected()).sees("/quit leaves")
    yield desk
    desk.chat.close()


def bar(desk: Timed, width: int = 80) -> str:
    return "".join(text for _style, text in toolbar(desk.talk, width)).rstrip()


def rings(desk: Timed) -> list[Ring]:
    return [thing for thing in desk.shown if isinstance(thing, Ring)]


def hears(desk: Timed, body: str, **fields) -> None:
    desk.now += 1
    desk.happens(said(body, **fields)).sees(body)


def test_the_status_line_follows_what_happens(desk: Timed) -> None:
    assert bar(desk) == "#general"
    desk.chat.rooms.append("#ops")
    hears(desk, "first", target="#ops")
    hears(desk, "second", target="@alice")
    desk.happens(Composing("cat", "#general"))
    desk.until(lambda: bar(desk) == "#general  @bob 1!  #ops 1  cat is writing…")
    desk.chat.round_trip = 0.012
    assert bar(desk).endswith("  12 ms")
    desk.type("/to #ops")
    assert bar(desk).startswith("#ops  @bob 1! ")
    desk.happens(Presence("bob", "renamed", "robert")).sees("is now robert")
    assert bar(desk).startswith("#ops  @robert 1! ")
    desk.type("/next").type("/next").sees("Nothing is unread elsewhere.")
    assert desk.talk.current == "@robert"
    desk.happens(Disconnected("Gone.")).sees("away")
    assert bar(desk).endswith("connecting…")


def test_the_status_line_is_written_as_the_person_wants_it(desk: Timed) -> None:
    urgent = said("stairs \N{FIRE}, " + "now " * 30, kind="announcement", priority="urgent", target="*")
    desk.happens(urgent).sees("stairs")
    desk.happens(Composing("cat", "#general")).until(lambda: "cat" in bar(desk))
    assert {"\N{FIRE}", "▲", "…"} <= set(bar(desk)), "the control"
    desk.type("/set ascii always").type("/set emoji off").sees("emoji is false")
    assert bar(desk).isascii()
    assert "stairs :fire:, now" in bar(desk)


def test_what_i_say_somewhere_is_what_i_read_there(desk: Timed) -> None:
    hears(desk, "psst", target="@alice")
    desk.type("/msg bob yes?").sees("yes?")
    assert bar(desk) == "#general"


def test_a_room_that_one_leaves_is_not_unread(desk: Timed) -> None:
    hears(desk, "noise", target="#ops")
    desk.type("/leave #ops").sees("You left #ops")
    assert bar(desk) == "#general"


def test_the_same_stands_in_words(desk: Timed) -> None:
    hears(desk, "noise", target="#ops")
    desk.type("/status").sees("You are talking to #general. Unread: #ops 1.")


def test_a_mention_rings_as_was_chosen(desk: Timed) -> None:
    hears(desk, "hello all")
    hears(desk, "alice: hello")
    desk.type("/notify osc777").sees("It rings by: osc777.")
    hears(desk, "psst", target="@alice")
    assert [(ring.how, ring.title, ring.text) for ring in rings(desk)] == [
        ("bell", "bob in #general", "alice: hello"),
        ("osc777", "bob", "psst"),
    ]


def test_what_rings_is_chosen_by_conversation(desk: Timed) -> None:
    desk.type("/notify all").sees("Here (#general) all messages ring.")
    hears(desk, "uno")
    desk.type("/notify mute").sees("Here (#general) nothing rings but what is urgent.")
    hears(desk, "alice!")
    desk.type("/notify @Bob mentions").sees("@bob: mentions ring.")
    hears(desk, "two", target="@alice")
    hears(desk, "three, alice", target="@alice")
    assert [ring.text for ring in rings(desk)] == ["uno", "three, alice"]
    assert desk.talk.chosen.settings.conversations == {"#general": "mute", "@bob": "mentions"}


@pytest.mark.parametrize("line", ["/notify loud", "/notify #ops", "/notify a b c", "/notify # mute"])
def test_a_slip_changes_nothing_of_what_rings(desk: Timed, line: str) -> None:
    before = desk.talk.chosen.settings
    desk.type(line)
    assert desk.talk.chosen.settings == before
    assert "✗" in desk.screen


def test_do_not_disturb_ends_by_itself_or_by_word(desk: Timed) -> None:
    desk.type("/dnd for 1h").sees("Nothing rings for 60 minutes but what is urgent.")
    assert bar(desk).endswith("dnd 60 min")
    hears(desk, "alice, psst")
    assert rings(desk) == []
    desk.now += 3600
    assert bar(desk) == "#general"
    hears(desk, "alice, again")
    assert len(rings(desk)) == 1
    desk.type("/dnd").sees("/dnd off ends that")
    assert bar(desk).endswith("dnd")
    desk.type("/dnd off").sees("It rings again.")
    assert bar(desk) == "#general"
    desk.type("/dnd tomorrow").sees("It goes like this: /dnd, /dnd for 1h or /dnd off")


def test_an_urgent_announcement_stays_until_it_is_acknowledged(desk: Timed) -> None:
    hears(desk, "Leave now", sender="ops", target="*", kind="announcement", priority="urgent", title="Fire", seq=41)
    assert bar(desk, 60).startswith(" ▲ ops: Fire: Leave now")
    desk.type("something else").type("/ack").sees("1 urgent announcement is acknowledged.")
    assert bar(desk).startswith("#general")
    assert not desk.chat.read, "it was read when it was drawn, and after a restore its number may be another's by now"
    desk.type("/ack").sees("There is no urgent announcement")


def test_a_low_announcement_is_one_line(desk: Timed) -> None:
    hears(desk, "Lunch", kind="announcement", priority="low", title="Kitchen", target="*")
    assert "Kitchen: Lunch  announcement" in desk.screen
    assert "═" not in desk.screen
    assert "━" not in desk.screen


# --- who is writing --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "where"),
    [
        ("hello", "#general"),
        ("//not a command", "#general"),
        ("/msg bob hel", "@bob"),
        ("-to @bob x", "@bob"),
        ("/msg bob", ""),
        ("/msg b\x00b x", ""),
        ("/who", ""),
        ("/nosuch x", ""),
        ("$ lunch", ""),
        ("   ", ""),
        ("", ""),
    ],
)
def test_for_whom_a_line_is_meant(desk: Timed, line: str, where: str) -> None:
    assert written_for(desk.talk, line) == where


def test_a_nick_that_is_asked_for_is_no_message(desk: Timed) -> None:
    desk.talk.wants_nick = True
    assert written_for(desk.talk, "robert") == ""


def test_that_i_write_is_told_unless_i_turned_it_off(desk: Timed) -> None:
    desk.talk.typed("#general")
    desk.talk.chosen.settings = Settings(typing=False)
    desk.talk.typed("#general")
    assert desk.chat.written == ["#general", ""]


# --- looking back ----------------------------------------------------------------------------------------------------


def test_history_goes_on_where_it_stopped(desk: Timed) -> None:
    desk.chat.calls.clear()
    for before, text in ((60, "newest"), (40, "older"), (None, "oldest"), (60, "anew")):
        desk.chat.page = Page([said(text)], before)
        desk.type("/history").sees(text)
    desk.type("/history 5").until(lambda: len(desk.chat.calls) == 5)
    calls = [("history", "#general", limit, before) for limit, before in ((20, None), (20, 60), (20, 40), (20, None))]
    assert desk.chat.calls == [*calls, ("history", "#general", 5, None)]


def test_another_conversation_has_a_history_of_its_own(desk: Timed) -> None:
    desk.chat.page = Page([said("page")], 60)
    desk.type("/history").sees("page")
    desk.type("/to bob").type("/history").until(lambda: ("history", "@bob", 20, None) in desk.chat.calls)


def test_what_was_found_is_looked_around_in_its_own_conversation(desk: Timed) -> None:
    desk.chat.page = Page([said("needle", target="@alice", seq=40)], None)
    desk.type("/search needle").sees("№40")
    desk.type("/history around №40").until(lambda: ("around", "@bob", 40) in desk.chat.calls)
    desk.type("/history around 7").until(lambda: ("around", "#general", 7) in desk.chat.calls)
    desk.type("/history around here").sees("or around, and a message's number")


def test_numbers_of_earlier_answers_are_still_known(desk: Timed) -> None:
    desk.chat.page = Page([said("needle", target="@alice", seq=40)], None)
    desk.type("/search needle").sees("№40")
    desk.chat.page = Page([said("page", seq=60)], None)
    desk.type("/history").sees("№60")
    desk.chat.page = Page([said("later", seq=61)], None)
    desk.type("/search later").sees("№61")
    desk.type("/to all")
    desk.type("/history around 40").until(lambda: ("around", "@bob", 40) in desk.chat.calls)
    desk.type("/history around 60").until(lambda: ("around", "#general", 60) in desk.chat.calls)


def test_a_number_that_is_not_there_is_told(desk: Timed) -> None:
    desk.chat.page = Page([said("near", seq=6)], None)
    desk.type("/to all").type("/history around 7").sees("There is no message 7 in everyone that could be shown.")
    assert "near" in desk.screen
    desk.chat.page = Page([], None)
    desk.type("/history around 8").sees("There is no message 8 in everyone")
    assert "said yet" not in desk.screen
    desk.type("/history").sees("Nothing has been said yet in everyone.")
