"""Who is writing: what we tell of ourselves, and what we were told of others. Pure data; times in monotonic seconds."""

from __future__ import annotations

from math import inf

from messages import TYPING_SECONDS, Announcement, Message, Typing, Typist, fold

from .inbox import Inbox
from .model import Composing

TELL_SECONDS = TYPING_SECONDS / 2  # between two tellings while a line is being written: one of two may get lost


class Pen:
    """What we tell: that a line is being written for one conversation, or none."""

    def __init__(self) -> None:
        self._where = ""
        self._told = -inf

    def writes(self, where: str, now: float) -> list[Typing]:
        """The person changed the line for this conversation, or ('') there is none any more; returns what to tell."""
        commands = []
        if self._where not in ("", where) and now < self._told + TYPING_SECONDS:
            commands.append(Typing(self._where, False))
        if where and (where != self._where or now >= self._told + TELL_SECONDS):
            commands.append(Typing(where))
            self._told = now
        self._where = where
        return commands

    def sent(self, where: str) -> None:
        """What was said to this conversation tells by itself that the line is finished."""
        if fold(where) == fold(self._where):
            self._where = ""


class Others:
    """What we were told: who writes where, each until it is said to be over, or a while has passed."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._until: dict[tuple[str, str], tuple[float, Composing]] = {}  # by folded nick and conversation

    def told(self, event: Typist, me: str, now: float) -> None:
        """Somebody writes, or stopped."""
        where = f"@{event.nick}" if fold(event.to) == f"@{fold(me)}" else event.to
        key = fold(event.nick), fold(where)
        known = self._until.pop(key, None)
        if event.on:
            item = Composing(event.nick, where)
            self._until[key] = now + TYPING_SECONDS, item
            if known is None:
                self._inbox.put_event(item)
        elif known is not None:
            self._inbox.put_event(Composing(event.nick, where, False))

    def said(self, event: Message | Announcement, me: str) -> None:
        """Who says something there has finished writing it."""
        if not self._until:  # as nearly always
            return
        where = f"@{event.sender}" if fold(event.to) == f"@{fold(me)}" else event.to
        self._end((fold(event.sender), fold(where)))

    def tick(self, now: float) -> float:
        """End what nobody has spoken of again in time; returns when to come again."""
        for key in [key for key, (until, _) in self._until.items() if until <= now]:
            self._end(key)
        return min((until for until, _ in self._until.values()), default=inf)

    def end(self) -> None:
        """The connection is gone: nothing is known of anybody any more."""
        for key in list(self._until):
            self._end(key)

    def _end(self, key: tuple[str, str]) -> None:
        if key in self._until:
            _, item = self._until.pop(key)
            self._inbox.put_event(Composing(item.nick, item.where, False))
