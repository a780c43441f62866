"""What waits for the user of the library: messages and events, bounded, in the order in which they happened.

Pure data. Messages are never dropped here: who fills the inbox has the broker hold them back in time.
Events are moments that pass; the newest are kept. A gap stands for messages: no other event pushes it out, and the
reader has not finished with it before it was handed out.
"""

from __future__ import annotations

from collections import deque
from typing import TypeAlias

from msgspec.structs import replace

from messages import Gap

from .model import ClientEvent, Message

FULL = 10_000  # unread messages; from then on the broker is asked to hold the others back until these are read
OVERFULL = 2 * FULL  # the most in memory: room for those on their way when it was asked
EVENTS = 1_000  # unread events; older ones say nothing about now

Happening: TypeAlias = tuple[int, int, ClientEvent]
"""An event behind so many messages, and which one of all events it is."""


class Inbox:
    """Two queues, and for each event how many messages came before it."""

    def __init__(self) -> None:
        self._messages: deque[Message] = deque()
        self._events: deque[Happening] = deque(maxlen=EVENTS)
        self._gaps: deque[Happening] = deque(maxlen=EVENTS)  # the events among which nothing but a gap has a place
        self.put = 0  # messages ever put in
        self._happened = 0  # events ever put in
        self._taken = 0  # messages ever taken out
        self._handed = 0  # sequence of the message taken last
        self._passed = 0  # a gap that was taken in its place ended here
        self._current = 0  # of the one whose reader has finished with it when asking for the next
        self._undone = 0  # the sequence of a message in its reader's hands that means another message now
        self.finished = 0  # the reader has finished with what came up to this sequence

    @property
    def full(self) -> bool:
        """Whether the broker should hold back what it has for us."""
        return len(self._messages) >= FULL

    @property
    def overfull(self) -> bool:
        """Whether no further message may be put in."""
        return len(self._messages) >= OVERFULL

    @property
    def half_empty(self) -> bool:
        """Whether it is worth while to ask the broker for more again."""
        return len(self._messages) < FULL // 2

    def put_message(self, message: Message) -> None:
        """Add a message."""
        self._messages.append(message)
        self.put += 1

    def put_event(self, event: ClientEvent) -> None:
        """Add an event."""
        queue = self._gaps if isinstance(event, Gap) else self._events
        self._happened += 1
        queue.append((self.put, self._happened, event))

    def take_message(self) -> Message | None:
        """The oldest message, if any; the reader has finished with the one before."""
        if self._current > self.finished:
            self.finished = self._current
        if not self._messages:
            return None
        self._taken += 1
        message = self._messages.popleft()
        if message.seq:
            self._handed = self._current = message.seq
        return message

    def take_event(self) -> ClientEvent | None:
        """The oldest event, if any."""
        queue = self._oldest()
        if queue is None:
            return None
        put, _, event = queue.popleft()
        if isinstance(event, Gap) and put <= self._taken:
            self._passed = event.until
            self.finish(self.finished)
        return event

    def take(self) -> Message | ClientEvent | None:
        """The oldest of both, if any; the reader has finished with the one before."""
        if self._event_is_next:
            self.finish()
            return self.take_event()
        return self.take_message()

    def take_ahead(self) -> Message | ClientEvent | None:
        """The oldest of both, if any, for a reader who says by `finish` what is done with."""
        if self._event_is_next:
            return self.take_event()
        current = self._current
        message = self.take_message()
        self._current = current
        return message

    def fork(self, seq: int) -> None:
        """What was put in from behind `seq` is undone, and other messages get its sequences: it has none any more."""
        self._undone = self._handed if self._handed > max(seq, self.finished) else 0
        self._messages = deque(replace(each, seq=0) if each.seq > seq else each for each in self._messages)

    def still(self, seq: int) -> bool:
        """Whether the reader means the message that has this sequence now; in doubt not."""
        if seq >= self._undone:  # in the order in which they came: what is read next came later
            undone, self._undone = self._undone, 0
            return seq > undone
        return False

    def finish(self, seq: int | None = None) -> None:
        """The reader has finished with everything up to this message, or up to the one taken last (but not ahead)."""
        done = self._current if seq is None else min(seq, self._handed)
        if max(done, self.finished) >= self._handed:
            done = max(done, self._passed)
        if done > self.finished:
            self.finished = done

    def reach(self, seq: int) -> None:
        """Deliveries have come as far as `seq`; it is lower than before when the broker lost its log."""
        idle = self.idle
        self._handed = min(self._handed, seq)
        self._current = min(self._current, seq)
        self._passed = min(self._passed, seq)
        self.finished = seq if idle else min(self.finished, seq)

    @property
    def idle(self) -> bool:
        """Whether the reader has finished with all that ever came."""
        return not self._messages and not self._gaps and self._handed <= self.finished

    def _oldest(self) -> deque[Happening] | None:
        """The queue with the oldest event; None: there is none."""
        if not self._gaps:  # as nearly always
            return self._events or None
        return min((queue for queue in (self._gaps, self._events) if queue), key=_order)

    @property
    def _event_is_next(self) -> bool:
        queue = self._oldest()
        return queue is not None and queue[0][0] <= self._taken


def _order(queue: deque[Happening]) -> int:
    return queue[0][1]
