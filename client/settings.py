"""What a person may set, in one TOML file: every setting with its default and what it means; reading the file.

    home/settings.toml    what a person set, with their own comments; preferences.py changes it

Whatever is wrong in the file, the rest of it holds: what cannot be used is told in a sentence that names its line.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from .language import N_, _

When: TypeAlias = Literal["auto", "always", "never"]
Alarm: TypeAlias = Literal["bell", "osc9", "osc777", "none"]
Level: TypeAlias = Literal["all", "mentions", "mute"]
Key: TypeAlias = tuple[str, ...]  # where a setting stands: its names, from the outermost on
Complain: TypeAlias = Callable[[Key, str], None]


class Keys(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which key does what in the console's input line, as prompt_toolkit names keys; several are pressed in turn."""

    send: Annotated[str, Meta(description=N_("sends the line"))] = "enter"
    newline: Annotated[str, Meta(description=N_("begins a new line of the same message"))] = "escape enter"
    clear: Annotated[str, Meta(description=N_("clears the line"))] = "c-c"
    leave: Annotated[str, Meta(description=N_("leaves, when the line is empty"))] = "c-d"
    next: Annotated[str, Meta(description=N_("turns to the next conversation with something unread"))] = "escape a"


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every setting. The description of each is what `confab config` says beside it."""

    lang: Annotated[
        Literal["auto", "en", "ru"],
        Meta(description=N_("the language of texts; auto: the one of the locale, or English")),
    ] = "auto"
    keywords: Annotated[tuple[str, ...], Meta(description=N_("words that ring like your nick"))] = ()
    theme: Annotated[
        str, Meta(description=N_("the colours: any, dark, light, contrast, sober, or one of your own in [themes.NAME]"))
    ] = "any"
    color: Annotated[
        When, Meta(description=N_("colours; auto: at a terminal that has them, unless NO_COLOR is in the environment"))
    ] = "auto"
    ascii: Annotated[
        When, Meta(description=N_("marks and boxes in ASCII alone; auto: where the locale's encoding is not UTF-8"))
    ] = "auto"
    emoji: Annotated[bool, Meta(description=N_("emoji as such; false: by their names, as in :tada:"))] = True
    notify: Annotated[
        Alarm,
        Meta(description=N_("how it rings: the bell, or on the desktop by OSC 9 or 777, as your terminal has it")),
    ] = "bell"
    conversations: Annotated[
        dict[str, Level],
        Meta(
            description=N_("what rings, by conversation, as in '#ops' = 'mute'; others: @nick all, the rest mentions")
        ),
    ] = {}
    typing: Annotated[bool, Meta(description=N_("tells others that you are writing, in rooms and to one person"))] = (
        True
    )
    keys: Annotated[Keys, Meta(description=N_("keys by what they do, as in newline = 'c-j'; 'escape x' is Alt-X"))] = (
        Keys()
    )
    themes: Annotated[
        dict[str, dict[str, str]],
        Meta(description=N_("themes of your own: what they are like, and the looks of each role that differs")),
    ] = {}


def read(path: Path) -> tuple[Settings, list[str]]:
    """The settings in a file as far as they can be used, and a sentence for each thing that cannot."""
    try:
        return understand(path.read_text("utf-8"), path)
    except FileNotFoundError:
        return Settings(), []
    except (OSError, ValueError) as error:  # of TOML, or bytes that are no UTF-8
        why = ((isinstance(error, OSError) and error.strerror) or str(error)).rstrip(".")
        text = _("The settings in {path} cannot be read, so the defaults hold: {why}.").format(path=path, why=why)
        return Settings(), [text]


def understand(text: str, path: Path) -> tuple[Settings, list[str]]:
    """The same for what is in the file at `path`; raises ValueError when it is no TOML."""
    wrong: list[str] = []
    try:
        table = tomllib.loads(text)
    except RecursionError:
        raise ValueError(_("tables or lists stand too deep in each other")) from None
    usable = _usable(Settings, table, (), lambda key, why: wrong.append(complaint(path, text, key, why)))
    return msgspec.convert(usable, Settings), wrong


def suggest(word: str, names: Iterable[str]) -> str:
    """A sentence about which of these names may be meant, with a blank before it; empty when none comes near."""
    near = get_close_matches(word, list(names), n=3)
    return " " + _("Did you mean {names}?").format(names=_(" or ").join(near)) if near else ""


def expects(kind: Any) -> str:
    """What a setting of this type takes, in words."""
    if get_origin(kind) is Literal:
        return _("one of {values}").format(values=", ".join(map(str, get_args(kind))))
    if kind is bool:
        return _("true or false")
    if kind in (int, float):
        return _("a number")
    if get_origin(kind) is tuple:
        return _("a list of texts")
    return _("a text") if kind is str else _("a table")


def _usable(struct: type[msgspec.Struct], table: dict[str, Any], path: Key, complain: Complain) -> Any:
    """What of a table fits a struct; complains of the rest."""
    types, good = get_type_hints(struct), {}
    for name, value in table.items():
        here, kind = (*path, name), types.get(name)
        if kind is None:
            complain(here, _("there is no such setting.") + suggest(name, types))
        elif isinstance(kind, type) and issubclass(kind, msgspec.Struct) and isinstance(value, dict):
            good[name] = _usable(kind, value, here, complain)
        else:
            try:
                msgspec.convert(value, kind)
            except msgspec.ValidationError:
                complain(here, _("it takes {what}; its default holds.").format(what=expects(kind)))
            else:
                good[name] = value
    return good


def complaint(path: Path, text: str, key: Key, why: str) -> str:
    """Why a setting in this file cannot be used, with its line."""
    return _("{path}, line {line}, {name}: {why}").format(
        path=path, line=line_of(text, key), name=".".join(key), why=why
    )


def line_of(text: str, key: Key) -> int:
    """In which line of a TOML text a key stands, or the table that it is in; 1 when neither is seen."""
    table: Key = ()
    nearest = 1
    for number, line in enumerate(text.splitlines(), 1):
        if head := re.match(r"\s*\[\s*([^\[\]]+?)\s*\]", line):
            table = here = _names(head[1])
        elif entry := re.match(r"\s*([\w\"'.#@ -]+?)\s*=", line):
            here = (*table, *_names(entry[1]))
        else:
            continue
        if here == key:
            return number
        if here == key[: len(here)]:
            nearest = number
    return nearest


def _names(dotted: str) -> Key:
    return tuple(part.strip(" \"'") for part in dotted.split("."))
