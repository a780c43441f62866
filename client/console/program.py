"""A program at the console: what its lines mean, and which answer is to which line. Knows the talk, and no looks.

A line is what a person would type; or, since that cannot hold a line break, a JSON object {"line": TEXT, "id": ANY},
and then what answers it carries the same id. A text that itself begins with a brace has to come in an object.
"""

from __future__ import annotations

from contextvars import ContextVar, copy_context
from typing import Any

import msgspec

from ..language import _
from .commands import obey
from .shown import Refusal
from .talk import Talk

ID_BYTES = 1_000  # of JSON: what stands in every answer; so it cannot be nested deeper than can be written either

ASKED: ContextVar[Any] = ContextVar("asked", default=None)
"""The id of the line that is obeyed, or answered, at this moment; answers.py takes it along."""


class Line(msgspec.Struct, forbid_unknown_fields=True):
    """A line with an id."""

    line: str
    id: Any = None


def obey_program(talk: Talk, text: str) -> None:
    """Do what a line of a program asks for."""
    if not text.lstrip().startswith("{"):
        obey(talk, text)
        return
    try:
        asked = msgspec.json.decode(text.encode(errors="surrogateescape"), type=Line)
        if len(msgspec.json.encode(asked.id)) > ID_BYTES:
            raise ValueError(_("its id has more than {most} bytes").format(most=f"{ID_BYTES:,}"))
    except (ValueError, RecursionError) as error:  # of JSON, UTF-8, or nesting without end
        why = _(
            'A line that begins with {{ is a JSON object, {{"line": TEXT, "id": ANY}}, and this is none: {error}.'
        ).format(error=error)
        talk.show(Refusal(why, "malformed", text))
        return
    copy_context().run(_obey_asked, talk, asked)


def _obey_asked(talk: Talk, asked: Line) -> None:
    ASKED.set(asked.id)
    obey(talk, asked.line)
