"""Who was refused before anybody knew who it is, for the broker's own log: one line a reason, one reason a connection.

Anybody can make thousands of connections, so those of one tick are counted. Of which one a handshake failed libzmq does
not tell; the end of that connection is what its monitor tells next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

NAMED = 3  # addresses in one line; more are counted


class Refusals:
    """Why connections were refused in this tick."""

    def __init__(self, address: Callable[[int], str]) -> None:
        """`address` tells where a descriptor's connection comes from."""
        self._address = address
        self._failed = ""  # why the handshake failed of the connection whose end is told next
        self._told: set[int] = set()  # descriptors of open connections that were refused
        self._addresses: dict[str, list[str]] = {}  # by why

    def refuse(self, descriptor: int, why: str) -> None:
        """A connection is refused; nothing more is said of it."""
        if descriptor not in self._told:
            self._told.add(descriptor)
            self._addresses.setdefault(why, []).append(self._address(descriptor))

    def failed(self, why: str) -> None:
        """A handshake failed."""
        self._failed = self._failed or why

    def unknown(self, why: str) -> None:
        """A connection is refused, and nobody can tell which."""
        self._addresses.setdefault(why, []).append("")

    def over(self, descriptor: int) -> None:
        """A connection is over; its address is known still."""
        if self._failed:
            self.refuse(descriptor, self._failed)
            self._failed = ""
        self._told.discard(descriptor)

    def take(self) -> Iterator[tuple[str, str, str]]:
        """Take who was refused, from where, and why."""
        found, self._addresses = self._addresses, {}
        for why, addresses in found.items():
            who = "a connection" if len(addresses) == 1 else f"{len(addresses)} connections"
            distinct = [each for each in dict.fromkeys(addresses) if each]
            more = f" and {len(distinct) - NAMED} more addresses" if len(distinct) > NAMED else ""
            yield who, ", ".join(distinct[:NAMED]) + more, why
