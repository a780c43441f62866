"""How everything looks: pure functions from public items to rich renderables. Knows no client and no terminal.

All text from elsewhere passes through messages.harmless and rich.text.Text, which reads no markup; nothing here builds
a markup string.
"""

from __future__ import annotations

from datetime import date, datetime
from string import Formatter

from rich import box
from rich.console import RenderableType
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from messages import EVERYONE, Presence, RoomChange, fold, harmless

from ..language import N_, _
from ..model import ClientEvent, Message
from . import words
from .layout import Body, Indented, Line, Narrowed
from .looks import Looks, nick_style
from .shown import calls, conversation
from .terminal import Terminal

PLACE_CELLS = 9  # '#general' and a space: lines of the room in which everyone starts stand flush
NICK_CELLS = 8

_HEADINGS = {"normal": N_("ANNOUNCEMENT"), "high": N_("IMPORTANT ANNOUNCEMENT"), "urgent": N_("URGENT ANNOUNCEMENT")}
_BORDERS = {"low": "low", "high": "high", "urgent": "urgent"}


def terminal(looks: Looks | None = None, *, force_terminal: bool | None = None) -> Terminal:
    """A console with these looks; `force_terminal` None: find out whether standard output is a terminal."""
    return Terminal(looks or Looks(), force_terminal=force_terminal)


def nick_text(nick: str) -> Text:
    """A nick in its colour: the same nick looks the same everywhere and always."""
    return Text(harmless(nick), style=nick_style(nick))


def place_text(target: str) -> Text:
    """A conversation as it is written in commands."""
    if target == EVERYONE:
        return Text(_("everyone"), style="everyone")
    return Text(harmless(target), style="direct" if target.startswith("@") else "room")


def clock(at: datetime, today: date) -> Text:
    """The time, with the day when it is not today."""
    return Text(at.strftime("%H:%M" if at.date() == today else "%Y-%m-%d %H:%M"), style="time")


def message(item: Message, me: str, today: date, *, numbered: bool = False, continued: bool = False) -> RenderableType:
    """A message as a line, an announcement as a panel; `numbered` with the number that /delete takes.

    `continued`: on a terminal its head is left out, since the message above has the same.
    """
    if item.kind == "announcement" and item.priority != "low":
        return announcement(item, me, today, numbered=numbered)
    return Line(
        (
            (clock(item.at, today), 6),
            (place_text(conversation(item, me)), PLACE_CELLS),
            (_sender(item, me), NICK_CELLS),
        ),
        Body(f"{item.title}: {item.body}" if item.title else item.body, _note(item, numbered=numbered)),
        continued,
    )


def _note(item: Message, *, numbered: bool) -> str:
    """What stands behind a message: that it was announced, and its number."""
    return "  ".join([_("announcement")] * (item.kind == "announcement") + [f"№{item.seq}"] * numbered)


def _sender(item: Message, me: str) -> Text:
    """Who wrote it; marked when somebody else calls me by name."""
    nick = nick_text(item.sender)
    if calls(item, me):
        nick.stylize("mention")
    return nick


def announcement(item: Message, me: str, today: date, *, numbered: bool = False) -> RenderableType:
    """A panel nobody overlooks; its border says how urgent it is."""
    style = _BORDERS.get(item.priority, "normal")
    title = Text(_(_HEADINGS.get(item.priority, _HEADINGS["normal"])))
    if item.title:
        title.append(f": {harmless(item.title)}")
    title.stylize(style)
    title.stylize("reverse" if item.priority == "urgent" else "bold")
    number = [(f", №{item.seq}", "faint")] if numbered else []
    when = Text.assemble(clock(item.at, today), *number)
    foot = filled(_("{nick} to {whom}, {time}"), nick=nick_text(item.sender), whom=_audience(item, me), time=when)
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
    return Text(_("you"), style="direct") if fold(item.target) == f"@{fold(me)}" else place_text(item.target)


def around(event: ClientEvent, text: str) -> Text:
    """What goes on around the messages, in words which begin with whom it is about."""
    sentence = Text(harmless(text))
    if isinstance(event, Presence | RoomChange):
        sentence.stylize("strong", 0, len(harmless(event.nick)))
    return sentence


def quiet(text: Text | str, at: datetime, today: date) -> Line:
    """What goes on around the messages: dim, so that they stand out."""
    body = _sentence(text).copy()
    body.stylize_before("around")
    return Line(((clock(at, today), 6), (Text("·", style="around"), 2)), body)


def filled(text: str, /, **parts: Text) -> Text:
    """A text with its places filled, each in its own looks."""
    whole = Text()
    for words_before, place, _spec, _conversion in Formatter().parse(text):
        whole.append(words_before)
        if place:
            whole.append_text(parts[place])
    return whole


def notice(text: Text | str, style: str = "strong") -> Line:
    """A sentence from confab itself."""
    return Line(((Text("●", style="notice"), 2),), _sentence(text, style))


def warning(text: Text | str) -> Line:
    """A sentence that asks for attention: something is wrong, though nothing is lost."""
    return Line(((Text("▲", style="warning"), 2),), _sentence(text))


def refusal(text: Text | str) -> Line:
    """Something did not happen, and why."""
    return Line(((Text("✗", style="refusal"), 2),), _sentence(text))


def _sentence(text: Text | str, style: str = "") -> Text:
    """A sentence, which may name what came from elsewhere; of a Text each part was made harmless before."""
    return Text(harmless(text), style=style) if isinstance(text, str) else text


def hint(*rows: tuple[str, str]) -> RenderableType:
    """What to type, and what it does."""
    table = Table.grid(padding=(0, 3, 0, 0))
    for typed, does in rows:
        table.add_row(Text(typed, style="strong"), Text(harmless(does), style="faint"))
    return Indented(table)


def unbroken(text: str) -> RenderableType:
    """A text on one line of its own, so that it can be copied whole."""
    return Text(f"  {harmless(text)}", style="code", no_wrap=True, overflow="ignore")


def waiting(to: str, body: str) -> Text:
    """A text of mine that is not accepted yet, and for whom it is."""
    return filled(
        _("Waiting for the broker: {text} (to {place})"), text=Text(words.excerpt(body)), place=place_text(to)
    )


def turned(target: str) -> Line:
    """A line that says where plain text goes from now on."""
    return notice(filled(_("You are talking to {target}."), target=place_text(target)))


def rule(title: str) -> RenderableType:
    """A line across, where a stretch of history begins or ends."""
    return Narrowed(Rule(Text(harmless(title), style="faint"), style="faint", align="left"))
