"""How things take the width there is: lines that wrap beside their head, bodies, tables set off, panels not too wide.

Knows nothing of messages. Where there are no styles (a pipe, a file, a dumb terminal) bodies stay as they were written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass

from rich.box import Box
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import ControlType, Segment
from rich.table import Table
from rich.text import Text

from messages import harmless

from .markup import markup
from .terminal import Terminal

NARROW = 60  # columns under which alignment costs more than it gives
PANEL_CELLS = 100  # a panel over a wider terminal is harder to read, not easier

_ASCII_TABLE = Box("    \n    \n -- \n" + 5 * "    \n", ascii=True)
_ITEM = re.compile(r" *(?:[-*+•]|\d{1,3}[.)]) +(?=\S)")


def has_styles(console: Console) -> bool:
    """Whether this is a terminal that can show more than characters one after the other."""
    return console.is_terminal and not console.is_dumb_terminal


@dataclass(frozen=True, slots=True)
class Body:
    """What somebody wrote, its marks taken as styles where there are any; a note may follow it."""

    written: str
    note: str = ""

    def rows(self, console: Console, width: int) -> Iterator[Text]:
        """The rows for so many columns; what wraps in an item of a list stands under the item's text."""
        styled = has_styles(console)
        written = console.looks.body(self.written) if isinstance(console, Terminal) else self.written
        text = markup(written) if styled else Text(harmless(written, lines=True))
        if self.note:
            text.append(own(f"  {self.note}", console), style="faint")
        for line in text.split("\n", allow_blank=True):
            item = _ITEM.match(line.plain) if styled else None
            if item and item.end() <= width // 2:
                mark, rest = line.divide([item.end()])
                for row in wrap(rest, console, width - item.end()):
                    yield mark.append_text(row)
                    mark = Text(" " * item.end())
            else:
                yield from wrap(line, console, width)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """All rows, for the width there is."""
        yield from self.rows(console, options.max_width)


@dataclass(frozen=True, slots=True)
class Unseen:
    """What a terminal acts on and takes no room: it is sent as it is, where there is a terminal."""

    sequence: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The sequence, as a control."""
        yield Segment(self.sequence, control=[(ControlType.BELL,)])


def wrap(text: Text, console: Console, width: int) -> Iterator[Text]:
    """Rows of a text; a word that is too long is broken."""
    yield from text.wrap(console, width, overflow="fold", tab_size=4)


def own(text: str, console: Console) -> str:
    """A text of confab's own, its marks as the terminal can show them."""
    return console.looks.own(text) if isinstance(console, Terminal) else text


def _own_text(text: Text, console: Console) -> Text:
    marks = own(text.plain, console)
    if marks != text.plain:
        text = text.copy()
        text.plain = marks
    return text


@dataclass(frozen=True, slots=True)
class Line:
    """A head (time, place, who) and a body that wraps beside it, never under it, where there is room."""

    head: Sequence[tuple[Text, int]]  # each part with the cells it is padded to
    body: Text | Body
    continued: bool = False  # where there are styles the head is left blank: it is that of the line above

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Lay the line out for the width there is."""
        width = options.max_width
        head = Text()
        for part, cells in self.head:
            head.append_text(_own_text(part, console))
            head.append(" " * (max(1, cells - part.cell_len) if width >= NARROW else 1))
        indent = head.cell_len
        blank = self.continued and has_styles(console)
        if indent > width // 2:  # a long head on a narrow terminal: the body goes below it
            head.rstrip()
            head.end = "\n"
            if not blank:
                yield head
            head, indent = Text("  "), 2
        elif blank:
            head = Text(" " * indent)
        room = max(width - indent, 8)
        body = self.body
        rows = body.rows(console, room) if isinstance(body, Body) else wrap(_own_text(body, console), console, room)
        for row in rows:
            row.end = "\n"
            yield Text.assemble(head, row, no_wrap=True, overflow="ignore")
            head = Text(" " * indent)


@dataclass(frozen=True, slots=True)
class Indented:
    """A table set off from the lines around it."""

    inner: Table

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Render two columns further right."""
        inner = copy(self.inner)
        if options.ascii_only and inner.box:
            inner.box = _ASCII_TABLE  # rich's own has lines between the columns
        for row in console.render_lines(inner, options.update_width(options.max_width - 2), pad=False):
            yield Segment("  ")
            yield from (Segment(own(segment.text, console), segment.style) for segment in row)
            yield Segment.line()


@dataclass(frozen=True, slots=True)
class Narrowed:
    """A renderable kept from growing wider than is good to read."""

    inner: RenderableType

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Render with at most PANEL_CELLS columns."""
        yield from console.render(self.inner, options.update_width(min(options.max_width, PANEL_CELLS)))


@dataclass(frozen=True, slots=True)
class ByWidth:
    """One of two, by how many columns there are."""

    narrow: RenderableType
    wide: RenderableType

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Render the one that fits."""
        yield self.narrow if options.max_width < NARROW else self.wide
