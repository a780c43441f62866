"""Which keys do what in the input line, as the settings ask for: reading them, and how people say them."""

from __future__ import annotations

import msgspec

from ..language import _
from ..settings import Key, Keys

_SPOKEN = {"enter": "Enter", "tab": "Tab", "escape": "Esc", "pageup": "PageUp", "pagedown": "PageDown"}
_WORD = 3  # letters from which on a key is called by a word; shorter ones are letters, and F1
_HELD = {"c": "Ctrl", "s": "Shift"}


def usable(chosen: Keys) -> dict[str, tuple[str, ...]]:
    """The keys of each action, to be pressed in turn; the default's where the chosen ones make no sense."""
    defaults = Keys()
    wrong = {action for action, _why in _wrong(chosen)}
    return {
        action: tuple(getattr(defaults if action in wrong else chosen, action).split())
        for action in Keys.__struct_fields__
    }


def complaints(chosen: Keys) -> dict[Key, str]:
    """What cannot be used: the setting, and why, in a sentence."""
    return {("keys", action): why for action, why in _wrong(chosen)}


def _wrong(chosen: Keys) -> list[tuple[str, str]]:
    """The actions whose keys cannot be used, and why."""
    if chosen == Keys():  # which spares those who chose nothing the time to import this
        return []
    from prompt_toolkit.key_binding import KeyBindings

    found: list[tuple[str, str]] = []
    taken: dict[tuple[str, ...], str] = {}
    for action, typed in msgspec.structs.asdict(chosen).items():
        name, words, bindings = f"keys.{action}", typed.split(), KeyBindings()
        try:
            bindings.add(*words)(lambda event: None)
        except (ValueError, AssertionError):
            why = _("{name} cannot be {typed}: that is no key. Keys are f1, tab, c-x (Ctrl-X), escape x (Alt-X).")
            found.append((action, why.format(name=name, typed=typed or '""')))
            continue
        pressed = tuple(str(getattr(key, "value", key)) for key in bindings.bindings[0].keys)
        if any(key.startswith("<") for key in pressed):  # <any>, <bracketed-paste>: nobody could type any more
            why = _("{name} cannot be {typed}: nobody presses that. Use a key such as c-x (Ctrl-X) or f1.")
            found.append((action, why.format(name=name, typed=typed)))
        elif len(pressed[0]) == 1:
            why = _("{name} cannot be {typed}: that is a character one types. Use a key such as c-x (Ctrl-X) or f1.")
            found.append((action, why.format(name=name, typed=typed)))
        elif pressed in taken:
            why = _("{name} cannot be {typed}: that is the key of {other} already.")
            found.append((action, why.format(name=name, typed=typed, other=f"keys.{taken[pressed]}")))
        else:
            taken[pressed] = action
    return found


def spoken(keys: tuple[str, ...]) -> str:
    """Keys as people say them: Alt-Enter, Ctrl-C."""
    if len(keys) > 1 and keys[0] == "escape":
        return "-".join(("Alt", spoken(keys[1:])))
    return " ".join(_say(key) for key in keys)


def _say(key: str) -> str:
    *held, last = key.split("-") if len(key) > 1 else [key]
    name = _SPOKEN.get(last, last.upper() if len(last) < _WORD else last.title())
    return "-".join([*(_HELD.get(each, each) for each in held), name])
