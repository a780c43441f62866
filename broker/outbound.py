"""What goes out at the end of a tick: one frame per session, and the same bytes for sessions that get the same events.

Deliveries are gathered in *runs*: consecutive events for one audience. A session notes only the indices of its runs, so
a burst to a room of a thousand costs a thousand small appends and one encoding. No I/O and no rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from messages import AnyEvent, encode_events

from .sessions import Peer, Session


class Outbound:
    """The frames of one tick in the making."""

    def __init__(self) -> None:
        self._runs: list[list[AnyEvent]] = []
        self._peers: dict[Peer, None] = {}  # touched in this tick, in order
        self._touched: list[Session] = []

    def answer(self, peer: Peer, event: AnyEvent) -> None:
        """Send one event to one connection, in front of the tick's deliveries."""
        peer.answers.append(event)
        self._peers[peer] = None

    def again(self, peer: Peer) -> None:
        """Send the answers that a connection did not take before."""
        if peer.answers:
            self._peers[peer] = None

    @property
    def pending(self) -> bool:
        """Whether there is something to send that came after the last frames."""
        return bool(self._peers or self._touched)

    def run(self, audience: Iterable[Session], but: Session | None = None) -> list[AnyEvent]:
        """Open a run for the sessions of `audience` that are connected and live; append events to what is returned."""
        events: list[AnyEvent] = []
        index = len(self._runs)
        self._runs.append(events)
        for session in audience:
            if session.live and session is not but:
                runs = session.runs
                if not runs:
                    self._touched.append(session)
                runs.append(index)
        return events

    def portion(self, session: Session, events: list[AnyEvent]) -> None:
        """Send a session what it missed."""
        if not session.runs:
            self._touched.append(session)
        session.runs.append(len(self._runs))
        self._runs.append(events)

    def frames(self) -> Iterator[tuple[Peer, bytes]]:
        """Yield each connection's frame; answers that were not taken come again with `again`."""
        shared: dict[tuple[int, ...], bytes] = {}
        for session in self._touched:
            peer = session.peer
            if peer is None:
                session.runs.clear()
            elif peer.answers:
                self._peers[peer] = None
            else:
                key = tuple(session.runs)
                frame = shared.get(key)
                if frame is None:
                    frame = shared[key] = encode_events(self.events(session))
                yield peer, frame
        for peer in self._peers:
            if peer.answers:
                events = peer.answers
                if peer.session is not None and peer.session.runs:
                    events = events + self.events(peer.session)
                yield peer, encode_events(events)

    def events(self, session: Session) -> list[AnyEvent]:
        """This tick's deliveries to a session, in order."""
        runs = session.runs
        if len(runs) == 1:
            return self._runs[runs[0]]
        return [event for index in runs for event in self._runs[index]]

    def clear(self) -> None:
        """Forget the tick; answers that were not sent stay with their connection."""
        for session in self._touched:
            session.runs.clear()
        self._touched.clear()
        self._runs.clear()
        self._peers.clear()
