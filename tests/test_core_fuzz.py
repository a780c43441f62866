"""Any command, by anyone, in any order, with a failing disk and restarts: the core never fails, and stays whole."""

from __future__ import annotations

import random

import pytest

from broker.core import LATE_SECONDS
from broker.policy import BROKER_RULES, ROOM_RULES
from messages import (
    ROLES,
    Admit,
    Announce,
    AnyCommand,
    Audit,
    Away,
    Ban,
    Bye,
    Delete,
    Down,
    Feed,
    Grant,
    Hello,
    History,
    Invite,
    Invites,
    Join,
    Kick,
    Leave,
    Mark,
    Mute,
    Ping,
    Post,
    Register,
    Rename,
    Revoke,
    Rooms,
    Rule,
    Rules,
    Search,
    Share,
    Stay,
    Track,
    Transfer,
    Unban,
    Uninvite,
    Unmute,
    Unregister,
    Who,
    key_text,
)

from .rough import RoughWire, check_invariants, check_replay, shrink
from .wire import Remote, key_of

SEEDS = range(60)
STEPS = 400
PEOPLE = ("ann", "ben", "cid", "eve", "operator")
NICKS = (*PEOPLE, "Ann", "all", "b d", "", "x" * 300)
ROOMS = ("#general", "#one", "#Two", "one", "#x y", "")
TARGETS = ("*", "#general", "#one", "@ann", "@ben", "@nobody", "bad", "")
SEQUENCES = (None, 0, 1, 9, 2**53)
WHO = (*NICKS, key_text(key_of("ben")), key_text(key_of("zoe")), "192.0.2.0/24", "0.0.0.0/0", "127.0.0.1")
RULES = (*BROKER_RULES, *ROOM_RULES, "colour")
VALUES = ("open", "invite", "closed", "on", "off", "broker", "1", "ascii", "", "because", *ROLES)
TEXTS = ("", " ", "x", "hello world", '"a OR *', "y" * 600)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    shrink(monkeypatch)


def any_command(rng: random.Random, newest: int) -> AnyCommand | list:
    """One of all there are, or something that is none, with fields that are right about as often as wrong."""
    pick = rng.choice
    number = pick((newest, newest, newest, max(1, newest - rng.randrange(9)), newest + rng.randrange(9), 1, 2**53))
    device = pick((b"one", b"two")).ljust(16, b"\0")
    return pick(
        (
            lambda: Hello(
                pick((1, 1, 1, 2)),
                pick(NICKS),
                device,
                pick(SEQUENCES),
                pick((True, False)),
                pick((True, False)),
                began=pick(SEQUENCES),
            ),
            lambda: Post(number, pick(TARGETS), pick(TEXTS)),
            lambda: Post(number, pick(TARGETS), pick(TEXTS)),
            lambda: Announce(number, pick(TARGETS), pick(TEXTS), pick(TEXTS), "high"),
            lambda: pick((Join, Leave))(number, pick(ROOMS)),
            lambda: Rename(number, pick(NICKS)),
            lambda: Away(number, pick(TEXTS)),
            lambda: pick((Who, Rooms, Register, Unregister))(number),
            lambda: History(number, pick(TARGETS), pick((1, 5, 2**53)), pick(SEQUENCES)),
            lambda: Search(number, pick(TEXTS), pick(TARGETS)),
            lambda: Feed(pick(SEQUENCES)),
            lambda: Ping(1),
            lambda: Mark(pick(SEQUENCES) or 3, pick(SEQUENCES) or newest),
            lambda: Track(number, [pick((newest, newest + 20, rng.randrange(500))) for _ in range(rng.randint(1, 3))]),
            Bye,
            lambda: pick((Kick, Ban, Mute, Revoke))(number, pick(WHO), pick(TEXTS)),
            lambda: pick((Ban, Mute))(number, pick(WHO), pick(TEXTS), pick((1.0, 1e6))),
            lambda: pick((Unban, Unmute))(number, pick(WHO)),
            lambda: Grant(number, pick(WHO), pick(ROLES)),
            lambda: Transfer(number, pick(WHO), pick(WHO)),
            lambda: Delete(number, pick((newest, rng.randrange(500))), pick(TEXTS)),
            lambda: Rule(number, pick(("*", *ROOMS)), pick(RULES), pick(VALUES), pick(TEXTS)),
            lambda: Rules(number, pick(("*", *ROOMS))),
            lambda: Admit(number, pick(ROOMS), pick(WHO)),
            lambda: Invite(number, pick(ROLES), pick((1, 2)), pick((None, 5.0))),
            lambda: Invites(number),
            lambda: Uninvite(number, pick((newest, rng.randrange(500)))),
            lambda: Audit(number, pick((1, 50)), pick(SEQUENCES)),
            lambda: Down(number, pick((0.0, 5.0)), pick(TEXTS)),
            lambda: Stay(number, pick(TEXTS)),
            lambda: Share(number, pick((True, False))),
            lambda: pick((["hello", 2, {}], ["hello"], ["post", number], ["dance", number], [], None)),
        )
    )()


def step(rng: random.Random, wire: RoughWire, remotes: list[Remote], number: int) -> None:
    """Something happens; most often somebody says something, or the broker does its tick."""
    if not remotes or rng.random() < 0.06:
        remotes.append(wire.connect(rng.choice(PEOPLE), greet=False))
    remote = rng.choice(remotes)
    match rng.choices(("say", "tick", "wait", "choke", "close", "disk", "restart"), (50, 25, 4, 5, 5, 2, 0.5))[0]:
        case "say" if not remote.peer.gone:
            remote.put(*(any_command(rng, number + n) for n in range(rng.randint(1, 5))))
        case "say":
            remotes.remove(remote)
        case "tick":
            wire.once()
        case "wait":
            wire.once(rng.choice((0.06, 0.06, 2, 5, 12, 31)))
        case "choke":
            remote.full = not remote.full
        case "close":
            wire.core.close(remote.peer, wire.now)
            remotes.remove(remote)
        case "disk":
            wire.log.broken = not wire.log.broken
        case "restart":
            remotes.clear()
            wire.start()
    wire.core.down = None
    for other in remotes:
        other.inbox.clear()


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_anyone_says_the_core_stays_whole(seed):
    rng = random.Random(seed)
    wire = RoughWire()
    remotes: list[Remote] = []
    for number in range(1, STEPS):
        step(rng, wire, remotes, number)
    wire.log.broken = False
    for _ in range(40):  # everybody is gone after a while, but for those who registered
        wire.once(LATE_SECONDS)
        check_invariants(wire.core)
    assert all(account.registered for account in wire.core.state.by_nick.values())
    assert not wire.core.here
    check_replay(wire)
