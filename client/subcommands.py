"""The subcommands of `confab` in one table: the options each takes, and how it runs. Prints and maps no errors.

What a subcommand needs is imported when it runs: a one-shot command must start fast.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from messages import GENERAL, find_home, parse_address

from .choosing import add_looks, choose, printer
from .exits import ACCEPTED
from .language import LANGUAGES, N_, _
from .targets import default_nick, read_target
from .values import count, moment, place, seconds, until

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
        "--home", metavar="FOLDER", help=_("where keys are kept (else CONFAB_HOME, else the user's data folder)")
    )
    add_language(parser)


def reach(parser: argparse.ArgumentParser) -> None:
    """The options that say which broker, and where our keys are."""
    parser.add_argument(
        "--broker", metavar="ADDRESS", help=_("invite or address (else CONFAB_BROKER, else the one here)")
    )
    _at_home(parser)


def printing(parser: argparse.ArgumentParser) -> None:
    """The option for programs that read what is printed."""
    parser.add_argument("--json", action="store_true", help=_("print one JSON object a line, errors too"))


def add_language(parser: argparse.ArgumentParser) -> None:
    """The option of every subcommand, which cli.py has read already."""
    parser.add_argument(
        "--lang", choices=LANGUAGES, help=_("the language of texts (else the setting `lang`, the locale)")
    )


def local(parser: argparse.ArgumentParser) -> None:
    """The options of what needs no broker."""
    _at_home(parser)
    printing(parser)


def _identifying(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--as",
        dest="nick",
        metavar="NICK",
        help=_("whose key (else CONFAB_NICK, your user name, or what the file says)"),
    )
    local(parser)


def _speaking(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--as", dest="nick", metavar="NICK", help=_("who speaks (else CONFAB_NICK, else your user name)")
    )
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
        help=_("sentences one below the other, for screen readers and logs (by itself for TERM=dumb and for pipes)"),
    )
    faces.add_argument(
        "--json",
        action="store_const",
        const="json",
        dest="face",
        help=_("for programs: commands from standard input, one JSON object a line out; see docs/scripting.md"),
    )


def add_common(parser: argparse.ArgumentParser) -> None:
    """The options that every one-shot command has."""
    _speaking(parser)
    printing(parser)
    parser.add_argument(
        "--timeout",
        type=seconds,
        metavar="SECONDS",
        help=_("give up after this long ({timeout_seconds:g})").format(timeout_seconds=TIMEOUT_SECONDS),
    )


def _sending(parser: argparse.ArgumentParser) -> None:
    add_common(parser)
    parser.add_argument(
        "--wait",
        type=until,
        default=("accepted", 1),
        metavar="STATE[:N]",
        help=_(
            "wait for accepted (the default), or until the clients of N people (1) have it: delivered, "
            "or until it was shown to them: read; direct messages and announcements only"
        ),
    )


def _announcing(parser: argparse.ArgumentParser) -> None:
    _sending(parser)
    parser.add_argument("--title", default="", help=_("a title for the panel"))
    parser.add_argument("--priority", choices=("low", "normal", "high", "urgent"), default="normal")
    parser.add_argument("--to", metavar="TARGET", default="*", help=_("@nick or '#room' instead of everyone"))


def _following(parser: argparse.ArgumentParser) -> None:
    add_common(parser)
    add_looks(parser)


def _limited(parser: argparse.ArgumentParser) -> None:
    _following(parser)
    parser.add_argument("--limit", type=count, default=50, metavar="N", help=_("how many messages, the latest (50)"))


def _searching(parser: argparse.ArgumentParser) -> None:
    _limited(parser)
    parser.add_argument("--before", type=count, metavar="SEQ", help=_("only those before this sequence number"))


def _remembering(parser: argparse.ArgumentParser) -> None:
    _limited(parser)
    parser.add_argument(
        "--since", type=moment, metavar="DATE|AGE", help=_("only from this time on: 2026-11-24, 2026-11-24T17:00, 12h")
    )
    parser.add_argument(
        "--before", type=place, metavar="DATE|AGE|SEQ", help=_("only before this time, or this sequence number")
    )


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
        raise UsageError(_("There is no text: give it as an argument, or through a pipe."))
    return text


def _take_target(words: list[str]) -> tuple[str, list[str]]:
    if not words:
        raise UsageError(
            _("Whom is it for? Give @nick, '{general}' or all (a # must be quoted in most shells).").format(
                general=GENERAL
            )
        )
    return read_target(words[0]), words[1:]


def no_words(options: argparse.Namespace) -> None:
    """Refuse arguments; raises UsageError."""
    if options.words:
        raise UsageError(_("{command} takes no arguments.").format(command=options.command))


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
        raise UsageError(_("Only a direct message can be waited for so, and by one person; or use announce."))
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
        raise UsageError(_("history takes one target."))
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
        raise UsageError(_("search takes the words to find."))
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
        raise UsageError(_("chat takes one nick."))
    if sys.stdin is None or sys.stdout is None:
        raise UsageError(_("chat needs a standard input and a standard output, and one of them is closed."))
    options.nick = nicks[0].removeprefix("@") if nicks else default_nick()
    keep = sys.stdin.isatty()  # a script that drives a console reads there what was not sent
    chosen = choose(options)  # first: nobody would close the client if this failed
    return app.run(open_client(options, receive=True, quiet=False, keep=keep), chosen, options.face)


def _id(options: argparse.Namespace) -> int:
    from . import identity, oneshot

    home, nick = find_home(options.home), options.nick
    match options.words:
        case ["show"]:
            who = identity.show_identity(home, nick or default_nick())
            then = _("{nick} is new here: the key was made just now.").format(nick=who.nick) if who.new else ""
        case ["export", file]:
            who = identity.export_identity(home, nick or default_nick(), Path(file))
            then = _(
                "Whoever has {file} is {nick}: keep it as you keep a password. On the other machine run "
                "`confab id import` with it, then remove it."
            ).format(file=file, nick=who.nick)
        case ["import", file]:
            who = identity.import_identity(home, Path(file), nick)
            here = _("You are {nick} here too now.") if who.new else _("You were {nick} here already.")
            then = _("So is whoever has {file}: remove it when you need it no more.")
            then = f"{here} {then}".format(nick=who.nick, file=file)
        case _:
            raise UsageError(_("id takes one of: show, export FILE, import FILE."))
    oneshot.identity(oneshot.Out(as_json=options.json), who.nick, who.key, then)
    return ACCEPTED


def _trust(options: argparse.Namespace) -> int:
    from . import oneshot
    from .known import KnownBrokers

    if len(options.words) != 1:
        raise UsageError(_("trust takes one invite, as the broker prints it: confab://host:port/key."))
    address = parse_address(options.words[0])
    if address.key is None:
        raise UsageError(
            _("{words} carries no key; trust takes an invite: confab://host:port/key.").format(words=options.words[0])
        )
    before = KnownBrokers(find_home(options.home)).trust(address)
    oneshot.trusted(oneshot.Out(as_json=options.json), address.endpoint, address.key, before)
    return ACCEPTED


COMMANDS = {
    "chat": Subcommand(N_("talk: the console"), "[NICK]", _chatting, _chat),
    "announce": Subcommand(N_("announce something to everyone"), "[TEXT ...]", _announcing, _announce),
    "send": Subcommand(N_("send a message"), "TARGET [TEXT ...]", _sending, _send),
    "who": Subcommand(N_("who is online"), "", add_common, _who),
    "rooms": Subcommand(N_("which rooms there are"), "", add_common, _rooms),
    "history": Subcommand(N_("the latest messages of a conversation"), "TARGET", _remembering, _history),
    "search": Subcommand(
        N_("the latest messages with these words, or from:NICK in:TARGET after:DATE before:DATE"),
        "WORD ...",
        _searching,
        _search,
    ),
    "tail": Subcommand(N_("follow what is said, of these targets or of all"), "[TARGET ...]", _following, _tail),
    "id": Subcommand(
        N_("show your key, or take it to another machine"), "show|export|import [FILE]", _identifying, _id
    ),
    "trust": Subcommand(N_("take a broker's new key for the right one"), "INVITE", local, _trust),
}
