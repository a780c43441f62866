"""The few marks of Markdown that people use in chats, as styles: pure functions from a text to rich.text.Text.

**bold**, *italic*, `code`, fenced blocks of code, and links underlined. Every mark has to be closed on its line, and to
stand where one stands in prose, so that snake_case, 2*3*4, *.py and /*…*/ stay what they are; what is no mark stays as
it is, to the space. What comes in is made harmless first, and rich's own markup is never read. All patterns take time
in proportion to the text, whatever it is: others choose it.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator

from rich.text import Text

from messages import harmless

from .code import LONGEST, code

_FENCE = "```"
_MAY_BE_MARKED = re.compile(r"[*`]|https?://")
_OPENING = re.compile(rf" {{0,3}}{_FENCE}[ ]*([\w+#.-]{{0,20}})[ ]*")
_BEFORE = r"(?<![^\s(\[{\"'«„“‘—-])"  # a mark opens at the start, or behind one of these
_AFTER = r"(?=[.,;:!?…)\]}\"'»“”’—-]*(?:\s|\Z))"  # and closes in front of these
_FIRST = r"(?![\s*.,;:!?)\]}\"'])"  # a single star in front of, or behind, one of these is a wildcard or an operator
_LAST = r"(?<![\s*(\[{\"'])"
_INLINE = re.compile(
    rf"""
    (?<![`\w]) ` (?!`|\s*`) (?P<code>[^`]++) ` (?!`)
    | (?<!\w) (?P<link>https?://[^\s<>"'`*]*[^\s<>"'`*.,;:!?)\]}}])
    | {_BEFORE} \*\* (?![\s*]) (?P<bold>(?:[^*`]|`[^`]++`|`|\*(?!\*))++) (?<![\s*]) \*\* {_AFTER}
    | {_BEFORE} \* {_FIRST} (?P<italic>(?:[^*`]|`[^`]++`|`)++) {_LAST} \* {_AFTER}
    """,
    re.VERBOSE,
)
_STYLES = {"bold": "bold", "italic": "italic", "link": "underline", "code": "code"}
_MARKED = ("bold", "italic")  # in which there may be more marks


def markup(text: str) -> Text:
    """A text with its marks taken as styles, and taken away; all else stays as harmless() leaves it."""
    plain = harmless(text, lines=True)
    if not _MAY_BE_MARKED.search(plain):
        return Text(plain)
    return Text("\n").join(_parts(plain.split("\n")))


def _parts(lines: list[str]) -> Iterator[Text]:
    """Lines, and blocks of code without their fences."""
    short = sum(map(len, lines)) <= LONGEST
    fences = [number for number, line in enumerate(lines) if line.strip() == _FENCE]
    number = 0
    while number < len(lines):
        opening = _OPENING.fullmatch(lines[number])
        after = bisect_right(fences, number)
        if opening and after < len(fences) and "".join(inside := lines[number + 1 : fences[after]]).strip():
            yield code("\n".join(inside), opening[1] if short else "")
            number = fences[after]
        else:
            yield _line(lines[number])
        number += 1


def _line(line: str) -> Text:
    """A line, or what stands between two marks in it, in which there are fewer marks than in the whole."""
    text, end = Text(), 0
    for found in _INLINE.finditer(line):
        kind = str(found.lastgroup)
        inner = _line(found[kind]) if kind in _MARKED else Text(found[kind])
        inner.stylize_before(_STYLES[kind])
        text.append(line[end : found.start()])
        text.append_text(inner)
        end = found.end()
    return text.append(line[end:])
