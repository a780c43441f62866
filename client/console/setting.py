"""/set and /help keys: a person's settings at the console, told and changed. Works on a Talk alone."""

from __future__ import annotations

from ..errors import NotConfigured, WrongSetting
from ..language import _
from ..preferences import Setting as Kind
from ..preferences import all_settings, find
from . import words
from .keys import spoken, usable
from .looks import theme_names
from .shown import KeyList, Setting, SettingList
from .talk import Talk
from .themes import ROLES


def assign(talk: Talk, arguments: list[str]) -> None:
    """Show all settings, or one; or change one, for now and for later."""
    try:
        match arguments:
            case []:
                talk.show(SettingList(tuple(_shown(talk, kind) for kind in all_settings())))
            case [name]:
                talk.show(SettingList((_shown(talk, find(name)),)))
            case [name, text]:
                changed = talk.chosen.change(name, text)
                value = words.value(changed.of(talk.chosen.settings))
                talk.done("/set", _("{name} is {value} from now on.").format(name=changed.name, value=value))
    except (WrongSetting, NotConfigured) as error:
        talk.refuse(error)


def _shown(talk: Talk, kind: Kind) -> Setting:
    return Setting(kind.name, kind.of(talk.chosen.settings), kind.default, kind.sentence)


def show_keys(talk: Talk) -> None:
    """Show which keys do what."""
    pressed = usable(talk.chosen.settings.keys)
    rows = ((spoken(keys), f"keys.{action}", find(f"keys.{action}").sentence) for action, keys in pressed.items())
    talk.show(KeyList(tuple(rows)))


def names(talk: Talk) -> list[str]:
    """What may stand behind /set."""
    simple = [kind.name for kind in all_settings() if not isinstance(kind.default, dict)]
    looks = [f"themes.{theme}.{role}" for theme in talk.chosen.settings.themes for role in ("like", *ROLES)]
    return [f"{name} " for name in (*simple, *looks)]


def values(talk: Talk, name: str) -> list[str]:
    """What a setting may be, when that can be told."""
    if name == "theme":
        return theme_names(talk.chosen.settings)
    try:
        return list(find(name).values)
    except WrongSetting:
        return []
