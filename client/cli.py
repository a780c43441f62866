"""`confab`: reads the arguments, runs one subcommand, and turns every end into a sentence and an exit code."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from messages import MessageError, find_home, harmless

from .config import CONFIG
from .duties import DUTIES
from .errors import ClientError
from .exits import ACCEPTED, REJECTED, USAGE, describe_bug, error_code, exit_code
from .language import LANGUAGES, N_, _, choose, plural, spoken, told
from .subcommands import COMMANDS, UsageError, add_language
from .tools import TOOLS
from .version import __version__

ALL = COMMANDS | TOOLS | CONFIG | DUTIES

EPILOG = N_("""\
exit codes: 0 accepted, 1 rejected (doctor: a problem), 2 usage, 3 nobody there to take it, 4 broker unreachable,
5 timed out, 6 not allowed, 7 accepted, but not as far as --wait asked.
TARGET is @nick (or nick), '#room' or all; quote what your shell would read itself.
Text comes from the arguments, or from standard input when there is none and that is a pipe or a file.
""")


class _Parser(argparse.ArgumentParser):
    """Raises instead of exiting, so that usage errors end like all others."""

    def error(self, message: str) -> NoReturn:
        sentence = message[:1].upper() + message[1:].rstrip(".")
        raise UsageError(_("{sentence}. See `{prog} --help`.").format(sentence=sentence, prog=self.prog))


def main(argv: Sequence[str] | None = None) -> int:
    """Run `confab`; returns the exit code and never raises."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    as_json = "--json" in arguments
    _survive_odd_encodings()
    try:
        _choose_language(arguments)
        options = _parse(arguments)
        return ALL[options.command].run(options)
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
        return _complain(as_json, error_code(error), _sentence(error), exit_code(error))
    except Exception as error:
        return _complain(as_json, "bug", describe_bug(error), REJECTED)


def _survive_odd_encodings() -> None:
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def _sentence(error: Exception) -> str:
    if isinstance(error, TimeoutError) and not str(error):
        return _("The broker did not answer in time.")
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}." if error.filename else f"{error.strerror}."
    return told(str(error)) if isinstance(error, MessageError) else str(error)


def _complain(as_json: bool, code: str, text: str, status: int) -> int:
    line = f"confab: {harmless(text)}"
    if as_json:
        import json

        line = json.dumps({"error": code, "text": text})
    if sys.stderr is None:  # closed; the exit code still tells
        return status
    try:
        sys.stderr.write(line + "\n")
    except OSError:  # nobody reads that either; the exit code still tells
        return status
    return status


# --- language ------------------------------------------------------------------------------------------------------


def _choose_language(arguments: list[str]) -> None:
    """Speak what --lang says, else the setting, else the locale: before the parser, which has texts of its own."""
    language = _value(arguments, "--lang") or _setting(_value(arguments, "--home"))
    choose(language if language in LANGUAGES else None)  # any other the parser refuses
    if spoken() != "en":
        argparse.__dict__.update(_=_, ngettext=plural)  # its phrases stand in our catalogues


def _value(arguments: list[str], option: str) -> str | None:
    for word, following in zip(arguments, [*arguments[1:], ""], strict=False):
        if word == "--":
            return None
        if word == option:
            return following
        if word.startswith(f"{option}="):
            return word.partition("=")[2]
    return None


def _setting(home: str | None) -> str | None:
    path = find_home(home).settings
    try:
        if not path.exists():  # reading it costs milliseconds
            return None
    except OSError:  # who needs a setting says so, in the locale's language
        return None
    from .settings import read

    return read(path)[0].lang


# --- arguments -----------------------------------------------------------------------------------------------------


def _command_first(arguments: list[str]) -> list[str]:
    """The same, with a --lang that stands before the command behind it: the overview offers it there."""
    first = arguments[0] if arguments else ""
    before = 2 if first == "--lang" else int(first.startswith("--lang="))
    return [*arguments[before : before + 1], *arguments[:before], *arguments[before + 1 :]]


def _parse(arguments: list[str]) -> argparse.Namespace:
    arguments = _command_first(arguments)
    command = arguments[0] if arguments else ""
    if command not in ALL:
        return _overview(arguments)
    row = ALL[command]
    parser = _Parser(
        prog=f"confab {command}",
        usage=_("confab {command} {words} [options]").format(command=command, words=row.words).replace("  ", " "),
        description=_(row.help)[:1].upper() + _(row.help)[1:] + ".",
        epilog=_(EPILOG),
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
    width = max(map(len, ALL)) + 2
    rows = "\n".join(f"  {name:<{width}}{_(row.help)}" for name, row in ALL.items())
    commands = _("commands:\n{rows}\n\n`confab COMMAND --help` tells the rest.").format(rows=rows)
    parser = _Parser(
        prog="confab",
        usage=_("confab COMMAND [options]"),
        description=_("A messenger for teams that live in terminals, and for the scripts that work beside them."),
        epilog=f"{commands}\n\n{_(EPILOG)}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--version", action="version", version=f"confab {__version__}", help=_("show the version and exit")
    )
    add_language(parser)
    parser.add_argument("words", nargs="*", help=argparse.SUPPRESS)
    options = parser.parse_known_args(arguments)[0]
    if not options.words:
        raise UsageError(_("Which command? There are {all}; `confab --help` tells more.").format(all=", ".join(ALL)))
    from difflib import get_close_matches

    word = harmless(options.words[0][:40])
    close = get_close_matches(word, ALL, n=2)
    advice = (
        _("Did you mean {close}?").format(close=_(" or ").join(close))
        if close
        else _("There are {all}.").format(all=", ".join(ALL))
    )
    raise UsageError(_("There is no command {word}. {advice}").format(word=word, advice=advice))


def _check_encoding(word: str) -> None:
    try:
        word.encode()
    except UnicodeEncodeError as error:
        raise UsageError(_("An argument is not valid UTF-8. Nothing was sent.")) from error
