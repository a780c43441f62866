"""What a terminal was sent, taken apart: which control sequences are in it, and what of it confab never writes itself.

The grammar is what confab, rich and prompt_toolkit write when all texts are harmless; everything else came from a text.
"""

from __future__ import annotations

import re
from collections import Counter

from client.console.themes import DEFAULT, THEMES

from .texts import EVERY

PICTURE = "\u241b"  # how an escape character is shown
BELL = "\x07"  # a terminal rings: never by what a text says

_SEQUENCE = re.compile("\x1b\\[[0-?]*[ -/]*[@-~]|\x1b[ -/]*[0-~]|\x1b")
_PALETTE = "|".join(sorted(set(re.findall(r"color\((\d+)\)", " ".join(THEMES[DEFAULT].values())))))
_STYLE = f"(?:0|1|2|3|4|7|3[1-79]|9[0-7]|38;5;(?:{_PALETTE}))"  # of the 256 colours only those that confab uses
_OURS = re.compile(
    "\x1b\\["
    f"(?:{_STYLE}(?:;{_STYLE})*m"  # styles that are in use
    "|[0-9]{0,3}[ABCD]|[JK]"  # the input line is drawn anew
    r"|\?(?:1|12)l|\?(?:7|25|2004)[hl])"  # cursor keys, blinking; wrapping, the cursor, bracketed paste
)
_SEEN_ELSEWHERE = {"\r", "\n", BELL, "\b", "\x1b"}  # line ends are ours, and escapes are looked at above
_FORBIDDEN = re.compile(
    f"[{re.escape(''.join(sorted({*EVERY} - _SEEN_ELSEWHERE)))}]"
    "|\b(?!\x1b\\[\\?7h)"  # the input line's cursor goes back by one, the last thing when it is drawn
)


def faults(written: bytes | bytearray) -> Counter[str]:
    """What must not be there, escaped, and how often."""
    try:
        text = written.decode()
    except UnicodeDecodeError as error:
        return Counter({f"not UTF-8: {written[error.start - 20 : error.end + 20]!r}": 1})
    found = Counter(ascii(each) for each in _SEQUENCE.findall(text) if not _OURS.fullmatch(each))
    found.update(ascii(each) for each in _FORBIDDEN.findall(text))
    return found


def forms(written: bytes | bytearray) -> set[str]:
    """The forms of the control sequences in it: colours, and how the input line is drawn anew, make no difference."""
    found = _SEQUENCE.findall(written.decode(errors="replace"))
    return {re.sub(r"\[[0-9]*[ABCDJK]$", "[A", re.sub("[0-9;]*m$", "m", each)) for each in found}
