"""Who is connected: connections, sessions and the people behind them. Only data and its bookkeeping; nothing is stored.

Peer     one connection, by ROUTER's routing id; knows the key that ZAP proved
Session  one device of one account; survives the connection for a lease
Here     an account's live side: its sessions, and what the roster says of it
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from messages import AnyCommand, AnyEvent, Malformed

from .entries import Reach, Span
from .state import Account, Device

if TYPE_CHECKING:
    from .feeding import Retries


@dataclass(eq=False, slots=True)
class Peer:
    """One connection. Its route is ROUTER's and never shown to anyone."""

    route: bytes
    key: bytes  # proved by CURVE; with --plain only claimed, but for the broker's own
    greet_by: float  # monotonic time by which a Hello must have succeeded
    heard: float  # monotonic time of the last frame
    address: str = ""  # it comes from; empty: a Unix socket
    read: int = 0  # bytes of its frames that were read, as they are on the wire
    session: Session | None = None
    reader: Session | None = None  # what its Hello needs cannot be written: asks questions as this one, and no more
    unmet: int = 0  # commands that came while it had none
    unpaced: bool = False  # and some may be behind the Hello that gives it one
    refused: int = 0  # and how many of them were
    token: str = ""  # of the invite that is being made for it
    operator: bool = False  # proved the broker's own key: may grant and take down, and is no account
    gone: bool = False  # disconnected, replaced or dismissed: its frames are not read any more
    leaving: bool = False  # said Bye: gets its last answers, and is cut if it stays
    asked: AnyCommand | None = None  # waits for its entries to be committed
    untold: int = 0  # device id that was put out here, until its client closes, having read why; 0: none
    cut_at: float = 0.0  # dismissed or leaving: when it is cut if it is still there, monotonic
    blocked: bool = False  # a command of this tick must be applied before the next one is looked at
    waiting: deque[tuple[AnyCommand | Malformed, int]] = field(default_factory=deque)  # what came behind it; weights
    waiting_bytes: int = 0  # what that weighs together
    pause: float = 0.0  # seconds from one try to send something to the next, while it takes nothing
    answers: list[AnyEvent] = field(default_factory=list)  # go out with the tick, in front of deliveries


@dataclass(eq=False, slots=True)
class Session:
    """One device of one account, connected or within its lease."""

    here: Here
    device: Device
    peer: Peer | None
    quiet: bool
    feeding: bool  # False: the client holds deliveries back
    cursor: int  # when not live: everything up to here was sent
    began: int  # from behind here on it was sent everything, over this connection or earlier ones
    taken: int  # the client said that it took everything up to here
    number: int  # highest number proposed, at least device.last_number
    shown: int = 0  # the client said that it showed everything up to here
    live: bool = False  # its cursor is the head: deliveries go out with the tick
    expires: float = 0.0  # without a peer: when the lease ends, monotonic
    held_from: int = 0  # it was too fast: from this number on its commands are refused, until this one comes again;
    held_until: float = 0.0  # and not before then, monotonic
    retry_at: float = 0.0  # its part of the log cannot be read: not fed again before then, monotonic
    retries: Retries | None = None  # what repeated commands were accepted as
    runs: list[int] = field(default_factory=list)  # this tick's deliveries, as indices into the outbound runs

    @property
    def reach(self) -> Reach:
        """What this session was delivered and has shown, for sure."""
        shown = max(self.began, self.here.account.shares_from or 0)
        return Reach(Span(self.began, self.taken), Span(shown, max(shown, self.shown)))


@dataclass(eq=False, slots=True)
class Here:
    """An account that is here: at least one session, or a nick held over from before the broker's restart."""

    account: Account
    nick: str  # as the others know it: follows account.nick, and outlives its release
    since: int  # ms since the epoch
    sessions: dict[int, Session] = field(default_factory=dict)  # by device id
    away: str = ""
    taken: int = 0  # how far those sessions had come that ended, scripts left aside; 0: none did
    held: bool = False  # from before the broker's restart
    announced: bool = False  # the others were told that this person joined
    lost: bool = False  # no announced session is connected, and the others were told
    reach: Reach = field(init=False)  # of the sessions that ended, in this life and earlier ones

    def __post_init__(self) -> None:
        self.reach = self.account.reach

    @property
    def staffed(self) -> bool:
        """Whether a person, not only a quiet script, has a session, connected or within its lease."""
        return not all(session.quiet for session in self.sessions.values())

    @property
    def present(self) -> bool:
        """Whether a person, not only a quiet script, is connected."""
        return any(session.peer is not None and not session.quiet for session in self.sessions.values())
