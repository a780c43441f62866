"""The promise of an answer: one Receipt per command. Knows nothing of sockets or of how the answer comes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, Protocol, TypeAlias, get_args

from messages import (
    Admit,
    Announce,
    Audit,
    Away,
    Ban,
    Delete,
    Down,
    Event,
    Grant,
    History,
    Invite,
    Invites,
    Join,
    Kick,
    Leave,
    Mute,
    Post,
    Register,
    Rename,
    Revoke,
    Rooms,
    Rule,
    Rules,
    Search,
    Share,
    Stay,
    Track,
    Transfer,
    Unban,
    Uninvite,
    Unmute,
    Unregister,
    Who,
)

from .errors import ClientError
from .language import _

Numbered: TypeAlias = (
    Post
    | Announce
    | Join
    | Leave
    | Rename
    | Away
    | Who
    | Rooms
    | History
    | Search
    | Kick
    | Ban
    | Unban
    | Mute
    | Unmute
    | Delete
    | Grant
    | Transfer
    | Revoke
    | Rule
    | Rules
    | Admit
    | Invite
    | Invites
    | Uninvite
    | Audit
    | Down
    | Stay
    | Register
    | Unregister
    | Track
    | Share
)
State: TypeAlias = Literal["queued", "accepted", "delivered", "read", "refused"]
Awaited: TypeAlias = Literal["accepted", "delivered", "read"]
AWAITED: tuple[Awaited, ...] = get_args(Awaited)
Answer: TypeAlias = int | Event | ClientError  # the sequence (0: nothing was written), what was asked for, or why not

People: TypeAlias = Mapping[int, str]
"""Persons, each under a number that stays the same, and the nick by which the broker called them last."""

NOBODY: People = MappingProxyType({})


class Desk(Protocol):
    """Where answers arrive, shared by all receipts of one client."""

    def wait_for(self, receipt: Receipt, timeout: float | None) -> int | Event:
        """Wait for the receipt's answer; raises what Receipt.wait raises."""

    def wait_for_people(self, receipt: Receipt, timeout: float | None, state: Awaited, by: int) -> int:
        """Wait until so many people have the message; raises what Receipt.wait raises."""

    def track(self, receipt: Receipt) -> None:
        """Ask who has the message; raises ClientError for what cannot be tracked."""

    def keeps(self, receipt: Receipt) -> bool:
        """Whether the receipt's text is on disk."""


class Receipt:
    """What became of one command. Cheap: it shares its client's lock and owns nothing but its command and answer."""

    __slots__ = ("answer", "command", "delivered_to", "desk", "place", "read_by", "units", "untracked")

    def __init__(self, command: Numbered, desk: Desk, size: int = 0) -> None:
        self.command = command
        self.desk = desk
        self.units = 1 + (size >> 10)  # what it counts for in the outbox; `size` is that of its text
        self.answer: Answer | None = None  # set once, by the client's thread
        self.place = 0  # among what is kept on disk; 0: it is not
        self.delivered_to = NOBODY  # people whose clients took it, as far as we were told; see `track`
        self.read_by = NOBODY  # and those of them to whom it was shown
        self.untracked: ClientError | None = None  # why we are told nothing of that

    def __repr__(self) -> str:
        state = "open" if self.answer is None else repr(self.answer)
        return f"<Receipt for {type(self.command).__name__}: {state}>"

    @property
    def done(self) -> bool:
        """Whether the broker has answered, or never will."""
        return self.answer is not None

    @property
    def seq(self) -> int:
        """The sequence under which it was accepted; 0: it was not yet, or writes nothing to the log."""
        return self.answer if isinstance(self.answer, int) else 0

    @property
    def state(self) -> State:
        """How far it has come, as far as we were told; beyond accepted we are told only of what is tracked."""
        if isinstance(self.answer, ClientError):
            return "refused"
        if self.answer is None:
            return "queued"
        return "read" if self.read_by else "delivered" if self.delivered_to else "accepted"

    @property
    def kept(self) -> bool:
        """Whether it is on disk, and goes out with the next run if this one ends before the broker answers.

        That is some milliseconds after it was given to a client with keep=True, and never with any other.
        """
        return self.place > 0 and self.desk.keeps(self)

    def track(self) -> None:
        """Have the broker tell who was delivered this message and who read it, from now on, across reconnects.

        It takes a direct message or an announcement, and raises ClientError for anything else. Up to a thousand are
        tracked at a time; of older ones nothing new is told.
        """
        self.desk.track(self)

    def wait(self, timeout: float | None = None, *, state: Awaited = "accepted", by: int = 1) -> int:
        """Return the sequence under which the command was accepted (0 when it writes nothing to the log).

        With state="delivered" or "read" wait until the clients of at least `by` people took the message, or until that
        many were shown it; of a direct message that is one. Raises NotReached, a TimeoutError, when it is accepted but
        they were fewer after `timeout` seconds, or at once when that will never be told. Raises ClientError, which says
        nothing of whether it is accepted, for what cannot be tracked at all.

        Raises Rejected; TimeoutError after `timeout` seconds; Unreachable instead of it when no connection is up by
        then; Closed when the client was closed first. While the broker refuses the nick it raises that Rejected at
        once. After TimeoutError, Unreachable or such a refusal the command is still on its way: waiting again is fine.
        ValueError for a `state` or a `by` that is none.
        """
        if state not in AWAITED:
            raise ValueError(
                _("A message is waited for until it is {awaited}; {state!r} is none of these.").format(
                    awaited=", ".join(AWAITED), state=state
                )
            )
        if by < 1:
            raise ValueError(_("Fewer than one person cannot be waited for, so `by` cannot be {by}.").format(by=by))
        if state != "accepted":
            return self.desk.wait_for_people(self, timeout, state, by)
        answer = self.desk.wait_for(self, timeout)
        return answer if isinstance(answer, int) else 0
