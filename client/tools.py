"""The shell's subcommands about confab itself, for which no broker need be there: their rows of the table.

Like those in subcommands.py they print and map no errors, and import what they need when they run.
"""

from __future__ import annotations

import argparse

from messages import SHELLS, parse_address

from .exits import ACCEPTED
from .subcommands import Subcommand, UsageError, no_words, printing, reach


def _examining(parser: argparse.ArgumentParser) -> None:
    reach(parser)
    printing(parser)


def _no_options(parser: argparse.ArgumentParser) -> None:
    """There are none."""


def _doctor(options: argparse.Namespace) -> int:
    from . import doctor

    no_words(options)
    if options.broker:
        parse_address(options.broker)
    return doctor.run(options.broker, options.home, as_json=options.json)


def _completion(options: argparse.Namespace) -> int:
    from .completion import script

    match options.words:
        case [shell] if shell in SHELLS:
            print(script(shell))
            return ACCEPTED
    raise UsageError(f"completion takes the name of your shell: {', '.join(SHELLS)}.")


TOOLS = {
    "doctor": Subcommand("what is wrong with this set-up, and how to mend it", "", _examining, _doctor),
    "completion": Subcommand("what your shell reads to complete with Tab", "|".join(SHELLS), _no_options, _completion),
}
