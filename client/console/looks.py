"""How this person's console looks: colours, marks and emoji as the settings and the terminal ask for.

Everything shown names a role (themes.py) where it wants a look; the console (terminal.py) knows what that is. So a
theme may change while it runs, and nothing that is shown has to know of it.
"""

from __future__ import annotations

import locale
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from zlib import crc32

from messages import fold

from ..language import _
from ..settings import Key, Settings, suggest
from . import keys
from .emoji import named
from .themes import DEFAULT, ROLES, THEMES

SLOTS = 11  # a nick has one of so many numbers, the same in every theme

_IN_ASCII = str.maketrans("◌✓◉●▲✗·…›№×⏎–«»“”", '.+@*!x-~>#x|-""""')  # each as wide as what it stands for


@dataclass(frozen=True, slots=True)
class Looks:
    """What was decided, once."""

    theme: str = DEFAULT
    roles: tuple[tuple[str, str], ...] = tuple(THEMES[DEFAULT].items())
    color: bool | None = None  # None: as the terminal can
    ascii: bool = False
    emoji: bool = True

    def own(self, text: str) -> str:
        """A text of confab's own, its marks as this terminal can show them."""
        return text.translate(_IN_ASCII) if self.ascii else text

    def body(self, text: str) -> str:
        """What somebody wrote, its emoji as this person wants them."""
        return text if self.emoji else named(text)


def looks(settings: Settings) -> Looks:
    """The looks that the settings ask for; where they make no sense (see complaints), the default's."""
    color = {"always": True, "never": False}.get(settings.color, False if os.environ.get("NO_COLOR") else None)
    in_ascii = {"always": True, "never": False}.get(settings.ascii, not _utf8())
    return Looks(settings.theme, tuple(_roles(settings).items()), color, in_ascii, settings.emoji)


def _utf8() -> bool:
    """Whether both the locale and Python, who may be told otherwise, write UTF-8 here."""
    stream = getattr(sys.stdout, "encoding", None) or "utf-8"
    return all(name.lower().replace("-", "") == "utf8" for name in (locale.getencoding(), stream))


def _roles(settings: Settings) -> dict[str, str]:
    own = settings.themes.get(settings.theme, {})
    base = THEMES.get(own.get("like", settings.theme), THEMES[DEFAULT])
    return base | {role: look for role, look in own.items() if role in ROLES and not _wrong_look(role, look)}


def nick_style(nick: str) -> str:
    """The role of a nick: the same in every spelling, at everyone's console, today and tomorrow."""
    return f"nick{crc32(fold(nick).encode()) % SLOTS}"


# --- what makes no sense -------------------------------------------------------------------------------------------


def complaints(settings: Settings) -> dict[Key, str]:
    """What cannot be used of settings whose types are right: which, and why, in a sentence."""
    return dict(_theme_complaints(settings)) | keys.complaints(settings.keys)


def theme_names(settings: Settings) -> list[str]:
    """All themes that one may choose."""
    return [*THEMES, *settings.themes]


def _theme_complaints(settings: Settings) -> Iterator[tuple[Key, str]]:
    known = theme_names(settings)
    if settings.theme not in known:
        there_are = _("There are {names}.").format(names=", ".join(known))
        why = _("There is no theme {name}.").format(name=settings.theme)
        yield ("theme",), why + (suggest(settings.theme, known) or f" {there_are}")
    for name, own in settings.themes.items():
        for role, look in own.items():
            if why := _why_not(f"themes.{name}", role, look):
                yield ("themes", name, role), why


def _why_not(theme: str, role: str, look: str) -> str:
    """Why a role of one's own theme cannot have this look; empty when it can."""
    if role == "like":
        why = _("{theme}.like cannot be {look}: it takes one of {names}.")
        return "" if look in THEMES else why.format(theme=theme, look=look, names=", ".join(THEMES))
    if role not in ROLES:
        why = _("{theme}: nothing is called {role} there.").format(theme=theme, role=role)
        return why + (suggest(role, ROLES) or " " + _("docs/console.md lists what there is."))
    why = _(
        "{theme}.{role} cannot be {look}: it takes colours as in cyan, color(30) or #00afaf, and bold, italic, "
        "underline, reverse or dim."
    )
    return why.format(theme=theme, role=role, look=look) if _wrong_look(role, look) else ""


def _wrong_look(role: str, look: str) -> bool:
    from rich.errors import StyleSyntaxError
    from rich.style import Style

    try:
        for part in look.split() if role == "nicks" else [look]:
            Style.parse(part)
    except StyleSyntaxError:
        return True
    return not look.strip()
