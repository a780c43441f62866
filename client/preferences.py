"""Every setting by its name, as in 'theme' and 'keys.send': what it means, what it is, and changing it in the file.

Knows how a setting is written, not what it does. tomlkit, which keeps a person's own comments and order, is imported
when something is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from .errors import NotConfigured, WrongSetting
from .files import locked, write_whole
from .language import _
from .settings import Key, Settings, expects, suggest, understand

_YES, _NO = ("true", "on", "yes"), ("false", "off", "no")


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: where it stands, and what it takes."""

    path: tuple[str, ...]
    kind: Any  # its type
    help: str = ""
    default: Any = None  # None: it is not there unless it is set, as an entry of a table of one's own

    @property
    def name(self) -> str:
        """How it is typed."""
        return ".".join(self.path)

    def of(self, settings: Settings) -> Any:
        """Its present value."""
        value: Any = settings
        for part in self.path:
            value = value.get(part) if isinstance(value, Mapping) else getattr(value, part)
            if value is None:
                return None
        return value

    @property
    def sentence(self) -> str:
        """What it means, as a sentence."""
        return f"{_(self.help)[:1].upper()}{_(self.help)[1:]}."

    @property
    def values(self) -> tuple[str, ...]:
        """All that it may be, when these are few."""
        if get_origin(self.kind) is Literal:
            return tuple(map(str, get_args(self.kind)))
        return (_YES[0], _NO[0]) if self.kind is bool else ()

    def understand(self, text: str) -> Any:
        """The value that a person typed; raises WrongSetting with what would be valid."""
        text = text.strip()
        try:
            if (written := _written(text, many=get_origin(self.kind) is tuple)) is not None:
                return msgspec.convert(written, self.kind)
            if self.kind is bool:
                return bool(msgspec.convert(_bool(text), bool))
            if get_origin(self.kind) is tuple:
                return tuple(part.strip() for part in text.split(",") if part.strip())
            return msgspec.convert(text, self.kind, strict=False)
        except msgspec.ValidationError:
            what = _("texts with commas between them") if get_origin(self.kind) is tuple else expects(self.kind)
            raise WrongSetting(
                _("{name} cannot be {text}: it takes {what}.").format(name=self.name, text=text, what=what)
            ) from None


def _written(text: str, *, many: bool) -> Any:
    """What stands in quotes or brackets, as the file has it and as it is shown; None: it is typed plainly."""
    import tomllib

    if not text.startswith(('"', "'", "[")) or "\n" in text:
        return None
    with suppress(tomllib.TOMLDecodeError):
        return tomllib.loads(f"x=[{text}]" if many and text[0] != "[" else f"x={text}")["x"]
    return None


def _bool(text: str) -> Any:
    lowered = text.lower()
    return True if lowered in _YES else False if lowered in _NO else text


def all_settings() -> tuple[Setting, ...]:
    """Every setting, in the order of the file."""
    return tuple(_settings_of(Settings, Settings(), ()))


def _settings_of(struct: Any, defaults: Any, path: tuple[str, ...]) -> Iterator[Setting]:
    for name, hint in get_type_hints(struct, include_extras=True).items():
        kind, *notes = get_args(hint) if get_origin(hint) is Annotated else (hint,)
        help_text = next((note.description for note in notes if isinstance(note, msgspec.Meta)), "") or ""
        default = getattr(defaults, name)
        if isinstance(default, msgspec.Struct):
            yield from _settings_of(kind, default, (*path, name))
        else:
            yield Setting((*path, name), kind, help_text, default)


def find(name: str) -> Setting:
    """The setting of that name, also in a table of one's own; raises WrongSetting, with those that come near."""
    known = {setting.name: setting for setting in all_settings()}
    if name in known:
        return known[name]
    for setting in known.values():
        if name.startswith(f"{setting.name}.") and get_origin(setting.kind) is dict:
            return _entry(setting, tuple(name.removeprefix(f"{setting.name}.").split(".")))
    close = suggest(name, known) or " " + _("`confab config` shows all.")
    raise WrongSetting(_("There is no setting {name}.").format(name=name) + close)


def _entry(table: Setting, names: tuple[str, ...]) -> Setting:
    """The entry of a table of one's own, or of a table in it; all that is left of the name is its key at the end."""
    kind = get_args(table.kind)[1]
    if get_origin(kind) is dict and len(names) > 1:
        return _entry(Setting((*table.path, names[0]), kind, table.help), names[1:])
    return Setting((*table.path, ".".join(names)), kind, table.help)


def document(settings: Settings) -> str:
    """The whole file in TOML: every setting with what it means, its default and its present value."""
    lines: list[str] = []
    heading: tuple[str, ...] = ()
    tables = [setting for setting in all_settings() if _is_table(setting.kind)]
    simple = sorted((one for one in all_settings() if one not in tables), key=lambda one: one.path[:-1])  # TOML's order
    for setting in simple:
        if setting.path[:-1] != heading:
            heading = setting.path[:-1]
            lines += [f"[{'.'.join(heading)}]", ""]
        lines += [*_comment(setting), f"{setting.path[-1]} = {write(setting.of(settings))}", ""]
    for setting in tables:
        lines += [*_comment(setting), write({setting.path[0]: setting.of(settings)}).rstrip(), ""]
    return "\n".join(lines).rstrip() + "\n"


def _comment(setting: Setting) -> list[str]:
    """What stands above a setting."""
    default = "" if _is_table(setting.kind) else "\n" + _("Default: {value}").format(value=write(setting.default))
    return [f"# {line}" for line in f"{setting.sentence}{default}".splitlines()]


def write(value: Any) -> str:
    """A value as it stands in the file; a table is several lines."""
    import tomlkit

    return tomlkit.dumps(value) if isinstance(value, dict) else tomlkit.item(value).as_string()


def change(path: Path, name: str, text: str, check: Callable[[Settings], dict[Key, str]]) -> Settings:
    """Set one setting in the file, which keeps its comments and its order; returns what holds then.

    `check` says in sentences what cannot be used of settings whose types are right; what it did not say before stops
    the change. Raises WrongSetting; NotConfigured when the file cannot be read or written: it stays as it was.
    """
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    setting = find(name)
    if _is_table(setting.kind):
        raise WrongSetting(_("{name} is a table: set what is in it, as in {name}.NAME.").format(name=setting.name))
    value = setting.understand(text)
    path = path.resolve()  # of a link into a folder of dotfiles the link stays
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with locked(path.with_suffix(".lock")):
            before = path.read_text("utf-8") if path.exists() else ""
            file = tomlkit.parse(before)
            table: Any = file
            for part in setting.path[:-1]:
                table = table.setdefault(part, tomlkit.table())
                if not isinstance(table, MutableMapping):
                    raise ValueError(_("{part} is no table there").format(part=part))
            table[setting.path[-1]] = list(value) if isinstance(value, tuple) else value
            after = tomlkit.dumps(file)
            settings, wrong = understand(after, path)
            if setting.of(settings) != value:  # what stands beside it cannot be used, and so the whole table is not
                raise ValueError("; ".join(wrong))
            known = check(understand(before, path)[0])
            for key, why in check(settings).items():
                if known.get(key) != why:
                    raise WrongSetting(why)
            write_whole(path, after.encode())
    except (OSError, ValueError, TOMLKitError) as error:
        raise NotConfigured(
            _("The settings in {path} cannot be changed: {why}. They are as they were.").format(
                path=path, why=str(error).rstrip(".")
            )
        ) from error
    return settings


def _is_table(kind: Any) -> bool:
    return get_origin(kind) is dict
