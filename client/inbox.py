"""What waits for the user of the library: messages and events, bounded, in the order in which they happened.

Pure data. Messages are never dropped here: who fills the inbox has the broker hold them back in time.
Events are moments that pass; the newest are kept.
"""

from __future__ import annotations

from collections import deque

from .model import ClientEvent, Message

FULL = 10_000  # unread messages; from then on the broker is asked to hold the others back until these are read
OVERFULL = 2 * FULL  # the most in memory: room for those on their way when it was asked
EVENTS = 1_000  # unread events; older ones say nothing about now


class Inbox:
    """Two queues, and for each event how many messages came before it."""

    def __init__(self) -> None:
        self._messages: deque[Message] = deque()
        self._events: deque[tuple[int, ClientEvent]] = deque(maxlen=EVENTS)
        self._put = 0  # messages ever put in
        self._taken = 0  # messages ever taken out

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
        self._put += 1

    def put_event(self, event: ClientEvent) -> None:
        """Add an event."""
        self._events.append((self._put, event))

    def take_message(self) -> Message | None:
        """The oldest message, if any."""
        if not self._messages:
            return None
        self._taken += 1
        return self._messages.popleft()

    def take_event(self) -> ClientEvent | None:
        """The oldest event, if any."""
        return self._events.popleft()[1] if self._events else None

    def take(self) -> Message | ClientEvent | None:
        """The oldest of both, if any."""
        if self._events and self._events[0][0] <= self._taken:
            return self.take_event()
        return self.take_message()
