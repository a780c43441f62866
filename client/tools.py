"""The shell's subcommands about confab itself, for which no broker need be there: their rows of the table.

Like those in subcommands.py they print and map no errors, and import what they need when they run.
"""

from __future__ import annotations

import argparse
import sys

from messages import SHELLS, parse_address

from .exits import ACCEPTED
from .language import N_, _
from .subcommands import Subcommand, UsageError, add_language, no_words, printing, reach


def _examining(parser: argparse.ArgumentParser) -> None:
    reach(parser)
    printing(parser)


def _doctor(options: argparse.Namespace) -> int:
    from . import doctor

    no_words(options)
    if options.broker:
        parse_address(options.broker)
    return doctor.run(options.broker, options.home, as_json=options.json)


def _playing(parser: argparse.ArgumentParser) -> None:
    add_language(parser)
    parser.add_argument("--speed", type=_speed, default=1.0, metavar="N", help=_("N times as fast as people are (1)"))


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0.1 <= speed <= 1000:
        raise argparse.ArgumentTypeError(_("{text} is no speed: give a number from 0.1 to 1000").format(text=text))
    return speed


def _demo(options: argparse.Namespace) -> int:
    no_words(options)
    if sys.stdin is None or sys.stdout is None or not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(_("demo needs a terminal for its input and its output, since it shows a console."))
    from . import demo

    return demo.run(options.speed)


def _completion(options: argparse.Namespace) -> int:
    from .completion import script
    from .oneshot import Out

    match options.words:
        case [shell] if shell in SHELLS:
            Out(as_json=False).line(script(shell))
            return ACCEPTED
    raise UsageError(_("completion takes the name of your shell: {shells}.").format(shells=", ".join(SHELLS)))


TOOLS = {
    "demo": Subcommand(N_("watch a lively session of several people, to see what this is"), "", _playing, _demo),
    "doctor": Subcommand(N_("what is wrong with this set-up, and how to mend it"), "", _examining, _doctor),
    "completion": Subcommand(
        N_("what your shell reads to complete with Tab"), "|".join(SHELLS), add_language, _completion
    ),
}
