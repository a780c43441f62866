"""What a person at the console sees for what they type and for what happens, without terminal or broker."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from client.console import answers, render
from client.console.chosen import Chosen
from client.console.commands import obey
from client.console.face_rich import RichFace
from client.console.prompt import Names
from client.console.talk import Talk
from client.console.words import JOKES
from client.errors import Unreachable
from client.model import (
    CaughtUp,
    Connecting,
    Disconnected,
    Dismissed,
    NotKept,
    NotRemembered,
    Page,
    Reached,
    Refused,
    ServerClosed,
    ServerClosing,
)
from messages import BODY_BYTES, Announce, Post, Presence, RoomChange, Staying
from tests.fake_client import FakeClient, FakeReceipt, connected, refused, said

DEADLINE = 5.0  # seconds; nothing here takes more than milliseconds


class Desk:
    """A console in memory: work posted by other threads runs when the test waits for its effect."""

    def __init__(self, chat: FakeClient | None = None, chosen: Chosen | None = None) -> None:
        self.chat = chat or FakeClient()
        self.work: queue.Queue[Callable[[], None]] = queue.Queue()
        self.shown: list[Any] = []
        self.left = 0
        show = self.shown.extend
        self.talk = Talk(self.chat, lambda *things: show(things), self.work.put, self._leave, chosen)  # type: ignore[arg-type]
        self.talk.start(lambda item: self.work.put(lambda: self.talk.happened(item)))

    def _leave(self) -> None:
        self.left += 1

    def type(self, line: str) -> Desk:
        obey(self.talk, line)
        return self

    def happens(self, item: object) -> Desk:
        self.chat.items.put(item)
        return self

    def until(self, condition: Callable[[], Any]) -> None:
        while not condition():
            self.work.get(timeout=DEADLINE)()

    def sees(self, text: str) -> None:
        """Wait until the text is on the screen."""
        self.until(lambda: text in self.screen)

    @property
    def screen(self) -> str:
        console = render.terminal(force_terminal=False)
        console.width = 100
        return RichFace(console)(self.shown) or ""


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.chat.close()


def test_on_connecting_it_shows_who_is_here_and_how_to_talk_to_them(desk: Desk) -> None:
    desk.happens(connected()).sees("/quit")
    assert "You are alice. One other person is here" in desk.screen
    assert "bob" in desk.screen
    assert "/msg NICK text" in desk.screen


def test_text_goes_to_the_current_conversation_and_shows_once_accepted(desk: Desk) -> None:
    desk.chat.outcomes = [None]
    desk.type("good morning")
    assert desk.chat.calls == [("send", "#general", "good morning")]
    assert "good morning" not in desk.screen
    desk.chat.receipts[0].answer(12)
    desk.sees("good morning")
    assert "#general alice   good morning" in desk.screen


def order(desk: Desk, *words: str) -> list[str]:
    """These words as they stand on the screen, once all do."""
    desk.until(lambda: all(word in desk.screen for word in words))
    return sorted(words, key=desk.screen.index)


def test_what_was_delivered_in_front_of_my_line_is_shown_in_front_of_it(desk: Desk) -> None:
    """Its answer came with the same batch, and is looked at first."""
    desk.chat.delivered = 2
    desk.type("mine")
    desk.chat.receipts[0].answer(12)
    desk.until(lambda: not desk.talk.answers.unanswered())
    assert "mine" not in desk.screen
    desk.happens(said("theirs-11", seq=11)).happens(said("theirs-13", seq=13))
    assert order(desk, "mine", "theirs-11", "theirs-13") == ["theirs-11", "mine", "theirs-13"]


def test_my_line_is_shown_in_front_of_what_was_delivered_behind_it(desk: Desk) -> None:
    """Its answer is there, but was not looked at yet."""
    desk.chat.outcomes = [None]
    desk.type("mine")
    desk.chat.delivered = 1
    desk.chat.receipts[0].outcome = 12
    desk.talk.happened(said("theirs", seq=13))
    assert order(desk, "mine", "theirs") == ["mine", "theirs"]
    desk.chat.receipts[0].answer(12)
    desk.happens(said("last", seq=14)).sees("last")
    assert desk.screen.count("mine") == 1


def test_who_leaves_is_shown_what_was_accepted_all_the_same(desk: Desk) -> None:
    desk.chat.delivered = 1
    desk.type("mine")
    desk.until(lambda: not desk.talk.answers.unanswered())
    desk.talk.quit()
    desk.sees("mine")


@pytest.mark.parametrize(
    ("line", "call"),
    [
        ("/msg bob  two  spaces", ("send", "@bob", " two  spaces")),
        ("-to @bob hi", ("send", "@bob", "hi")),
        ("$ lunch!", ("send", "*", "lunch!")),
        ("/all lunch!", ("send", "*", "lunch!")),
        ("/msg #ops deployed", ("send", "#ops", "deployed")),
        ("/announce at five", ("announce", "at five", "", "normal", "*")),
        ("/kick bob too loud", ("kick", "bob", "too loud", None)),
        ("/kick bob for 10m too loud", ("kick", "bob", "too loud", 600.0)),
        ("/kick bob too loud for 10m", ("kick", "bob", "too loud", 600.0)),
        ("/kick bob for 10m", ("kick", "bob", "", 600.0)),
        ("/kick bob for 2h see you for 5m", ("kick", "bob", "see you for 5m", 7200.0)),
        ("/ban @bob for 2h too loud", ("ban", "bob", "too loud", 7200.0)),
        ("/unban bob", ("unban", "bob")),
        ("/down in 2m a new disk", ("down", 120.0, "a new disk")),
        ("/down cancel", ("stay", "")),
        ("down server cancel", ("stay", "")),
        ("/down Cancel no need", ("stay", "no need")),
        ("down server", ("down", 0.0, "")),
        ("/away at lunch", ("away", "at lunch")),
        ("/nick alison", ("rename", "alison")),
        ("/leave", ("leave", "#general")),
    ],
)
def test_commands_reach_the_broker(desk: Desk, line: str, call: tuple[Any, ...]) -> None:
    desk.type(line)
    assert desk.chat.calls == [call]
    desk.until(lambda: not desk.talk.answers.unanswered())


def test_an_unknown_nick_is_told_and_the_line_given_back(desk: Desk) -> None:
    desk.chat.outcomes = [refused()]
    desk.type("-to bobb the plan").sees("Nobody here is called bobb. Not sent: the plan")


def test_a_nick_outside_the_grammar_is_told_and_nothing_is_sent(desk: Desk) -> None:
    desk.type("/msg b@b hi").sees("Not sent: hi")
    assert not desk.chat.calls


def test_who_and_rooms(desk: Desk) -> None:
    desk.type("/users?").sees("alice (you)")
    desk.type("/rooms").sees("#ops")


def test_a_question_without_an_answer_is_told(desk: Desk) -> None:
    desk.chat.error = Unreachable("No broker answers at tcp://127.0.0.1:1.")
    desk.type("/who").sees("No broker answers")
    desk.chat.error = TimeoutError()
    desk.type("/who").sees("did not answer in time")


@pytest.mark.parametrize("line", ["/down", "/down cancel", "/kick bob old grudge"])
def test_what_is_meant_for_the_moment_is_not_kept_for_another(desk: Desk, line: str) -> None:
    """A broker that comes back must not be taken down by what was typed while it was away."""
    desk.happens(connected()).sees("/quit")
    desk.happens(Disconnected("It broke.")).sees("The broker is away")
    desk.type(line).sees("that was meant for this moment. Nothing was changed.")
    assert [call for call in desk.chat.calls if call[0] in ("down", "stay", "kick")] == []


def test_what_is_typed_behind_a_join_goes_to_that_room_before_the_broker_has_answered(desk: Desk) -> None:
    desk.chat.outcomes = [None, None, None]
    desk.type("/join #sec")
    desk.type("for their ears")
    assert desk.chat.calls[-1] == ("send", "#sec", "for their ears")
    assert "You are talking to" not in desk.screen, "that is not certain yet"
    join, said = desk.chat.receipts
    join.answer(refused("not_allowed", "#sec is for those who were let in."))
    said.answer(refused("no_such_room", "There is no room #sec that you know of."))
    for text in ("#sec is for those who were let in.", "You are talking to #general", "for their ears"):
        desk.sees(text)
    assert desk.talk.current == "#general"


def test_what_is_typed_behind_a_leave_does_not_go_where_one_has_left(desk: Desk) -> None:
    desk.type("/join #ops").sees("You are talking to #ops")
    desk.chat.outcomes = [None, None]
    desk.type("/leave").type("good morning")
    assert desk.chat.calls[-1] == ("send", "#general", "good morning")
    desk.chat.receipts[-2].answer(refused("not_stored", "The log cannot be written."))
    desk.sees("The log cannot be written.")
    desk.until(lambda: desk.talk.current == "#ops")


def test_a_join_that_waits_for_the_broker_holds_over_its_return(desk: Desk) -> None:
    desk.happens(connected()).sees("/quit")
    desk.chat.outcomes = [None, None, None]
    desk.happens(Disconnected("It broke.")).sees("The broker is away")
    desk.type("/join #ops").type("first")
    desk.happens(connected(again=True, resumed=True)).sees("The broker is back")
    desk.type("second")
    assert [call for call in desk.chat.calls if call[0] == "send"] == [
        ("send", "#ops", "first"),
        ("send", "#ops", "second"),
    ]
    desk.chat.receipts[0].answer(7)
    desk.sees("You are talking to #ops")


def test_when_several_joins_are_refused_one_is_where_one_was(desk: Desk) -> None:
    desk.chat.outcomes = [None, None, None]
    desk.type("/join #a").type("/join #b").type("/join #b")
    for receipt in desk.chat.receipts:
        receipt.answer(refused("not_allowed", "It is closed."))
    desk.until(lambda: not desk.talk.answers._open)
    assert desk.talk.current == "#general"


def test_who_turned_elsewhere_is_not_turned_back_by_a_refusal(desk: Desk) -> None:
    desk.type("/join #ops").sees("You are talking to #ops")
    desk.chat.outcomes = [None]
    desk.type("/leave").type("/to #general")
    desk.chat.receipts[-1].answer(refused("not_stored", "The log cannot be written."))
    desk.sees("The log cannot be written.")
    desk.until(lambda: not desk.talk.answers._open)
    assert desk.talk.current == "#general"


def test_a_join_that_is_answered_late_does_not_turn_back_who_turned_elsewhere(desk: Desk) -> None:
    desk.chat.outcomes = [None]
    desk.type("/join #ops").type("/to bob").sees("You are talking to @bob")
    desk.chat.receipts[0].answer(7)
    desk.until(lambda: not desk.talk.answers._open)
    assert desk.talk.current == "@bob"


def test_joining_a_room_turns_to_it_and_leaving_turns_back(desk: Desk) -> None:
    desk.type("/join ops").sees("You are talking to #ops")
    desk.type("to the room")
    assert desk.chat.calls[-1] == ("send", "#ops", "to the room")
    desk.type("/leave").sees("You left #ops")
    assert desk.talk.current == "#general"


def test_leaving_the_last_room_does_not_turn_to_everyone(desk: Desk) -> None:
    desk.type("/leave").sees("You no longer hear #general, but plain text still goes there; /to TARGET changes that.")
    assert desk.talk.current == "#general"


def test_leaving_turns_to_another_room_if_there_is_one(desk: Desk) -> None:
    desk.chat.rooms = ["#general", "#dev"]
    desk.type("/leave").sees("You are talking to #dev")
    assert "no longer hear" not in desk.screen


def test_a_bare_word_may_be_a_room_unless_it_is_somebodys_nick(desk: Desk) -> None:
    desk.chat.rooms = ["#general", "#dev", "#bob"]
    desk.happens(connected()).sees("/quit")
    desk.type("/to Dev").type("in there")
    desk.type("/to bob").type("psst")
    assert desk.chat.calls[-2:] == [("send", "#dev", "in there"), ("send", "@bob", "psst")]


def test_names_in_other_scripts_are_typed_and_shown_like_any(desk: Desk) -> None:
    """In any case, with or without their accents apart; Tab finds them."""
    desk.chat.rooms = ["#général"]
    desk.happens(connected()).happens(Presence("Алиса", "joined")).sees("Алиса")
    desk.type("/msg АЛИСА psst").type("/to Ge\u0301ne\u0301ral").type("in there").type("/to алиса")
    assert desk.chat.calls[-2:] == [("send", "@АЛИСА", "psst"), ("send", "#général", "in there")]
    assert desk.talk.current == "@Алиса"
    found = Names(desk.talk).get_completions(Document("/msg али"), CompleteEvent())
    assert [completion.text for completion in found] == ["Алиса "]
    desk.type("/msg Алисa psst")  # the last letter is Latin
    desk.sees("mixes Cyrillic and Latin")


def test_turning_to_a_person_a_room_and_everyone(desk: Desk) -> None:
    desk.type("/to bob").type("psst")
    desk.type("/to all").type("hear me")
    desk.type("/to #nowhere")
    assert desk.chat.calls == [("send", "@bob", "psst"), ("send", "*", "hear me")]
    desk.sees("You are not in #nowhere. /join #nowhere enters it.")


def test_history_shows_the_current_conversation(desk: Desk) -> None:
    desk.chat.page = Page([said("first"), said("second")], 7)
    desk.type("/history 2").sees("second")
    assert desk.chat.calls == [("history", "#general", 2, None)]
    assert "there is more" in desk.screen


def test_an_empty_stretch_of_history_is_not_called_the_whole(desk: Desk) -> None:
    desk.chat.page = Page([], 7)
    desk.type("/history").sees("Nothing was found as far as was looked in #general.")
    assert "said yet" not in desk.screen


@pytest.mark.parametrize("line", ["/down in x", "/down stop", "/down help", "/down now in 5m"])
def test_a_slip_never_takes_the_broker_down(desk: Desk, line: str) -> None:
    desk.type(line).sees("Nothing was changed")
    assert not desk.chat.calls


@pytest.mark.parametrize("line", ["/invite 2 for", "/invite as", "/invite for as member", "/invite 2 for ever"])
def test_an_invite_half_described_is_not_made_without_an_end(desk: Desk, line: str) -> None:
    desk.type(line).sees("It goes like this: /invite")
    assert not desk.chat.calls


@pytest.mark.parametrize("count", ["0", "501", "x", "-1", "2.5", "9" * 5000])
def test_history_of_a_wrong_length_is_told(desk: Desk, count: str) -> None:
    desk.type(f"/history {count}").sees("1 to 500")
    assert not desk.chat.calls


def test_a_message_to_oneself_is_delivered_once_with_a_joke(desk: Desk) -> None:
    desk.type("/msg ALICE buy milk")
    desk.until(lambda: not desk.talk.answers.unanswered())
    desk.happens(said("buy milk", sender="alice", target="@alice", seq=3, own=True)).sees(JOKES[0])
    assert desk.screen.count("buy milk") == 1


def test_a_wrong_command_says_which_come_near_and_sends_nothing(desk: Desk) -> None:
    desk.type("/mgs bob secret").sees("Did you mean /msg")
    assert not desk.chat.calls


def test_a_suggestion_ends_with_one_question_mark(desk: Desk) -> None:
    desk.type("/users").sees("Did you mean /users?")
    assert "??" not in desk.screen


def test_a_misused_command_shows_how_it_goes(desk: Desk) -> None:
    desk.type("/msg bob").sees("It goes like this: /msg NICK text")


@pytest.mark.parametrize("line", ["/help", "-comms"])
def test_help_shows_every_command(desk: Desk, line: str) -> None:
    desk.type(line)
    for word in ("/msg NICK text", "-to", "/users?", "down server", "-q", "/unban NICK", "admins"):
        assert word in desk.screen


def test_help_for_one_command(desk: Desk) -> None:
    desk.type("/help away")
    assert "/away [text]" in desk.screen
    assert "/msg" not in desk.screen


def test_a_text_above_the_limit_is_refused_in_words(desk: Desk) -> None:
    desk.type("é" * (BODY_BYTES // 2 + 1)).sees("at most 64 KiB")
    desk.type("x" * BODY_BYTES)
    assert [call[0] for call in desk.chat.calls] == ["send"]


def test_a_line_that_is_no_utf8_is_refused_in_words(desk: Desk) -> None:
    desk.type("caf\udce9").sees("not valid UTF-8")
    assert not desk.chat.calls


def test_a_taken_nick_asks_for_another_and_goes_on(desk: Desk) -> None:
    desk.happens(Refused("nick_taken", "The nick alice is taken.")).sees("The nick alice is taken. Type a nick")
    desk.type("not a nick").sees("A nick is 1 to 24")
    desk.type("/mgs x").sees("Did you mean")
    desk.type("alison")
    assert desk.chat.calls == [("retry_as", "alison")]
    desk.happens(connected("alison")).sees("You are alison")
    desk.type("hello").sees("hello")


def test_what_was_typed_before_the_nick_was_refused_goes_out_later(desk: Desk) -> None:
    desk.chat.outcomes = [None]
    desk.type("patience")
    desk.happens(Refused("nick_taken", "Taken.")).sees("Taken.")
    desk.type("alison").happens(connected("alison"))
    desk.chat.receipts[0].answer(4)
    desk.sees("patience")


def test_the_broker_away_and_back_is_a_sentence_each(desk: Desk) -> None:
    desk.happens(connected()).sees("/quit")
    desk.happens(Disconnected("The connection broke.")).sees("The broker is away: The connection broke.")
    desk.happens(Connecting(1, "", 0.1)).happens(Connecting(2, "Connection refused.", 0.2))
    desk.happens(Connecting(3, "Connection refused.", 0.4)).happens(connected(resumed=True, again=True))
    desk.sees("The broker is back, and you are alice.")
    assert desk.screen.count("Connection refused") <= 1


def test_a_line_typed_while_the_broker_is_away_is_kept(desk: Desk) -> None:
    desk.happens(Disconnected("The connection broke.")).sees("The broker is away")
    desk.chat.outcomes = [None]
    desk.type("are you there?").sees("Waiting for the broker: are you there? (to #general)")
    desk.chat.receipts[0].answer(9)
    desk.sees("#general alice   are you there?")


def test_a_line_the_broker_does_not_answer_is_shown_as_waiting_and_for_whom_it_is(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line that is half open looks like one that is up: without this what was typed would be nowhere to be seen."""
    monkeypatch.setattr(answers, "LATE_SECONDS", 0.01)
    desk.happens(connected()).sees("/quit")
    desk.chat.outcomes = [None, None, None]
    for line in ("good morning", "/msg bob psst", "/announce at five"):
        desk.type(line)
    desk.sees("Waiting for the broker: at five (to everyone)")
    assert "Waiting for the broker: good morning (to #general)" in desk.screen
    assert "Waiting for the broker: psst (to @bob)" in desk.screen
    for number, receipt in enumerate(desk.chat.receipts, 9):
        receipt.answer(number)
    desk.until(lambda: not desk.talk.answers.unanswered())
    assert desk.screen.count("Waiting for the broker") == 3
    assert "@bob     alice   psst" in desk.screen


def test_a_line_that_is_answered_at_once_is_never_shown_as_waiting(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor are those before it told of again, nor what is no text: a room that is entered waits in silence."""
    monkeypatch.setattr(answers, "LATE_SECONDS", 0.01)
    desk.happens(connected()).sees("/quit")
    desk.type("good morning").sees("alice   good morning")
    desk.chat.outcomes = [None, None]
    desk.type("/join #ops").type("still there?").sees("Waiting for the broker: still there? (to #ops)")
    assert desk.screen.count("Waiting for the broker") == 1


def test_what_an_earlier_run_left_is_shown_like_lines_just_typed() -> None:
    chat = FakeClient()
    for command in (Post(3, "@bob", "psst"), Announce(4, "*", "at five")):
        receipt = FakeReceipt()
        receipt.command = command
        chat.leftovers.append(receipt)
    chat.kept_elsewhere = 1
    desk = Desk(chat)
    assert "2 messages from last time had no answer yet, and will be sent:" in desk.screen
    assert "Waiting for the broker: psst (to @bob)" in desk.screen
    assert "1 message of another window still to be sent" in desk.screen
    chat.leftovers[0].answer(7)
    desk.sees("@bob     alice   psst")
    chat.leftovers[1].answer(refused())
    desk.sees("Not sent: at five")
    chat.close()


def test_what_was_missed_is_counted_once_it_has_come(desk: Desk) -> None:
    desk.happens(connected()).sees("/quit")
    desk.happens(said("one", missed=True)).happens(said("two", missed=True)).happens(CaughtUp(2))
    desk.sees("now; 2 messages missed")
    desk.happens(said("live")).sees("live")
    assert desk.screen.count("now") == 1


def test_what_was_missed_is_counted_also_when_something_was_typed_meanwhile(desk: Desk) -> None:
    """A text of mine that is accepted in the midst of what was missed does not take the place of its count."""
    desk.happens(connected()).sees("/quit")
    desk.happens(said("one", missed=True)).sees("one")
    desk.type("typed meanwhile").sees("alice   typed meanwhile")
    desk.happens(said("two", missed=True)).happens(CaughtUp(2)).sees("now; 2 messages missed")
    assert desk.screen.count("while you were away") == 1
    assert desk.screen.count("now") == 1


def test_a_disk_that_fails_is_told(desk: Desk) -> None:
    desk.happens(NotKept("The disk is full.")).sees("The disk is full.")
    desk.happens(NotRemembered("Have the invite at hand.")).sees("Have the invite at hand.")


def test_the_input_line_and_a_command_tell_who_has_what_i_said(desk: Desk) -> None:
    desk.type("/receipts").sees("You have sent no direct message")
    assert desk.talk.progress == ""
    desk.chat.outcomes = [None]
    desk.type("to the room")
    assert desk.talk.progress == "◌ 1 message"  # until it is accepted
    desk.chat.receipts[0].answer(1)
    desk.until(lambda: desk.talk.progress == "")
    desk.type("/msg bob psst")
    desk.until(lambda: not desk.talk.answers.unanswered())
    assert desk.talk.progress == "✓ @bob: accepted"
    desk.chat.receipts[1].delivered_to = {3: "bob"}
    desk.happens(Reached(2, {3: "bob"}, {}))
    assert desk.talk.progress == "✓✓ @bob: delivered"
    desk.type("/announce at five")
    receipt = desk.chat.receipts[2]
    receipt.delivered_to, receipt.read_by = {3: "bob", 4: "carol", 5: "dave"}, {4: "carol"}
    desk.until(lambda: not desk.talk.answers.unanswered())
    assert desk.talk.progress == "◉ announcement: delivered to 3, read by 1"
    desk.type("/receipts").sees("read by carol, delivered to bob, dave")
    assert "to the room" not in desk.screen.rpartition("message  ")[2]


def test_what_i_read_is_told_until_i_say_no(desk: Desk) -> None:
    desk.type("/receipts off").sees("Nobody learns what you have read")
    assert desk.chat.read_receipts is False
    desk.type("/receipts on").sees("Others may learn")
    assert desk.chat.read_receipts is True
    desk.type("/receipts maybe").sees("It goes like this: /receipts")


def test_leaving_with_unanswered_lines_names_them(desk: Desk) -> None:
    desk.chat.outcomes = [None]
    desk.type("lost words").type("/quit")
    assert desk.left == 1
    desk.chat.close()
    told: list[bool] = []
    desk.talk.answers.after(lambda: told.append(True))
    desk.until(lambda: told)
    assert [waiting.line for waiting in desk.talk.answers.unanswered()] == ["lost words"]


@pytest.mark.parametrize("line", ["/quit", "-q", "/quit bye"])
def test_quitting(desk: Desk, line: str) -> None:
    desk.type(line)
    assert (desk.left, desk.talk.exit_code) == (1, 0)


def test_lines_after_the_one_that_leaves_are_not_sent(desk: Desk) -> None:
    desk.type("-q").type("too late").type("/kick bob")
    assert not desk.chat.calls


@pytest.mark.parametrize(("code", "status"), [("kicked", 6), ("banned", 6), ("replaced", 1), ("version", 1)])
def test_a_dismissal_ends_the_console_with_its_reason(desk: Desk, code: str, status: int) -> None:
    desk.happens(Dismissed(code, "root showed you the door.")).sees("root showed you the door.")
    assert (desk.left, desk.talk.exit_code) == (1, status)


@pytest.mark.parametrize(
    ("item", "text"),
    [
        (Presence("bob", "joined"), "bob is here"),
        (Presence("bob", "left", "bye"), "bob left: bye"),
        (Presence("bob", "lost"), "bob lost the connection"),
        (Presence("bob", "back"), "bob is back"),
        (Presence("bob", "renamed", "robert"), "bob is now robert"),
        (Presence("bob", "away", "lunch"), "bob is away: lunch"),
        (Presence("bob", "here"), "bob is here again"),
        (RoomChange("#ops", "bob", True), "bob entered #ops"),
        (RoomChange("#ops", "bob", False), "bob left #ops"),
        (ServerClosing("root", 30.0, "a new disk"), "root takes the broker down in 30 seconds: a new disk."),
        (ServerClosing("root", 600.0, ""), "root takes the broker down in 10 minutes."),
        (Staying("root", "no need"), "root called that off: the broker does not go down: no need."),
        (ServerClosed("root", ""), "root took the broker down."),
    ],
)
def test_what_goes_on_around(desk: Desk, item: object, text: str) -> None:
    desk.happens(item).sees(text)


def test_a_conversation_follows_a_person_who_takes_another_nick(desk: Desk) -> None:
    desk.type("/to bob").happens(Presence("bob", "renamed", "robert")).sees("robert")
    assert desk.talk.current == "@robert"


def test_the_end_of_a_pipe_leaves_once_everything_is_answered(desk: Desk) -> None:
    desk.chat.outcomes = [None]
    desk.type("from a script")
    desk.talk.answers.when_idle(desk.talk.quit)
    assert not desk.left
    desk.chat.receipts[0].answer(1)
    desk.until(lambda: desk.left)
    assert "from a script" in desk.screen
