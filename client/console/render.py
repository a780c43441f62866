"""How everything looks: pure functions from public items to rich renderables. Knows no client and no terminal.

All text from elsewhere passes through messages.harmless and rich.text.Text, which reads no markup; nothing here builds
a markup string.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime

from rich import box
from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.control import Control
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from messages import EVERYONE, Person, Presence, RoomChange, RoomInfo, fold, harmless

from ..model import Message
from ..receipt import Receipt
from .layout import Body, Indented, Line, Narrowed
from .palette import ORANGE, ORCHID, TEAL, nick_color

PLACE_CELLS = 9  # '#general' and a space: lines of the room in which everyone starts stand flush
NICK_CELLS = 8
NAMED = 8  # people named in one line; the others are counted

_HEADINGS = {"high": "IMPORTANT ANNOUNCEMENT", "urgent": "URGENT ANNOUNCEMENT"}
_BORDERS = {"low": "blue", "normal": "cyan", "high": "bold yellow", "urgent": "bold red"}


def terminal(*, force_terminal: bool | None = None) -> Console:
    """A rich console that takes everything literally; None: find out whether standard output is a terminal."""
    return Console(
        markup=False, emoji=False, highlight=False, force_terminal=force_terminal, legacy_windows=False, safe_box=True
    )


def nick_text(nick: str) -> Text:
    """A nick in its colour: the same nick looks the same everywhere and always."""
    return Text(harmless(nick), style=f"bold {nick_color(nick)}")


def place_text(target: str) -> Text:
    """A conversation as it is written in commands."""
    if target == EVERYONE:
        return Text("everyone", style=ORANGE)
    return Text(harmless(target), style=ORCHID if target.startswith("@") else TEAL)


def clock(at: datetime, today: date) -> Text:
    """The time, with the day when it is not today."""
    return Text(at.strftime("%H:%M" if at.date() == today else "%Y-%m-%d %H:%M"), style="dim")


def conversation(message: Message, me: str) -> str:
    """Where a message belongs, as `me` would address it: a direct message belongs to the other person."""
    if message.target.startswith("@") and fold(message.target[1:]) == fold(me):
        return f"@{message.sender}"
    return message.target


def message(item: Message, me: str, today: date, *, numbered: bool = False, continued: bool = False) -> RenderableType:
    """A message as a line, an announcement as a panel; `numbered` with the number that /delete takes.

    `continued`: on a terminal its head is left out, since the message above has the same.
    """
    if item.kind == "announcement":
        return announcement(item, me, today)
    return Line(
        (
            (clock(item.at, today), 6),
            (place_text(conversation(item, me)), PLACE_CELLS),
            (_sender(item, me), NICK_CELLS),
        ),
        Body(item.body, f"№{item.seq}" if numbered else ""),
        continued,
    )


def _sender(item: Message, me: str) -> Text:
    """Who wrote it; marked when somebody else calls me by name."""
    nick = nick_text(item.sender)
    if calls(item, me):
        nick.stylize("reverse")
    return nick


def calls(item: Message, me: str) -> bool:
    """Whether somebody else calls me by name."""
    return not item.own and bool(re.search(rf"(?<![\w.-]){re.escape(me)}(?![\w-])", item.body, re.IGNORECASE))


def announcement(item: Message, me: str, today: date) -> RenderableType:
    """A panel nobody overlooks; its border says how urgent it is."""
    style = _BORDERS.get(item.priority, "cyan")
    title = Text(_HEADINGS.get(item.priority, "ANNOUNCEMENT"))
    if item.title:
        title.append(f": {harmless(item.title)}")
    title.stylize(f"{style} reverse" if item.priority == "urgent" else f"{style} bold")
    foot = Text.assemble(nick_text(item.sender), " to ", _audience(item, me), ", ", clock(item.at, today))
    return Narrowed(
        Panel(
            Body(item.body),
            title=title,
            title_align="left",
            subtitle=foot,
            subtitle_align="right",
            border_style=style,
            box=box.DOUBLE if item.priority == "urgent" else box.HEAVY,
            padding=(0, 1),
        )
    )


def _audience(item: Message, me: str) -> Text:
    return Text("you", style=ORCHID) if fold(item.target) == f"@{fold(me)}" else place_text(item.target)


def presence(item: Presence) -> Text:
    """Who came or went, in words."""
    nick, text = Text(harmless(item.nick), style="bold"), harmless(item.text)
    because = f": {text}" if text else ""
    match item.what:
        case "joined":
            words = " is here"
        case "left":
            words = f" left{because}"
        case "lost":
            words = " lost the connection" + because
        case "back":
            words = " is back"
        case "renamed":
            words = f" is now {text}"
        case "away":
            words = f" is away{because}"
        case "here":
            words = " is here again"
    return Text.assemble(nick, words)


def room_change(item: RoomChange) -> Text:
    """Who entered or left a room, in words."""
    words = " entered " if item.joined else " left "
    return Text.assemble((harmless(item.nick), "bold"), words, harmless(item.room))


def quiet(text: Text | str, at: datetime, today: date) -> Line:
    """What goes on around the messages: dim, so that they stand out."""
    body = _sentence(text).copy()
    body.stylize("dim")
    return Line(((clock(at, today), 6), (Text("·", style="dim"), 2)), body)


def notice(text: Text | str, style: str = "bold") -> Line:
    """A sentence from confab itself."""
    return Line(((Text("●", style="cyan"), 2),), _sentence(text, style))


def warning(text: Text | str) -> Line:
    """A sentence that asks for attention: something is wrong, though nothing is lost."""
    return Line(((Text("▲", style="bold yellow"), 2),), _sentence(text))


def refusal(text: Text | str) -> Line:
    """Something did not happen, and why."""
    return Line(((Text("✗", style="bold red"), 2),), _sentence(text))


def _sentence(text: Text | str, style: str = "") -> Text:
    """A sentence, which may name what came from elsewhere; of a Text each part was made harmless before."""
    return Text(harmless(text), style=style) if isinstance(text, str) else text


def hint(*rows: tuple[str, str]) -> RenderableType:
    """What to type, and what it does."""
    table = Table.grid(padding=(0, 3, 0, 0))
    for typed, does in rows:
        table.add_row(Text(typed, style="bold"), Text(harmless(does), style="dim"))
    return Indented(table)


def unbroken(text: str) -> RenderableType:
    """A text on one line of its own, so that it can be copied whole."""
    return Text(f"  {harmless(text)}", style="cyan", no_wrap=True, overflow="ignore")


def nothing() -> RenderableType:
    """What leaves no trace, and yet has the input line drawn anew."""
    return Control()


def progress(receipt: Receipt, *, short: bool = False) -> str:
    """How far a direct message or an announcement of mine has come, in words."""
    to = harmless(getattr(receipt.command, "to", ""))
    state, read, delivered = receipt.state, receipt.read_by, receipt.delivered_to
    if to.startswith("@"):
        return f"{to}: {state}" if short else state
    if not delivered:
        return f"announcement: {state}" if short else state
    if short:
        return f"announcement: delivered to {len(delivered)}, read by {len(read)}"
    readers, others = sorted(read.values()), sorted(nick for one, nick in delivered.items() if one not in read)
    told = [f"read by {_names(readers)}"] * bool(read) + [f"delivered to {_names(others)}"] * bool(others)
    return ", ".join(told)


def _names(nicks: Sequence[str]) -> str:
    more = f" and {len(nicks) - NAMED:,} more" if len(nicks) > NAMED else ""
    return ", ".join(map(harmless, nicks[:NAMED])) + more


def waiting(to: str, body: str) -> Text:
    """A text of mine that is not accepted yet, and for whom it is."""
    return Text.assemble("Waiting for the broker: ", excerpt(body), " (to ", place_text(to), ")")


def receipts(sent: Iterable[Receipt]) -> RenderableType:
    """How far my last messages have come."""
    table = make_table("to", "message", "state")
    for receipt in sent:
        to, body = getattr(receipt.command, "to", ""), getattr(receipt.command, "body", "")
        table.add_row(place_text(to), Text(excerpt(body, 30)), Text(progress(receipt)))
    return Indented(table)


def turned(target: str) -> Line:
    """A line that says where plain text goes from now on."""
    return notice(Text.assemble("You are talking to ", place_text(target), "."))


def rule(title: str) -> RenderableType:
    """A line across, where a stretch of history begins or ends."""
    return Narrowed(Rule(Text(harmless(title), style="dim"), style="dim", align="left"))


def excerpt(text: str, cells: int = 60) -> str:
    """The start of a text in one harmless line, cut where it gets long."""
    line = harmless(text[: 2 * cells])
    if cell_len(line) <= cells and len(text) <= 2 * cells:
        return line
    return f"{line[:cells].rstrip()}…"


def roster(people: Iterable[Person], me: str, today: date) -> RenderableType:
    """Who is online, since when, in which rooms."""
    table = make_table("nick", "since", "rooms", "")
    for person in sorted(people, key=lambda one: fold(one.nick)):
        nick = nick_text(person.nick)
        if fold(person.nick) == fold(me):
            nick.append(" (you)", style="not bold dim")
        state = Text(harmless(person.role) if person.role != "guest" else "", style="yellow")
        if person.away:
            state.append(f"{', ' if state.plain else ''}away: {harmless(person.away)}", style="dim")
        if person.lost:
            state.append(f"{', ' if state.plain else ''}connection lost", style="red")
        since = datetime.fromtimestamp(person.since / 1000).astimezone()
        table.add_row(nick, clock(since, today), Text(" ".join(map(harmless, person.rooms)), style="cyan"), state)
    return Indented(table)


def room_list(rooms: Iterable[RoomInfo]) -> RenderableType:
    """Which rooms there are."""
    table = make_table("room", "people", "topic", "")
    for room in sorted(rooms, key=lambda one: one.name):
        notes = ["private"] * room.private + ["you are in it"] * room.joined
        table.add_row(
            place_text(room.name), str(room.people), Text(harmless(room.topic)), Text(", ".join(notes), style="dim")
        )
    return Indented(table)


def help_table(rows: Iterable[tuple[str, str, str]]) -> RenderableType:
    """Every command: how it is typed, what else it is called, what it does."""
    table = make_table("command", "or", "what it does")
    for usage, others, text in rows:
        table.add_row(Text(usage, style="bold"), Text(others, style="dim"), Text(text))
    return Indented(table)


def make_table(*columns: str) -> Table:
    """An empty table in the console's looks."""
    table = Table(
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        show_edge=False,
        header_style="dim",
        border_style="dim",
        padding=(0, 2, 0, 0),
    )
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
