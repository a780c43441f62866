"""What the commands about unread messages, urgent ones and what may ring do: one function a command."""

from __future__ import annotations

from math import inf
from typing import get_args

from messages import MessageError, fold

from ..errors import ClientError
from ..language import N_, _, plural
from ..settings import Alarm, Level
from ..spans import read_span, span_text
from ..targets import read_target
from .shown import Refusal
from .talk import Talk
from .words import place

LEVELS: dict[str, str] = {
    "all": N_("all messages ring"),
    "mentions": N_("mentions ring"),
    "mute": N_("nothing rings but what is urgent"),
}
NOTIFY_USAGE = N_("It goes like this: /notify [TARGET] all|mentions|mute, or /notify bell|osc9|osc777|none")
DND_USAGE = N_("It goes like this: /dnd, /dnd for 1h or /dnd off")


def next_unread(talk: Talk, arguments: list[str]) -> None:
    """Turn to the next conversation with something unread, mentions first."""
    unread = talk.attention.unread
    if unread:
        talk.turn_to(unread[0].where)
    else:
        talk.tell(_("Nothing is unread elsewhere."))


def status(talk: Talk, arguments: list[str]) -> None:
    """Tell how things stand."""
    talk.show(talk.overview)


def acknowledge(talk: Talk, arguments: list[str]) -> None:
    """Be done with the urgent announcements that stay on the screen."""
    done = talk.attention.acknowledge()
    if not done:
        talk.tell(_("There is no urgent announcement to acknowledge."))
        return
    text = plural("{count} urgent announcement is acknowledged.", "{count} urgent announcements are.", len(done))
    talk.done("/ack", text.format(count=len(done)))


def notify(talk: Talk, arguments: list[str]) -> None:
    """Tell what rings; choose it for a conversation, or choose how."""
    words = arguments[0].split() if arguments else []
    match [fold(word) for word in words]:
        case []:
            talk.done("/notify", _what_rings(talk))
        case [how] if how in get_args(Alarm):
            _keep(talk, "notify", how)
        case [*_named, level] if level in get_args(Level) and len(words) < 3:
            try:
                where = read_target(words[0]) if len(words) == 2 else talk.current
            except MessageError as error:
                talk.refuse(error)
                return
            _keep(talk, f"conversations.{fold(where)}", level)
            if level == "mute":
                talk.attention.turned(where)
        case _:
            talk.show(Refusal(_(NOTIFY_USAGE)))


def _keep(talk: Talk, name: str, value: str) -> None:
    """Change a setting, for later runs too."""
    try:
        talk.chosen.change(name, value)
    except ClientError as error:
        talk.refuse(error)
    else:
        talk.done("/notify", _what_rings(talk))


def _what_rings(talk: Talk) -> str:
    settings = talk.chosen.settings
    told = [_("Here ({place}) {what}.").format(place=place(talk.current), what=_level(talk, talk.current))]
    told += [
        f"{place(where)}: {_(LEVELS[level])}."
        for where, level in settings.conversations.items()
        if fold(where) != fold(talk.current)
    ]
    if settings.keywords:
        told.append(_("These ring like your nick: {words}.").format(words=", ".join(settings.keywords)))
    told.append(_("It rings by: {how}.").format(how=settings.notify))
    return " ".join(told)


def _level(talk: Talk, where: str) -> str:
    return _(LEVELS[talk.attention.level(where)])


def do_not_disturb(talk: Talk, arguments: list[str]) -> None:
    """Have nothing ring, for a while or until it is ended."""
    match [fold(word) for word in arguments[0].split()] if arguments else []:
        case []:
            talk.attention.quiet_until = inf
            talk.done("/dnd", _("Nothing rings but what is urgent. /dnd off ends that."))
        case ["off"]:
            talk.attention.quiet_until = 0.0
            talk.done("/dnd", _("It rings again."))
        case ["for", span] | [span] if (seconds := read_span(span)) is not None:
            talk.attention.quiet_until = talk.clock() + seconds
            text = _("Nothing rings for {time} but what is urgent. /dnd off ends that.")
            talk.done("/dnd", text.format(time=span_text(seconds)))
        case _:
            talk.show(Refusal(_(DND_USAGE)))
