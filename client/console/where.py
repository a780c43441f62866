"""Where plain text goes: the conversation that the person turned to, or asked the broker for.

What is typed behind /join is meant for that room, before the broker has said whether one may enter. Should it refuse,
the person is where it was certain last, unless they turned elsewhere meanwhile. Pure data; says nothing itself.
"""

from __future__ import annotations

from collections.abc import Collection

from messages import fold


class Where:
    """The current conversation, and how certain it is."""

    def __init__(self, target: str) -> None:
        self.current = target
        self._certain = target  # the current one, if nothing of what is hoped for comes true
        self._hoped: list[str] = []  # asked for, in order

    def turn(self, target: str) -> None:
        """The person turns to a conversation."""
        self.current = self._certain = target
        self._hoped.clear()

    def hope(self, target: str) -> None:
        """The broker is asked for something that leads there."""
        self.current = target
        self._hoped.append(target)

    def outside(self, rooms: Collection[str]) -> bool:
        """Whether the current conversation is a room that is none of these, and that is not hoped for either."""
        return self.current.startswith("#") and self.current not in rooms and self.current not in self._hoped

    def granted(self, target: str) -> bool:
        """The broker said yes; returns whether the person is there now."""
        if target not in self._hoped:
            return False
        self._hoped.remove(target)
        self._certain = target
        return self.current == target

    def refused(self, target: str) -> bool:
        """The broker said no; returns whether that leads back to where it is certain."""
        if target not in self._hoped:
            return False
        self._hoped.remove(target)
        if self.current != target or target in self._hoped:
            return False
        self.current = self._hoped[-1] if self._hoped else self._certain
        return not self._hoped

    def renamed(self, before: str, now: str) -> None:
        """The person behind a conversation is called otherwise."""
        if fold(self.current) == fold(before):
            self.current = now
        if fold(self._certain) == fold(before):
            self._certain = now
