"""What goes on at one console: the current conversation, what is unanswered, and what each event means to the person.

Knows the client's public API and how things are rendered; knows no terminal and no input line. Everything here runs on
one thread, the console's; `post` brings results of other threads to it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any

from rich.console import RenderableType
from rich.control import Control
from rich.text import Text

from messages import (
    GENERAL,
    Announce,
    Deleted,
    Gap,
    MessageError,
    Moderated,
    Person,
    Post,
    Presence,
    RoomChange,
    Ruled,
    Storing,
    fold,
    harmless,
)

from .. import model as happenings
from ..client import Client
from ..errors import ClientError, Rejected
from ..exits import describe_bug, exit_code
from ..model import ClientEvent, Kind, Message
from ..read import RESTORED, gap_text
from ..receipt import Receipt
from . import render, rulings
from .answers import Answers
from .flow import Flow

LONG_OUTAGE = 6  # failed attempts in a row, some 3 s: the reason may be another by now, as with a new broker's key

RECENT = 1_000  # messages that are known again when they are deleted
SENT = 10  # messages of mine of which /receipts tells
LOUD = frozenset({"high", "urgent"})  # announcements that ring the terminal's bell

JOKES = (
    "Talking to yourself? A walk round the block might bring better company.",
    "You have reached yourself. The others may be outside: it is said to be nice out there.",
    "A message from you, to you. Perhaps it is time for a short walk?",
)


class Talk:
    """One person at one console."""

    def __init__(
        self,
        chat: Client,
        show: Callable[..., None],
        post: Callable[[Callable[[], None]], None],
        leave: Callable[[], None],
    ) -> None:
        self.chat = chat
        self._show: Callable[..., None] = show  # renderables, each on its own lines
        self.post = post  # run this soon on the console's thread
        self._leave = leave
        self.current = GENERAL  # the conversation to which plain text goes
        self.wants_nick = False  # the broker refused ours: the next line is another
        self.away = False  # there is no broker, and the person has been told
        self.over = False
        self.exit_code = 0
        self.ever_connected = False
        self.people: dict[str, str] = {}  # folded nick → nick: who can be completed
        self.answers = Answers(post, self)
        self.sent: deque[Receipt] = deque(maxlen=SENT)  # of mine: direct messages and announcements, the newest last
        self.last_said = 0  # the sequence of the last message of mine; 0: there is none
        self._recent: dict[int, str] = {}  # who said what was shown last, to be known again when it is deleted
        self._last_why = ""  # of an outage, so that each reason is told once
        self._missing = False  # the message shown last was said while we were away
        self._flow = Flow(self.now().date())

    def start(self, take: Callable[[Message | ClientEvent], None]) -> None:
        """Begin to listen; `take` is called on another thread for each item, and may block to slow it down."""
        threading.Thread(target=self._listen, args=(take,), name="confab-stream", daemon=True).start()
        self.answers.start()
        self._take_up(self.chat.leftovers, self.chat.kept_elsewhere)

    def _listen(self, take: Callable[[Message | ClientEvent], None]) -> None:
        try:
            for item in self.chat.stream(ahead=True):
                take(item)
        except Exception as error:
            self.post(partial(self.fail, error))

    # --- saying things to the person --------------------------------------------------------------------------------

    def now(self) -> datetime:
        """The time here."""
        return datetime.now().astimezone()

    def show(self, *things: RenderableType) -> None:
        """Show what is no message, each on its own lines."""
        self._flow.interrupt()
        self._show(*things)

    def refuse(self, error: Exception, line: str = "") -> None:
        """Say why something did not happen, and give the line back."""
        if self.over and isinstance(error, ClientError) and not isinstance(error, Rejected):
            return  # a question that leaving cut off
        why = harmless(str(error)) or "The broker did not answer in time."
        self.show(render.refusal(f"{why} Not sent: {render.excerpt(line)}" if line else why))

    def tell(self, text: str, *, style: str = "") -> None:
        """Say a sentence."""
        self.show(render.notice(text, style))

    def around(self, text: Any) -> None:
        """Say, dimly, what goes on around the messages."""
        now = self.now()
        self.show(render.quiet(text, now, now.date()))

    def message(self, item: Message, *, sent_here: bool = False) -> None:
        """Show a message, below the day when that is another than of the last one.

        What was missed ends with the first message of now, but not with one that was sent here: while the others come
        it may be accepted in their midst, and only behind the last of them it is known how many there were.
        """
        if item.missed != self._missing and not sent_here:
            self._missing = item.missed
            self.show(render.rule("while you were away" if item.missed else "now"))
        self._show(*self._flow.next(item, self.chat.nick))
        self._remember(item)
        if item.priority in LOUD and not item.own:
            self._show(Control.bell())

    def _remember(self, item: Message) -> None:
        if item.own:
            self.last_said = item.seq
        self._recent[item.seq] = item.sender
        if len(self._recent) > RECENT:
            del self._recent[next(iter(self._recent))]

    def _take_up(self, leftovers: list[Receipt], elsewhere: int) -> None:
        """Show what an earlier run left unanswered, as if it had just been typed."""
        if leftovers:
            self.tell(f"{_messages(len(leftovers))} from last time had no answer yet, and will be sent:")
        for receipt in leftovers:
            match receipt.command:
                case Post(to=to, body=body):
                    accepted = partial(self.own, to, body)
                case Announce(to=to, body=body):
                    accepted = partial(self.own, to, body, kind="announcement")
                case _:
                    continue
            self.answers.expect(receipt, accepted, body)
            self.follow(receipt)
        self.answers.tell_late(at_once=True)
        if elsewhere:
            self.tell(f"{_messages(elsewhere)} of another window still to be sent; opening one more sends them.")

    def late(self, receipt: Receipt) -> None:
        """Show a text that the broker has not answered yet, and for whom it is."""
        if not self.over and isinstance(receipt.command, Post | Announce):
            self.around(render.waiting(receipt.command.to, receipt.command.body))

    def follow(self, receipt: Receipt) -> None:
        """Be told who has this message of mine, if that can be told."""
        with suppress(ClientError):  # said to a room or to everyone, or the client is closed
            receipt.track()
            self.sent.append(receipt)

    @property
    def progress(self) -> str:
        """How far my last direct message or announcement has come, for the input line's right end."""
        told = [receipt for receipt in self.sent if receipt.state != "refused"]
        return render.progress(told[-1], short=True) if told and not self.over else ""

    def own(self, target: str, body: str, seq: int, kind: Kind = "text") -> None:
        """Show what this console sent and the broker accepted."""
        self.message(Message(seq, self.now(), self.chat.nick, target, kind, body, own=True), sent_here=True)

    def is_me(self, nick: str) -> bool:
        """Whether this is my own nick, in any spelling."""
        return fold(nick) == fold(self.chat.nick)

    # --- what happens -----------------------------------------------------------------------------------------------

    def happened(self, item: Message | ClientEvent) -> None:
        """Show one item of the client's stream."""
        match item:
            case Message():
                self.message(item)
                if item.own and item.target.startswith("@") and self.is_me(item.target[1:]):
                    self.around(JOKES[item.seq % len(JOKES)])
            case Presence():
                self._presence(item)
            case RoomChange(nick=nick):
                if not self.is_me(nick):  # my own steps are told as what I did
                    self.around(render.room_change(item))
            case happenings.Connected():
                self._connected(item)
            case happenings.CaughtUp(missed=missed):
                if self._missing:
                    self._missing = False
                    self.show(render.rule(f"now; {_messages(missed)} missed"))
            case happenings.Reached():
                self._show(render.nothing())  # the input line is drawn anew, and tells it
            case happenings.NotKept(text=text) | happenings.NotRemembered(text=text):
                self.show(render.warning(harmless(text)))
            case happenings.Refused():
                self._refused(item)
            case happenings.Connecting(attempt=attempt, why=why):
                if not self.ever_connected or attempt >= LONG_OUTAGE:
                    self._connecting(why)
            case happenings.Disconnected(why=why):
                self.away, self._last_why = True, why
                self.show(
                    render.warning(f"The broker is away: {_clause(why)}. What you type is kept until it is back.")
                )
            case happenings.Dismissed(code=code, text=text):
                self.fail(Rejected(code, text))
            case Gap():
                self.show(render.warning(gap_text(item)))
            case Ruled():
                self.around(rulings.ruled(item))
            case Moderated():
                self.show(render.warning(rulings.moderated(item)))
            case Deleted(seq=seq):
                self.around(rulings.deleted(item, self._recent.get(seq, "")))
            case happenings.Slowed():
                self.show(render.warning(rulings.slowed(item)))
            case happenings.Restored():
                self.show(render.warning(RESTORED))
            case Storing(ok=ok, text=text):
                why = "" if ok else " Until then nothing is accepted; what you send is given back."
                self.show(render.warning(harmless(text) + why))
            case happenings.ServerClosing(by=by, seconds=seconds, reason=reason):
                self.show(render.warning(f"{_by(by)} takes the broker down in {seconds:.0f} s{_because(reason)}."))
            case happenings.ServerClosed(by=by, reason=reason):
                self.show(render.warning(f"{_by(by)} took the broker down{_because(reason)}."))

    def _connected(self, item: happenings.Connected) -> None:
        self.wants_nick, self.away, self._last_why = False, False, ""
        if not self.ever_connected:
            self.ever_connected = True
            self.answers.ask(self.chat.who, self._greet)
            return
        self.tell(f"The broker is back, and you are {harmless(item.nick)}.")
        if self.current.startswith("#") and self.current not in item.rooms and item.resumed:
            self.turn_to(GENERAL)
        self.answers.ask(self.chat.who, self._learn)

    def _greet(self, people: list[Person]) -> None:
        """The first screen: who is here, and how to talk to them."""
        self._learn(people)
        me = self.chat.nick
        others = len(people) - 1
        company = {0: "Nobody else is here yet.", 1: "One other person is here:"}.get(
            others, f"{others} others are here:"
        )
        role = f", {harmless(self.chat.role)} here" if self.chat.role != "guest" else ""
        self.tell(f"You are {me}{role}. {company}", style="bold")
        self.show(
            render.roster(people, me, self.now().date()),
            Text(),
            render.hint(
                ("text", f"goes to {self.current}"),
                ("/msg NICK text", "goes to one person"),
                ("$ text", "goes to everyone"),
                ("/help", "shows every command, /quit leaves"),
            ),
        )

    def _learn(self, people: Iterable[Person]) -> None:
        self.people = {fold(person.nick): person.nick for person in people}

    def _refused(self, item: happenings.Refused) -> None:
        if self.wants_nick:
            return  # the client has asked again by itself, and was told the same
        self.wants_nick = True
        self.show(render.refusal(f"{harmless(item.text)} Type a nick and press Enter."))

    def _connecting(self, why: str) -> None:
        if why and why != self._last_why:
            self.away, self._last_why = True, why
            start = "Still no broker" if self.ever_connected else "No broker yet"
            self.show(render.warning(f"{start}: {_clause(why)}. Trying again by itself; Ctrl-D leaves."))

    def _presence(self, item: Presence) -> None:
        match item.what:
            case "left":
                self.people.pop(fold(item.nick), None)
            case "renamed":
                self.people.pop(fold(item.nick), None)
                self.people[fold(item.text)] = item.text
                if fold(self.current) == f"@{fold(item.nick)}":
                    self.current = f"@{item.text}"
            case _:
                self.people[fold(item.nick)] = item.nick
        if not self.is_me(item.text if item.what == "renamed" else item.nick):
            self.around(render.presence(item))

    # --- the conversation and the end -------------------------------------------------------------------------------

    def turn_to(self, target: str) -> None:
        """Make `target` the current conversation."""
        self.current = target
        self.show(render.turned(target))

    def fail(self, error: Exception) -> None:
        """The end that is not the person's choice: the broker's, or a bug."""
        known = isinstance(error, ClientError | MessageError)
        self.show(render.refusal(harmless(str(error) if known else describe_bug(error))))
        self.exit_code = exit_code(error)
        self.quit()

    def quit(self) -> None:
        """Leave the console; what is unanswered gets its chance while the client closes."""
        if not self.over:
            self.over = True
            self._leave()


def _messages(count: int) -> str:
    return "1 message" if count == 1 else f"{count:,} messages"


def _clause(sentence: str) -> str:
    return harmless(sentence).rstrip(". ") or "no answer"


def _by(nick: str) -> str:
    return harmless(nick) or "Somebody"


def _because(reason: str) -> str:
    return f": {harmless(reason)}" if reason else ""
