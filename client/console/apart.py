"""Emoji that are several characters, shown in the input line as their parts. What is sent is what was typed.

How wide such a one is differs from terminal to terminal, while prompt_toolkit adds up its parts: where these disagree,
the line would be drawn in the wrong place, over the prompt, and stay so.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable

from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.formatted_text.utils import fragment_list_to_text
from prompt_toolkit.layout.processors import Processor, Transformation, TransformationInput

_PARTS = re.compile("[\u200d\ufe0e\ufe0f\U0001f1e6-\U0001f1ff\U0001f3fb-\U0001f3ff]")
_FLAG_A, _FLAG_Z = 0x1F1E6, 0x1F1FF  # the letters of flags
_JOINED = "·"  # for what joins emoji to one, and for a tone of skin


class Apart(Processor):
    """Keeps a terminal from making one of them; `own` gives a mark of ours, in ASCII where that is wanted."""

    def __init__(self, own: Callable[[str], str]) -> None:
        self._own = own

    def apply_transformation(self, transformation_input: TransformationInput) -> Transformation:
        """The line as it is shown, and where each of its characters stands then."""
        fragments = transformation_input.fragments
        if not _PARTS.search(fragment_list_to_text(fragments)):
            return Transformation(fragments)
        shown: StyleAndTextTuples = []
        places = [0]
        for style, text, *_mouse in fragments:
            parts = [self._part(char) for char in text]
            shown.append((style, "".join(parts)))
            for part in parts:
                places.append(places[-1] + len(part))
        return Transformation(
            shown, lambda at: places[min(at, len(places) - 1)], lambda at: bisect_right(places, at) - 1
        )

    def _part(self, char: str) -> str:
        if not _PARTS.match(char):
            return char
        if char in "\ufe0e\ufe0f":  # how the one before it is to look, and so how wide it is
            return ""
        if _FLAG_A <= ord(char) <= _FLAG_Z:
            return chr(ord("A") + ord(char) - _FLAG_A)
        return self._own(_JOINED)
