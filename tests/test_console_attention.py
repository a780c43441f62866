"""What is unread, what rings and how, and the status line that tells it: pure, with a clock in hand."""

from __future__ import annotations

from math import inf

import pytest
from msgspec.structs import replace
from rich.cells import cell_len

from client.console import alarm, status
from client.console.attention import AT_HAND_SECONDS, RING_SECONDS, Attention
from client.console.shown import Overview, Unread
from client.model import Composing
from client.settings import Settings
from messages import Presence
from tests.fake_client import said


class Ear:
    """An attention, whose clock goes on by itself far enough for each message to ring."""

    def __init__(self, **options) -> None:
        self.settings = Settings(**options)
        self.attention = Attention(lambda: self.settings)
        self.now = 1000.0
        self.current = "#general"

    def hears(self, body: str = "hello", **fields) -> bool:
        self.now += RING_SECONDS
        return self.attention.heard(said(body, **fields), "alice", self.current, self.now)

    @property
    def unread(self) -> list[tuple[str, int, int]]:
        return [(one.where, one.count, one.mentions) for one in self.attention.unread]


def test_what_comes_elsewhere_is_unread_until_one_turns_there() -> None:
    ear = Ear()
    ear.hears()
    for _ in range(3):
        ear.hears(target="#ops")
    ear.hears(target="*")
    ear.hears(target="@alice", sender="cat")
    ear.hears("see Alice, please", target="#dev")
    assert ear.unread == [("@cat", 1, 1), ("#dev", 1, 1), ("#ops", 3, 0), ("*", 1, 0)]
    ear.attention.turned("@CAT")
    ear.hears(sender="alice", target="#dev", own=True)  # at another device
    assert ear.unread == [("#ops", 3, 0), ("*", 1, 0)]


def test_a_new_nick_keeps_what_is_unread() -> None:
    ear = Ear()
    ear.hears(target="@alice")
    ear.attention.renamed(Presence("Bob", "renamed", "rob"))
    assert ear.unread == [("@rob", 1, 1)]
    ear.hears(target="@alice", sender="bob")  # another one
    ear.attention.renamed(Presence("rob", "renamed", "bob"))
    assert ear.unread == [("@bob", 2, 2)]


@pytest.mark.parametrize(
    ("fields", "rings"),
    [
        ({}, False),
        ({"target": "@alice"}, True),
        ({"body": "alice: look"}, True),
        ({"body": "palice, alices"}, False),
        ({"body": "the Deploy is done"}, True),
        ({"body": "redeployed"}, False),
        ({"target": "#loud"}, True),
        ({"target": "#mute", "body": "alice!"}, False),
        ({"target": "@alice", "sender": "pest"}, False),
        ({"own": True, "sender": "alice", "body": "alice"}, False),
        ({"kind": "announcement", "priority": "low"}, False),
        ({"kind": "announcement", "priority": "normal"}, False),
        ({"kind": "announcement", "priority": "high"}, True),
        ({"kind": "announcement", "priority": "high", "target": "#mute"}, False),
        ({"kind": "announcement", "priority": "urgent", "target": "#mute"}, True),
    ],
)
def test_what_rings(fields, rings) -> None:
    levels = {"#loud": "all", "#Mute": "mute", "@pest": "mute"}
    ear = Ear(keywords=("deploy", ""), conversations=levels)
    assert ear.hears(**fields) is rings


def test_what_is_muted_is_not_counted() -> None:
    ear = Ear(conversations={"#ops": "mute"})
    ear.hears("alice", target="#ops")
    assert ear.unread == []


def test_who_sits_before_the_conversation_is_not_rung_for_it() -> None:
    ear = Ear()
    ear.current = "@bob"
    ear.attention.touched(ear.now)
    assert not ear.hears(target="@alice")
    assert ear.hears(target="@alice", sender="cat")
    ear.now += AT_HAND_SECONDS
    assert ear.hears(target="@alice")


def test_a_flood_rings_once_a_second() -> None:
    attention = Attention(Settings)
    rung = [attention.heard(said("x", target="@alice"), "alice", "#general", now / 1000) for now in range(3000)]
    assert sum(rung) == 3


def test_who_is_not_to_be_disturbed_is_rung_for_what_is_urgent_alone() -> None:
    ear = Ear()
    ear.attention.quiet_until = ear.now + 60
    assert not ear.hears(target="@alice")
    assert not ear.hears(kind="announcement", priority="high")
    assert ear.hears(kind="announcement", priority="urgent")
    ear.now += 60
    assert ear.hears(target="@alice")
    assert ear.unread == [("@bob", 2, 2)]


def test_urgent_announcements_stay_until_they_are_acknowledged() -> None:
    ear = Ear()
    ear.hears("fire", kind="announcement", priority="urgent", target="*")
    ear.hears("flood", kind="announcement", priority="urgent", target="*")
    assert [item.body for item in ear.attention.acknowledge()] == ["fire", "flood"]
    assert ear.attention.acknowledge() == []


def test_who_writes_here_or_to_me_is_told() -> None:
    ear = Ear()
    for nick, where in (("bob", "#general"), ("cat", "#ops"), ("dan", "@dan")):
        ear.attention.writes(Composing(nick, where))
    assert [item.nick for item in ear.attention.writers("#General")] == ["bob", "dan"]
    ear.attention.writes(Composing("Bob", "#general", False))
    assert [item.nick for item in ear.attention.writers("#general")] == ["dan"]


# --- how it rings ----------------------------------------------------------------------------------------------------


def test_each_way_to_ring() -> None:
    assert alarm.sequence("bell", "bob", "hi") == "\a"
    assert alarm.sequence("osc9", "bob", "hi") == "\x1b]9;bob: hi\a"
    assert alarm.sequence("osc777", "bob", "hi") == "\x1b]777;notify;bob;hi\a"
    assert alarm.sequence("none", "bob", "hi") == ""


@pytest.mark.parametrize("how", ["osc9", "osc777"])
def test_a_text_cannot_end_its_sequence_or_begin_another(how) -> None:
    text = "a\a\x1b\\b\x9c\x1b]52;c;AAAA\a\nnext;" + "x" * 10_000
    rung = alarm.sequence(how, text, text)
    assert [rung.count(control) for control in ("\a", "\x1b", "\x9c", "\n")] == [1, 1, 0, 0]
    assert rung.endswith("\a")
    assert rung.count(";") == {"osc9": 1, "osc777": 3}[how]
    assert len(rung) < 220


def test_a_ring_says_who_and_where() -> None:
    assert alarm.title(said("x", target="@alice"), "alice") == "bob"
    assert alarm.title(said("x", target="#ops"), "alice") == "bob in #ops"
    assert alarm.title(said("x", target="*"), "alice") == "bob to everyone"


# --- the status line -------------------------------------------------------------------------------------------------

BUSY = Overview(
    "#general",
    (Unread("@bob", 1, 1), Unread("#ops", 3), Unread("#a-long-name-of-a-room", 1200)),
    (Composing("cat", "#general"),),
    round_trip=0.0123,
)


def row(width: int, **fields) -> str:
    return "".join(text for _style, text in status.line(replace(BUSY, **fields), width))


def test_a_wide_line_tells_all() -> None:
    told = "#general  @bob 1!  #ops 3  #a-long-name-of-a-room 1,200  cat is writing…"
    assert row(100) == told.ljust(95) + "12 ms"


def test_forty_columns_tell_what_matters_and_how_much_is_left_out() -> None:
    assert row(40) == "#general  @bob 1!  #ops 3  +1      12 ms"
    assert row(40, quiet=3500.0) == "#general  @bob 1!  +2  dnd 59 min  12 ms"
    assert row(40, unread=(), quiet=inf) == "#general  cat is writing…     dnd  12 ms"


def test_without_a_connection_there_is_no_round_trip() -> None:
    assert row(40, unread=(), writing=(), connected=False).endswith(" connecting…")
    assert row(40, unread=(), writing=(), round_trip=None).rstrip() == "#general"
    assert row(40, unread=(), round_trip=0.00001).endswith(" 1 ms")


@pytest.mark.parametrize("width", range(1, 120))
def test_the_line_is_as_wide_as_the_window(width) -> None:
    wide = {"current": "@漢字漢字", "unread": (Unread("#комната", 2, 1), Unread("@猫", 10_000)), "quiet": 7200.0}
    for fields in ({}, wide, {"connected": False}):
        assert cell_len(row(width, **fields)) == width
    item = said("火事です\x1b[2J " * 20, kind="announcement", priority="urgent", title="火")
    told = "".join(text for _style, text in status.banner([item, item], max(width, 8)))
    assert cell_len(told) == max(width, 10)
    assert "\x1b" not in told


def test_who_writes_is_named_or_counted() -> None:
    two = (Composing("cat", "#general"), Composing("dan", "@dan"), Composing("cat", "@cat"))
    assert "cat and dan are writing…" in row(100, writing=two)
    assert "3 people are writing…" in row(100, writing=(*two, Composing("eve", "#general")))


def test_the_same_in_sentences() -> None:
    full = replace(BUSY, urgent=(said("Fire"),), quiet=600.0)
    assert status.sentences(full) == (
        "You are talking to #general. Unread: @bob 1 (for you: 1), #ops 3, #a-long-name-of-a-room 1200. "
        "cat is writing. Nothing rings but what is urgent (dnd 10 min). 1 urgent announcement waits for /ack. "
        "The broker answers in 12 ms."
    )
    assert status.sentences(Overview("*", connected=False)) == (
        "You are talking to everyone. There is no connection to the broker."
    )


def test_the_banner_tells_the_newest_and_how_to_be_rid_of_it() -> None:
    item = said("Leave the building", kind="announcement", priority="urgent", title="Fire", sender="ops")
    [(_style, told)] = status.banner([said("x"), item], 60)
    assert told == " ▲ ops: Fire: Leave the building".ljust(50) + " +1  /ack "
