"""What was typed, kept for the next run: the lines that were entered, and the one that was not. Knows no terminal.

    profiles/NICK/
    ├── typed             0600: the lines entered at every console of this profile, the newest last
    └── window-0.draft…   0600: the line that stands at the console of this slot; no file, no line

One thread does all writing, so that no key waits for the disk. A disk that fails is told of once, and costs only what
was to be kept.
"""

from __future__ import annotations

import json
import os
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from prompt_toolkit.history import History

from messages import BODY_BYTES

from ..files import locked, sync_folder, write_new, write_whole
from ..language import _

KEPT_LINES = 1_000  # that a console begins with
KEPT_BYTES = 1 << 20  # of the file that it reads for them; the file itself grows to twice as much
SAVE_SECONDS = 0.5  # from a change of the line to the disk: what a crash may cost
CLOSE_SECONDS = 1.0  # for a disk that is slow when the console ends


class Scribe:
    """Does one thing with the disk after the other, on a thread of its own."""

    def __init__(self, tell: Callable[[str], None], fail: Callable[[Exception], None]) -> None:
        self._tell = tell  # why things are not kept, a sentence; on any thread
        self._fail = fail  # a bug; on the scribe's thread
        self._told = False
        self._queue: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="confab-scribe", daemon=True)
        self._thread.start()

    def do(self, work: Callable[[], None]) -> None:
        """Have this done soon."""
        self._queue.put(work)

    def attempt(self, work: Callable[[], None]) -> None:
        """Do it now; of the first that the disk refuses, tell."""
        try:
            work()
        except OSError as error:
            if not self._told:
                self._told = True
                why = error.strerror or error
                self._tell(
                    _("What you type is not kept for the next start ({why}). It is sent as ever.").format(why=why)
                )

    def close(self) -> None:
        """Wait for what is to be done, but not for ever."""
        self._queue.put(None)
        self._thread.join(CLOSE_SECONDS)

    def _work(self) -> None:
        try:
            while (work := self._queue.get()) is not None:
                self.attempt(work)
        except Exception as error:
            self._fail(error)


class Lines(History):
    """The lines that were entered, at this console and, before it began, at all others of the profile.

    Each is one JSON string in the file, behind a line break: a line that was cut off by a full disk ends with itself.
    """

    def __init__(self, path: Path, scribe: Scribe) -> None:
        super().__init__()
        self._path = path
        self._scribe = scribe

    def load_history_strings(self) -> list[str]:
        """The newest lines of the file, the newest first."""
        found: list[str] = []
        self._scribe.attempt(lambda: found.extend(_read(self._path)))
        return found[::-1]

    def store_string(self, string: str) -> None:
        """Keep a line; not one that is too long to be sent."""
        if len(record := _record(string)) <= 2 * BODY_BYTES:
            self._scribe.do(partial(self._append, record))

    def _append(self, record: bytes) -> None:
        with locked(self._path.with_name("lock")):  # another console may be cutting the file
            with open(self._path, "ab", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
                file.write(record)
                size = file.tell()
            if size > 2 * KEPT_BYTES:
                write_whole(self._path, b"".join(map(_record, _read(self._path))))


def _record(line: str) -> bytes:
    return b"\n" + json.dumps(line, ensure_ascii=False).encode(errors="surrogatepass")


def _read(path: Path) -> list[str]:
    """The newest lines, the newest last, without what is damaged; raises OSError."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - KEPT_BYTES))
            _, *records = file.read().split(b"\n")  # the first is empty, or its beginning was not read
    except FileNotFoundError:
        return []
    found: list[str] = []
    for record in records[-KEPT_LINES:]:
        with suppress(ValueError):
            found.append(_line(record))
    return found


def _line(record: bytes) -> str:
    """The line in a record; raises ValueError."""
    line = json.loads(record.decode(errors="surrogatepass"))
    if not isinstance(line, str):
        raise ValueError(_("not a string"))
    return line


class Draft:
    """The line that stands at this console and was not entered yet."""

    def __init__(self, path: Path, scribe: Scribe, after: Callable[[float, Callable[[], None]], object]) -> None:
        self.text = ""  # at first what the last console of this slot left
        self._path = path
        self._scribe = scribe
        self._after = after  # call this in so many seconds
        self._due = False
        scribe.attempt(self._load)
        self._saved = self.text

    def _load(self) -> None:
        with suppress(FileNotFoundError, ValueError):  # there is none, or it is damaged
            self.text = _line(self._path.read_bytes())

    def change(self, text: str) -> None:
        """This is the line now. What was entered stays a little longer: two of it are better than none."""
        if text != self.text:
            self.text = text
            if not self._due:
                self._due = True
                self._after(SAVE_SECONDS, self.save)

    def save(self) -> None:
        """Have the line saved now."""
        self._due = False
        self._scribe.do(self._write)

    def _write(self) -> None:
        text = self.text
        if text == self._saved:
            return
        if text:
            fresh = self._path.with_suffix(".draft-new")
            fresh.unlink(missing_ok=True)  # of a console that was killed here
            write_new(fresh, _record(text))
            fresh.replace(self._path)
            sync_folder(self._path.parent)
        else:
            self._path.unlink(missing_ok=True)
        self._saved = text


class Typed:
    """Both for the console that holds a slot."""

    def __init__(
        self,
        slot: Path,
        after: Callable[[float, Callable[[], None]], object],
        tell: Callable[[str], None],
        fail: Callable[[Exception], None],
    ) -> None:
        self._scribe = Scribe(tell, fail)
        self.lines = Lines(slot.with_name("typed"), self._scribe)
        self.draft = Draft(slot.with_suffix(".draft"), self._scribe, after)

    def close(self) -> None:
        """Save what is not saved yet; the slot is still ours."""
        self.draft.save()
        self._scribe.close()
