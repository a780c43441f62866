"""What goes out at the end of a tick: a frame per session, and the same bytes for sessions that get the same events.

Deliveries are gathered in *runs*: consecutive events for one audience. A session notes only the indices of its runs, so
a burst to a room of a thousand costs a thousand small appends and one encoding. What is larger than PART_BYTES goes
out in several frames: queues to connections are bounded in frames, and so in bytes too. No I/O and no rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from messages import AnyEvent, encode_events

from .sessions import Peer, Session

PART_BYTES = 64 * 1024  # of one frame, unless it is a single event: with SEND_HWM the bound of a connection's queue


class Outbound:
    """The frames of one tick in the making."""

    def __init__(self) -> None:
        self._runs: list[list[AnyEvent]] = []
        self._peers: dict[Peer, None] = {}  # touched in this tick, in order
        self._touched: list[Session] = []
        self._sent = 0  # how many of a session's deliveries are in front of the frame that is being tried
        self._refused = False  # that frame was not taken

    def answer(self, peer: Peer, event: AnyEvent) -> None:
        """Send one event to one connection, in front of the tick's deliveries."""
        peer.answers.append(event)
        self._peers[peer] = None

    def knock(self, peer: Peer) -> None:
        """Send a connection its answers, and an empty batch when there are none, to see whether it takes them."""
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
        """Yield each connection's frames; whoever cannot send one calls `take_back` before it asks for the next."""
        shared: dict[tuple[int, ...], list[tuple[bytes, int]]] = {}
        for session in self._touched:
            peer = session.peer
            if peer is None:
                session.runs.clear()
            elif peer.answers:
                self._peers[peer] = None
            else:
                key = tuple(session.runs)
                parts = shared.get(key)
                if parts is None:
                    parts = shared[key] = split(self.events(session))
                self._sent, self._refused = 0, False
                for frame, count in parts:
                    yield peer, frame
                    if self._refused:
                        break
                    self._sent += count
        for peer in self._peers:
            yield from self._answers(peer)

    def _answers(self, peer: Peer) -> Iterator[tuple[Peer, bytes]]:
        """A connection's answers, and its deliveries behind them."""
        deliveries = self.events(peer.session) if peer.session is not None else []
        self._sent, self._refused = -len(peer.answers), False
        for frame, count in split(peer.answers + deliveries):
            yield peer, frame
            if self._refused:
                return
            del peer.answers[:count]
            self._sent += count

    def take_back(self, peer: Peer) -> list[AnyEvent]:
        """Send a connection nothing more in this tick; returns the deliveries that it did not take."""
        self._refused = True
        return self.events(peer.session)[max(0, self._sent) :] if peer.session is not None else []

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


def split(events: list[AnyEvent]) -> list[tuple[bytes, int]]:
    """Encode events as frames of at most PART_BYTES, or one event; beside each how many it holds."""
    frame = encode_events(events)
    if len(frame) <= PART_BYTES or len(events) == 1:
        return [(frame, len(events))]
    some = max(1, len(events) * PART_BYTES // len(frame))  # as many as fit when all are alike
    return [part for start in range(0, len(events), some) for part in split(events[start : start + some])]
