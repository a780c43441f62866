"""What only admins and the operator may do: kick, ban, grant, take the broker down.

An admin is a key with the role in the log. The operator is whoever proved the broker's own key, that is, who can read
its data folder; it may make the first admin.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from messages import Ban, Closing, Code, Done, Down, Grant, Kick, Unban

from . import leaving
from .checks import short_enough
from .entries import AnyEntry, Banned, Granted, Unbanned
from .state import Account

if TYPE_CHECKING:
    from .core import Core
    from .sessions import Peer


def handle(core: Core, peer: Peer, command: Kick | Ban | Unban | Grant | Down, now: float) -> None:
    """Carry out an admin's command, or refuse it."""
    if not peer.operator and peer.session is None:
        core.refuse(peer, command.number, Code.HELLO_FIRST, "Say Hello first: nobody is known on this connection yet.")
        return
    if not (peer.operator or (peer.session is not None and peer.session.here.account.admin)):
        text = "Only admins may do that; who runs the broker makes one with: confab-broker admin grant NICK"
        core.refuse(peer, command.number, Code.NOT_ALLOWED, text)
        return
    if isinstance(command, (Kick, Ban, Down)) and not short_enough(core, peer, command.number, command.reason):
        return
    if isinstance(command, Down):
        _down(core, peer, command, now)
        return
    try:
        account = core.state.whom(command.nick, holder_counts=isinstance(command, (Kick, Ban)))
    except LookupError as error:
        core.refuse(peer, command.number, Code.NO_SUCH_NICK, str(error))
        return
    if isinstance(command, Kick) and account.id not in core.here:
        core.refuse(peer, command.number, Code.NO_SUCH_NICK, f"{account.last_nick} is not here.")
        return
    _person(core, peer, command, account, now)


def _person(core: Core, peer: Peer, command: Kick | Ban | Unban | Grant, account: Account, now: float) -> None:
    by = core.name_of(peer)
    entries: list[AnyEntry] = []
    match command:
        case Kick():
            put_out(core, account, Code.KICKED, f"kicked by {by}", command.reason, now)
        case Ban():
            if account.admin and not peer.operator:
                core.refuse(peer, command.number, Code.NOT_ALLOWED, "An admin cannot be banned; the operator can.")
                return
            entries = [Banned(account.id, command.reason, by)]  # put out once that is committed
        case Unban():
            entries = [Unbanned(account.id, by)]
        case Grant():
            entries = [Granted(account.id, command.admin, by)]
    if not entries:
        core.note("kicked", who=account.last_nick, by=by, why=getattr(command, "reason", ""))
        core.answer(peer, Done(command.number))
    else:
        core.ask(peer, command, *entries)


def put_out(core: Core, account: Account, code: Code, what: str, why: str, now: float) -> None:
    """End all sessions of an account and say why; that frees a guest's nick."""
    text = f"{what}: {why}" if why else what
    here = core.here.get(account.id)
    if here is None:
        return
    for session in list(here.sessions.values()):
        if session.peer is not None:
            core.dismiss(session.peer, code, f"You were {text}", now)
        leaving.end(core, session, text)
    core.leave(here, text)


def _down(core: Core, peer: Peer, command: Down, now: float) -> None:
    seconds = command.seconds if math.isfinite(command.seconds) else 0.0
    closing = Closing(core.name_of(peer), seconds, command.reason)
    core.closing = (now + seconds, closing)
    core.tell(core.audience.everyone(), closing)
    core.note("closing", by=closing.by, seconds=seconds, reason=command.reason)
    core.answer(peer, Done(command.number))
