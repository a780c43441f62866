"""What the commands for those with a role, and for owners of rooms, do: one function a command, as in actions.py."""

from __future__ import annotations

from typing import get_args

from messages import EVERYONE, ROLES, Role, fold

from ..errors import ClientError
from ..language import _
from ..spans import lasting, read_span
from .actions import at_once, carry_out, do, told_to_all
from .shown import Invitation, Invites, Refusal, Rules, Topic, Trail
from .talk import Talk


def kick(talk: Talk, arguments: list[str]) -> None:
    """End a person's sessions."""
    if not at_once(talk):
        return
    who, rest = _who(arguments)
    seconds, reason = _span(rest)
    done = _("{who} was kicked out{span}.").format(who=who, span=lasting(seconds))
    do(talk, "/kick", lambda: talk.chat.kick(who, reason, seconds), done)


def ban(talk: Talk, arguments: list[str]) -> None:
    """Kick a person and keep the key out, or keep out an address."""
    who, rest = _who(arguments)
    seconds, reason = _span(rest)
    done = _("{who} is banned{span}; /unban {who} would let in again.").format(who=who, span=lasting(seconds))
    do(talk, "/ban", lambda: talk.chat.ban(who, reason, seconds), done)


def unban(talk: Talk, arguments: list[str]) -> None:
    """Let a banned person or address in again."""
    who = _who(arguments)[0]
    do(talk, "/unban", lambda: talk.chat.unban(who), _("{who} may come in again.").format(who=who))


def mute(talk: Talk, arguments: list[str]) -> None:
    """Take nothing more from a person that others would see."""
    who, rest = _who(arguments)
    seconds, reason = _span(rest)
    done = _("{who} is muted{span}; /unmute {who} ends that.").format(who=who, span=lasting(seconds))
    do(talk, "/mute", lambda: talk.chat.mute(who, reason, seconds), done)


def unmute(talk: Talk, arguments: list[str]) -> None:
    """Let a person speak again."""
    who = _who(arguments)[0]
    do(talk, "/unmute", lambda: talk.chat.unmute(who), _("{who} may speak again.").format(who=who))


def delete(talk: Talk, arguments: list[str]) -> None:
    """Have a message shown no more, by its number; without one, the last that I sent."""
    number, reason = [*arguments, "", ""][:2]
    number = number.lstrip("#№")
    if number and not (number.isascii() and number.isdigit() and len(number) < 16):
        talk.show(Refusal(_("Which message? /history and /search show their numbers: /delete NUMBER [reason].")))
        return
    seq = int(number) if number else talk.last_said
    if not seq:
        talk.show(Refusal(_("You have said nothing yet that could be deleted.")))
        return
    do(talk, "/delete", lambda: talk.chat.delete(seq, reason), _("Message {seq} is shown no more.").format(seq=seq))


def grant(talk: Talk, arguments: list[str]) -> None:
    """Give a person a role."""
    who, role = _who(arguments)[0], arguments[1].lower()
    if role not in ROLES:
        talk.show(Refusal(_("Roles are {roles}: /grant NICK ROLE.").format(roles=", ".join(ROLES))))
        return
    wish: Role = next(known for known in get_args(Role) if known == role)
    do(talk, "/grant", lambda: talk.chat.grant(who, wish), _("{who} is {role} now.").format(who=who, role=role))


def transfer(talk: Talk, arguments: list[str]) -> None:
    """Give a registered nick, mine or as an admin another's, to another key."""
    who, key = ["", *arguments][-2:]
    text = _("{who} belongs to that key now.") if who else _("Your nick belongs to that key now.")
    said = text.format(who=who.removeprefix("@"))
    do(talk, "/transfer", lambda: talk.chat.transfer(key.removeprefix("@"), who.removeprefix("@")), said)


def revoke(talk: Talk, arguments: list[str]) -> None:
    """Free a nick, and end registration and role: mine, or as an admin another's."""
    who, reason = _who([*arguments, ""]) if arguments else ("", "")
    done = _("The nick {who} is free.").format(who=who or talk.chat.nick)
    do(talk, "/revoke", lambda: talk.chat.revoke(who, reason), done)


# --- rules -----------------------------------------------------------------------------------------------------------


def rule(talk: Talk, arguments: list[str]) -> None:
    """Show the rules, or set one."""
    where, rest = _where(arguments)
    if len(rest) < 2:
        talk.answers.ask(lambda: talk.chat.rules(where), lambda found: talk.show(Rules(where, tuple(found.items()))))
        return
    name, value = rest[0], " ".join(rest[1:])
    carry_out(talk, lambda: talk.chat.set_rule(name, value, where), told_to_all)


def topic(talk: Talk, arguments: list[str]) -> None:
    """Show or set what the current room is about."""
    where, rest = _where(arguments)
    room = talk.current if where == EVERYONE else where
    text = arguments[0] if arguments and where == EVERYONE else " ".join(rest)
    if not room.startswith("#"):
        talk.show(Refusal(_("You are talking to no room now; /to #room turns to one.")))
    elif text:
        carry_out(talk, lambda: talk.chat.set_rule("topic", text, room), told_to_all)
    else:
        talk.answers.ask(lambda: talk.chat.rules(room), lambda found: talk.show(Topic(room, found.get("topic", ""))))


def close(talk: Talk, arguments: list[str]) -> None:
    """Close a room: nobody may speak there or enter."""
    room, rest = _room(talk, arguments)
    seconds, reason = _why(" ".join(rest))
    carry_out(talk, lambda: talk.chat.set_rule("closed", reason or "on", room, seconds=seconds), told_to_all)


def reopen(talk: Talk, arguments: list[str]) -> None:
    """Open a closed room."""
    room = _room(talk, arguments)[0]
    carry_out(talk, lambda: talk.chat.set_rule("closed", "off", room), told_to_all)


def lock(talk: Talk, arguments: list[str]) -> None:
    """Let nobody new in for now."""
    seconds, reason = _why(arguments[0] if arguments else "")
    carry_out(talk, lambda: talk.chat.set_rule("locked", reason or "on", seconds=seconds), told_to_all)


def unlock(talk: Talk, arguments: list[str]) -> None:
    """Let newcomers in again."""
    carry_out(talk, lambda: talk.chat.set_rule("locked", "off"), told_to_all)


def admit(talk: Talk, arguments: list[str]) -> None:
    """Let somebody into a private room."""
    room, [who, *_others] = _room(talk, arguments[::-1] if arguments[-1].startswith("#") else arguments)
    who = who.removeprefix("@")
    do(talk, "/admit", lambda: talk.chat.admit(room, who), _("{who} may enter {room}.").format(who=who, room=room))


def expel(talk: Talk, arguments: list[str]) -> None:
    """Put somebody out of a private room."""
    room, [who, *_others] = _room(talk, arguments[::-1] if arguments[-1].startswith("#") else arguments)
    who = who.removeprefix("@")
    do(
        talk,
        "/expel",
        lambda: talk.chat.expel(room, who),
        _("{who} may not enter {room} any more.").format(who=who, room=room),
    )


# --- invites and the trail -------------------------------------------------------------------------------------------


def invite(talk: Talk, arguments: list[str]) -> None:
    """Make an invite that lets people in whom the broker does not know."""
    words = arguments[0].split() if arguments else []
    role, uses, seconds = "member", 1, None
    for word, behind in zip(words, [*words, ""][1:], strict=True):
        span = read_span(word)
        joins = {"for": read_span(behind) is not None, "as": fold(behind) in ROLES, "×": True, "x": True}
        if fold(word) in ROLES:
            role = fold(word)
        elif word.isascii() and word.isdigit() and len(word) < 7 and int(word):
            uses = int(word)
        elif span is not None:
            seconds = span
        elif not joins.get(fold(word), False):
            talk.show(Refusal(_("It goes like this: /invite [HOW MANY] [for 24h] [as member]")))
            return
    wish: Role = next(known for known in get_args(Role) if known == role)

    def made(found: tuple[str, int]) -> None:
        text, number = found
        talk.show(Invitation(text, number, role, uses, seconds))

    talk.answers.ask(lambda: talk.chat.invite(wish, uses, seconds), made)


def invites(talk: Talk, arguments: list[str]) -> None:
    """Show which invites are good."""
    talk.answers.ask(talk.chat.invites, lambda found: talk.show(Invites(tuple(found), talk.now())))


def uninvite(talk: Talk, arguments: list[str]) -> None:
    """Withdraw an invite."""
    number = arguments[0]
    if not (number.isascii() and number.isdigit() and len(number) < 16):
        talk.show(Refusal(_("Which one? /invites shows their numbers.")))
        return
    do(talk, "/uninvite", lambda: talk.chat.uninvite(int(number)), _("It lets nobody in any more."))


def audit(talk: Talk, arguments: list[str]) -> None:
    """Show what those with a role did."""
    wanted = arguments[0] if arguments else "20"
    if not (wanted.isascii() and wanted.isdigit() and 1 <= int(wanted[:9]) <= 500):
        talk.show(Refusal(_("/audit takes how many lines to show: 1 to 500.")))
        return
    talk.answers.ask(
        lambda: talk.chat.audit(int(wanted)), lambda found: talk.show(Trail(tuple(found), talk.now().date()))
    )


# --- what was typed --------------------------------------------------------------------------------------------------


def _who(arguments: list[str]) -> tuple[str, str]:
    """Whom, and the rest of the line."""
    who, rest = [*arguments, ""][:2]
    return who.removeprefix("@"), rest


def _span(rest: str) -> tuple[float | None, str]:
    """Split '[for 2h] [reason]', or '[reason] for 2h'."""
    words = rest.split(maxsplit=2)
    if not words or fold(words[0]) != "for":
        *_before, word, last = ["", "", *rest.split()]
        seconds = read_span(last) if fold(word) == "for" else None
        return seconds, rest if seconds is None else rest[: rest.rindex(word)].strip()
    seconds = read_span(words[1]) if len(words) > 1 else None
    if seconds is None:  # taken for a reason, it would hold for good
        raise ClientError(_("For how long? A time is at most ten years, and looks like this: for 10m, for 2h, for 7d."))
    return seconds, words[2] if len(words) > 2 else ""


def _why(rest: str) -> tuple[float | None, str]:
    """The same where the reason is a rule's value."""
    seconds, reason = _span(rest)
    if fold(reason) == "off":  # which would be the opposite
        raise ClientError(_("off is no reason; /reopen and /unlock are what opens again."))
    return seconds, reason


def _where(arguments: list[str]) -> tuple[str, list[str]]:
    """'[#room] rest': the broker, or a room."""
    words = arguments[0].split() if arguments else []
    return (words[0], words[1:]) if words and words[0].startswith("#") else (EVERYONE, words)


def _room(talk: Talk, arguments: list[str]) -> tuple[str, list[str]]:
    """'[#room] rest': a room, or the current one."""
    if arguments and arguments[0].startswith("#"):
        return arguments[0], arguments[1:]
    return talk.current, arguments
