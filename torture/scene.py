"""The scene of a forgery: two honest people who speak to each other, and the truth about everybody.

Every body says in `truth` whose key says it. What anybody is shown is held against that, whoever they are.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field

from messages import (
    GENERAL,
    Accepted,
    Announcement,
    AnyEvent,
    AuditPage,
    Done,
    HistoryPage,
    Invited,
    InviteList,
    Message,
    Post,
    Roster,
    Track,
)

from .dealers import Dealer, Saying
from .proxy import Proxy

SECRET = "confidential"  # in all that is private
EXCERPT = 300  # characters that are kept of a problem


@dataclass(slots=True)
class Person:
    """Somebody with a session: the nick their key holds, and how far they have counted."""

    nick: str
    dealer: Dealer
    device: bytes
    number: int = 0

    def count(self) -> int:
        """The next number."""
        self.number += 1
        return self.number

    def say(self, *said: Saying) -> list[AnyEvent]:
        """Say this in one frame, and return what is answered and delivered meanwhile."""
        self.dealer.say(*said)
        return self.dealer.settle()


@dataclass(slots=True)
class Scene:
    """Two honest people who speak to each other, and what is known of everybody."""

    bind: str
    key: bytes
    people: list[Person]
    wire: Proxy  # between the first of them and the broker
    middle: Proxy  # for whoever is listened in on
    rng: random.Random
    truth: dict[str, str] = field(default_factory=dict)  # body → the nick of the key that says it; "": of none
    private: list[int] = field(default_factory=list)  # sequences of what the two said to each other
    strangers: int = 0
    tried: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    def body(self, nick: str = "") -> str:
        """A body that nobody says twice, and whose key says it."""
        body = f"{nick or 'nobody'} says {len(self.truth)}"
        self.truth[body] = nick
        return body

    def whom(self) -> Person:
        """Somebody to be taken for."""
        return self.rng.choice(self.people)

    def stranger(self) -> str:
        """A nick of one's own."""
        self.strangers += 1
        return f"x{self.strangers}"

    def fail(self, what: str) -> None:
        """Something was believed."""
        self.problems.append(what[:EXCERPT])

    def look(self, nick: str, events: list[AnyEvent]) -> None:
        """Hold what somebody was shown against the truth."""
        for event in events:
            for item in event.items if isinstance(event, HistoryPage) else [event]:
                if isinstance(item, Message | Announcement):
                    if self.truth.get(item.body) != item.sender:
                        self.fail(f"{nick} was shown {item.body!r} by {item.sender}")
                    if item.to.startswith("@") and nick not in (item.sender, item.to[1:]):
                        self.fail(f"{nick} was shown what {item.sender} said to {item.to}")

    def lookalike(self) -> str:
        """A nick by which one could be taken for another, or for the broker."""
        nick = self.whom().nick
        spellings = (nick, nick.upper(), nick.title(), f"{nick}\u200b", f"\u202e{nick[::-1]}", f"{nick} ", f"@{nick}")
        others = (f"{nick}\0", nick.replace("n", "ո"), "Broker", "SERVER", "operator", "all")
        return self.rng.choice((*spellings, *others))

    def whisper(self) -> None:
        """The two say something to each other, and want to know who has it."""
        for person, other in (self.people, self.people[::-1]):
            body = f"{SECRET} {self.body(person.nick)}"
            self.truth[body] = person.nick
            seq = granted(person.say(Post(person.count(), f"@{other.nick}", body))).get(person.number, 0)
            if not seq:
                self.fail(f"{person.nick} can no longer speak: {person.dealer.heard[-3:]}")
                return
            person.say(Track(person.count(), [seq]))
            self.private.append(seq)
        self.people[0].say(Post(self.people[0].count(), GENERAL, self.body(self.people[0].nick)))


def granted(events: list[AnyEvent]) -> dict[int, int]:
    """The numbers that were answered with anything but a refusal, and the sequence they were given."""
    found: dict[int, int] = {}
    for event in events:
        if isinstance(event, Accepted):
            found |= {event.number + n: event.seq + n for n in range(event.count)}
        elif isinstance(event, Done | HistoryPage | Roster | AuditPage | InviteList | Invited):
            found[event.number] = 0
    return found
