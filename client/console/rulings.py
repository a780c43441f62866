"""What is told of roles, rules and deeds: sentences, the same in every face. words.py has the others."""

from __future__ import annotations

from messages import EVERYONE, Deleted, Moderated, Ruled, harmless

from ..language import _
from ..model import Slowed
from ..spans import lasting, span_text
from .words import by_whom


def ruled(event: Ruled) -> str:
    """A rule has another value."""
    where, value, by, span = event.where, harmless(event.value), by_whom(event.by), lasting(event.seconds)
    because = _why(event.reason if event.value == "on" else event.value)  # whose value is a reason, or just on
    match event.name:
        case "topic":
            return (
                _("{by} set the topic of {where}: {value}").format(by=by, where=where, value=value)
                if value
                else _("{by} took the topic of {where} away.").format(by=by, where=where)
            )
        case "closed" if value == "off":
            return _("{by} opened {where} again.").format(by=by, where=where)
        case "closed":
            return _("{by} closed {where}{span}{why}.").format(by=by, where=where, span=span, why=because)
        case "locked" if value == "off":
            return _("{by} unlocked the broker.").format(by=by)
        case "locked":
            locked = _("{by} locked the broker{span}, so nobody new comes in{why}.")
            return locked.format(by=by, span=span, why=because)
    whose = _("here") if where == EVERYONE else _("in {room}").format(room=harmless(where))
    return _("{by} set {name} {place} to {value}{why}.").format(
        by=by, name=harmless(event.name), place=whose, value=value, why=_why(event.reason)
    )


def moderated(event: Moderated) -> str:
    """Something was done to me."""
    by, detail, why = by_whom(event.by), harmless(event.detail), _why(event.reason)
    match event.what:
        case "muted":
            return _("{by} muted you{span}{why}. What you say is not taken meanwhile.").format(
                by=by, span=lasting(event.seconds), why=why
            )
        case "unmuted":
            return _("{by} unmuted you.").format(by=by)
        case "granted":
            return _("You are {detail} now, by {by}.").format(detail=detail, by=by)
        case "opened":
            return _("{by} let you into {detail}: /join {detail} enters it.").format(by=by, detail=detail)
        case "expelled":
            return _("{by} put you out of {detail}.").format(by=by, detail=detail)
        case "transferred":
            return _("You are {detail} now: {by} gave the nick to your key, with its rooms and its role.").format(
                detail=detail, by=by
            )
    return f"{by}: {harmless(event.what)} {detail}{why}"


def deleted(event: Deleted, sender: str) -> str:
    """A message is to be shown no more; its sender as far as that is known."""
    whose = _(" of {sender}").format(sender=harmless(sender)) if sender else ""
    return _("{by} deleted message {seq}{whose}{why}.").format(
        by=by_whom(event.by), seq=event.seq, whose=whose, why=_why(event.reason)
    )


def slowed(event: Slowed) -> str:
    """We were faster than the broker allows."""
    return _("That was faster than the broker allows. The rest goes out by itself in {span}.").format(
        span=span_text(event.seconds)
    )


def _why(reason: str) -> str:
    return f": {harmless(reason)}" if reason else ""
