"""Who was delivered and who has read: what a sender is told, and what nobody may be told."""

from __future__ import annotations

import pytest

from broker import core as core_module
from broker import greeting, questions, requests
from broker.entries import Reach, Span
from messages import (
    LEASE_SECONDS,
    TRACK_SEQS,
    TRACKED,
    Accepted,
    Announce,
    Ban,
    Bye,
    Done,
    Feed,
    Grant,
    Hello,
    Join,
    Leave,
    Mark,
    Ping,
    Pong,
    Post,
    Progress,
    Recipient,
    Register,
    Rejected,
    Rename,
    Roster,
    Share,
    Sharing,
    Track,
    Welcome,
    Who,
)

from .test_retention import cut
from .wire import OPERATOR, Remote, Wire, key_of


@pytest.fixture
def wire() -> Wire:
    return Wire()


def said(remote: Remote, command: Post | Announce) -> int:
    """Say something; returns its sequence."""
    [seq] = [event.seq for event in remote.say(command) if isinstance(event, Accepted)]
    return seq


def tracked(remote: Remote, command: Post | Announce) -> int:
    """Say something and track it; nobody has it yet."""
    seq = said(remote, command)
    assert remote.say(Track(command.number, [seq])) == [Done(command.number)]
    return seq


def told(wire: Wire, seq: int, delivered: list[str], read: list[str]) -> Progress:
    """What a sender is told of these people, under the nicks they have now or had last."""
    state = wire.core.state
    both = [
        [Recipient((state.by_key.get(key_of(nick)) or state.by_nick[nick]).id, nick) for nick in nicks]
        for nicks in (delivered, read)
    ]
    return Progress(seq, *both)


def asked(remote: Remote, *seqs: int) -> list[Progress]:
    """Ask who has these."""
    *known, done = [event for event in remote.say(Track(99, list(seqs))) if isinstance(event, (Done, Progress))]
    assert done == Done(99)
    return known


# --- live ------------------------------------------------------------------------------------------------------------


def test_a_direct_message_is_delivered_then_read_and_then_settled(wire):
    alice, bob = wire.connect("alice"), wire.connect("bob")
    seq = tracked(alice, Post(1, "@bob", "hi"))
    bob.say(Mark(seq - 1))
    assert alice.hear() == []
    bob.say(Mark(seq))
    assert alice.hear() == [told(wire, seq, ["bob"], [])]
    bob.say(Mark(seq), Mark(seq, seq - 1))
    assert alice.hear() == []
    bob.say(Mark(seq, seq))
    assert alice.hear() == [told(wire, seq, [], ["bob"])]
    assert wire.core.receipts.find(seq) is None
    assert asked(alice, seq) == [told(wire, seq, ["bob"], ["bob"])]
    assert wire.core.receipts.find(seq) is None


def test_who_has_read_it_was_delivered_it(wire):
    alice, bob = wire.connect("alice"), wire.connect("bob")
    seq = tracked(alice, Post(1, "@bob", "hi"))
    bob.say(Mark(0, seq))
    assert alice.hear() == [told(wire, seq, ["bob"], ["bob"])]


def test_an_announcement_to_everyone_is_told_of_once_a_tick_with_all_names(wire):
    alice, ann, ben, cid = (wire.connect(name) for name in ("alice", "ann", "ben", "cid"))
    first = tracked(alice, Announce(1, "*", "Deploy at five"))
    second = tracked(alice, Announce(2, "*", "Deploy at six"))
    ann.put(Mark(second, first)), ben.put(Mark(first))
    wire.tick()
    assert alice.hear() == [told(wire, first, ["ann", "ben"], ["ann"]), told(wire, second, ["ann"], [])]
    cid.put(Mark(second)), ben.put(Mark(second, second)), alice.put(Mark(second, second))
    wire.tick()
    assert alice.hear() == [told(wire, first, ["cid"], ["ben"]), told(wire, second, ["cid", "ben"], ["ben"])]
    assert asked(alice, first) == [told(wire, first, ["ann", "ben", "cid"], ["ann", "ben"])]


def test_scripts_count_for_what_is_said_to_them_and_not_for_announcements(wire):
    alice, script = wire.connect("alice"), wire.connect("ci", quiet=True)
    direct, announced = tracked(alice, Post(1, "@ci", "go")), tracked(alice, Announce(2, "*", "all go"))
    script.say(Mark(announced))
    assert alice.hear() == [told(wire, direct, ["ci"], [])]
    assert asked(alice, direct, announced) == [told(wire, direct, ["ci"], [])]


def test_the_room_matters_and_since_when_one_is_in_it(wire):
    alice, ann, ben, cid = (wire.connect(name) for name in ("alice", "ann", "ben", "cid"))
    ann.say(Join(1, "#ops")), ben.say(Join(1, "#ops"))
    seq = tracked(alice, Announce(1, "#ops", "Deploy"))
    cid.say(Join(1, "#ops"))
    ben.say(Leave(2, "#ops"))
    for person in (ann, ben, cid):
        person.say(Mark(wire.log.head))
    assert alice.hear(Progress) == [told(wire, seq, ["ann"], [])]
    assert asked(alice, seq) == [told(wire, seq, ["ann"], [])]


def test_all_devices_of_the_sender_that_ask_are_told(wire):
    desk, phone, pad = (wire.connect("alice", device=device) for device in ("desk", "phone", "pad"))
    bob = wire.connect("bob")
    seq = tracked(desk, Post(1, "@bob", "hi"))
    phone.say(Track(1, [seq])), pad.hear()
    bob.say(Mark(seq))
    assert desk.hear(Progress) == phone.hear(Progress) == [told(wire, seq, ["bob"], [])]
    assert pad.hear(Progress) == []


def test_two_devices_of_the_recipient_are_one_person(wire):
    alice, desk, phone = wire.connect("alice"), wire.connect("bob"), wire.connect("bob", device="phone")
    seq = tracked(alice, Post(1, "@bob", "hi"))
    desk.say(Mark(seq)), phone.say(Mark(seq))
    assert alice.hear() == [told(wire, seq, ["bob"], [])]
    phone.say(Mark(seq, seq)), desk.say(Mark(seq, seq))
    assert alice.hear() == [told(wire, seq, [], ["bob"])]


def test_who_does_not_share_it_is_told_of_by_no_device_and_names_nobody_later(wire):
    """Whatever their clients say: one may not know yet. What is delivered is told as ever."""
    alice, desk, phone = wire.connect("alice"), wire.connect("bob"), wire.connect("bob", device="phone")
    earlier, seq = tracked(alice, Post(1, "@bob", "hi")), tracked(alice, Post(2, "@bob", "are you there?"))
    phone.say(Mark(earlier, earlier))
    alice.hear(), phone.hear(), desk.hear()
    assert desk.say(Share(1, False))[1:] == phone.hear() == [Sharing(False)]
    phone.say(Mark(seq, seq)), desk.say(Mark(seq, seq))
    assert alice.hear() == [told(wire, seq, ["bob"], [])]
    assert asked(alice, earlier, seq) == [told(wire, each, ["bob"], []) for each in (earlier, seq)]
    phone.break_off()
    assert next(iter(wire.connect("bob", device="phone").hear(Welcome))).sharing is False
    desk.say(Share(2, False))
    assert alice.hear() == []
    desk.say(Share(3, True))
    later = tracked(alice, Post(3, "@bob", "well"))
    desk.say(Mark(later, later))
    assert told(wire, later, ["bob"], ["bob"]) in alice.hear()
    assert asked(alice, seq, later) == [told(wire, seq, ["bob"], []), told(wire, later, ["bob"], ["bob"])], "since then"
    desk.break_off()
    again = wire.connect("bob", after=0, began=0)
    again.say(Mark(later, later))
    assert asked(alice, seq) == [told(wire, seq, ["bob"], [])], "nor by a device that has all of it"


def test_a_restart_does_not_forget_who_shares_nothing(wire):
    wire.connect("bob").say(Share(1, False))
    wire.core.store_snapshot()
    wire.start()
    alice, bob = wire.connect("alice"), wire.connect("bob")
    seq = tracked(alice, Announce(1, "*", "hear"))
    bob.say(Mark(seq, seq))
    assert alice.hear() == [told(wire, seq, ["bob"], [])]


def test_a_recipient_is_called_as_they_are_called_now(wire):
    alice, bob = wire.connect("alice"), wire.connect("bob")
    seq = tracked(alice, Post(1, "@bob", "hi"))
    bob.say(Rename(1, "rob"))
    bob.say(Mark(seq))
    assert alice.hear(Progress) == [told(wire, seq, ["rob"], [])]
    assert asked(alice, seq) == [told(wire, seq, ["rob"], [])]


def test_one_person_stays_one_under_another_nick_and_two_stay_two_under_one(wire):
    """Who counts people counts their numbers: over renames, new connections and nicks that change hands."""
    alice, bob = wire.connect("alice"), wire.connect("bob")
    seq = tracked(alice, Announce(1, "*", "Deploy"))
    bob.say(Mark(seq))
    bob.say(Rename(1, "rob"))
    carol = wire.connect("carol")
    carol.say(Rename(1, "bob"))
    bob.say(Mark(seq, seq))
    [delivered, read] = alice.hear(Progress)
    assert (delivered.delivered[0].nick, read.read[0].nick) == ("bob", "rob")
    assert delivered.delivered[0].person == read.read[0].person
    alice = wire.connect("alice")
    assert asked(alice, seq) == [told(wire, seq, ["rob"], ["rob"])]
    again = tracked(alice, Announce(2, "*", "Deploy again"))
    carol.say(Mark(again), Bye())
    bob.say(Rename(2, "bob"))
    bob.say(Mark(again))
    [first, second] = alice.hear(Progress)
    assert (first.delivered[0].nick, second.delivered[0].nick) == ("bob", "bob")
    assert first.delivered[0].person != second.delivered[0].person


def test_news_comes_also_while_deliveries_are_held_back(wire):
    alice, bob = wire.connect("alice"), wire.connect("bob")
    seq = tracked(alice, Post(1, "@bob", "hi"))
    alice.say(Feed(None))
    bob.say(Mark(seq))
    assert alice.hear() == [told(wire, seq, ["bob"], [])]


def test_one_who_takes_nothing_is_told_later(wire):
    alice, bob = wire.connect("alice"), wire.connect("bob")
    seq = tracked(alice, Post(1, "@bob", "hi"))
    alice.full = True
    bob.say(Mark(seq))
    alice.full = False
    wire.tick(seconds=1)
    assert alice.hear(Progress) == [told(wire, seq, ["bob"], [])]


# --- what nobody may claim -------------------------------------------------------------------------------------------


def claims_too_much(wire: Wire) -> list[Progress]:
    """A client that holds deliveries back says it took all that will ever be."""
    alice, bob = wire.connect("alice"), wire.connect("bob")
    bob.say(Feed(None))
    seq = tracked(alice, Post(1, "@bob", "hi"))
    bob.say(Mark(2**53, 2**53))
    assert wire.core.receipts.find(seq) is not None
    return alice.hear(Progress)


def test_a_mark_claims_no_more_than_was_sent(wire):
    assert claims_too_much(wire) == []


def test_a_mark_claims_nothing_of_the_tick_that_is_not_over(wire):
    alice, bob = wire.connect("alice"), wire.connect("bob")
    alice.put(Post(1, "@bob", "hi")), bob.put(Mark(2**53))
    wire.tick()
    seq = wire.log.head
    assert asked(alice, seq) == []
    bob.say(Mark(seq))
    assert alice.hear() == [told(wire, seq, ["bob"], [])]


def test_the_control_without_the_clamp_it_claims_what_it_never_had(wire, monkeypatch):
    monkeypatch.setattr(requests, "_sent", lambda core, session: 2**53)
    with pytest.raises(AssertionError):
        assert claims_too_much(wire) == []


def second_device(wire: Wire) -> list[Progress]:
    """The first device has not taken the message; the second one starts behind it, and takes and shows all it gets."""
    alice, desk = wire.connect("alice"), wire.connect("bob")
    desk.full = True
    seq = tracked(alice, Post(1, "@bob", "hi"))
    phone = wire.connect("bob", device="phone")
    later = tracked(alice, Post(2, "@bob", "hi again"))
    phone.say(Mark(later, later))
    heard = alice.hear(Progress)
    assert told(wire, later, ["bob"], ["bob"]) in heard
    heard = [event for event in (*heard, *asked(alice, seq)) if event.seq == seq]
    phone.say(Mark(wire.log.head, wire.log.head))
    desk.full = False
    wire.tick(seconds=1)
    desk.say(Mark(later, seq))
    assert alice.hear(Progress) == [told(wire, seq, ["bob"], ["bob"])]
    return heard


def test_a_second_device_does_not_claim_what_only_the_first_will_get(wire):
    assert second_device(wire) == []


def test_the_control_without_where_it_began_it_does(wire, monkeypatch):
    monkeypatch.setattr(greeting, "_began", lambda command, cursor: 0)
    with pytest.raises(AssertionError):
        assert second_device(wire) == []


def test_a_guest_who_came_later_does_not_count(wire):
    alice = wire.connect("alice")
    seq = tracked(alice, Announce(1, "*", "Deploy"))
    wire.connect("late").say(Mark(seq + 10, seq + 10))
    assert alice.hear(Progress) == []
    assert asked(alice, seq) == []


def test_who_skips_something_does_not_count_for_it(wire):
    alice, bob = wire.connect("alice"), wire.connect("bob")
    taken = tracked(alice, Post(1, "@bob", "one"))
    bob.say(Mark(taken), Feed(None))
    skipped = tracked(alice, Post(2, "@bob", "two"))
    bob.say(Feed(skipped))
    last = tracked(alice, Post(3, "@bob", "three"))
    bob.say(Mark(last))
    assert [event.seq for event in alice.hear(Progress)] == [last]
    assert [event.seq for event in asked(alice, taken, skipped, last)] == [taken, last]


def test_what_is_no_longer_kept_nobody_claims_and_nobody_asks_for(wire):
    alice, bob = wire.connect("alice"), wire.connect("bob")
    bob.say(Feed(None), Mark(wire.log.head))
    lost, kept = tracked(alice, Post(1, "@bob", "one")), tracked(alice, Post(2, "@bob", "two"))
    cut(wire, lost)
    bob.say(Feed(lost - 1))
    bob.say(Mark(kept))
    assert alice.hear(Progress) == [told(wire, kept, ["bob"], [])]
    phone = wire.connect("alice", device="phone")
    phone.hear()
    assert asked(phone, kept) == [told(wire, kept, ["bob"], [])]
    cut(wire, kept)
    alice.say(Bye()), phone.say(Bye())
    again = wire.connect("alice", device="again")
    again.hear()
    assert [event.code for event in again.say(Track(1, [kept]))] == ["not_tracked"]


def test_a_mark_before_hello_and_one_by_the_operator_mean_nothing(wire):
    alice = wire.connect("alice")
    seq = tracked(alice, Announce(1, "*", "Deploy"))
    stranger = wire.connect("stranger", greet=False)
    assert stranger.say(Mark(seq)) == []
    assert [event.code for event in stranger.say(Track(1, [seq]))] == ["hello_first"]
    operator = wire.connect("operator", greet=False)
    operator.peer.key = OPERATOR
    operator.say(Hello(1, "operator", bytes(16)), Mark(seq, seq))
    assert alice.hear() == []


# --- over breaks and restarts ----------------------------------------------------------------------------------------


def test_a_recipient_within_the_lease_comes_back_and_says_what_it_took(wire):
    alice, bob = wire.connect("alice"), wire.connect("bob")
    began = bob.hear(Welcome)[0].after
    seq = tracked(alice, Post(1, "@bob", "hi"))
    bob.break_off()
    assert [type(event).__name__ for event in alice.hear()] == ["Presence"]
    wire.connect("bob", after=seq, began=began)
    assert told(wire, seq, ["bob"], []) in alice.hear()


def test_what_a_device_had_is_remembered_when_it_starts_anew(wire):
    alice, bob = wire.connect("alice"), wire.connect("bob")
    seq = said(alice, Announce(1, "*", "Deploy"))
    bob.say(Mark(seq, seq))
    wire.connect("bob")  # without a cursor, over a new connection of the same device
    assert asked(alice, seq) == [told(wire, seq, ["bob"], ["bob"])]


def test_a_recipient_whose_lease_ended_comes_back_and_gets_and_says_the_rest(wire):
    alice, bob = wire.connect("alice"), wire.connect("bob")
    began = bob.hear(Welcome)[0].after
    taken, missed = tracked(alice, Post(1, "@bob", "one")), tracked(alice, Post(2, "@bob", "two"))
    bob.break_off()
    wire.tick(seconds=LEASE_SECONDS + 1)
    bob = wire.connect("bob", after=taken, began=began)
    alice = wire.connect("alice")
    assert asked(alice, taken, missed) == [told(wire, taken, ["bob"], [])]
    bob.say(Mark(missed, taken))
    news = sorted(alice.hear(Progress), key=lambda event: event.seq)
    assert news == [told(wire, taken, [], ["bob"]), told(wire, missed, ["bob"], [])]


def test_the_client_of_a_guest_says_it_again_after_the_brokers_crash(wire):
    alice, bob = wire.connect("alice"), wire.connect("bob")
    began = bob.hear(Welcome)[0].after
    seq = said(alice, Post(1, "@bob", "hi"))
    bob.say(Mark(seq, seq))
    wire.start()
    alice = wire.connect("alice")
    assert asked(alice, seq) == []
    bob = wire.connect("bob", after=seq, began=began)
    bob.say(Mark(seq, seq))
    assert alice.hear(Progress) == [told(wire, seq, ["bob"], []), told(wire, seq, [], ["bob"])]


def test_a_guest_that_came_after_it_does_not_count_after_the_brokers_crash_either(wire):
    alice = wire.connect("alice")
    seq = said(alice, Announce(1, "*", "Deploy"))
    late = wire.connect("late").hear(Welcome)[0]
    wire.start()
    alice = wire.connect("alice")
    wire.connect("late", after=late.after, began=late.after).say(Mark(late.after, late.after))
    assert asked(alice, seq) == []


def test_a_device_that_came_back_to_another_log_says_nothing(wire):
    alice = wire.connect("alice")
    seq = said(alice, Announce(1, "*", "Deploy"))
    wire.connect("bob", after=1000, began=0).say(Mark(1000))
    assert asked(alice, seq) == []


@pytest.mark.parametrize("restart", [False, True])
def test_a_registered_recipient_who_is_away_is_remembered_and_told_of_when_back(wire, restart):
    alice, bob = wire.connect("alice"), wire.connect("bob")
    bob.say(Register(1))
    first, second = said(alice, Post(1, "@bob", "one")), said(alice, Post(2, "@bob", "two"))
    third = said(alice, Announce(3, "*", "three"))
    bob.say(Mark(third, first), Bye())
    alice.say(Bye())
    if restart:
        wire.start()
    alice = wire.connect("alice")
    known = [told(wire, first, ["bob"], ["bob"]), told(wire, second, ["bob"], []), told(wire, third, ["bob"], [])]
    if restart:  # the guest alice was released when she left: of what she said all is still hers
        assert alice.hear(Welcome)[0].nick == "alice"
    assert asked(alice, first, second, third) == known
    fourth = tracked(alice, Post(4, "@bob", "four"))
    bob = wire.connect("bob", device="another")
    bob.say(Mark(fourth, fourth))
    assert alice.hear(Progress) == [told(wire, fourth, ["bob"], ["bob"])]
    assert asked(alice, second) == [told(wire, second, ["bob"], [])]  # nobody showed it: the new device has not got it


def test_what_a_guest_has_is_known_when_the_guest_is_gone(wire):
    alice, bob = wire.connect("alice"), wire.connect("bob")
    direct, announced = said(alice, Post(1, "@bob", "hi")), said(alice, Announce(2, "*", "Deploy"))
    bob.say(Mark(announced, announced), Bye())
    other = wire.connect("carol", nick="bob")  # the nick is somebody else's now
    wire.start()
    other = wire.connect("carol", nick="bob")
    other.say(Mark(wire.log.head, wire.log.head))
    assert asked(wire.connect("alice"), direct, announced) == [told(wire, direct, ["bob"], ["bob"])]


def test_a_guest_who_comes_again_counts_from_then_on(wire):
    alice, bob = wire.connect("alice"), wire.connect("bob")
    first = said(alice, Post(1, "@bob", "one"))
    bob.say(Mark(first), Bye())
    between = said(alice, Announce(2, "*", "two"))
    bob = wire.connect("bob")
    last = said(alice, Announce(3, "*", "three"))
    bob.say(Mark(last))
    assert asked(alice, between, last) == [told(wire, last, ["bob"], [])]


def test_a_sender_that_was_away_asks_again(wire):
    alice, bob = wire.connect("alice"), wire.connect("bob")
    seq = tracked(alice, Post(1, "@bob", "hi"))
    alice.break_off()
    assert wire.core.receipts.find(seq) is None
    bob.say(Mark(seq))
    alice = wire.connect("alice")
    assert alice.hear(Progress) == []
    assert asked(alice, seq) == [told(wire, seq, ["bob"], [])]
    alice.say(Bye())
    assert wire.core.receipts.find(seq) is None


def test_a_banned_recipient_is_still_one_who_had_it(wire):
    alice, bob = wire.connect("alice"), wire.connect("bob")
    operator = wire.connect("operator", greet=False)
    operator.peer.key = OPERATOR
    operator.say(Hello(1, "operator", bytes(16)), Grant(1, "alice", "admin"))
    seq = tracked(alice, Post(1, "@bob", "hi"))
    bob.say(Mark(seq))
    alice.say(Ban(2, "bob"))
    assert asked(alice, seq) == [told(wire, seq, ["bob"], [])]


# --- questions and their limits --------------------------------------------------------------------------------------


def test_only_own_direct_messages_and_announcements_are_tracked(wire):
    alice, bob = wire.connect("alice"), wire.connect("bob")
    mine, plain, roomed = (said(alice, Post(n, to, "x")) for n, to in enumerate(("@bob", "*", "#general"), 1))
    theirs = said(bob, Post(1, "@alice", "x"))
    for seqs in ([plain], [roomed], [theirs], [mine, theirs], [1], [0], [wire.log.head + 1], [2**53]):
        [refusal] = alice.say(Track(9, seqs))[-1:]
        assert isinstance(refusal, Rejected)
        assert (refusal.number, refusal.code) == (9, "not_tracked")
    assert [event.code for event in bob.say(Track(9, [mine]))] == ["not_tracked"]  # though somebody tracks it
    for seqs in ([], [mine] * (TRACK_SEQS + 1)):
        assert [event.code for event in alice.say(Track(9, seqs))] == ["malformed"]


def test_a_place_that_cannot_be_read_is_said_so(wire, monkeypatch):
    alice, _ = wire.connect("alice"), wire.connect("bob")
    seq = said(alice, Post(1, "@bob", "x"))

    def unreadable(self, after):
        raise core_module.LogError("The log cannot be read.")

    monkeypatch.setattr(core_module.Log, "read", unreadable)
    assert [event.code for event in alice.say(Track(2, [seq]))] == ["not_read"]


def test_of_many_the_first_are_forgotten(wire):
    alice, bob = wire.connect("alice"), wire.connect("bob")
    count = TRACKED + TRACK_SEQS
    for number in range(1, count + 1):
        alice.put(Post(number, "@bob", "x"))
    wire.tick()
    first = wire.log.head - count + 1
    for start in range(first, first + count, TRACK_SEQS):
        alice.say(Track(9999, list(range(start, start + TRACK_SEQS))))
    alice.hear()
    bob.say(Mark(wire.log.head))
    assert [event.seq for event in alice.hear(Progress)] == list(range(first + TRACK_SEQS, first + count))


def test_a_track_of_many_for_many_is_spread_over_ticks(wire, monkeypatch):
    monkeypatch.setattr(questions, "PORTION", 30)
    people = [wire.connect(f"guest{n}") for n in range(20)]
    alice = wire.connect("alice")
    seqs = [said(alice, Announce(number, "*", "x")) for number in range(1, 11)]
    for person in people:
        person.say(Mark(wire.log.head))
    alice.put(Track(11, seqs), Ping(1))
    answered = [len(alice.peer.answers)]
    while alice.peer.blocked:
        wire.core.tick(wire.now, 0)
        answered.append(len(alice.peer.answers))
    assert answered == [2, 4, 6, 8, 12]  # two in each tick, and with the last ones what stands behind them
    wire.tick()
    *known, done, pong = alice.hear()
    assert (done, pong) == (Done(11), Pong(1, wire.log.head))
    assert [(event.seq, len(event.delivered)) for event in known] == [(seq, 20) for seq in seqs]


def test_what_is_read_in_the_log_for_a_track_counts_too(wire, monkeypatch):
    monkeypatch.setattr(questions, "PORTION", 30)
    monkeypatch.setattr(questions, "ENTRIES", 1)
    alice, _ = wire.connect("alice"), wire.connect("bob")
    heads = []
    for start in (1, 41):
        alice.say(*(Post(start + n, "@bob", "x") for n in range(40)))
        heads.append(wire.log.head)
    alice.put(Track(99, [heads[0], heads[0] - 1, heads[1]]))
    for tracked_by_then in (1, 2, 3):
        assert len(wire.core.receipts._watches) == tracked_by_then
        wire.core.tick(wire.now, 0)
        wire.core.end_tick()


def test_what_many_people_make_dear_is_paid_for_and_never_waits_for_ever(wire, monkeypatch):
    monkeypatch.setattr(questions, "PEOPLE", 1)
    people = [wire.connect(f"guest{n}") for n in range(2 * core_module.LOOKUPS)]
    people[0].hear()
    people[0].put(Who(1), Who(2))
    wire.core.tick(wire.now, 0)
    assert [type(event) for event in people[0].peer.answers] == [Roster]
    wire.tick()
    assert len(people[0].hear(Roster)) == 2
    seq = said(people[0], Announce(3, "*", "x"))
    people[0].put(Track(4, [seq]), Track(5, [seq]))
    wire.core.tick(wire.now, 0)
    assert [type(event) for event in people[0].peer.answers] == [Done]


def test_nothing_is_left_when_all_are_gone(wire):
    alice, bob = wire.connect("alice"), wire.connect("bob")
    for number, to in enumerate(("*", "@bob", "#general"), 1):
        tracked(alice, Announce(number, to, "x"))
    bob.say(Mark(wire.log.head))
    alice.say(Bye())
    receipts = wire.core.receipts
    assert not [what for what in (receipts._watches, receipts._to, receipts._of, receipts._news) if what]


# --- spans -----------------------------------------------------------------------------------------------------------


def test_spans_that_meet_are_one_and_of_others_the_newer_is_kept():
    assert Span(2, 5).joined(Span(5, 9)) == Span(5, 9).joined(Span(2, 5)) == Span(2, 9)
    assert Span(2, 5).joined(Span(6, 9)) == Span(6, 9).joined(Span(2, 5)) == Span(6, 9)
    assert Span(2, 5).joined(Span(100, 100)) == Span(100, 0).joined(Span(2, 5)) == Span(2, 5)
    assert Span().joined(Span(3, 5)) == Span(3, 5)
    assert not Span(4, 4).covers(4)
    assert Reach(Span(1, 4)).joined(Reach(Span(3, 6), Span(3, 5))) == Reach(Span(1, 6), Span(3, 5))
