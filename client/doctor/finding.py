"""What a check says: how bad it is, what it found, and what to do about it."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

Level: TypeAlias = Literal["ok", "warning", "problem"]


class Finding(NamedTuple):
    """One line of the report."""

    level: Level
    check: str  # what was looked at, a word or two
    text: str  # what is so, in a sentence
    advice: str = ""  # what to do, in a sentence; empty where the text says it, or nothing is to be done
