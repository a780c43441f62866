"""The subcommands of `confab` in one table: the options each takes, and how it runs. Prints and maps no errors.

What a subcommand needs is imported when it runs: a one-shot command must start fast.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from messages import GENERAL, MessageError, find_home, parse_address

from .choosing import add_looks, choose, printer
from .exits import ACCEPTED
from .targets import default_nick, read_target

_DIGITS = 19  # numbers shorter than that fit into the wire's
TIMEOUT_SECONDS = 5.0  # for a one-shot command to connect and be answered


class UsageError(Exception):
    """The arguments make no sense; the text is a sentence."""


@dataclass(frozen=True, slots=True)
class Subcommand:
    """One row of the table: how it reads its arguments, and what it does."""

    help: str
    words: str  # its positional arguments, as the usage line shows them
    prepare: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


# --- options -------------------------------------------------------------------------------------------------------


def _at_home(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--home", metavar="FOLDER", help="where keys are kept (else CONFAB_HOME, else the user's data folder)"
    )


def reach(parser: argparse.ArgumentParser) -> None:
    """The options that say which broker, and where our keys are."""
    parser.add_argument("--broker", metavar="ADDRESS", help="invite or address (else CONFAB_BROKER, else the one here)")
    _at_home(parser)


def printing(parser: argparse.ArgumentParser) -> None:
    """The option for programs that read what is printed."""
    parser.add_argument("--json", action="store_true", help="print one JSON object a line, errors too")


def local(parser: argparse.ArgumentParser) -> None:
    """The options of what needs no broker."""
    _at_home(parser)
    printing(parser)


def _identifying(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--as", dest="nick", metavar="NICK", help="whose key (else CONFAB_NICK, your user name, or what the file says)"
    )
    local(parser)


def _speaking(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--as", dest="nick", metavar="NICK", help="who speaks (else CONFAB_NICK, else your user name)")
    reach(parser)


def _chatting(parser: argparse.ArgumentParser) -> None:
    _speaking(parser)
    add_looks(parser)
    faces = parser.add_mutually_exclusive_group()
    faces.add_argument(
        "--linear",
        action="store_const",
        const="linear",
        dest="face",
        help="sentences one below the other, for screen readers and logs (by itself for TERM=dumb and for pipes)",
    )
    faces.add_argument(
        "--json",
        action="store_const",
        const="json",
        dest="face",
        help="for programs: commands from standard input, one JSON object a line out; see docs/scripting.md",
    )


def add_common(parser: argparse.ArgumentParser) -> None:
    """The options that every one-shot command has."""
    _speaking(parser)
    printing(parser)
    parser.add_argument(
        "--timeout", type=_seconds, metavar="SECONDS", help=f"give up after this long ({TIMEOUT_SECONDS:g})"
    )


def _sending(parser: argparse.ArgumentParser) -> None:
    add_common(parser)
    parser.add_argument(
        "--wait",
        type=_until,
        default=("accepted", 1),
        metavar="STATE[:N]",
        help="wait for accepted (the default), or until the clients of N people (1) have it: delivered, "
        "or until it was shown to them: read; direct messages and announcements only",
    )


def _announcing(parser: argparse.ArgumentParser) -> None:
    _sending(parser)
    parser.add_argument("--title", default="", help="a title for the panel")
    parser.add_argument("--priority", choices=("low", "normal", "high", "urgent"), default="normal")
    parser.add_argument("--to", metavar="TARGET", default="*", help="@nick or '#room' instead of everyone")


def _following(parser: argparse.ArgumentParser) -> None:
    add_common(parser)
    add_looks(parser)


def _limited(parser: argparse.ArgumentParser) -> None:
    _following(parser)
    parser.add_argument("--limit", type=count, default=50, metavar="N", help="how many messages, the latest (50)")


def _searching(parser: argparse.ArgumentParser) -> None:
    _limited(parser)
    parser.add_argument("--before", type=count, metavar="SEQ", help="only those before this sequence number")


def _remembering(parser: argparse.ArgumentParser) -> None:
    _limited(parser)
    parser.add_argument(
        "--since", type=_moment, metavar="DATE|AGE", help="only from this time on: 2026-11-24, 2026-11-24T17:00, 12h"
    )
    parser.add_argument(
        "--before", type=_place, metavar="DATE|AGE|SEQ", help="only before this time, or this sequence number"
    )


def _until(text: str) -> tuple[str, int]:
    state, colon, people = text.partition(":")
    if state not in ("accepted", "delivered", "read") or (colon and state == "accepted"):
        raise argparse.ArgumentTypeError(f"{text} is none of accepted, delivered[:N] and read[:N]")
    return state, count(people) if colon else 1


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e7:
        raise argparse.ArgumentTypeError(f"{text} is no time to wait: give seconds above 0")
    return seconds


def _moment(text: str) -> datetime:
    from .query import read_moment

    try:
        return read_moment(text)
    except MessageError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _place(text: str) -> datetime | int:
    return count(text) if text.isdecimal() else _moment(text)


def count(text: str) -> int:
    """A number above 0; raises ArgumentTypeError."""
    number = int(text) if text.isdecimal() and len(text) < _DIGITS else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is no number from 1 on, or too large a one")
    return number


# --- commands ------------------------------------------------------------------------------------------------------


def open_client(options: argparse.Namespace, *, receive: bool = False, quiet: bool = True, keep: bool = False) -> Any:
    """A Client as the options ask for; typed loosely so that this module need not import it."""
    from .client import Client

    if options.broker:
        parse_address(options.broker)  # a typing error is the usage's fault, not the network's
    return Client(
        options.nick or default_nick(),
        broker=options.broker,
        home=options.home,
        receive=receive,
        quiet=quiet,
        keep=keep,
    )


def _text(words: list[str]) -> str:
    """The text of a message: the arguments, else standard input when that is a pipe or a file."""
    from .oneshot import read_stdin

    if words:
        return " ".join(words)
    text = read_stdin()
    if text is None:
        raise UsageError("There is no text: give it as an argument, or through a pipe.")
    return text


def _take_target(words: list[str]) -> tuple[str, list[str]]:
    if not words:
        raise UsageError(f"Whom is it for? Give @nick, '{GENERAL}' or all (a # must be quoted in most shells).")
    return read_target(words[0]), words[1:]


def no_words(options: argparse.Namespace) -> None:
    """Refuse arguments; raises UsageError."""
    if options.words:
        raise UsageError(f"{options.command} takes no arguments.")


def patience(options: argparse.Namespace) -> float:
    """How long to wait for the broker, seconds."""
    return options.timeout or TIMEOUT_SECONDS


def _announce(options: argparse.Namespace) -> int:
    from . import oneshot

    text, to = _text(options.words), read_target(options.to)
    with open_client(options) as chat:
        oneshot.announce(
            chat,
            oneshot.Out(as_json=options.json),
            text,
            title=options.title,
            priority=options.priority,
            to=to,
            until=options.wait,
            timeout=patience(options),
        )
    return ACCEPTED


def _send(options: argparse.Namespace) -> int:
    from . import oneshot

    target, words = _take_target(options.words)
    state, by = options.wait
    if state != "accepted" and (by > 1 or not target.startswith("@")):
        raise UsageError("Only a direct message can be waited for so, and by one person; or use announce.")
    text = _text(words)
    with open_client(options) as chat:
        oneshot.send(
            chat, oneshot.Out(as_json=options.json), target, text, until=options.wait, timeout=patience(options)
        )
    return ACCEPTED


def _who(options: argparse.Namespace) -> int:
    from . import oneshot

    no_words(options)
    with open_client(options) as chat:
        oneshot.who(chat, oneshot.Out(as_json=options.json), timeout=patience(options))
    return ACCEPTED


def _rooms(options: argparse.Namespace) -> int:
    from . import oneshot

    no_words(options)
    with open_client(options) as chat:
        oneshot.rooms(chat, oneshot.Out(as_json=options.json), timeout=patience(options))
    return ACCEPTED


def _history(options: argparse.Namespace) -> int:
    from . import oneshot

    target, words = _take_target(options.words)
    if words:
        raise UsageError("history takes one target.")
    with open_client(options) as chat:
        out = printer(options)
        oneshot.history(
            chat,
            out,
            target,
            limit=options.limit,
            before=options.before,
            since=options.since,
            timeout=patience(options),
        )
    return ACCEPTED


def _search(options: argparse.Namespace) -> int:
    from . import oneshot

    query = " ".join(options.words)
    if not query.strip():
        raise UsageError("search takes the words to find.")
    with open_client(options) as chat:
        out = printer(options)
        oneshot.search(chat, out, query, limit=options.limit, before=options.before, timeout=patience(options))
    return ACCEPTED


def _tail(options: argparse.Namespace) -> int:
    from . import oneshot

    targets = [read_target(word) for word in options.words]
    with open_client(options, receive=True) as chat:
        out = printer(options)
        oneshot.tail(chat, out, targets, connect=patience(options), silence=options.timeout)
    return ACCEPTED


def _chat(options: argparse.Namespace) -> int:
    from .console import app

    nicks = [*options.words, *([options.nick] if options.nick else [])]
    if len(nicks) > 1:
        raise UsageError("chat takes one nick.")
    if sys.stdin is None or sys.stdout is None:
        raise UsageError("chat needs a standard input and a standard output, and one of them is closed.")
    options.nick = nicks[0].removeprefix("@") if nicks else default_nick()
    keep = sys.stdin.isatty()  # a script that drives a console reads there what was not sent
    return app.run(open_client(options, receive=True, quiet=False, keep=keep), choose(options), options.face)


def _id(options: argparse.Namespace) -> int:
    from . import identity, oneshot

    home, nick = find_home(options.home), options.nick
    match options.words:
        case ["show"]:
            who = identity.show_identity(home, nick or default_nick())
            then = f"{who.nick} is new here: the key was made just now." if who.new else ""
        case ["export", file]:
            who = identity.export_identity(home, nick or default_nick(), Path(file))
            then = (
                f"Whoever has {file} is {who.nick}: keep it as you keep a password. On the other machine run "
                "`confab id import` with it, then remove it."
            )
        case ["import", file]:
            who = identity.import_identity(home, Path(file), nick)
            here = f"You are {who.nick} here too now." if who.new else f"You were {who.nick} here already."
            then = f"{here} So is whoever has {file}: remove it when you need it no more."
        case _:
            raise UsageError("id takes one of: show, export FILE, import FILE.")
    oneshot.identity(oneshot.Out(as_json=options.json), who.nick, who.key, then)
    return ACCEPTED


def _trust(options: argparse.Namespace) -> int:
    from . import oneshot
    from .known import KnownBrokers

    if len(options.words) != 1:
        raise UsageError("trust takes one invite, as the broker prints it: confab://host:port/key.")
    address = parse_address(options.words[0])
    if address.key is None:
        raise UsageError(f"{options.words[0]} carries no key; trust takes an invite: confab://host:port/key.")
    before = KnownBrokers(find_home(options.home)).trust(address)
    oneshot.trusted(oneshot.Out(as_json=options.json), address.endpoint, address.key, before)
    return ACCEPTED


COMMANDS = {
    "chat": Subcommand("talk: the console", "[NICK]", _chatting, _chat),
    "announce": Subcommand("announce something to everyone", "[TEXT ...]", _announcing, _announce),
    "send": Subcommand("send a message", "TARGET [TEXT ...]", _sending, _send),
    "who": Subcommand("who is online", "", add_common, _who),
    "rooms": Subcommand("which rooms there are", "", add_common, _rooms),
    "history": Subcommand("the latest messages of a conversation", "TARGET", _remembering, _history),
    "search": Subcommand("the latest messages with these words", "WORD ...", _searching, _search),
    "tail": Subcommand("follow what is said, of these targets or of all", "[TARGET ...]", _following, _tail),
    "id": Subcommand("show your key, or take it to another machine", "show|export|import [FILE]", _identifying, _id),
    "trust": Subcommand("take a broker's new key for the right one", "INVITE", local, _trust),
}
