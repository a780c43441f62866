"""The client's session as transcripts: the test is the broker at the other end of a wire, and holds the clock."""

from __future__ import annotations

from math import inf

import pytest

from client import outbox as outbox_module
from client.errors import ClientError, Closed, OutboxFull, Rejected, Unreachable
from client.frames import pack
from client.model import (
    CaughtUp,
    Connected,
    Connecting,
    Disconnected,
    Dismissed,
    Message,
    NotKept,
    Reached,
    Refused,
    ServerClosed,
    ServerClosing,
)
from client.outbox import AGAIN_SECONDS, TRIES, WINDOW
from client.session import State
from messages import (
    BATCH_COMMANDS,
    BODY_BYTES,
    FRAME_BYTES,
    PING_SECONDS,
    PROTOCOL,
    SILENCE_SECONDS,
    TRACK_SEQS,
    TRACKED,
    Accepted,
    Announce,
    Announcement,
    AnyCommand,
    Bye,
    Code,
    Done,
    Down,
    Hello,
    History,
    Join,
    Kick,
    Leave,
    Mark,
    Moderated,
    Ping,
    Pong,
    Post,
    Presence,
    Progress,
    Recipient,
    Registration,
    Rename,
    RoomChange,
    Roster,
    Share,
    Sharing,
    Track,
    Who,
    decode_commands,
)
from messages import Closed as WireClosed
from messages import Closing as WireClosing
from messages import Dismissed as WireDismissed
from messages import Message as WireMessage
from messages import Rejected as WireRejected
from tests.client_wire import DEVICE, Disk, Wire, message, posts, said, welcome

# --- greeting --------------------------------------------------------------------------------------------------------


def test_hello_goes_alone_until_welcome() -> None:
    wire = Wire(quiet=False)
    wire.submit(*posts("early"))
    assert wire.sent() == []
    hello = wire.connect()
    assert (hello.protocol, hello.nick, hello.device) == (PROTOCOL, "alice", DEVICE)
    assert (hello.after, hello.feed, hello.quiet) == (None, True, False)
    assert wire.sent() == []
    wire.says(welcome())
    assert said(wire.sent()) == [(1, "early")]


def test_numbers_go_on_above_what_the_broker_knows_of_the_device() -> None:
    wire = Wire()
    wire.submit(*posts("a", "b"))
    assert said(wire.up(last_number=57)) == [(58, "a"), (59, "b")]


def test_the_broker_may_give_another_nick_than_asked_for() -> None:
    wire = Wire()
    wire.up(nick="ally", role="admin", rooms=["#general", "#dev"])
    assert (wire.session.me.nick, wire.session.me.role, wire.session.me.rooms) == (
        "ally",
        "admin",
        ["#general", "#dev"],
    )
    [event] = wire.events()
    assert event == Connected("ally", True, ("#general", "#dev"), "admin", "test", False)


@pytest.mark.parametrize("code", [Code.NOT_STORED, "a_code_of_tomorrow"])
def test_a_greeting_refused_for_another_reason_than_the_nick_is_tried_again_later(code: str) -> None:
    wire = Wire()
    [receipt] = wire.submit(*posts("waits"))
    wire.connect()
    wire.says(WireRejected(0, code, "The disk is full."))
    session = wire.session
    assert (session.state, session.refusal, session.stale) == (State.GREETING, None, "The disk is full.")
    told = session.unreached("tcp://127.0.0.1:1")
    assert isinstance(told, Rejected), "who waits is told what the broker said, not that it is unreachable"
    assert (told.code, str(told)) == (code, "The disk is full.")
    wire.cut(session.stale)
    [event] = wire.events()
    assert isinstance(event, Connecting)
    assert (event.why, session.why) == ("The disk is full.", "The disk is full.")
    assert session.unreached("") is told
    wire.cut("Nobody answers.")
    assert isinstance(session.unreached(""), Unreachable)
    assert said(wire.up()) == [(1, "waits")]
    assert not receipt.done


def test_a_refused_nick_can_be_retried_on_the_same_connection() -> None:
    wire = Wire()
    wire.submit(*posts("waits"))
    wire.connect()
    wire.says(WireRejected(0, Code.NICK_TAKEN, "Taken."))
    assert wire.session.state is State.REFUSED
    assert wire.session.refusal is not None
    assert wire.events() == [Refused("nick_taken", "Taken.")]
    wire.session.retry_as("alicia")
    assert [command.nick for command in wire.sent() if isinstance(command, Hello)] == ["alicia"]
    wire.says(welcome(nick="alicia"))
    assert wire.session.refusal is None
    assert said(wire.sent()) == [(1, "waits")]


def test_the_broker_hears_of_who_thinks_of_another_nick_and_its_pongs_say_nothing_of_deliveries() -> None:
    """It waits five minutes for one, and gives up a connection of which it hears nothing for twenty seconds."""
    wire = Wire()
    wire.up(after=5, head=5)
    wire.cut("broke")
    wire.connect()
    wire.says(WireRejected(0, Code.NICK_TAKEN, "Taken."))
    for _ in range(30):
        assert wire.wait(10) > wire.now
        *_, ping = wire.sent()
        assert isinstance(ping, Ping)
        wire.says(Pong(ping.token, 99))
        assert not wire.session.stale
    wire.session.retry_as("alicia")
    [hello] = [command for command in wire.sent() if isinstance(command, Hello)]
    assert hello.after == 5


def test_a_nick_chosen_while_hello_is_on_its_way_is_asked_for_after_the_refusal() -> None:
    wire = Wire()
    wire.connect()
    wire.session.retry_as("alicia")
    assert wire.sent() == []
    wire.says(WireRejected(0, Code.NICK_TAKEN, "Taken."))
    assert [command.nick for command in wire.sent() if isinstance(command, Hello)] == ["alicia"]


def test_a_nick_chosen_after_all_went_well_is_a_rename() -> None:
    wire = Wire()
    wire.up()
    wire.session.retry_as("alicia")
    assert wire.sent() == [Rename(1, "alicia")]


def test_a_refused_session_asks_again_on_every_connection_but_says_so_once() -> None:
    wire = Wire()
    for _ in range(3):
        wire.connect()
        wire.says(WireRejected(0, Code.NICK_TAKEN, "Taken."))
        wire.cut()
    assert [event for event in wire.events() if isinstance(event, Refused)] == [Refused("nick_taken", "Taken.")]
    wire.connect()
    wire.says(welcome())
    assert wire.session.state is State.UP


@pytest.mark.parametrize("code", [Code.BANNED, Code.VERSION])
def test_some_refusals_of_hello_are_final(code: Code) -> None:
    wire = Wire()
    [receipt] = wire.submit(*posts("never"))
    wire.connect()
    wire.says(WireRejected(0, code, "No."), WireDismissed(code, "No."))
    assert isinstance(receipt.answer, Rejected)
    assert wire.events() == [Dismissed(code, "No.")]


# --- answers and retries ---------------------------------------------------------------------------------------------


def test_a_run_of_answers_reaches_each_receipt() -> None:
    wire = Wire()
    receipts = wire.submit(*posts("a", "b", "c"))
    wire.up()
    wire.says(Accepted(1, 40, 2), WireRejected(3, Code.NO_SUCH_NICK, "Nobody."))
    assert [receipt.answer for receipt in receipts[:2]] == [40, 41]
    assert isinstance(receipts[2].answer, Rejected)
    assert (receipts[2].answer.code, str(receipts[2].answer)) == ("no_such_nick", "Nobody.")


def test_answers_to_nothing_mean_nothing() -> None:
    wire = Wire()
    [receipt] = wire.submit(*posts("a"))
    wire.up()
    wire.says(
        Accepted(7, 1, 2**62), Done(9), WireRejected(8, "new_code", "?"), Roster(3, []), WireRejected(0, "x", "?")
    )
    assert not receipt.done
    wire.says(Accepted(1, 5))
    assert receipt.answer == 5


def test_unanswered_commands_are_sent_again_in_order_under_their_numbers_and_new_ones_follow() -> None:
    wire = Wire()
    receipts = wire.submit(*posts("a", "b", "c"))
    wire.up()
    wire.says(Accepted(1, 10))
    wire.cut()
    receipts += wire.submit(*posts("d"))
    assert wire.sent() == []
    assert said(wire.up(last_number=2)) == [(2, "b"), (3, "c"), (4, "d")]
    wire.says(Accepted(2, 11, 3))
    assert [receipt.answer for receipt in receipts] == [10, 11, 12, 13]
    wire.cut()
    assert wire.up(last_number=4) == []


def test_an_answer_that_comes_twice_changes_nothing() -> None:
    wire = Wire()
    [receipt] = wire.submit(*posts("a"))
    wire.up()
    wire.says(Accepted(1, 10), Accepted(1, 10), WireRejected(1, "forgotten", "?"))
    assert receipt.answer == 10


def test_no_more_is_in_flight_than_the_window() -> None:
    wire = Wire()
    wire.submit(*posts(*map(str, range(WINDOW + 10))))
    assert len(wire.up()) == WINDOW
    assert wire.sent() == []
    wire.says(Accepted(1, 1, 4))
    assert [number for number, _ in said(wire.sent())] == [*range(WINDOW + 1, WINDOW + 5)]


def test_frames_keep_to_the_limits() -> None:
    commands: list[AnyCommand] = [Post(1, "@bob", "x" * BODY_BYTES) for _ in range(50)]
    commands += [Post(1, "@bob", "short") for _ in range(2 * BATCH_COMMANDS)]
    frames = list(pack(commands))
    assert all(len(frame) <= FRAME_BYTES for frame in frames)
    batches = [decode_commands(frame) for frame in frames]
    assert all(len(batch) <= BATCH_COMMANDS for batch in batches)
    assert [command for batch in batches for command in batch] == commands


def test_a_full_outbox_refuses_and_has_room_again_after_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_module, "LIMIT", 3)
    wire = Wire()
    wire.submit(*posts("a", "b", "c"))
    with pytest.raises(OutboxFull, match="3 commands"):
        wire.submit(*posts("d"))
    wire.up()
    wire.says(Accepted(1, 1))
    wire.submit(*posts("d"))


def test_long_texts_fill_the_outbox_sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_module, "LIMIT", 100)
    session = Wire().session
    session.submit(Post(1, "*", ""), size=BODY_BYTES)
    session.submit(Post(1, "*", ""), size=BODY_BYTES)
    with pytest.raises(OutboxFull):
        session.submit(Post(1, "*", ""))


def test_a_session_the_broker_forgot_says_hello_again_and_repeats_what_was_refused_for_it() -> None:
    wire = Wire()
    [receipt] = wire.submit(*posts("a"))
    wire.up()
    wire.says(WireRejected(1, Code.HELLO_FIRST, "Say Hello first."))
    assert wire.session.stale
    assert not receipt.done
    wire.cut(wire.session.stale)
    assert said(wire.up()) == [(1, "a")]


def test_what_may_have_ended_a_broker_or_a_session_is_never_repeated() -> None:
    wire = Wire()
    down, kick, post = wire.submit(Down(1), Kick(1, "bob"), *posts("a"))
    wire.up()
    wire.cut()
    assert isinstance(down.answer, Unreachable)
    assert isinstance(kick.answer, Unreachable)
    assert said(wire.up()) == [(3, "a")]
    assert not post.done


def test_after_a_lost_lease_rooms_are_joined_again_before_anything_is_said_there() -> None:
    wire = Wire()
    wire.up(rooms=["#general", "#dev"])
    receipts = wire.submit(*posts("stored", "unknown"))
    wire.sent()
    wire.cut()
    later = wire.submit(*posts("later"))
    stored, join, unknown, new = wire.up(resumed=False, rooms=["#general"], last_number=1)
    assert said([stored]) == [(1, "stored")]  # answered under its number, not stored again
    assert join == Join(3, "#dev")
    assert said([unknown, new]) == [(4, "unknown"), (5, "later")]
    wire.says(Accepted(1, 9), Accepted(3, 10), Accepted(4, 11, 2))
    assert [receipt.answer for receipt in receipts + later] == [9, 11, 12]
    assert wire.session.me.rooms == ["#general", "#dev"]


def test_a_resumed_session_joins_nothing() -> None:
    wire = Wire()
    wire.up(rooms=["#general", "#dev"])
    wire.cut()
    assert wire.up(resumed=True, rooms=["#general"]) == []
    assert wire.session.me.rooms == ["#general"]


# --- what a process leaves to the next one ---------------------------------------------------------------------------


def keeping() -> tuple[Wire, Disk]:
    disk = Disk()
    return Wire(disk), disk


def test_a_text_is_on_disk_before_there_is_a_connection_and_its_number_before_it_leaves() -> None:
    wire, disk = keeping()
    wire.submit(*posts("a", "b"))
    wire.wait(0)
    assert disk.texts == [(0, "a"), (0, "b")]
    wire.connect()
    wire.session.received([welcome(last_number=6)], wire.now)
    wire.session.outgoing(wire.now)  # and dies before it could write
    assert disk.texts == [(0, "a"), (0, "b")]
    wire.start()
    assert said(wire.up(last_number=6)) == [(7, "a"), (8, "b")]
    assert disk.texts == [(7, "a"), (8, "b")]


def test_another_process_goes_on_under_the_same_numbers_and_above_them() -> None:
    wire, disk = keeping()
    wire.submit(*posts("stored", "unknown"), Join(1, "#dev"), *posts("later"))
    wire.up()
    wire.start()
    assert [receipt.command for receipt in wire.session.leftovers] == [
        Post(1, "@bob", "stored"),
        Post(2, "@bob", "unknown"),
        Post(4, "@bob", "later"),
    ]
    wire.submit(*posts("new"))
    assert said(wire.up(last_number=1)) == [(1, "stored"), (2, "unknown"), (4, "later"), (5, "new")]
    wire.says(Accepted(1, 9), Accepted(2, 10), WireRejected(4, Code.FORGOTTEN, "Once refused."), Accepted(5, 11))
    assert [receipt.answer for receipt in wire.session.leftovers[:2]] == [9, 10]
    assert disk.texts == []


def test_what_was_numbered_anew_after_a_lost_lease_is_so_on_disk() -> None:
    wire, disk = keeping()
    wire.up(rooms=["#general", "#dev"])
    wire.submit(*posts("stored", "unknown"))
    wire.sent()
    wire.cut()
    wire.up(resumed=False, rooms=["#general"], last_number=1)
    assert disk.texts == [(1, "stored"), (4, "unknown")]
    wire.start()
    assert said(wire.up(last_number=1)) == [(1, "stored"), (4, "unknown")]


def test_only_texts_are_kept_and_only_without_an_answer() -> None:
    wire, disk = keeping()
    wire.submit(Leave(1, "#general"), Rename(1, "al"), Kick(1, "bob"), Down(1), Who(1), *posts("x", "no", "yes"))
    wire.up()
    wire.says(Accepted(8, 3), WireRejected(7, Code.NO_SUCH_NICK, "Nobody."))
    assert disk.texts == [(6, "x")]


@pytest.mark.parametrize("dismissed", [True, False])
def test_what_a_dismissal_refused_does_not_come_back_but_what_closing_cut_off_does(dismissed: bool) -> None:
    wire, disk = keeping()
    [receipt] = wire.submit(*posts("a"))
    wire.up()
    if dismissed:
        wire.says(WireDismissed(Code.KICKED, "Out."))
    else:
        wire.session.close(wire.now)
        wire.wait(0)
    assert receipt.done
    assert disk.texts == ([] if dismissed else [(1, "a")])


def test_the_cursor_is_where_the_reader_is_and_not_what_sits_unread() -> None:
    wire, disk = keeping()
    wire.up(after=7)
    assert disk.cursor == 7
    wire.says(*[message(seq) for seq in (9, 11, 12)])
    assert disk.cursor == 7
    assert wire.session.inbox.take_message()
    assert wire.session.inbox.take_message()
    wire.wait(0)
    assert disk.cursor == 9  # the second one is being shown
    wire.start()
    assert wire.connect().after == 9
    wire.says(welcome(after=9, head=12), message(11), message(12), message(13))
    taken = list(iter(wire.session.inbox.take, None))
    messages = [item for item in taken if isinstance(item, Message)]
    assert [(item.seq, item.missed) for item in messages] == [(11, True), (12, True), (13, False)]
    assert taken[3] == CaughtUp(2)
    wire.says(Pong(0, 20))
    assert disk.cursor == 20


def test_who_reads_ahead_says_what_was_shown() -> None:
    wire, disk = keeping()
    wire.up(registered=True)
    wire.says(*[message(seq) for seq in range(1, 6)])
    ahead = list(iter(wire.session.inbox.take_ahead, None))
    wire.wait(0)
    assert disk.cursor == 0
    wire.session.mark_read(ahead[3])  # type: ignore[arg-type]  # the first is Connected
    wire.wait(0)
    assert disk.cursor == 3
    wire.session.inbox.finish()
    wire.session.close(wire.now)
    wire.wait(0)
    assert disk.cursor == 3


@pytest.mark.parametrize(("registered", "cursor"), [(False, None), (True, 4)])
def test_a_guests_goodbye_forgets_the_cursor_and_a_registered_persons_keeps_it(
    registered: bool, cursor: int | None
) -> None:
    wire, disk = keeping()
    wire.up(after=4, registered=registered)
    wire.session.close(wire.now)
    wire.wait(0)
    assert disk.cursor == cursor


def test_leaving_without_having_met_the_broker_keeps_the_cursor() -> None:
    wire, disk = keeping()
    wire.up(after=4)
    wire.start()
    wire.session.close(wire.now)
    wire.wait(0)
    assert disk.cursor == 4


def test_a_stored_cursor_beyond_the_brokers_head_follows_its_new_beginning() -> None:
    wire, disk = keeping()
    wire.up(after=700)
    wire.start()
    assert wire.connect().after == 700
    wire.says(welcome(after=2, head=2))
    assert disk.cursor == 2
    wire.says(message(3))
    assert wire.bodies() == ["m3"]


def test_what_was_missed_is_counted_until_the_broker_has_caught_up() -> None:
    wire = Wire()
    wire.up(after=5)
    wire.cut()
    wire.events()
    assert wire.up(after=5, head=9) == []  # nobody asks how far it has come
    wire.says(message(6), Pong(1, 7))
    assert CaughtUp(1) not in wire.events()
    wire.says(message(8), Pong(0, 9))
    assert wire.events() == [CaughtUp(2)]


def test_a_retry_of_which_the_broker_cannot_read_whether_it_has_it_is_tried_again_and_stays_kept() -> None:
    wire, disk = keeping()
    wire.up()
    [a, b] = wire.submit(*posts("a", "b"))
    assert said(wire.sent()) == [(1, "a"), (2, "b")]
    wire.cut()
    assert said(wire.up(last_number=2)) == [(1, "a"), (2, "b")]
    wire.says(Accepted(1, 7), WireRejected(2, Code.NOT_READ, "The log cannot be read."))
    assert (a.done, b.done, disk.texts) == (True, False, [(2, "b")])
    wire.wait(AGAIN_SECONDS - 1)
    assert wire.sent() == []
    wire.wait(1)
    assert said(wire.sent()) == [(2, "b")]
    wire.says(WireRejected(2, Code.NOT_READ, "The log cannot be read."))
    wire.cut()
    assert said(wire.up(last_number=2)) == [(2, "b")]
    wire.wait(AGAIN_SECONDS)
    assert not [command for command in wire.sent() if isinstance(command, Post)]
    wire.says(Accepted(2, 8))
    assert (b.answer, disk.texts) == (8, [])


def test_it_is_not_tried_for_ever_and_the_next_process_tries_once_more() -> None:
    wire, _ = keeping()
    wire.up()
    [receipt] = wire.submit(*posts("a"))
    sent = len(wire.sent())
    while not receipt.done:
        wire.says(WireRejected(1, Code.NOT_READ, "The log cannot be read."))
        wire.wait(AGAIN_SECONDS)
        sent += len([command for command in wire.sent() if isinstance(command, Post)])
    assert sent == TRIES
    assert str(receipt.answer) == "The log cannot be read. So it is not known whether this was accepted."
    assert isinstance(receipt.answer, Unreachable)
    wire.start()
    assert said(wire.up(last_number=1)) == [(1, "a")]


def test_a_question_that_cannot_be_read_is_refused_at_once() -> None:
    wire = Wire()
    wire.up()
    [receipt] = wire.submit(History(1, "*", 5))
    wire.sent()
    wire.says(WireRejected(1, Code.NOT_READ, "The log cannot be read."))
    assert isinstance(receipt.answer, Rejected)


def test_without_a_disk_nothing_more_is_kept_and_all_goes_on() -> None:
    wire, disk = keeping()
    wire.submit(*posts("a"))
    wire.session.stop_keeping("The disk is full.")
    assert said(wire.up()) == [(1, "a")]
    wire.submit(*posts("b"))
    wire.sent()
    assert disk.texts == []
    assert wire.events()[0] == NotKept("The disk is full.")
    assert not wire.session.unsaved


# --- who has our messages --------------------------------------------------------------------------------------------


def test_only_what_is_watched_is_asked_for_and_again_on_each_connection() -> None:
    wire = Wire()
    wire.up()
    plain, direct, loud = wire.submit(Post(1, "@bob", "x"), Post(1, "@bob", "y"), Announce(1, "*", "z"))
    wire.session.track(direct)
    wire.session.track(loud)
    wire.sent()
    wire.says(Accepted(1, 10, 2))
    assert wire.sent() == [Track(4, [11])]
    wire.says(Done(4), Accepted(3, 12))
    assert wire.sent() == [Track(5, [12])]
    wire.events()
    bob, carol = Recipient(3, "bob"), Recipient(4, "carol")
    wire.says(Done(5), Progress(11, [bob], []), Progress(12, [bob], [carol]), Progress(10, [bob], []))
    assert (plain.state, direct.state, loud.state) == ("accepted", "delivered", "read")
    assert (loud.delivered_to, loud.read_by) == ({3: "bob", 4: "carol"}, {4: "carol"})
    assert wire.events() == [Reached(11, {3: "bob"}, {}), Reached(12, {3: "bob", 4: "carol"}, {4: "carol"})]
    wire.cut()
    assert wire.up(last_number=3) == [Track(6, [11, 12])]
    bob = Recipient(3, "rob")  # renamed, and still one person
    wire.says(Done(6), Progress(11, [], [bob]), Progress(12, [], [bob, Recipient(5, "carol")]))
    assert (direct.state, direct.delivered_to) == ("read", {3: "rob"})
    assert loud.read_by == loud.delivered_to == {3: "rob", 4: "carol", 5: "carol"}  # two who had one nick in turn
    wire.cut()
    assert wire.up(last_number=3) == [Track(7, [12])]  # of the direct one everything is known


def test_many_are_asked_for_in_questions_of_the_allowed_size_and_the_oldest_forgotten() -> None:
    wire = Wire()
    wire.up()
    receipts = wire.submit(*posts(*map(str, range(TRACKED + 50))))
    for receipt in receipts:
        wire.session.track(receipt)
    wire.sent()
    wire.says(Accepted(1, 1, len(receipts)))
    asked = [command.seqs for command in wire.sent() if isinstance(command, Track)]
    assert all(len(seqs) <= TRACK_SEQS for seqs in asked)
    wire.cut()
    asked = [command.seqs for command in wire.up(last_number=TRACKED + 50) if isinstance(command, Track)]
    assert [seq for seqs in asked for seq in seqs] == [*range(51, TRACKED + 51)]


def test_one_that_cannot_be_tracked_does_not_stand_for_the_others() -> None:
    wire = Wire()
    wire.up()
    good, bad = wire.submit(*posts("a", "b"))
    wire.session.track(good)
    wire.session.track(bad)
    wire.sent()
    wire.says(Accepted(1, 1, 2))
    assert wire.sent() == [Track(3, [1, 2])]
    wire.says(WireRejected(3, Code.NOT_TRACKED, "Cut."))
    assert wire.sent() == [Track(4, [1]), Track(5, [2])]
    wire.says(Done(4), WireRejected(5, Code.NOT_TRACKED, "Cut."))
    assert wire.sent() == []
    assert (good.untracked, str(bad.untracked)) == (None, "Cut.")


def test_a_retry_whose_place_is_not_known_any_more_is_said_to_be_untracked_instead_of_waited_for() -> None:
    """Accepted as number 0: no progress can ever come, so who waits for it must be told at once."""
    wire = Wire()
    wire.up()
    [old] = wire.submit(*posts("a"))
    wire.session.track(old)
    wire.sent()
    wire.says(Accepted(1, 0))
    assert wire.sent() == []
    assert (old.state, old.seq) == ("accepted", 0)
    assert "does not know any more as which number" in str(old.untracked)


@pytest.mark.parametrize("command", [Post(1, "#general", "x"), Post(1, "*", "x"), Join(1, "#dev")])
def test_what_has_no_readers_to_name_cannot_be_tracked(command: Post | Join) -> None:
    wire = Wire()
    [receipt] = wire.submit(command)
    with pytest.raises(ClientError, match="direct messages and announcements only"):
        wire.session.track(receipt)


def test_what_was_shown_is_told_soon_unless_the_person_wants_that_not() -> None:
    wire = Wire()
    wire.up()
    wire.wait(1)
    wire.says(message(3), Announcement(5, 0, "bob", "*", "x", "", "low"), WireMessage(7, 0, "bob", "#general", "x"))
    shown = [item for item in iter(wire.session.inbox.take, None) if isinstance(item, Message)]
    wire.wait(0)
    assert wire.sent() == [Mark(7, 0)]
    wire.session.mark_read(shown[1])
    wire.wait(0.5)
    assert wire.sent() == [Mark(7, 5)]
    wire.session.mark_read(shown[2])  # nobody asks for who read what was said to a room
    wire.wait(0.5)
    assert wire.sent() == []
    wire.says(message(8))
    [more] = [item for item in iter(wire.session.inbox.take, None) if isinstance(item, Message)]
    wire.submit(Share(1, False))
    wire.session.mark_read(more)
    wire.submit(Share(1, True))  # again: but not of what was shown meanwhile
    wire.wait(0.5)
    assert wire.sent() == [Mark(8, 0), Share(1, False), Share(2, True)]
    wire.says(Accepted(1, 9), Accepted(2, 10))
    wire.cut()
    assert wire.up() == []
    wire.session.close(wire.now)
    wire.wait(0)
    assert wire.sent() == [Mark(8, 0), Bye()]


@pytest.mark.parametrize("away", [False, True])
def test_who_turns_it_off_before_it_has_left_is_not_betrayed(away: bool) -> None:
    """Shown while it was on, in the moment before the mark or while the broker was away; turned off, by any window."""
    wire = Wire()
    wire.up()
    wire.wait(1)
    wire.says(message(3))
    shown = next(item for item in iter(wire.session.inbox.take, None) if isinstance(item, Message))
    wire.wait(0)
    assert wire.sent() == [Mark(3, 0)]
    if away:
        wire.cut()
    wire.session.mark_read(shown)
    wire.wait(0)
    wire.wish.held = True
    if away:
        assert wire.up(after=3) == [Share(1, False)], "the window may be gone that was told"
    wire.wait(1)
    assert [command for command in wire.sent() if isinstance(command, Mark)] == [Mark(3, 0)]
    wire.wait(PING_SECONDS)
    assert wire.sent()[0] == Mark(3, 0)
    wire.session.close(wire.now)
    wire.wait(0)
    assert wire.sent() == [Mark(3, 0), Bye()]


def marks_read(wire: Wire) -> bool:
    """Whether a message that comes now is told to have been shown."""
    wire.says(message(wire.session._deliveries.cursor + 1))
    wire.session.mark_read(next(item for item in iter(wire.session.inbox.take, None) if isinstance(item, Message)))
    wire.wait(1)
    [mark] = [command for command in wire.sent() if isinstance(command, Mark)]
    return mark.read > 0


def test_nothing_is_told_from_the_moment_it_is_turned_off_until_a_device_turns_it_on() -> None:
    wire = Wire()
    wire.up()
    assert marks_read(wire)
    [off] = wire.submit(Share(1, False))
    assert not marks_read(wire), "the broker does not know yet"
    wire.says(Accepted(off.command.number, 5))
    assert not wire.wish.held, "it does now, and tells our other devices"
    assert not marks_read(wire)
    wire.says(Sharing(True))
    assert marks_read(wire)
    wire.says(Sharing(False))
    assert not marks_read(wire)
    wire.cut()
    assert wire.up(sharing=True) == [], "turned on meanwhile"
    assert marks_read(wire)


def test_a_broker_that_was_away_or_does_not_know_the_wish_learns_of_nothing_either() -> None:
    wire = Wire()
    wire.submit(Share(1, False))
    wire.start()  # it was killed before the broker was there
    assert wire.up() == [Share(1, False)]
    wire.says(WireRejected(1, Code.MALFORMED, "An old one."))
    assert not marks_read(wire)
    wire.submit(Share(1, True))
    wire.sent()
    assert marks_read(wire)


def test_what_was_answered_earlier_does_not_take_a_later_wish_away() -> None:
    wire = Wire()
    wire.up()
    wire.submit(Share(1, True), Share(1, False))
    wire.sent()
    wire.says(Accepted(1, 5), Sharing(True))
    assert (wire.wish.held, marks_read(wire)) == (True, False)
    wire.says(Accepted(2, 6), Sharing(False))
    assert (wire.wish.held, marks_read(wire)) == (False, False)
    assert not [event for event in wire.events() if isinstance(event, Sharing)], "it is what we did ourselves"


def test_a_wish_that_is_not_heeded_yet_is_sent_once_and_does_no_harm_at_the_end() -> None:
    wire = Wire()
    wire.wish.held = True
    assert wire.up() == [Share(1, False)]
    wire.cut()
    assert wire.up() == [Share(1, False)], "again, and not once more"
    wire.start()
    wire.submit(*posts("important"))
    wire.session.close(wire.now + 5)
    assert [type(command) for command in wire.up()] == [Post, Share]
    assert wire.session.failure is None


@pytest.mark.parametrize(
    "event", [Registration(True), Moderated("transferred", "bob", "ann"), Moderated("granted", "bob", "member")]
)
def test_a_device_that_leaves_keeps_its_place_when_another_had_the_account_kept(
    event: Moderated | Registration,
) -> None:
    wire = Wire(disk=Disk())
    wire.up()
    wire.says(message(5), event)
    wire.bodies()
    wire.session.close(wire.now)
    wire.wait(0)
    wire.sent()
    assert wire.session._deliveries.finished == 5


def test_a_wish_of_which_the_broker_knows_is_none_any_more() -> None:
    """It was killed between the broker's taking it and the answer; another device turned it on again later."""
    wire = Wire()
    wire.wish.held = True
    assert wire.up(sharing=False) == []
    assert not wire.wish.held
    wire.says(Sharing(True))
    assert marks_read(wire)


def test_what_was_read_between_a_refused_off_and_an_on_is_not_told() -> None:
    wire = Wire()
    wire.up()
    [off] = wire.submit(Share(1, False))
    wire.sent()
    wire.says(WireRejected(off.command.number, Code.NOT_ALLOWED, "No."))
    wire.submit(Share(1, True))
    assert [command.on for command in wire.sent()] == [False, True], "the broker counts from the second on"


# --- what we are called and where we are -----------------------------------------------------------------------------


def test_nick_and_rooms_follow_accepted_commands() -> None:
    wire = Wire()
    wire.up()
    wire.submit(Rename(1, "ally"), Join(1, "#dev"), Leave(1, "#general"), Join(1, "#no"), Rename(1, "root"))
    wire.sent()
    wire.says(Accepted(1, 5), Accepted(2, 6), Accepted(3, 7), *[WireRejected(n, Code.NOT_ALLOWED, "") for n in (4, 5)])
    assert (wire.session.me.nick, wire.session.me.rooms) == ("ally", ["#dev"])
    wire.cut()
    assert wire.connect().nick == "ally"


def test_nick_and_rooms_follow_what_another_device_of_ours_does() -> None:
    wire = Wire()
    wire.up()
    wire.events()
    events: list[RoomChange | Presence] = [
        RoomChange("#dev", "Alice", True),
        RoomChange("#dev", "bob", False),
        Presence("alice", "renamed", "al"),
    ]
    wire.says(*events)
    assert (wire.session.me.nick, wire.session.me.rooms) == ("al", ["#general", "#dev"])
    assert wire.events() == events


def test_the_brokers_last_words_are_events() -> None:
    wire = Wire()
    wire.up()
    wire.events()
    wire.says(WireClosing("root", 5.0, "update"), WireClosed("root", "update"))
    assert wire.events() == [ServerClosing("root", 5.0, "update"), ServerClosed("root", "update")]
    wire.cut("Gone.")
    assert wire.events() == [Disconnected("Gone."), Connecting(1, "Gone.", 0.1)]
    wire.cut("Nobody.")
    assert wire.events() == [Connecting(2, "Nobody.", 0.1)]


# --- signs of life ---------------------------------------------------------------------------------------------------


def test_a_quiet_connection_is_pinged_and_a_silent_one_given_up() -> None:
    wire = Wire()
    wire.up()
    assert wire.session.tick(wire.now) == wire.now + PING_SECONDS
    assert wire.wait(PING_SECONDS - 0.1) == pytest.approx(wire.now + 0.1)
    assert wire.sent() == []
    wire.wait(0.1)
    assert [type(command) for command in wire.sent()] == [Ping]
    wire.wait(SILENCE_SECONDS - PING_SECONDS - 1)
    assert not wire.session.stale
    wire.wait(1)
    assert "said nothing for 20 seconds" in wire.session.stale


def test_anything_heard_is_a_sign_of_life() -> None:
    wire = Wire()
    wire.up()
    for _ in range(4):
        wire.wait(SILENCE_SECONDS - 1)
        wire.says()  # a frame of events that this version does not know
    assert not wire.session.stale


def test_who_only_listens_still_lets_the_broker_hear_from_it() -> None:
    wire = Wire()
    wire.up()
    pings = 0
    for second in range(1, 41):
        wire.says(message(second, to="#general"))
        wire.wait(1)
        pings += sum(isinstance(command, Ping) for command in wire.sent())
    assert pings == 4


def test_a_broker_that_never_answers_hello_is_given_up() -> None:
    wire = Wire()
    wire.connect()
    assert wire.session.tick(wire.now) == wire.now + SILENCE_SECONDS
    wire.wait(SILENCE_SECONDS)
    assert wire.session.stale
    wire.cut(wire.session.stale)
    assert not wire.session.stale


# --- the end ---------------------------------------------------------------------------------------------------------


def test_closing_waits_for_answers_then_says_bye() -> None:
    wire = Wire()
    [receipt] = wire.submit(*posts("a"))
    wire.up()
    wire.session.close(wire.now + 2)
    assert wire.wait(1) == wire.now + 1
    assert wire.sent() == []
    with pytest.raises(Closed):
        wire.submit(*posts("b"))
    wire.says(Accepted(1, 5))
    wire.wait(0)
    assert wire.sent() == [Bye()]
    assert receipt.answer == 5
    assert wire.session.state is State.OVER


def test_closing_gives_up_at_its_deadline_and_answers_every_receipt() -> None:
    wire = Wire()
    receipts = wire.submit(*posts("a"))
    wire.up()
    receipts += wire.submit(Who(1))
    wire.session.close(wire.now + 2)
    wire.wait(2)
    assert [type(command) for command in wire.sent()] == [Bye]
    assert [type(receipt.answer) for receipt in receipts] == [Closed, Closed]
    assert wire.session.tick(wire.now) <= inf


def test_closing_waits_for_a_broker_that_is_away_only_if_something_is_unanswered() -> None:
    wire = Wire()
    wire.session.close(wire.now + 2)
    wire.wait(0)
    assert wire.session.state is State.OVER
    wire = Wire()
    wire.submit(*posts("a"))
    wire.session.close(wire.now + 2)
    wire.wait(1)
    assert wire.session.state is State.OFFLINE
    assert said(wire.up()) == [(1, "a")]


def test_closing_waits_for_welcome_so_that_bye_can_free_the_nick() -> None:
    wire = Wire()
    wire.connect()
    wire.session.close(wire.now + 2)
    wire.wait(1)
    assert wire.session.state is State.GREETING
    wire.says(welcome())
    wire.wait(0)
    assert wire.sent() == [Bye()]


def test_closing_a_refused_session_waits_for_nothing() -> None:
    wire = Wire()
    [receipt] = wire.submit(*posts("a"))
    wire.connect()
    wire.says(WireRejected(0, Code.NICK_TAKEN, "Taken."))
    wire.session.close(wire.now + 2)
    wire.wait(0)
    assert wire.sent() == []
    assert isinstance(receipt.answer, Closed)


def test_a_dismissal_answers_everything_and_nothing_follows() -> None:
    wire = Wire()
    receipts = wire.submit(*posts("a"))
    wire.up()
    wire.events()
    receipts += wire.submit(*posts("b"))
    wire.says(WireDismissed(Code.KICKED, "Out."), message(1), welcome())
    wire.cut()
    assert wire.sent() == []
    assert wire.bodies() == []
    assert wire.events() == [Dismissed("kicked", "Out.")]
    for receipt in receipts:
        assert isinstance(receipt.answer, Rejected)
        assert receipt.answer.code == Code.KICKED
    for attempt in (lambda: wire.submit(*posts("c")), lambda: wire.session.retry_as("bob")):
        with pytest.raises(ClientError, match="Out"):
            attempt()
