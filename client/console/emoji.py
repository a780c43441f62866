"""Emoji by their names, as in :smile: – the names that rich knows; its table is read at the first question."""

from __future__ import annotations

import re
from collections.abc import Iterator
from os.path import commonprefix

from messages import harmless

LISTED = 12  # names shown at a time, the shortest: they fit above the line of a small window, without a pager

_WORD = re.compile(r"(?:^|\s):(?P<name>[^\W\d_][^\s:]+)(?P<end>:?)$")  # '12:30' and ':)' are none


def completions(before: str) -> Iterator[tuple[str, int, str]]:
    """What the word at the end of `before` may become: the text, how much of the end it replaces, how it is listed.

    One name that fits, or is ended with a colon, becomes its character; of several, what they have in common.
    """
    word = _WORD.search(before)
    if not word:
        return
    try:
        from rich._emoji_codes import EMOJI  # 3,600 names, most of them skin tones
    except ImportError:  # rich promises no place for its table: without it a name stays as typed
        return

    name, typed = word["name"].lower(), len(word["name"]) + len(word["end"]) + 1
    if word["end"]:
        found = [name] if name in EMOJI else []
    else:
        found = [each for each in EMOJI if each.startswith(name) and not each.endswith("skin_tone")]
    found = [each for each in found if harmless(EMOJI[each]) == EMOJI[each]]
    common = commonprefix(found)  # noqa: RUF071 – of strings is what is meant
    if len(found) > 1 and len(common) > len(name):
        yield f":{common}", typed, f":{common}"
        return
    for each in sorted(sorted(found, key=len)[:LISTED]):
        yield EMOJI[each], typed, f"{EMOJI[each]} :{each}:"
