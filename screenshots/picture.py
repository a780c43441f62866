"""A picture: what terminals showed, side by side, as an SVG file."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .stage import TREE, Shown

IMAGES = TREE / "docs" / "images"
GAP = 3  # columns between two terminals: a line and the room around it

# Without the web font that rich refers to: a picture in a README loads nothing.
SVG = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)


class Picture:
    """Rows of terminals under one title; each of several has its name above it."""

    def __init__(self, title: str, *rows: Sequence[Shown]) -> None:
        self._title = title
        self._rows = rows
        self._named = sum(map(len, rows)) > 1
        self.columns = max(sum(screen.columns + GAP for screen in row) - GAP for row in rows)

    def save(self, name: str) -> Path:
        """Write it as docs/images/NAME.svg; returns the path."""
        console = Console(
            width=self.columns,
            record=True,
            file=io.StringIO(),
            force_terminal=True,
            color_system="truecolor",
            legacy_windows=False,
        )
        for index, row in enumerate(self._rows):
            console.print("\n" * bool(index), end="")
            console.print(self._side_by_side(row))
        unique = f"confab-{name.replace('.', '-')}"  # the name of a class in CSS, which has no dots
        path = IMAGES / f"{name}.svg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(console.export_svg(title=self._title, code_format=SVG, unique_id=unique), "utf-8")
        return path

    def _side_by_side(self, row: Sequence[Shown]) -> Table:
        table = Table(box=box.MINIMAL, show_edge=False, pad_edge=False, show_header=self._named, border_style="dim")
        for screen in row:
            table.add_column(Text(screen.name, "dim"), width=screen.columns, no_wrap=True, overflow="crop")
        table.add_row(*(screen.text for screen in row))
        return table
