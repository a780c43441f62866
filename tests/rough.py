"""A wire whose ticks come one by one, and what must hold between any two: for tests that do anything at any time."""

from __future__ import annotations

from broker import core, feeding, log
from broker.state import State

from .wire import EPOCH, Wire


class RoughWire(Wire):
    """A wire whose ticks come one by one, so that anything may happen between two."""

    def once(self, seconds: float = 0.001) -> None:
        """One tick."""
        self.now += seconds
        self.core.tick(self.now, EPOCH)
        for peer, frame in self.core.frames():
            remote = next((remote for remote in self.peers if remote.peer is peer), None)
            if remote is not None and remote.full:
                self.core.choked(peer, self.now)
                continue
            if remote is not None and not remote.broken:
                remote.inbox.append(frame)
        self.core.end_tick()
        for peer in self.core.cut:
            self.core.close(peer, self.now)
        self.core.cut.clear()
        check_invariants(self.core)


def check_invariants(broker: core.Core) -> None:
    """What must hold between any two ticks."""
    for account in broker.state.by_nick.values():
        assert account.registered or account.id in broker.here, f"{account.nick} is held by nobody and for ever"
    for here in broker.here.values():
        assert here.account.nick, "somebody is here without a nick"
        for session in here.sessions.values():
            assert here.account.banned(broker.at) is None, "banned and still here"
            assert session.here is here
            assert session.peer is None or (session.peer.session is session and not session.peer.gone)
            assert session.number >= session.device.last_number
            assert not session.runs or broker.out.pending
            connected = session.peer is not None and session.feeding
            if not connected:
                assert not session.live
                assert session not in broker._behind
            else:
                stuck = broker.backlog.stuck(session.peer)
                assert session.live + (session in broker._behind) + stuck == 1, "fed neither live nor from the log"
    told = broker.receipts
    assert all(session.peer is not None for session in told._of), "told of what nobody hears"
    assert sorted(told._watches) == sorted(seq for seqs in told._to.values() for seq in seqs)
    assert all(seqs == sorted(seqs) for seqs in told._to.values())
    assert all(watch.sessions for watch in told._watches.values()), "kept for nobody"
    assert not told._news, "news that is not told"


def check_replay(wire: RoughWire) -> None:
    """The state in memory is the fold of the log."""
    folded = State()
    for segment in wire.log.read(0):
        folded.apply_segment(segment.first, segment.entries)
    assert folded.snapshot() == wire.core.state.snapshot()


def shrink(monkeypatch) -> None:
    for where, what, value in (
        (feeding, "PORTION_ENTRIES", 5),
        (feeding, "PORTION_SIZE", 300),
        (feeding, "FEED_ENTRIES", 12),
        (log, "CACHE_BYTES", 500),
        (core, "SNAPSHOT_ENTRIES", 30),
    ):
        monkeypatch.setattr(where, what, value)
