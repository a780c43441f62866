"""The loop: ROUTER frames into the core, the core's frames out, until it is time to go down. The six steps of a tick.

Owns no rules. Who a connection is comes from ZAP, read once from its first frame; that it ended, from the monitor.
"""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Callable
from types import FrameType

import zmq
from zmq.utils import z85

from messages import HELLO_SECONDS, Closed, Code, DecodeError, decode_commands, encode_events

from .core import Core
from .notes import Note
from .sessions import Peer
from .sockets import Sockets, cut

DRAIN_FRAMES = 512  # of one tick: some milliseconds of work
DRAIN_COMMANDS = 8192  # and no more commands than these
DRAIN_BYTES = 8 * 1024 * 1024  # and no more bytes: what one commit writes

_NOBLOCK = int(zmq.NOBLOCK)  # plain numbers: enum look-ups cost more than the calls
_SNDMORE_NOBLOCK = int(zmq.SNDMORE | zmq.NOBLOCK)
_RCVMORE = int(zmq.RCVMORE)


class Server:
    """Runs one core over one set of sockets."""

    def __init__(self, core: Core, sockets: Sockets, report: Callable[[Note], None]) -> None:
        self._core = core
        self._sockets = sockets
        self._router = sockets.router
        self._report = report
        self._peers: dict[bytes, Peer] = {}  # by routing id
        self._by_descriptor: dict[int, Peer] = {}
        self._descriptors: dict[Peer, int] = {}
        self._closed_early: set[int] = set()  # descriptors that closed before their first frame was read
        self._silent: dict[int, float] = {}  # descriptor → when it must have said something, monotonic
        self._ended: list[Peer] = []  # disconnected, but with frames that may still be unread
        self._stop: str | None = None  # the signal that asked us to go
        self._wake, self._waker = socket.socketpair()

    def run(self) -> None:
        """Serve until an admin or a signal ends it; everything pending is committed and flushed then."""
        self._watch_signals()
        poller = zmq.Poller()
        for watched in (self._router, self._sockets.zap, self._sockets.monitor, self._wake):
            poller.register(watched, zmq.POLLIN)
        busy = False
        while self._core.down is None:
            self._wait(poller, busy)
            busy = self._tick()
        self._farewell(self._core.down)

    def _wait(self, poller: zmq.Poller, busy: bool) -> None:
        """Sleep until there is input or something is due; idle costs nothing."""
        timeout = 0.0
        if not busy:
            now = time.monotonic()
            times = (self._core.deadline(now), min(self._silent.values(), default=None))
            due = [when for when in times if when is not None]
            timeout = -1.0 if not due else max(0.0, min(due) - now) * 1000 + 1
        for ready, _ in poller.poll(int(timeout)):
            if ready is self._sockets.zap:
                self._sockets.answer_zap()
            elif ready == self._wake.fileno():
                self._wake.recv(64)

    def _tick(self) -> bool:
        """Drain, handle, commit, apply, flush. Returns whether there may be more input at once."""
        now, at = time.monotonic(), time.time_ns() // 1_000_000
        if self._stop is not None and self._core.down is None:
            self._core.down = Closed("the operator", self._stop)
        self._watch_connections(now)
        exhausted = self._drain(now)
        if exhausted:  # everything that came before a disconnect has been read
            self._forget_ended(now)
        self._core.tick(now, at)
        self._flush(now)
        for note in self._core.notes:
            self._report(note)
        self._core.notes.clear()
        return not exhausted

    # --- in ----------------------------------------------------------------------------------------------------------

    def _drain(self, now: float) -> bool:
        """Read and handle frames, up to the bounds of a tick; True when there are no more."""
        receive, more, peers = self._router.recv, self._router.getsockopt, self._peers
        core = self._core
        frames = commands = size = 0
        while frames < DRAIN_FRAMES and commands < DRAIN_COMMANDS and size < DRAIN_BYTES:
            try:
                route = receive(_NOBLOCK)
            except zmq.Again:
                return True
            peer = peers.get(route)
            if peer is None:
                peer, frame = self._meet(route, now)
            else:
                frame = receive(_NOBLOCK)
            frames += 1
            size += len(frame)
            if more(_RCVMORE):
                self._swallow(peer)
                continue
            if peer.gone:
                continue
            try:
                batch = decode_commands(frame)
            except DecodeError as error:
                core.refuse(peer, 0, Code.MALFORMED, str(error))
                continue
            commands += len(batch)
            core.receive(peer, batch, now)
        return False

    def _meet(self, route: bytes, now: float) -> tuple[Peer, bytes]:
        """The first frame of a connection: take its proven key and its descriptor from it."""
        frame = self._router.recv(_NOBLOCK, copy=False)
        self._watch_connections(now)  # so that an older connection with this descriptor is known to be over
        peer = self._core.open(route, z85.decode(str(frame.get("User-Id")).encode()), now)
        descriptor = int(frame.get(zmq.MessageOption.SRCFD))
        self._peers[route] = peer
        if descriptor in self._closed_early:
            self._closed_early.discard(descriptor)
            self._ended.append(peer)
        else:
            if descriptor in self._by_descriptor:  # its owner before was over without our noticing
                self._ended.append(self._by_descriptor[descriptor])
            self._by_descriptor[descriptor] = peer
            self._descriptors[peer] = descriptor
        self._silent.pop(descriptor, None)
        return peer, frame.bytes

    def _swallow(self, peer: Peer) -> None:
        """A message of the wrong number of frames: read it to its end and say so."""
        count = 1
        while self._router.getsockopt(_RCVMORE):
            self._router.recv(_NOBLOCK)
            count += 1
        text = f"A message must be one frame, this one had {count}; nothing of it was read."
        self._core.refuse(peer, 0, Code.MALFORMED, text)

    # --- connections -------------------------------------------------------------------------------------------------

    def _watch_connections(self, now: float) -> None:
        for event, descriptor in self._sockets.monitor_events():
            match event:
                case zmq.EVENT_ACCEPTED:
                    self._closed_early.discard(descriptor)
                    self._silent[descriptor] = now + HELLO_SECONDS
                    if len(self._silent) + len(self._by_descriptor) > self._sockets.limit:
                        cut(descriptor)
                        self._core.note("refused", who="a connection", why="there are too many already")
                case zmq.EVENT_DISCONNECTED:
                    self._disconnected(descriptor)
                case zmq.EVENT_HANDSHAKE_FAILED_AUTH | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL:
                    self._core.note("refused", who="a connection", why="its handshake is not CURVE as spoken here")
                case zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL:
                    self._core.note("refused", who="a connection", why="its handshake broke off")
        for descriptor in [fd for fd, when in self._silent.items() if when <= now]:
            del self._silent[descriptor]
            cut(descriptor)
            self._core.note("refused", who="a connection", why=f"it said nothing for {HELLO_SECONDS:.0f} seconds")

    def _disconnected(self, descriptor: int) -> None:
        peer = self._by_descriptor.pop(descriptor, None)
        if peer is not None:
            self._descriptors.pop(peer, None)
            self._ended.append(peer)
        elif self._silent.pop(descriptor, None) is not None:
            self._closed_early.add(descriptor)  # its frames may still be unread

    def _forget_ended(self, now: float) -> None:
        for peer in self._ended:
            self._core.close(peer, now)
            self._peers.pop(peer.route, None)
        self._ended.clear()

    # --- out ---------------------------------------------------------------------------------------------------------

    def _flush(self, now: float) -> None:
        """Send each connection its frame; one that takes none is fed from the log later and delays nobody."""
        send, core = self._router.send, self._core
        for peer, frame in core.frames():
            try:
                send(peer.route, _SNDMORE_NOBLOCK)
                send(frame, _NOBLOCK)
                peer.answers.clear()
            except zmq.Again:
                core.choked(peer, now)
            except zmq.ZMQError as error:
                if error.errno != zmq.EHOSTUNREACH:
                    raise
                self._ended.append(peer)
        core.end_tick()
        for peer in core.cut:
            descriptor = self._descriptors.get(peer)
            if descriptor is not None:
                cut(descriptor)
            core.close(peer, now)
        core.cut.clear()

    def _farewell(self, closed: Closed) -> None:
        """Take what already arrived, commit it, and tell everyone that this is the end."""
        now, at = time.monotonic(), time.time_ns() // 1_000_000
        self._drain(now)
        self._core.tick(now, at)
        self._flush(now)
        frame = encode_events([closed])
        for peer in self._peers.values():
            if not peer.gone:
                try:
                    self._router.send(peer.route, _SNDMORE_NOBLOCK)
                    self._router.send(frame, _NOBLOCK)
                except zmq.ZMQError:
                    continue  # gone or not reading: it will notice by itself
        self._report(Note("down", {"by": closed.by, "why": closed.reason}))

    def _watch_signals(self) -> None:
        self._waker.setblocking(False)
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)

        def stop(number: int, _frame: FrameType | None) -> None:
            self._stop = signal.Signals(number).name

        signal.signal(signal.SIGINT, stop)
        signal.signal(signal.SIGTERM, stop)
