"""The rich console of a person at a terminal, and what their looks are to rich and to prompt_toolkit."""

from __future__ import annotations

from functools import cache

from rich.color import ColorType
from rich.console import Console
from rich.style import Style
from rich.theme import Theme

from .looks import SLOTS, Looks

_ANSI = (
    *("black", "red", "green", "yellow", "blue", "magenta", "cyan", "gray"),
    *("brightblack", "brightred", "brightgreen", "brightyellow", "brightblue", "brightmagenta", "brightcyan", "white"),
)  # as prompt_toolkit calls the sixteen


class Terminal(Console):
    """A rich console that takes everything literally, and knows the looks of all roles."""

    def __init__(self, looks: Looks, *, force_terminal: bool | None = None) -> None:
        super().__init__(
            markup=False,
            emoji=False,
            highlight=False,
            force_terminal=(looks.color or None) if force_terminal is None else force_terminal,
            legacy_windows=False,
            safe_box=True,
        )
        self._auto = self.no_color
        self.looks = looks
        self._put_on(looks)

    def wear(self, looks: Looks) -> None:
        """Look like this from now on."""
        if looks is not self.looks:
            self.pop_theme()
            self._put_on(looks)

    def _put_on(self, looks: Looks) -> None:
        self.looks = looks
        self.no_color = self._auto if looks.color is None else not looks.color
        self.push_theme(rich_theme(looks.roles))

    @property
    def encoding(self) -> str:
        """What rich goes by when it draws boxes and lines."""
        return "ascii" if self.looks.ascii else "utf-8"


@cache
def rich_theme(roles: tuple[tuple[str, str], ...]) -> Theme:
    """The looks of all roles, as rich takes them."""
    styles = {role: Style.parse(look) for role, look in roles if role != "nicks"}
    colors = dict(roles)["nicks"].split()
    nicks = {f"nick{slot}": Style.parse(f"bold {colors[slot % len(colors)]}") for slot in range(SLOTS)}
    return Theme(styles | nicks)


def prompt_style(look: str, *, color: bool = True) -> str:
    """A look as prompt_toolkit writes it, or what is left of it without colours."""
    style = Style.parse(look)
    words = [word for word in ("bold", "italic", "underline", "reverse") if getattr(style, word)]
    for prefix, hue in (("fg:", style.color), ("bg:", style.bgcolor)):
        if hue is None or hue.is_default or not color:
            continue
        standard = hue.type is ColorType.STANDARD and hue.number is not None
        words.append(prefix + (f"ansi{_ANSI[hue.number or 0]}" if standard else hue.get_truecolor().hex))
    return " ".join(words)
