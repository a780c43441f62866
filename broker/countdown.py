"""The countdown to the broker's end: everyone is told when it begins, again as it nears, and when it is called off."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from msgspec.structs import replace

from messages import Closed, Closing, Code, Done, Down, Stay, Staying

from .checks import actor
from .entries import Downed, Stayed

if TYPE_CHECKING:
    from .core import Core
    from .sessions import Peer

REMIND_SECONDS = (3_600.0, 600.0, 60.0, 10.0)  # when so much is left, and half is over, everyone is told again


class Countdown:
    """When the broker goes down, and what was announced; times are monotonic seconds."""

    def __init__(self, closing: Closing, now: float) -> None:
        self.ends = now + closing.seconds
        self._closing = closing
        self._reminders = [self.ends - left for left in REMIND_SECONDS if left <= closing.seconds / 2]

    @property
    def next_at(self) -> float:
        """When there is something to do."""
        return self._reminders[0] if self._reminders else self.ends

    @property
    def closed(self) -> Closed:
        """What is said at its end."""
        return Closed(self._closing.by, self._closing.reason)

    def left(self, now: float) -> Closing:
        """What to tell at this moment."""
        return replace(self._closing, seconds=max(0.0, self.ends - now))

    def reminds(self, now: float) -> bool:
        """Whether everyone is to be told now; of what was slept through once."""
        due = sum(at <= now for at in self._reminders)
        del self._reminders[:due]
        return due > 0


def begin(core: Core, peer: Peer, command: Down, now: float) -> None:
    """An admin takes the broker down after a while, or at another time than was said before."""
    seconds = command.seconds if math.isfinite(command.seconds) else 0.0
    closing = Closing(core.name_of(peer), seconds, command.reason)
    core.closing = Countdown(closing, now)
    core.propose(Downed(closing.by, actor(core, peer).id, seconds, command.reason))  # for the trail alone
    core.tell(core.audience.everyone(), closing)
    core.note("closing", by=closing.by, seconds=seconds, reason=command.reason)
    core.answer(peer, Done(command.number))


def call_off(core: Core, peer: Peer, command: Stay) -> None:
    """An admin has the broker stay."""
    if core.closing is None:
        core.refuse(peer, command.number, Code.NOT_ALLOWED, "Nobody is taking the broker down.")
        return
    core.closing = None
    staying = Staying(core.name_of(peer), command.reason)
    core.propose(Stayed(staying.by, actor(core, peer).id, command.reason))  # for the trail alone
    core.tell(core.audience.everyone(), staying)
    core.note("staying", by=staying.by, reason=command.reason)
    core.answer(peer, Done(command.number))


def tick(core: Core, now: float) -> None:
    """Remind everyone, or have the server say the last word and end."""
    if core.closing is None:
        return
    if core.closing.ends <= now:
        core.down, core.closing = core.closing.closed, None
    elif core.closing.reminds(now):
        core.tell(core.audience.everyone(), core.closing.left(now))
