"""What is told in sentences, the same in every face: pure functions from what happened to a text for people.

Of roles, rules and deeds rulings.py tells. Names from elsewhere stand in these texts; a face makes them harmless.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from rich.cells import cell_len

from messages import EVERYONE, Presence, RoomChange, harmless

from ..language import N_, _, plural, told
from ..preferences import write
from ..read import local_time
from ..receipt import State
from ..spans import span_text
from .shown import Greeting, Invitation, Progress, Stretch, Topic, Unsent

NAMED = 8  # people named in one line; the others are counted

MARKS: dict[State, str] = {"queued": "◌", "accepted": "✓", "delivered": "✓✓", "read": "◉", "refused": "✗"}

WEEKDAYS = (
    *(N_("Monday"), N_("Tuesday"), N_("Wednesday"), N_("Thursday"), N_("Friday"), N_("Saturday"), N_("Sunday")),
)
STATES = (N_("queued"), N_("accepted"), N_("delivered"), N_("read"), N_("refused"))  # of a message: Receipt.state
DEEDS = (  # of those with a role, as the broker calls them: Deed.what
    *(N_("kicked"), N_("banned"), N_("unbanned"), N_("barred"), N_("unbarred"), N_("muted"), N_("unmuted")),
    *(N_("granted"), N_("transferred"), N_("revoked"), N_("ruled"), N_("opened"), N_("removed")),
    *(N_("invited"), N_("uninvited"), N_("admitted"), N_("redeemed"), N_("downed")),
    N_("stayed"),
)
NOTHING_SENT = N_("You have sent no direct message and no announcement yet; of others nothing is told.")
KEPT = {
    True: N_("Another device registered you: nick and rooms are kept, and what you miss comes when you are back."),
    False: N_("Another device made you a guest again: when you leave, your nick is free."),
}
SHARING = {
    True: N_("Others may learn that you have read their direct messages and announcements; /receipts off ends that."),
    False: N_("Nobody learns what you have read; /receipts on changes that."),
}


JOKES = (
    N_("Talking to yourself? A walk round the block might bring better company."),
    N_("You have reached yourself. The others may be outside: it is said to be nice out there."),
    N_("A message from you, to you. Perhaps it is time for a short walk?"),
)

OPERATOR = (N_("operator"), N_("the operator"), N_("the broker"))  # as the broker calls who runs it, and itself


def place(target: str) -> str:
    """A conversation as it is written in commands."""
    return _("everyone") if target == EVERYONE else harmless(target)


def excerpt(text: str, cells: int = 60) -> str:
    """The start of a text in one harmless line, cut where it gets long."""
    line = harmless(text[: 2 * cells])
    if cell_len(line) <= cells and len(text) <= 2 * cells:
        return line
    return f"{line[:cells].rstrip()}…"


def messages(count: int) -> str:
    """So many messages."""
    return plural("{count} message", "{count} messages", count).format(count=f"{count:,}")


def presence(item: Presence) -> str:
    """Who came or went; it begins with the nick."""
    nick, text = harmless(item.nick), harmless(told(item.text))
    because = f": {text}" if text else ""
    match item.what:
        case "joined":
            return _("{nick} is here").format(nick=nick)
        case "left":
            return _("{nick} left{because}").format(nick=nick, because=because)
        case "lost":
            return _("{nick} lost the connection{because}").format(nick=nick, because=because)
        case "back":
            return _("{nick} is back").format(nick=nick)
        case "renamed":
            return _("{nick} is now {text}").format(nick=nick, text=text)
        case "away":
            return _("{nick} is away{because}").format(nick=nick, because=because)
        case "here":
            return _("{nick} is here again").format(nick=nick)


def room_change(item: RoomChange) -> str:
    """Who entered or left a room; it begins with the nick."""
    text = _("{nick} entered {room}") if item.joined else _("{nick} left {room}")
    return text.format(nick=harmless(item.nick), room=harmless(item.room))


def progress(item: Progress, *, short: bool = False) -> str:
    """How far a direct message or an announcement of mine has come; `short` with its mark and whom it is for."""
    to = harmless(item.to)
    whom = to if to.startswith("@") else _("announcement")
    whom = f"{MARKS[item.state]} {whom}: " if short else ""
    if to.startswith("@") or not item.delivered:
        return whom + _(item.state)
    if short:
        counted = _("delivered to {delivered}, read by {read}")
        return whom + counted.format(delivered=len(item.delivered), read=len(item.read))
    others = [nick for nick in item.delivered if nick not in item.read]
    parts = [(_("read by {names}"), item.read), (_("delivered to {names}"), others)]
    return ", ".join(text.format(names=_names(nicks)) for text, nicks in parts if nicks)


def reached(item: Progress) -> str:
    """How far a direct message of mine has come."""
    if item.state == "read":
        return _("{nick} has read your message: {text}").format(nick=item.to[1:], text=excerpt(item.body, 30))
    return _("Your message was delivered to {nick}: {text}").format(nick=item.to[1:], text=excerpt(item.body, 30))


def _names(nicks: Sequence[str]) -> str:
    more = _(" and {count:,} more").format(count=len(nicks) - NAMED) if len(nicks) > NAMED else ""
    return ", ".join(map(harmless, nicks[:NAMED])) + more


def heading(item: Stretch) -> str:
    """What an answer made of messages is, and whether there is more."""
    title = (
        _("found; /history around NUMBER shows more")
        if item.found
        else _("history of {what}").format(what=place(item.what))
    )
    if item.page.cut:
        return _("{title}; nothing older is kept").format(title=title)
    more = _("; there is more before it") if item.found else _("; there is more before it: /history")
    return title if item.page.before is None else f"{title}{more}"


def nothing(item: Stretch) -> str:
    """An answer without messages, and whether that is all."""
    if item.found:
        if item.page.before is None:
            return _("Nothing was found.")
        return _("Nothing was found as far as was looked; add before:DATE to look further back.")
    if item.page.cut:
        text = _("Nothing is kept of what was said in {what}.")
    elif item.page.before is None:
        text = _("Nothing has been said yet in {what}.")
    else:
        text = _("Nothing was found as far as was looked in {what}.")
    return text.format(what=place(item.what))


def now(missed: int | None) -> str:
    """That what follows is of now, and how much was missed."""
    return _("now") if missed is None else _("now; {missed} missed").format(missed=messages(missed))


def greeting(item: Greeting) -> str:
    """Who one is, and in which company."""
    others = len(item.roster.people) - 1
    company = plural("One other person is here:", "{count} others are here:", others).format(count=others)
    if not others:
        company = _("Nobody else is here yet.")
    role = _(", {role} here").format(role=harmless(item.role)) if item.role != "guest" else ""
    return _("You are {nick}{role}. {company}").format(nick=item.nick, role=role, company=company)


def hints(target: str) -> tuple[tuple[str, str], ...]:
    """What to type at first, and what it does."""
    return (
        (_("text"), _("goes to {target}").format(target=harmless(target))),
        (_("/msg NICK text"), _("goes to one person")),
        (_("$ text"), _("goes to everyone")),
        ("/help", _("shows every command, /quit leaves")),
    )


def unsent(item: Unsent) -> str:
    """What becomes of a line without an answer."""
    line = excerpt(item.line)
    if item.kept:
        return _("Not sent yet, and kept: it goes out when you are here again: {line}").format(line=line)
    return _("Not sent, since the broker did not answer: {line}").format(line=line)


def refusal(text: str, line: str) -> str:
    """Why something did not happen, and the line given back."""
    return _("{text} Not sent: {line}").format(text=text, line=excerpt(line)) if line else text


def value(what: Any) -> str:
    """The value of a setting, as it is written in the file; empty when there is none."""
    return "" if what is None else write(what).strip()


def topic(item: Topic) -> str:
    """What a room is about."""
    return f"{item.room}: {item.text}" if item.text else _("{room} has no topic.").format(room=item.room)


def invitation(item: Invitation) -> str:
    """Whom a new invite lets in; what follows is the invite itself."""
    span = "" if item.seconds is None else _(" for {span}").format(span=span_text(item.seconds))
    return _("Lets {uses} in as {role}{span}; /uninvite {number} withdraws it. Pass it on whole:").format(
        uses=item.uses, role=item.role, span=span, number=item.number
    )


def turned(target: str) -> str:
    """Where plain text goes from now on."""
    return _("You are talking to {target}.").format(target=place(target))


def until(end: int | None, now: datetime) -> str:
    """How long an invite is good."""
    if end is None:
        return _("no end")
    at = local_time(end)
    text = _("expired {at:%Y-%m-%d %H:%M}") if at <= now else "{at:%Y-%m-%d %H:%M}"
    return text.format(at=at)


def day(day: date) -> str:
    """A day with its name, which strftime knows in the C library's language only."""
    return f"{_(WEEKDAYS[day.weekday()])}, {day.isoformat()}"


def people(count: int) -> str:
    """So many people."""
    return plural("{count} person", "{count} people", count).format(count=f"{count:,}")


# --- the broker and its connection -----------------------------------------------------------------------------------


def leftovers(count: int) -> str:
    """So many messages of an earlier run are sent now."""
    return _("{count} from last time had no answer yet, and will be sent:").format(count=messages(count))


def elsewhere(count: int) -> str:
    """So many messages of another window are kept."""
    return _("{count} of another window still to be sent; opening one more sends them.").format(count=messages(count))


def no_broker(why: str, *, still: bool) -> str:
    """No broker answers; `still`: it did before."""
    start = _("Still no broker") if still else _("No broker yet")
    return _("{start}: {why}. Trying again by itself; /quit leaves.").format(start=start, why=_clause(why))


def broker_away(why: str) -> str:
    """The connection broke."""
    return _("The broker is away: {why}. What you type is kept until it is back.").format(why=_clause(why))


def storing(text: str, *, ok: bool) -> str:
    """Whether the broker can write its log, in its own words."""
    then = "" if ok else " " + _("Until it can, nothing is accepted; what you send is given back.")
    return told(text) + then


def closing(by: str, seconds: float, reason: str) -> str:
    """The broker will go down."""
    text = _("{by} takes the broker down in {span}{why}.")
    return text.format(by=by_whom(by), span=span_text(seconds), why=_because(reason))


def staying(by: str, reason: str) -> str:
    """The broker does not go down after all."""
    return _("{by} called that off: the broker does not go down{why}.").format(by=by_whom(by), why=_because(reason))


def closed(by: str, reason: str) -> str:
    """The broker went down."""
    return _("{by} took the broker down{why}.").format(by=by_whom(by), why=_because(reason))


def _clause(sentence: str) -> str:
    return harmless(sentence).rstrip(". ") or _("no answer")


def by_whom(nick: str) -> str:
    """Who did something: a person, or whoever runs the broker, who has no nick."""
    return _(nick) if nick in OPERATOR else harmless(nick) or _("Somebody")


def _because(reason: str) -> str:
    return f": {harmless(reason)}" if reason else ""
