"""What the deeds of those with a role make of the state: roles, bans, mutes, rules, tokens, nicks that change hands.

The part of `State.apply` that is about them: deterministic, and the one place that decides whether a deed took. Whether
somebody might do it was settled before, in `moderation`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from messages import rank

from . import state as states
from .entries import (
    Admitted,
    AnyDeed,
    Banned,
    Barred,
    Granted,
    Invited,
    Kicked,
    Muted,
    Opened,
    Redeemed,
    Removed,
    Revoked,
    Ruled,
    Transferred,
    Unbanned,
    Unbarred,
    Uninvited,
    Unmuted,
)

if TYPE_CHECKING:
    from .state import State


def apply(state: State, seq: int, deed: AnyDeed) -> bool:
    """Fold in one deed; False when it changed nothing."""
    accounts = state.accounts
    match deed:
        case Granted():
            account = accounts[deed.account]
            took = account.role != deed.role
            account.role, account.admitted = deed.role, True
            return took
        case Admitted():
            account = state.account(seq, deed.key)
            account.role, account.admitted = deed.role, True
        case Kicked():
            return True
        case Banned():
            accounts[deed.account].ban = states.Penalty(deed.by, deed.reason, deed.until)
        case Unbanned():
            took, accounts[deed.account].ban = accounts[deed.account].ban is not None, None
            return took
        case Barred():
            state.barred[deed.network] = states.Penalty(deed.by, deed.reason, deed.until)
        case Unbarred():
            return state.barred.pop(deed.network, None) is not None
        case Muted():
            accounts[deed.account].mute = states.Penalty(deed.by, deed.reason, deed.until)
        case Unmuted():
            took, accounts[deed.account].mute = accounts[deed.account].mute is not None, None
            return took
        case Removed():
            state.removed.add(deed.seq)
        case Opened():
            room = state.rooms[deed.room]
            if deed.account in room.opened:
                return False
            room.opened = [*room.opened, deed.account]
        case Invited():
            state.open_ticket(states.Ticket(seq, deed.digest, deed.role, deed.uses, deed.until, deed.by))
        case Uninvited():
            ticket = state.tickets.get(deed.invite)
            if ticket is None:
                return False
            state.close_ticket(ticket)
        case Redeemed():
            return _redeem(state, seq, deed)
        case Ruled():
            _rule(state, deed)
        case Transferred():
            return _transfer(state, seq, deed)
        case Revoked():
            _strip(state, deed.account)
    return True


def _redeem(state: State, seq: int, deed: Redeemed) -> bool:
    """The first keys have what a token is good for; it is forgotten with the last one."""
    ticket = state.tickets.get(deed.invite)
    if ticket is None:
        return False
    ticket.left -= 1
    if not ticket.left:
        state.close_ticket(ticket)
    account = state.account(seq, deed.key)
    account.admitted = True
    if rank(ticket.role) > account.rank:
        account.role = ticket.role
    return True


def _rule(state: State, deed: Ruled) -> None:
    if not deed.room:
        state.rules[deed.name] = deed.value
        return
    room = state.rooms[deed.room]
    room.rules = {**room.rules, deed.name: deed.value}


def _transfer(state: State, seq: int, deed: Transferred) -> bool:
    """The heir has nick, rooms and role from here on; what was said before stays the former key's to read."""
    former, heir = state.accounts[deed.account], state.account(seq, deed.key)
    if not former.nick or heir is former:
        return False
    nick, role, rooms = former.nick, former.role, list(former.rooms)
    _strip(state, former.id)
    state.name(heir, nick)
    heir.registered = heir.admitted = True
    heir.taken = seq
    if rank(role) > heir.rank:
        heir.role = role
    for room in rooms:
        if room not in heir.rooms:
            heir.rooms[room] = seq
            state.members[room].add(heir.id)
    return True


def _strip(state: State, whose: int) -> None:
    account = state.accounts[whose]
    state.name(account, "")
    state.leave_all(account)
    account.registered = account.admitted = False
    account.role = "guest"
