"""`confab`: reads arguments and environment, runs one command, and turns every end into a sentence and an exit code.

What a subcommand needs is imported when it runs: a one-shot command must start fast.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from messages import GENERAL, HISTORY_PAGE, MessageError, harmless, parse_address

from .errors import ClientError, Rejected
from .exits import ACCEPTED, REJECTED, USAGE, exit_code
from .targets import default_nick, read_target
from .version import __version__

TIMEOUT_SECONDS = 5.0  # for a one-shot command to connect and be answered

EPILOG = """\
exit codes: 0 accepted, 1 rejected, 2 usage, 3 nobody there to take it, 4 broker unreachable, 5 timed out,
6 not allowed. TARGET is @nick (or nick), '#room' or all; quote what your shell would read itself.
Text comes from the arguments, or from standard input when there is none and that is a pipe or a file.
"""


class UsageError(Exception):
    """The arguments make no sense; the text is a sentence."""


class _Parser(argparse.ArgumentParser):
    """Raises instead of exiting, so that usage errors end like all others."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message[:1].upper()}{message[1:]}. See `{self.prog} --help`.")


@dataclass(frozen=True, slots=True)
class Subcommand:
    """One row of the table: how it reads its arguments, and what it does."""

    help: str
    words: str  # its positional arguments, as the usage line shows them
    prepare: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Run `confab`; returns the exit code and never raises."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    as_json = "--json" in arguments
    _survive_odd_encodings()
    try:
        options = _parse(arguments)
        return COMMANDS[options.command].run(options)
    except SystemExit as ending:  # --help and --version end so
        return ending.code if isinstance(ending.code, int) else ACCEPTED
    except UsageError as error:
        return _complain(as_json, "usage", str(error), USAGE)
    except BrokenPipeError:  # the reader of our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return ACCEPTED
    except KeyboardInterrupt as error:
        return exit_code(error)
    except (ClientError, MessageError, TimeoutError, OSError) as error:
        return _complain(as_json, _code(error), _sentence(error), exit_code(error))
    except Exception as error:
        where = _origin(error)
        return _complain(
            as_json, "bug", f"This is a bug in confab: {type(error).__name__} at {where}: {error}", REJECTED
        )


def _survive_odd_encodings() -> None:
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def _code(error: Exception) -> str:
    match error:
        case Rejected(code=code):
            return code
        case TimeoutError():
            return "timeout"
    return type(error).__name__.lower()


def _sentence(error: Exception) -> str:
    if isinstance(error, TimeoutError) and not str(error):
        return "The broker did not answer in time."
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}." if error.filename else f"{error.strerror}."
    return str(error)


def _origin(error: Exception) -> str:
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return f"{os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}" if trace else "?"


def _complain(as_json: bool, code: str, text: str, status: int) -> int:
    line = f"confab: {harmless(text)}"
    if as_json:
        import json

        line = json.dumps({"error": code, "text": text})
    try:
        sys.stderr.write(line + "\n")
    except OSError:  # nobody reads that either; the exit code still tells
        return status
    return status


# --- arguments -----------------------------------------------------------------------------------------------------


def _parse(arguments: list[str]) -> argparse.Namespace:
    command = arguments[0] if arguments else ""
    if command not in COMMANDS:
        return _overview(arguments)
    row = COMMANDS[command]
    parser = _Parser(
        prog=f"confab {command}",
        usage=f"confab {command} {row.words} [options]".replace("  ", " "),
        description=row.help[:1].upper() + row.help[1:] + ".",
        epilog=EPILOG,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("words", nargs="*", help=argparse.SUPPRESS)
    row.prepare(parser)
    rest = arguments[1:]
    cut = rest.index("--") if "--" in rest else len(rest)  # what follows is text, whatever it looks like
    options = parser.parse_intermixed_args(rest[:cut])
    options.words += rest[cut + 1 :]
    options.command = command
    for word in options.words:
        _check_encoding(word)
    return options


def _overview(arguments: list[str]) -> argparse.Namespace:
    """No command, or none of ours: --help, --version, or what comes near."""
    rows = "\n".join(f"  {name:<10}{row.help}" for name, row in COMMANDS.items())
    parser = _Parser(
        prog="confab",
        usage="confab COMMAND [options]",
        description="A messenger for teams that live in terminals, and for the scripts that work beside them.",
        epilog=f"commands:\n{rows}\n\n`confab COMMAND --help` tells the rest.\n\n{EPILOG}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"confab {__version__}")
    parser.add_argument("words", nargs="*", help=argparse.SUPPRESS)
    options, _ = parser.parse_known_args(arguments)
    if not options.words:
        raise UsageError(f"Which command? There are {', '.join(COMMANDS)}; `confab --help` tells more.")
    from difflib import get_close_matches

    word = harmless(options.words[0][:40])
    close = get_close_matches(word, COMMANDS, n=2)
    advice = f"Did you mean {' or '.join(close)}?" if close else f"There are {', '.join(COMMANDS)}."
    raise UsageError(f"There is no command {word}. {advice}")


def _check_encoding(word: str) -> None:
    try:
        word.encode()
    except UnicodeEncodeError as error:
        raise UsageError("An argument is not valid UTF-8. Nothing was sent.") from error


def _reach(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--broker", metavar="ADDRESS", help="invite or address (else CONFAB_BROKER, else the one here)")
    parser.add_argument(
        "--home", metavar="FOLDER", help="where keys are kept (else CONFAB_HOME, else the user's data folder)"
    )


def _common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--as", dest="nick", metavar="NICK", help="who speaks (else CONFAB_NICK, else your user name)")
    _reach(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object a line, errors too")
    parser.add_argument(
        "--timeout", type=_seconds, metavar="SECONDS", help=f"give up after this long ({TIMEOUT_SECONDS:g})"
    )


def _announcing(parser: argparse.ArgumentParser) -> None:
    _common(parser)
    parser.add_argument("--title", default="", help="a title for the panel")
    parser.add_argument("--priority", choices=("low", "normal", "high", "urgent"), default="normal")
    parser.add_argument("--to", metavar="TARGET", default="*", help="@nick or '#room' instead of everyone")


def _remembering(parser: argparse.ArgumentParser) -> None:
    _common(parser)
    parser.add_argument(
        "--limit", type=_count, default=50, metavar="N", help=f"how many messages, at most {HISTORY_PAGE}"
    )
    parser.add_argument("--before", type=_count, metavar="SEQ", help="only those before this sequence number")


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < 1e7:
        raise argparse.ArgumentTypeError(f"{text} is no time to wait: give seconds above 0")
    return seconds


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return number


# --- commands ------------------------------------------------------------------------------------------------------


def open_client(options: argparse.Namespace, *, receive: bool = False, quiet: bool = True) -> Any:
    """A Client as the options ask for; typed loosely so that this module need not import it."""
    from .client import Client

    if options.broker:
        parse_address(options.broker)  # a typing error is the usage's fault, not the network's
    return Client(
        options.nick or default_nick(), broker=options.broker, home=options.home, receive=receive, quiet=quiet
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


def _no_words(options: argparse.Namespace) -> None:
    if options.words:
        raise UsageError(f"{options.command} takes no arguments.")


def _patience(options: argparse.Namespace) -> float:
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
            timeout=_patience(options),
        )
    return ACCEPTED


def _send(options: argparse.Namespace) -> int:
    from . import oneshot

    target, words = _take_target(options.words)
    text = _text(words)
    with open_client(options) as chat:
        oneshot.send(chat, oneshot.Out(as_json=options.json), target, text, timeout=_patience(options))
    return ACCEPTED


def _who(options: argparse.Namespace) -> int:
    from . import oneshot

    _no_words(options)
    with open_client(options) as chat:
        oneshot.who(chat, oneshot.Out(as_json=options.json), timeout=_patience(options))
    return ACCEPTED


def _rooms(options: argparse.Namespace) -> int:
    from . import oneshot

    _no_words(options)
    with open_client(options) as chat:
        oneshot.rooms(chat, oneshot.Out(as_json=options.json), timeout=_patience(options))
    return ACCEPTED


def _history(options: argparse.Namespace) -> int:
    from . import oneshot

    target, words = _take_target(options.words)
    if words:
        raise UsageError("history takes one target.")
    with open_client(options) as chat:
        out = oneshot.Out(as_json=options.json)
        oneshot.history(chat, out, target, limit=options.limit, before=options.before, timeout=_patience(options))
    return ACCEPTED


def _tail(options: argparse.Namespace) -> int:
    from . import oneshot

    targets = [read_target(word) for word in options.words]
    with open_client(options, receive=True) as chat:
        out = oneshot.Out(as_json=options.json)
        oneshot.tail(chat, out, targets, connect=_patience(options), silence=options.timeout)
    return ACCEPTED


def _chat(options: argparse.Namespace) -> int:
    from .console import app

    if len(options.words) > 1:
        raise UsageError("chat takes one nick.")
    options.nick = options.words[0].removeprefix("@") if options.words else default_nick()
    return app.run(open_client(options, receive=True, quiet=False))


COMMANDS = {
    "chat": Subcommand("talk: the console", "[NICK]", _reach, _chat),
    "announce": Subcommand("announce something to everyone", "[TEXT ...]", _announcing, _announce),
    "send": Subcommand("send a message", "TARGET [TEXT ...]", _common, _send),
    "who": Subcommand("who is online", "", _common, _who),
    "rooms": Subcommand("which rooms there are", "", _common, _rooms),
    "history": Subcommand("the latest messages of a conversation", "TARGET", _remembering, _history),
    "tail": Subcommand("follow what is said, of these targets or of all", "[TARGET ...]", _common, _tail),
}
