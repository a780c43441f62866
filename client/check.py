"""What is refused before it is sent: what the broker would only refuse, or could not even read. Pure functions."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TypeVar

from messages import BODY_BYTES, FRAME_BYTES, Code, Malformed, decode_commands, encode_commands

from .errors import Rejected
from .language import _, told
from .receipt import Numbered
from .targets import read_target

C = TypeVar("C", bound=Numbered)

known_target = lru_cache(maxsize=1024)(read_target)
"""read_target, remembered: a script says much to few. Raises InvalidName."""


def plain(text: str) -> str:
    """The text as a plain str, since the codec takes no subclass of it (such as an enum's member)."""
    if isinstance(text, str):
        return text if type(text) is str else str.__str__(text)
    raise TypeError(_("A text must be a str, not {name}.").format(name=type(text).__name__))


def check_body(body: str) -> str:
    """Return a message's text as it is sent; raises Rejected when it is too long or no text."""
    body = plain(body)
    size = len(body) if body.isascii() else len(_encode(body))
    if size > BODY_BYTES:
        limit, kib = BODY_BYTES // 1024, math.ceil(size / 1024)
        text = _("A message may have {limit} KiB, this one has {kib} KiB; send it in parts.").format(
            limit=limit, kib=kib
        )
        raise Rejected(Code.TOO_LONG, text)
    return body


def check_command(command: C) -> C:
    """Return the command; raises Rejected when it is none of the protocol, or too long for a frame."""
    try:
        frame = encode_commands([command])
    except UnicodeEncodeError as error:
        raise _no_text() from error
    except OverflowError as error:
        raise Rejected(Code.MALFORMED, _("A number in this is larger than any that can be sent.")) from error
    [read] = decode_commands(frame)
    if isinstance(read, Malformed):
        raise Rejected(read.code, told(read.text))
    if len(frame) > FRAME_BYTES // 2:
        raise Rejected(Code.TOO_LONG, _("This is far too long to be sent."))
    return command


def _encode(body: str) -> bytes:
    try:
        return body.encode()
    except UnicodeEncodeError as error:
        raise _no_text() from error


def _no_text() -> Rejected:
    return Rejected(Code.MALFORMED, _("This text holds half of a character (a lone surrogate), which cannot be sent."))
