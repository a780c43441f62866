"""Signs of life on one connection: when to ask for one, when to give it up, and how long an answer takes. Pure data.

How long an answer takes is seen from what is said anyway: the greeting, a ping, a text. One question at a time is
timed. So the figure costs no traffic, and is never older than the time between two pings while all goes well.
"""

from __future__ import annotations

from collections.abc import Iterable

from messages import PING_SECONDS, SILENCE_SECONDS, Accepted, AnyCommand, Hello, Ping, Pong, Post, Welcome

from .language import _


def silence() -> str:
    """Why a silent connection is given up."""
    return _("The broker said nothing for {seconds:.0f} seconds.").format(seconds=SILENCE_SECONDS)


class Pulse:
    """What was heard and said last, in monotonic seconds."""

    def __init__(self) -> None:
        self.heard = 0.0
        self.round_trip: float | None = None  # seconds from the last timed question to its answer; None: none came yet
        self._said = self._pinged = 0.0
        self._question: Hello | Ping | Post | None = None  # is being timed
        self._asked = 0.0  # when it was sent

    def began(self, now: float) -> None:
        """A fresh connection is up."""
        self.heard = now
        self.round_trip = self._question = None

    def said(self, commands: Iterable[AnyCommand], now: float) -> None:
        """These are sent now."""
        self._said = now
        if self._question is None:
            self._asked = now
            self._question = next((each for each in commands if isinstance(each, Hello | Ping | Post)), None)

    def answered(self, event: Welcome | Pong | Accepted, now: float) -> None:
        """This came; it may be the answer that is waited for."""
        match self._question, event:
            case Hello(), Welcome():
                found = True
            case Ping(token=token), Pong():
                found = event.token >= token
            case Post(number=number), Accepted():
                found = event.number <= number < event.number + event.count
            case _:
                found = False
        if found:
            self.round_trip, self._question = now - self._asked, None

    def silent(self, now: float) -> bool:
        """Whether nothing was heard for so long that the connection is of no more use."""
        return now >= self.silent_at

    def due(self, now: float) -> bool:
        """Whether to ping now: either side was quiet, and the broker wants to hear from us as we do from it."""
        due = now >= self._ping_at
        if due:
            self._pinged = now
        return due

    @property
    def again_at(self) -> float:
        """When to look again."""
        return min(self._ping_at, self.silent_at)

    @property
    def silent_at(self) -> float:
        """When `silent` becomes true unless something comes."""
        return self.heard + SILENCE_SECONDS

    @property
    def _ping_at(self) -> float:
        return max(min(self.heard, self._said), self._pinged) + PING_SECONDS
