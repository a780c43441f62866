"""Colours for blocks of code in messages. Imports the highlighter at the first block, since most sessions show none.

What is highlighted comes from others: only languages whose lexers take little time whatever they are given, and only
in short messages. All else is shown in one colour.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from rich.style import Style
from rich.text import Text

from . import palette

if TYPE_CHECKING:
    from rich.syntax import ANSISyntaxTheme

LONGEST = 2_000  # characters of a message; the slowest of these lexers takes some 0.15 s for the worst of so many
LANGUAGES = frozenset(
    (
        *("bash", "c", "cpp", "css", "diff", "docker", "go", "html", "ini", "javascript", "js", "json", "lua", "php"),
        *("py", "python", "rs", "ruby", "rust", "sh", "sql", "swift", "toml", "ts", "typescript", "xml", "yaml", "yml"),
    )
)
_COLORS = {  # by kind of token, as Pygments names them
    "Comment": "italic",
    "Keyword": palette.VIOLET,
    "Operator.Word": palette.VIOLET,
    "Name.Builtin": palette.TEAL,
    "Name.Function": palette.BLUE,
    "Name.Class": palette.BLUE,
    "Name.Decorator": palette.ORCHID,
    "Name.Tag": palette.BLUE,
    "Name.Attribute": palette.TEAL,
    "Literal.String": palette.GREEN,
    "Literal.Number": palette.ORANGE,
    "Generic.Inserted": palette.GREEN,
    "Generic.Deleted": palette.ROSE,
    "Generic.Subheading": palette.VIOLET,
}
_PLAIN = Style.parse(palette.CODE)


def code(text: str, language: str = "") -> Text:
    """A block of code, which is harmless already, in colours when its language is known; no character is changed."""
    if language.lower() not in LANGUAGES or len(text) > LONGEST:
        return Text(text, style=_PLAIN)
    from rich.syntax import Syntax

    highlighted = Syntax(text, language, theme=_theme()).highlight(text)  # may add a line end
    return highlighted[: len(text)]


@cache
def _theme() -> ANSISyntaxTheme:
    """Can be read on a light background and on a dark one: names and operators have the terminal's own colour."""
    from rich.syntax import ANSISyntaxTheme

    return ANSISyntaxTheme({tuple(kind.split(".")): Style.parse(color) for kind, color in _COLORS.items()})
