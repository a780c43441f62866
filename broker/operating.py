"""The operator's subcommands of `confab-broker`: grant, policy, invite, audit. Their arguments, and what they print.

They are put to the broker by `operator`, whether it runs or not, and answered by the rules that hold for everybody.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from messages import (
    EVERYONE,
    HISTORY_PAGE,
    ROLES,
    Address,
    Audit,
    AuditPage,
    Deed,
    Grant,
    Home,
    Invite,
    Invited,
    InviteList,
    Invites,
    MessageError,
    Rule,
    RuleList,
    Rules,
    Uninvite,
    harmless,
)

if TYPE_CHECKING:
    from messages import AnyCommand, AnyEvent

_TAKEN = {"create": {"uses", "expires", "role"}, "list": set[str](), "revoke": {"number"}}  # by what one does
_TAKEN["all"] = set.union(*_TAKEN.values())
_LONGEST = 10 * 366 * 86_400  # seconds
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def add_commands(commands: Any, add_data: Callable[[argparse.ArgumentParser], None]) -> None:
    """Add the subcommands to a parser's."""
    grant = commands.add_parser("grant", help="give a person, or a key that was never here, a role")
    grant.add_argument("who", metavar="NICK|KEY", help="a nick, or the key where several went by it")
    grant.add_argument("role", choices=ROLES)
    policy = commands.add_parser("policy", help="show or set what holds here, or in a room")
    policy.add_argument("words", nargs="*", metavar="['#room'] [RULE [VALUE]]")
    invite = commands.add_parser("invite", help="make an invite that lets so many people in, list them, withdraw one")
    invite.add_argument("action", choices=("create", "list", "revoke"))
    invite.add_argument("number", nargs="?", type=int, help="which to revoke, as list shows it")
    invite.add_argument("--uses", type=_uses, metavar="N", help="how many keys may come in with it (1)")
    invite.add_argument("--expires", type=seconds, metavar="TIME", help="until when: 30m, 24h, 7d (default: no end)")
    invite.add_argument("--role", choices=ROLES, help="what those become who come with it (member)")
    audit = commands.add_parser("audit", help="what those with a role did, the latest last")
    audit.add_argument("--limit", type=int, default=50, metavar="N", help=f"how many, at most {HISTORY_PAGE} (50)")
    audit.add_argument("--before", type=int, metavar="SEQ", help="only those before this sequence number")
    audit.add_argument("--json", action="store_true", help="print one JSON object a line")
    for command in (grant, policy, invite, audit):
        add_data(command)


class UsageError(MessageError):
    """Arguments that make no sense; the text is a sentence."""


def _uses(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 8 and 1 <= int(text) <= 1_000_000):
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to a million")
    return int(text)


def seconds(text: str) -> float:
    """A stretch of time, as in 30m, 24h or 7d, in seconds; raises ArgumentTypeError."""
    found = re.fullmatch(r"(\d{1,6})([smhd])", text.lower())
    if not found or not 0 < int(found[1]) * _UNITS[found[2]] <= _LONGEST:
        raise argparse.ArgumentTypeError(f"{text!r} is no stretch of time up to ten years; say it as in 30m, 24h or 7d")
    return float(int(found[1]) * _UNITS[found[2]])


def run(home: Home, arguments: argparse.Namespace, invites: Callable[[Home], list[Address]]) -> int:
    """Carry out one of them; `invites` tells where the broker of a home is reached. Returns the exit code."""
    from . import operator

    def ask(command: AnyCommand) -> AnyEvent:
        return operator.ask(home, command)

    match arguments.command:
        case "grant":
            ask(Grant(1, arguments.who, arguments.role))
            print(f"{arguments.who} is {arguments.role} now.")
        case "policy":
            _policy(ask, arguments.words)
        case "invite":
            _invite(ask, arguments, invites(home) if arguments.action == "create" else [])
        case "audit":
            _audit(ask, arguments)
    return 0


def _policy(ask: Callable[[AnyCommand], AnyEvent], words: list[str]) -> None:
    where = words.pop(0) if words and words[0].startswith("#") else EVERYONE
    if len(words) >= 2:
        ask(Rule(1, where, words[0], " ".join(words[1:])))
    found = ask(Rules(1, where))
    if isinstance(found, RuleList):
        if words and words[0] not in dict(found.rules):
            raise UsageError(f"There is no rule {words[0]}; there are {', '.join(dict(found.rules))}.")
        for name, value in found.rules:
            if not words or name == words[0]:
                print(f"{name:10} {harmless(value)}")


def _invite(ask: Callable[[AnyCommand], AnyEvent], arguments: argparse.Namespace, listening: list[Address]) -> None:
    _check_invite(arguments)
    match arguments.action:
        case "create":
            made = ask(Invite(1, arguments.role or "member", arguments.uses or 1, arguments.expires))
            if isinstance(made, Invited):
                for address in listening:
                    print(replace(address, token=made.token).invite)
        case "list":
            found = ask(Invites(1))
            if isinstance(found, InviteList):
                for one in found.invites:
                    end = "no end" if one.until is None else f"until {_clock(one.until)}"
                    print(f"{one.invite:<8} {one.left} × {one.role}  {end}  by {harmless(one.by)}")
        case _:
            ask(Uninvite(1, arguments.number))
            print(f"Invite {arguments.number} lets nobody in any more.")


def _check_invite(arguments: argparse.Namespace) -> None:
    """Refuse what an action does not take, so that nobody takes it to have counted. Raises UsageError."""
    action, given = arguments.action, {name for name in _TAKEN["all"] if getattr(arguments, name) is not None}
    if "number" in given and action != "revoke":
        raise UsageError(f"`invite {action}` takes no number. How many people an invite lets in, --uses says.")
    if superfluous := given - _TAKEN[action]:
        raise UsageError(f"`invite {action}` takes no --{min(superfluous)}.")
    if action == "revoke" and "number" not in given:
        raise UsageError("Which invite? `confab-broker invite list` shows their numbers.")


def _audit(ask: Callable[[AnyCommand], AnyEvent], arguments: argparse.Namespace) -> None:
    deeds: list[Deed] = []
    before = arguments.before
    while len(deeds) < max(1, arguments.limit):  # the broker looks at only so much for one page
        page = ask(Audit(1, max(1, arguments.limit) - len(deeds), before))
        if not isinstance(page, AuditPage):
            return
        deeds, before = page.deeds + deeds, page.before
        if before is None:
            break
    for deed in deeds:
        if arguments.json:
            fields = ("seq", "at", "what", "by", "whom", "detail", "reason", "until")
            print(json.dumps({name: getattr(deed, name) for name in fields}))
            continue
        until = "" if deed.until is None else f"until {_clock(deed.until)}"
        reason = f"— {deed.reason}" if deed.reason else ""
        words = (deed.what, deed.whom, deed.detail, f"by {deed.by}", until, reason)
        print(f"{deed.seq:<8} {_clock(deed.at, '%H:%M:%S')}  {harmless(' '.join(filter(None, words)))}")


def _clock(at: int, precision: str = "%H:%M") -> str:
    return time.strftime(f"%Y-%m-%d {precision}", time.localtime(at / 1000))
