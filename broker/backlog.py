"""What waits, connection by connection: commands behind one that is not done, and connections that took no frame.

A connection that took no frame is *stuck*: it is not listened to, and not fed. It is knocked at with the answers it has
to get, or an empty batch, after a pause that doubles each time; once it takes that, all goes on. So whoever reads
nothing costs one small send now and then, however much there is for it. Only bookkeeping; no rules and no I/O.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from messages import AnyCommand, Malformed, encode_commands

from .sessions import Peer

FIRST_PAUSE, LAST_PAUSE = 0.05, 1.0  # seconds between two knocks at a connection that takes nothing
MAX_WAITING = 16 * 1024 * 1024  # bytes of commands kept for a connection whose earlier ones are not done
ALL_WAITING = 256 * 1024 * 1024  # and for all together: beyond it a connection may have no more than the next figure
LEAST_WAITING = 1024 * 1024
COMMAND_BYTES = 128  # what a command weighs in memory besides its text


class Backlog:
    """Who waits, and for what."""

    def __init__(self) -> None:
        self._stuck: dict[Peer, float] = {}  # when to knock next, monotonic
        self._knocking: dict[Peer, None] = {}  # are sent something in this tick
        self._unblocked: list[Peer] = []  # may go on in the next tick
        self._bytes = 0  # of all commands that wait

    def holds(self, peer: Peer) -> bool:
        """Whether commands of this connection must wait."""
        return peer.blocked or peer in self._stuck

    def stuck(self, peer: Peer | None) -> bool:
        """Whether this connection takes no frames at present."""
        return peer in self._stuck

    def forget(self, peer: Peer) -> None:
        """The connection is over; of what waited nothing counts, since the same may have come over its next one."""
        peer.waiting.clear()
        self._bytes -= peer.waiting_bytes
        peer.waiting_bytes = 0
        self._stuck.pop(peer, None)
        self._knocking.pop(peer, None)

    def deadline(self, now: float) -> float | None:
        """When somebody is to go on, or to be knocked at, monotonic; None: nobody."""
        return now if self._unblocked else min(self._stuck.values(), default=None)

    # --- commands ----------------------------------------------------------------------------------------------------

    def keep(self, peer: Peer, commands: Iterable[AnyCommand | Malformed]) -> bool:
        """Keep commands for later, behind those that wait already; whether that makes it too much to wait for."""
        before = peer.waiting_bytes
        for command in commands:
            weight = _weight(command)
            peer.waiting.append((command, weight))
            peer.waiting_bytes += weight
        self._bytes += peer.waiting_bytes - before
        much = LEAST_WAITING if self._bytes > ALL_WAITING else MAX_WAITING
        return before <= much < peer.waiting_bytes

    def waiting(self, peer: Peer) -> Iterator[AnyCommand | Malformed]:
        """Take what waits, one after the other; what is not taken goes on waiting."""
        while peer.waiting:
            command, weight = peer.waiting.popleft()
            peer.waiting_bytes -= weight
            self._bytes -= weight
            yield command

    def postpone(self, peer: Peer, command: AnyCommand) -> None:
        """Look at this command again in the next tick, in front of all that wait."""
        weight = _weight(command)
        peer.waiting.appendleft((command, weight))
        peer.waiting_bytes += weight
        self._bytes += weight
        self.interrupt(peer)

    def interrupt(self, peer: Peer) -> None:
        """Go on with its commands in the next tick only."""
        peer.blocked = True
        self._unblocked.append(peer)

    def unblock(self, peer: Peer) -> None:
        """Go on with what waited behind a command that is decided."""
        if peer.waiting:
            peer.blocked = True  # until then, so that nothing overtakes
            self._unblocked.append(peer)
        else:
            peer.blocked = False

    def unblocked(self) -> Iterator[Peer]:
        """Take the connections whose commands may go on."""
        peers, self._unblocked = self._unblocked, []
        for peer in peers:
            peer.blocked = False
            if not peer.gone and peer not in self._stuck:
                yield peer

    # --- connections that take nothing -------------------------------------------------------------------------------

    def refused(self, peer: Peer, now: float) -> None:
        """It took no frame: wait twice as long as before."""
        peer.pause = min(max(FIRST_PAUSE, 2 * peer.pause), LAST_PAUSE)
        self._stuck[peer] = now + peer.pause
        self._knocking.pop(peer, None)

    def knock(self, now: float) -> Iterator[Peer]:
        """The stuck connections that are to be tried again in this tick."""
        self._knocking = dict.fromkeys(peer for peer, when in self._stuck.items() if when <= now)
        yield from self._knocking

    def taken(self) -> Iterator[Peer]:
        """Take, at the end of a tick, those that were knocked at and took it: they are stuck no more."""
        peers, self._knocking = self._knocking, {}
        for peer in peers:
            del self._stuck[peer]
            peer.pause = 0.0
            if not peer.blocked:
                self.unblock(peer)
            yield peer


def _weight(command: AnyCommand | Malformed) -> int:
    return COMMAND_BYTES + len(encode_commands([command]))
