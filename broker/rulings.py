"""Rules, rooms and invites: what their owners and admins set and ask for. Checks, answers, and proposes entries.

Which rules there are stands in `policy`, what an invite's token opens in `access`.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias

from messages import (
    EVERYONE,
    NICK_LENGTH,
    Admit,
    Code,
    Invite,
    Invited,
    InviteInfo,
    InviteList,
    Invites,
    Rule,
    RuleList,
    Rules,
    Uninvite,
    fold,
    rank,
)

from . import access, entries
from .checks import Actor, actor, may_know, muted, short_enough
from .limits import OPENED, TICKETS
from .moderation import has_rank, until
from .policy import rules_of

if TYPE_CHECKING:
    from .core import Core
    from .sessions import Peer
    from .state import Room, Ticket

TOKEN_BYTES = 16
NOT_THE_OWNERS = ("closed",)  # rules of a room that its owner may not set: what a moderator closed stays closed

Ruling: TypeAlias = Rule | Rules | Admit | Invite | Invites | Uninvite


def handle(core: Core, peer: Peer, command: Ruling) -> None:
    """Carry out such a command, or refuse it."""
    who = actor(core, peer)
    match command:
        case Rule():
            _rule(core, peer, who, command)
        case Rules():
            _rules(core, peer, who, command)
        case Admit():
            _admit(core, peer, who, command)
        case Invite() | Invites() | Uninvite() if has_rank(core, peer, command.number, who, "admin"):
            _invite(core, peer, who, command)


# --- rules -----------------------------------------------------------------------------------------------------------


def _rule(core: Core, peer: Peer, who: Actor, command: Rule) -> None:
    """Set a rule, of the broker by role, of a room by role or as its owner."""
    room = None
    if command.where != EVERYONE:
        room = _room(core, peer, who, command.number, command.where)
        if room is None:
            return
    known = rules_of(command.where)
    rule = known.get(command.name)
    if rule is None:
        where = "the broker" if room is None else room.name
        text = f"There is no rule {command.name[:20]} for {where}; there are {', '.join(known)}."
        core.refuse(peer, command.number, Code.NOT_ALLOWED, text)
        return
    owned = room is not None and room.owner == who.id and who.id != 0 and command.name not in NOT_THE_OWNERS
    if not owned and not has_rank(core, peer, command.number, who, rule.least):
        return
    if not short_enough(core, peer, command.number, command.reason) or muted(core, peer, command.number):
        return
    try:
        value = rule.read(command.value)
    except ValueError as error:
        core.refuse(peer, command.number, Code.NOT_ALLOWED, f"{command.name} cannot be that. {error}")
        return
    if command.seconds is not None and not (rule.passes and value != "off"):
        core.refuse(peer, command.number, Code.NOT_ALLOWED, "Only what is closed or locked ends by itself.")
        return
    ruled = entries.Ruled(who.name, who.id, room.id if room else 0, command.name, value, command.reason)
    ruled.until = until(core, command.seconds)
    core.ask(peer, command, ruled)


def end_what_passes(core: Core, proposed: Iterable[entries.AnyEntry]) -> None:
    """Have what was closed or locked for a time open again, but what is set anew in this very tick."""
    anew = {(entry.room, entry.name) for entry in proposed if isinstance(entry, entries.Ruled)}
    for (room, name), end in core.state.passing.items():
        if end <= core.at and (room, name) not in anew:
            core.propose(entries.Ruled("the broker", 0, room, name, "off", ""))


def _rules(core: Core, peer: Peer, who: Actor, command: Rules) -> None:
    """Say what holds."""
    of = core.state.rule
    if command.where != EVERYONE:
        room = _room(core, peer, who, command.number, command.where)
        if room is None:
            return
        of = room.rule
    core.answer(peer, RuleList(command.number, command.where, [(name, of(name)) for name in rules_of(command.where)]))


def _room(core: Core, peer: Peer, who: Actor, number: int, name: str) -> Room | None:
    """A room that somebody may know of; refuses otherwise."""
    room = core.state.by_room.get(fold(name if name.startswith("#") else f"#{name}"))
    if room is None or not (may_know(core, who, room) or room.owner == who.id):
        core.refuse(peer, number, Code.NO_SUCH_ROOM, f"There is no room {fold(name)[:40]}.")
        return None
    return room


def _admit(core: Core, peer: Peer, who: Actor, command: Admit) -> None:
    """Let somebody into a private room, or put them out of it: its owner and admins may."""
    room = _room(core, peer, who, command.number, command.room)
    if room is None:
        return
    if room.owner != who.id and not has_rank(core, peer, command.number, who, "admin"):
        return
    account = core.state.by_nick.get(fold(command.who))  # held now: an owner learns nothing of others who were here
    if account is None and who.rank >= rank("admin"):
        with suppress(LookupError):
            account = core.state.whom(command.who, holder_counts=True)
    if account is None:
        core.refuse(peer, command.number, Code.NO_SUCH_NICK, f"Nobody called {command.who[:NICK_LENGTH]} is here.")
        return
    if command.let and len(room.opened) >= OPENED:
        core.refuse(
            peer, command.number, Code.TOO_MANY, f"{OPENED:,} people were let into {room.name}; no more can be."
        )
        return
    core.ask(peer, command, entries.Opened(who.name, who.id, account.id, room.id, command.let, account.last_nick))


# --- invites ---------------------------------------------------------------------------------------------------------


def _invite(core: Core, peer: Peer, who: Actor, command: Invite | Invites | Uninvite) -> None:
    match command:
        case Invites():
            found = [InviteInfo(one.id, one.role, one.left, one.until, one.by) for one in _good(core)]
            core.answer(peer, InviteList(command.number, found))
        case Uninvite() if command.invite not in core.state.tickets:
            core.refuse(peer, command.number, Code.NOT_ALLOWED, f"There is no invite {command.invite} that is good.")
        case Uninvite():
            core.ask(peer, command, entries.Uninvited(who.name, who.id, command.invite))
        case Invite() if rank(command.role) >= who.rank and who.rank < rank("owner"):
            core.refuse(peer, command.number, Code.NOT_ALLOWED, f"You may not make {command.role}s.")
        case Invite() if len(_good(core)) >= TICKETS:
            core.refuse(peer, command.number, Code.TOO_MANY, f"There are {TICKETS:,} invites already; withdraw some.")
        case Invite():
            token, digest = new_token()
            peer.token = token
            made = entries.Invited(who.name, who.id, digest, command.role, command.uses, until(core, command.seconds))
            core.ask(peer, command, made)


def _good(core: Core) -> list[Ticket]:
    """The invites that can be used still."""
    return [one for one in core.state.tickets.values() if one.until is None or one.until > core.at]


def new_token() -> tuple[str, bytes]:
    """A token, and what is kept of it."""
    token = base64.urlsafe_b64encode(os.urandom(TOKEN_BYTES)).decode().rstrip("=")
    return token, access.digest_of(token)


def invited(core: Core, peer: Peer, command: Invite, seq: int) -> None:
    """The invite is committed: tell its token, the only time."""
    core.answer(peer, Invited(command.number, seq, peer.token))
    peer.token = ""
