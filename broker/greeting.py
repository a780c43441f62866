"""How a connection becomes a session: Hello, the nick it asks for, and what is resumed.

Who someone is was settled before: `peer.key` is what CURVE proved. A Hello only says which nick that key would like.
Whether it may come in is decided by `access`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from messages import (
    GENERAL,
    PROTOCOL,
    Code,
    Coming,
    Hello,
    InvalidName,
    Presence,
    Storing,
    Welcome,
    fold,
    version_refusal,
)

from . import access, leaving
from .access import Refusal
from .entries import AnyEntry, Installed, Joined, Named, Redeemed
from .limits import (
    CHOOSING_PER_ADDRESS,
    DEVICES_PER_ACCOUNT,
    NEWCOMERS_AT_ONCE,
    NEWCOMERS_PER_SECOND,
    SESSIONS_PER_ACCOUNT,
    SESSIONS_PER_ADDRESS,
    is_local,
    site,
)
from .naming import allowed_nick
from .sessions import Here, Session
from .state import Device

if TYPE_CHECKING:
    from .core import Core
    from .sessions import Peer
    from .state import Account


CLIENT_LENGTH = 64  # characters of what a client calls itself, in our log
CHOICE_SECONDS = 300.0  # for a person to choose another nick


def hello(core: Core, peer: Peer, command: Hello, now: float) -> None:
    """Let a key in under the nick it asks for, or say why not."""
    if peer.session is not None:
        core.refuse(peer, 0, Code.MALFORMED, "This connection has said Hello already.")
    elif command.protocol != PROTOCOL:
        refusal = version_refusal(command.protocol)
        core.refuse(peer, 0, refusal.code, refusal.text)
        core.dismiss(peer, refusal.code, refusal.text, now)
    elif peer.key == core.operator:
        peer.operator = True
        core.answer(peer, _welcome(core, "operator", core.tick_head, resumed=False))
    else:
        _admit(core, peer, command, now)


def _admit(core: Core, peer: Peer, command: Hello, now: float) -> None:
    account = core.state.by_key.get(peer.key)
    ticket = access.find_ticket(core.state, command.token, core.at)
    untold = _put_out(core, account, command.device)
    if refusal := access.refusal(core, account, peer.address, ticket) or untold:
        _turn_away(core, peer, refusal, now)
        return
    if too_many := _too_many(core, peer, account, command.device, now):
        core.refuse(peer, 0, Code.TOO_MANY, too_many)
        return
    entries: list[AnyEntry] = []
    if better := access.worth(account, ticket):
        entries.append(Redeemed(account.nick if account and account.nick else command.nick, 0, peer.key, better.id))
    if account is not None and _hiding(account, command.nick, core.at):
        core.refuse(peer, 0, Code.NICK_INVALID, f"You are muted, and known here as {account.last_nick}. Come as that.")
        return
    if account is None or not account.nick:
        if peer.key in core.arriving:  # another device of this account has just asked for a nick; one counts for both
            core.backlog.postpone(peer, command)
            return
        try:
            nick = allowed_nick(core, command.nick)
        except InvalidName as error:
            _let_choose(core, peer, now)
            core.refuse(peer, 0, Code.NICK_INVALID, str(error))
            return
        if fold(nick) in core.state.by_nick:
            refuse_taken(core, peer, nick, now)
            return
        entries += [Named(peer.key, nick, command.quiet), Joined(peer.key, GENERAL)]
    if account is None or (account.id, command.device) not in core.state.by_token:
        entries.append(Installed(peer.key, command.device))
    if account is None and _swarming(core, peer, now):
        text = "Too many have come from your address for the first time. Come again in some seconds."
        core.refuse(peer, 0, Code.TOO_MANY, text)
        return
    if entries:
        core.ask(peer, command, *entries)
    elif account is not None:
        attach(core, peer, command, now, resumed=True)


def _put_out(core: Core, account: Account | None, token: bytes) -> access.Refusal | None:
    """Why this device was put out when it could not be told; it is once."""
    device = core.state.by_token.get((account.id, token)) if account is not None else None
    return leaving.told(core, device.id) if device is not None else None


def _turn_away(core: Core, peer: Peer, refusal: Refusal, now: float) -> None:
    core.refuse(peer, 0, refusal.code, refusal.text)
    core.dismiss(peer, refusal.code, refusal.text, now)


def _too_many(core: Core, peer: Peer, account: Account | None, token: bytes, now: float) -> str:
    """Why there may be no further session, a sentence; empty: there may. Those of this machine are not counted."""
    here = core.here.get(account.id) if account is not None else None
    device = core.state.by_token.get((account.id, token)) if account is not None else None
    if here is not None and device is not None and device.id in here.sessions:
        return ""  # it takes its own place
    if here is not None and len(here.sessions) >= SESSIONS_PER_ACCOUNT:
        return f"There are {SESSIONS_PER_ACCOUNT} sessions under your key already. Close some, or come again later."
    devices = core.state.installed[account.id] + core.arriving[peer.key] if account is not None else 0
    if device is None and devices >= DEVICES_PER_ACCOUNT:
        return f"{DEVICES_PER_ACCOUNT:,} devices have used your key, and more are not possible. Take one of them again."
    if core.seats.at(peer.address) >= SESSIONS_PER_ADDRESS:
        return f"There are {SESSIONS_PER_ADDRESS:,} sessions from your address already. Come again later."
    return ""


def _swarming(core: Core, peer: Peer, now: float) -> bool:
    """Whether too many accounts came into being from this address lately; those of this machine are not counted."""
    if is_local(peer.address):
        return False
    return not core.newcomers.take(site(peer.address), 1, NEWCOMERS_PER_SECOND, NEWCOMERS_AT_ONCE, now)


def _hiding(account: Account, nick: str, at: int) -> bool:
    """Whether someone who was muted would come back, with another nick than the one known to all."""
    if account.nick or not account.last_nick or account.muted(at) is None:
        return False
    return fold(nick) != fold(account.last_nick)


def refuse_taken(core: Core, peer: Peer, nick: str, now: float) -> None:
    """Say that a nick belongs to someone else, and give the person time to think of another."""
    _let_choose(core, peer, now)
    core.refuse(peer, 0, Code.NICK_TAKEN, f"The nick {nick} is taken; choose another.")


def _let_choose(core: Core, peer: Peer, now: float) -> None:
    """Give a connection minutes instead of seconds, once, and not too many from one address."""
    where = site(peer.address)
    if peer in core.choosing:
        return
    if not is_local(where) and list(core.choosing.values()).count(where) >= CHOOSING_PER_ADDRESS:
        return
    core.choosing[peer] = where
    peer.greet_by = now + CHOICE_SECONDS


def committed(core: Core, peer: Peer, command: Hello, now: float) -> None:
    """The entries of this Hello are applied: the key has the nick now, or another key was first."""
    account = core.state.by_key.get(peer.key)
    ticket = access.find_ticket(core.state, command.token, core.at)
    if refusal := access.refusal(core, account, peer.address, ticket):  # what it needed was taken in the same tick
        _turn_away(core, peer, refusal, now)
        leaving.abandoned(core, peer)
    elif account is None or not account.nick:
        refuse_taken(core, peer, command.nick, now)
    elif too_many := _too_many(core, peer, account, command.device, now):  # many came in the same tick
        core.refuse(peer, 0, Code.TOO_MANY, too_many)
        leaving.abandoned(core, peer)
    else:
        attach(core, peer, command, now, resumed=account.id in core.here)


def read_only(core: Core, peer: Peer, why: str) -> bool:
    """What this Hello needs could not be written: a script of a known account may ask all the same; whether it is one.

    It is no session, which has a device and a nick in the log, and nothing is delivered to it. It ends, to be tried
    anew, when the time for a Hello is over.
    """
    command, account = peer.asked, core.state.by_key.get(peer.key)
    if not isinstance(command, Hello) or not command.quiet or account is None:
        return False
    device = core.state.by_token.get((account.id, command.device)) or Device(0, account.id, command.device)
    after = command.after
    if command.timeline and after is not None:
        after = core.log.shared(command.timeline, after)
    cursor = core.state.seq if after is None else min(after, core.state.seq)
    peer.reader = Session(
        here=Here(account, account.last_nick, core.at),
        device=device,
        peer=None,
        quiet=True,
        feeding=False,
        cursor=cursor,
        began=cursor,
        taken=cursor,
        number=device.last_number,
    )
    nick, number = account.last_nick, device.last_number
    welcome = _welcome(core, nick, cursor, resumed=False, account=account, number=number)
    core.answer(peer, replace(welcome, head=cursor))  # it does not wait for what is behind it
    core.answer(peer, Storing(False, why))
    return True


def attach(core: Core, peer: Peer, command: Hello, now: float, *, resumed: bool) -> None:
    """Bind the connection to its session, new or resumed, and welcome it."""
    account = core.state.by_key[peer.key]
    device = core.state.by_token[account.id, command.device]
    if command.timeline and command.after is not None:
        command = replace(command, after=core.log.shared(command.timeline, command.after))
    here = core.here.get(account.id)
    if here is None:
        here = core.here[account.id] = Here(account, account.nick, core.at)
    before = here.sessions.get(device.id)
    if before is not None:
        core.forget(before)
        core.receipts.drop(before)
        here.reach = here.reach.joined(before.reach)
        if before.peer is not None:
            core.seats.leave(before)
            before.peer.session = None
            core.dismiss(
                before.peer, Code.REPLACED, "The same device connected again; that connection counts now.", now
            )
            before.peer = None  # so that this person counts as away until now
    head = core.state.seq
    if command.after is not None and command.after > head:
        core.note(
            "log", text=f"{account.nick} has seen sequence {command.after}, the log ends at {head}: its end is lost."
        )
    cursor = min(_start(core, here, command), head)
    session = here.sessions[device.id] = Session(
        here=here,
        device=device,
        peer=peer,
        quiet=command.quiet,
        feeding=command.feed,
        cursor=cursor,
        began=_began(command, cursor),
        taken=cursor,
        number=max(device.last_number, before.number if before else core.spoken.get(device.id, 0)),
    )
    peer.session = session
    core.choosing.pop(peer, None)
    core.seats.take(session)
    core.audience.changed()
    core.answer(
        peer, _welcome(core, account.nick, session.cursor, resumed=resumed, account=account, number=session.number)
    )
    core.receipts.greeted(session)
    session.live = session.feeding and session.cursor == head
    if not session.live:
        core.follow(session)
    if core.closing:
        core.answer(peer, core.closing.left(now))
    if not core.storing:
        core.answer(peer, Storing(False, "The broker cannot write its log at present; nothing is accepted."))
    _announce(core, here, session, command)


def _start(core: Core, here: Here, command: Hello) -> int:
    """Behind which sequence deliveries begin: where the device stopped, where the person did who is back, or now."""
    if command.after is not None:
        return command.after
    if command.quiet or here.present:
        return core.state.seq
    waiting = [session.taken for session in here.sessions.values() if not session.quiet]  # within their lease
    away = here.taken or here.account.taken if here.account.registered else core.state.seq
    return max(waiting, default=away)


def _began(command: Hello, cursor: int) -> int:
    """Behind which sequence the client took everything up to the cursor; of another log's it says nothing."""
    if command.began is None or command.after != cursor:
        return cursor
    return min(command.began, cursor)


def _announce(core: Core, here: Here, session: Session, command: Hello) -> None:
    """Tell the others that a person came, or is back."""
    if session.quiet:
        return
    what: Coming | None = "joined" if not here.announced else "back" if here.lost else None
    here.announced, here.lost = True, False
    if what is not None:
        core.tell(core.audience.everyone(), Presence(here.account.nick, what), session)
        core.note(what, who=here.account.nick, client=command.client[:CLIENT_LENGTH])


def _welcome(
    core: Core,
    nick: str,
    after: int,
    *,
    resumed: bool,
    account: Account | None = None,
    number: int = 0,
) -> Welcome:
    rooms = [core.state.rooms[room].name for room in account.rooms] if account else []
    return Welcome(
        protocol=PROTOCOL,
        nick=nick,
        head=core.state.seq,
        after=after,
        resumed=resumed,
        last_number=number,
        rooms=rooms,
        role="owner" if account is None else account.role,
        broker=core.name,
        registered=account is not None and account.registered,
        timeline=core.log.timeline,
        sharing=account is None or account.sharing,
    )
