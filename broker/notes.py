"""What happened, for the broker's own log: one event a line, for people or as JSON. Never a private text.

The core collects notes; the server hands them to a Reporter. Text in a note may come from anyone, so it is made
harmless here, on every path to the screen. Whoever reads our log may stop reading, go away, or have a full disk: a
thread writes, what does not fit is counted, and the chat goes on.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import IO, Literal

from messages import harmless

MAX_WAITING = 1024 * 1024  # bytes of lines that wait for whoever reads them; what comes behind is counted instead
LAST_SECONDS = 1.0  # at the end, for the last lines to be read


@dataclass(frozen=True, slots=True)
class Note:
    """One event: what happened, and its particulars in reading order."""

    what: str
    fields: Mapping[str, object]


# How a field reads in a line for people; what is not here stands by itself.
_PHRASES = {
    "address": "from {}",
    "by": "by {}",
    "client": "with {}",
    "code": "({})",
    "lasts": "for {} s",
    "reason": "— {}",
    "seconds": "in {} s",
    "text": "— {}",
    "title": "[{}]",
    "to": "to {}",
    "why": "— {}",
}
_STYLES = {
    "joined": "32",
    "back": "32",
    "left": "33",
    "lost": "33",
    "refused": "31",
    "log": "1;31",
    "unencrypted": "1;31",
}


class Reporter:
    """Prints notes in the form 'text' or 'json', and never waits for whoever reads them."""

    def __init__(self, form: Literal["text", "json"], stream: IO[str] | None = None) -> None:
        out = stream or sys.stdout
        colour = form == "text" and out.isatty()
        self._line = partial(_text, colour=colour) if form == "text" else _json
        self._descriptor = out.fileno()  # not through Python's buffer, whose lock the end of the process waits for
        self._lines: deque[bytes] = deque()
        self._size = 0  # bytes of those
        self._missed = 0  # lines that nobody read in time
        self._closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._write_all, name="log", daemon=True)
        self._thread.start()

    def __call__(self, note: Note) -> None:
        """Print one note, soon."""
        line = f"{self._line(note)}\n".encode(errors="backslashreplace")
        with self._changed:
            if self._size > MAX_WAITING or self._missed:  # those that are missing stand where they are missing
                self._missed += 1
            else:
                self._lines.append(line)
                self._size += len(line)
            self._changed.notify()

    def close(self) -> None:
        """Print what is left, as far as somebody reads it at once."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(LAST_SECONDS)

    def _write_all(self) -> None:
        while lines := self._take():
            try:
                while lines:
                    lines = lines[os.write(self._descriptor, lines) :]
            except BrokenPipeError:  # nobody will read any more
                return
            except OSError:  # a full disk: these lines are lost
                continue

    def _take(self) -> bytes:
        """Wait for lines and take them all; nothing at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._lines or self._missed or self._closed)
            if not self._lines and self._missed:
                note = Note("log", {"text": f"{self._missed:,} lines were not written: nobody read them."})
                self._missed = 0
                return f"{self._line(note)}\n".encode()
            lines = b"".join(self._lines)
            self._lines.clear()
            self._size = 0
            return lines


def _text(note: Note, *, colour: bool) -> str:
    clock = time.strftime("%H:%M:%S")
    what = f"\x1b[{_STYLES.get(note.what, '36')}m{note.what:<12}\x1b[0m" if colour else f"{note.what:<12}"
    said = " ".join(_phrase(name, value) for name, value in note.fields.items() if value not in ("", None))
    return f"{clock}  {what}  {said}"


def _json(note: Note) -> str:
    return json.dumps({"at": round(time.time(), 3), "event": note.what, **note.fields}, ensure_ascii=True)


def _phrase(name: str, value: object) -> str:
    return _PHRASES.get(name, "{}").format(harmless(str(value)))
