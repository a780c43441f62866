"""Transcripts of the broker's core: who says what, and who hears what, over a fake wire and a fake clock."""

from __future__ import annotations

from math import inf

import pytest

from broker import core, leaving
from broker.core import LATE_SECONDS
from messages import (
    BODY_BYTES,
    HELLO_SECONDS,
    LEASE_SECONDS,
    PING_SECONDS,
    PROTOCOL,
    SILENCE_SECONDS,
    Accepted,
    Announce,
    Announcement,
    Away,
    Ban,
    Bye,
    Closing,
    Dismissed,
    Done,
    Down,
    Feed,
    Grant,
    Hello,
    History,
    HistoryPage,
    Join,
    Kick,
    Leave,
    Mark,
    Message,
    Moderated,
    Ping,
    Pong,
    Post,
    Presence,
    Register,
    Registration,
    Rejected,
    Rename,
    RoomChange,
    RoomList,
    Rooms,
    Roster,
    Rule,
    Search,
    Storing,
    Unban,
    Unregister,
    Welcome,
    Who,
    key_text,
)

from .wire import EPOCH, OPERATOR, Remote, Wire, key_of


@pytest.fixture
def wire() -> Wire:
    return Wire()


def codes(remote: Remote) -> list[str]:
    return [event.code for event in remote.hear(Rejected)]


def bodies(remote: Remote) -> list[str]:
    return [event.body for event in remote.hear((Message, Announcement))]


def listen(wire: Wire, remote: Remote, seconds: float) -> None:
    """Let time pass for a client that says nothing but that it is there; what it hears is dropped."""
    while seconds > 0:
        wire.tick(seconds=min(PING_SECONDS, seconds))
        seconds -= PING_SECONDS
        remote.say(Ping(1))


# --- coming in -------------------------------------------------------------------------------------------------------


def test_hello_is_welcomed_into_the_general_room(wire):
    [welcome] = wire.connect("alice").hear()
    answer = Welcome(PROTOCOL, "alice", 3, 3, False, 0, ["#general"], "guest", "test", timeline=wire.log.timeline)
    assert welcome == answer


def test_the_others_hear_who_joined_and_the_newcomer_does_not(wire):
    alice = wire.connect("alice")
    alice.hear()
    bob = wire.connect("bob")
    assert alice.hear() == [Presence("bob", "joined")]
    assert bob.hear(Presence) == []


def test_a_quiet_session_comes_and_goes_unannounced(wire):
    alice = wire.connect("alice")
    alice.hear()
    script = wire.connect("ci", quiet=True)
    assert script.say(Who(1))[-1].people[0].nick == "alice"
    script.say(Bye())
    assert alice.hear() == []


def test_a_nick_is_unique_whatever_its_case(wire):
    wire.connect("alice")
    stranger = wire.connect("mallory", nick="ALICE")
    assert codes(stranger) == ["nick_taken"]


def test_another_nick_may_be_asked_for_on_the_same_connection(wire):
    wire.connect("alice")
    stranger = wire.connect("mallory", nick="alice")
    stranger.hear()
    [welcome] = stranger.say(Hello(PROTOCOL, "mallory", bytes(16)))
    assert welcome.nick == "mallory"


def test_who_must_choose_another_nick_has_time_to_think(wire):
    wire.connect("alice")
    stranger = wire.connect("mallory", nick="alice")
    wire.tick(seconds=SILENCE_SECONDS - 1)
    stranger.say(Ping(1))
    assert [type(event) for event in stranger.say(Hello(PROTOCOL, "mallory", bytes(16)))] == [Welcome]


def test_of_two_claims_in_one_tick_the_first_wins(wire):
    first, second = (wire.connect(name, greet=False) for name in ("first", "second"))
    first.put(Hello(PROTOCOL, "ann", bytes(16)))
    second.put(Hello(PROTOCOL, "Ann", bytes(16)))
    wire.tick()
    assert [type(event) for event in first.hear()] == [Welcome]
    assert codes(second) == ["nick_taken"]


@pytest.mark.parametrize("nick", ["", "9lives", "a b", "ünal", "broker", "x" * 25, "a\n", "a\x1b[2J"])
def test_a_nick_outside_the_grammar_is_refused(wire, nick):
    remote = wire.connect("alice", greet=False)
    assert [event.code for event in remote.say(Hello(PROTOCOL, nick, bytes(16)))] == ["nick_invalid"]


def test_another_protocol_version_is_told_which_is_spoken(wire):
    remote = wire.connect("alice", greet=False)
    rejected, dismissed = remote.say(["hello", 99, "from", "the", "future"])
    assert (rejected.code, dismissed.code) == ("version", "version")
    assert f"speaks protocol {PROTOCOL}" in rejected.text


def test_a_command_before_hello_is_refused(wire):
    remote = wire.connect("alice", greet=False)
    assert [(event.number, event.code) for event in remote.say(Post(7, "*", "hi"))] == [(7, "hello_first")]


def test_a_connection_that_never_says_hello_is_told_and_closed(wire):
    remote = wire.connect("alice", greet=False)
    wire.tick(seconds=HELLO_SECONDS + 0.1)
    assert codes(remote) == ["hello_first"]
    wire.tick(seconds=3)
    assert remote.peer.gone


def test_commands_behind_a_hello_in_one_frame_wait_for_its_commit(wire):
    alice = wire.connect("alice")
    alice.hear()
    bob = wire.connect("bob", greet=False)
    events = bob.say(
        Hello(PROTOCOL, "bob", bytes(16)), Join(1, "#ops"), Post(2, "#ops", "one"), Post(3, "@alice", "two")
    )
    assert [type(event) for event in events] == [Welcome, Accepted, RoomChange, Accepted]
    assert bodies(alice) == ["two"]


# --- talking ---------------------------------------------------------------------------------------------------------


def test_a_direct_message_reaches_one_person_and_is_accepted(wire):
    alice, bob, carol = (wire.connect(name) for name in ("alice", "bob", "carol"))
    bob.hear(), carol.hear(), alice.hear()
    assert alice.say(Post(1, "@BOB", "hi  ünï")) == [Accepted(1, 10, 1)]
    assert bob.hear() == [Message(10, EPOCH, "alice", "@bob", "hi  ünï")]
    assert carol.hear() == []


def test_a_run_of_posts_is_acknowledged_as_one_range(wire):
    alice, bob = wire.connect("alice"), wire.connect("bob")
    alice.hear()
    assert alice.say(*(Post(number, "@bob", "x") for number in range(1, 11))) == [Accepted(1, 7, 10)]
    assert [event.seq for event in bob.hear(Message)] == list(range(7, 17))


def test_everyone_and_rooms_reach_the_others(wire):
    alice, bob, carol = (wire.connect(name) for name in ("alice", "bob", "carol"))
    bob.say(Join(1, "#Ops"))
    alice.hear(), bob.hear(), carol.hear()
    alice.say(Post(1, "*", "all"), Post(2, "#ops", "ops"), Post(3, "#general", "general"))
    assert bodies(bob) == ["all", "ops", "general"]
    assert bodies(carol) == ["all", "general"]
    assert bodies(alice) == []


def test_a_message_to_oneself_is_delivered_once(wire):
    alice = wire.connect("alice")
    alice.hear()
    assert [type(event) for event in alice.say(Post(1, "@alice", "me"))] == [Accepted, Message]


def test_another_device_of_the_sender_sees_what_was_sent(wire):
    desk, bob = wire.connect("alice"), wire.connect("bob")
    phone = wire.connect("alice", device="two")
    desk.hear(), phone.hear()
    desk.say(Post(1, "@bob", "direct"), Post(2, "#general", "room"))
    assert [(event.sender, event.to) for event in phone.hear(Message)] == [("alice", "@bob"), ("alice", "#general")]
    assert bodies(bob) == ["direct", "room"]


def test_an_announcement_carries_title_and_priority(wire):
    alice, bob = wire.connect("alice"), wire.connect("bob")
    bob.hear()
    alice.say(Announce(1, "*", "Deploy at five", "CI", "high"))
    assert bob.hear() == [Announcement(7, EPOCH, "alice", "*", "Deploy at five", "CI", "high")]
    assert [note.what for note in wire.core.notes].count("announcement") == 1


def test_notes_never_hold_a_private_text(wire):
    alice, _bob = wire.connect("alice"), wire.connect("bob")
    alice.say(Post(1, "@bob", "sesame"), Announce(2, "@bob", "sesame"), Post(3, "#general", "sesame"))
    assert "sesame" not in repr(wire.core.notes)


@pytest.mark.parametrize(
    ("to", "body", "code"),
    [
        ("@nobody", "hi", "no_such_nick"),
        ("#nowhere", "hi", "no_such_room"),
        ("bob", "hi", "target_invalid"),
        ("", "hi", "target_invalid"),
        ("@bob", "", "empty"),
        ("@bob", " \n\t ", "empty"),
        ("@bob", "x" * (BODY_BYTES + 1), "too_long"),
        ("@bob", "ü" * (BODY_BYTES // 2 + 1), "too_long"),
    ],
)
def test_bad_input_is_refused_and_costs_nothing_else(wire, to, body, code):
    alice, bob = wire.connect("alice"), wire.connect("bob")
    alice.hear(), bob.hear()
    rejected, accepted = alice.say(Post(1, to, body), Post(2, "@bob", "after"))
    assert (rejected.number, rejected.code) == (1, code)
    assert accepted.number == 2
    assert bodies(bob) == ["after"]


def test_the_largest_message_is_accepted(wire):
    alice = wire.connect("alice")
    alice.hear()
    assert [
        type(event) for event in alice.say(Post(1, "*", "x" * BODY_BYTES), Post(2, "*", "ü" * (BODY_BYTES // 2)))
    ] == [Accepted]


def test_a_malformed_command_among_good_ones_costs_only_itself(wire):
    alice, bob = wire.connect("alice"), wire.connect("bob")
    alice.hear(), bob.hear()
    events = alice.say(Post(1, "@bob", "one"), ["post", 2, 3, 4], ["dance", 3], 17, Post(4, "@bob", "two"))
    assert [(event.number, event.code) for event in events if isinstance(event, Rejected)] == [
        (2, "malformed"),
        (3, "malformed"),
        (0, "malformed"),
    ]
    assert bodies(bob) == ["one", "two"]


def test_the_sender_shown_is_the_key_and_not_a_claim(wire):
    alice, bob = wire.connect("alice"), wire.connect("bob")
    alice.hear(), bob.hear()
    mallory = wire.connect("mallory", nick="alice", greet=False)
    mallory.say(Hello(PROTOCOL, "alice", b"one".ljust(16, b"\0")), Post(1, "@bob", "it is me"))
    assert bob.hear(Message) == []


# --- retries and order -----------------------------------------------------------------------------------------------


def test_a_retry_is_acknowledged_again_and_stored_once(wire):
    alice, bob = wire.connect("alice"), wire.connect("bob")
    alice.hear(), bob.hear()
    assert alice.say(Post(1, "@bob", "hi")) == alice.say(Post(1, "@bob", "hi")) == [Accepted(1, 7)]
    assert bodies(bob) == ["hi"]


def test_a_retry_over_a_new_connection_in_the_same_tick_is_stored_once(wire):
    alice, bob = wire.connect("alice"), wire.connect("bob")
    bob.hear()
    alice.put(Post(1, "@bob", "hi"))
    again = wire.connect("alice", greet=False)
    again.put(Hello(PROTOCOL, "alice", b"one".ljust(16, b"\0")), Post(1, "@bob", "hi"))
    wire.tick()
    assert again.hear((Accepted, Rejected)) == [Accepted(1, 7)]
    assert bodies(bob) == ["hi"]


def test_a_retry_after_a_broker_restart_is_stored_once(wire):
    alice, _bob = wire.connect("alice"), wire.connect("bob")
    alice.say(Post(1, "@bob", "hi"))
    wire.start()
    alice, bob = wire.connect("alice"), wire.connect("bob", after=6)
    [welcome] = alice.hear(Welcome)
    assert (welcome.resumed, welcome.last_number) == (True, 1)
    assert alice.say(Post(1, "@bob", "hi"), Post(2, "@bob", "ho")) == [Accepted(1, 7), Accepted(2, 8)]
    assert bodies(bob) == ["hi", "ho"]


def test_a_refused_command_retried_behind_newer_ones_is_forgotten_not_stored(wire):
    alice, _bob = wire.connect("alice"), wire.connect("bob")
    alice.say(Post(1, "@late", "x"), Post(2, "@bob", "y"))
    late = wire.connect("late")
    late.hear()
    assert [event.code for event in alice.say(Post(1, "@late", "x")) if isinstance(event, Rejected)] == ["forgotten"]
    assert bodies(late) == []


def test_a_client_that_comes_back_gets_what_it_missed_in_order(wire):
    alice, bob = wire.connect("alice"), wire.connect("bob")
    cursor = bob.hear(Welcome)[0].head
    bob.break_off()
    alice.say(*(Post(n, "@bob" if n % 2 else "#general", str(n)) for n in range(1, 50)))
    bob = wire.connect("bob", after=cursor)
    assert bodies(bob) == [str(n) for n in range(1, 50)]
    alice.say(Post(50, "@bob", "live"))
    assert bodies(bob) == ["live"]


def test_what_is_replayed_is_only_what_the_account_may_see(wire):
    alice, bob, carol = (wire.connect(name) for name in ("alice", "bob", "carol"))
    cursor = carol.hear(Welcome)[0].head
    alice.say(Join(1, "#ops"))
    carol.break_off()
    alice.say(Post(2, "@bob", "secret"), Post(3, "#ops", "ops"), Post(4, "#general", "general"), Post(5, "*", "all"))
    bob.say(Post(1, "@carol", "for carol"))
    carol = wire.connect("carol", after=cursor)
    assert bodies(carol) == ["general", "all", "for carol"]


def test_a_slow_reader_is_fed_from_the_log_and_nobody_else_waits(wire):
    alice, bob, carol = (wire.connect(name) for name in ("alice", "bob", "carol"))
    bob.hear(), carol.hear()
    bob.full = True
    for n in range(1, 200):
        alice.say(Post(n, "#general", str(n)))
    assert bodies(carol) == [str(n) for n in range(1, 200)]
    bob.full = False
    wire.tick(seconds=1)
    assert bodies(bob) == [str(n) for n in range(1, 200)]


def test_a_choked_session_keeps_its_answers(wire):
    _alice, bob = wire.connect("alice"), wire.connect("bob")
    bob.hear()
    bob.full = True
    bob.say(Post(1, "@alice", "hi"), Who(2))
    wire.connect("carol")
    bob.full = False
    wire.tick(seconds=1)
    kinds = [type(event) for event in bob.hear()]
    assert sorted(kind.__name__ for kind in kinds) == ["Accepted", "Pong", "Presence", "Roster"]


def test_a_client_may_hold_deliveries_back_and_go_on_where_it_stopped(wire):
    alice, bob = wire.connect("alice"), wire.connect("bob")
    cursor = bob.hear(Welcome)[0].head
    bob.say(Feed(None))
    alice.say(*(Post(n, "@bob", str(n)) for n in range(1, 20)))
    assert bodies(bob) == []
    bob.say(Post(1, "@alice", "still talking"))
    bob.put(Feed(cursor))
    wire.tick()
    assert bodies(bob) == [str(n) for n in range(1, 20)]


def test_a_pong_names_the_head_that_was_sent(wire):
    alice, bob = wire.connect("alice"), wire.connect("bob")
    alice.hear()
    bob.say(Post(1, "@alice", "x"))
    assert alice.say(Ping(5))[-1] == Pong(5, 7)


# --- leaving ---------------------------------------------------------------------------------------------------------


def test_bye_frees_the_nick_at_once_and_the_others_see_it(wire):
    alice, bob = wire.connect("alice"), wire.connect("bob")
    bob.hear()
    alice.say(Bye())
    assert bob.hear() == [Presence("alice", "left")]
    assert [type(event) for event in wire.connect("mallory", nick="alice").hear()] == [Welcome]


def test_what_stands_before_bye_is_still_answered(wire):
    alice, bob = wire.connect("alice"), wire.connect("bob")
    alice.hear(), bob.hear()
    assert alice.say(Post(1, "@bob", "last words"), Bye())[0] == Accepted(1, 7)
    assert bodies(bob) == ["last words"]


def test_a_lost_connection_keeps_the_nick_for_its_lease(wire):
    alice, bob = wire.connect("alice"), wire.connect("bob")
    bob.hear()
    alice.break_off()
    assert bob.hear() == [Presence("alice", "lost")]
    listen(wire, bob, LEASE_SECONDS - 1)
    assert codes(wire.connect("mallory", nick="alice")) == ["nick_taken"]
    wire.tick(seconds=2)
    assert bob.hear(Presence) == [Presence("alice", "left", "the connection was lost")]
    assert [type(event) for event in wire.connect("eve", nick="alice").hear()] == [Welcome]


def test_a_client_that_comes_back_within_its_lease_is_resumed(wire):
    alice, bob = wire.connect("alice"), wire.connect("bob")
    alice.say(Join(1, "#ops"))
    alice.break_off()
    bob.hear()
    [welcome] = wire.connect("alice").hear(Welcome)
    assert welcome.resumed
    assert welcome.rooms == ["#general", "#ops"]
    assert bob.hear() == [Presence("alice", "back")]


def test_a_silent_connection_is_taken_for_lost(wire):
    alice, bob = wire.connect("alice"), wire.connect("bob")
    wire.tick(seconds=SILENCE_SECONDS - 1)
    bob.say(Ping(1))
    wire.tick(seconds=2)
    assert bob.hear(Presence) == [Presence("alice", "lost")]
    assert alice.peer.gone


def test_a_broker_that_was_stopped_looks_for_signs_of_life_before_it_believes_in_silence(wire):
    """As after SIGSTOP: what came meanwhile is read only now, and of some there may be more to read."""
    alice, bob = wire.connect("alice"), wire.connect("bob")
    wire.now += 10 * LEASE_SECONDS
    wire.tick()
    assert not alice.peer.gone
    bob.say(Ping(1))
    wire.tick(seconds=LATE_SECONDS + 1)
    assert alice.peer.gone
    assert not bob.peer.gone


def test_the_control_of_that(wire, monkeypatch):
    monkeypatch.setattr(core, "LATE_SECONDS", inf)
    with pytest.raises(AssertionError):
        test_a_broker_that_was_stopped_looks_for_signs_of_life_before_it_believes_in_silence(wire)


def test_after_a_broker_restart_nicks_wait_for_their_clients_and_no_longer_than_a_lease(wire):
    wire.connect("alice"), wire.connect("bob")
    wire.start()
    assert codes(wire.connect("mallory", nick="alice")) == ["nick_taken"]
    bob = wire.connect("bob")
    assert bob.hear(Welcome)[0].resumed
    listen(wire, bob, LEASE_SECONDS - 1)
    wire.tick(seconds=2)
    assert bob.hear(Presence) == [Presence("alice", "left", "did not come back")]


def test_the_same_device_twice_replaces_the_older_connection(wire):
    old = wire.connect("alice")
    old.hear()
    new = wire.connect("alice")
    assert [event.code for event in old.hear(Dismissed)] == ["replaced"]
    assert new.hear(Welcome)[0].resumed
    assert old.say(Post(1, "*", "ghost")) == [] or old.peer.gone


def test_a_script_that_ends_as_its_next_run_starts_keeps_its_nick(wire):
    first = wire.connect("ci", device="one")
    for device in ("one", "two"):  # a device the broker knows, and one whose first entry is committed in this tick
        first.hear()
        second = wire.connect("ci", device=device, greet=False)
        first.put(Bye())
        second.put(Hello(PROTOCOL, "ci", device.encode().ljust(16, b"\0")))
        wire.tick()
        assert [type(event) for event in second.hear()] == [Welcome]
        assert [type(event) for event in second.say(Post(2, "*", "still ci"))] == [Accepted]
        first = second


def test_a_hello_and_a_bye_behind_it_in_one_tick_leave_a_session(wire):
    first = wire.connect("ci", device="one")
    second = wire.connect("ci", device="two", greet=False)
    second.put(Hello(PROTOCOL, "ci", b"two".ljust(16, b"\0")))
    first.put(Bye())
    wire.tick()
    assert [type(event) for event in second.say(Post(2, "*", "still ci"))] == [Welcome, Accepted]


# --- registered accounts ------------------------------------------------------------------------------------------


def test_a_registered_nick_is_kept_and_its_mail_waits_in_order(wire):
    alice, bob = wire.connect("alice"), wire.connect("bob")
    bob.say(Join(1, "#ops"), Register(2))
    alice.say(Post(1, "@bob", "before"))
    bob.say(Mark(wire.log.head), Bye())
    wire.tick(seconds=10 * LEASE_SECONDS)
    alice = wire.connect("alice", device="new")
    assert codes(wire.connect("mallory", nick="bob")) == ["nick_taken"]
    alice.hear()
    alice.say(Post(1, "@bob", "one"), Post(2, "#ops", "two"), Post(3, "*", "three"), Post(4, "#general", "four"))
    bob = wire.connect("bob", device="another")
    events = bob.hear()
    assert (events[0].registered, events[0].rooms) == (True, ["#general", "#ops"])
    assert [event.body for event in events if isinstance(event, Message)] == ["one", "two", "three", "four"]


def test_mail_waits_over_a_broker_restart_and_a_script_of_the_account_does_not_take_it(wire):
    alice, bob = wire.connect("alice"), wire.connect("bob")
    bob.say(Register(1))
    bob.say(Mark(wire.log.head), Bye())
    alice.say(Post(1, "@bob", "one"))
    wire.start()
    wire.tick(seconds=2 * LEASE_SECONDS)
    script = wire.connect("bob", device="script", quiet=True)
    assert bodies(script) == []
    wire.connect("alice").say(Post(2, "@bob", "two"))
    assert bodies(script) == ["two"]
    person = wire.connect("bob", device="desk")
    assert bodies(person) == ["one", "two"]
    script.say(Mark(wire.log.head), Bye())
    person.say(Mark(wire.log.head), Bye())
    assert bodies(wire.connect("bob", device="phone")) == []


@pytest.mark.parametrize("ends", ["shutdown", "kill", "kill at once"])
def test_a_new_device_is_not_sent_after_a_restart_what_another_took(wire, ends):
    """Where live sessions stand is written when the broker goes down, and now and then, for the case of a kill."""
    alice, bob = wire.connect("alice"), wire.connect("bob")
    bob.say(Register(1))
    alice.say(*[Post(number, "@bob", f"mail {number}") for number in range(1, 31)])
    bob.say(Mark(wire.log.head, wire.log.head - 5))
    if ends == "shutdown":
        leaving.stand(wire.core, wire.now)
        wire.tick()
    elif ends == "kill":
        wire.core.tick(wire.now + leaving.STAND_SECONDS, EPOCH)
    wire.start()
    alice = wire.connect("alice")
    alice.say(Post(31, "@bob", "mail 31"))
    sent = bodies(wire.connect("bob", device="phone"))
    assert sent == ([f"mail {number}" for number in range(1, 32)] if ends == "kill at once" else ["mail 31"])
    if ends != "kill at once":
        assert wire.core.state.by_nick["bob"].reach.read.upto > 0, "and what was read is known too"


def test_where_people_stand_is_written_seldom_and_only_when_they_moved(wire):
    alice, bob, guest = wire.connect("alice"), wire.connect("bob"), wire.connect("guest")
    for remote in (alice, bob):
        remote.say(Register(1))
    written = []
    for minute in range(120):
        if minute < 30:
            guest.say(Post(minute + 1, "*", "x"))
        for remote in (alice, bob):
            remote.say(Mark(wire.log.head))
        guest.say(Ping(1))
        head = wire.log.head
        wire.tick(seconds=10)
        for remote in (alice, bob, guest):
            remote.say(Ping(1))
        written += [minute] * (wire.log.head - head)
    assert 2 <= len(written) <= 2 * (1 + 1200 // leaving.STAND_SECONDS), "at most one for each in that time"
    assert written[-1] < 30 + 2 * 30 + 1, "and none where nobody says anything any more"


def test_two_devices_that_come_in_one_tick_have_one_nick_the_first(wire):
    desk, phone = (wire.connect("ann", greet=False) for _ in range(2))
    desk.put(Hello(PROTOCOL, "ann", b"one".ljust(16, b"\0")))
    phone.put(Hello(PROTOCOL, "anna", b"two".ljust(16, b"\0"), quiet=True))
    wire.tick()
    assert [remote.hear(Welcome)[0].nick for remote in (desk, phone)] == ["ann", "ann"]


def test_a_second_device_starts_now_while_the_first_is_connected(wire):
    alice, bob = wire.connect("alice"), wire.connect("bob")
    bob.say(Register(1))
    alice.say(Post(1, "@bob", "one"))
    assert bodies(bob) == ["one"]
    assert bodies(wire.connect("bob", device="phone")) == []


def test_what_a_client_has_not_taken_is_delivered_again_to_a_new_device(wire):
    alice, bob = wire.connect("alice"), wire.connect("bob")
    bob.say(Register(1))
    alice.say(Post(1, "@bob", "taken"))
    bob.say(Mark(wire.log.head), Ping(1))
    alice.say(Post(2, "@bob", "on the wire when it broke"))
    bob.break_off()
    wire.tick(seconds=LEASE_SECONDS + 1)
    assert bodies(wire.connect("bob", device="phone")) == ["on the wire when it broke"]


def test_who_registers_again_misses_nothing_that_was_on_the_wire(wire):
    alice, bob = wire.connect("alice"), wire.connect("bob")
    bob.say(Register(1))
    alice.say(Post(1, "@bob", "on the wire when it broke"))
    bob.say(Register(2))
    bob.break_off()
    wire.tick(seconds=LEASE_SECONDS + 1)
    assert bodies(wire.connect("bob", device="phone")) == ["on the wire when it broke"]


def test_who_starts_anew_while_the_broker_still_has_the_dead_connection_misses_nothing(wire):
    alice, bob = wire.connect("alice"), wire.connect("bob")
    bob.say(Mark(wire.log.head))
    alice.say(Post(1, "@bob", "to a machine that is gone"))
    assert bodies(wire.connect("bob")) == ["to a machine that is gone"]


def test_an_unregistered_account_is_a_guest_again(wire):
    bob = wire.connect("bob")
    bob.say(Register(1))
    assert [type(event) for event in bob.say(Unregister(2), Bye())] == [Accepted, Registration]
    assert [type(event) for event in wire.connect("mallory", nick="bob").hear()] == [Welcome]


def test_a_person_who_restarts_within_the_lease_gets_what_came_meanwhile(wire):
    for registered in (False, True):
        alice, bob = wire.connect("alice"), wire.connect("bob")
        if registered:
            bob.say(Register(1))
        bob.say(Mark(wire.log.head), Ping(1))
        bob.break_off()
        alice.say(Post(wire.log.head, "@bob", "are you there?"))
        bob = wire.connect("bob", device="restarted")
        assert bodies(bob) == ["are you there?"]
        bob.say(Mark(wire.log.head), Bye()), alice.say(Bye())


def test_a_client_that_knows_more_than_the_log_gives_away_that_its_end_is_lost(wire):
    wire.connect("alice", after=1000)
    assert "its end is lost" in next(note for note in wire.core.notes if note.what == "log").fields["text"]


def test_a_kicked_registered_person_gets_nothing_twice(wire):
    alice, bob = admin(wire, "alice"), wire.connect("bob")
    bob.say(Register(1))
    alice.say(Post(1, "@bob", "one"))
    bob.say(Mark(wire.log.head), Ping(1))
    alice.say(Kick(2, "bob"))
    alice.say(Post(3, "@bob", "two"))
    assert bodies(wire.connect("bob", device="phone")) == ["two"]


def test_a_guest_who_unregistered_and_is_kicked_in_one_tick_leaves_no_nick_behind(wire):
    alice, bob = admin(wire, "alice"), wire.connect("bob")
    bob.say(Register(1))
    bob.put(Unregister(2))
    alice.put(Kick(1, "bob"))
    wire.tick()
    assert [type(event) for event in wire.connect("mallory", nick="bob").hear()] == [Welcome]


def test_a_second_hello_of_another_version_leaves_no_ghost(wire):
    alice = wire.connect("alice")
    alice.hear()
    assert [type(event) for event in alice.say(["hello", 99, "x"], Post(1, "*", "still here"))] == [Rejected, Accepted]
    ghost = wire.connect("ghost", greet=False)
    ghost.say(["hello", 99, "x"], Hello(PROTOCOL, "ghost", bytes(16)))
    assert [person.nick for person in alice.say(Who(2))[-1].people] == ["alice"]


# --- rooms, names, who -----------------------------------------------------------------------------------------------


def test_entering_and_leaving_a_room_is_told_to_those_in_it(wire):
    alice, bob, carol = (wire.connect(name) for name in ("alice", "bob", "carol"))
    alice.say(Join(1, "#ops"))
    alice.hear(), bob.hear(), carol.hear()
    bob.say(Join(1, "ops"))
    assert alice.hear() == [RoomChange("#ops", "bob", True)]
    bob.hear()
    assert isinstance(bob.say(Leave(2, "#ops"))[0], Accepted)
    assert alice.hear() == [RoomChange("#ops", "bob", False)]
    assert carol.hear() == []
    assert [event.code for event in bob.say(Leave(3, "#ops"))] == ["not_in_room"]


def test_who_tells_since_when_rooms_away_and_the_lost(wire):
    alice = wire.connect("alice")
    wire.tick(seconds=5)
    bob = wire.connect("bob")
    bob.say(Join(1, "#ops"), Away(2, "lunch"))
    bob.break_off()
    alice.hear()
    [roster] = alice.say(Who(1))
    assert [(p.nick, p.since - EPOCH, p.rooms, p.away, p.lost) for p in roster.people] == [
        ("alice", 0, ["#general"], "", False),
        ("bob", 5000, ["#general", "#ops"], "lunch", True),
    ]
    assert isinstance(roster, Roster)


def test_rooms_are_listed_with_their_people(wire):
    alice, bob = wire.connect("alice"), wire.connect("bob")
    alice.say(Join(1, "#ops"))
    [listed] = bob.say(Rooms(1))[-1:]
    assert isinstance(listed, RoomList)
    assert [(room.name, room.people, room.joined) for room in listed.rooms] == [
        ("#general", 2, True),
        ("#ops", 1, False),
    ]


def test_a_rename_is_told_and_frees_the_old_nick(wire):
    alice, bob = wire.connect("alice"), wire.connect("bob")
    bob.hear()
    alice.say(Rename(1, "ann"))
    assert bob.hear() == [Presence("alice", "renamed", "ann")]
    assert [type(event) for event in wire.connect("mallory", nick="alice").hear()] == [Welcome]
    bob.hear()
    assert [event.code for event in bob.say(Rename(1, "ANN"))] == ["nick_taken"]
    assert [event.code for event in bob.say(Rename(2, "no way"))] == ["nick_invalid"]
    alice.say(Post(9, "@bob", "hi"))
    assert [event.sender for event in bob.hear(Message)] == ["ann"]


def test_away_is_told_and_taken_back(wire):
    alice, bob = wire.connect("alice"), wire.connect("bob")
    bob.hear(), alice.hear()
    assert alice.say(Away(1, "lunch")) == [Done(1)]
    alice.say(Away(2, ""))
    assert bob.hear() == [Presence("alice", "away", "lunch"), Presence("alice", "here")]


# --- history ---------------------------------------------------------------------------------------------------------


def test_history_pages_back_through_one_conversation(wire):
    alice, bob = wire.connect("alice"), wire.connect("bob")
    alice.say(*(Post(n, ("@bob", "#general")[n % 2], str(n)) for n in range(1, 21)))
    bob.hear()
    [page] = bob.say(History(1, "@alice", 4))
    assert isinstance(page, HistoryPage)
    assert [item.body for item in page.items] == ["14", "16", "18", "20"]
    [older] = bob.say(History(2, "@alice", 100, page.before))
    assert [item.body for item in older.items] == ["2", "4", "6", "8", "10", "12"]
    assert older.before is None


def test_history_of_a_stretch_of_time(wire):
    alice = wire.connect("alice")
    at = []
    for number in range(1, 7):
        alice.say(Post(number, "*", str(number)))
        at.append(alice.say(History(10 * number, "*", 1))[0].items[0].at)
        wire.tick(seconds=5)

    def bodies(**stretch):
        [page] = alice.say(History(100, "*", **stretch))
        return [item.body for item in page.items], page.before, page.cut

    assert bodies(since=at[3]) == (["4", "5", "6"], None, False)
    assert bodies(since=at[1], until=at[4]) == (["2", "3", "4"], None, False)
    assert bodies(until=at[0]) == ([], None, False)
    [page] = alice.say(History(100, "*", 2, None, at[1], at[4]))
    assert ([item.body for item in page.items], bodies(before=page.before, since=at[1])[0]) == (["3", "4"], ["2"])


def test_history_shows_no_one_elses_direct_messages(wire):
    alice, bob, carol = (wire.connect(name) for name in ("alice", "bob", "carol"))
    alice.say(Post(1, "@bob", "secret"))
    carol.hear()
    for target in ("@alice", "@bob"):
        assert carol.say(History(1, target))[0].items == []
    bob.hear()
    assert [item.body for item in bob.say(History(1, "@alice"))[0].items] == ["secret"]


@pytest.fixture(params=["not indexed", "half indexed", "indexed"])
def said(wire, request):
    """Alice and bob after forty messages in three conversations, the index at different places behind them."""
    alice, bob = wire.connect("alice"), wire.connect("bob")
    alice.say(Join(1, "#ops"))
    for number in range(2, 42):
        alice.say(
            Post(number, ("@bob", "#general", "#ops", "*")[number % 4], f"Größe {number} of the Disk-{number % 3}")
        )
        if number == 20 and request.param == "half indexed":
            wire.core.folding.step(wire.now)
    while request.param == "indexed" and wire.core.index.behind:
        wire.core.folding.step(wire.now)
    alice.hear(), bob.hear()
    return alice, bob


def test_history_is_the_same_wherever_the_index_stands(said):
    _alice, bob = said
    [page] = bob.say(History(1, "@alice", 4))
    assert [item.body[:8] for item in page.items] == ["Größe 28", "Größe 32", "Größe 36", "Größe 40"]
    [older] = bob.say(History(2, "@alice", 100, page.before))
    assert [item.body[:8].strip() for item in older.items] == [f"Größe {n}" for n in (4, 8, 12, 16, 20, 24)]
    assert older.before is None
    [room] = bob.say(History(3, "#ops", 2))
    assert [item.body[:8] for item in room.items] == ["Größe 34", "Größe 38"]


def test_search_finds_words_in_what_one_may_see(said):
    alice, bob = said
    assert bob.say(Search(2, "grosse"))[0].items == [], "ß is a letter of its own"
    [page] = bob.say(Search(3, "GROßE disk 2", 100))
    assert {item.to for item in page.items} == {"@bob", "#general", "*"}, "bob is not in #ops"
    assert [item.seq for item in page.items] == sorted(item.seq for item in page.items)
    [first] = alice.say(Search(4, "disk", 5))
    [second] = alice.say(Search(5, "disk", 100, first.before))
    assert len(first.items) + len(second.items) == 40


def test_search_keeps_to_sender_conversation_and_time(said):
    _alice, bob = said
    bob.say(Post(1, "#general", "my disk"))
    assert [item.body for item in bob.say(Search(2, "disk", 100, None, "BOB"))[-1].items] == ["my disk"]
    assert {item.to for item in bob.say(Search(3, "disk", 100, None, "", "@alice"))[-1].items} == {"@bob"}
    assert bob.say(Search(4, "disk", 100, None, "", "", EPOCH + 1))[-1].items == []
    assert len(bob.say(Search(5, "disk", 100, None, "", "", EPOCH, EPOCH + 1))[-1].items) == 31
    assert [event.code for event in bob.say(Search(6, " - "))] == ["empty"]
    assert [event.code for event in bob.say(Search(7, "disk", 5, None, "", "@nobody"))] == ["no_such_nick"]


def test_search_without_a_word_finds_all_that_is_not_narrowed_away(said, wire):
    alice, bob = said
    carol = wire.connect("carol")
    bob.say(Post(1, "#general", "my disk"))
    assert [item.body for item in bob.say(Search(2, "", 100, None, "BOB"))[-1].items] == ["my disk"]
    shown = [item.seq for item in bob.say(History(3, "@alice", 100))[-1].items]
    assert [item.seq for item in bob.say(Search(4, " ", 100, None, "alice", "@alice"))[-1].items] == shown != []
    assert {item.to for item in alice.say(Search(50, "", 100, None, "alice"))[-1].items} == {
        "@bob",
        "#general",
        "#ops",
        "*",
    }
    assert {item.to for item in carol.say(Search(1, "", 100, None, "alice"))[-1].items} == {"#general", "*"}
    assert bob.say(Search(5, "", 100, None, "", "", EPOCH + 1))[-1].items == []
    assert [event.code for event in bob.say(Search(6, ""), Search(7, "-", 9, None, "bob"))] == ["empty", "empty"]


def test_search_finds_in_a_room_that_is_named_what_its_history_shows(said, wire):
    """Whoever is not in a room may read there as long as it is not private, and then only those who are in it."""
    alice, bob = said
    shown = [item.seq for item in bob.say(History(2, "#ops", 100))[-1].items]
    assert [item.seq for item in bob.say(Search(3, "disk", 100, None, "", "#ops"))[-1].items] == shown != []
    alice.say(Rule(50, "#ops", "private", "on"))
    bob.hear()
    assert [event.code for event in bob.say(Search(4, "disk", 100, None, "", "#ops"))] == ["no_such_room"]
    assert "#ops" not in {item.to for item in bob.say(Search(5, "disk", 100))[-1].items}
    assert [item.seq for item in alice.say(Search(51, "disk", 100, None, "", "#ops"))[-1].items] == shown


def test_search_of_a_named_person_finds_only_what_was_said_with_them(said, wire):
    """To name a person opens what the two have said to each other, and nothing that the person said to a third."""
    carol = wire.connect("carol")
    carol.hear()
    for target in ("@alice", "@bob"):
        assert carol.say(Search(1, "disk", 100, None, "", target))[-1].items == []


def test_search_never_finds_the_direct_messages_of_others(said, wire):
    carol = wire.connect("carol")
    carol.hear()
    assert {item.to for item in carol.say(Search(1, "disk", 100))[-1].items} == {"#general", "*"}
    assert carol.say(Search(2, "", 100, None, "alice", "@bob"))[-1].items == []


# --- admins ----------------------------------------------------------------------------------------------------------


def admin(wire: Wire, name: str) -> Remote:
    """A person who was made an admin by the operator."""
    remote = wire.connect(name)
    operator = wire.connect("operator")
    assert operator.hear(Welcome)[0].role == "owner"
    operator.say(Grant(1, name, "admin"))
    remote.hear()
    return remote


@pytest.mark.parametrize(
    "command", [Kick(5, "bob"), Ban(5, "bob"), Unban(5, "bob"), Grant(5, "alice", "admin"), Down(5)]
)
def test_only_admins_moderate(wire, command):
    alice, bob = wire.connect("alice"), wire.connect("bob")
    alice.hear(), bob.hear()
    assert [(event.number, event.code) for event in alice.say(command)] == [(5, "not_allowed")]
    assert bob.hear() == []
    assert wire.core.closing is None


def test_the_operator_is_the_brokers_key_and_no_nick(wire):
    assert wire.core.operator == OPERATOR == key_of("operator")
    assert codes(wire.connect("mallory", nick="Operator")) == ["nick_invalid"]
    mallory = wire.connect("mallory")
    mallory.hear()
    assert [event.code for event in mallory.say(Grant(1, "mallory", "owner"))] == ["not_allowed"]


def test_the_operator_cannot_talk(wire):
    operator = wire.connect("operator")
    assert [event.code for event in operator.say(Post(1, "*", "hi")) if isinstance(event, Rejected)] == ["hello_first"]


def test_a_role_is_not_granted_by_a_nick_that_changed_hands(wire):
    wire.connect("alice").say(Bye())
    squatter = wire.connect("mallory", nick="alice")
    operator = wire.connect("operator")
    operator.hear()
    [refusal] = operator.say(Grant(1, "alice", "admin"))
    assert refusal.code == "no_such_nick"
    keys = [key_text(key_of(name)) for name in ("alice", "mallory")]
    assert all(key in refusal.text for key in keys)
    assert [type(event) for event in operator.say(Grant(2, keys[0], "admin"))] == [Accepted]
    squatter.hear()
    assert [event.code for event in squatter.say(Down(1))] == ["not_allowed"]
    squatter.say(Bye())
    assert wire.connect("alice").hear(Welcome)[0].role == "admin"


def test_a_role_survives_a_restart_and_can_be_taken_away(wire):
    admin(wire, "alice")
    wire.start()
    alice = wire.connect("alice")
    assert alice.hear(Welcome)[0].role == "admin"
    wire.connect("operator").say(Grant(1, "alice", "guest"))
    assert alice.hear(Moderated) == [Moderated("granted", "operator", "guest")]
    assert [event.code for event in alice.say(Down(1))] == ["not_allowed"]


def test_a_kick_says_why_and_frees_the_nick(wire):
    alice, bob = admin(wire, "alice"), wire.connect("bob")
    alice.hear(), bob.hear()
    alice.say(Kick(1, "Bob", "enough"))
    assert bob.hear() == [Dismissed("kicked", "You were kicked by alice: enough")]
    assert [type(event) for event in wire.connect("bob").hear()] == [Welcome]
    assert [event.code for event in alice.say(Kick(2, "nobody")) if isinstance(event, Rejected)] == ["no_such_nick"]


def test_a_ban_holds_for_the_key_under_any_nick_until_lifted(wire):
    alice, bob = admin(wire, "alice"), wire.connect("bob")
    bob.hear()
    alice.say(Ban(1, "bob", "spam"))
    assert [event.code for event in bob.hear(Dismissed)] == ["banned"]
    again = wire.connect("bob", nick="robert")
    assert [type(event) for event in again.hear()] == [Rejected, Dismissed]
    alice.say(Unban(2, "bob"))
    assert [type(event) for event in wire.connect("bob").hear()] == [Welcome]


def test_down_tells_everyone_and_takes_effect_after_the_countdown(wire):
    alice, bob = admin(wire, "alice"), wire.connect("bob")
    bob.hear()
    alice.say(Down(1, 20, "new disk"))
    assert bob.hear() == [Closing("alice", 20, "new disk")]
    assert wire.connect("carol").hear(Closing) == [Closing("alice", 20, "new disk")]
    wire.tick(seconds=19)
    assert wire.core.down is None
    wire.tick(seconds=2)
    assert wire.core.down.reason == "new disk"


# --- the disk --------------------------------------------------------------------------------------------------------


def test_when_the_log_cannot_be_written_nothing_is_accepted_and_it_goes_on_when_cured(wire):
    alice, bob = wire.connect("alice"), wire.connect("bob")
    alice.hear(), bob.hear()
    wire.log.broken = True
    events = alice.say(Post(1, "@bob", "one"), Post(2, "@bob", "two"), Join(3, "#ops"), Rooms(4))
    assert [(event.number, event.code) for event in events if isinstance(event, Rejected)] == [
        (1, "not_stored"),
        (2, "not_stored"),
        (3, "not_stored"),
    ]
    assert events[-1].rooms[0].name == "#general", "reading goes on"
    assert codes(wire.connect("carol")) == ["not_stored"]
    assert bob.hear() == [Storing(False, "The log cannot be written: disk full.")], "everyone is told, once"
    wire.log.broken = False
    alice.hear()
    wire.tick(seconds=2)
    assert alice.hear() == bob.hear() == [Storing(True, "The log can be written again.")], "without a word from anyone"
    assert alice.say(Post(1, "@bob", "one"))[0] == Accepted(1, 7)
    assert bodies(bob) == ["one"]


def test_a_known_script_may_ask_while_nothing_can_be_written_and_says_nothing(wire):
    """Its nick was free again, or its device is new: what its Hello needs cannot be stored."""
    alice = wire.connect("alice")
    alice.say(Post(1, "#general", "before"), Join(2, "#ops"), Rule(3, "#ops", "private", "on"), Bye())
    wire.connect("bob", after=0)
    wire.log.broken = True
    script = wire.connect("alice", device="script", quiet=True, after=3)
    events = script.hear()
    assert [type(event) for event in events] == [Welcome, Storing]
    assert (events[0].nick, events[0].after, events[0].head, events[1].ok) == ("alice", 3, 3, False)
    assert [event.head for event in script.say(Ping(1))] == [3], "or it would believe to have what it was not sent"
    page, roster, hidden = script.say(History(1, "#general"), Who(2), History(3, "#ops"))
    assert [item.body for item in page.items] == ["before"]
    assert [person.nick for person in roster.people] == ["bob"]
    assert hidden.code == "no_such_room", "it left the room with its nick, and has no more rights than it had"
    said = script.say(Post(4, "*", "x"), Register(5), Feed(1))
    assert {event.code for event in said} == {"not_stored"}
    assert codes(wire.connect("carol", quiet=True)) == ["not_stored"], "nobody knows her"
    assert codes(wire.connect("alice", device="console")) == ["not_stored"], "a console waits"
    wire.log.broken = False
    wire.tick(seconds=2)
    head = wire.log.head
    script.say(Post(7, "*", "x"))
    assert script.peer.gone, "it comes again, with a session"
    assert wire.log.head == head
    script = wire.connect("alice", device="script", quiet=True)
    assert Accepted in {type(event) for event in script.say(Post(7, "*", "x"))}


def test_who_may_only_ask_is_cut_when_the_time_for_a_hello_is_over(wire):
    wire.connect("alice").say(Bye())
    wire.log.broken = True
    script = wire.connect("alice", quiet=True)
    script.hear()
    wire.tick(seconds=HELLO_SECONDS + 3)
    assert script.peer.gone


def test_a_leaver_is_released_once_the_log_can_be_written_again(wire):
    alice, bob = wire.connect("alice"), wire.connect("bob")
    wire.log.broken = True
    alice.say(Bye())
    wire.log.broken = False
    bob.hear()
    listen(wire, bob, LEASE_SECONDS - 1)
    wire.tick(seconds=2)
    assert [event.what for event in bob.hear(Presence)] == ["left"]
