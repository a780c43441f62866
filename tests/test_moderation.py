"""Roles and what they may do, as transcripts: who is refused, what follows, what the audit trail says."""

from __future__ import annotations

import pytest

from broker.entries import Kicked
from broker.policy import BROKER_RULES, ROOM_RULES
from messages import (
    PROTOCOL,
    ROLES,
    Accepted,
    Admit,
    Announce,
    Audit,
    AuditPage,
    Away,
    Ban,
    Bye,
    Closed,
    Closing,
    Delete,
    Deleted,
    Dismissed,
    Done,
    Down,
    Grant,
    Hello,
    History,
    HistoryPage,
    Join,
    Kick,
    Message,
    Moderated,
    Mute,
    Ping,
    Post,
    Presence,
    Register,
    Registration,
    Rejected,
    Rename,
    Revoke,
    RoomList,
    Rooms,
    Roster,
    Rule,
    Ruled,
    RuleList,
    Rules,
    Search,
    Share,
    Stay,
    Staying,
    Transfer,
    Unban,
    Uninvite,
    Unmute,
    Welcome,
    Who,
    key_text,
)

from .wire import BrittleLog, Remote, Wire, key_of


@pytest.fixture
def wire() -> Wire:
    return Wire()


def person(wire: Wire, name: str, role: str = "guest") -> Remote:
    """Somebody who is here, with a role."""
    remote = wire.connect(name)
    if role != "guest":
        operator(wire).say(Grant(1, name, role))
    remote.hear()
    return remote


def operator(wire: Wire) -> Remote:
    remote = wire.connect("operator")
    remote.hear()
    return remote


def refusals(events: list) -> list[str]:
    return [event.code for event in events if isinstance(event, Rejected)]


def bodies(remote: Remote) -> list[str]:
    return [event.body for event in remote.hear(Message)]


def deeds(wire: Wire) -> list[tuple[str, ...]]:
    [page] = [event for event in operator(wire).say(Audit(9)) if isinstance(event, AuditPage)]
    return [(deed.what, deed.by, deed.whom, deed.detail, deed.reason) for deed in page.deeds]


# --- rank ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("above", ROLES)
@pytest.mark.parametrize("below", ROLES)
def test_one_acts_only_on_those_further_down(wire, above, below):
    """A kick works exactly when the kicker is a moderator or more, and further up than the other."""
    alice, bob = person(wire, "alice", above), person(wire, "bob", below)
    may = ROLES.index(above) >= ROLES.index("moderator") and ROLES.index(above) > ROLES.index(below)
    assert refusals(alice.say(Kick(1, "bob"))) == ([] if may else ["not_allowed"])
    assert bool(bob.hear(Dismissed)) is may


@pytest.mark.parametrize("giver", ROLES)
@pytest.mark.parametrize("role", ROLES)
def test_one_gives_roles_below_ones_own_and_an_owner_any(wire, giver, role):
    alice, bob = person(wire, "alice", giver), person(wire, "bob")
    may = giver == "owner" or (giver == "admin" and ROLES.index(role) < ROLES.index("admin"))
    assert refusals(alice.say(Grant(1, "bob", role))) == ([] if may else ["not_allowed"])
    assert wire.core.state.by_nick["bob"].role == (role if may else "guest")
    assert bob.hear(Moderated) == ([Moderated("granted", "alice", role)] if may and role != "guest" else [])


def test_nobody_acts_on_themselves_but_may_step_down(wire):
    alice = person(wire, "alice", "admin")
    assert refusals(alice.say(Kick(1, "alice"), Ban(2, "alice"), Mute(3, "alice"))) == ["not_allowed"] * 3
    assert refusals(alice.say(Grant(4, "alice", "member"))) == []
    assert refusals(alice.say(Kick(5, "bob"))) == ["not_allowed"]


def test_an_owner_is_touched_by_the_operator_alone(wire):
    person(wire, "ann", "owner")
    ben = person(wire, "ben", "owner")
    assert refusals(ben.say(Ban(1, "ann"))) == ["not_allowed"]
    assert refusals(operator(wire).say(Ban(1, "ann"))) == []


# --- what is done to people ------------------------------------------------------------------------------------------


def test_a_ban_ends_by_itself(wire):
    alice = person(wire, "alice", "moderator")
    bob = wire.connect("bob")
    alice.say(Ban(1, "bob", "cool down", 60.0))
    bob.break_off()
    text = wire.connect("bob").hear(Dismissed)[0].text
    assert text == "You are banned here for another 60 seconds: cool down."
    listen(wire, alice, 61)
    assert [type(event) for event in wire.connect("bob").hear()] == [Welcome]


def listen(wire: Wire, remote: Remote, seconds: float) -> None:
    """Time passes for somebody who says something now and then."""
    from messages import Ping

    while seconds > 0:
        wire.tick(seconds=min(seconds, 9))
        remote.say(Ping(1))
        seconds -= 9


def test_who_is_muted_says_nothing_that_others_see_and_is_told(wire):
    """Also over the fast path, for which the target is known already."""
    alice, bob, cid = person(wire, "alice", "moderator"), person(wire, "bob"), person(wire, "cid")
    bob.say(Post(1, "#general", "before"))
    alice.say(Mute(1, "bob", "shouting", 60.0))
    [told] = bob.hear(Moderated)
    assert (told.what, told.by, told.reason, told.seconds) == ("muted", "alice", "shouting", 60.0)
    commands = Post(2, "#general", "x"), Announce(3, "*", "x"), Away(4, "x"), Rename(5, "bobby"), Post(6, "@cid", "x")
    answers = bob.say(*commands)
    assert refusals(answers) == ["muted"] * 5
    assert answers[0].text == "alice muted you for another 60 seconds: shouting."
    assert bodies(cid) == ["before"]
    listen(wire, bob, 61)
    assert refusals(bob.say(Post(7, "#general", "after"))) == []
    alice.say(Mute(2, "bob"))
    assert refusals(bob.say(Post(8, "#general", "x"))) == ["muted"]
    alice.say(Unmute(3, "bob"))
    assert [event.what for event in bob.hear(Moderated)] == ["unmuted"]
    assert refusals(bob.say(Post(9, "#general", "again"))) == []


def test_an_address_is_barred_with_all_who_come_from_there(wire):
    alice = person(wire, "alice", "moderator")
    near, far = wire.connect("near"), wire.connect("far")
    near.peer.address, far.peer.address = "192.0.2.7", "198.51.100.1"
    assert refusals(alice.say(Ban(1, "192.0.2.0/24", "flood"))) == []
    assert [event.code for event in near.hear(Dismissed)] == ["banned"]
    assert far.hear(Dismissed) == []
    again = wire.connect("near", greet=False)
    again.peer.address = "::ffff:192.0.2.9"
    from messages import PROTOCOL, Hello

    assert refusals(again.say(Hello(PROTOCOL, "near", b"1" * 16))) == ["banned"]
    assert "Your address is banned here: flood." in str(wire.core.notes)


@pytest.mark.parametrize("wide", ["0.0.0.0/0", "10.0.0.0/7", "::/0", "127.0.0.1", "::1"])
def test_a_slip_bars_neither_everyone_nor_this_machine(wire, wide):
    assert refusals(person(wire, "alice", "admin").say(Ban(1, wide))) == ["not_allowed"]
    assert wire.core.state.barred == {}


def test_a_key_that_was_never_here_can_be_given_a_role(wire):
    alice = person(wire, "alice", "owner")
    assert refusals(alice.say(Rule(1, "*", "access", "closed"), Grant(2, key_text(key_of("zoe")), "member"))) == []
    assert wire.connect("zoe").hear(Welcome)[0].role == "member"
    assert [event.code for event in wire.connect("yan").hear(Dismissed)] == ["not_invited"]


# --- messages --------------------------------------------------------------------------------------------------------


def test_a_deleted_message_is_shown_to_nobody_any_more(wire):
    """Those who have it are told; it stands in no history and no search, and comes to nobody who was away."""
    alice, bob, cid = person(wire, "alice", "moderator"), person(wire, "bob"), person(wire, "cid")
    cid.say(Register(1))
    cid.break_off()
    answers = bob.say(Post(1, "#general", "secret word"), Post(2, "#general", "other"))
    [accepted] = [event for event in answers if isinstance(event, Accepted)]
    assert bodies(alice) == ["secret word", "other"]
    alice.say(Delete(1, accepted.seq, "leak"))
    assert bob.hear(Deleted) == [Deleted(accepted.seq, "alice", "leak")]
    for question in (History(2, "#general"), Search(3, "word")):
        [page] = [event for event in alice.say(question) if isinstance(event, HistoryPage)]
        assert "secret word" not in str(page)
    assert bodies(wire.connect("cid", after=0)) == ["other"]
    assert refusals(alice.say(Delete(4, accepted.seq))) == ["not_allowed"], "it is deleted already"


def test_one_deletes_ones_own_and_only_that(wire):
    ann, ben = person(wire, "ann"), person(wire, "ben")
    ann.say(Post(1, "*", "mine")), ben.say(Post(1, "*", "yours"))
    mine, yours = wire.log.head - 1, wire.log.head
    assert refusals(ann.say(Delete(2, yours), Delete(3, 1), Delete(4, 0), Delete(5, 999))) == ["not_allowed"] * 4
    assert refusals(ann.say(Delete(6, mine))) == []


# --- rules -----------------------------------------------------------------------------------------------------------


def test_rules_have_their_defaults_until_they_are_set(wire):
    alice = person(wire, "alice", "admin")
    [found] = alice.say(Rules(1, "*"))
    assert found == RuleList(1, "*", [(name, rule.default) for name, rule in BROKER_RULES.items()])
    [found] = alice.say(Rules(2, "#general"))
    assert found == RuleList(2, "#general", [(name, rule.default) for name, rule in ROOM_RULES.items()])
    bob = person(wire, "bob")
    alice.say(Rule(3, "*", "everyone", "Moderator", "too loud"))
    assert bob.hear(Ruled) == [Ruled("*", "everyone", "moderator", "alice", "too loud")]
    assert ("everyone", "moderator") in bob.say(Rules(1, "*"))[0].rules
    wire.start()
    assert ("everyone", "moderator") in person(wire, "bob").say(Rules(1, "*"))[0].rules


@pytest.mark.parametrize(
    ("where", "name", "value"),
    [
        ("*", "access", "ajar"),
        ("*", "topic", "x"),
        ("*", "colour", "red"),
        ("*", "rate", "0"),
        ("*", "rate", "fast"),
        ("#general", "access", "open"),
        ("#general", "topic", "two\nlines"),
        ("#general", "post", "nobody"),
    ],
)
def test_a_rule_that_is_none_is_refused_and_says_what_may_be(wire, where, name, value):
    [answer] = person(wire, "alice", "owner").say(Rule(1, where, name, value))
    assert answer.code == "not_allowed"
    assert len(answer.text) > 30


@pytest.mark.parametrize("kind", ["announce", "everyone"])
def test_who_may_announce_and_who_may_talk_to_everyone_is_a_rule(wire, kind):
    alice, script, bob = person(wire, "alice", "admin"), person(wire, "script", "announcer"), person(wire, "bob")
    command = Announce(1, "*", "x") if kind == "announce" else Post(1, "*", "x")
    assert refusals(bob.say(command)) == []
    alice.say(Rule(1, "*", kind, "announcer"))
    command.number = 2
    assert refusals(bob.say(command)) == ["not_allowed"]
    assert refusals(script.say(command)) == []
    alice.say(Rule(2, "*", kind, "guest"))
    command.number = 3
    assert refusals(bob.say(command)) == []


def test_rooms_are_made_by_whom_the_rule_says(wire):
    alice, bob = person(wire, "alice", "admin"), person(wire, "bob")
    alice.say(Rule(1, "*", "rooms", "member"), Join(2, "#ops"))
    assert refusals(bob.say(Join(1, "#ops"), Join(2, "#mine"))) == ["not_allowed"]
    assert "#mine" not in wire.core.state.by_room


def test_a_room_has_rules_of_its_own_which_its_owner_sets(wire):
    ann, ben = person(wire, "ann"), person(wire, "ben")
    ann.say(Join(1, "#news")), ben.say(Join(1, "#news"))
    assert refusals(ben.say(Rule(2, "#news", "post", "member"))) == ["not_allowed"]
    assert refusals(ann.say(Rule(2, "#news", "post", "member"), Rule(3, "#news", "topic", "What is new"))) == []
    assert [event.name for event in ben.hear(Ruled)] == ["post", "topic"]
    assert refusals(ben.say(Post(3, "#news", "x"), Announce(4, "#news", "x"))) == ["not_allowed"] * 2
    [found] = [event for event in ben.say(Rooms(5)) if isinstance(event, RoomList)]
    assert [(room.name, room.topic) for room in found.rooms] == [("#general", ""), ("#news", "What is new")]


def test_a_room_may_be_stricter_about_announcements_than_the_broker(wire):
    ann, ben = person(wire, "ann"), person(wire, "ben")
    ann.say(Join(1, "#news"), Rule(2, "#news", "announce", "member"))
    assert refusals(ben.say(Announce(1, "#news", "x"), Post(2, "#news", "x"), Announce(3, "*", "x"))) == ["not_allowed"]


def test_a_closed_room_takes_nobody_and_nothing_until_it_is_opened(wire):
    alice, bob, cid = person(wire, "alice", "moderator"), person(wire, "bob"), person(wire, "cid")
    bob.say(Join(1, "#ops"), Post(2, "#ops", "x"))
    alice.say(Rule(1, "#ops", "closed", "moved to #dev"))
    assert [event.value for event in bob.hear(Ruled)] == ["moved to #dev"]
    refused = [event.text for event in bob.say(Post(3, "#ops", "y")) + cid.say(Join(1, "#ops"))]
    assert refused == ["#ops is closed: moved to #dev."] * 2
    alice.say(Rule(2, "#ops", "closed", "off"))
    assert refusals(bob.say(Post(4, "#ops", "y")) + cid.say(Join(2, "#ops"))) == []


def test_what_is_closed_for_a_time_opens_by_itself(wire):
    alice, bob = person(wire, "alice", "moderator"), person(wire, "bob")
    bob.say(Join(1, "#ops"))
    alice.say(Rule(1, "#ops", "closed", "moved", "", 5.0))
    assert [(event.value, event.by, event.seconds) for event in bob.hear(Ruled)] == [("moved", "alice", 5.0)]
    wire.tick(seconds=4.9)
    assert refusals(bob.say(Post(2, "#ops", "x"))) == ["not_allowed"]
    wire.tick(seconds=0.2)
    assert [(event.value, event.by, event.seconds) for event in bob.hear(Ruled)] == [("off", "the broker", None)]
    assert refusals(bob.say(Post(3, "#ops", "x"))) == []
    assert deeds(wire)[-1] == ("ruled", "the broker", "#ops", "closed: off", "")
    wire.tick(seconds=10)
    assert wire.core.deadline(wire.now) != wire.now, "once"


def test_what_is_set_anew_lasts_as_the_new_word_says(wire):
    alice = person(wire, "alice", "admin")
    alice.say(Rule(1, "*", "locked", "raid", "", 5.0), Rule(2, "*", "locked", "raid"))
    wire.tick(seconds=10)
    assert wire.core.state.rule("locked") == "raid"
    alice.say(Rule(3, "*", "locked", "raid", "", 5.0), Rule(4, "*", "locked", "off"))
    wire.tick(seconds=10)
    assert [deed[1:4] for deed in deeds(wire)[-4:]] == [
        ("alice", "the broker", f"locked: {value}") for value in ("raid", "raid", "raid", "off")
    ]


def test_a_broker_that_was_down_when_the_time_was_over_opens_then(wire):
    person(wire, "alice", "moderator").say(Rule(1, "*", "locked", "on", "", 60.0))
    wire.core.store_snapshot()
    wire.now += 100
    wire.start()
    wire.tick()
    assert wire.core.state.rule("locked") == "off"


def test_while_the_log_cannot_be_written_nothing_opens_and_nothing_spins(tmp_path):
    wire = Wire(BrittleLog(tmp_path / "log.db"))
    person(wire, "alice", "moderator").say(Rule(1, "*", "locked", "on", "", 1.0))
    wire.log.broken = True
    wire.tick(seconds=3)
    assert wire.core.deadline(wire.now) > wire.now
    wire.log.broken = False
    wire.tick(seconds=3)
    assert wire.core.state.rule("locked") == "off"


@pytest.mark.parametrize(("name", "value"), [("rate", "50"), ("access", "closed"), ("locked", "off")])
def test_only_what_is_closed_or_locked_ends_by_itself(wire, name, value):
    assert refusals(person(wire, "alice", "admin").say(Rule(1, "*", name, value, "", 60.0))) == ["not_allowed"]


def test_who_is_kicked_for_a_time_comes_again_after_it(wire):
    alice, bob = person(wire, "alice", "moderator"), person(wire, "bob")
    alice.say(Kick(1, "bob", "cool down", 600.0))
    assert bob.hear(Dismissed) == [Dismissed("kicked", "You were kicked for 10 minutes by alice: cool down")]
    bob.break_off()
    assert "You are banned here for another 10 minutes" in wire.connect("bob").hear(Rejected)[0].text
    assert deeds(wire)[-1] == ("kicked", "alice", "bob", "", "cool down")
    wire.tick(seconds=601)
    assert wire.connect("bob").hear(Welcome)


def test_a_kick_shortens_no_ban(wire):
    alice = person(wire, "alice", "moderator")
    wire.connect("bob")
    alice.say(Ban(1, "bob", "", 3600.0), Kick(2, "bob", "", 60.0))
    wire.tick(seconds=100)
    assert wire.connect("bob").hear(Welcome) == []


def test_who_is_banned_reads_for_how_long(wire):
    alice, bob = person(wire, "alice", "moderator"), person(wire, "bob")
    alice.say(Ban(1, "bob", "spam", 7200.0))
    assert bob.hear(Dismissed) == [Dismissed("banned", "You were banned for 2 hours by alice: spam")]


def test_a_private_room_is_not_there_for_those_who_were_not_let_in(wire):
    ann, ben, alice = person(wire, "ann"), person(wire, "ben"), person(wire, "alice", "admin")
    ann.say(Join(1, "#cabal"), Rule(2, "#cabal", "private", "on"), Post(3, "#cabal", "psst"))

    def rooms(remote: Remote) -> list[str]:
        [found] = [event for event in remote.say(Rooms(90)) if isinstance(event, RoomList)]
        return [room.name for room in found.rooms]

    unknown = ben.say(Post(1, "#cabal", "x"), History(2, "#cabal"), Rules(3, "#cabal"), Admit(4, "#cabal", "ben"))
    assert refusals(unknown) == ["no_such_room"] * 4
    assert refusals(ben.say(Join(5, "#cabal"))) == ["not_allowed"]
    assert rooms(ben) == ["#general"]
    [roster] = [event for event in ben.say(Who(6)) if isinstance(event, Roster)]
    assert "#cabal" not in str(roster)
    assert rooms(ann) == rooms(alice) == ["#cabal", "#general"]
    ann.say(Admit(4, "#cabal", "ben"))
    assert ben.hear(Moderated) == [Moderated("opened", "ann", "#cabal")]
    assert rooms(ben) == ["#cabal", "#general"]
    assert refusals(ben.say(Join(7, "#cabal"), Post(8, "#cabal", "here"))) == []
    assert bodies(ann) == ["here"]
    assert "psst" not in str(wire.core.notes)


# --- nicks that change hands -----------------------------------------------------------------------------------------


def test_a_registered_nick_goes_to_another_key_with_rooms_and_role(wire):
    ann, zoe = person(wire, "ann", "moderator"), person(wire, "zoe")
    ann.say(Join(1, "#ops"))
    assert refusals(ann.say(Transfer(2, "", "zoe"))) == ["not_allowed"], "a guest has nothing to give"
    ann.say(Register(3))
    zoe.hear()
    assert refusals(ann.say(Transfer(4, "", key_text(key_of("zoe"))))) == ["not_allowed"], "nobody is renamed so"
    zoe.say(Bye())
    answers = [event for event in ann.say(Transfer(5, "", key_text(key_of("zoe")))) if not isinstance(event, Presence)]
    assert [type(event) for event in answers] == [Accepted, Dismissed], "it worked, and is answered before the end"
    assert answers[1].text == "Your nick ann belongs to another key now, by ann. You may come back under another nick."
    heir = wire.core.state.by_nick["ann"]
    assert (heir.key, heir.role, heir.registered) == (key_of("zoe"), "moderator", True)
    assert {wire.core.state.rooms[room].name for room in heir.rooms} == {"#general", "#ops"}
    assert refusals(wire.connect("ann").hear()) == ["nick_taken"], "the former key has no claim to it"
    assert wire.core.state.by_key[key_of("ann")].role == "guest"


def test_an_admin_gives_a_nick_to_a_key_that_was_never_here(wire):
    person(wire, "ann").say(Register(1))
    alice = person(wire, "alice", "admin")
    assert refusals(alice.say(Transfer(1, "ann", key_text(key_of("new laptop"))))) == []
    assert wire.connect("new laptop", nick="whoever").hear(Welcome)[0].nick == "ann"
    assert refusals(person(wire, "eve").say(Transfer(1, "ann", "eve"), Revoke(2, "ann"))) == ["not_allowed"] * 2


def test_a_nick_is_taken_away_and_free_at_once(wire):
    ann = person(wire, "ann", "member")
    ann.say(Register(1))
    assert refusals(person(wire, "alice", "admin").say(Revoke(1, "ann", "squatting"))) == []
    assert "squatting" in ann.hear(Dismissed)[0].text
    assert wire.connect("eve", nick="ann").hear(Welcome)[0].role == "guest"
    assert wire.connect("ann", nick="ann2").hear(Welcome)[0].role == "guest"


# --- the trail -------------------------------------------------------------------------------------------------------


def test_every_deed_stands_in_the_audit_trail_also_after_a_restart(wire):
    alice = person(wire, "alice", "admin")
    person(wire, "bob")
    said = wire.connect("bob", device="two").say(Post(1, "*", "x"))[-1].seq
    alice.say(
        Mute(1, "bob", "loud", 60.0),
        Delete(2, said, "rude"),
        Rule(3, "#general", "topic", "All"),
        Kick(4, "bob", "enough"),
        Ban(5, "192.0.2.1"),
        Ban(6, "bob"),
    )
    expected = [
        ("granted", "operator", "alice", "admin", ""),
        ("muted", "alice", "bob", "", "loud"),
        ("removed", "alice", f"message {said}", "of bob", "rude"),
        ("ruled", "alice", "#general", "topic: All", ""),
        ("kicked", "alice", "bob", "", "enough"),
        ("barred", "alice", "192.0.2.1/32", "", ""),
        ("banned", "alice", "bob", "", ""),
    ]
    assert deeds(wire) == expected
    wire.start()
    while wire.core.index.behind:
        wire.core.folding.step(wire.now)
    assert deeds(wire) == expected


def test_the_trail_is_read_page_by_page(wire):
    desk = operator(wire)
    for number in range(1, 8):
        desk.say(Rule(number, "*", "rate", str(number)))
    before, found = None, []
    while True:
        [page] = [event for event in desk.say(Audit(9, 3, before)) if isinstance(event, AuditPage)]
        found = [deed.detail for deed in page.deeds] + found
        before = page.before
        if before is None:
            break
    assert found == [f"rate: {number}" for number in range(1, 8)]


def test_only_moderators_read_it(wire):
    assert refusals(person(wire, "bob", "announcer").say(Audit(1))) == ["not_allowed"]
    assert refusals(person(wire, "alice", "moderator").say(Audit(1))) == []


def test_who_was_kicked_may_come_again(wire):
    alice, bob = person(wire, "alice", "moderator"), person(wire, "bob")
    assert [type(event) for event in alice.say(Kick(1, "bob")) if isinstance(event, Accepted)] == [Accepted]
    bob.hear()
    assert [type(event) for event in wire.connect("bob").hear()] == [Welcome]
    wire.peers[-1].say(Bye())


# --- ways round, found by a review ---------------------------------------------------------------------------------


def test_nobody_is_renamed_by_anothers_transfer(wire):
    """Who would give a nick to an owner's key would free the owner's."""
    person(wire, "alice", "owner")
    mallory = person(wire, "mallory")
    mallory.say(Register(1))
    assert (
        refusals(mallory.say(Transfer(2, "", "alice"), Transfer(3, "", key_text(key_of("alice")))))
        == ["not_allowed"] * 2
    )
    assert wire.core.state.by_nick["alice"].key == key_of("alice")
    assert refusals(person(wire, "admin2", "admin").say(Transfer(1, "mallory", "alice"))) == ["not_allowed"]


def test_a_mute_goes_with_the_nick(wire):
    ann = person(wire, "ann")
    ann.say(Register(1))
    person(wire, "mod", "moderator").say(Mute(1, "ann", "loud"))
    ann.say(Transfer(2, "", key_text(key_of("fresh"))))
    heir = wire.connect("fresh", nick="x")
    assert refusals(heir.say(Post(1, "*", "evaded"))) == ["muted"]


def test_of_two_penalties_the_later_one_goes_with_the_nick(wire):
    """The heir's own is not ended by a transfer, and an heir who is banned is put out under the new nick too."""
    ann, fresh, mod = person(wire, "ann"), person(wire, "fresh"), person(wire, "mod", "moderator")
    ann.say(Register(1))
    mod.say(Mute(1, "ann", seconds=60.0), Mute(2, "fresh"), Ban(3, "ann", seconds=60.0))
    desk = operator(wire)
    fresh.say(Bye())
    assert refusals(desk.say(Transfer(2, "ann", key_text(key_of("fresh"))))) == []
    heir = wire.core.state.by_key[key_of("fresh")]
    assert (heir.nick, heir.mute.until, heir.ban.until is None) == ("ann", None, False)
    assert refusals(wire.connect("fresh", nick="ann").hear()) == ["banned"]


def test_an_heir_who_is_here_and_banned_with_the_nick_is_put_out(wire):
    ann, fresh, mod = person(wire, "ann"), person(wire, "fresh"), person(wire, "mod", "moderator")
    ann.say(Register(1))
    mod.say(Ban(1, "ann"))
    assert refusals(operator(wire).say(Transfer(2, "ann", key_text(key_of("fresh"))))) == []
    assert [event.code for event in fresh.hear(Dismissed)] == ["banned"]


def test_who_is_muted_gives_no_reasons_and_lifts_no_mute_of_their_own(wire):
    ann, admin = person(wire, "ann", "moderator"), person(wire, "boss", "admin")
    said = ann.say(Post(1, "*", "x"))[-1].seq
    admin.say(Mute(1, "ann"))
    assert refusals(ann.say(Delete(2, said, "rude words"))) == ["muted"]
    assert refusals(ann.say(Unmute(3, "ann"))) == ["not_allowed"]
    assert refusals(ann.say(Delete(4, said))) == []


def test_the_trail_does_not_say_who_wrote_to_whom(wire):
    """Nor what was deleted in a room that is not one's own to know."""
    ann, _ben, mod = person(wire, "ann"), person(wire, "ben"), person(wire, "mod", "moderator")
    ann.say(Join(1, "#cabal"), Rule(2, "#cabal", "private", "on"))
    direct = ann.say(Post(3, "@ben", "x"))[-1].seq
    inside = ann.say(Post(4, "#cabal", "x"))[-1].seq
    public = ann.say(Post(5, "*", "x"))[-1].seq
    assert refusals(ann.say(*(Delete(n, seq) for n, seq in ((6, direct), (7, inside), (8, public))))) == []
    [page] = [event for event in mod.say(Audit(1)) if isinstance(event, AuditPage)]
    assert [deed.whom for deed in page.deeds if deed.what == "removed"] == [f"message {public}"]


def test_who_is_muted_makes_no_room_sets_no_topic_and_takes_no_other_name(wire):
    ann, mod = person(wire, "ann"), person(wire, "mod", "moderator")
    ann.say(Join(1, "#mine"))
    mod.say(Mute(1, "ann"))
    assert refusals(ann.say(Join(2, "#rude"), Rule(3, "#mine", "topic", "rude"))) == ["muted"] * 2
    ann.say(Bye())
    assert refusals(wire.connect("ann", nick="rude").hear()) == ["nick_invalid"]
    assert [type(event) for event in wire.connect("ann").hear()] == [Welcome]


def test_a_transfer_and_a_revocation_leave_no_private_door_open(wire):
    ann, thief = person(wire, "ann"), person(wire, "thief")
    ann.say(Join(1, "#cabal"), Rule(2, "#cabal", "private", "on"))
    thief.say(Register(1))
    ann.say(Admit(3, "#cabal", "thief"))
    thief.say(Transfer(2, "", key_text(key_of("owner again"))))
    assert refusals(wire.connect("thief", nick="x").say(Join(1, "#cabal"))) == ["not_allowed"]
    assert refusals(wire.connect("owner again", nick="y").say(Join(1, "#cabal"))) == []
    ann.say(Revoke(4, ""))
    assert refusals(wire.connect("ann").say(Rule(1, "#cabal", "private", "off"))) == ["no_such_room"]


def test_who_was_in_a_room_when_it_became_private_may_come_back_and_can_be_put_out(wire):
    ann, ben = person(wire, "ann"), person(wire, "ben")
    ann.say(Join(1, "#cabal")), ben.say(Join(1, "#cabal"))
    ann.say(Rule(2, "#cabal", "private", "on"))
    ben.say(Bye())
    ben = wire.connect("ben")
    assert refusals(ben.say(Join(1, "#cabal"))) == []
    assert refusals(ann.say(Admit(3, "#cabal", "ben", False))) == []
    assert Moderated("expelled", "ann", "#cabal") in ben.hear(Moderated)
    assert refusals(ben.say(Post(2, "#cabal", "x"), Join(3, "#cabal"))) == ["no_such_room", "not_allowed"]
    ann.say(Post(4, "#cabal", "without ben"))
    assert bodies(ben) == []


def test_an_address_ban_reaches_nobody_above_and_wide_ones_take_an_admin(wire):
    boss, mod = person(wire, "boss", "admin"), person(wire, "mod", "moderator")
    boss.peer.address = "192.0.2.1"
    assert refusals(mod.say(Ban(1, "192.0.0.0/16"), Ban(2, "2001:db8::/40"))) == ["not_allowed"] * 2
    assert refusals(mod.say(Ban(3, "192.0.2.0/24"))) == []
    assert boss.hear(Dismissed) == []
    boss.break_off()
    again = wire.connect("boss", greet=False)
    again.peer.address = "192.0.2.1"
    from messages import PROTOCOL, Hello

    assert isinstance(again.say(Hello(PROTOCOL, "boss", b"one".ljust(16, b"\0")))[0], Welcome)


def test_a_mapped_range_is_held_against_what_comes_from_it():
    from broker.access import covers, read_network

    network = read_network("::ffff:192.0.2.0/120")
    assert network == "192.0.2.0/24"
    assert covers(network, "::ffff:192.0.2.9")
    assert covers(network, "192.0.2.9")


def test_a_moderator_deletes_what_those_below_said_where_one_can_read_it(wire):
    """And is told the same of whatever else there is."""
    mod, boss, ann = person(wire, "mod", "moderator"), person(wire, "boss", "admin"), person(wire, "ann")
    boss.say(Post(1, "*", "by one above"))
    above = wire.log.head
    ann.say(Join(1, "#cabal"), Rule(2, "#cabal", "private", "on"), Post(3, "#cabal", "private"))
    private = wire.log.head
    ann.say(Post(4, "@boss", "direct"))
    direct = wire.log.head
    numbers = (above, private, direct, 1, 999)
    answers = [event for event in mod.say(*map(Delete, range(1, 6), numbers)) if isinstance(event, Rejected)]
    texts = {event.text.replace(f"{seq} ", "N ", 1) for event, seq in zip(answers, numbers, strict=True)}
    assert texts == {"N is no message of yours. Moderators delete those of people below them that they can read."}


def test_the_trail_keeps_private_rooms_private(wire):
    ann, mod = person(wire, "ann"), person(wire, "mod", "moderator")
    ann.say(Join(1, "#cabal"), Rule(2, "#cabal", "private", "on"), Rule(3, "#cabal", "topic", "merger"))
    ann.say(Admit(4, "#cabal", "mod"))
    [page] = [event for event in mod.say(Audit(1)) if isinstance(event, AuditPage)]
    assert "#cabal" not in str(page)
    mod.say(Join(2, "#cabal"))
    [page] = [event for event in mod.say(Audit(3)) if isinstance(event, AuditPage)]
    assert "merger" in str(page)


def test_an_owner_learns_nothing_of_who_was_here(wire):
    """Only who is here now can be let in by a nick, and nobody's key is told."""
    ann = person(wire, "ann")
    person(wire, "gone").say(Bye())
    ann.say(Join(1, "#cabal"), Rule(2, "#cabal", "private", "on"))
    texts = [event.text for event in ann.say(Admit(3, "#cabal", "gone"), Admit(4, "#cabal", "never"))]
    assert texts == ["Nobody called gone is here.", "Nobody called never is here."]


def test_a_guest_who_is_in_does_not_become_known_where_newcomers_may_not_come_in(wire):
    ann = person(wire, "ann")
    operator(wire).say(Rule(1, "*", "access", "closed"))
    assert refusals(ann.say(Register(1))) == ["not_allowed"]


def test_a_role_keeps_the_nick(wire):
    """Nobody else is to be taken for a moderator who is away."""
    person(wire, "mod", "moderator").say(Bye())
    assert refusals(wire.connect("eve", nick="Mod").hear()) == ["nick_taken"]


@pytest.mark.parametrize(("done", "lifted"), [(Mute, Unmute), (Ban, Unban)])
def test_of_those_who_went_by_a_nick_the_one_who_is_muted_or_banned_is_meant(wire, done, lifted):
    mod, _ = person(wire, "mod", "moderator"), person(wire, "bob")
    mod.say(done(1, "bob"))
    wire.peers[-1].say(Bye())
    other = wire.connect("other", nick="bob")
    mod.hear()
    assert refusals(mod.say(lifted(2, "bob"))) == []
    account = wire.core.state.by_key[key_of("bob")]
    assert (account.mute, account.ban) == (None, None)
    other.say(Bye())
    mod.say(done(3, key_text(key_of("bob"))), done(4, key_text(key_of("other"))))
    assert refusals(mod.say(lifted(5, "bob"))) == ["no_such_nick"], "two are"


def test_what_is_not_there_is_not_lifted_and_not_written_down(wire):
    mod = person(wire, "mod", "moderator")
    person(wire, "bob")
    head = wire.log.head
    answers = mod.say(Unban(1, "bob")) + mod.say(Unmute(2, "bob")) + mod.say(Unban(5, "192.0.2.0/24"))
    assert [type(event) for event in answers if not isinstance(event, Presence)] == [Done] * 3
    assert refusals(operator(wire).say(Uninvite(1, 99))) == ["not_allowed"]
    assert refusals(mod.say(Ban(3, ""), Mute(4, ""))) == ["no_such_nick"] * 2
    assert wire.log.head == head


def test_who_made_a_room_may_speak_there_but_not_open_what_a_moderator_closed(wire):
    ann, mod = person(wire, "ann"), person(wire, "mod", "moderator")
    ann.say(Join(1, "#news"), Rule(2, "#news", "post", "moderator"))
    assert refusals(ann.say(Post(3, "#news", "mine"))) == []
    mod.say(Rule(1, "#news", "closed", "no"))
    assert refusals(ann.say(Rule(4, "#news", "closed", "off"), Post(5, "#news", "x"))) == ["not_allowed"] * 2


def test_deletes_are_paid_for_like_questions(wire):
    """A frame of them is spread over ticks."""
    ann = person(wire, "ann")
    ann.put(*(Delete(n, 1) for n in range(1, 40)))
    wire.core.tick(wire.now, 1_000_000)
    assert ann.peer.waiting, "the rest waits"
    wire.core.end_tick()


def test_the_trail_names_people_as_they_were_called_when_it_was_done(wire):
    alice, bob = person(wire, "alice", "admin"), person(wire, "bob")
    person(wire, "carol").say(Join(1, "#den"))
    alice.say(Mute(1, "bob", "loud", 60.0), Unmute(2, "bob"), Grant(3, "bob", "member"), Admit(4, "#den", "bob"))
    bob.say(Rename(1, "robert"))
    alice.say(Revoke(5, "robert"))
    wire.connect("bob", nick="bert")
    wire.connect("dave", nick="bob")
    assert deeds(wire)[-5:] == [
        ("muted", "alice", "bob", "", "loud"),
        ("unmuted", "alice", "bob", "", ""),
        ("granted", "alice", "bob", "member", ""),
        ("opened", "alice", "#den", "to bob", ""),
        ("revoked", "alice", "robert", "", ""),
    ]


def test_of_a_log_that_did_not_keep_the_nick_the_last_one_is_named(wire):
    wire.connect("bob")
    bob = wire.core.state.by_nick["bob"].id
    wire.core.propose(Kicked("alice", 0, bob, "loud"))
    wire.tick()
    assert deeds(wire) == [("kicked", "alice", "bob", "", "loud")]


def test_taking_the_broker_down_stands_in_the_trail(wire):
    alice = person(wire, "alice", "admin")
    alice.say(Down(1, 60.0, "new disk"))
    assert ("downed", "alice", "", "", "new disk") in deeds(wire)


def test_who_comes_while_the_broker_is_going_down_is_told_what_is_left(wire):
    alice = person(wire, "alice", "admin")
    alice.say(Down(1, 60.0, "new disk"))
    wire.tick(seconds=20)
    assert wire.connect("bob").hear(Closing) == [Closing("alice", 40.0, "new disk")]


def test_everyone_is_told_again_as_the_end_comes_nearer(wire):
    alice, bob = person(wire, "alice", "admin"), person(wire, "bob")
    alice.say(Down(1, 700.0, "new disk"))
    heard = []
    for _ in range(700):
        alice.put(Ping(1))
        bob.put(Ping(1))
        wire.tick(seconds=1)
        heard += bob.hear(Closing)
    assert [event.seconds for event in heard] == [700, 60, 10], "not so soon after the first time"
    assert wire.core.down == Closed("alice", "new disk")


def test_of_the_reminders_that_were_slept_through_one_is_told(wire):
    person(wire, "alice", "admin").say(Down(1, 700.0))
    bob = person(wire, "bob")
    bob.hear()
    wire.now += 695
    wire.tick()
    assert [event.seconds for event in bob.hear(Closing)] == [5]


def test_who_may_take_the_broker_down_may_call_it_off(wire):
    alice, bob = person(wire, "alice", "admin"), person(wire, "bob", "moderator")
    assert [event.code for event in alice.say(Stay(1)) if isinstance(event, Rejected)] == ["not_allowed"], (
        "there is nothing to call off"
    )
    alice.say(Down(2, 5.0, "new disk"))
    assert [event.code for event in bob.say(Stay(1)) if isinstance(event, Rejected)] == ["not_allowed"]
    assert alice.say(Stay(3, "no need")) == [Done(3), Staying("alice", "no need")]
    assert bob.hear(Staying) == [Staying("alice", "no need")]
    wire.tick(seconds=6)
    assert wire.core.down is None
    assert ("stayed", "alice", "", "", "no need") in deeds(wire)
    assert wire.connect("carol").hear(Closing) == []


def test_who_lengthens_what_is_closed_in_the_tick_in_which_it_ends_is_heeded(wire):
    alice, bob = person(wire, "alice", "moderator"), person(wire, "bob")
    bob.say(Join(1, "#ops"))
    alice.say(Rule(1, "#ops", "closed", "moved", "", 10.0))
    wire.tick(seconds=9)
    wire.now += 1.5
    alice.say(Rule(2, "#ops", "closed", "moved", "", 7200.0))
    wire.tick(seconds=5)
    assert wire.core.state.by_room["#ops"].closed == "moved"


def test_a_ban_that_is_over_is_none_that_could_be_meant_or_lifted(wire):
    mod, _ = person(wire, "mod", "moderator"), person(wire, "bob")
    mod.say(Kick(1, "bob", "", 5.0))
    wire.tick(seconds=10)
    wire.connect("other", nick="bob")
    mod.say(Ban(2, "bob"), Ban(3, "192.0.2.0/24", "", 5.0))
    wire.tick(seconds=10)
    head = wire.log.head
    assert refusals(mod.say(Unban(4, "bob"))) == []
    assert wire.core.state.by_key[key_of("other")].ban is None
    assert Done(5) in mod.say(Unban(5, "192.0.2.0/24"))
    assert wire.log.head == head + 1


def test_the_heir_of_a_nick_keeps_to_oneself_what_its_holder_did(wire):
    ann = person(wire, "ann")
    ann.say(Register(1), Share(2, False), Transfer(3, "", key_text(key_of("heir"))))
    assert wire.connect("heir", nick="ann").hear(Welcome)[0].sharing is False


@pytest.mark.parametrize("how", ["lost before", "never read it", "read it"])
def test_who_is_put_out_while_the_line_is_down_is_told_when_it_comes_again(wire, how):
    mod, bob = person(wire, "mod", "moderator"), person(wire, "bob")
    wire.connect("bob", device="phone")
    if how == "lost before":
        bob.break_off()
    mod.say(Kick(1, "bob", "while lost"))
    if how == "read it":
        bob.break_off()
    wire.tick(seconds=5)
    if how != "read it":
        [dismissed] = wire.connect("bob").hear(Dismissed)
        assert dismissed == Dismissed("kicked", "You were kicked by mod: while lost")
    assert wire.connect("bob").hear(Welcome), "once"
    assert wire.connect("bob", device="phone").hear(Dismissed), "each device by itself"


def test_a_client_that_came_back_over_another_line_does_not_slip_through(wire):
    """And is not put out again later, when the line that the broker took for alive is cut."""
    mod, bob = person(wire, "mod", "moderator"), person(wire, "bob")
    mod.say(Kick(1, "bob", "spam"))
    again = wire.core.open(b"another", key_of("bob"), wire.now)
    wire.core.receive(again, [Hello(PROTOCOL, "bob", b"one".ljust(16, b"\0"))], wire.now)
    wire.tick()
    assert again.gone
    wire.tick(seconds=5)
    assert bob.peer.gone
    assert wire.connect("bob").hear(Welcome)
    assert not wire.core.untold


def test_who_read_it_in_the_moment_of_another_check_is_not_told_again(wire):
    mod, bob = person(wire, "mod", "moderator"), person(wire, "bob")
    for _ in range(19):
        mod.put(Ping(1)), bob.put(Ping(1))
        wire.tick(seconds=1)
    wire.now += 0.99
    mod.say(Kick(1, "bob", "spam"))
    wire.tick(seconds=0.02)
    bob.break_off()
    assert wire.connect("bob").hear(Welcome)


@pytest.mark.parametrize("snapshot", [False, True])
def test_a_broker_that_starts_again_still_knows_who_was_put_out_unawares(wire, snapshot):
    mod, bob = person(wire, "mod", "moderator"), person(wire, "bob")
    wire.connect("bob", device="phone")
    bob.break_off()
    mod.say(Kick(1, "bob", "while lost"))
    wire.peers[-1].break_off()
    if snapshot:
        wire.core.store_snapshot()
    wire.start()
    assert wire.connect("bob").hear(Dismissed) == [Dismissed("kicked", "You were kicked by mod: while lost")]
    wire.tick()
    wire.start()
    assert wire.connect("bob").hear(Welcome), "it was told"
    assert wire.connect("bob", device="phone").hear(Welcome), "so was this one, when it was put out"


def test_a_ban_that_was_lifted_refuses_nobody_later(wire):
    mod, bob = person(wire, "mod", "moderator"), person(wire, "bob")
    bob.break_off()
    mod.say(Ban(1, "bob"), Unban(2, "bob"))
    assert wire.connect("bob").hear(Welcome)


def test_all_devices_learn_that_one_of_them_registered(wire):
    """Else the others would forget their place when they leave, as a guest does."""
    desk, phone = person(wire, "ann"), wire.connect("ann", device="phone")
    desk.hear(), phone.hear()
    assert desk.say(Register(1))[1:] == phone.hear() == [Registration(True)]
    desk.say(Register(2))
    assert phone.hear() == [], "it was already"
