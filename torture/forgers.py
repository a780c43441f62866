"""What is tried with a session of one's own: commands that name others, or that others may give. Many go in a frame.

Each function makes one attempt, and says under which number nothing may be granted (0: what is asked for is one's own).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from zmq.utils import z85

from messages import (
    GENERAL,
    PROTOCOL,
    Admit,
    Audit,
    Ban,
    Delete,
    Down,
    Grant,
    Hello,
    History,
    Invite,
    Invites,
    Kick,
    Mark,
    Mute,
    Post,
    Rename,
    Revoke,
    Rule,
    Search,
    Stay,
    Track,
    Transfer,
    Unban,
    Unmute,
    key_text,
)

from .dealers import Saying
from .scene import SECRET, Person, Scene

LAST = 2**53  # the highest number and sequence there can be

Attempt: TypeAlias = tuple[Saying, int]


def extra_fields(scene: Scene, me: Person) -> Attempt:
    """A message of one's own that has more fields than it may have, which name another."""
    whom, number, body = scene.whom(), me.count(), scene.body(me.nick)
    to = scene.rng.choice((GENERAL, f"@{whom.nick}"))
    more: list[Any] = scene.rng.choice(([], ["normal"], [0])) + scene.rng.choice(
        ([whom.nick], [whom.nick, whom.device], [{"sender": whom.nick}], [None, whom.dealer.keys[0], whom.nick])
    )
    if scene.rng.random() < 0.5:
        return ["post", number, to, body, *more], 0
    return ["announce", number, to, body, f"from {whom.nick}", "normal", *more], 0


def wrong_types(scene: Scene, me: Person) -> Attempt:
    """What is no command: fields of other types, an event, an entry of the log."""
    whom, number, body = scene.whom(), me.count(), scene.body()
    shapes: tuple[Saying, ...] = (
        {"post": number, "sender": whom.nick, "to": GENERAL, "body": body},
        ["post", number, {"to": GENERAL, "sender": whom.nick}, body],
        ["post", number, [GENERAL, whom.nick], body],
        ["post", number, GENERAL, [whom.nick, body]],
        ["post", number, GENERAL, body.encode()],
        ["post", whom.nick, GENERAL, body],
        ["post", [whom.device, number], GENERAL, body],
        ["post", -number, GENERAL, body],
        ["message", scene.private[-1] + 1, 0, whom.nick, GENERAL, body],
        ["announcement", scene.private[-1] + 1, 0, whom.nick, "*", body, "", "urgent"],
        ["welcome", PROTOCOL, whom.nick, 0, 0, True, number, [GENERAL], "owner", ""],
        ["posted", 1, number, 1, 0, whom.nick, "*", body],
        ["named", z85.decode(me.dealer.keys[0]), whom.nick],
        ["granted", "operator", 0, 1, "owner"],
        ["hello", PROTOCOL, [whom.nick], whom.device],
        ["grant", number, me.nick, "yes"],
        ["track", number, scene.private[-1]],
    )
    return scene.rng.choice(shapes), number


def foreign_numbers(scene: Scene, me: Person) -> Attempt:
    """Numbers under which another device of that name, of another account, had something accepted."""
    number = scene.rng.choice((scene.rng.randint(1, scene.people[0].number), me.count()))
    return Post(number, GENERAL, scene.body(me.nick)), 0


def tracking(scene: Scene, me: Person) -> Attempt:
    """Ask who has the messages of others."""
    number = me.count()
    return Track(number, [scene.rng.choice(scene.private)]), number


def marking(scene: Scene, me: Person) -> Attempt:
    """Have taken and read everything, for others too."""
    return Mark(LAST, scene.rng.choice((LAST, scene.private[-1]))), 0


def powers(scene: Scene, me: Person) -> Attempt:
    """What only those may do who have a role, or what it is done to."""
    whom, number = scene.whom(), me.count()
    mine = key_text(z85.decode(me.dealer.keys[0]))
    name = scene.rng.choice((whom.nick, key_text(z85.decode(whom.dealer.keys[0]))))
    commands: tuple[Saying, ...] = (
        Kick(number, name, "by the operator"),
        Ban(number, name),
        Ban(number, "192.0.2.0/24"),
        Unban(number, name),
        Mute(number, name),
        Unmute(number, me.nick),
        Delete(number, scene.private[-1]),
        Grant(number, scene.rng.choice((name, me.nick, mine)), "owner"),
        Transfer(number, name, mine),
        Revoke(number, name),
        Rule(number, "*", "access", "closed"),
        Rule(number, GENERAL, "topic", "owned"),
        Admit(number, GENERAL, me.nick),
        Invite(number, "admin"),
        Invites(number),
        Audit(number),
        Down(number, 0.0, "by the operator"),
        Stay(number, "by the operator"),
        ["grant", number, me.nick, "owner", "operator"],
        ["kick", number, name, "", "operator", scene.key],
    )
    return scene.rng.choice(commands), number


def second_hello(scene: Scene, me: Person) -> Attempt:
    """Be somebody else from now on."""
    whom = scene.whom()
    return Hello(PROTOCOL, whom.nick, whom.device, 0), 0


def foreign_nick(scene: Scene, me: Person) -> Attempt:
    """Take a nick that another holds, or one that looks like it or like the broker's."""
    number = me.count()
    return Rename(number, scene.lookalike()), number


def reading_along(scene: Scene, me: Person) -> Attempt:
    """Ask what others said to each other."""
    whom, other = scene.rng.sample(scene.people, 2)
    if scene.rng.random() < 0.5:
        return History(me.count(), f"@{whom.nick}", 500), 0
    return Search(me.count(), SECRET, 500, sender=whom.nick, to=scene.rng.choice(("", f"@{other.nick}"))), 0


COMMANDS: dict[Callable[[Scene, Person], Attempt], int] = {  # and how often
    extra_fields: 8,
    wrong_types: 8,
    foreign_numbers: 4,
    tracking: 4,
    marking: 3,
    powers: 8,
    second_hello: 3,
    foreign_nick: 3,
    reading_along: 1,
}
