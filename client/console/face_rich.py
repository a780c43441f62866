"""The rich face: what is shown, as rich renderables for a terminal that can do everything.

How each looks stands in render.py and tables.py; here stands which look belongs to what.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import assert_never

from rich.console import RenderableType
from rich.control import Control
from rich.text import Text

from ..language import _
from ..model import Composing, Reached
from . import alarm, render, shown, status, tables, words
from .chosen import Chosen
from .flow import page
from .layout import Unseen
from .terminal import Terminal


class RichFace:
    """Draws on a rich console; `width` tells how wide that is by now, `chosen` which looks it is to have."""

    def __init__(self, console: Terminal, width: Callable[[], int] | None = None, chosen: Chosen | None = None) -> None:
        self._console = console
        self._width = width
        self._chosen = chosen

    def __call__(self, things: Iterable[shown.Shown]) -> str | None:
        """What a terminal is to be sent for these; "" draws the input line anew, None does not even that."""
        if not (drawn := [look for thing in things for look in looks(thing)]):
            return None
        if self._width:
            self._console.width = max(self._width(), 20)
        if self._chosen:
            self._console.wear(self._chosen.looks)
        with self._console.capture() as captured:
            for look in drawn:
                self._console.print(look)
        return captured.get()


def looks(thing: shown.Shown) -> Iterator[RenderableType]:
    """How a thing looks: renderables, each on its own lines."""
    match thing:
        case shown.Said(message=message, me=me, today=today, numbered=numbered, continued=continued):
            yield render.message(message, me, today, numbered=numbered, continued=continued)
        case shown.Day(day=day):
            yield render.rule(words.day(day))
        case shown.Absence():
            yield render.rule(_("while you were away"))
        case shown.Present(missed=missed):
            yield render.rule(words.now(missed))
        case shown.Stretch():
            yield from _stretch(thing)
        case shown.Ring(how=how, title=title, text=text):
            yield Unseen(alarm.sequence(how, title, text))
        case shown.Overview():
            yield render.notice(status.sentences(thing), "")
        case shown.Notice(text=text) | shown.Done(text=text):
            yield render.notice(text, "")
        case shown.Accepted():
            return  # what became of it is seen
        case shown.Bye():
            yield render.notice(_("Bye."), "strong")
        case shown.Caution(text=text):
            yield render.warning(text)
        case shown.Refusal(text=text, line=line):
            yield render.refusal(words.refusal(text, line))
        case shown.Unsent(kept=kept):
            yield (render.warning if kept else render.refusal)(words.unsent(thing))
        case shown.Aside(text=text, at=at):
            yield render.quiet(text, at, at.date())
        case shown.Waiting(to=to, body=body, at=at):
            yield render.quiet(render.waiting(to, body), at, at.date())
        case shown.Happened():
            yield from _happened(thing)
        case shown.Greeting():
            yield from _greeting(thing)
        case shown.Turned(target=target):
            yield render.turned(target)
        case shown.Help():
            yield tables.help_table(thing)
        case shown.Roster():
            yield tables.roster(thing)
        case shown.RoomList():
            yield tables.room_list(thing)
        case shown.Receipts(sent=sent):
            yield tables.receipts(thing) if sent else render.notice(_(words.NOTHING_SENT), "")
        case shown.Sharing(on=on):
            yield render.notice(_(words.SHARING[on]), "")
        case shown.Topic():
            yield render.notice(words.topic(thing), "")
        case shown.Rules():
            yield tables.rules(thing)
        case shown.Invitation(invite=invite):
            yield render.notice(words.invitation(thing), "")
            yield render.unbroken(invite)
        case shown.Invites():
            yield tables.invites(thing)
        case shown.Trail():
            yield tables.trail(thing)
        case shown.SettingList():
            yield tables.setting_list(thing)
        case shown.KeyList():
            yield tables.key_list(thing)
        case _:
            assert_never(thing)


def _happened(thing: shown.Happened) -> Iterator[RenderableType]:
    match thing.tone:
        case "notice":
            yield render.notice(thing.text, "")
        case "warning":
            yield render.warning(thing.text)
        case "refusal":
            yield render.refusal(thing.text)
        case "around":
            yield render.quiet(render.around(thing.event, thing.text), thing.at, thing.at.date())
        case "status":
            if isinstance(thing.event, Reached | Composing):
                yield Control()  # leaves no trace, and yet has the input line and what is below drawn anew


def _stretch(thing: shown.Stretch) -> Iterator[RenderableType]:
    if not thing.page.messages:
        yield render.notice(words.nothing(thing), "")
        return
    yield render.rule(words.heading(thing))
    for item in page(thing.page.messages, thing.me, thing.today):
        yield from looks(item)
    yield render.rule(_("now"))


def _greeting(thing: shown.Greeting) -> Iterator[RenderableType]:
    yield render.notice(words.greeting(thing), "strong")
    yield tables.roster(thing.roster)
    yield Text()
    yield render.hint(*words.hints(thing.target))
