"""The one-shot shell commands: functions over an open Client, and how their results are printed.

Knows nothing of arguments and exit codes. A command that only sends must start fast, so rich is imported only where
something is shown to a person at a terminal.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from messages import (
    BODY_BYTES,
    Code,
    Deed,
    Gap,
    InviteInfo,
    MessageError,
    Priority,
    RoomInfo,
    fold,
    harmless,
    key_fingerprint,
    key_text,
)

from . import fields
from .client import Client
from .errors import ClientError, Rejected
from .known import Known
from .language import N_, _, told
from .model import Connected, Disconnected, Dismissed, Message, Page, Restored
from .read import RESTORED, gap_text, local_time
from .receipt import Awaited, Receipt
from .spans import ending

if TYPE_CHECKING:
    from .console.chosen import Chosen
    from .console.terminal import Terminal

Until: TypeAlias = tuple[Awaited, int]  # how far a message is to come, and to how many people


class Out:
    """Standard output in the form that was asked for: JSON objects, plain lines, or rich ones at a terminal."""

    def __init__(self, *, as_json: bool, rich: bool = False, choose: Callable[[], Chosen] | None = None) -> None:
        self.as_json = as_json
        self.terminal = sys.stdout is not None and sys.stdout.isatty()  # None: a shell's >&-
        self._rich = self.terminal or rich  # wanted so, wherever it goes
        self._choose = choose
        self._console: Terminal | None = None

    def object(self, fields: dict[str, Any]) -> None:
        """One JSON object on one line; at a terminal in ASCII alone, since JSON leaves some control characters be."""
        import json

        self.line(json.dumps(fields, ensure_ascii=self.terminal))

    def line(self, text: str) -> None:
        """One line, at once: whoever reads a pipe is waiting for it."""
        if sys.stdout is None:
            raise ClientError(_("Standard output is closed, so there is nowhere to write the answer."))
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    def accepted(self, seq: int, target: str, tracked: Receipt | None) -> None:
        """That something was accepted, and who has it if that was waited for; a script learns it from the exit code."""
        people: dict[str, Any] = {}
        if tracked is not None:
            people = {
                "delivered": sorted(tracked.delivered_to.values()),
                "read": sorted(tracked.read_by.values()),
            }
        if self.as_json:
            self.object({"seq": seq, **({"to": target} if target else {}), **people})
        elif self.terminal:
            told = [_("Accepted as number {seq}.").format(seq=seq)]
            for text, state in ((N_("Delivered: {nicks}."), "delivered"), (N_("Read: {nicks}."), "read")):
                if nicks := people.get(state):
                    told.append(_(text).format(nicks=harmless(", ".join(nicks))))
            self.line(" ".join(told))

    def pairs(self, found: Mapping[str, str]) -> None:
        """Names and their values: one object, or one a line."""
        if self.as_json:
            self.object(dict(found))
            return
        for name, value in found.items():
            self.line(f"{harmless(name):10} {harmless(value)}".rstrip())

    def invites(self, found: Iterable[InviteInfo]) -> None:
        """Which invites there are, one a line."""
        for one in found:
            if self.as_json:
                self.object(fields.invite(one))
            else:
                text = _("{number}  {left} × {role}  {end}  by {by}")
                end = _("no end") if one.until is None else ending(one.until)
                self.line(harmless(text.format(number=one.invite, left=one.left, role=one.role, end=end, by=one.by)))

    def deeds(self, found: Iterable[Deed]) -> None:
        """The audit trail, one deed a line."""
        for deed in found:
            if self.as_json:
                self.object(fields.deed(deed))
                continue
            at = local_time(deed.at)
            why = f"({deed.reason})" if deed.reason else ""
            ends = "" if deed.until is None else ending(deed.until)
            words = " ".join(filter(None, (deed.by, _(deed.what), told(deed.whom), told(deed.detail), ends, why)))
            self.line(f"{at:%Y-%m-%d %H:%M:%S} {harmless(words)}")

    def messages(self, items: Iterable[Message], me: str) -> None:
        """Messages, one a line."""
        for item in items:
            if self.as_json:
                self.object(item.as_json())
            elif self._rich:
                self.rich_message(item, me)
            else:
                self.line(plain(item))

    def rich_message(self, item: Message, me: str) -> None:
        """A message as the console shows it."""
        from .console import render

        if self._console is None:
            self._console = render.terminal(self._choose().looks if self._choose else None)
        self._console.print(render.message(item, me, datetime.now().date()))

    def table(self, rows: Sequence[tuple[str, ...]]) -> None:
        """Rows in aligned columns."""
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            self.line("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def plain(item: Message) -> str:
    """A message as one line of a log: the whole time, no colours, line breaks shown as ⏎."""
    start = f"{item.at:%Y-%m-%d %H:%M:%S} {harmless(item.target)} {harmless(item.sender)}"
    if item.kind == "announcement":
        title = f"{harmless(item.title)}: " if item.title else ""
        priority = harmless(item.priority) or "normal"
        start = _("{start} announces ({priority})").format(start=start, priority=priority)
        return f"{start}: {title}{harmless(item.body)}"
    return f"{start}: {harmless(item.body)}"


def read_stdin() -> str | None:
    """The text on standard input when that is a pipe or a file, else None without touching it.

    Raises MessageError for what is no UTF-8, and Rejected for more than a message holds, without reading on.
    """
    try:
        mode = os.fstat(0).st_mode
    except OSError:  # closed
        return None
    if not (stat.S_ISFIFO(mode) or stat.S_ISREG(mode) or stat.S_ISSOCK(mode)):
        return None
    with os.fdopen(0, "rb", closefd=False) as source:
        data = source.read(BODY_BYTES + 3)
    if len(data) > BODY_BYTES + 2 or len(text := data.rstrip(b"\r\n")) > BODY_BYTES:  # 2: the last line's end
        raise Rejected(Code.TOO_LONG, _("Standard input holds more than the 64 KiB of a message. Nothing was sent."))
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise MessageError(
            _("Standard input is not valid UTF-8 (byte {error}). Nothing was sent.").format(error=error.start + 1)
        ) from error


def announce(
    chat: Client, out: Out, text: str, *, title: str, priority: Priority, to: str, until: Until, timeout: float
) -> None:
    """Announce something and wait until it has come so far; raises TimeoutError."""
    _await(chat.announce(text, title=title, priority=priority, to=to), out, to, until, timeout)


def send(chat: Client, out: Out, target: str, text: str, *, until: Until, timeout: float) -> None:
    """Send a message and wait until it has come so far; raises TimeoutError."""
    _await(chat.send(target, text), out, target, until, timeout)


def _await(receipt: Receipt, out: Out, target: str, until: Until, timeout: float) -> None:
    state, by = until
    seq = receipt.wait(timeout, state=state, by=by)
    out.accepted(seq, target, receipt if state != "accepted" else None)


def who(chat: Client, out: Out, *, timeout: float) -> None:
    """Print who is online."""
    people = sorted(chat.who(timeout), key=lambda person: fold(person.nick))
    if out.as_json:
        for person in people:
            out.object(fields.person(person))
        return
    rows = [(_("NICK"), _("SINCE"), _("ROOMS"), "")]
    for person in people:
        since = local_time(person.since).strftime("%Y-%m-%d %H:%M")
        notes = [
            *([harmless(person.role)] if person.role != "guest" else []),
            *([_("away: {away}").format(away=harmless(person.away))] if person.away else []),
            *([_("connection lost")] if person.lost else []),
        ]
        rows.append((harmless(person.nick), since, harmless(" ".join(person.rooms)), ", ".join(notes)))
    out.table(rows)


def rooms(chat: Client, out: Out, *, timeout: float) -> None:
    """Print which rooms there are."""
    found: list[RoomInfo] = sorted(chat.list_rooms(timeout), key=lambda room: room.name)
    if out.as_json:
        for room in found:
            out.object(fields.room(room))
        return
    out.table(
        [("ROOM", "PEOPLE"), *((harmless(room.name), str(room.people)) for room in found)],
    )


def history(
    chat: Client,
    out: Out,
    target: str,
    *,
    limit: int,
    before: int | datetime | None,
    since: datetime | None,
    timeout: float,
) -> None:
    """Print the latest messages of a conversation, or of a stretch of it, oldest first."""
    page = chat.history(target, limit=limit, before=before, since=since, timeout=timeout)
    out.messages(page.messages, chat.nick)
    _tell_rest(page, limit)


def search(chat: Client, out: Out, query: str, *, limit: int, before: int | None, timeout: float) -> None:
    """Print the latest messages that fit, oldest first."""
    page = chat.search(query, limit=limit, before=before, timeout=timeout)
    out.messages(page.messages, chat.nick)
    _tell_rest(page, limit)


def _tell_rest(page: Page, limit: int) -> None:
    """Say why there are fewer messages than were asked for, unless that is simply all there is."""
    if len(page.messages) >= limit:
        return
    if page.cut:
        remark(_("What was said before is no longer kept."))
    elif page.before is not None:
        remark(_("That is not all: --before {before} looks further back.").format(before=page.before))


def tail(chat: Client, out: Out, targets: Sequence[str], *, connect: float, silence: float | None) -> None:
    """Print messages as they come, of these conversations or of all; raises TimeoutError after `silence` seconds."""
    chat.wait_connected(connect)
    me = fold(chat.nick)
    wanted = {fold(target) for target in targets}
    strange = [target for target in targets if target.startswith("#") and target not in chat.rooms]
    known = {room.name for room in chat.list_rooms(connect)} if strange else set()
    for target in strange:
        if target not in known:  # to join it would make it
            raise Rejected(
                Code.NO_SUCH_ROOM,
                _("There is no room {target}. Who joins it in a console makes it.").format(target=target),
            )
        chat.join(target).wait(connect)
    for item in chat.stream(silence):
        match item:
            case Message():
                if not wanted or wanted & _conversations(item, me):
                    out.messages([item], chat.nick)
                    if out.terminal and not wanted:  # to mark one as read says that all before it were shown
                        chat.mark_read(item)
            case Disconnected(why=why):
                remark(_("The broker is away: {why}").format(why=harmless(why)))
            case Connected(again=True):
                remark(_("The broker is back."))
            case Gap():
                remark(gap_text(item))
            case Restored():
                remark(_(RESTORED))
            case Dismissed(code=code, text=text):
                raise Rejected(code, text)
            case _:
                pass
    raise TimeoutError(
        _("Nothing came for {silence:g} s.").format(silence=silence)
        if silence is not None
        else _("The stream has ended.")
    )


def identity(out: Out, nick: str, key: bytes, then: str) -> None:
    """Print who somebody is, and for a person a remark."""
    fields = {"nick": nick, "fingerprint": key_fingerprint(key), "key": key_text(key)}
    if out.as_json:
        out.object(fields)
        return
    out.table([(name, harmless(value)) for name, value in fields.items()])
    if then:
        out.line(harmless(then))


def trusted(out: Out, endpoint: str, key: bytes, before: Known | None) -> None:
    """Print by which key a broker is known from now on, and by which it was before, if that was another one."""
    now = key_fingerprint(key)
    changed = before if before is not None and before.fingerprint != now else None
    if out.as_json:
        out.object({"broker": endpoint, "fingerprint": now, "before": changed.fingerprint if changed else None})
        return
    text = _("The broker at {endpoint} is known by the fingerprint {now} from now on.")
    if changed:
        text += " " + _("It was {fingerprint} since {date}.")
    then = {"fingerprint": changed.fingerprint, "date": changed.date} if changed else {}
    out.line(text.format(endpoint=harmless(endpoint), now=now, **then))


def _conversations(item: Message, me: str) -> set[str]:
    """What one may call the conversation of a message: a direct one by the other person, or by oneself."""
    if not item.target.startswith("@"):
        return {item.target}
    return {fold(item.target), f"@{fold(item.sender)}"} if fold(item.target) == f"@{me}" else {fold(item.target)}


def remark(text: str) -> None:
    """Say something beside the output, on standard error."""
    if sys.stderr is not None:
        sys.stderr.write(f"confab: {harmless(text)}\n")
