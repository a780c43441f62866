"""The shell's subcommands about confab itself, for which no broker need be there: their rows of the table.

Like those in subcommands.py they print and map no errors, and import what they need when they run.
"""

from __future__ import annotations

import argparse

from messages import SHELLS

from .exits import ACCEPTED
from .subcommands import Subcommand, UsageError


def _no_options(parser: argparse.ArgumentParser) -> None:
    """There are none."""


def _completion(options: argparse.Namespace) -> int:
    from .completion import script

    match options.words:
        case [shell] if shell in SHELLS:
            print(script(shell))
            return ACCEPTED
    raise UsageError(f"completion takes the name of your shell: {', '.join(SHELLS)}.")


TOOLS = {
    "completion": Subcommand("what your shell reads to complete with Tab", "|".join(SHELLS), _no_options, _completion),
}
