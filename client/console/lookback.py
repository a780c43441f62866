"""What the commands do that show what was said before: history, page by page, and what a search finds."""

from __future__ import annotations

from messages import HISTORY_PAGE, fold

from ..language import _
from ..model import Page
from . import words
from .shown import Refusal, Stretch, conversation
from .talk import Talk

AT_ONCE = 20  # messages, unless a number is given
PLACED = 2_000  # numbers on the screen whose conversation is still known


def history(talk: Talk, arguments: list[str]) -> None:
    """Show the latest messages of the current conversation; again, those before them; or those around a number."""
    match fold(arguments[0]).split() if arguments else []:
        case ["around", number] if (seq := _number(number)) is not None:
            _around(talk, seq)
        case [count] if (limit := _number(count)) is not None and limit <= HISTORY_PAGE:
            _back(talk, limit, None)
        case [] if talk.place is not None:
            _back(talk, *talk.place)
        case []:
            _back(talk, AT_ONCE, None)
        case _:
            text = _("/history takes how many messages to show, 1 to {most}; or around, and a message's number.")
            talk.show(Refusal(text.format(most=HISTORY_PAGE)))


def _back(talk: Talk, limit: int, before: int | None) -> None:
    where = talk.current
    talk.answers.ask(
        lambda: talk.chat.history(where, limit=limit, before=before), lambda page: _shown(talk, where, limit, page)
    )


def _around(talk: Talk, seq: int) -> None:
    where = talk.placed.get(seq, talk.current)

    def shown(page: Page) -> None:
        if page.messages:
            _shown(talk, where, AT_ONCE, page)
        if all(message.seq != seq for message in page.messages):
            text = _("There is no message {number} in {where} that could be shown.")
            talk.show(Refusal(text.format(number=seq, where=words.place(where))))

    talk.answers.ask(lambda: talk.chat.around(where, seq), shown)


def _shown(talk: Talk, where: str, limit: int, page: Page) -> None:
    if fold(where) == fold(talk.current):
        talk.place = None if page.before is None else (limit, page.before)
    _place(talk, page)
    talk.show(Stretch(where, page, talk.chat.nick, talk.now().date()))


def search(talk: Talk, arguments: list[str]) -> None:
    """Show the latest messages with these words."""

    def shown(page: Page) -> None:
        _place(talk, page)
        talk.show(Stretch(arguments[0], page, talk.chat.nick, talk.now().date(), found=True))

    talk.answers.ask(lambda: talk.chat.search(arguments[0], limit=AT_ONCE), shown)


def _place(talk: Talk, page: Page) -> None:
    """Remember in which conversation each was said: their numbers stay on the screen when one turns to another."""
    talk.placed.update((item.seq, conversation(item, talk.chat.nick)) for item in page.messages)
    while len(talk.placed) > PLACED:
        del talk.placed[next(iter(talk.placed))]


def _number(text: str) -> int | None:
    """A whole number above 0, with or without the sign that stands before it on the screen."""
    digits = text.lstrip("#№")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 16 and int(digits) else None
