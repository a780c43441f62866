"""Prints what the checks found, each as soon as it is known, in the form that was asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from rich.table import Table
from rich.text import Text

from messages import harmless

from ..console import render
from ..console.looks import looks
from ..console.terminal import Terminal
from ..language import _, plural
from ..oneshot import Out
from ..settings import Settings
from .finding import Finding

_MARKS = {"ok": "✓", "warning": "!", "problem": "✗"}
_ASCII = {"ok": "ok", "warning": "warning", "problem": "PROBLEM"}
_ROLES = {"ok": "string", "warning": "warning", "problem": "refusal"}
_NAMES = 12  # columns for what was looked at


def tell(findings: Iterable[Finding], out: Out) -> list[Finding]:
    """Print every finding, and how many were no good; returns them."""
    console = render.terminal(looks(Settings()))
    told = []
    for each in findings:
        told.append(each)
        if out.as_json:
            out.object(each._asdict())
        elif out.terminal:
            console.print(_row(each, console))
        else:
            out.line(harmless(f"{_ASCII[each.level]:7} {each.check}: {each.text} {each.advice}".rstrip()))
    if not out.as_json:
        out.line(_sum(told))
    return told


def _row(each: Finding, console: Terminal) -> Table:
    """A finding at a terminal; what does not fit into the line goes on below where it began."""
    marks = _ASCII if console.looks.ascii else _MARKS
    row = Table.grid(padding=(0, 1, 0, 0))
    row.add_column(min_width=max(map(len, marks.values())))
    row.add_column(min_width=_NAMES)
    row.add_column(overflow="fold")
    text = Text(harmless(each.text))
    if each.advice:
        text.append(f" {harmless(each.advice)}", "strong")
    row.add_row(Text(marks[each.level], _ROLES[each.level]), Text(each.check), text)
    return row


def _sum(told: list[Finding]) -> str:
    count = Counter(each.level for each in told)
    if not count["problem"] and not count["warning"]:
        return _("All is well.")
    problems = plural("{count} problem", "{count} problems", count["problem"]).format(count=count["problem"])
    warnings = plural("{count} warning", "{count} warnings", count["warning"]).format(count=count["warning"])
    return _("{problems}, {warnings}.").format(problems=problems, warnings=warnings)
