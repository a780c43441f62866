"""Who may come in: open, by invite, closed, locked; tokens, and what they are worth."""

from __future__ import annotations

import pytest

from broker.access import covers
from messages import (
    Ban,
    Bye,
    Dismissed,
    Grant,
    Invite,
    Invited,
    InviteList,
    Invites,
    Register,
    Rejected,
    Rule,
    Uninvite,
    Welcome,
    key_text,
)

from .test_moderation import deeds, listen, operator, person, refusals
from .wire import Remote, Wire, key_of


@pytest.fixture
def wire() -> Wire:
    return Wire()


def rule(wire: Wire, name: str, value: str) -> None:
    assert refusals(operator(wire).say(Rule(1, "*", name, value))) == []


def invite(wire: Wire, **fields) -> Invited:
    [made] = [event for event in operator(wire).say(Invite(1, **fields)) if isinstance(event, Invited)]
    return made


def outcome(remote: Remote) -> str:
    """The role somebody came in with, or why they did not."""
    events = remote.hear()
    turned_away = [event.text for event in events if isinstance(event, Dismissed)]
    return turned_away[0] if turned_away else next(event.role for event in events if isinstance(event, Welcome))


def test_open_lets_in_whoever_has_the_brokers_key(wire):
    assert outcome(wire.connect("ann")) == "guest"
    assert outcome(wire.connect("ben", token="none of ours")) == "guest"


def test_by_invite_one_comes_in_with_a_token_and_stays_known(wire):
    rule(wire, "access", "invite")
    made = invite(wire, role="moderator")
    assert outcome(wire.connect("eve")).startswith("This broker lets in only those who have an invite")
    ann = wire.connect("ann", token=made.token)
    assert outcome(ann) == "moderator"
    assert outcome(wire.connect("eve", token=made.token)).startswith(
        "This invite is good no more: it was used as often as it may be"
    )
    ann.say(Bye())
    assert outcome(wire.connect("ann")) == "moderator", "known from then on, without the token"
    assert ("redeemed", "ann", "ann", "", "") in deeds(wire)


def test_a_token_is_good_for_so_many_keys_and_one_key_uses_it_once(wire):
    rule(wire, "access", "invite")
    made = invite(wire, uses=2)
    for _ in range(3):
        wire.connect("ann", token=made.token).say(Bye())
    assert outcome(wire.connect("ben", token=made.token)) == "member"
    assert "as often as it may be" in outcome(wire.connect("cid", token=made.token))


def test_of_two_who_come_with_the_last_use_in_one_tick_one_is_turned_away(wire):
    """And the nick that the other asked for is free again."""
    from messages import PROTOCOL, Hello

    rule(wire, "access", "invite")
    made = invite(wire)
    ann, ben = wire.connect("ann", greet=False), wire.connect("ben", greet=False)
    ann.put(Hello(PROTOCOL, "ann", b"1" * 16, token=made.token))
    ben.put(Hello(PROTOCOL, "ben", b"1" * 16, token=made.token))
    wire.tick()
    assert outcome(ann) == "member"
    assert "as often as it may be" in outcome(ben)
    assert set(wire.core.state.by_nick) == {"ann"}


def test_a_token_expires(wire):
    rule(wire, "access", "invite")
    made = invite(wire, seconds=60.0)
    listen(wire, operator(wire), 61)
    assert outcome(wire.connect("ann", token=made.token)) == "This invite has expired. Ask an admin for another."


def test_a_token_can_be_withdrawn_and_is_stored_nowhere(wire):
    rule(wire, "access", "invite")
    made = invite(wire)
    [listed] = [event for event in operator(wire).say(Invites(1)) if isinstance(event, InviteList)]
    assert [(one.invite, one.role, one.left) for one in listed.invites] == [(made.invite, "member", 1)]
    log = str(list(wire.log.read(0)))
    assert made.token not in log
    assert made.token not in str(wire.core.state.snapshot())
    operator(wire).say(Uninvite(1, made.invite))
    assert "or withdrawn" in outcome(wire.connect("ann", token=made.token))


def test_an_invite_that_has_expired_is_not_among_those_that_are_good(wire):
    invite(wire), operator(wire).say(Invite(1, "member", 1, 60.0))
    wire.tick(seconds=61)
    [listed] = [event for event in operator(wire).say(Invites(1)) if isinstance(event, InviteList)]
    assert [one.until for one in listed.invites] == [None]


def test_a_token_raises_a_role_and_never_lowers_it(wire):
    ann = person(wire, "ann")
    ann.say(Bye())
    assert outcome(wire.connect("ann", token=invite(wire, role="announcer").token)) == "announcer"
    ben = person(wire, "ben", "admin")
    ben.say(Bye())
    made = invite(wire, role="member")
    assert outcome(wire.connect("ben", token=made.token)) == "admin"
    assert wire.core.state.tickets[made.invite].left == 1, "it was not needed"


def test_closed_lets_in_known_keys_alone(wire):
    """Known is who has a role, came by invite, or is registered; who is here stays, and may reconnect."""
    guest, member, registered = person(wire, "guest"), person(wire, "member", "member"), person(wire, "reg")
    registered.say(Register(1))
    made = invite(wire)
    rule(wire, "access", "closed")
    guest.break_off(), member.say(Bye()), registered.say(Bye())
    assert outcome(wire.connect("guest")) == "guest", "within the lease"
    wire.peers[-1].say(Bye())
    assert "only those whose key it knows" in outcome(wire.connect("guest"))
    assert "only those whose key it knows" in outcome(wire.connect("new", token=made.token))
    assert [outcome(wire.connect(name)) for name in ("member", "reg")] == ["member", "guest"]


def test_a_locked_broker_lets_in_nobody_new(wire):
    ann = person(wire, "ann", "moderator")
    made = invite(wire)
    assert refusals(ann.say(Rule(1, "*", "locked", "raid"))) == []
    assert (
        outcome(wire.connect("eve", token=made.token))
        == "This broker lets in nobody new at present: raid. Try again later."
    )
    ann.say(Rule(2, "*", "locked", "off"))
    assert outcome(wire.connect("eve")) == "guest"


def test_admins_make_invites_for_roles_below_their_own(wire):
    alice = person(wire, "alice", "admin")
    answers = alice.say(Invite(1, "moderator"), Invite(2, "admin"), Invite(3, "owner"))
    assert [type(event) for event in answers if isinstance(event, Invited)] == [Invited]
    assert refusals(answers) == ["not_allowed"] * 2
    assert refusals(person(wire, "bob", "moderator").say(Invite(1), Invites(2), Uninvite(3, 1))) == ["not_allowed"] * 3


def test_an_invite_that_could_not_be_stored_is_none(wire):
    desk = operator(wire)
    wire.log.broken = True
    answers = desk.say(Invite(1))
    assert refusals(answers) == ["not_stored"]
    assert not [event for event in answers if isinstance(event, Invited)]
    assert isinstance(answers[0], Rejected)


def test_who_is_let_in_is_not_known_by_the_nick(wire):
    rule(wire, "access", "closed")
    operator(wire).say(Grant(1, "nobody", "member"))
    assert "only those whose key it knows" in outcome(wire.connect("mallory", nick="operator"))


@pytest.mark.parametrize(
    ("address", "inside"),
    [("192.0.2.1", True), ("::ffff:192.0.2.1", True), ("192.0.3.1", False), ("2001:db8::1", False), ("", False)],
)
def test_which_addresses_a_network_covers(address, inside):
    assert covers("192.0.2.0/24", address) is inside


def test_who_was_turned_away_is_not_in_by_having_tried(wire):
    """Of many connections of many keys with one token and one use, one key comes in."""
    from messages import PROTOCOL, Hello

    rule(wire, "access", "invite")
    made = invite(wire)
    remotes = [wire.connect(name, greet=False) for name in ("ann", "ben", "cid") for _ in range(2)]
    for index, remote in enumerate(remotes):
        name = ("ann", "ben", "cid")[index // 2]
        remote.put(Hello(PROTOCOL, name, bytes([65 + index]) * 16, token=made.token))
    wire.tick()
    welcomed = {index // 2 for index, remote in enumerate(remotes) if remote.hear(Welcome)}
    assert len(welcomed) == 1
    wire.tick(seconds=40)
    assert len(wire.core.state.by_nick) == 1


def test_an_invite_ends_with_the_right_to_make_it(wire):
    rule(wire, "access", "invite")
    for end in ("demoted", "banned"):
        operator(wire).say(Grant(1, key_text(key_of(end)), "admin"))
        admin = wire.connect(end)
        [made] = [event for event in admin.say(Invite(1, "moderator")) if isinstance(event, Invited)]
        operator(wire).say(Grant(2, end, "guest") if end == "demoted" else Ban(2, end))
        assert "good no more" in outcome(wire.connect(f"eve-{end}", token=made.token))
