"""What is told in sentences, the same in every face: pure functions from what happened to a text for people.

Of roles, rules and deeds rulings.py tells. Names from elsewhere stand in these texts; a face makes them harmless.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rich.cells import cell_len

from messages import EVERYONE, Presence, RoomChange, harmless

from ..language import _, plural
from ..preferences import write
from ..read import local_time
from ..receipt import State
from ..spans import span_text
from .shown import Greeting, Invitation, Progress, Stretch, Topic, Unsent

NAMED = 8  # people named in one line; the others are counted

MARKS: dict[State, str] = {"queued": "◌", "accepted": "✓", "delivered": "✓✓", "read": "◉", "refused": "✗"}

NOTHING_SENT = "You have sent no direct message and no announcement yet; of others nothing is told."
SHARING = {
    True: "Others may learn that you have read their direct messages and announcements; /receipts off ends that.",
    False: "Nobody learns what you have read; /receipts on changes that.",
}


def place(target: str) -> str:
    """A conversation as it is written in commands."""
    return "everyone" if target == EVERYONE else harmless(target)


def excerpt(text: str, cells: int = 60) -> str:
    """The start of a text in one harmless line, cut where it gets long."""
    line = harmless(text[: 2 * cells])
    if cell_len(line) <= cells and len(text) <= 2 * cells:
        return line
    return f"{line[:cells].rstrip()}…"


def messages(count: int) -> str:
    """So many messages."""
    return "1 message" if count == 1 else f"{count:,} messages"


def presence(item: Presence) -> str:
    """Who came or went; it begins with the nick."""
    nick, text = harmless(item.nick), harmless(item.text)
    because = f": {text}" if text else ""
    match item.what:
        case "joined":
            return f"{nick} is here"
        case "left":
            return f"{nick} left{because}"
        case "lost":
            return f"{nick} lost the connection{because}"
        case "back":
            return f"{nick} is back"
        case "renamed":
            return f"{nick} is now {text}"
        case "away":
            return f"{nick} is away{because}"
        case "here":
            return f"{nick} is here again"


def room_change(item: RoomChange) -> str:
    """Who entered or left a room; it begins with the nick."""
    return f"{harmless(item.nick)} {'entered' if item.joined else 'left'} {harmless(item.room)}"


def progress(item: Progress, *, short: bool = False) -> str:
    """How far a direct message or an announcement of mine has come; `short` with its mark and whom it is for."""
    to = harmless(item.to)
    whom = f"{MARKS[item.state]} {to if to.startswith('@') else 'announcement'}: " if short else ""
    if to.startswith("@") or not item.delivered:
        return f"{whom}{item.state}"
    if short:
        return f"{whom}delivered to {len(item.delivered)}, read by {len(item.read)}"
    others = [nick for nick in item.delivered if nick not in item.read]
    told = [f"read by {_names(item.read)}"] * bool(item.read) + [f"delivered to {_names(others)}"] * bool(others)
    return ", ".join(told)


def reached(item: Progress) -> str:
    """How far a direct message of mine has come."""
    if item.state == "read":
        return _("{nick} has read your message: {text}").format(nick=item.to[1:], text=excerpt(item.body, 30))
    return _("Your message was delivered to {nick}: {text}").format(nick=item.to[1:], text=excerpt(item.body, 30))


def _names(nicks: Sequence[str]) -> str:
    more = f" and {len(nicks) - NAMED:,} more" if len(nicks) > NAMED else ""
    return ", ".join(map(harmless, nicks[:NAMED])) + more


def heading(item: Stretch) -> str:
    """What an answer made of messages is, and whether there is more."""
    title = "found; /history around NUMBER shows more" if item.found else f"history of {place(item.what)}"
    if item.page.cut:
        return f"{title}; nothing older is kept"
    more = "; there is more before it" if item.found else "; there is more before it: /history again"
    return title if item.page.before is None else f"{title}{more}"


def nothing(item: Stretch) -> str:
    """An answer without messages, and whether that is all."""
    if item.found:
        more = " as far as was looked; add before:DATE to look further back"
        return f"Nothing was found{more if item.page.before is not None else ''}."
    start = "Nothing has been said yet" if item.page.before is None else "Nothing was found as far as was looked"
    start = "Nothing is kept of what was said" if item.page.cut else start
    return f"{start} in {item.what}."


def now(missed: int | None) -> str:
    """That what follows is of now, and how much was missed."""
    return "now" if missed is None else f"now; {messages(missed)} missed"


def greeting(item: Greeting) -> str:
    """Who one is, and in which company."""
    others = len(item.roster.people) - 1
    company = {0: "Nobody else is here yet.", 1: "One other person is here:"}.get(others, f"{others} others are here:")
    role = f", {harmless(item.role)} here" if item.role != "guest" else ""
    return f"You are {item.nick}{role}. {company}"


def hints(target: str) -> tuple[tuple[str, str], ...]:
    """What to type at first, and what it does."""
    return (
        ("text", f"goes to {harmless(target)}"),
        ("/msg NICK text", "goes to one person"),
        ("$ text", "goes to everyone"),
        ("/help", "shows every command, /quit leaves"),
    )


def unsent(item: Unsent) -> str:
    """What becomes of a line without an answer."""
    line = excerpt(item.line)
    if item.kept:
        return f"Not sent yet, and kept: it goes out when you are here again: {line}"
    return f"Not sent, since the broker did not answer: {line}"


def refusal(text: str, line: str) -> str:
    """Why something did not happen, and the line given back."""
    return f"{text} Not sent: {excerpt(line)}" if line else text


def value(what: Any) -> str:
    """The value of a setting, as it is written in the file; empty when there is none."""
    return "" if what is None else write(what).strip()


def topic(item: Topic) -> str:
    """What a room is about."""
    return f"{item.room}: {item.text}" if item.text else f"{item.room} has no topic."


def invitation(item: Invitation) -> str:
    """Whom a new invite lets in; what follows is the invite itself."""
    span = "" if item.seconds is None else f" for {span_text(item.seconds)}"
    return f"Lets {item.uses} in as {item.role}{span}; /uninvite {item.number} withdraws it. Pass it on whole:"


def turned(target: str) -> str:
    """Where plain text goes from now on."""
    return f"You are talking to {place(target)}."


def until(end: int | None, now: datetime) -> str:
    """How long an invite is good."""
    if end is None:
        return "no end"
    at = local_time(end)
    return f"{'expired ' if at <= now else ''}{at:%Y-%m-%d %H:%M}"


def people(count: int) -> str:
    """So many people."""
    return plural("{count} person", "{count} people", count).format(count=f"{count:,}")
