"""What those with a role do to others: kick, ban, mute, delete, grant, transfer, revoke.

Each is checked here and proposed as an entry, which is the audit trail. One may act on those further down than oneself.
The operator is whoever proved the broker's own key, that is, who can read its data folder; it stands above all.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from messages import (
    Ban,
    Code,
    Delete,
    Done,
    Down,
    Grant,
    InvalidAddress,
    Kick,
    Mute,
    Revoke,
    Stay,
    Transfer,
    Unban,
    Unmute,
    fold,
    parse_key,
    rank,
)

from . import countdown, leaving
from .access import Refusal, is_barred, is_wide, read_network, room_for_bar
from .checks import Actor, actor, may_know, muted, short_enough
from .entries import (
    EVERYONE_ID,
    Admitted,
    Announced,
    AnyDeed,
    AnyEntry,
    Banned,
    Barred,
    Granted,
    Kicked,
    Muted,
    Posted,
    Removed,
    Revoked,
    Transferred,
    Unbanned,
    Unbarred,
    Unmuted,
)
from .limits import BARRED, REMOVED
from .log import LogError
from .questions import HISTORY_COST

if TYPE_CHECKING:
    from .core import Core
    from .sessions import Peer
    from .state import Account

Moderating: TypeAlias = Kick | Ban | Unban | Mute | Unmute | Delete | Grant | Transfer | Revoke | Down | Stay

LEAST = {Kick: "moderator", Ban: "moderator", Unban: "moderator", Mute: "moderator", Unmute: "moderator"}
LEAST |= {Grant: "admin", Down: "admin", Stay: "admin"}  # what is not here one may do with what is one's own
HELD = (Kick, Ban, Mute, Transfer, Revoke)  # mean who holds a nick now, before those who had it


def handle(core: Core, peer: Peer, command: Moderating, now: float) -> None:
    """Carry out such a command, or refuse it."""
    who = actor(core, peer)
    if not has_rank(core, peer, command.number, who, LEAST.get(type(command), "guest")):
        return
    reason = getattr(command, "reason", "")
    if not short_enough(core, peer, command.number, reason) or (reason and muted(core, peer, command.number)):
        return
    match command:
        case Down():
            countdown.begin(core, peer, command, now)
        case Stay():
            countdown.call_off(core, peer, command)
        case Delete():
            _delete(core, peer, who, command)
        case Ban() | Unban() if (network := _network(core, peer, command)) is not None:
            if isinstance(command, Ban) and network not in core.state.barred and not room_for_bar(core):
                text = f"{BARRED:,} addresses are banned already; let some in again, or ban a range."
                core.refuse(peer, command.number, Code.TOO_MANY, text)
            elif isinstance(command, Unban) and network and not is_barred(core, network):
                core.answer(peer, Done(command.number))
            elif network and has_rank(core, peer, command.number, who, "admin" if is_wide(network) else "moderator"):
                core.ask(peer, command, _barring(core, who, command, network))
        case _:
            _person(core, peer, who, command)


def has_rank(core: Core, peer: Peer, number: int, who: Actor, least: str) -> bool:
    """Whether somebody is far enough up; refuses otherwise."""
    if who.rank >= rank(least):
        return True
    text = f"Only {least}s and those above may do that; who runs the broker grants it: confab-broker grant NICK {least}"
    core.refuse(peer, number, Code.NOT_ALLOWED, text)
    return False


def until(core: Core, seconds: float | None) -> int | None:
    """When something ends that holds for so long from now, ms since the epoch."""
    return None if seconds is None else core.at + int(seconds * 1000)


# --- addresses -------------------------------------------------------------------------------------------------------


def _network(core: Core, peer: Peer, command: Ban | Unban) -> str | None:
    """The network that is meant; None: a person is. Empty: it was refused."""
    try:
        return read_network(command.who)
    except ValueError as error:
        core.refuse(peer, command.number, Code.NOT_ALLOWED, str(error))
        return ""


def _barring(core: Core, who: Actor, command: Ban | Unban, network: str) -> AnyDeed:
    if isinstance(command, Unban):
        return Unbarred(who.name, who.id, network)
    return Barred(who.name, who.id, network, command.reason, until(core, command.seconds))


# --- people ----------------------------------------------------------------------------------------------------------


def _person(core: Core, peer: Peer, who: Actor, command: Moderating) -> None:
    name = getattr(command, "who", "")
    if isinstance(command, Grant) and _new_key(core, name):
        if _grantable(core, peer, who, command):
            core.ask(peer, command, Admitted(who.name, who.id, parse_key(name), command.role))
        return
    account = _whom(core, peer, who, command, name)
    if account is None:
        return
    if not who.above(account) or (who.account is account and isinstance(command, (Ban, Unban, Mute, Unmute, Kick))):
        whom = "yourself" if who.account is account else f"{account.last_nick}, who is {account.role}"
        core.refuse(peer, command.number, Code.NOT_ALLOWED, f"You may not do that to {whom}.")
        return
    deed = _deed(core, peer, who, command, account)
    if deed is not None:
        core.ask(peer, command, deed)


def _whom(core: Core, peer: Peer, who: Actor, command: Moderating, name: str) -> Account | None:
    """The account that is meant, or None, refused."""
    if isinstance(command, (Transfer, Revoke)):
        if who.account is not None and fold(name) in ("", fold(who.account.nick)):
            return who.account
        if not has_rank(core, peer, command.number, who, "admin"):
            return None
    try:
        meant = partial(_lifts, core, command)
        account = core.state.whom(name, holder_counts=isinstance(command, HELD), meant=meant)
    except LookupError as error:
        core.refuse(peer, command.number, Code.NO_SUCH_NICK, str(error))
        return None
    if isinstance(command, Kick) and account.id not in core.here:
        core.refuse(peer, command.number, Code.NO_SUCH_NICK, f"{account.last_nick} is not here.")
        return None
    return account


def _deed(core: Core, peer: Peer, who: Actor, command: Moderating, account: Account) -> AnyDeed | None:
    """The entry that says what was done to an account; None: it was refused."""
    by, whom = (who.name, who.id), account.last_nick
    if isinstance(command, (Unban, Unmute)) and not _lifts(core, command, account):  # which need not be written down
        core.answer(peer, Done(command.number))
        return None
    match command:
        case Kick():
            return Kicked(*by, account.id, command.reason, whom, until(core, command.seconds))
        case Ban():
            return Banned(*by, account.id, command.reason, until(core, command.seconds), whom)
        case Unban():
            return Unbanned(*by, account.id, whom)
        case Mute():
            return Muted(*by, account.id, command.reason, until(core, command.seconds), whom)
        case Unmute():
            return Unmuted(*by, account.id, whom)
        case Grant():
            return Granted(*by, account.id, command.role, whom) if _grantable(core, peer, who, command) else None
        case Revoke():
            return Revoked(*by, account.id, command.reason, whom)
        case Transfer():
            return _transfer(core, peer, who, command, account)
    return None


def _lifts(core: Core, command: Moderating, account: Account) -> bool:
    """Whether a command ends a ban or a mute of this account."""
    if isinstance(command, Unban):
        return account.banned(core.at) is not None
    return isinstance(command, Unmute) and account.muted(core.at) is not None


def _new_key(core: Core, name: str) -> bool:
    """Whether a key was never here."""
    try:
        return parse_key(name) not in core.state.by_key
    except InvalidAddress:
        return False


def _grantable(core: Core, peer: Peer, who: Actor, command: Grant) -> bool:
    """Whether somebody may give a role: one below the own; an owner may make owners. Refuses otherwise."""
    if rank(command.role) < who.rank or who.rank >= rank("owner"):
        return True
    core.refuse(peer, command.number, Code.NOT_ALLOWED, f"Who makes {command.role}s must be above them, or an owner.")
    return False


def _transfer(core: Core, peer: Peer, who: Actor, command: Transfer, account: Account) -> AnyDeed | None:
    """To a key, or to whoever is here under a nick."""
    if not account.registered:
        text = f"{account.last_nick} is not registered, so there is nothing to transfer; see /register."
        core.refuse(peer, command.number, Code.NOT_ALLOWED, text)
        return None
    heir = core.state.by_nick.get(fold(command.key))
    try:
        key = heir.key if heir is not None else parse_key(command.key)
        heir = core.state.by_key.get(key)
    except InvalidAddress:
        text = (
            f"{command.key[:50]} is neither a key, as `confab id show` prints it, nor the nick of somebody who is here."
        )
        core.refuse(peer, command.number, Code.NO_SUCH_NICK, text)
        return None
    if heir is not None and heir.nick and (heir.registered or who.rank < rank("admin") or not who.above(heir)):
        text = f"That key goes by {heir.nick}, and nobody is renamed so. Leave there first: /unregister, then /quit."
        core.refuse(peer, command.number, Code.NOT_ALLOWED, text)
        return None
    return Transferred(who.name, who.id, account.id, key, who.rank >= rank("admin"), account.last_nick)


# --- messages ---------------------------------------------------------------------------------------------------------


def _delete(core: Core, peer: Peer, who: Actor, command: Delete) -> None:
    """One's own message, or as a moderator anybody's."""
    if not core.afford(peer, command, HISTORY_COST):
        return
    entry = None
    if core.log.cut < command.seq <= core.log.head:
        try:
            segment = next(core.log.read(command.seq - 1))
        except LogError as error:
            core.refuse(peer, command.number, Code.NOT_READ, str(error))
            return
        entry = segment.entries[command.seq - segment.first]
    mine = isinstance(entry, (Posted, Announced)) and entry.account == who.id
    if not mine and not _deletable(core, who, entry):  # in the same words whatever it is, since it may be private
        text = f"{command.seq} is no message of yours. Moderators delete those of people below them that they can read."
        core.refuse(peer, command.number, Code.NOT_ALLOWED, text)
    elif not isinstance(entry, (Posted, Announced)) or command.seq in core.state.removed:
        core.refuse(peer, command.number, Code.NOT_ALLOWED, f"Message {command.seq} is deleted already.")
    elif len(core.state.removed) >= (REMOVED // 2 if mine else REMOVED):
        core.refuse(
            peer, command.number, Code.TOO_MANY, f"{REMOVED:,} messages are deleted already, and no more can be."
        )
    else:
        removed = Removed(who.name, who.id, command.seq, command.reason, entry.sender, entry.account, entry.to)
        core.ask(peer, command, removed)


def _deletable(core: Core, who: Actor, entry: AnyEntry | None) -> bool:
    """Whether a moderator may delete a message: of somebody below, to everyone or in a room that one knows of."""
    if who.rank < rank("moderator") or not isinstance(entry, (Posted, Announced)):
        return False
    room = core.state.rooms.get(entry.to)
    open_here = entry.to == EVERYONE_ID or (room is not None and may_know(core, who, room))
    return open_here and core.state.accounts[entry.account].rank < who.rank


# --- what follows ----------------------------------------------------------------------------------------------------


def put_out(core: Core, account: Account, code: Code, what: str, why: str, now: float, told: str = "") -> None:
    """End all sessions of an account and say why, to itself in the words `told`; that frees a guest's nick."""
    text = f"{what}: {why}" if why else what
    here = core.here.get(account.id)
    if here is None:
        return
    refusal = Refusal(code, told or f"You were {text}")
    for session in list(here.sessions.values()):
        if code == Code.KICKED:  # who is banned is told whenever they come, for as long as that holds
            leaving.untold(core, session, refusal)
        if session.peer is not None:
            core.dismiss(session.peer, *refusal, now)
        leaving.end(core, session, text)
    core.leave(here, text)
