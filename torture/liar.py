"""A broker that keeps no rule: it agrees with everything and puts a text where one can stand, in names and codes too.

What the client says asks for it, so that a test sets the pace: see `Liar.answer`. A body that begins with "more" lets
everything happen that comes by itself, and a message that quotes it ends that.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import get_args

from msgspec.structs import replace

from messages import (
    Accepted,
    Announce,
    Announcement,
    AnyCommand,
    AnyEvent,
    Audit,
    AuditPage,
    Closed,
    Closing,
    Coming,
    Deed,
    Deleted,
    Dismissed,
    Done,
    Feed,
    Hello,
    History,
    HistoryPage,
    Invite,
    Invited,
    InviteInfo,
    InviteList,
    Invites,
    Mark,
    Message,
    Moderated,
    Person,
    Ping,
    Pong,
    Post,
    Presence,
    Priority,
    Progress,
    Recipient,
    Registration,
    Rejected,
    RoomChange,
    RoomInfo,
    RoomList,
    Rooms,
    Roster,
    Ruled,
    RuleList,
    Rules,
    Search,
    Sharing,
    Staying,
    Storing,
    Track,
    Typist,
    Welcome,
    Who,
)
from tests.fake_router import FakeRouter

PORTION = 50  # of each kind of event that comes by itself
MANY = 10  # texts in a long one
ROWS = 30  # of a roster, a list of rooms, a page of history
FRIEND = "friend"  # the nick of whom I talk to, before that
ACCEPTS = ("*", f"@{FRIEND}")  # what is said to these is accepted
DEEDS = ("muted", "unmuted", "granted", "opened", "transferred", "revoked")


class Liar:
    """`texts` is where it has its texts from."""

    def __init__(self, home: Path, texts: Callable[[], str], rng: random.Random) -> None:
        self.texts = 0  # that it has said
        self.escapes = 0  # escape characters in bodies that a console shows
        self.refusals: list[AnyEvent] = []  # what comes of the next Hellos, one each
        self.talkative = False  # everything happens at once, behind the welcome
        self._source = texts
        self._rng = rng
        self._router = FakeRouter(home, self.answer)

    def close(self) -> None:
        """Go."""
        self._router.close()

    def text(self) -> str:
        """The next text."""
        self.texts += 1
        return self._source()

    def long_text(self) -> str:
        """Many texts as one, for what is shown once."""
        return " ".join(self.text() for _ in range(MANY))

    def answer(self, command: AnyCommand) -> Sequence[AnyEvent]:
        """What comes of a command; whatever can be refused and is not asked for is refused."""
        match command:
            case Hello():
                return self._welcome(command)
            case Ping(token=token):
                return [Pong(token, self._router.seq)]
            case Feed() | Mark():
                return []
            case Post(body=body) if body.startswith("more"):
                return [*self._everything(body), Accepted(command.number, self._seq())]
            case Post(body=body) if body.startswith("turn"):  # whom one talks to takes another nick
                turned = Presence(FRIEND, "renamed", self.long_text())
                return [turned, self._end(body), Accepted(command.number, self._seq())]
            case Post(body="end"):
                return [Closed(self.text(), self.text()), Dismissed("kicked", self.long_text())]
            case Post(to=to) | Announce(to=to) if to in ACCEPTS:
                return [Accepted(command.number, self._seq())]
            case Track(number=number, seqs=seqs):
                return [*(Progress(seq, self._names(), self._names()) for seq in seqs), Done(number)]
            case Who(number=number):
                return [Roster(number, [self._person() for _ in range(ROWS)])]
            case Rooms(number=number):
                return [RoomList(number, [RoomInfo(self.text(), 3, True, self.text()) for _ in range(ROWS)])]
            case History(number=number) | Search(number=number):
                return [HistoryPage(number, self.text(), [*self._said(ROWS // 2)], None)]
            case _:
                number = getattr(command, "number", 0)
                return [self._told(command, number)] if number else []

    def _told(self, command: AnyCommand, number: int) -> AnyEvent:
        """The answer to those who have a role; all else is refused."""
        text = self.text
        match command:
            case Rules():
                return RuleList(number, text(), [(text(), text()) for _ in range(ROWS)] + [("topic", text())])
            case Invite():
                return Invited(number, 1, self.long_text())
            case Invites():
                return InviteList(number, [InviteInfo(n, text(), n, None, text()) for n in range(ROWS)])
            case Audit():
                deeds = [Deed(n, self._now(), text(), text(), text(), text(), text()) for n in range(ROWS)]
                return AuditPage(number, deeds, None)
            case _:
                return Rejected(number, text(), text())

    def _welcome(self, command: Hello) -> Sequence[AnyEvent]:
        if self.refusals:
            return [self.refusals.pop(0)]
        [polite] = [event for event in self._router.polite(command) if isinstance(event, Welcome)]
        nick = f"you-{self.long_text()}"  # nobody else's: what one says oneself rings no bell
        rooms = [*polite.rooms, self.text()]
        welcome = replace(polite, nick=nick, rooms=rooms, role=self.long_text(), broker=self.text())
        return [welcome, *self._everything("all")] if self.talkative else [welcome]

    def _everything(self, asked: str) -> Iterator[AnyEvent]:
        """All that comes by itself, and a message that says so."""
        rng, text = self._rng, self.text
        for said in self._said(PORTION):
            self.escapes += said.body.count("\x1b")
            yield said
            yield Presence(text(), rng.choice(get_args(Coming)), text())
            yield RoomChange(text(), text(), rng.random() < 0.5)
            yield Typist(text(), rng.choice(("#general", text())), rng.random() < 0.8)
            yield Ruled(text(), rng.choice(("topic", "closed", "locked", text())), text(), text(), text())
            yield Moderated(rng.choice((*DEEDS, text())), text(), text(), text())
            yield Deleted(rng.choice((0, said.seq)), text(), text())
        yield Storing(False, text())
        yield Storing(True, text())
        yield Closing(text(), 3.0, text())
        yield Staying(text(), text())
        yield Sharing(False)
        yield Registration(True)
        yield Closed(text(), text())
        yield self._end(asked)

    def _end(self, asked: str) -> AnyEvent:
        return Message(self._seq(), self._now(), "liar", "#general", f"that was {asked}.")

    def _said(self, count: int) -> Iterator[Message | Announcement]:
        rng, text = self._rng, self.text
        for _ in range(count):
            to = rng.choice(("*", "#general", "@me", f"{rng.choice(('', '@'))}{text()}"))
            yield Message(self._seq(), self._now(), text(), to, text())
            priority = rng.choice(get_args(Priority))
            yield Announcement(self._seq(), self._now(), text(), to, text(), text(), priority)

    def _person(self) -> Person:
        lost = self._rng.random() < 0.3
        rooms = [self.text(), "#x"]
        return Person(self.text(), self._now(), rooms, away=self.text(), role=self.text(), lost=lost)

    def _names(self) -> list[Recipient]:
        return [Recipient(person, self.text()) for person in range(3)]

    def _seq(self) -> int:
        self._router.seq += 1
        return self._router.seq

    def _now(self) -> int:
        return time.time_ns() // 1_000_000
