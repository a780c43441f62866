"""What stands behind the options of the shell's commands, read: types for argparse. Each raises ArgumentTypeError."""

from __future__ import annotations

import argparse
from datetime import datetime

from messages import MessageError

from .language import _, told

_DIGITS = 19  # numbers shorter than that fit into the wire's


def until(text: str) -> tuple[str, int]:
    """How far a message is to come, and to how many people."""
    state, colon, people = text.partition(":")
    if state not in ("accepted", "delivered", "read") or (colon and state == "accepted"):
        raise argparse.ArgumentTypeError(_("{text} is none of accepted, delivered[:N] and read[:N]").format(text=text))
    return state, count(people) if colon else 1


def seconds(text: str) -> float:
    """A time to wait."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < 1e7:
        raise argparse.ArgumentTypeError(_("{text} is no time to wait: give seconds above 0").format(text=text))
    return number


def moment(text: str) -> datetime:
    """A date or an age."""
    from .query import read_moment

    try:
        return read_moment(text)
    except MessageError as error:
        raise argparse.ArgumentTypeError(told(str(error))) from error


def place(text: str) -> datetime | int:
    """A date, an age or a sequence number."""
    return count(text) if text.isdecimal() else moment(text)


def count(text: str) -> int:
    """A number above 0."""
    number = int(text) if text.isdecimal() and len(text) < _DIGITS else 0
    if number < 1:
        raise argparse.ArgumentTypeError(_("{text} is no number from 1 on, or too large a one").format(text=text))
    return number
