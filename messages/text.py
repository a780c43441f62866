"""Text from elsewhere, made harmless for a terminal and for a log of one event a line. One pure function.

Terminals act on bytes: C0 and C1 controls move the cursor, retitle the window or set the clipboard; bidirectional
overrides and zero-width characters make a text look like another. Here the first become visible symbols and the second
disappear, all but the two joiners that Persian, Indic scripts and emoji are written with. Rich markup is no concern of
this function: who prints with rich wraps text in `rich.text.Text`, which never reads markup.
"""

from __future__ import annotations

_HIDDEN = (
    *range(0x200B, 0x200C),  # zero-width space
    0x200E,
    0x200F,
    0x061C,  # direction marks
    *range(0x202A, 0x202F),  # bidirectional embeddings and overrides
    *range(0x2060, 0x2070),  # word joiner, invisible operators, isolates, deprecated controls
    0x00AD,  # soft hyphen
    0x034F,  # combining grapheme joiner
    0x115F,
    0x1160,
    0x3164,
    0xFFA0,  # Hangul fillers, drawn as nothing
    0x180E,
    0xFEFF,  # Mongolian vowel separator, byte order mark
    *range(0xFFF9, 0xFFFC),  # interlinear annotation
    *range(0x13430, 0x13440),
    *range(0x1BCA0, 0x1BCA4),
    *range(0x1D173, 0x1D17B),  # layout of hieroglyphs, shorthand and music
    *range(0xE0000, 0xE0080),  # tags: invisible ASCII
)

_LINES: dict[int, str | None] = {code: chr(0x2400 + code) for code in range(0x20)}  # U+2400: pictures of controls
_LINES |= {0x7F: "\u2421"} | dict.fromkeys(range(0x80, 0xA0), "\ufffd") | dict.fromkeys(range(0xD800, 0xE000), "\ufffd")
_LINES |= dict.fromkeys(_HIDDEN) | {0x09: "    ", 0x0A: "\n", 0x2028: "\n", 0x2029: "\n"}
_ONE_LINE = _LINES | {0x0A: "\u23ce", 0x2028: "\u23ce", 0x2029: "\u23ce"}


def harmless(text: str, *, lines: bool = False) -> str:
    """Return `text` with nothing left that a terminal acts on; newlines stay only with `lines=True`, else show as ⏎."""
    return text.translate(_LINES if lines else _ONE_LINE)
