"""What a committed segment does: the state changes entry by entry, deliveries go out, and those who wait are told.

The hot path. Messages come in *rows*, consecutive posts of one connection to one target; what is the same for a whole
row is looked up once. What the other entries mean to those who are connected stands in `effects`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from messages import LEASE_SECONDS, Accepted, Code, Message, Rejected

from . import effects, greeting
from .checks import number_of
from .entries import Announced, AnyEntry, Deed, Posted, Released
from .log import Segment
from .sessions import Peer, Session

if TYPE_CHECKING:
    from .core import Core


def apply(core: Core, segment: Segment, origins: list[Peer | None], now: float) -> None:
    """Apply a segment; `origins` holds, beside each entry, the connection that waits for its outcome."""
    entries, index = segment.entries, 0
    told: Peer | None = None  # the connection that was told last
    ack = Accepted(0, 0)  # and what
    while index < len(entries):
        entry, peer, seq = entries[index], origins[index], segment.first + index
        if isinstance(entry, (Posted, Announced)):
            count = _row(core, segment, origins, index, entry)
            if (
                peer is not None
                and peer is told
                and (entry.number, seq) == (ack.number + ack.count, ack.seq + ack.count)
            ):
                ack.count += count
            elif peer is not None:
                told, ack = peer, Accepted(entry.number, seq, count)
                core.answer(peer, ack)
            index += count
            continue
        took = core.state.apply(seq, entry)
        first = isinstance(entry, Deed)  # whom it puts out is answered before, even if that is who asked
        if peer is not None and first:
            core.decided(peer, seq, took, now)
        effects.applied(core, entry, took, now)
        if peer is not None and not first:
            core.decided(peer, seq, took, now)
        index += 1


def _row(core: Core, segment: Segment, origins: list[Peer | None], start: int, said: Posted | Announced) -> int:
    """Apply and deliver the row of messages that begins at `start`; returns how many it has."""
    entries, at, seq, peer = segment.entries, segment.at, segment.first + start, origins[start]
    run = core.out.run(core.audience.of(said.to, said.account), _speaker(core, said))
    if isinstance(said, Announced):
        core.state.apply(seq, said)
        run.append(effects.announcement(core, seq, at, said))
        return 1
    deliver = run.append
    device, number, to, sender, target = said.device, said.number, said.to, said.sender, said.target
    for index in range(start, len(entries)):
        entry = entries[index]
        if type(entry) is not Posted or entry.device != device or entry.number != number or entry.to != to:
            break
        if origins[index] is not peer:
            break
        deliver(Message(seq, at, sender, target, entry.body))
        seq += 1
        number += 1
    count = seq - segment.first - start
    core.state.said(device, number - 1, seq - 1, count)
    return count


def refuse(core: Core, entries: list[AnyEntry], origins: list[Peer | None], why: str, now: float) -> None:
    """The segment could not be committed: tell those who wait, and leave the state as it was."""
    text = f"{why} Nothing of it was accepted; it can be sent again."
    for entry, peer in zip(entries, origins, strict=True):
        if isinstance(entry, (Posted, Announced)):
            session = core.here[entry.account].sessions.get(entry.device)
            if session is not None:
                session.number = session.device.last_number
            if peer is not None:
                core.answer(peer, Rejected(entry.number, Code.NOT_STORED, text))
        elif peer is not None:
            if not greeting.read_only(core, peer, text):
                core.answer(peer, Rejected(number_of(peer.asked), Code.NOT_STORED, text))
            peer.asked = None
            core.backlog.unblock(peer)
        elif isinstance(entry, Released):  # nobody asked: try again
            core.schedule(core.here[entry.account], now + LEASE_SECONDS)


def _speaker(core: Core, entry: Posted | Announced) -> Session | None:
    """The device's session, be it a newer one: it is not sent its own words; a message to oneself is."""
    here = None if entry.to == entry.account else core.here.get(entry.account)
    return None if here is None else here.sessions.get(entry.device)
