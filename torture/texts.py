"""Texts that would do something to a terminal that prints them as they are, and the characters that must not reach one.

What is forbidden is listed here by itself, from Unicode and ECMA-48, and not taken from the product: it is what the
product is held against.
"""

from __future__ import annotations

import random

C0 = [chr(code) for code in (*range(0x20), 0x7F)]
C1 = [chr(code) for code in range(0x80, 0xA0)]
BIDI = [chr(code) for code in (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))]
HIDDEN = [  # zero width, or drawn as nothing; without the two joiners that scripts and emoji are written with
    chr(code)
    for code in (
        *(0x00AD, 0x034F, 0x115F, 0x1160, 0x180E, 0x200B, *range(0x2060, 0x2066), *range(0x206A, 0x2070)),
        *(0x3164, 0xFEFF, 0xFFA0, 0xFFF9, 0xFFFA, 0xFFFB, 0xE0001, *range(0xE0020, 0xE0080)),
    )
]
SEPARATORS = ["\u2028", "\u2029"]  # lines and paragraphs: some terminals begin a new line
EVERY = [*C0, *C1, *BIDI, *HIDDEN, *SEPARATORS]
ALL = 0.02  # share of the texts that hold every one of them

_CSI = ("\x1b[", "\x9b")
_STRINGS = ("\x1b]", "\x9d", "\x1bP", "\x90", "\x1b_", "\x9f", "\x1b^", "\x9e", "\x1bX", "\x98")  # OSC DCS APC PM SOS
_ENDS = ("\x07", "\x1b\\", "\x9c", "")
_COMMANDS = (  # of OSC
    "0;owned",
    "2;owned",
    "4;1;rgb:ff/00/00",
    "7;file:///etc/passwd",
    "8;;http://evil.example",
    "8;id=1;http://evil.example",
    "9;4;3",
    "10;?",
    "52;c;cm0gLXJmIH4=",
    "52;p;?",
    "777;notify;you;won",
    "1337;File=inline=1:AAAA",
)
_SHORT = ("\x1bc", "\x1b#8", "\x1b(0", "\x1bN", "\x1bO", "\x1b7", "\x1b8", "\x1bD", "\x1bE", "\x1bM", "\x1bZ", "\x1b=")
_MARKUP = (  # styles that confab never uses, so that they show
    "[blink]x[/]",
    "[strike red on green]x[/strike red on green]",
    "[overline]",
    "[/overline]",
    "[/]",
    "[link=http://evil.example]x[/link]",
    "[@click=app.bell]x[/]",
    ":skull:",
    "\\[blink]x",
)
_MARKS = ("**", "*", "`", "\n```\n", "\n```python\n", "https://evil.example/", "- ")  # of Markdown, which confab reads
_WORDS = ("rm", "-rf", "~", "alice", "#general", "wörter", "你好", "👩‍🚀", "é̂̃", "a", " ", "mañana", "שלום", "नमस्ते")


def hostile(rng: random.Random) -> str:
    """A text of some of what there is to be afraid of; now and then of every single character."""
    if rng.random() < ALL:
        return "a".join(EVERY)
    return "".join(_piece(rng) for _ in range(rng.randint(1, 6)))


def harmless(rng: random.Random) -> str:
    """A text of words, as people write them."""
    return " ".join(rng.choice(_WORDS) for _ in range(rng.randint(1, 6)))


def _piece(rng: random.Random) -> str:
    match rng.randrange(9):
        case 0:
            return rng.choice(EVERY)
        case 1:
            return _sequence(rng)
        case 2:
            return rng.choice(_STRINGS) + rng.choice(_COMMANDS) + rng.choice(_ENDS)
        case 3:
            return rng.choice(_SHORT)
        case 4:
            return rng.choice(_MARKUP)
        case 5:
            return rng.choice((*BIDI, *HIDDEN)) + rng.choice(_WORDS)
        case 6:
            return rng.choice(("\r", "\n", "\r\n", "\b" * 9, "\x7f" * 9, "\t", "\v", "\f", "\0")) + rng.choice(_WORDS)
        case 7:
            return rng.choice(_MARKS) + rng.choice((_sequence(rng), rng.choice(_WORDS)))
        case _:
            return rng.choice(_WORDS)


def _sequence(rng: random.Random) -> str:
    """A control sequence of any form: CSI, parameters, intermediate bytes, a final byte, or cut off in front of it."""
    start = rng.choice(_CSI) + rng.choice(("", "", "", "?", ">", "!"))
    numbers = ";".join(
        str(rng.choice((0, 1, 2, 5, 8, 21, 25, 38, 47, 53, 1000, 1049, 2004))) for _ in range(rng.randrange(4))
    )
    final = rng.choice(["", *"ABCDGHJKLMPSTXcfhilmnpqrstux@`"])
    return f"{start}{numbers}{rng.choice(('', '', '', ' ', '$'))}{final}"
