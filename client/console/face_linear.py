"""The linear face: what is shown, as sentences one below the other, for screen readers, logs and plain terminals.

Nothing is drawn anew, nothing is aligned, nothing depends on colour or on a glance: who speaks comes first, on every
line, so that no text can pass for somebody else's. Where a line breaks is left to the terminal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import assert_never

from messages import EVERYONE, fold, harmless

from ..language import _
from ..model import Message
from . import alarm, sayings, shown, status, words
from .chosen import Chosen
from .flow import page


class LinearFace:
    """Draws on anything that takes lines; `terminal`: it has a bell. `chosen` tells how emoji are to be written."""

    def __init__(self, *, terminal: bool, chosen: Chosen | None = None) -> None:
        self._terminal = terminal
        self._chosen = chosen or Chosen()

    def __call__(self, things: Iterable[shown.Shown]) -> str | None:
        """What is to be written for these; None: nothing."""
        return "".join(self._draw(thing) for thing in things) or None

    def _draw(self, thing: shown.Shown) -> str:
        if isinstance(thing, shown.Ring):
            return alarm.sequence(thing.how, thing.title, thing.text) if self._terminal else ""
        body = self._chosen.looks.body
        return "".join(f"{harmless(body(line))}\n" for line in sentences(thing))


def sentences(thing: shown.Shown) -> Iterator[str]:
    """What is said of a thing, a line each; to be made harmless."""
    match thing:
        case shown.Said():
            yield from _said(thing)
        case shown.Day(day=day):
            yield f"{words.day(day)}."
        case shown.Absence():
            yield _notice(_("While you were away:"))
        case shown.Present(missed=missed):
            yield _notice(f"{_begun(words.now(missed))}.")
        case shown.Stretch():
            yield from _stretch(thing)
        case shown.Ring():
            return  # an announcement that rings says in words how urgent it is
        case shown.Notice(text=text) | shown.Done(text=text):
            yield _notice(text)
        case shown.Accepted():
            return  # what became of it is told
        case shown.Bye():
            yield _notice(_("Bye."))
        case shown.Caution(text=text):
            yield _warning(text)
        case shown.Refusal(text=text, line=line):
            yield _refusal(words.refusal(text, line))
        case shown.Unsent(kept=kept):
            yield (_warning if kept else _refusal)(words.unsent(thing))
        case shown.Aside(text=text):
            yield _notice(text)
        case shown.Waiting(to=to, body=body):
            yield _notice(
                _("Waiting for the broker, to {place}: {text}").format(place=words.place(to), text=words.excerpt(body))
            )
        case shown.Happened():
            yield from _happened(thing)
        case shown.Greeting():
            yield _notice(words.greeting(thing))
            yield from sentences(thing.roster)
            for typed, does in words.hints(thing.target):
                yield f"{typed}: {does}."
        case shown.Overview():
            yield _notice(status.sentences(thing))
        case shown.Turned(target=target):
            yield _notice(words.turned(target))
        case shown.Help(rows=rows):
            yield from map(sayings.command, rows)
        case shown.Roster(people=people, me=me, today=today):
            yield from (sayings.person(one, me, today) for one in people)
        case shown.RoomList(rooms=rooms):
            yield from map(sayings.room, rooms)
        case shown.Receipts(sent=sent):
            yield from map(sayings.sent, sent)
            if not sent:
                yield _notice(_(words.NOTHING_SENT))
        case shown.Sharing(on=on):
            yield _notice(_(words.SHARING[on]))
        case shown.Topic():
            yield _notice(words.topic(thing))
        case shown.Rules(where=where, rules=rules):
            yield from (sayings.rule(where, name, value) for name, value in rules)
        case shown.Invitation(invite=invite):
            yield _notice(words.invitation(thing))
            yield invite
        case shown.Invites(invites=invites, now=now):
            yield from (sayings.invite(one, now) for one in invites)
            if not invites:
                yield _notice(_("There is no invite."))
        case shown.Trail(deeds=deeds, today=today):
            yield from (sayings.deed(one, today) for one in deeds)
            if not deeds:
                yield _notice(_("Nobody did anything yet."))
        case shown.SettingList(settings=settings):
            yield from map(sayings.setting, settings)
        case shown.KeyList(keys=keys):
            yield from (f"{pressed}: {text}" for pressed, _name, text in keys)
        case _:
            assert_never(thing)


# --- messages ------------------------------------------------------------------------------------------------------


def _said(thing: shown.Said) -> Iterator[str]:
    """Who, where, when unless it goes on; each further line says again who."""
    item = thing.message
    first, *further = harmless(item.body, lines=True).split("\n")
    title = f"{item.title}: " if item.title else ""
    number = _(", number {number}").format(number=item.seq) if thing.numbered else ""
    time = "" if thing.continued else _(" at {time}").format(time=sayings.clock(item.at, thing.today))
    yield f"{_head(item, thing.me)}{time}{number}: {title}{first}"
    goes_on = _("you continue") if item.own else _("{nick} continues").format(nick=item.sender)
    for line in further:
        yield f"{goes_on}: {line}".rstrip()


def _head(item: Message, me: str) -> str:
    to_me = fold(item.target) == f"@{fold(me)}"
    if item.kind == "announcement":
        priority = f", {item.priority}," if item.priority not in ("", "normal") else ""
        whom = "" if item.target == EVERYONE else _(" to {place}").format(place=item.target)
        whom = _(" to you") if to_me else whom
        return _("Announcement{priority} by {nick}{whom}").format(priority=priority, nick=item.sender, whom=whom)
    who = _("you") if item.own else item.sender
    if shown.calls(item, me):
        who = _("{nick} mentions you").format(nick=who)
        if to_me:
            return who
    if item.target.startswith("#"):
        return _("{who} in {room}").format(who=who, room=item.target)
    if to_me:
        return _("{who} to you").format(who=who)
    return _("{who} to {whom}").format(who=who, whom=words.place(item.target).removeprefix("@"))


def _stretch(thing: shown.Stretch) -> Iterator[str]:
    if not thing.page.messages:
        yield _notice(words.nothing(thing))
        return
    yield _notice(f"{_begun(words.heading(thing))}:")
    for item in page(thing.page.messages, thing.me, thing.today):
        yield from sentences(item)
    yield _notice(_("That was the last of these."))


# --- sentences -----------------------------------------------------------------------------------------------------


def _begun(text: str) -> str:
    return text[:1].upper() + text[1:]


def _notice(text: str) -> str:
    return f"confab: {text}"


def _warning(text: str) -> str:
    return _("Warning: {text}").format(text=text)


def _refusal(text: str) -> str:
    return _("Error: {text}").format(text=text)


def _happened(thing: shown.Happened) -> Iterator[str]:
    match thing.tone:
        case "warning":
            yield _warning(thing.text)
        case "refusal":
            yield _refusal(thing.text)
        case "around":
            yield thing.text if thing.text.endswith(".") else f"{thing.text}."
        case "notice" | "status":
            if thing.text:
                yield _notice(thing.text)
