"""Who is sent a delivery: the connected sessions behind an account, a room or everyone. Cached while nobody moves.

Only look-ups; the state says who belongs, the sessions say who is connected.
"""

from __future__ import annotations

from .entries import EVERYONE_ID
from .sessions import Here, Session
from .state import State


class Audience:
    """Answers `of`, and must be told by `changed` when anybody came, went, entered or left."""

    def __init__(self, state: State, here: dict[int, Here]) -> None:
        self._state = state
        self._here = here
        self._cache: dict[int, list[Session]] = {}

    def changed(self) -> None:
        """Forget what was cached."""
        self._cache.clear()

    def of(self, to: int, account: int) -> list[Session]:
        """The sessions that see something said by `account` to an account id, a room id or everyone."""
        if to in self._state.accounts:
            return self.sessions(to) if to == account else self.sessions(to) + self.sessions(account)
        members = self._here.keys() if to == EVERYONE_ID else self._state.members[to]
        if to not in self._cache:
            self._cache[to] = [session for member in members for session in self.sessions(member)]
        if account in members:
            return self._cache[to]
        return self._cache[to] + self.sessions(account)  # one may speak to a room without being in it

    def sessions(self, account: int) -> list[Session]:
        """The connected sessions of one account."""
        here = self._here.get(account)
        return [session for session in here.sessions.values() if session.peer is not None] if here else []

    def everyone(self) -> list[Session]:
        """Every connected session."""
        return self.of(EVERYONE_ID, EVERYONE_ID)
