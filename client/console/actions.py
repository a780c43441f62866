"""What the commands do: one function a command, called by the table in commands.py with its arguments.

Works on a Talk alone; refusals of the library are sentences already and are shown as they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from messages import BODY_BYTES, EVERYONE, GENERAL, HISTORY_PAGE, MessageError, check_room, fold, harmless

from ..errors import ClientError
from ..model import Page
from ..receipt import Receipt
from ..targets import read_nick, read_target
from . import flow, render
from .talk import Talk

DAY_SECONDS = 86_400.0  # the broker takes no longer delay
DOWN_USAGE = "It goes like this: /down [in 30s] [reason]"

# Whoever types one of these means no reason: a time, a time further on, or not to take the broker down at all.
_LOOKS_LIKE_DELAY = re.compile(r"(?:in|after|at)\b|[-+]?\.?\d|.*\bin\s+\d", re.DOTALL | re.IGNORECASE)
_LOOKS_LIKE_NO = re.compile(r"(?:cancel|stop|abort|undo)\b.*|(?:off|no|help|-h|--help|\?)", re.DOTALL | re.IGNORECASE)
_DELAY = re.compile(
    r"(?:in\s+)?(?P<count>\d{1,6})\s*(?P<unit>s|secs?|seconds?|m|mins?|minutes?|h|hours?|$)(?:\s+(?P<rest>.*))?",
    re.DOTALL | re.IGNORECASE,
)
_UNITS = {"s": 1, "m": 60, "h": 3600}


def say(talk: Talk, text: str) -> None:
    """Plain text: to the current conversation."""
    _post(talk, talk.current, text)


def message(talk: Talk, arguments: list[str]) -> None:
    """Say something to one person (or to a room, without turning to it)."""
    _post(talk, arguments[0], arguments[1])


def say_to_all(talk: Talk, arguments: list[str]) -> None:
    """Say something to everyone."""
    _post(talk, EVERYONE, arguments[0])


def announce(talk: Talk, arguments: list[str]) -> None:
    """Announce something to everyone."""
    text = arguments[0]
    if _fits(talk, text):
        _say(talk, lambda: talk.chat.announce(text), lambda seq: talk.own(EVERYONE, text, seq, "announcement"), text)


def _post(talk: Talk, where: str, text: str) -> None:
    if not _fits(talk, text):
        return
    try:
        target = read_target(where)
    except MessageError as error:
        talk.refuse(error, text)
        return

    def accepted(seq: int) -> None:
        if not (target.startswith("@") and talk.is_me(target[1:])):  # that one is delivered, and shown then
            talk.own(target, text, seq)

    _say(talk, lambda: talk.chat.send(target, text), accepted, text)


def _fits(talk: Talk, text: str) -> bool:
    size = len(text.encode())
    if size > BODY_BYTES:
        talk.show(render.refusal(too_long(size)))
    return size <= BODY_BYTES


def too_long(size: int) -> str:
    """Why a text of so many bytes is not sent, in words."""
    return f"That is {size:,} bytes of text; a message holds at most 64 KiB ({BODY_BYTES:,}). Nothing was sent."


def _say(talk: Talk, command: Callable[[], Receipt], then: Callable[[int], None], line: str) -> None:
    """Send a text, and follow it to its readers."""
    receipt = carry_out(talk, command, then, line)
    if receipt is not None:
        talk.follow(receipt)
        if talk.away:
            talk.answers.tell_late(at_once=True)


def carry_out(
    talk: Talk, command: Callable[[], Receipt], then: Callable[[int], None], line: str = ""
) -> Receipt | None:
    """Give a command to the client; say so when it, or later the broker, refuses."""
    try:
        receipt = command()
    except (ClientError, MessageError) as error:
        talk.refuse(error, line)
        return None
    talk.answers.expect(receipt, then, line)
    return receipt


def receipts(talk: Talk, arguments: list[str]) -> None:
    """Show how far my last messages have come; or choose whether others learn what I have read."""
    match [word.lower() for word in arguments]:
        case []:
            if talk.sent:
                talk.show(render.receipts(talk.sent))
            else:
                talk.tell("You have sent no direct message and no announcement yet; of others nothing is told.")
            talk.tell(_RECEIPTS[talk.chat.read_receipts], style="")
        case ["on" | "off" as wish]:
            talk.chat.read_receipts = wish == "on"
            talk.tell(_RECEIPTS[talk.chat.read_receipts], style="")
        case _:
            talk.show(render.refusal("It goes like this: /receipts, /receipts off or /receipts on."))


_RECEIPTS = {
    True: "Others may learn that you have read their direct messages and announcements; /receipts off ends that.",
    False: "Nobody learns what you have read; /receipts on changes that.",
}


def turn_to(talk: Talk, arguments: list[str]) -> None:
    """Make another conversation the current one; without one say which it is."""
    if not arguments:
        talk.turn_to(talk.current)
        return
    try:
        target = _meant(talk, arguments[0])
    except MessageError as error:
        talk.refuse(error)
        return
    if target.startswith("#") and target not in talk.chat.rooms:
        talk.show(render.refusal(f"You are not in {target}. /join {target} enters it."))
        return
    if target.startswith("@"):
        target = "@" + talk.people.get(fold(target[1:]), target[1:])
    talk.turn_to(target)


def _meant(talk: Talk, text: str) -> str:
    """The target behind `text`; a bare word that is nobody's nick here may be a room we are in."""
    if fold(text) not in talk.people and f"#{fold(text)}" in talk.chat.rooms:
        return f"#{fold(text)}"
    return read_target(text)


def who(talk: Talk, arguments: list[str]) -> None:
    """Show who is online."""
    talk.answers.ask(talk.chat.who, lambda people: talk.show(render.roster(people, talk.chat.nick, talk.now().date())))


def rooms(talk: Talk, arguments: list[str]) -> None:
    """Show which rooms there are."""
    talk.answers.ask(talk.chat.list_rooms, lambda found: talk.show(render.room_list(found)))


def join(talk: Talk, arguments: list[str]) -> None:
    """Enter a room and turn to it."""
    try:
        room = check_room(arguments[0])
    except MessageError as error:
        talk.refuse(error)
        return
    carry_out(talk, lambda: talk.chat.join(room), lambda seq: talk.turn_to(room))


def leave(talk: Talk, arguments: list[str]) -> None:
    """Leave a room; when it is the current one, turn to another room, never to everyone."""
    if not arguments and not talk.current.startswith("#"):
        talk.show(render.refusal("Which room? You are talking to no room now: /leave #room."))
        return
    try:
        room = check_room(arguments[0] if arguments else talk.current)
    except MessageError as error:
        talk.refuse(error)
        return

    def left(seq: int) -> None:
        talk.around(f"You left {room}.")
        if talk.current != room:
            return
        others = [name for name in talk.chat.rooms if name != room]
        target = GENERAL if GENERAL in others or not others else others[0]
        if target != room:
            talk.turn_to(target)
        if not others:
            talk.tell(f"You no longer hear {target}, but plain text still goes there; /to TARGET changes that.")

    carry_out(talk, lambda: talk.chat.leave(room), left)


def history(talk: Talk, arguments: list[str]) -> None:
    """Show the latest messages of the current conversation."""
    wanted = arguments[0] if arguments else "20"
    if not (wanted.isascii() and wanted.isdigit() and 1 <= int(wanted[:9]) <= HISTORY_PAGE):
        talk.show(render.refusal(f"/history takes how many messages to show: 1 to {HISTORY_PAGE}."))
        return
    target = talk.current

    def shown(page: Page) -> None:
        if not page.messages:
            start = "Nothing has been said yet" if page.before is None else "Nothing was found as far as was looked"
            start = "Nothing is kept of what was said" if page.cut else start
            talk.tell(f"{start} in {target}.")
            return
        _show_page(talk, f"history of {'everyone' if target == EVERYONE else target}", page)

    talk.answers.ask(lambda: talk.chat.history(target, limit=int(wanted)), shown)


def search(talk: Talk, arguments: list[str]) -> None:
    """Show the latest messages with these words."""

    def shown(page: Page) -> None:
        if not page.messages:
            more = " as far as was looked; add before:DATE to look further back" if page.before is not None else ""
            talk.tell(f"Nothing was found{more}.")
            return
        _show_page(talk, "found", page)

    talk.answers.ask(lambda: talk.chat.search(arguments[0], limit=20), shown)


def _show_page(talk: Talk, title: str, page: Page) -> None:
    older = "" if page.before is None else "; there is more before it"
    older = "; nothing older is kept" if page.cut else older
    items = flow.page(page.messages, talk.chat.nick, talk.now().date())
    talk.show(render.rule(title + older), *items, render.rule("now"))


def rename(talk: Talk, arguments: list[str]) -> None:
    """Take another nick."""
    carry_out(
        talk, lambda: talk.chat.rename(read_nick(arguments[0])), lambda seq: talk.tell(f"You are now {talk.chat.nick}.")
    )


def another_nick(talk: Talk, text: str) -> None:
    """The broker refused the nick, and this line is another one to try."""
    try:
        nick = read_nick(text.strip())
        talk.chat.retry_as(nick)
    except (ClientError, MessageError) as error:
        talk.refuse(error)
    else:
        talk.wants_nick = False
        talk.around(f"Asking for {nick}.")


def away(talk: Talk, arguments: list[str]) -> None:
    """Say that one is away, or back."""
    text = arguments[0] if arguments else ""
    done = f"You are away: {harmless(text)}. /away alone says that you are back." if text else "You are here again."
    carry_out(talk, lambda: talk.chat.away(text), lambda seq: talk.tell(done))


def register(talk: Talk, arguments: list[str]) -> None:
    """Have nick, rooms and mail kept."""
    done = "Your nick and your rooms are kept, and what you miss comes when you are back. /unregister ends that."
    carry_out(talk, talk.chat.register, lambda seq: talk.tell(done))


def unregister(talk: Talk, arguments: list[str]) -> None:
    """Be a guest again."""
    done = "You are a guest again: when you leave, your nick is free."
    carry_out(talk, talk.chat.unregister, lambda seq: talk.tell(done))


def down(talk: Talk, arguments: list[str]) -> None:
    """Admins: take the broker down, at once or after a while."""
    try:
        seconds, reason = read_delay(arguments[0] if arguments else "")
    except ValueError as error:
        talk.refuse(error)
        return
    carry_out(
        talk, lambda: talk.chat.down(seconds, reason), lambda seq: None
    )  # what follows, the broker tells everyone


def read_delay(text: str) -> tuple[float, str]:
    """Split '[in 30s] [reason]' into seconds and the reason.

    Raises ValueError for what looks like a time but is none, or like a wish to stop this: taking that for a reason
    would take the broker down now.
    """
    if _LOOKS_LIKE_NO.fullmatch(text):
        raise ValueError(f"The broker stays up: {text.split()[0]} is no reason to take it down. {DOWN_USAGE}")
    if not _LOOKS_LIKE_DELAY.match(text):
        return 0.0, text
    found = _DELAY.fullmatch(text)
    seconds = float(found["count"]) * _UNITS[found["unit"].lower()[:1] or "s"] if found else DAY_SECONDS + 1
    if not found or seconds > DAY_SECONDS:
        time = "A time looks like this: in 30s, in 10 min or in 2h, and is at most a day."
        raise ValueError(f"The broker stays up. {time} {DOWN_USAGE}")
    return seconds, (found["rest"] or "").strip()


def quit_console(talk: Talk, arguments: list[str]) -> None:
    """Leave."""
    talk.quit()
