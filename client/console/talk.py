"""What goes on at one console: the current conversation, what is unanswered, and what each event means to the person.

Knows the client's public API and how things are rendered; knows no terminal and no input line. Everything here runs on
one thread, the console's; `post` brings results of other threads to it.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from rich.control import Control
from rich.text import Text

from messages import GENERAL, MessageError, Person, Presence, RoomChange, fold, harmless

from .. import model as happenings
from ..client import Client
from ..errors import ClientError, Rejected
from ..exits import exit_code
from ..model import ClientEvent, Kind, Message
from ..receipt import Receipt
from . import render

T = TypeVar("T")

LONG_OUTAGE = 6  # failed attempts in a row, some 3 s: the reason may be another by now, as with a new broker's key
RETRY_SECONDS = 0.2  # between two looks at an answer that waits for a nick to be found

LOUD = frozenset({"high", "urgent"})  # announcements that ring the terminal's bell

JOKES = (
    "Talking to yourself? A walk round the block might bring better company.",
    "You have reached yourself. The others may be outside: it is said to be nice out there.",
    "A message from you, to you. Perhaps it is time for a short walk?",
)


@dataclass(slots=True, eq=False)
class Waiting:
    """A command without an answer yet."""

    receipt: Receipt
    then: Callable[[int], None]
    line: str  # what to give back in words when it is refused; empty: nothing was written


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
        self.show: Callable[..., None] = show  # renderables, each on its own lines
        self.post = post  # run this soon on the console's thread
        self._leave = leave
        self.current = GENERAL  # the conversation to which plain text goes
        self.wants_nick = False  # the broker refused ours: the next line is another
        self.away = False  # there is no broker, and the person has been told
        self.over = False
        self.exit_code = 0
        self.ever_connected = False
        self.people: dict[str, str] = {}  # folded nick → nick: who can be completed
        self.unanswered: list[Waiting] = []
        self._asking = 0  # questions on their way
        self._input_ended = False
        self._told: Callable[[], None] = lambda: None
        self._last_why = ""  # of an outage, so that each reason is told once
        self._day = self.now().date()
        self._answers: queue.SimpleQueue[Waiting | None] = queue.SimpleQueue()

    # --- threads beside the console ---------------------------------------------------------------------------------

    def start(self, take: Callable[[Message | ClientEvent], None]) -> None:
        """Begin to listen; `take` is called on another thread for each item, and may block to slow it down."""
        threading.Thread(target=self._listen, args=(take,), name="confab-stream", daemon=True).start()
        threading.Thread(target=self._collect, name="confab-answers", daemon=True).start()

    def _listen(self, take: Callable[[Message | ClientEvent], None]) -> None:
        try:
            for item in self.chat.stream():
                take(item)
        except (ClientError, MessageError) as error:
            self.post(partial(self.fail, error))

    def _collect(self) -> None:
        """Wait for the answers, in the order in which the commands were given."""
        while waiting := self._answers.get():
            self.post(partial(self._answered, waiting, self._outcome(waiting.receipt)))
        self.post(self._told)

    def _outcome(self, receipt: Receipt) -> int | ClientError:
        pause = threading.Event()
        while True:
            try:
                return receipt.wait()
            except ClientError as error:
                if receipt.done or not isinstance(error, Rejected):
                    return error
            pause.wait(RETRY_SECONDS)  # the nick is refused: this stays on its way until another is found

    def finish(self, told: Callable[[], None]) -> None:
        """After the client was closed: call this once every answer that came has been shown."""
        self._told = told
        self._answers.put(None)

    def expect(self, receipt: Receipt, then: Callable[[int], None], line: str = "") -> None:
        """Call `then` with the sequence once accepted; say so when refused, giving `line` back."""
        waiting = Waiting(receipt, then, line)
        self.unanswered.append(waiting)
        self._answers.put(waiting)

    def _answered(self, waiting: Waiting, outcome: int | ClientError) -> None:
        if isinstance(outcome, int):
            self.unanswered.remove(waiting)
            waiting.then(outcome)
        elif isinstance(outcome, Rejected):
            self.unanswered.remove(waiting)
            self.refuse(outcome, waiting.line)
        # else the client was closed: the line stays unanswered, and leaving tells so
        self._leave_when_idle()

    def ask(self, question: Callable[[], T], then: Callable[[T], None]) -> None:
        """Ask the broker something beside the console; then show it, or why there is no answer."""

        def run() -> None:
            try:
                answer = question()
            except (ClientError, MessageError, TimeoutError) as error:
                self.post(partial(asked, self.refuse, error))
            else:
                self.post(partial(asked, then, answer))

        def asked(react: Callable[[Any], None], outcome: Any) -> None:
            self._asking -= 1
            react(outcome)
            self._leave_when_idle()

        self._asking += 1
        threading.Thread(target=run, name="confab-question", daemon=True).start()

    # --- saying things to the person --------------------------------------------------------------------------------

    def now(self) -> datetime:
        """The time here."""
        return datetime.now().astimezone()

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

    def message(self, item: Message) -> None:
        """Show a message; when a day has begun since the last one, say so first."""
        today = self.now().date()
        if today != self._day:
            self._day = today
            self.around(f"It is {today:%A}, {today.isoformat()}.")
        self.show(render.message(item, self.chat.nick, today))
        if item.priority in LOUD and not item.own:
            self.show(Control.bell())

    def own(self, target: str, body: str, seq: int, kind: Kind = "text") -> None:
        """Show what this console sent and the broker accepted."""
        self.message(Message(seq, self.now(), self.chat.nick, target, kind, body, own=True))

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
            case happenings.ServerClosing(by=by, seconds=seconds, reason=reason):
                self.show(render.warning(f"{_by(by)} takes the broker down in {seconds:.0f} s{_because(reason)}."))
            case happenings.ServerClosed(by=by, reason=reason):
                self.show(render.warning(f"{_by(by)} took the broker down{_because(reason)}."))

    def _connected(self, item: happenings.Connected) -> None:
        self.wants_nick, self.away, self._last_why = False, False, ""
        if not self.ever_connected:
            self.ever_connected = True
            self.ask(self.chat.who, self._greet)
            return
        self.tell(f"The broker is back, and you are {harmless(item.nick)}.")
        if item.missed:
            self.show(render.warning("Some of what came meanwhile is no longer kept there and cannot be shown."))
        if self.current.startswith("#") and self.current not in item.rooms and item.resumed:
            self.turn_to(GENERAL)
        self.ask(self.chat.who, self._learn)

    def _greet(self, people: list[Person]) -> None:
        """The first screen: who is here, and how to talk to them."""
        self._learn(people)
        me = self.chat.nick
        others = len(people) - 1
        company = {0: "Nobody else is here yet.", 1: "One other person is here:"}.get(
            others, f"{others} others are here:"
        )
        admin = " You are an admin." if self.chat.is_admin else ""
        self.tell(f"You are {me}.{admin} {company}", style="bold")
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
        self.wants_nick = True
        self.show(render.refusal(f"{harmless(item.text)} Type a nick and press Enter."))

    def _connecting(self, why: str) -> None:
        if why and why != self._last_why:
            self.away, self._last_why = True, why
            self.show(render.warning(f"No broker yet: {_clause(why)}. Trying again by itself; Ctrl-D leaves."))

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
        """The end that is not the person's choice."""
        self.show(render.refusal(harmless(str(error))))
        self.exit_code = exit_code(error)
        self.quit()

    def quit(self) -> None:
        """Leave the console; what is unanswered gets its chance while the client closes."""
        if not self.over:
            self.over = True
            self._leave()

    def input_ended(self) -> None:
        """No more lines will come: leave once everything is answered."""
        self._input_ended = True
        self._leave_when_idle()

    def _leave_when_idle(self) -> None:
        if self._input_ended and not self.unanswered and not self._asking:
            self.quit()

    def unsent(self) -> list[str]:
        """The lines that were never answered: to be shown when leaving."""
        return [waiting.line for waiting in self.unanswered if waiting.line]


def _clause(sentence: str) -> str:
    return harmless(sentence).rstrip(". ") or "no answer"


def _by(nick: str) -> str:
    return harmless(nick) or "Somebody"


def _because(reason: str) -> str:
    return f": {harmless(reason)}" if reason else ""
