"""Reading the log for someone: sessions that are behind, and retries. Decides what a session is delivered.

A session that is behind its live place (it came back, was slow, or held deliveries) is fed from its cursor in bounded
portions, so that neither it nor the log can hold up a tick.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

from messages import Announcement, AnyEvent, Gap, Message, Pong, Typist

from .entries import EVERYONE_ID, Announced, AnyEntry, Lost, Posted, Said
from .log import Damaged, Log, LogError, Segment
from .sessions import Session
from .state import Account, Device

if TYPE_CHECKING:
    from .core import Core

UNREADABLE_SECONDS = 5.0  # a session whose part of the log cannot be read is tried again after this
FEED_ENTRIES = 5_000  # entries looked at in one tick, for all sessions together: some milliseconds
PORTION_ENTRIES = 2_000  # entries looked at for one session in one tick
PORTION_SIZE = 16 * 1024  # and characters: SEND_HWM portions wait for each session, and are not shared
ENVELOPE = 40  # characters that a delivery has besides its body: of short ones many go into a portion
RETRY_ENTRIES = 20_000  # entries looked at in one tick for one connection's retries
SAID = (Posted, Announced)


def feed(core: Core, behind: dict[Session, None], now: float) -> bool:
    """Send the next portion to sessions that are behind; returns whether any got one."""
    budget = FEED_ENTRIES
    for session in list(behind):
        if budget <= 0:
            break
        if session.retry_at > now:
            continue
        del behind[session]  # those who wait longest come first in the next tick
        try:
            events, cursor = portion(core.log, session, core.state.removed)
        except Damaged as damage:  # for good: to wait for it would keep everything behind it back too
            core.note("log", text=str(damage))
            events, cursor = [Gap(session.cursor, damage.last)], damage.last
        except LogError as error:
            core.note("log", text=str(error))
            session.retry_at = now + UNREADABLE_SECONDS
            behind[session] = None
            continue
        budget -= cursor - max(session.cursor, core.log.cut)
        for gap in [event for event in events if isinstance(event, Gap)]:
            core.receipts.skip(session, gap.until)
        session.cursor = cursor
        if session.cursor >= core.log.head:
            session.live = True
            events.append(Pong(0, cursor))  # nobody has to ask again and again
        else:
            behind[session] = None
        if events:
            core.out.portion(session, events)
    return budget < FEED_ENTRIES


def portion(log: Log, session: Session, removed: Collection[int]) -> tuple[list[AnyEvent], int]:
    """What a session is to be sent behind its cursor, in order and without what was removed, and the cursor after it.

    Where the log was cut behind its cursor, it is told so first. Raises LogError when nothing there can be read.
    """
    account, device = session.here.account, session.device.id
    start = max(session.cursor, log.cut)
    events: list[AnyEvent] = [_gap(log, session.cursor)] if start > session.cursor else []
    size, seq = 0, start
    last = seq + PORTION_ENTRIES
    try:
        for segment in log.read(start):
            for seq, entry in _from(segment, start + 1):
                if isinstance(entry, SAID) and visible(account, device, seq, entry) and seq not in removed:
                    events.append(delivery(seq, segment.at, entry))
                    size += len(entry.body) + ENVELOPE
                elif isinstance(entry, Lost):
                    _lost(events, seq, segment.at)
                if seq >= last or size >= PORTION_SIZE:
                    return events, seq
    except LogError:
        if seq == start:
            raise
    return events, seq


def rewind(session: Session, untaken: Iterable[AnyEvent], head: int) -> list[AnyEvent]:
    """Go back in front of deliveries that were not taken; returns the events among them that are in no log."""
    if session.live:
        session.cursor = head
    rest: list[AnyEvent] = []
    for event in untaken:
        match event:
            case Message() | Announcement():
                session.cursor = min(session.cursor, event.seq - 1)
            case Gap():
                session.cursor = min(session.cursor, event.after)
            case Pong() | Typist():  # it has not caught up after all; and who is writing now is no news later
                pass
            case _:
                rest.append(event)
    return rest


def _lost(events: list[AnyEvent], seq: int, at: int) -> None:
    """Tell of an entry that was lost, with those in front of it that were too."""
    before = events[-1] if events else None
    if isinstance(before, Gap) and before.until == seq - 1:
        before.until = seq
    else:
        events.append(Gap(seq - 1, seq, at))


def _gap(log: Log, after: int) -> Gap:
    oldest = next(log.read(log.cut), None)
    return Gap(after, log.cut, oldest.at if oldest else 0)


class Retries:
    """Under which sequences a device's numbers were accepted: looked up once, backwards, as far as was asked for.

    A client that comes back repeats thousands of commands; each must not read the log anew.
    """

    def __init__(self, log: Log, device: Device) -> None:
        self.newest = device.last_number  # what is accepted later is not known here
        self._said = _said_back(log, device)
        self._seqs: dict[int, int] = {}
        self._reached = self.newest + 1  # all numbers from here on were looked at

    def knows(self, number: int) -> bool:
        """Whether `find` has the answer without another look at the log."""
        return self._reached <= number

    def look(self, number: int) -> bool:
        """Look back as far as `number`, at no more than RETRY_ENTRIES entries; whether that was enough."""
        for _ in range(RETRY_ENTRIES):
            if self.knows(number):
                return True
            said = next(self._said, (0, 0))  # (0, 0): there is no more
            if said is not None:
                found, seq = said
                self._reached, self._seqs[found] = found, seq
        return False

    def find(self, number: int) -> int | None:
        """The sequence of a number that `knows` is true of; None when it was never accepted."""
        return self._seqs.get(number)


def _said_back(log: Log, device: Device) -> Iterator[tuple[int, int] | None]:
    """Number and sequence of all that a device said, newest first; None for each entry of others between."""
    for segment in log.read_back(device.last_seq + 1):
        for seq in range(segment.last, segment.first - 1, -1):
            entry = segment.entries[seq - segment.first]
            if isinstance(entry, (Posted, Announced)) and entry.device == device.id:
                yield entry.number, seq
            else:
                yield None


def visible(account: Account, device: int, seq: int, entry: Said) -> bool:
    """Whether a device is delivered an entry: said to everyone, to or by its account, or in a room since it entered.

    A device has its own words already, unless it spoke to itself.
    """
    to = entry.to
    if entry.device == device:
        return to == account.id
    if to == EVERYONE_ID or to == account.id or entry.account == account.id:
        return True
    return seq > account.rooms.get(to, seq)


def delivery(seq: int, at: int, entry: Said) -> Message | Announcement:
    """An entry as its recipients are sent it."""
    if isinstance(entry, Posted):
        return Message(seq, at, entry.sender, entry.target, entry.body)
    return Announcement(seq, at, entry.sender, entry.target, entry.body, entry.title, entry.priority)


def _from(segment: Segment, seq: int) -> Iterator[tuple[int, AnyEntry]]:
    """A segment's entries from a sequence on, numbered."""
    start = max(seq - segment.first, 0)
    return enumerate(islice(segment.entries, start, None), segment.first + start)
