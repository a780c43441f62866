"""Transcripts of the core at its bounds: whoever floods it, stops reading, repeats everything, or is gone too soon."""

from __future__ import annotations

import pytest

from broker import backlog, core, feeding, index, log, outbound, questions, recall, requests
from messages import (
    BATCH_COMMANDS,
    PROTOCOL,
    RETRY_WINDOW,
    SEARCH_WORDS,
    Accepted,
    Ban,
    Bye,
    Dismissed,
    Feed,
    Hello,
    History,
    HistoryPage,
    Join,
    Kick,
    Leave,
    Message,
    Ping,
    Pong,
    Post,
    Presence,
    Rejected,
    Rename,
    Roster,
    Search,
    Welcome,
    Who,
)

from .wire import Remote, Wire


@pytest.fixture
def wire() -> Wire:
    return Wire()


def bodies(remote: Remote) -> list[str]:
    return [event.body for event in remote.hear(Message)]


def hello(nick: str, device: str = "one", after: int | None = None) -> Hello:
    return Hello(PROTOCOL, nick, device.encode().ljust(16, b"\0"), after)


# --- repeating everything --------------------------------------------------------------------------------------------


def test_thousands_of_retries_are_answered_with_one_look_at_the_log(wire, monkeypatch):
    """Also when others spoke between, when it takes several ticks, and when the newest is asked for first."""
    looked = []
    monkeypatch.setattr(
        log.Log, "read_back", lambda self, before, real=log.Log.read_back: looked.append(1) or real(self, before)
    )
    alice, bob = wire.connect("alice"), wire.connect("bob")
    wire.without_rate()
    alice.hear()
    said = {}
    for number in range(1, 3001):
        alice.put(Post(number, "@bob", "x"))
        bob.put(Post(number, "@alice", "y"))
        if number % 7 == 0:
            wire.tick()
    wire.tick()
    for event in alice.hear(Accepted):
        said |= {event.number + n: event.seq + n for n in range(event.count)}
    monkeypatch.setattr(feeding, "RETRY_ENTRIES", 1000)
    alice.break_off()
    alice = wire.connect("alice")
    alice.hear()
    answers = []
    for first in (3000, 1, 1001, 2001, 1):
        answers += alice.say(*(Post(n, "@bob", "x") for n in range(first, min(first + 1000, 3001))))
    assert {event.number: event.seq for event in answers if isinstance(event, Accepted)} == said
    assert len(looked) == 1
    assert bodies(bob) == ["x"] * 3000


def test_a_number_too_old_to_look_up_is_forgotten_and_a_gap_too(wire):
    alice = wire.connect("alice")
    alice.say(Post(1, "*", "old"), Post(5, "*", "x"), Post(RETRY_WINDOW + 1, "*", "y"))
    alice.hear()
    assert [event.code for event in alice.say(Post(1, "*", "old"), Post(3, "*", "gap"))] == ["forgotten"] * 2
    assert [type(event) for event in alice.say(Post(5, "*", "x"))] == [Accepted]


def test_what_is_accepted_later_is_looked_up_too(wire):
    alice = wire.connect("alice")
    for number in range(1, 5):
        [accepted] = alice.say(Post(number, "*", "x"))[-1:]
        assert alice.say(Post(number, "*", "x")) == [accepted]
    assert [event.seq for event in alice.say(*(Post(n, "*", "x") for n in (2, 1, 4, 3)))] == [5, 4, 7, 6]


def test_a_retry_while_the_log_cannot_be_read_is_told_so_and_answered_later(wire, monkeypatch):
    alice = wire.connect("alice")
    [accepted] = alice.say(Post(1, "*", "x"))[-1:]

    def unreadable(self, before):
        raise log.LogError("The log cannot be read.")

    with monkeypatch.context() as patch:
        patch.setattr(log.Log, "read_back", unreadable)
        assert [event.code for event in alice.say(Post(1, "*", "x"), History(2, "*"))] == ["not_read"] * 2
    assert alice.say(Post(1, "*", "x")) == [accepted]


# --- asking and sending too much -------------------------------------------------------------------------------------


def test_a_frame_of_questions_is_spread_over_ticks_and_others_are_served_between(wire, monkeypatch):
    asked = []
    real = recall.history
    monkeypatch.setattr(recall, "history", lambda *arguments: asked.append(1) or real(*arguments))
    alice, bob = wire.connect("alice"), wire.connect("bob")
    alice.hear(), bob.hear()
    alice.put(*(History(n, "*") for n in range(1, BATCH_COMMANDS + 1)))
    bob.put(Post(1, "*", "hi"))
    wire.core.tick(0, 0)
    assert len(asked) <= 2 * core.LOOKUPS / questions.HISTORY_COST
    wire.tick()
    assert len(alice.hear(HistoryPage)) == BATCH_COMMANDS
    assert [type(event) for event in bob.hear()] == [Accepted]


def test_a_search_for_too_many_words_is_refused(wire):
    alice = wire.connect("alice")
    alice.hear()
    words = [f"word{n}" for n in range(SEARCH_WORDS + 1)]
    [refused] = alice.say(Search(1, " ".join(words)))
    assert refused.code == "too_long"
    [page] = alice.say(Search(2, " ".join(words[1:] * 3)))
    assert page.items == []


def test_a_search_for_words_that_never_meet_is_spread_over_answers(wire, monkeypatch):
    """What the index walks through without finding anything is paid for too, and the page says where to go on."""
    monkeypatch.setattr(index, "PART_ENTRIES", 1_000)
    monkeypatch.setattr(index, "PORTION_ENTRIES", 1_000)
    alice = wire.connect("alice")
    wire.without_rate()
    alice.say(Post(1, "*", "odd and even"))
    for start in range(2, 50_002, 1_000):
        alice.say(*[Post(n, "*", "odd" if n % 2 else "even") for n in range(start, start + 1_000)])
    while wire.core.index.behind:
        wire.core.folding.step(wire.now)
    before, pages = None, []
    while not pages or before is not None:
        [page] = alice.say(Search(60_000, "odd even", 50, before))
        pages.append(page)
        before = page.before
    parts = len(wire.core.index._parts)
    assert len(pages) >= parts * 2 * recall.WORD_COST / recall.LOOKED_AT > 5
    assert [item.body for page in pages for item in page.items] == ["odd and even"]


def test_what_waits_for_one_connection_is_bounded_and_then_it_is_cut(wire, monkeypatch):
    monkeypatch.setattr(backlog, "MAX_WAITING", 100_000)
    alice, bob = wire.connect("alice"), wire.connect("bob")
    for n in range(500):
        alice.put(*(Join(n, "#room") if n % 2 else Leave(n, "#room") for n in range(1, 100)))
        wire.core.tick(wire.now, 0)
        if wire.core.cut:
            break
    assert n < 10
    wire.tick()
    assert alice.peer.gone
    assert not alice.peer.waiting
    assert Presence("alice", "lost") in bob.hear()


def test_who_does_not_read_is_not_listened_to_and_then_everything_is_done(wire):
    alice, bob = wire.connect("alice"), wire.connect("bob")
    alice.hear(), bob.hear()
    bob.full = True
    bob.say(Who(1))
    bob.say(Post(2, "@alice", "hi"), Who(3), Ping(4))
    assert bodies(alice) == []
    bob.full = False
    wire.tick(seconds=1)
    assert {type(event) for event in bob.hear()} == {Roster, Accepted, Pong}
    assert bodies(alice) == ["hi"]


def test_answers_for_one_who_does_not_read_are_bounded(wire, monkeypatch):
    monkeypatch.setattr(core, "MAX_ANSWERS", 100)
    bob = wire.connect("bob")
    bob.full = True
    bob.say(Who(1))
    for n in range(60):  # each comes and goes
        wire.connect(f"guest{n}").say(Bye())
    assert bob.peer.gone


def test_who_reads_nothing_costs_one_small_frame_now_and_then(wire, monkeypatch):
    alice, bob = wire.connect("alice"), wire.connect("bob")
    bob.full = True
    for n in range(1, 101):
        alice.say(Post(n, "@bob", "x" * 1000))
    tried, looked = [], []
    choked, portion = wire.core.choked, feeding.portion
    monkeypatch.setattr(wire.core, "choked", lambda peer, now: tried.append(now) or choked(peer, now))
    monkeypatch.setattr(feeding, "portion", lambda *arguments: looked.append(1) or portion(*arguments))
    for _ in range(100):
        wire.tick(seconds=0.1)
    assert len(tried) <= 15
    assert not looked
    bob.full = False
    wire.tick(seconds=backlog.LAST_PAUSE)
    assert len(bodies(bob)) == 100


def test_what_is_too_large_for_one_frame_comes_in_several_and_goes_on_where_it_was_refused(wire, monkeypatch):
    monkeypatch.setattr(outbound, "PART_BYTES", 1000)
    alice, bob = wire.connect("alice"), wire.connect("bob")
    bob.hear()
    heard = []
    bob.room = 3
    alice.put(*(Post(n, "@bob", f"{n} " + "x" * 100) for n in range(1, 101)))
    bob.put(*(Who(n) for n in range(1, 51)))
    while events := bob.hear() or (wire.tick(seconds=1) or bob.hear()):
        heard += events
        assert len(bob.inbox) <= 3
        bob.full = False
        wire.tick()
    assert [int(event.body.split()[0]) for event in heard if isinstance(event, Message)] == list(range(1, 101))
    assert [event.number for event in heard if isinstance(event, Roster)] == list(range(1, 51))


def test_what_waits_for_one_connection_is_looked_at_once(wire, monkeypatch):
    """However much it is: thousands of commands, each of which must be decided before the next is looked at."""
    handled, weighed = [], []
    handle, weight = requests.handle, backlog._weight
    monkeypatch.setattr(requests, "handle", lambda *arguments: handled.append(1) or handle(*arguments))
    monkeypatch.setattr(backlog, "_weight", lambda command: weighed.append(1) or weight(command))
    alice = wire.connect("alice")
    handled.clear()
    commands = [(Join if n % 2 else Leave)(n, "#room") for n in range(1, 2001)]
    for start in range(0, 2000, 1000):
        alice.put(*commands[start : start + 1000])
    wire.tick()
    assert len(alice.hear(Accepted)) == 2000
    assert len(handled) == 2000
    assert len(weighed) == 1999


# --- the cursor of one who does not read -----------------------------------------------------------------------------


def test_answers_that_are_not_taken_move_no_cursor(wire):
    """Presence, pongs and refusals were once enough to skip what a slow reader had still to get."""
    alice, bob = wire.connect("alice"), wire.connect("bob")
    bob.hear()
    bob.full = True
    for n in range(1, 100):
        alice.say(Post(n, "@bob", str(n)))
        if n % 10 == 0:
            bob.say(Ping(n))
            wire.connect(f"guest{n}")
            wire.tick(seconds=0.1)
    bob.full = False
    wire.tick(seconds=1)
    assert bodies(bob) == [str(n) for n in range(1, 100)]


def test_the_control_of_that(wire, monkeypatch):
    def skip(self, peer, now):
        self.out.take_back(peer)
        self.backlog.refused(peer, now)
        peer.session.live, peer.session.cursor = False, self.log.head

    monkeypatch.setattr(core.Core, "choked", skip)
    with pytest.raises(AssertionError):
        test_answers_that_are_not_taken_move_no_cursor(wire)


def test_who_did_not_take_the_last_portion_is_not_told_to_have_caught_up(wire):
    """A pong moves the cursor, so in front of what it speaks of it would skip that."""
    alice, bob = wire.connect("alice"), wire.connect("bob")
    cursor = bob.hear(Welcome)[0].head
    bob.say(Feed(None))
    alice.say(Post(1, "@bob", "one"), Post(2, "@bob", "two"))
    bob.full = True
    bob.say(Feed(cursor))
    bob.full = False
    wire.tick(seconds=1)
    *messages, pong = bob.hear()
    assert [message.body for message in messages] == ["one", "two"]
    assert pong == Pong(0, wire.log.head)


def test_the_control_of_who_did_not_take_the_last_portion(wire, monkeypatch):
    def keep(session, untaken, head, rewind=feeding.rewind):
        return [*rewind(session, untaken, head), *(event for event in untaken if isinstance(event, Pong))]

    monkeypatch.setattr(feeding, "rewind", keep)
    with pytest.raises(AttributeError):
        test_who_did_not_take_the_last_portion_is_not_told_to_have_caught_up(wire)


def test_presence_that_was_not_taken_comes_without_being_asked_for(wire):
    bob = wire.connect("bob")
    bob.hear()
    bob.full = True
    wire.connect("carol")
    bob.full = False
    assert wire.core.deadline(wire.now) <= wire.now + backlog.FIRST_PAUSE
    wire.tick(seconds=backlog.FIRST_PAUSE)
    assert bob.hear() == [Presence("carol", "joined"), Pong(0, wire.log.head)]


def test_a_feed_in_the_tick_of_a_delivery_sends_nothing_twice(wire):
    alice, bob = wire.connect("alice"), wire.connect("bob")
    cursor = bob.hear(Welcome)[0].head
    alice.say(Post(1, "@bob", "one"))
    bob.hear()
    wire.core.tell(wire.core.audience.everyone(), Presence("carol", "joined"))
    bob.put(Feed(cursor))
    alice.put(Post(2, "@bob", "two"))
    wire.tick()
    assert [event.body for event in bob.hear(Message)] == ["one", "two"]


@pytest.mark.parametrize("before", [None, 2**53, 5, 1, 0])
def test_history_before_any_sequence(wire, before):
    alice = wire.connect("alice")
    alice.say(*(Post(n, "*", str(n)) for n in range(1, 4)))
    [page] = alice.say(History(9, "*", 10, before))[-1:]
    assert [item.body for item in page.items] == {None: ["1", "2", "3"], 2**53: ["1", "2", "3"], 5: ["1"]}.get(
        before, []
    )
    assert page.before is None


# --- gone too soon ---------------------------------------------------------------------------------------------------


def test_a_nick_is_free_when_its_hello_was_committed_for_a_connection_that_is_gone(wire):
    alice = wire.connect("alice", greet=False)
    alice.put(hello("alice"))
    wire.core.close(alice.peer, wire.now)
    wire.tick()
    assert wire.core.state.by_nick == {}
    assert [type(event) for event in wire.connect("mallory", nick="alice").hear()] == [Welcome]


def test_what_waited_for_a_lost_connection_is_not_stored_beside_its_retry(wire):
    alice, bob = wire.connect("alice"), wire.connect("bob")
    alice.put(Join(1, "#ops"), Post(2, "@bob", "once"))
    wire.core.tick(wire.now, 0)  # the Join is decided, the Post waits for the next tick
    wire.core.close(alice.peer, wire.now)
    again = wire.connect("alice", greet=False)
    again.put(hello("alice"), Join(1, "#ops"), Post(2, "@bob", "once"))
    wire.tick()
    assert bodies(bob) == ["once"]


def test_a_device_that_said_its_last_and_is_back_at_once_goes_on_above_it(wire):
    wire.connect("alice", device="other")  # so that the account stays
    first, bob = wire.connect("alice"), wire.connect("bob")
    bob.hear()
    again = wire.connect("alice", greet=False)
    first.put(Post(1, "@bob", "last"), Bye())
    again.put(hello("alice"))
    wire.tick()
    assert again.hear(Welcome)[0].last_number == 1
    again.say(Post(1, "@bob", "last"), Post(2, "@bob", "next"))
    assert bodies(bob) == ["last", "next"]


def test_the_newer_connection_of_a_device_is_not_sent_what_the_older_one_said(wire):
    alice = wire.connect("alice")
    again = wire.connect("alice", greet=False)
    alice.put(Post(1, "*", "mine"))
    again.put(hello("alice"))
    wire.tick()
    assert again.hear(Message) == []


# --- putting people out ----------------------------------------------------------------------------------------------


def operator(wire: Wire) -> Remote:
    remote = wire.connect("operator")
    remote.hear()
    return remote


@pytest.mark.parametrize("first", ["hello", "ban"])
def test_a_ban_reaches_a_device_that_comes_in_at_the_same_moment(wire, first):
    desk, admin = wire.connect("eve"), operator(wire)
    desk.hear()
    phone = wire.connect("eve", greet=False)
    puts = [lambda: phone.put(hello("eve", "two"), Post(1, "*", "ha")), lambda: admin.put(Ban(1, "eve", "spam"))]
    for put in puts if first == "hello" else puts[::-1]:
        put()
    wire.tick()
    assert [event.code for event in desk.hear(Dismissed)] == ["banned"]
    assert [event.code for event in phone.hear(Dismissed)] == ["banned"]
    assert "ha" not in str(wire.log.read(0))
    assert wire.core.state.by_nick == {}


def test_a_ban_that_could_not_be_stored_puts_nobody_out(wire):
    eve, admin = wire.connect("eve"), operator(wire)
    eve.hear()
    wire.log.broken = True
    assert [event.code for event in admin.say(Ban(1, "eve")) if isinstance(event, Rejected)] == ["not_stored"]
    wire.log.broken = False
    assert Accepted in {type(event) for event in eve.say(Post(1, "*", "still here"))}


def test_a_kick_that_could_not_be_written_down_puts_nobody_out(wire):
    eve, admin = wire.connect("eve"), operator(wire)
    wire.log.broken = True
    assert [event.code for event in admin.say(Kick(1, "eve")) if isinstance(event, Rejected)] == ["not_stored"]
    assert eve.hear(Dismissed) == []
    wire.log.broken = False
    assert [type(event) for event in admin.say(Kick(2, "eve"))][-1] is Accepted
    assert [event.code for event in eve.hear(Dismissed)] == ["kicked"]


def test_someone_released_is_not_released_again_when_the_disk_fails(wire):
    wire.connect("eve")
    admin = operator(wire)
    admin.say(Ban(1, "eve"))
    wire.log.broken = True
    assert isinstance(admin.say(Ban(2, "eve"))[0], Rejected)
    wire.tick(seconds=1)


# --- endless words ---------------------------------------------------------------------------------------------------


def test_endless_names_are_not_repeated_in_refusals_and_notes(wire):
    endless = "x" * 100_000
    wire.connect("alice", client=endless)
    alice, admin = wire.peers[0], operator(wire)
    rejected = alice.say(
        Leave(1, endless), Join(2, endless), Post(3, f"@{endless}", "x"), Post(4, endless, "x"), Rename(5, endless)
    )
    rejected += admin.say(Kick(6, endless))
    assert [event.number for event in rejected if isinstance(event, Rejected)] == [1, 2, 3, 4, 5, 6]
    assert max(len(event.text) for event in rejected if isinstance(event, Rejected)) < 300
    assert max(len(repr(note)) for note in wire.core.notes) < 500


def test_endless_names_weigh_what_they_are_while_they_wait(wire):
    alice = wire.connect("alice")
    alice.put(Join(1, "#room"), *(Leave(n, "x" * 100_000) for n in range(2, 40)))
    assert alice.peer.waiting_bytes > 3_000_000
