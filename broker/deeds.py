"""What the deeds of those with a role make of the state: roles, bans, mutes, rules, tokens, nicks that change hands.

The part of `State.apply` that is about them: deterministic, and the one place that decides whether a deed took. Whether
somebody might do it was settled before, in `moderation`.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from messages import rank

from . import state as states
from .entries import (
    Admitted,
    AnyDeed,
    Banned,
    Barred,
    Downed,
    Granted,
    Invited,
    Kicked,
    Muted,
    Opened,
    Redeemed,
    Removed,
    Revoked,
    Ruled,
    Stayed,
    Transferred,
    Unbanned,
    Unbarred,
    Uninvited,
    Unmuted,
)

if TYPE_CHECKING:
    from .state import Penalty, State


def apply(state: State, seq: int, deed: AnyDeed) -> bool:
    """Fold in one deed; False when it changed nothing."""
    accounts = state.accounts
    match deed:
        case Granted():
            account = accounts[deed.account]
            took = account.role != deed.role
            state.rank_up(account, deed.role, seq)
            if account.rank < rank("admin"):
                _withdraw_invites(state, account.id)
            return took
        case Admitted():
            state.rank_up(state.account(seq, deed.key), deed.role, seq)
        case Kicked():
            if deed.until is not None:
                account = accounts[deed.account]
                account.ban = _later(states.Penalty(deed.by, deed.reason, deed.until), account.ban)
        case Downed() | Stayed():
            return True
        case Banned():
            accounts[deed.account].ban = states.Penalty(deed.by, deed.reason, deed.until)
            _withdraw_invites(state, deed.account)
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
            return _open(state, deed)
        case Invited():
            state.open_ticket(states.Ticket(seq, deed.digest, deed.role, deed.uses, deed.until, deed.by, deed.actor))
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
        state.rank_up(account, ticket.role, seq)
    return True


def _withdraw_invites(state: State, maker: int) -> None:
    """What somebody promised who has the right no more holds no more."""
    for ticket in [ticket for ticket in state.tickets.values() if ticket.maker == maker]:
        state.close_ticket(ticket)


def _open(state: State, deed: Opened) -> bool:
    """Let an account into a private room, or put it out of it."""
    room, account = state.rooms[deed.room], state.accounts[deed.account]
    was = account.id in room.opened
    room.opened = [each for each in room.opened if each != account.id] + [account.id] * deed.let
    left = not deed.let and state.leave(account, room.id)
    return was != deed.let or left


def _rule(state: State, deed: Ruled) -> None:
    state.passing.pop((deed.room, deed.name), None)
    if deed.until is not None:
        state.passing[deed.room, deed.name] = deed.until
    if not deed.room:
        state.rules[deed.name] = deed.value
        return
    room = state.rooms[deed.room]
    was_private = room.private
    room.rules = {**room.rules, deed.name: deed.value}
    if room.private and not was_private:  # who is in it may come back
        room.opened = sorted(state.members[room.id])


def _transfer(state: State, seq: int, deed: Transferred) -> bool:
    """The heir has nick, rooms, role and penalties from here on; what was said before is the former key's to read."""
    former, heir = state.accounts[deed.account], state.account(seq, deed.key)
    if not former.nick or heir is former or (heir.nick and (heir.registered or not deed.renames)):
        return False
    nick, role, rooms = former.nick, former.role, list(former.rooms)
    doors = [room for room in state.rooms.values() if former.id in room.opened]
    owned = [room for room in state.rooms.values() if room.owner == former.id]
    heir.ban, heir.mute = _later(former.ban, heir.ban), _later(former.mute, heir.mute)
    if not former.sharing:
        heir.shares_from = None
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
    for open_room in doors:
        open_room.opened = [*open_room.opened, heir.id]
    for own_room in owned:
        own_room.owner = heir.id
    state.owned[heir.id] += len(owned)
    return True


def _later(one: Penalty | None, other: Penalty | None) -> Penalty | None:
    """Of two penalties that which ends later."""
    held = [penalty for penalty in (one, other) if penalty is not None]
    return max(held, key=lambda penalty: inf if penalty.until is None else penalty.until, default=None)


def _strip(state: State, whose: int) -> None:
    """Take all from an account that its nick, its role and its rooms gave it; a mute and a ban stay."""
    account = state.accounts[whose]
    state.name(account, "")
    state.leave_all(account)
    account.registered = account.admitted = False
    account.role = "guest"
    _withdraw_invites(state, whose)
    for room in state.rooms.values():
        room.opened = [each for each in room.opened if each != whose]
        if room.owner == whose:
            room.owner = 0
    state.owned[whose] = 0
