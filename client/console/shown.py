"""What a console shows, as data: what was said, what happened, answers and refusals. Knows no looks and no terminal.

Talk and the commands make these; a face (face_rich.py, face_linear.py, face_json.py) gives each its form. Texts are as
they came: a face makes them harmless. A struct that is added goes into `Shown`; mypy then names each face without it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any, Literal, TypeAlias

import msgspec

from messages import Deed, InviteInfo, Person, RoomInfo, fold

from ..model import ClientEvent, Composing, Message, Page
from ..receipt import Receipt, State
from ..settings import Alarm

Tone: TypeAlias = Literal["notice", "warning", "refusal", "around", "status"]
"""How loud something is told. `around`: what goes on around the messages. `status`: where the prompt or a status line
tells it, nothing else does."""

Connection: TypeAlias = Literal["connected", "connecting", "nick_refused"]


def conversation(message: Message, me: str) -> str:
    """Where a message belongs, as `me` would address it: a direct message belongs to the other person."""
    if message.target.startswith("@") and fold(message.target[1:]) == fold(me):
        return f"@{message.sender}"
    return message.target


def calls(message: Message, *words: str) -> bool:
    """Whether somebody else's message has one of these in it, as a word by itself, in any case: my nick, say."""
    return not message.own and any(
        re.search(rf"(?<![\w.-]){re.escape(word)}(?![\w-])", message.body, re.IGNORECASE) for word in words
    )


class Progress(msgspec.Struct, frozen=True):
    """How far a direct message or an announcement of mine has come."""

    seq: int  # 0: not accepted yet
    to: str
    body: str
    state: State
    delivered: tuple[str, ...]  # to these people, in the order of their nicks
    read: tuple[str, ...]  # those of them to whom it was shown


class Status(msgspec.Struct, frozen=True):
    """What the input line tells at any time; a program is told it when it is another than before."""

    nick: str
    target: str  # the conversation to which plain text goes
    state: Connection
    progress: Progress | None  # of my last direct message or announcement


def progress(receipt: Receipt) -> Progress:
    """How far the message of a receipt has come by now."""
    to, body = getattr(receipt.command, "to", ""), getattr(receipt.command, "body", "")
    delivered, read = sorted(receipt.delivered_to.values()), sorted(receipt.read_by.values())
    return Progress(receipt.seq, to, body, receipt.state, tuple(delivered), tuple(read))


# --- messages ------------------------------------------------------------------------------------------------------


class Said(msgspec.Struct, frozen=True):
    """A message or an announcement."""

    message: Message
    me: str
    today: date  # the day that a reader takes it to be of
    numbered: bool = False  # with the number that /delete takes
    continued: bool = False  # its time, place and sender are those of the message above


class Day(msgspec.Struct, frozen=True):
    """The messages below are of this day."""

    day: date


class Absence(msgspec.Struct, frozen=True):
    """The messages below were said while we were away."""


class Present(msgspec.Struct, frozen=True):
    """The messages below are of now."""

    missed: int | None = None  # so many were said while we were away; None: that is not known yet


class Stretch(msgspec.Struct, frozen=True):
    """An answer made of messages."""

    what: str  # of which conversation, '*' for everyone; or the words that were searched for
    page: Page
    me: str
    today: date
    found: bool = False  # by a search


class Ring(msgspec.Struct, frozen=True):
    """A message wants attention now."""

    seq: int
    how: Alarm
    title: str  # who says it, and where
    text: str


# --- sentences -----------------------------------------------------------------------------------------------------


class Notice(msgspec.Struct, frozen=True):
    """A sentence from confab itself."""

    text: str


class Accepted(msgspec.Struct, frozen=True):
    """The broker took what a line asked for; what people see of it is shown besides."""

    seq: int  # its place in the log; 0: it writes nothing there


class Done(msgspec.Struct, frozen=True):
    """A command was carried out."""

    command: str  # the first of its names
    text: str  # what holds now, a sentence


class Caution(msgspec.Struct, frozen=True):
    """A sentence that asks for attention: something is wrong, though nothing is lost."""

    text: str


class Refusal(msgspec.Struct, frozen=True):
    """Something did not happen, and why."""

    text: str
    error: str = "usage"  # a code of PROTOCOL.md, or one of those that `--json` prints elsewhere
    line: str = ""  # what was to be sent, and was not


class Unsent(msgspec.Struct, frozen=True):
    """A line without an answer when the console ends."""

    line: str
    kept: bool  # on disk: the next console sends it


class Bye(msgspec.Struct, frozen=True):
    """The last that a console shows."""

    exit_code: int  # with which it ends


class Aside(msgspec.Struct, frozen=True):
    """A sentence beside the messages."""

    text: str
    at: datetime


class Waiting(msgspec.Struct, frozen=True):
    """A text of mine that is not accepted yet, and for whom it is."""

    to: str
    body: str
    at: datetime


class Happened(msgspec.Struct, frozen=True):
    """Something other than a message came from the broker, or happened to the connection."""

    event: ClientEvent
    tone: Tone
    at: datetime
    text: str = ""  # a sentence; none for what people need not be told


# --- where one is --------------------------------------------------------------------------------------------------


class Greeting(msgspec.Struct, frozen=True):
    """The first screen: who one is, who is here, where plain text goes."""

    nick: str
    role: str
    roster: Roster
    target: str


class Turned(msgspec.Struct, frozen=True):
    """Plain text goes there from now on."""

    target: str


class Unread(msgspec.Struct, frozen=True):
    """What came to a conversation since the person turned to it last."""

    where: str  # '@nick', '#room' or '*'
    count: int = 0
    mentions: int = 0  # so many of them call the person, or are only for this person


class Overview(msgspec.Struct, frozen=True):
    """What waits for the person, and how the connection is: what the status line tells."""

    current: str  # the conversation to which plain text goes
    unread: tuple[Unread, ...] = ()  # elsewhere, those with mentions first
    writing: tuple[Composing, ...] = ()  # who writes here, or to the person alone
    urgent: tuple[Message, ...] = ()  # announcements that are not acknowledged, the oldest first
    connected: bool = True
    round_trip: float | None = None  # seconds that the broker's last answer took
    quiet: float = 0.0  # seconds for which nothing rings yet; inf: until that is ended


# --- answers -------------------------------------------------------------------------------------------------------


class Help(msgspec.Struct, frozen=True):
    """Commands: how each is typed, its other names, what it does."""

    rows: tuple[tuple[str, tuple[str, ...], str], ...]


class Roster(msgspec.Struct, frozen=True):
    """Who is online, since when, in which rooms."""

    people: tuple[Person, ...]
    me: str
    today: date


class RoomList(msgspec.Struct, frozen=True):
    """Which rooms there are."""

    rooms: tuple[RoomInfo, ...]


class Receipts(msgspec.Struct, frozen=True):
    """How far my last messages have come, the newest last."""

    sent: tuple[Progress, ...]


class Sharing(msgspec.Struct, frozen=True):
    """Whether others may learn what I have read."""

    on: bool


class Topic(msgspec.Struct, frozen=True):
    """What a room is about."""

    room: str
    text: str  # empty: there is none


class Rules(msgspec.Struct, frozen=True):
    """Which rules hold."""

    where: str  # '*' for the broker, or '#room'
    rules: tuple[tuple[str, str], ...]  # name and value


class Invitation(msgspec.Struct, frozen=True):
    """A new invite."""

    invite: str  # to be passed on whole
    number: int
    role: str
    uses: int
    seconds: float | None  # it holds for so long; None: for good


class Invites(msgspec.Struct, frozen=True):
    """Which invites there are."""

    invites: tuple[InviteInfo, ...]
    now: datetime


class Trail(msgspec.Struct, frozen=True):
    """What those with a role did."""

    deeds: tuple[Deed, ...]
    today: date


class Setting(msgspec.Struct, frozen=True):
    """A setting."""

    name: str
    value: Any
    default: Any  # None: it is not there unless it is set
    help: str  # what it means, a sentence


class SettingList(msgspec.Struct, frozen=True):
    """What one may set."""

    settings: tuple[Setting, ...]


class KeyList(msgspec.Struct, frozen=True):
    """Which keys do what: how people say them, which setting changes them, what they do."""

    keys: tuple[tuple[str, str, str], ...]


def roster(people: Iterable[Person], me: str, today: date) -> Roster:
    """Who is online, in the order of their nicks."""
    return Roster(tuple(sorted(people, key=lambda one: fold(one.nick))), me, today)


def room_list(rooms: Iterable[RoomInfo]) -> RoomList:
    """Which rooms there are, in the order of their names."""
    return RoomList(tuple(sorted(rooms, key=lambda one: one.name)))


Shown: TypeAlias = (
    Said
    | Day
    | Absence
    | Present
    | Stretch
    | Ring
    | Notice
    | Accepted
    | Done
    | Caution
    | Refusal
    | Unsent
    | Bye
    | Aside
    | Waiting
    | Happened
    | Greeting
    | Turned
    | Overview
    | Help
    | Roster
    | RoomList
    | Receipts
    | Sharing
    | Topic
    | Rules
    | Invitation
    | Invites
    | Trail
    | SettingList
    | KeyList
)
