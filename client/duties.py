"""The shell's subcommands for those with a role, and for owners of rooms: their rows of the table, and how they run.

Like those in subcommands.py they print and map no errors, and import what they need when they run.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from messages import EVERYONE, HISTORY_PAGE, ROLES, check_room, harmless

from .exits import ACCEPTED
from .language import N_, _
from .spans import read_span
from .subcommands import Subcommand, UsageError, add_common, no_words, open_client, patience
from .values import count

Deed = Callable[[Any, list[str], argparse.Namespace], Any]  # what is asked of a Client; returns a Receipt


def _span(text: str) -> float:
    seconds = read_span(text)
    if seconds is None:
        raise argparse.ArgumentTypeError(
            _("{text} is no stretch of time up to ten years: write it as in 10m, 24h or 7d").format(text=text)
        )
    return seconds


def _uses(text: str) -> int:
    if (uses := count(text)) > 1_000_000:
        raise argparse.ArgumentTypeError(_("{text} is too many: a million at the most").format(text=text))
    return uses


def _lasting(parser: argparse.ArgumentParser) -> None:
    add_common(parser)
    parser.add_argument(
        "--for", dest="seconds", type=_span, metavar="TIME", help=_("for 10m, 24h, 7d (default: for good)")
    )


def _kicking(parser: argparse.ArgumentParser) -> None:
    add_common(parser)
    parser.add_argument(
        "--for", dest="seconds", type=_span, metavar="TIME", help=_("keep out for 10m, 24h, 7d (default: come again)")
    )


def _inviting(parser: argparse.ArgumentParser) -> None:
    add_common(parser)
    parser.add_argument("--uses", type=_uses, default=1, metavar="N", help=_("how many keys may come in with it (1)"))
    parser.add_argument("--expires", type=_span, metavar="TIME", help=_("until when: 30m, 24h, 7d (default: no end)"))
    parser.add_argument(
        "--role", choices=ROLES, default="member", help=_("what those become who come with it (member)")
    )


def _auditing(parser: argparse.ArgumentParser) -> None:
    add_common(parser)
    parser.add_argument(
        "--limit",
        type=count,
        default=50,
        metavar="N",
        help=_("how many, the latest, at most {history_page}").format(history_page=HISTORY_PAGE),
    )
    parser.add_argument("--before", type=count, metavar="SEQ", help=_("only those before this sequence number"))


def _deed(needs: int, what: str, ask: Deed, most: int | None = None) -> Callable[[argparse.Namespace], int]:
    """A command that is accepted or refused; `what` are its arguments, of which it needs so many, and takes `most`."""

    def run(options: argparse.Namespace) -> int:
        from .oneshot import Out

        if len(options.words) < needs or (most is not None and len(options.words) > most):
            raise UsageError(_("{command} takes {what}.").format(command=options.command, what=_(what)))
        with open_client(options) as chat:
            seq = ask(chat, options.words, options).wait(patience(options))
        Out(as_json=options.json).accepted(seq, "", None)
        return ACCEPTED

    return run


def _reason(words: list[str]) -> str:
    return " ".join(words[1:])


def _room_first(words: list[str]) -> list[str]:
    """A room and a nick, whichever way round they were given."""
    return sorted(words[:2], key=lambda word: not word.startswith("#"))


def _shut(chat: Any, options: argparse.Namespace, rule: str, reason: list[str], where: str) -> Any:
    """Close a room, or lock the broker; the reason is the rule's value."""
    text = " ".join(reason) or "on"
    if text.lower() == "off":  # which would be the opposite
        raise UsageError(_("off is no reason; reopen and unlock are what opens again."))
    return chat.set_rule(rule, text, where if where == EVERYONE else check_room(where), seconds=options.seconds)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise UsageError(
            _("{text} is no number, as `confab history --json` shows them in `seq`, and `confab invites`.").format(
                text=text
            )
        )
    return int(text)


def _role(text: str) -> Any:
    if text not in ROLES:
        raise UsageError(_("{text} is no role; there are {roles}.").format(text=text, roles=", ".join(ROLES)))
    return text


def _rules(options: argparse.Namespace) -> int:
    """Show the rules of the broker or of a room, or set one."""
    from .oneshot import Out

    words = list(options.words)
    where = check_room(words.pop(0)) if words and words[0].startswith("#") else EVERYONE
    out = Out(as_json=options.json)
    with open_client(options) as chat:
        if len(words) >= 2:
            chat.set_rule(words[0], _reason(words), where).wait(patience(options))
        found = chat.rules(where, patience(options))
    if words and words[0] not in found:
        raise UsageError(_("There is no rule {name}; there are {rules}.").format(name=words[0], rules=", ".join(found)))
    out.pairs({name: value for name, value in found.items() if not words or name == words[0]})
    return ACCEPTED


def _invite(options: argparse.Namespace) -> int:
    from .oneshot import Out

    no_words(options)
    out = Out(as_json=options.json)
    with open_client(options) as chat:
        text, number = chat.invite(options.role, options.uses, options.expires, patience(options))
    out.object({"invite": text, "number": number}) if out.as_json else out.line(harmless(text))
    return ACCEPTED


def _invites(options: argparse.Namespace) -> int:
    from .oneshot import Out

    no_words(options)
    with open_client(options) as chat:
        found = chat.invites(patience(options))
    Out(as_json=options.json).invites(found)
    return ACCEPTED


def _audit(options: argparse.Namespace) -> int:
    from .oneshot import Out

    no_words(options)
    with open_client(options) as chat:
        found = chat.audit(options.limit, options.before, patience(options))
    Out(as_json=options.json).deeds(found)
    return ACCEPTED


DUTIES = {
    "kick": Subcommand(
        N_("end a person's sessions"),
        "NICK [REASON ...]",
        _kicking,
        _deed(1, N_("a nick"), lambda chat, words, options: chat.kick(words[0], _reason(words), options.seconds)),
    ),
    "ban": Subcommand(
        N_("keep out a person's key, an address or a range"),
        "NICK|KEY|ADDRESS [REASON ...]",
        _lasting,
        _deed(1, N_("whom"), lambda chat, words, options: chat.ban(words[0], _reason(words), options.seconds)),
    ),
    "unban": Subcommand(
        N_("let in again"),
        "NICK|KEY|ADDRESS",
        add_common,
        _deed(1, N_("whom"), lambda chat, words, _: chat.unban(words[0]), 1),
    ),
    "mute": Subcommand(
        N_("take nothing from a person that others would see"),
        "NICK [REASON ...]",
        _lasting,
        _deed(1, N_("a nick"), lambda chat, words, options: chat.mute(words[0], _reason(words), options.seconds)),
    ),
    "unmute": Subcommand(
        N_("let a person speak again"),
        "NICK",
        add_common,
        _deed(1, N_("a nick"), lambda chat, words, _: chat.unmute(words[0]), 1),
    ),
    "delete": Subcommand(
        N_("show a message to nobody any more"),
        "NUMBER [REASON ...]",
        add_common,
        _deed(1, N_("a message's number"), lambda chat, words, _: chat.delete(_number(words[0]), _reason(words))),
    ),
    "close": Subcommand(
        N_("close a room: nobody may speak there or enter"),
        "'#ROOM' [REASON ...]",
        _lasting,
        _deed(
            1,
            N_("a room"),
            lambda chat, words, options: _shut(chat, options, "closed", words[1:], words[0]),
        ),
    ),
    "reopen": Subcommand(
        N_("open a closed room"),
        "'#ROOM'",
        add_common,
        _deed(1, N_("a room"), lambda chat, words, _: chat.set_rule("closed", "off", check_room(words[0])), 1),
    ),
    "lock": Subcommand(
        N_("let nobody new in for now"),
        "[REASON ...]",
        _lasting,
        _deed(0, N_("a reason"), lambda chat, words, options: _shut(chat, options, "locked", words, EVERYONE)),
    ),
    "unlock": Subcommand(
        N_("let newcomers in again"),
        "",
        add_common,
        _deed(0, N_("nothing"), lambda chat, words, _: chat.set_rule("locked", "off"), 0),
    ),
    "admit": Subcommand(
        N_("let a person into a private room"),
        "'#ROOM' NICK",
        add_common,
        _deed(2, N_("a room and a nick"), lambda chat, words, _: chat.admit(*_room_first(words)), 2),
    ),
    "expel": Subcommand(
        N_("put a person out of a private room"),
        "'#ROOM' NICK",
        add_common,
        _deed(2, N_("a room and a nick"), lambda chat, words, _: chat.expel(*_room_first(words)), 2),
    ),
    "grant": Subcommand(
        N_("give a person, or a key that was never here, a role"),
        "NICK|KEY ROLE",
        add_common,
        _deed(2, N_("whom and a role"), lambda chat, words, _: chat.grant(words[0], _role(words[1])), 2),
    ),
    "transfer": Subcommand(
        N_("give a registered nick, its rooms and role to another key"),
        "[NICK] KEY",
        add_common,
        _deed(1, N_("a key"), lambda chat, words, _: chat.transfer(words[-1], words[0] if len(words) > 1 else ""), 2),
    ),
    "revoke": Subcommand(
        N_("free a nick, and end its registration and role"),
        "[NICK] [REASON ...]",
        add_common,
        _deed(0, N_("a nick"), lambda chat, words, _: chat.revoke(words[0] if words else "", _reason(words))),
    ),
    "rules": Subcommand(N_("show or set the rules here or of a room"), "['#ROOM'] [NAME VALUE]", add_common, _rules),
    "invite": Subcommand(N_("make an invite that lets so many people in"), "", _inviting, _invite),
    "invites": Subcommand(N_("the invites there are"), "", add_common, _invites),
    "uninvite": Subcommand(
        N_("withdraw an invite"),
        "NUMBER",
        add_common,
        _deed(1, N_("an invite's number"), lambda chat, words, _: chat.uninvite(_number(words[0])), 1),
    ),
    "audit": Subcommand(N_("what those with a role did"), "", _auditing, _audit),
}
