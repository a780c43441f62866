"""Which colours things have: all can be read on a light and on a dark background, since nobody tells which it is.

The sixteen named colours are whatever the terminal makes of them, and yellow on white or blue on black can hardly be
read in most. Those used here are of the 256 that look the same everywhere; tests/test_console_palette.py holds their
contrast. rich takes the nearest named colour where a terminal has no more than those.
"""

from __future__ import annotations

from zlib import crc32

from messages import fold

ROSE, ORANGE, OLIVE, GREEN, JADE, TEAL = "color(167)", "color(130)", "color(100)", "color(64)", "color(29)", "color(30)"
SKY, BLUE, VIOLET, ORCHID, PINK = "color(32)", "color(62)", "color(135)", "color(164)", "color(161)"

NICKS = (ROSE, ORANGE, OLIVE, GREEN, JADE, TEAL, SKY, BLUE, VIOLET, ORCHID, PINK)
CODE = TEAL


def nick_color(nick: str) -> str:
    """The colour of a nick: the same in every spelling, at everyone's console, today and tomorrow."""
    return NICKS[crc32(fold(nick).encode()) % len(NICKS)]
