"""What happened, for the broker's own log: one event a line, for people or as JSON. Never a private text.

The core collects notes; the server prints them with a Reporter. Text in a note may come from anyone, so it is made
harmless here, on every path to the screen.
"""

from __future__ import annotations

import io
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO

from messages import harmless


@dataclass(frozen=True, slots=True)
class Note:
    """One event: what happened, and its particulars in reading order."""

    what: str
    fields: Mapping[str, object]


# How a field reads in a line for people; what is not here stands by itself.
_PHRASES = {
    "by": "by {}",
    "client": "with {}",
    "code": "({})",
    "reason": "— {}",
    "seconds": "in {} s",
    "text": "— {}",
    "title": "[{}]",
    "to": "to {}",
    "why": "— {}",
}
_STYLES = {"joined": "32", "back": "32", "left": "33", "lost": "33", "refused": "31", "log": "1;31"}


def reporter(form: str, stream: IO[str] | None = None) -> Callable[[Note], None]:
    """The function that prints notes in the form 'text' or 'json'."""
    out = stream or sys.stdout
    if isinstance(out, io.TextIOWrapper):
        out.reconfigure(errors="backslashreplace")  # whatever people say and the terminal cannot show
    colour = form == "text" and out.isatty()

    def text(note: Note) -> None:
        clock = time.strftime("%H:%M:%S")
        what = f"\x1b[{_STYLES.get(note.what, '36')}m{note.what:<12}\x1b[0m" if colour else f"{note.what:<12}"
        said = " ".join(_phrase(name, value) for name, value in note.fields.items() if value not in ("", None))
        _write(f"{clock}  {what}  {said}", out)

    def as_json(note: Note) -> None:
        line = {"at": round(time.time(), 3), "event": note.what, **note.fields}
        _write(json.dumps(line, ensure_ascii=True), out)

    return as_json if form == "json" else text


def _write(line: str, out: IO[str]) -> None:
    """Print one line. Whoever reads our log may go away, or have a full disk: the chat goes on without."""
    try:
        print(line, file=out, flush=True)
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, out.fileno())  # from now on, and for Python's own flush at the end
        os.close(nowhere)
    except OSError:
        return  # this line is lost


def _phrase(name: str, value: object) -> str:
    return _PHRASES.get(name, "{}").format(harmless(str(value)))
