"""What waits for the person's attention: what is unread, who is writing, what is urgent, and whether something rings.

All messages are shown in one stream, so *unread* is what came elsewhere since the person last turned to, or wrote to,
a conversation. Pure: times are monotonic seconds and come in from outside.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Mapping

import msgspec

from messages import Presence, fold

from ..model import Composing, Message
from ..settings import Level
from .shown import conversation

RING_SECONDS = 1.0  # between two rings, however much comes
AT_HAND_SECONDS = 30.0  # who pressed a key so lately looks at the current conversation, which then need not ring
URGENT = 100  # announcements that stay; of more the oldest do not
LOUD = frozenset({"high", "urgent"})  # announcements that ring wherever they are not muted


class Unread(msgspec.Struct):
    """What came to one conversation."""

    where: str  # '@nick', '#room' or '*'
    count: int = 0
    mentions: int = 0  # so many of them call the person, or are only for this person


class Attention:
    """What one person at one console has not looked at yet."""

    def __init__(self, keywords: Iterable[str] = (), levels: Mapping[str, Level] | None = None) -> None:
        self._words = tuple(word for word in keywords if word.strip())
        self._levels: dict[str, Level] = {fold(where): level for where, level in (levels or {}).items()}
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
        level, here, direct = self.level(where), fold(where) == fold(current), where.startswith("@")
        mention = direct or self.mentions(item, me)
        if item.priority == "urgent":
            self.urgent.append(item)
        if not here and level != "mute":
            unread = self._unread.setdefault(fold(where), Unread(where))
            unread.count += 1
            unread.mentions += mention
        return self._rings(item, level, mention, here, now)

    def _rings(self, item: Message, level: Level, mention: bool, here: bool, now: float) -> bool:
        if item.priority != "urgent":
            looked_at = here and now < self._touched + AT_HAND_SECONDS
            wanted = item.priority in LOUD or (not looked_at and (mention or level == "all"))
            if level == "mute" or now < self.quiet_until or not wanted:
                return False
        if now < self._rang + RING_SECONDS:
            return False
        self._rang = now
        return True

    def mentions(self, item: Message, me: str) -> bool:
        """Whether somebody else's message has my nick in it, or one of my keywords."""
        return not item.own and any(_stands_in(word, item.body) for word in (me, *self._words))

    def level(self, where: str) -> Level:
        """What rings of a conversation: all of a direct one, only mentions of others, unless it was set."""
        return self._levels.get(fold(where), "all" if where.startswith("@") else "mentions")

    def set_level(self, where: str, level: Level) -> None:
        """From now on this rings."""
        self._levels[fold(where)] = level
        if level == "mute":
            self.turned(where)

    def acknowledge(self) -> list[Message]:
        """The urgent announcements that stayed until now."""
        done = list(self.urgent)
        self.urgent.clear()
        return done

    # --- where one is -----------------------------------------------------------------------------------------------

    @property
    def unread(self) -> list[Unread]:
        """What is unread, with mentions first, then in the order in which it came."""
        return sorted(self._unread.values(), key=lambda one: not one.mentions)

    def turned(self, where: str) -> None:
        """The person turned to a conversation, or wrote to it, or left it."""
        self._unread.pop(fold(where), None)

    def touched(self, now: float) -> None:
        """The person pressed a key."""
        self._touched = now

    def renamed(self, event: Presence) -> None:
        """A person goes by another nick from now on, and so do the conversation and what is set for it."""
        old, new = f"@{event.nick}", f"@{event.text}"
        if unread := self._unread.pop(fold(old), None):
            self._unread[fold(new)] = Unread(new, unread.count, unread.mentions)
        if level := self._levels.get(fold(old)):
            self._levels[fold(new)] = level

    # --- who is writing ---------------------------------------------------------------------------------------------

    def writes(self, item: Composing) -> None:
        """Somebody begins to write, or stopped."""
        key = fold(item.nick), fold(item.where)
        if item.on:
            self._writing[key] = item
        else:
            self._writing.pop(key, None)

    def writers(self, current: str) -> list[Composing]:
        """Who writes in the current conversation, or to the person alone."""
        return [
            item for item in self._writing.values() if item.where.startswith("@") or fold(item.where) == fold(current)
        ]


def _stands_in(word: str, body: str) -> bool:
    """Whether a word stands in a text by itself, in any case."""
    return bool(re.search(rf"(?<![\w.-]){re.escape(word)}(?![\w-])", body, re.IGNORECASE))
