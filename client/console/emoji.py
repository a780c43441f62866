"""Emoji by their names, as in :smile: – the names that rich knows; its table is read at the first question."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from os.path import commonprefix

from messages import harmless

LISTED = 12  # names shown at a time, the shortest: they fit above the line of a small window, without a pager

_AS_PICTURE = "\N{VARIATION SELECTOR-16}"  # may follow an emoji
_SIGNS = "\u2000"  # what comes before is a digit, or © and ®, which are signs rather than pictures

_WORD = re.compile(r"(?:^|\s):(?P<name>[^\W\d_][^\s:]+)(?P<end>:?)$")  # '12:30' and ':)' are none


def completions(before: str, *, glyphs: bool = True) -> Iterator[tuple[str, int, str]]:
    """What the word at the end of `before` may become: the text, how much of the end it replaces, how it is listed.

    One name that fits, or is ended with a colon, becomes its character; of several, what they have in common. Without
    `glyphs` names are completed, and stay names.
    """
    word = _WORD.search(before)
    if not word:
        return
    known = _names()
    name, typed = word["name"].lower(), len(word["name"]) + len(word["end"]) + 1
    if word["end"]:
        found = [name] if name in known else []
    else:
        found = [each for each in known if each.startswith(name) and not each.endswith("skin_tone")]
    found = [each for each in found if harmless(known[each]) == known[each]]
    common = commonprefix(found)  # noqa: RUF071 – of strings is what is meant
    if len(found) > 1 and len(common) > len(name):
        yield f":{common}", typed, f":{common}"
        return
    for each in sorted(sorted(found, key=len)[:LISTED]):
        name = f":{each}:"
        yield (known[each], typed, f"{known[each]} {name}") if glyphs else (name, typed, name)


def named(text: str) -> str:
    """A text with each emoji in it written as its name."""
    if text.isascii():
        return text
    names, longest = _by_glyph()
    shown, at = [], 0
    while at < len(text):
        size = next((size for size in range(longest.get(text[at], 0), 0, -1) if text[at : at + size] in names), 0)
        shown.append(f":{names[text[at : at + size]]}:" if size else text[at])
        at += size or 1
        if size and text[at : at + 1] == _AS_PICTURE:
            at += 1
    return "".join(shown)


@cache
def _by_glyph() -> tuple[dict[str, str], dict[str, int]]:
    """Names by their emoji, and the longest emoji that begins with a character."""
    names: dict[str, str] = {}
    longest: dict[str, int] = {}
    for name, glyph in _names().items():
        if glyph > _SIGNS:
            names.setdefault(glyph, name)
            longest[glyph[0]] = max(len(glyph), longest.get(glyph[0], 0))
    return names, longest


def _names() -> dict[str, str]:
    try:
        from rich._emoji_codes import EMOJI  # 3,600 names, most of them skin tones
    except ImportError:  # rich promises no place for its table: without it everything stays as it is
        return {}
    return EMOJI
