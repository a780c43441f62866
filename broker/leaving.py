"""How a session ends: by a bye, with its connection and the lease behind it, or put out; and what the others hear.

A person whose last session ended is released with the tick, unless the same key is coming in again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from messages import LEASE_SECONDS, Code, Presence

from .access import Refusal
from .entries import Reached, Released, Span, Untold
from .sessions import Here, Peer, Session

if TYPE_CHECKING:
    from .core import Core
    from .state import State

STAND_SECONDS = 300.0  # between two times: after a kill, a new device is sent again what was taken meanwhile
UNTOLD = 10_000  # devices that are remembered so: half a megabyte
FAREWELL_SECONDS = 2.0  # a client that is told to go, or said Bye, is cut if it is still connected by then


def bye(core: Core, peer: Peer, now: float) -> None:
    """A client leaves: its session ends, and with the last one a guest's nick is free."""
    peer.leaving = True
    farewell(core, peer, now)
    if peer.session is not None:
        end(core, peer.session, "")


def detach(core: Core, session: Session, now: float) -> None:
    """A connection broke: the session waits for its client until the lease ends."""
    core.seats.leave(session)
    session.peer = None
    core.forget(session)
    core.receipts.drop(session)
    core.audience.changed()
    session.expires = now + LEASE_SECONDS
    core.schedule(session, session.expires)
    here = session.here
    if here.announced and not here.lost and not here.present:
        here.lost = True
        core.tell(core.audience.everyone(), Presence(here.nick, "lost"))
        core.note("lost", who=here.nick)


def end(core: Core, session: Session, reason: str) -> None:
    """A session is over."""
    here = session.here
    if here.sessions.get(session.device.id) is not session:
        return
    del here.sessions[session.device.id]
    if not session.quiet:
        here.taken = max(session.taken, here.taken)
    here.reach = here.reach.joined(session.reach)
    if session.number > session.device.last_number:
        core.spoken[session.device.id] = session.number
    core.forget(session)
    core.receipts.drop(session)
    core.audience.changed()
    core.seats.leave(session)
    if session.peer is not None:
        session.peer.session = None
    if not here.sessions:
        core.leave(here, reason)
    elif not here.staffed:
        tell_left(core, here, reason)


def farewell(core: Core, peer: Peer, now: float) -> None:
    """Cut a connection soon, unless its client closes it before."""
    peer.cut_at = now + FAREWELL_SECONDS
    core.schedule(peer, peer.cut_at)


def untold(core: Core, session: Session, refusal: Refusal) -> None:
    """A device is put out: unless its client closes the connection, having read why, it is told when it comes again."""
    device = session.device.id
    if session.peer is not None:
        session.peer.untold = device
    core.untold.pop(device, None)
    core.untold[device] = refusal
    core.propose(Untold(device, refusal.text))
    if len(core.untold) > UNTOLD:
        told(core, next(iter(core.untold)))


def told(core: Core, device: int) -> Refusal | None:
    """A device has read why it was put out, or reads it now: that; None: it knows."""
    refusal = core.untold.pop(device, None)
    if refusal is not None:
        core.propose(Untold(device, ""))
    return refusal


def still_untold(state: State) -> dict[int, Refusal]:
    """Which devices may not know, after a restart."""
    return {each.id: Refusal(Code.KICKED, each.untold) for each in state.devices.values() if each.untold}


def hold_over(core: Core, now: float, at: int) -> None:
    """At the start: keep the nicks that guests held, whose clients are on their way back, for a lease."""
    for account in core.state.by_nick.values():
        if not account.registered:  # those may be away as long as they like
            here = core.here[account.id] = Here(account, account.nick, at, held=True, announced=not account.quiet)
            core.schedule(here, now + LEASE_SECONDS)


def left(core: Core, here: Here, reason: str) -> None:
    """The tick is at its end and a person had no session left: unless somebody came in, a guest's nick is released."""
    if core.here.get(here.account.id) is not here:
        return  # released meanwhile
    if not here.sessions:
        core.propose(Released(here.account.id, reason, here.taken, here.reach))
    elif not here.staffed:
        tell_left(core, here, reason)


def stand(core: Core, now: float) -> None:
    """Write down how far registered people have come, for their next devices: a broker that ends sees nobody leave."""
    core.stand_at = now + STAND_SECONDS
    head, moved = core.log.head, []
    for here in core.here.values():
        account, sessions = here.account, here.sessions.values()
        if not account.registered or not sessions:
            continue
        taken = max(here.taken, account.taken, *(0 if session.quiet else session.taken for session in sessions))
        reach = here.reach
        for session in sessions:
            reach = reach.joined(session.reach)
        known = account.taken >= core.stood.after and head == core.stood.upto  # the rest are entries of ours
        if reach.read != account.reach.read or (taken > account.taken and not known):
            moved.append(Reached(account.id, taken, reach))
    for entry in moved:
        core.propose(entry)
    if moved:
        core.stood = Span(head, head + len(moved))


def abandoned(core: Core, peer: Peer) -> None:
    """A Hello was committed for a connection that is gone already: its nick must not stay taken by nobody."""
    account = core.state.by_key.get(peer.key)
    if account is not None and account.nick and account.id not in core.here:
        here = core.here[account.id] = Here(account, account.nick, core.at)
        core.leave(here, "the connection was lost")


def tell_left(core: Core, here: Here, reason: str) -> None:
    """Tell the others that a person is gone."""
    if here.announced:
        here.announced = False
        core.tell(core.audience.everyone(), Presence(here.nick, "left", reason))
        core.note("left", who=here.nick, why=reason)
