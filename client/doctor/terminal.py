"""Whether the terminal can show a console: what kind it is, its size, its letters and its colours."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping

from ..console import render
from ..language import _
from .finding import Finding

COLUMNS = 40  # a console needs


def check_terminal(env: Mapping[str, str] = os.environ) -> Iterator[Finding]:
    """Look at the terminal on standard output, if it is one."""
    check = _("terminal")
    if sys.stdout is None or not sys.stdout.isatty():
        yield Finding("ok", check, _("Standard output is no terminal, so nothing is said of its size and colours."))
    else:
        yield _kind(check, env)
        yield _size(check)
    yield _letters(check)


def _kind(check: str, env: Mapping[str, str]) -> Finding:
    kind = env.get("TERM", "")
    if not kind:
        text = _("TERM is not set, so nobody knows what this terminal can do.")
        return Finding("warning", check, text, _("Set it, as in `export TERM=xterm-256color`."))
    if kind == "dumb":
        return Finding("ok", check, _("TERM is dumb: a console prints plain lines, and redraws nothing."))
    colors = render.terminal().color_system or _("no")
    return Finding("ok", check, _("{kind}, {colors} colours").format(kind=kind, colors=colors))


def _size(check: str) -> Finding:
    columns, rows = shutil.get_terminal_size()
    text = _("{columns} columns, {rows} rows").format(columns=columns, rows=rows)
    if columns < COLUMNS:
        return Finding("warning", check, f"{text}.", _("Make it {least} columns wide.").format(least=COLUMNS))
    return Finding("ok", check, text)


def _letters(check: str) -> Finding:
    encoding = (sys.stdout.encoding if sys.stdout is not None else "utf-8").lower()
    if encoding.replace("-", "") == "utf8":
        return Finding("ok", check, "UTF-8")
    text = _("The locale's letters are {encoding}, and others cannot be shown or typed.").format(encoding=encoding)
    return Finding("warning", check, text, _("Choose a locale with UTF-8, as in `export LANG=C.UTF-8`."))
