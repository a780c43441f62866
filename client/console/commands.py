"""Every command of the console in one table, and how a typed line is read. Pure apart from the handlers it names.

/help, -comms, completion and the suggestions for a wrong command are all derived from TABLE.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal, TypeAlias

from messages import MessageError

from ..errors import ClientError
from ..language import N_, _
from ..targets import read_target
from . import actions, duties, lookback, setting, watch
from .shown import Help, Notice, Refusal
from .talk import Talk
from .words import excerpt

PLACEHOLDERS = (
    *(N_("NICK"), N_("NAME"), N_("VALUE"), N_("TARGET"), N_("NUMBER"), N_("ROLE"), N_("ADDRESS"), N_("KEY")),
    *(N_("text"), N_("words"), N_("reason"), N_("room"), N_("command")),
)
_PLACEHOLDER = re.compile(rf"\b(?:{'|'.join(PLACEHOLDERS)})\b")

Handler: TypeAlias = Callable[[Talk, list[str]], None]
Completes: TypeAlias = Literal["nothing", "nick", "room", "target", "command", "setting"]


@dataclass(frozen=True, slots=True)
class Command:
    """One row of the table: what is typed, what it takes, what it does."""

    names: tuple[str, ...]  # the first is the one to learn; the others are the same
    arguments: str  # as /help shows them
    help: str
    least: int  # arguments it needs
    most: int  # arguments it takes; the last one is the rest of the line as typed
    run: Handler
    completes: Completes = "nothing"  # what its first argument is

    @property
    def usage(self) -> str:
        """How it is typed, what stands for something else in the person's language."""
        arguments = _PLACEHOLDER.sub(lambda found: _(found[0]), self.arguments)
        return f"{self.names[0]} {arguments}".rstrip()


@dataclass(frozen=True, slots=True)
class Say:
    """A line that goes to the current conversation."""

    text: str


@dataclass(frozen=True, slots=True)
class Run:
    """A command with as many arguments as it takes."""

    command: Command
    arguments: list[str]


@dataclass(frozen=True, slots=True)
class Misused:
    """A command with too many or too few arguments."""

    command: Command


@dataclass(frozen=True, slots=True)
class Unknown:
    """Something that looks like a command; `near` are those which come near it."""

    word: str
    near: list[str]


Parsed: TypeAlias = Say | Run | Misused | Unknown


def show_help(talk: Talk, arguments: list[str]) -> None:
    """Show the whole table, or the rows of one command."""
    if arguments == ["keys"]:
        setting.show_keys(talk)
        return
    chosen: Sequence[Command] = TABLE
    if arguments:
        word = arguments[0]
        chosen = tuple(command for command in TABLE if {word, f"/{word}", f"-{word}"} & set(command.names))
        if not chosen:
            talk.show(unknown(Unknown(word, near(word))))
            return
    talk.show(
        Help(tuple((command.usage, command.names[1:], _(command.help)) for command in chosen)),
        Notice(_("Anything else you type goes to the current conversation; /to alone says which.")),
    )


TABLE = (
    Command(("/msg", "-to"), "NICK text", N_("say something to one person"), 2, 2, actions.message, "target"),
    Command(("/all", "$"), "text", N_("say something to everyone"), 1, 1, actions.say_to_all),
    Command(("/to",), "TARGET", N_("talk to @nick, #room or all from now on"), 0, 1, actions.turn_to, "target"),
    Command(("/who", "/users?"), "", N_("who is online, since when, in which rooms"), 0, 0, actions.who),
    Command(("/rooms",), "", N_("which rooms there are"), 0, 0, actions.rooms),
    Command(("/join",), "#room", N_("enter a room (made when new) and talk there"), 1, 1, actions.join, "room"),
    Command(("/leave",), "[#room]", N_("leave a room; without one, the current"), 0, 1, actions.leave, "room"),
    Command(("/next",), "", N_("turn to what is unread elsewhere, mentions first"), 0, 0, watch.next_unread),
    Command(
        ("/history",), "[N]", N_("what was said here last; again: before that; around NUMBER"), 0, 1, lookback.history
    ),
    Command(
        ("/search",), "words", N_("find messages; from:NICK in:TARGET after:DATE before:DATE"), 1, 1, lookback.search
    ),
    Command(("/announce",), "text", N_("an announcement nobody overlooks"), 1, 1, actions.announce),
    Command(("/ack",), "", N_("take urgent announcements off the screen"), 0, 0, watch.acknowledge),
    Command(
        ("/notify",), "[TARGET] all|mentions|mute", N_("what rings; or bell, osc9, osc777, none"), 0, 1, watch.notify
    ),
    Command(
        ("/dnd",), "[for 1h]|off", N_("do not disturb: nothing rings but what is urgent"), 0, 1, watch.do_not_disturb
    ),
    Command(("/status",), "", N_("what is unread, who is writing, how the connection is"), 0, 0, watch.status),
    Command(("/receipts",), "[off|on]", N_("who has read you; whether others learn it of you"), 0, 1, actions.receipts),
    Command(("/nick",), "NAME", N_("take another nick"), 1, 1, actions.rename),
    Command(("/away",), "[text]", N_("say that you are away; without text, back"), 0, 1, actions.away),
    Command(
        ("/register",), "", N_("keep your nick, your rooms and your mail while you are away"), 0, 0, actions.register
    ),
    Command(("/unregister",), "", N_("be a guest again, whose nick is free on leaving"), 0, 0, actions.unregister),
    Command(("/set",), "[NAME [VALUE]]", N_("your settings; one of them; changes it"), 0, 2, setting.assign, "setting"),
    Command(("/help", "-comms"), "[command|keys]", N_("every command; which keys do what"), 0, 1, show_help, "command"),
    Command(("/quit", "-q"), "", N_("leave; a key does too (/help keys)"), 0, 1, actions.quit_console),
    Command(("/topic",), "[#room] [text]", N_("what a room is about; owner and moderators set it"), 0, 1, duties.topic),
    Command(
        ("/delete",), "[NUMBER] [reason]", N_("show a message no more: mine; moderators: any"), 0, 2, duties.delete
    ),
    Command(
        ("/rule",), "[#room] [NAME VALUE]", N_("the rules here or of a room; admins, owners: set"), 0, 1, duties.rule
    ),
    Command(("/admit",), "NICK [#room]", N_("owners of a private room: let a person in"), 1, 2, duties.admit, "nick"),
    Command(("/expel",), "NICK [#room]", N_("owners of a private room: put a person out"), 1, 2, duties.expel, "nick"),
    Command(
        ("/transfer",), "[NICK] KEY", N_("my registered nick, rooms and role to another key"), 1, 2, duties.transfer
    ),
    Command(
        ("/revoke",), "[NICK] [reason]", N_("free my nick, end role; admins: another's"), 0, 2, duties.revoke, "nick"
    ),
    Command(("/kick",), "NICK [for 10m] [reason]", N_("moderators: put out"), 1, 2, duties.kick, "nick"),
    Command(("/ban",), "NICK|ADDRESS [for 2h] [reason]", N_("moderators: keep out"), 1, 2, duties.ban, "nick"),
    Command(("/unban",), "NICK|ADDRESS", N_("moderators: let in again"), 1, 1, duties.unban, "nick"),
    Command(("/mute",), "NICK [for 10m] [reason]", N_("moderators: nobody hears it"), 1, 2, duties.mute, "nick"),
    Command(("/unmute",), "NICK", N_("moderators: let speak again"), 1, 1, duties.unmute, "nick"),
    Command(("/close",), "[#room] [for 2h] [reason]", N_("moderators: close a room"), 0, 2, duties.close, "room"),
    Command(("/reopen",), "[#room]", N_("moderators: open it again"), 0, 1, duties.reopen, "room"),
    Command(("/lock",), "[for 1h] [reason]", N_("moderators: nobody new comes in"), 0, 1, duties.lock),
    Command(("/unlock",), "", N_("moderators: newcomers come in again"), 0, 0, duties.unlock),
    Command(("/audit",), "[N]", N_("moderators: who did what to whom"), 0, 1, duties.audit),
    Command(("/grant",), "NICK ROLE", N_("admins: give a person a role"), 2, 2, duties.grant, "nick"),
    Command(("/invite",), "[N] [for 24h] [as ROLE]", N_("admins: an invite for so many people"), 0, 1, duties.invite),
    Command(("/invites",), "", N_("admins: the invites that are good"), 0, 0, duties.invites),
    Command(("/uninvite",), "NUMBER", N_("admins: withdraw one"), 1, 1, duties.uninvite),
    Command(
        ("/down", "down server"), "[in 30s] [reason]", N_("admins: broker down; or /down cancel"), 0, 1, actions.down
    ),
)

BY_NAME = {name: command for command in TABLE for name in command.names}

# '$5 is cheap' and '- a list' are text: '$' is a command only before a space, '-word' only when it is or resembles one.
_COMMAND = re.compile(r"(?P<word>/\S*|-[A-Za-z]+|\$)(?:\s(?P<rest>.*))?", re.DOTALL)
# 'down server farms melt' is text: after the two words only the end, a time or 'cancel' may follow.
_DOWN = re.compile(r"down\s+server(?:\s+(?P<rest>in\s+\d.*|cancel))?", re.DOTALL | re.IGNORECASE)


def parse(line: str) -> Parsed | None:
    """What a typed line means; None when there is nothing in it. '//text' says '/text'."""
    text, stripped = line.rstrip("\r\n"), line.strip()
    if not stripped:
        return None
    if found := _DOWN.fullmatch(stripped):
        return _run(BY_NAME["down server"], found["rest"] or "")
    if stripped.startswith("//"):
        return Say(text.lstrip()[1:])
    found = _COMMAND.fullmatch(text.lstrip())
    if not found:
        return Say(text)
    word = found["word"].lower()
    if command := BY_NAME.get(word):
        return _run(command, found["rest"] or "")
    close = near(word)
    if word.startswith("-") and not close:
        return Say(text)
    return Unknown(found["word"], close)


def _run(command: Command, rest: str) -> Run | Misused:
    """Cut the rest of a line into arguments; a text at its end keeps its spaces and line breaks."""
    arguments: list[str] = []
    while len(arguments) < command.most - 1 and rest.strip():
        first, rest = [*re.split(r"\s", rest.lstrip(), maxsplit=1), ""][:2]
        arguments.append(first)
    if rest.strip():
        arguments.append(rest if command.run in _VERBATIM else rest.strip())
    if not command.least <= len(arguments) <= command.most:
        return Misused(command)
    return Run(command, arguments)


_VERBATIM: frozenset[Handler] = frozenset({actions.message, actions.say_to_all, actions.announce})


_ELSEWHERE = {"/query": "/to", "/part": "/leave"}  # what other messengers call these


def near(word: str) -> list[str]:
    """The names in the table that come near a wrong one, nearest first."""
    bare = {name.lstrip("/-"): name for name in BY_NAME}
    lowered = word.lower()
    close = [_ELSEWHERE[lowered]] if lowered in _ELSEWHERE else []
    close += get_close_matches(lowered, BY_NAME, n=3, cutoff=0.6)
    close += [bare[name] for name in get_close_matches(lowered.lstrip("/-"), bare, n=3, cutoff=0.7)]
    if len(lowered) > 2:
        close += [name for name in BY_NAME if name.startswith(lowered)]
    return list(dict.fromkeys(close))[:3]


def unknown(parsed: Unknown) -> Refusal:
    """The answer to a wrong command."""
    word = excerpt(parsed.word, 24)
    if parsed.near:
        return Refusal(
            _("There is no command {word}. Did you mean {close}?").format(
                word=word, close=_(" or ").join(parsed.near).removesuffix("?")
            )
        )
    return Refusal(
        _("There is no command {word}; /help shows all. To say it as text, begin with // instead of /.").format(
            word=word
        )
    )


def written_for(talk: Talk, line: str) -> str:
    """For whom a line is meant that is being written; empty: for nobody, or for everyone, or that cannot be told."""
    match parse(line):
        case Say() if not talk.wants_nick:
            return talk.current
        case Run(command, [who, _text]) if command.run is actions.message:
            with suppress(MessageError):
                return read_target(who)
    return ""


def _run_it(talk: Talk, command: Command, arguments: list[str]) -> None:
    try:
        command.run(talk, arguments)
    except ClientError as error:  # of what was typed, before anything was asked
        talk.show(Refusal(str(error)))


def obey(talk: Talk, line: str) -> None:
    """Do what a typed line asks for; nothing after the one that leaves."""
    if talk.over:
        return
    try:
        line.encode()
    except UnicodeEncodeError:  # bytes that were no UTF-8 arrive as lone surrogates
        talk.show(Refusal(_("That line is not valid UTF-8. Nothing was sent.")))
        return
    match parse(line):
        case None:
            pass
        case Say(text) if talk.wants_nick:
            actions.another_nick(talk, text)
        case Say(text):
            actions.say(talk, text)
        case Run(command, arguments):
            _run_it(talk, command, arguments)
        case Misused(command):
            text = _("It goes like this: {usage}  ({help})")
            talk.show(Refusal(text.format(usage=command.usage, help=_(command.help))))
        case Unknown() as wrong:
            talk.show(unknown(wrong))
