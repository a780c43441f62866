"""What one account, one address and one connection may take of the broker, each with its figure and its reason.

What is on the wire (sizes of frames, texts, pages) stands in messages/limits.py. Who is over a limit is told so, and
when to come again, and costs nobody else anything.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from messages import BATCH_COMMANDS, AnyCommand, Bye, Code, Feed, Malformed, Mark, Ping, Rejected, Typing

from .checks import number_of

if TYPE_CHECKING:
    from .core import Core
    from .sessions import Peer, Session

BURST_SECONDS = 50.0  # of the rule `rate` may be said at once: a script's report, or all that a client had unanswered
PAUSE_SECONDS = (1.0, 30.0)  # the least and the most that who was too fast is asked to wait
GREETING_COMMANDS = 2 * BATCH_COMMANDS  # before a Hello succeeded: a client sends one, and again for another nick

NEWCOMERS_PER_SECOND = 0.2  # keys of one address that were never here; each is kept for good, with some 600 bytes
NEWCOMERS_AT_ONCE = 500.0  # a class, or a company's first morning
DEVICES_PER_ACCOUNT = 2_000  # each is kept for good, with some 200 bytes; a profile uses the same ones again
SESSIONS_PER_ACCOUNT = 200  # a build farm's scripts under one key; each session has some 45 KB
SESSIONS_PER_ADDRESS = 2_000  # a large office behind one address; this machine's own are not counted
ROOMS_PER_ACCOUNT = 200  # each is looked at whenever the account comes, goes, or is fed
ROOMS_OWNED = 100  # of one account that made them; they are kept for good
ROOMS = 20_000  # rooms are kept for good, some 300 bytes each
OPENED = 2_000  # people let into one private room; each look at its door walks through them
REMOVED = 200_000  # deleted messages that are still kept: some 60 bytes each, in memory and in each snapshot
BARRED = 1_000  # addresses and ranges: each newcomer is held against all of them
TICKETS = 10_000  # invites that are still good, some 200 bytes each

CHOOSING_PER_ADDRESS = 100  # connections that were refused a nick and have minutes for another; others have seconds
CONNECTIONS_UNMET = 8_192  # that said nothing yet: beyond it the oldest is cut; a crowd that comes back has fewer
CONNECTIONS_UNMET_PER_ADDRESS = 1_024  # beyond it the newest is cut; this machine's own are not counted
MUTE_SECONDS = 2.0  # a connection of which not one byte came by then is told who this is, and cut
HANDSHAKES_PER_SECOND = 100.0  # of one address: a handshake costs a millisecond and more of one core
HANDSHAKES_AT_ONCE = 4_096.0  # a crowd that comes back from behind one address

UNFINISHED_BYTES = 320 * 1024  # of one message that has not ended: the largest frame, and what libzmq takes at once
STRANGER_BYTES = 32 * 1024  # of a connection of which nothing was read: a handshake, and the frame of a first Hello
SWELL_BYTES = 8 * 1024 * 1024  # the broker has grown by, before it looks whose that is: a look costs 3 µs for each
SWELL_CPU_SECONDS = 0.01  # of work between two looks at its memory: 3 MB come meanwhile, 10 MB where all is plain

_FORGET = 10_000  # buckets; beyond so many those that are full again are forgotten
_UNLIMITED = (Ping, Mark, Feed, Bye, Typing)  # carry no number to refuse, and are cheap


def site(address: str) -> str:
    """What counts as one address: of IPv6 the first 64 bits, which one machine has by itself."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if found.version == 4 or found.ipv4_mapped is not None:
        return address.removeprefix("::ffff:")
    return str(ipaddress.ip_network((address, 64), strict=False))


def is_local(address: str) -> bool:
    """Whether a connection comes from this machine, which limits for each address leave alone."""
    return not address or address == "::1" or address.removeprefix("::ffff:").startswith("127.")


class Seats:
    """How many connected sessions there are at each address."""

    def __init__(self) -> None:
        self._taken: Counter[str] = Counter()

    def at(self, address: str) -> int:
        """So many; none at this machine."""
        return self._taken[site(address)]

    def take(self, session: Session) -> None:
        """A session is connected."""
        if session.peer is not None and not is_local(session.peer.address):
            self._taken[site(session.peer.address)] += 1

    def leave(self, session: Session) -> None:
        """It is no longer."""
        if session.peer is not None and not is_local(session.peer.address):
            where = site(session.peer.address)
            self._taken[where] -= 1
            if not self._taken[where]:
                del self._taken[where]


class Buckets:
    """Token buckets by whom they are for, all of one `rate` of tokens a second, and at most `most` at once."""

    def __init__(self) -> None:
        self._buckets: dict[object, tuple[float, float]] = {}  # tokens left, and when that was, monotonic
        self._tidy_at = _FORGET  # so many

    def take(self, whose: object, wanted: float, rate: float, most: float, now: float) -> float:
        """Take as many tokens as there are, up to `wanted`; returns how many whole ones that were."""
        left, at = self._buckets.get(whose, (most, now))
        left = min(most, left + (now - at) * rate)
        taken = min(wanted, left // 1)
        self._buckets[whose] = (left - taken, now)
        if len(self._buckets) > self._tidy_at:
            self._buckets = {
                who: (left, at) for who, (left, at) in self._buckets.items() if left + (now - at) * rate < most
            }
            self._tidy_at = max(_FORGET, 2 * len(self._buckets))
        return taken


def pace(
    core: Core, peer: Peer, session: Session, commands: list[AnyCommand | Malformed], now: float
) -> list[AnyCommand | Malformed]:
    """Those commands of a frame that the account's rate allows; the others are refused, and told when to come again.

    Once something was refused, all behind it is too, until its number comes again, and not before then. So whatever was
    under way meanwhile does not overtake it.
    """
    peer.unpaced = False
    if not (core.rate or session.held_from):
        return commands
    numbers = [number_of(command) for command in commands if not isinstance(command, _UNLIMITED)]
    if not numbers:
        return commands
    allowed = len(commands)
    if session.held_from and (now < session.held_until or numbers[0] > session.held_from):
        allowed = 0
    else:
        session.held_from = 0
        if not core.rate:
            return commands
        account = session.here.account.id
        allowed = int(core.buckets.take(account, len(numbers), core.rate, core.rate * BURST_SECONDS, now))
        allowed = len(commands) if allowed == len(numbers) else allowed
    rest = [command for command in commands[allowed:] if not isinstance(command, _UNLIMITED)]
    if not rest:
        return commands
    session.held_from = session.held_from or number_of(rest[0])
    needed = len(rest) / core.rate if core.rate else 0.0
    again = min(max(PAUSE_SECONDS[0], needed, session.held_until - now), PAUSE_SECONDS[1])
    session.held_until = now + again
    text = f"You are faster than this broker allows ({core.rate:g} commands a second); again in {again:.0f} s."
    for command in rest:
        core.answer(peer, Rejected(number_of(command), Code.TOO_FAST, text, again))
    core.note("refused", who=core.name_of(peer), why=text, code=str(Code.TOO_FAST))
    return commands[:allowed] + [command for command in commands[allowed:] if isinstance(command, _UNLIMITED)]


def go_on(core: Core, peer: Peer, now: float) -> Iterator[AnyCommand | Malformed]:
    """What waited for a connection; if that was before it had a session, as far as the account's rate allows."""
    if peer.session is not None and peer.unpaced:
        core.backlog.keep(peer, pace(core, peer, peer.session, list(core.backlog.waiting(peer)), now))
    return core.backlog.waiting(peer)


def greeting_over(core: Core, peer: Peer, count: int, now: float) -> bool:
    """Whether a connection without a session has said too much by now; it is told so and cut."""
    peer.unmet += count
    peer.unpaced = True
    if peer.unmet <= GREETING_COMMANDS:
        return False
    text = "Too much came before a Hello that succeeded."
    core.refuse(peer, 0, Code.TOO_FAST, text)
    core.cut.append(peer)
    return True
