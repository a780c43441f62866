"""What waits for the person's attention: what is unread, who is writing, what is urgent, and whether something rings.

All messages are shown in one stream, so *unread* is what came elsewhere since the person last turned to, or wrote to,
a conversation. Pure: times are monotonic seconds and come in from outside.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from messages import Presence, fold

from ..model import Composing, Message
from ..settings import Level, Settings
from .shown import Unread, calls, conversation

RING_SECONDS = 1.0  # between two rings, however much comes
AT_HAND_SECONDS = 30.0  # who pressed a key so lately looks at the current conversation, which then need not ring
URGENT = 100  # announcements that stay; of more the oldest do not


class Attention:
    """What one person at one console has not looked at yet."""

    def __init__(self, settings: Callable[[], Settings]) -> None:
        self._settings = settings  # as they hold now
        self._unread: dict[str, Unread] = {}  # by folded conversation, in the order in which something first came
        self._writing: dict[tuple[str, str], Composing] = {}
        self.urgent: deque[Message] = deque(maxlen=URGENT)  # announcements that stay until they are acknowledged
        self.quiet_until = 0.0  # do not disturb; 0: it is off
        self._touched = self._rang = -AT_HAND_SECONDS

    # --- messages ---------------------------------------------------------------------------------------------------

    def heard(self, item: Message, me: str, current: str, now: float) -> bool:
        """A message came while `current` was the conversation; returns whether it rings."""
        where = conversation(item, me)
        if item.own:  # said at another device, where all before it was seen
            self.turned(where)
            return False
        level, here, called = self.level(where), fold(where) == fold(current), self.mentions(item, me)
        if item.priority == "urgent":
            self.urgent.append(item)
        if not here and level != "mute":
            known = self._unread.get(fold(where), Unread(where))
            self._unread[fold(where)] = Unread(where, known.count + 1, known.mentions + (called or where[:1] == "@"))
        return self._rings(item, level, called, here, now)

    def _rings(self, item: Message, level: Level, called: bool, here: bool, now: float) -> bool:
        if item.priority != "urgent":
            looked_at = here and now < self._touched + AT_HAND_SECONDS
            wanted = item.priority == "high" or (not looked_at and (called or level == "all"))
            if level == "mute" or now < self.quiet_until or not wanted:
                return False
        if now < self._rang + RING_SECONDS:
            return False
        self._rang = now
        return True

    def mentions(self, item: Message, me: str) -> bool:
        """Whether somebody else's message has my nick in it, or one of my keywords."""
        return calls(item, me, *(word for word in self._settings().keywords if word.strip()))

    def level(self, where: str) -> Level:
        """What rings of a conversation: all of a direct one, only mentions of others, unless it was set."""
        for named, level in self._settings().conversations.items():
            if fold(named) == fold(where):
                return level
        return "all" if where.startswith("@") else "mentions"

    def acknowledge(self) -> list[Message]:
        """The urgent announcements that stayed until now."""
        done = list(self.urgent)
        self.urgent.clear()
        return done

    # --- where one is -----------------------------------------------------------------------------------------------

    @property
    def unread(self) -> tuple[Unread, ...]:
        """What is unread, with mentions first, then in the order in which it first came."""
        return tuple(sorted(self._unread.values(), key=lambda one: not one.mentions))

    def turned(self, where: str) -> None:
        """The person turned to a conversation, or wrote to it, or left it."""
        self._unread.pop(fold(where), None)

    def touched(self, now: float) -> None:
        """The person pressed a key."""
        self._touched = now

    def renamed(self, event: Presence) -> None:
        """A person goes by another nick from now on, and so does the conversation."""
        if known := self._unread.pop(fold(f"@{event.nick}"), None):
            new = f"@{event.text}"
            there = self._unread.get(fold(new), Unread(new, 0, 0))  # of whoever had that nick before
            self._unread[fold(new)] = Unread(new, there.count + known.count, there.mentions + known.mentions)

    # --- who is writing ---------------------------------------------------------------------------------------------

    def writes(self, item: Composing) -> None:
        """Somebody begins to write, or stopped."""
        key = fold(item.nick), fold(item.where)
        if item.on:
            self._writing[key] = item
        else:
            self._writing.pop(key, None)

    def writers(self, current: str) -> tuple[Composing, ...]:
        """Who writes in the current conversation, or to the person alone."""
        here = fold(current)
        return tuple(item for item in self._writing.values() if item.where[:1] == "@" or fold(item.where) == here)
