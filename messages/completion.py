"""Completion in shells: what bash, zsh or fish reads for it, made of an argument parser. Both programs print one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import ArgumentParser

SHELLS = ("bash", "zsh", "fish")

_FOLDERS = ("FOLDER", "DIR")  # by what an argument is called, what a shell offers for it
_FILES = ("FILE",)


def completion_script(parser: ArgumentParser, shell: str) -> str:
    """What a shell of `SHELLS` is to read so that Tab completes subcommands, options and what they may be."""
    import shtab  # slow to import, and only needed here

    for each in _all_parsers(parser):
        for action in each._actions:
            if action.metavar in _FOLDERS:
                action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
            elif action.metavar in _FILES:
                action.complete = shtab.FILE  # type: ignore[attr-defined]
    return shtab.complete(parser, shell)


def _all_parsers(parser: ArgumentParser) -> list[ArgumentParser]:
    """A parser and those of its subcommands."""
    from argparse import _SubParsersAction

    found = [parser]
    for action in parser._actions:
        if isinstance(action, _SubParsersAction):
            found += action.choices.values()
    return found
