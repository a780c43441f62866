"""Colours for blocks of code in messages. Imports the highlighter at the first block, since most sessions show none.

What is highlighted comes from others: only languages whose lexers take little time whatever they are given, and only
in short messages. All else is shown in one colour.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from rich.style import Style
from rich.text import Text

if TYPE_CHECKING:
    from rich.syntax import SyntaxTheme

LONGEST = 2_000  # characters of a message; the slowest of these lexers takes some 0.15 s for the worst of so many
LANGUAGES = frozenset(
    (
        *("bash", "c", "cpp", "css", "diff", "docker", "go", "html", "ini", "javascript", "js", "json", "lua", "php"),
        *("py", "python", "rs", "ruby", "rust", "sh", "sql", "swift", "toml", "ts", "typescript", "xml", "yaml", "yml"),
    )
)
_ROLES = {  # by kind of token, as Pygments names them
    "Comment": "comment",
    "Keyword": "keyword",
    "Operator.Word": "keyword",
    "Name.Builtin": "builtin",
    "Name.Function": "name",
    "Name.Class": "name",
    "Name.Decorator": "number",
    "Name.Tag": "name",
    "Name.Attribute": "builtin",
    "Literal.String": "string",
    "Literal.Number": "number",
    "Generic.Inserted": "string",
    "Generic.Deleted": "removed",
    "Generic.Subheading": "keyword",
}


def code(text: str, language: str = "") -> Text:
    """A block of code, which is harmless already, in colours when its language is known; no character is changed."""
    if language.lower() not in LANGUAGES or len(text) > LONGEST:
        return Text(text, style="code")
    from rich.syntax import Syntax

    highlighted = Syntax(text, language, theme=_theme()).highlight(text)  # may add a line end
    return highlighted[: len(text)]


@cache
def _theme() -> SyntaxTheme:
    """The roles of the tokens; what has none, names and operators, has the terminal's own colour."""
    from rich.syntax import SyntaxTheme

    class Roles(SyntaxTheme):
        def get_style_for_token(self, token_type: tuple[str, ...]) -> Any:  # a role, where rich looks up a style
            while token_type and ".".join(token_type) not in _ROLES:
                token_type = token_type[:-1]
            return _ROLES.get(".".join(token_type), "")

        def get_background_style(self) -> Style:
            return Style()

    return Roles()
