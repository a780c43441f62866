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
from time import monotonic

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
    Registration,
    RoomChange,
    Ruled,
    Sharing,
    Staying,
    Storing,
    fold,
)

from .. import model as happenings
from ..client import Client
from ..errors import ClientError, Rejected
from ..exits import describe_bug, error_code, exit_code
from ..language import _, told
from ..model import ClientEvent, Kind, Message
from ..read import RESTORED, gap_text
from ..receipt import Receipt
from . import alarm, rulings, words
from .answers import Answers
from .attention import Attention
from .chosen import Chosen
from .flow import Flow
from .mine import Mine
from .shown import (
    Absence,
    Accepted,
    Aside,
    Connection,
    Done,
    Greeting,
    Happened,
    Notice,
    Overview,
    Present,
    Refusal,
    Ring,
    Shown,
    Status,
    Tone,
    Turned,
    Waiting,
    progress,
    roster,
)
from .where import Where

LONG_OUTAGE = 6  # failed attempts in a row, some 3 s: the reason may be another by now, as with a new broker's key

RECENT = 1_000  # messages that are known again when they are deleted
SENT = 10  # messages of mine of which /receipts tells


class Talk:
    """One person at one console."""

    def __init__(
        self,
        chat: Client,
        show: Callable[..., None],
        post: Callable[[Callable[[], None]], None],
        leave: Callable[[], None],
        chosen: Chosen | None = None,
    ) -> None:
        self.chat = chat
        self._show: Callable[..., None] = show
        self.post = post  # run this soon on the console's thread
        self._leave = leave
        self.chosen = chosen or Chosen()
        self.clock: Callable[[], float] = monotonic
        self.attention = Attention(lambda: self.chosen.settings)
        self.where = Where(GENERAL)
        self.wants_nick = False  # the broker refused ours: the next line is another
        self.away = False  # there is no broker, and the person has been told
        self.over = False
        self.exit_code = 0
        self.ever_connected = False
        self.people: dict[str, str] = {}  # folded nick → nick: who can be completed
        self.answers = Answers(post, self)
        self._mine = Mine(lambda: chat.delivered, partial(self.message, sent_here=True))
        self.sent: deque[Receipt] = deque(maxlen=SENT)  # of mine: direct messages and announcements, the newest last
        self.last_said = 0  # the sequence of the last message of mine; 0: there is none
        self.place: tuple[int, int] | None = None  # how many /history shows, and before which number; None: the latest
        self.placed: dict[int, str] = {}  # in which conversation each message was said whose number was shown
        self._recent: dict[int, str] = {}  # who said what was shown last, to be known again when it is deleted
        self._last_why = ""  # of an outage, so that each reason is told once
        self._missing = False  # the message shown last was said while we were away
        self._flow = Flow(self.now().date())

    def start(self, take: Callable[[Message | ClientEvent], None]) -> threading.Thread:
        """Begin to listen: `take` is called for each item on the thread returned, and may block to slow it down."""
        listening = threading.Thread(target=self._listen, args=(take,), name="confab-stream", daemon=True)
        listening.start()
        self.answers.start()
        self._take_up(self.chat.leftovers, self.chat.kept_elsewhere)
        return listening

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

    def show(self, *things: Shown) -> None:
        """Show what is no message, each on its own lines."""
        self._flow.interrupt()
        self._show(*things)

    def refuse(self, error: Exception, line: str = "") -> None:
        """Say why something did not happen, and give the line back."""
        if self.over and isinstance(error, ClientError) and not isinstance(error, Rejected):
            return  # a question that leaving cut off
        self.show(Refusal(told(str(error)) or _("The broker did not answer in time."), error_code(error), line))

    def accepted(self, seq: int) -> None:
        """A command was accepted; it ends no run of messages."""
        self._show(Accepted(seq))

    def tell(self, text: str) -> None:
        """Say a sentence."""
        self.show(Notice(text))

    def done(self, command: str, text: str) -> None:
        """Say what holds now that a command was carried out."""
        self.show(Done(command, text))

    def aside(self, text: str) -> None:
        """Say something beside the messages."""
        self.show(Aside(text, self.now()))

    def _tell(self, event: ClientEvent, text: str, tone: Tone = "warning") -> None:
        """Say what happened."""
        self.show(Happened(event, tone, self.now(), text))

    def message(self, item: Message, *, sent_here: bool = False) -> None:
        """Show a message, below the day when that is another than of the last one.

        What was missed ends with the first message of now, but not with one that was sent here: while the others come
        it may be accepted in their midst, and only behind the last of them it is known how many there were.
        """
        if item.missed != self._missing and not sent_here:
            self._missing = item.missed
            self.show(Absence() if item.missed else Present())
        self._show(*self._flow.next(item, self.chat.nick))
        self._remember(item)
        me = self.chat.nick
        if self.attention.heard(item, me, self.current, self.clock()):
            self._show(Ring(item.seq, self.chosen.settings.notify, alarm.title(item, me), item.title or item.body))

    def _remember(self, item: Message) -> None:
        if item.own:
            self.last_said = item.seq
        self._recent[item.seq] = item.sender
        if len(self._recent) > RECENT:
            del self._recent[next(iter(self._recent))]

    def _take_up(self, leftovers: list[Receipt], elsewhere: int) -> None:
        """Show what an earlier run left unanswered, as if it had just been typed."""
        if leftovers:
            self.tell(words.leftovers(len(leftovers)))
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
            self.tell(words.elsewhere(elsewhere))

    def late(self, receipt: Receipt) -> None:
        """Show a text that the broker has not answered yet, and for whom it is."""
        if not self.over and isinstance(receipt.command, Post | Announce):
            self.show(Waiting(receipt.command.to, receipt.command.body, self.now()))

    def _reached(self, seq: int) -> str:
        """How far a direct message of mine has come; of announcements, which have many readers, /receipts tells."""
        told = [one for one in map(progress, self.sent) if one.seq == seq and one.to.startswith("@")]
        return words.reached(told[-1]) if told else ""

    def follow(self, receipt: Receipt) -> None:
        """Be told who has this message of mine, if that can be told."""
        with suppress(ClientError):  # said to a room or to everyone, or the client is closed
            receipt.track()
            self.sent.append(receipt)

    @property
    def status(self) -> Status:
        """Who I am, where plain text goes, whether the broker is there, how far my last message has come."""
        told = [receipt for receipt in self.sent if receipt.state != "refused"]
        up: Connection = "connected" if self.ever_connected and not self.away else "connecting"
        state: Connection = "nick_refused" if self.wants_nick else up
        return Status(self.chat.nick, self.current, state, progress(told[-1]) if told else None)

    @property
    def progress(self) -> str:
        """For the input line's right end: what is not accepted yet, else how far my last tracked message has come."""
        if waiting := len(self.answers.unanswered()):
            return f"{words.MARKS['queued']} {words.messages(waiting)}"
        last = self.status.progress
        return words.progress(last, short=True) if last and not self.over else ""

    @property
    def overview(self) -> Overview:
        """What waits for the person, and how the connection is."""
        watch, now = self.attention, self.clock()
        return Overview(
            self.current,
            watch.unread,
            watch.writers(self.current),
            tuple(watch.urgent),
            not self.away and self.chat.connected,
            self.chat.round_trip,
            max(0.0, watch.quiet_until - now),
        )

    def typed(self, where: str) -> None:
        """The line at this console is another now, and is meant for this conversation; empty: for none."""
        self.attention.touched(self.clock())
        self.chat.writes(where if self.chosen.settings.typing else "")

    def own(self, target: str, body: str, seq: int, kind: Kind = "text") -> None:
        """Show what this console sent and the broker accepted."""
        self._mine.accepted(Message(seq, self.now(), self.chat.nick, target, kind, body, own=True))

    def is_me(self, nick: str) -> bool:
        """Whether this is my own nick, in any spelling."""
        return fold(nick) == fold(self.chat.nick)

    # --- what happens -----------------------------------------------------------------------------------------------

    def happened(self, item: Message | ClientEvent) -> None:
        """Show one item of the client's stream."""
        match item:
            case Message():
                self.answers.settle(item.seq)
                self._mine.show(before=item.seq)
                self.message(item)
                if item.own and item.target.startswith("@") and self.is_me(item.target[1:]):
                    self.aside(_(words.JOKES[item.seq % len(words.JOKES)]))
                self._mine.shown()
            case Presence():
                self._presence(item)
            case RoomChange(nick=nick) if not self.is_me(nick):  # my own steps are told as what I did
                self._tell(item, words.room_change(item), "around")
            case happenings.Connected():
                self._connected(item)
            case happenings.CaughtUp(missed=missed) if self._missing:
                self._missing = False
                self.show(Present(missed))
            case happenings.NotKept(text=text) | happenings.NotRemembered(text=text):
                self._tell(item, text)
            case happenings.Refused() if not self.wants_nick:  # else the client has asked again by itself
                self.wants_nick = True
                self._tell(item, _("{text} Type a nick and press Enter.").format(text=item.text), "refusal")
            case happenings.Connecting(attempt=attempt, why=why) if self._is_news(attempt, why):
                self.away, self._last_why = True, why
                self._tell(item, words.no_broker(why, still=self.ever_connected))
            case happenings.Disconnected(why=why):
                self.away, self._last_why = True, why
                self._tell(item, words.broker_away(why))
            case happenings.Dismissed(code=code, text=text):
                self.fail(Rejected(code, text))
            case Gap():
                self._tell(item, gap_text(item))
            case Ruled():
                self._tell(item, rulings.ruled(item), "around")
            case Moderated():
                self._tell(item, rulings.moderated(item))
            case Deleted(seq=seq):
                self._tell(item, rulings.deleted(item, self._recent.get(seq, "")), "around")
            case happenings.Slowed():
                self._tell(item, rulings.slowed(item))
            case happenings.Restored():
                self._tell(item, _(RESTORED))
            case Sharing(on=on) | Registration(kept=on):
                self._tell(item, _((words.SHARING if isinstance(item, Sharing) else words.KEPT)[on]))
            case Storing(ok=ok, text=text):
                self._tell(item, words.storing(text, ok=ok))
            case happenings.ServerClosing(by=by, seconds=seconds, reason=reason):
                self._tell(item, words.closing(by, seconds, reason))
            case Staying(by=by, reason=reason):
                self._tell(item, words.staying(by, reason))
            case happenings.ServerClosed(by=by, reason=reason):
                self._tell(item, words.closed(by, reason))
            case happenings.Reached(seq=seq):
                self._show(Happened(item, "status", self.now(), self._reached(seq)))
            case happenings.Composing():
                self.attention.writes(item)
                self._show(Happened(item, "status", self.now()))
            case _:  # what the input line tells, if anything does; it ends no run of messages
                self._show(Happened(item, "status", self.now()))

    def _connected(self, item: happenings.Connected) -> None:
        self.wants_nick, self.away, self._last_why = False, False, ""
        if not self.ever_connected:
            self.ever_connected = True
            self._show(Happened(item, "status", self.now()))
            self.answers.ask(self.chat.who, self._greet)
            return
        self._tell(item, _("The broker is back, and you are {nick}.").format(nick=item.nick), "notice")
        if item.resumed and self.where.outside(item.rooms):
            self.turn_to(GENERAL)
        self.answers.ask(self.chat.who, self._learn)

    def _greet(self, people: list[Person]) -> None:
        """The first screen: who is here, and how to talk to them."""
        self._learn(people)
        me, today = self.chat.nick, self.now().date()
        self.show(Greeting(me, self.chat.role, roster(people, me, today), self.current))

    def _learn(self, people: Iterable[Person]) -> None:
        self.people = {fold(person.nick): person.nick for person in people}

    def _is_news(self, attempt: int, why: str) -> bool:
        """Whether a failed attempt is worth telling: none soon after a break is, and each reason once."""
        return bool(why) and why != self._last_why and (not self.ever_connected or attempt >= LONG_OUTAGE)

    def _presence(self, item: Presence) -> None:
        match item.what:
            case "left":
                self.people.pop(fold(item.nick), None)
            case "renamed":
                self.people.pop(fold(item.nick), None)
                self.people[fold(item.text)] = item.text
                self.attention.renamed(item)
                self.where.renamed(f"@{item.nick}", f"@{item.text}")
            case _:
                self.people[fold(item.nick)] = item.nick
        mine = self.is_me(item.text if item.what == "renamed" else item.nick)
        if mine:
            self._show(Happened(item, "status", self.now()))
        else:
            self._tell(item, words.presence(item), "around")

    # --- the conversation and the end -------------------------------------------------------------------------------

    @property
    def current(self) -> str:
        """The conversation to which plain text goes."""
        return self.where.current

    def turn_to(self, target: str) -> None:
        """Make `target` the current conversation."""
        if fold(target) != fold(self.current):
            self.place = None
        self.where.turn(target)
        self.attention.turned(target)
        self.show(Turned(target))

    def fail(self, error: Exception) -> None:
        """The end that is not the person's choice: the broker's, or a bug."""
        known = isinstance(error, ClientError | MessageError)
        self.show(Refusal(told(str(error)) if known else describe_bug(error), error_code(error)))
        self.exit_code = exit_code(error)
        self.quit()

    def quit(self) -> None:
        """Leave the console; what is unanswered gets its chance while the client closes."""
        if not self.over:
            self._mine.show()
            self.over = True
            self._leave()
