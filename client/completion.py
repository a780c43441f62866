"""Completion in shells: all of `confab`'s subcommands as one parser, made of their table. Otherwise each has its own.

This parser is only looked at, never used: what stands in a usage line becomes a positional argument of that name.
"""

from __future__ import annotations

import argparse

from messages import ROLES, completion_script

from .cli import ALL
from .language import _
from .preferences import all_settings

_NOTHING = {"zsh": "true"}  # to offer: else zsh takes even one option that fits for one of several possibilities


def script(shell: str) -> str:
    """What the shell is to read."""
    parser = argparse.ArgumentParser(prog="confab")
    parser.add_argument("--version", action="version", help=_("show the version and exit"))
    commands = parser.add_subparsers(dest="command")
    for name, row in ALL.items():
        command = commands.add_parser(name, help=_(row.help))
        _add_positionals(command, row.words)
        row.prepare(command)
    return completion_script(parser, shell)


def _add_positionals(command: argparse.ArgumentParser, usage: str) -> None:
    """Those of a usage line: `'#ROOM' [REASON ...]` are #ROOM and any number of REASON."""
    words = usage.translate(str.maketrans("", "", "[]'")).split()
    for place, word in enumerate(words):
        if word == "...":
            continue
        many = "*" if words[place + 1 : place + 2] == ["..."] else None
        added = command.add_argument(f"word{place}", metavar=word, nargs=many, choices=_choices(word), help=word)
        if added.choices is None:
            added.complete = _NOTHING  # type: ignore[attr-defined]


def _choices(word: str) -> list[str] | None:
    """What an argument of that name may be; None: anything."""
    if word == "ROLE":
        return list(ROLES)
    if word == "SETTING":
        return [setting.name for setting in all_settings()]
    return word.split("|") if "|" in word and word.islower() else None
