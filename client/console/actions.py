"""What the commands do: one function a command, called by the table in commands.py with its arguments.

Works on a Talk alone; refusals of the library are sentences already and are shown as they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from messages import BODY_BYTES, EVERYONE, GENERAL, Code, MessageError, check_room, fold, harmless

from ..errors import ClientError
from ..language import N_, _
from ..receipt import Receipt
from ..targets import read_nick, read_target
from .shown import Receipts, Refusal, Sharing, progress, room_list, roster
from .talk import Talk

DAY_SECONDS = 86_400.0  # the broker takes no longer delay
DOWN_USAGE = N_("It goes like this: /down [in 30s] [reason], and /down cancel calls it off.")

# Whoever types one of these means no reason: a time, a time further on, or not to take the broker down at all.
_LOOKS_LIKE_DELAY = re.compile(r"(?:in|after|at)\b|[-+]?\.?\d|.*\bin\s+\d", re.DOTALL | re.IGNORECASE)
_LOOKS_LIKE_NO = re.compile(r"(?:stop|abort|undo)\b.*|(?:off|no|help|-h|--help|\?)", re.DOTALL | re.IGNORECASE)
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
        talk.show(Refusal(too_long(size), Code.TOO_LONG))
    return size <= BODY_BYTES


def too_long(size: int) -> str:
    """Why a text of so many bytes is not sent, in words."""
    return _(
        "That is {size:,} bytes of text; a message holds at most 64 KiB ({body_bytes:,}). Nothing was sent."
    ).format(size=size, body_bytes=BODY_BYTES)


def _say(talk: Talk, command: Callable[[], Receipt], then: Callable[[int], None], line: str) -> None:
    """Send a text, and follow it to its readers."""
    receipt = carry_out(talk, command, then, line)
    if receipt is not None:
        talk.follow(receipt)
        if talk.away:
            talk.answers.tell_late(at_once=True)


def carry_out(
    talk: Talk,
    command: Callable[[], Receipt],
    then: Callable[[int], None],
    line: str = "",
    otherwise: Callable[[], None] = lambda: None,
) -> Receipt | None:
    """Give a command to the client; say so when it, or later the broker, refuses, and do what follows from that."""
    try:
        receipt = command()
    except (ClientError, MessageError) as error:
        talk.refuse(error, line)
        otherwise()
        return None
    talk.answers.expect(receipt, then, line, otherwise)
    return receipt


def at_once(talk: Talk) -> bool:
    """Whether there is a broker to hear a command that is meant for this moment; refuses otherwise."""
    if talk.away:
        talk.show(Refusal(_("There is no broker now, and that was meant for this moment. Nothing was changed.")))
        return False
    return True


def do(talk: Talk, command: str, ask: Callable[[], Receipt], done: str) -> None:
    """Carry out the command of this name; once accepted say what holds now."""
    carry_out(talk, ask, lambda seq: talk.done(command, done))


def receipts(talk: Talk, arguments: list[str]) -> None:
    """Show how far my last messages have come; or choose whether others learn what I have read."""
    match [word.lower() for word in arguments]:
        case []:
            talk.show(Receipts(tuple(map(progress, talk.sent))), Sharing(talk.chat.read_receipts))
        case ["on" | "off" as wish]:
            on = wish == "on"
            if not on:  # it holds at once, whatever becomes of telling the broker
                talk.show(Sharing(False))

            def accepted(seq: int) -> None:
                if on:
                    talk.show(Sharing(True))

            carry_out(talk, lambda: talk.chat.share_reads(on), accepted)
        case _:
            talk.show(Refusal(_("It goes like this: /receipts, /receipts off or /receipts on.")))


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
        talk.show(Refusal(_("You are not in {target}. /join {target} enters it.").format(target=target)))
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
    talk.answers.ask(talk.chat.who, lambda people: talk.show(roster(people, talk.chat.nick, talk.now().date())))


def rooms(talk: Talk, arguments: list[str]) -> None:
    """Show which rooms there are."""
    talk.answers.ask(talk.chat.list_rooms, lambda found: talk.show(room_list(found)))


def join(talk: Talk, arguments: list[str]) -> None:
    """Enter a room and turn to it."""
    try:
        room = check_room(arguments[0])
    except MessageError as error:
        talk.refuse(error)
        return
    _hope_for(talk, room)  # what is typed behind it is meant for that room

    def entered(seq: int) -> None:
        if talk.where.granted(room):
            talk.turn_to(room)

    def refused() -> None:
        if talk.where.refused(room):
            talk.turn_to(talk.current)

    carry_out(talk, lambda: talk.chat.join(room), entered, otherwise=refused)


def _hope_for(talk: Talk, target: str) -> None:
    """Make a conversation the current one before the broker has said yes."""
    talk.where.hope(target)
    talk.place = None


def leave(talk: Talk, arguments: list[str]) -> None:
    """Leave a room; when it is the current one, turn to another room, never to everyone."""
    if not arguments and not talk.current.startswith("#"):
        talk.show(Refusal(_("Which room? You are talking to no room now: /leave #room.")))
        return
    try:
        room = check_room(arguments[0] if arguments else talk.current)
    except MessageError as error:
        talk.refuse(error)
        return

    was_here = talk.current == room
    others = [name for name in talk.chat.rooms if name != room]
    target = GENERAL if GENERAL in others or not others else others[0]
    if was_here:
        _hope_for(talk, target)  # what is typed behind it is not meant for the room that was left

    def left(seq: int) -> None:
        talk.done("/leave", _("You left {room}.").format(room=room))
        talk.attention.turned(room)
        if not was_here or not talk.where.granted(target):
            return
        if target != room:
            talk.turn_to(target)
        if not any(name != room for name in talk.chat.rooms):
            talk.tell(
                _("You no longer hear {target}, but plain text still goes there; /to TARGET changes that.").format(
                    target=target
                )
            )

    def refused() -> None:
        if was_here and talk.where.refused(target):
            talk.turn_to(talk.current)

    carry_out(talk, lambda: talk.chat.leave(room), left, otherwise=refused)


def rename(talk: Talk, arguments: list[str]) -> None:
    """Take another nick."""
    carry_out(
        talk,
        lambda: talk.chat.rename(read_nick(arguments[0])),
        lambda seq: talk.done("/nick", _("You are now {nick}.").format(nick=talk.chat.nick)),
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
        talk.aside(_("Asking for {nick}.").format(nick=nick))


def away(talk: Talk, arguments: list[str]) -> None:
    """Say that one is away, or back."""
    text = arguments[0] if arguments else ""
    done = (
        _("You are away: {text}. /away alone says that you are back.").format(text=harmless(text))
        if text
        else _("You are here again.")
    )
    do(talk, "/away", lambda: talk.chat.away(text), done)


def register(talk: Talk, arguments: list[str]) -> None:
    """Have nick, rooms and mail kept."""
    done = _("Your nick and your rooms are kept, and what you miss comes when you are back. /unregister ends that.")
    do(talk, "/register", talk.chat.register, done)


def unregister(talk: Talk, arguments: list[str]) -> None:
    """Be a guest again."""
    done = _("You are a guest again: when you leave, your nick is free.")
    do(talk, "/unregister", talk.chat.unregister, done)


def down(talk: Talk, arguments: list[str]) -> None:
    """Admins: take the broker down, at once or after a while, or call that off."""
    text = arguments[0] if arguments else ""
    if not at_once(talk):
        return
    word, why = [*text.split(maxsplit=1), "", ""][:2]
    if fold(word) == "cancel":
        carry_out(talk, lambda: talk.chat.stay(why), told_to_all)
        return
    try:
        seconds, reason = read_delay(text)
    except ValueError as error:
        talk.show(Refusal(str(error)))
        return
    carry_out(talk, lambda: talk.chat.down(seconds, reason), told_to_all)


def told_to_all(seq: int) -> None:
    """Nothing to add: the broker tells everyone."""


def read_delay(text: str) -> tuple[float, str]:
    """Split '[in 30s] [reason]' into seconds and the reason.

    Raises ValueError for what looks like a time but is none, or like a wish to stop this: taking that for a reason
    would take the broker down now.
    """
    if _LOOKS_LIKE_NO.fullmatch(text):
        stays = _("Nothing was changed: {word} is no reason to take the broker down. {usage}")
        raise ValueError(stays.format(word=text.split()[0], usage=_(DOWN_USAGE)))
    if not _LOOKS_LIKE_DELAY.match(text):
        return 0.0, text
    found = _DELAY.fullmatch(text)
    seconds = float(found["count"]) * _UNITS[found["unit"].lower()[:1] or "s"] if found else DAY_SECONDS + 1
    if not found or seconds > DAY_SECONDS:
        time = _("Nothing was changed. A time looks like this: in 30s, in 10 min or in 2h, and is at most a day.")
        raise ValueError(f"{time} {_(DOWN_USAGE)}")
    return seconds, (found["rest"] or "").strip()


def quit_console(talk: Talk, arguments: list[str]) -> None:
    """Leave."""
    talk.quit()
