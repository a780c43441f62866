"""The promise of an answer: one Receipt per command. Knows nothing of sockets or of how the answer comes."""

from __future__ import annotations

from typing import Protocol, TypeAlias

from messages import (
    Announce,
    Away,
    Ban,
    Down,
    Event,
    Grant,
    History,
    Join,
    Kick,
    Leave,
    Post,
    Register,
    Rename,
    Rooms,
    Search,
    Unban,
    Unregister,
    Who,
)

from .errors import ClientError

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
    | Grant
    | Down
    | Register
    | Unregister
)
Answer: TypeAlias = int | Event | ClientError  # the sequence (0: nothing was written), what was asked for, or why not


class Desk(Protocol):
    """Where answers arrive, shared by all receipts of one client."""

    def wait_for(self, receipt: Receipt, timeout: float | None) -> int | Event:
        """Wait for the receipt's answer; raises what Receipt.wait raises."""

    def keeps(self, receipt: Receipt) -> bool:
        """Whether the receipt's text is on disk."""


class Receipt:
    """What became of one command. Cheap: it shares its client's lock and owns nothing but its command and answer."""

    __slots__ = ("answer", "command", "desk", "place", "units")

    def __init__(self, command: Numbered, desk: Desk, size: int = 0) -> None:
        self.command = command
        self.desk = desk
        self.units = 1 + (size >> 10)  # what it counts for in the outbox; `size` is that of its text
        self.answer: Answer | None = None  # set once, by the client's thread
        self.place = 0  # among what is kept on disk; 0: it is not

    def __repr__(self) -> str:
        state = "open" if self.answer is None else repr(self.answer)
        return f"<Receipt for {type(self.command).__name__}: {state}>"

    @property
    def done(self) -> bool:
        """Whether the broker has answered, or never will."""
        return self.answer is not None

    @property
    def kept(self) -> bool:
        """Whether it is on disk, and goes out with the next run if this one ends before the broker answers."""
        return self.place > 0 and self.desk.keeps(self)

    def wait(self, timeout: float | None = None) -> int:
        """Return the sequence under which the command was accepted (0 when it writes nothing to the log).

        Raises Rejected; TimeoutError after `timeout` seconds; Unreachable instead of it when no connection is up by
        then; Closed when the client was closed first. While the broker refuses the nick it raises that Rejected at
        once. After TimeoutError, Unreachable or such a refusal the command is still on its way: waiting again is fine.
        """
        answer = self.desk.wait_for(self, timeout)
        return answer if isinstance(answer, int) else 0
