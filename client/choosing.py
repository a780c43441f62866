"""The options of the shell's commands that choose how things look, and what holds with them and with the settings."""

from __future__ import annotations

import argparse
from functools import partial
from typing import TYPE_CHECKING

from messages import find_home

from .language import _

if TYPE_CHECKING:
    from .console.chosen import Chosen
    from .oneshot import Out


def add_looks(parser: argparse.ArgumentParser) -> None:
    """The options of every command that shows messages."""
    parser.add_argument(
        "--color", choices=("auto", "always", "never"), help=_("colours: auto (unless NO_COLOR is set), always, never")
    )
    parser.add_argument(
        "--ascii", action="store_const", const="always", help=_("marks and boxes in ASCII (by itself without UTF-8)")
    )
    parser.add_argument(
        "--no-emoji", dest="emoji", action="store_const", const=False, help=_("emoji by their names, as in :tada:")
    )


def choose(options: argparse.Namespace) -> Chosen:
    """The settings, and what was chosen instead for this run."""
    from .console.chosen import Chosen

    given = {name: getattr(options, name) for name in ("color", "ascii", "emoji")}
    path = find_home(options.home).settings
    return Chosen(path, {name: value for name, value in given.items() if value is not None})


def printer(options: argparse.Namespace) -> Out:
    """Standard output in the looks that were chosen; in a pipe and a file too, when colours are to be there always."""
    from .oneshot import Out
    from .settings import read

    always = not options.json and (options.color or read(find_home(options.home).settings)[0].color) == "always"
    return Out(as_json=options.json, rich=always, choose=partial(choose, options))
