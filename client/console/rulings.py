"""What is told of roles, rules and deeds: sentences, the same in every face. words.py has the others."""

from __future__ import annotations

from messages import EVERYONE, Deleted, Moderated, Ruled, harmless

from ..model import Slowed
from ..spans import span_text


def ruled(event: Ruled) -> str:
    """A rule has another value."""
    where, value, by = event.where, harmless(event.value), harmless(event.by)
    match event.name:
        case "topic":
            return f"{by} set the topic of {where}: {value}" if value else f"{by} took the topic of {where} away."
        case "closed" if value == "off":
            return f"{by} opened {where} again."
        case "closed":
            return f"{by} closed {where}{'' if value == 'on' else f': {value}'}."
        case "locked":
            doing = "locked the broker: nobody new comes in" if value == "on" else "unlocked the broker"
            return f"{by} {doing}{_why(event.reason)}."
    whose = "here" if where == EVERYONE else f"in {harmless(where)}"
    return f"{by} set {harmless(event.name)} {whose} to {value}{_why(event.reason)}."


def moderated(event: Moderated) -> str:
    """Something was done to me."""
    by, detail, why = harmless(event.by), harmless(event.detail), _why(event.reason)
    match event.what:
        case "muted":
            span = "" if event.seconds is None else f" for {span_text(event.seconds)}"
            return f"{by} muted you{span}{why}. What you say is not taken meanwhile."
        case "unmuted":
            return f"{by} unmuted you."
        case "granted":
            return f"You are {detail} now, by {by}."
        case "opened":
            return f"{by} let you into {detail}: /join {detail} enters it."
        case "expelled":
            return f"{by} put you out of {detail}."
        case "transferred":
            return f"You are {detail} now: {by} gave the nick to your key, with its rooms and its role."
    return f"{by}: {harmless(event.what)} {detail}{why}"


def deleted(event: Deleted, sender: str) -> str:
    """A message is to be shown no more; its sender as far as that is known."""
    whose = f" of {harmless(sender)}" if sender else ""
    return f"{harmless(event.by)} deleted message {event.seq}{whose}{_why(event.reason)}."


def slowed(event: Slowed) -> str:
    """We were faster than the broker allows."""
    return f"That was faster than the broker allows. The rest goes out by itself in {span_text(event.seconds)}."


def _why(reason: str) -> str:
    return f": {harmless(reason)}" if reason else ""
