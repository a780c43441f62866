"""The loop: ROUTER frames into the core, the core's frames out, until it is time to go down. The six steps of a tick.

Owns no rules. Who a connection is comes from ZAP, read once from its first frame; that it ended, from the monitor.
"""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Callable
from math import inf
from types import FrameType

import zmq
from zmq.utils import z85

from messages import HELLO_SECONDS, RETRY_WINDOW, Closed, Code, DecodeError, Malformed, decode_commands, encode_events

from . import leaving
from .beacon import Beacon
from .connections import Connections
from .core import Core
from .limits import MUTE_SECONDS
from .notes import Note
from .refusals import Refusals
from .retention import Retention
from .sessions import Peer
from .sockets import Sockets, cut, peer_address, received
from .swell import Swell, allowed, on_wire

DRAIN_FRAMES = 512  # of one tick: some milliseconds of work
DRAIN_COMMANDS = RETRY_WINDOW // 4  # and no more commands than these: a client that waits for answers goes on meanwhile
DRAIN_BYTES = 8 * 1024 * 1024  # and no more bytes: what one commit writes

LONGEST_MS = 3_600_000.0  # asleep: what is due in weeks is more than a poller can count
IDLE_MS = 20.0  # without input for this long, the index goes on
BURST_ENTRIES = 100  # in one tick: more than people type
CALM_SECONDS = 0.25  # the index goes on this long after a burst, whose readers need the machine more

SHARED_BYTES = 8 * 1024  # frames from here on are not copied for each connection
UNREAD_SECONDS = 1.0  # how long a connection that is over may have frames to be read
TICK_NOTES = 500  # lines of one tick: whoever floods us must not have us write to a terminal for seconds
AUTOMATIC_LENGTH = 5  # bytes of a routing id that the ROUTER gave, of which the first is 0

_NOTHING = encode_events([])
_NOBLOCK = int(zmq.NOBLOCK)  # plain numbers: enum look-ups cost more than the calls
_SNDMORE_NOBLOCK = int(zmq.SNDMORE | zmq.NOBLOCK)


class Server:
    """Runs one core over one set of sockets."""

    def __init__(
        self,
        core: Core,
        sockets: Sockets,
        report: Callable[[Note], None],
        retention: Retention | None = None,
        beacon: Beacon | None = None,
    ) -> None:
        self._core = core
        self._sockets = sockets
        self._router = sockets.router
        self._report = report
        self._retention = retention or Retention()
        self._beacon = beacon or Beacon()
        self._peers: dict[bytes, Peer] = {}  # by routing id
        self._connections = Connections(HELLO_SECONDS)
        self._refusals = Refusals(self._connections.address)
        self._swell = Swell()
        self._ended: dict[Peer, float] = {}  # disconnected, but with frames that may still be unread: since when
        self._calm_at = 0.0  # when the last burst is over for long enough, monotonic
        self._idle = False  # the last look found no input, so that there is time for the index
        self._stop: str | None = None  # the signal that asked us to go
        self._wake, self._waker = socket.socketpair()

    def run(self) -> None:
        """Serve until an admin or a signal ends it; everything pending is committed and flushed then."""
        self._watch_signals()
        poller = zmq.Poller()
        sockets = self._sockets
        for watched in (self._router, sockets.zap, sockets.monitor, self._wake, *self._beacon.sockets.values()):
            poller.register(watched, zmq.POLLIN)
        busy = False
        self._swell.watch()
        try:
            while self._core.down is None:
                self._wait(poller, busy)
                busy = self._tick()
            self._farewell(self._core.down)
        finally:
            self._swell.rest()

    def _wait(self, poller: zmq.Poller, busy: bool) -> None:
        """Sleep until there is input or something is due; idle costs nothing."""
        timeout = 0.0
        if not busy:
            now = time.monotonic()
            times = (self._core.deadline(now), self._connections.deadline, self._retention.due)
            due = [when for when in times if when is not None and when < inf]
            timeout = -1.0 if not due else min(max(0.0, min(due) - now) * 1000 + 1, LONGEST_MS)
        rest = 0.0 if self._idle else IDLE_MS  # before the index goes on
        rest = max(rest, (self._calm_at - time.monotonic()) * 1000)
        folding = self._core.folding.due(time.monotonic()) and not 0 <= timeout <= rest
        found = poller.poll(int(rest if folding else timeout))
        self._idle = all(ready in self._beacon.sockets for ready, _ in found)  # anyone can keep the beacon busy
        if folding and self._idle:
            self._core.folding.step(time.monotonic())
        for ready, _ in found:
            if ready is self._sockets.zap:
                self._sockets.answer_zap()
            elif ready == self._wake.fileno():
                self._wake.recv(64)
            elif ready in self._beacon.sockets:
                self._beacon.answer(ready)

    def _tick(self) -> bool:
        """Drain, handle, commit, apply, flush. Returns whether there may be more input at once."""
        now, at = time.monotonic(), time.time_ns() // 1_000_000
        self._core.at = at
        if self._stop is not None and self._core.down is None:
            self._core.down = Closed("the operator", self._stop)
        self._watch_connections(now)
        self._swell.look(self._connections, now)
        exhausted = self._drain(now)
        self._cut_endless(now, exhausted)
        self._forget_ended(now, exhausted)
        self._core.tick(now, at)
        if self._core.fed or self._core.log.head - self._core.tick_head > BURST_ENTRIES:
            self._calm_at = now + CALM_SECONDS
        self._flush(now)
        if self._retention.due <= now:
            self._retention.step(self._core, now, at)
        self._tell_notes()
        return not exhausted

    def _tell_notes(self) -> None:
        notes = self._core.notes
        for note in notes[:TICK_NOTES]:
            self._report(note)
        if len(notes) > TICK_NOTES:
            self._report(Note("log", {"text": f"{len(notes) - TICK_NOTES} more lines in this moment are left out."}))
        notes.clear()

    # --- in ----------------------------------------------------------------------------------------------------------

    def _drain(self, now: float) -> bool:
        """Read and handle frames, up to the bounds of a tick; True when there are no more."""
        receive, peers = self._router.recv, self._peers
        core, wrapping = self._core, self._sockets.wrapping
        frames = commands = size = 0
        while frames < DRAIN_FRAMES and commands < DRAIN_COMMANDS and size < DRAIN_BYTES:
            try:
                route = receive(_NOBLOCK)
            except zmq.Again:
                return True
            frame = receive(_NOBLOCK, copy=False)  # knows whether more follows; to ask for that ourselves takes longer
            peer = peers.get(route) or self._meet(route, frame, now)
            frames += 1
            size += len(frame)
            peer.read += on_wire(len(frame), wrapping)
            if frame.more:
                size += self._swallow(peer)
                continue
            if peer.gone:
                continue
            try:
                batch = decode_commands(frame.bytes)
            except DecodeError as error:
                batch = [Malformed(0, Code.MALFORMED, str(error))]
            commands += len(batch)
            core.receive(peer, batch, now)
        return False

    def _meet(self, route: bytes, frame: zmq.Frame, now: float) -> Peer:
        """The first frame of a connection: take its proven key and its descriptor from it."""
        self._watch_connections(now)  # so that an older connection with this descriptor is known to be over
        key, address = z85.decode(str(frame.get("User-Id")).encode()), _address_of(frame)
        peer = self._peers[route] = self._core.open(route, key, now, address)
        descriptor = int(frame.get(zmq.MessageOption.SRCFD))
        if not self._connections.met(peer, descriptor, lambda: self._alive(route)):
            self._ended.setdefault(peer, now)
        elif len(route) != AUTOMATIC_LENGTH or route[0] != 0:
            text = "Set no routing id: a connection could be taken for another. The broker gives one to each."
            self._core.refuse(peer, 0, Code.MALFORMED, text)
            self._core.dismiss(peer, Code.MALFORMED, text, now)
        return peer

    def _alive(self, route: bytes) -> bool:
        """Whether a connection takes a frame, an empty batch; only one that is over is unreachable."""
        self._router.getsockopt(zmq.EVENTS)  # has libzmq see what became of it
        try:
            self._router.send(route, _SNDMORE_NOBLOCK)
            self._router.send(_NOTHING, _NOBLOCK)
        except zmq.ZMQError as error:
            return error.errno != zmq.EHOSTUNREACH
        return True

    def _swallow(self, peer: Peer) -> int:
        """A message of the wrong number of frames: read it to its end and say so; returns how many bytes that were."""
        count, size, more = 1, 0, True
        while more:
            frame = self._router.recv(_NOBLOCK, copy=False)
            size += len(frame)
            peer.read += on_wire(len(frame), self._sockets.wrapping)
            count, more = count + 1, frame.more
        text = f"A message must be one frame, this one had {count}; nothing of it was read."
        if not peer.gone:
            self._core.receive(peer, [Malformed(0, Code.MALFORMED, text)], time.monotonic())
        return size

    # --- connections -------------------------------------------------------------------------------------------------

    def _watch_connections(self, now: float) -> None:
        connections, refusals = self._connections, self._refusals
        for event, value in self._sockets.monitor_events():
            match event:
                case zmq.EVENT_ACCEPTED:
                    surplus = connections.accepted(value, now, peer_address(value))
                    if surplus is not None:
                        self._refuse(surplus, "there are too many that say nothing")
                    if len(connections) > self._sockets.limit:
                        self._refuse(value, "there are too many connections")
                case zmq.EVENT_DISCONNECTED:
                    refusals.over(value)
                    peer = connections.closed(value)
                    if peer is not None:
                        self._ended.setdefault(peer, now)
                case zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL:
                    refusals.failed(f"its handshake is not {self._sockets.mechanism} as spoken here")
                case zmq.EVENT_HANDSHAKE_FAILED_AUTH:  # which does not end the connection
                    refusals.unknown(f"its handshake is not {self._sockets.mechanism} as spoken here")
                case zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL:
                    refusals.failed("its handshake broke off")
        for descriptor in connections.fresh(now):
            if received(descriptor) == 0:
                self._beacon.introduce(descriptor)
                self._refuse(descriptor, f"not one byte came in {MUTE_SECONDS:.0f} seconds")
        for descriptor in connections.overdue(now):
            self._refuse(descriptor, f"it said nothing for {HELLO_SECONDS:.0f} seconds")
        for who, address, why in refusals.take():
            self._core.note("refused", who=who, address=address, why=why)

    def _refuse(self, descriptor: int, why: str) -> None:
        """Cut a connection that has said nothing yet."""
        self._refusals.refuse(descriptor, why)
        cut(descriptor)

    def _forget_ended(self, now: float, exhausted: bool) -> None:
        """Close what is over, once all that came before has been read; a flood does not put that off for ever."""
        for peer in [peer for peer, since in self._ended.items() if exhausted or since + UNREAD_SECONDS <= now]:
            del self._ended[peer]
            self._core.close(peer, now)
            self._peers.pop(peer.route, None)
        if exhausted:
            self._connections.drained()

    def _cut_endless(self, now: float, exhausted: bool) -> None:
        """Cut those of whom libzmq keeps a message that has not ended, and more of it than is right."""
        for descriptor, peer in self._swell.endless(self._connections, now, exhausted):
            who = "a connection" if peer is None else self._core.name_of(peer)
            origin = {"address": self._connections.address(descriptor)} if peer is None else {}
            why = f"{allowed(peer) // 1024} KiB of a message came, and no end of it"
            self._core.note("refused", who=who, **origin, why=why)
            cut(descriptor)

    # --- out ---------------------------------------------------------------------------------------------------------

    def _flush(self, now: float) -> None:
        """Send each connection its frames; one that takes none is fed from the log later and delays nobody."""
        send, core = self._router.send, self._core
        large: dict[int, zmq.Frame] = {}  # by identity of the bytes, which each keeps alive
        for peer, frame in core.frames():
            try:
                send(peer.route, _SNDMORE_NOBLOCK)
                if len(frame) < SHARED_BYTES:
                    send(frame, _NOBLOCK)
                else:  # the same memory for all who get the same
                    shared = large.get(id(frame)) or large.setdefault(id(frame), zmq.Frame(frame, copy=False))
                    send(shared, _NOBLOCK, copy=False)
            except zmq.Again:
                core.choked(peer, now)
            except zmq.ZMQError as error:
                if error.errno != zmq.EHOSTUNREACH:
                    raise
                self._ended.setdefault(peer, now)
        core.end_tick()
        for peer in core.cut:
            descriptor = self._connections.descriptor(peer)
            if descriptor is not None:
                cut(descriptor)
            core.close(peer, now)
        core.cut.clear()

    def _farewell(self, closed: Closed) -> None:
        """Take what already arrived, commit it, and tell everyone that this is the end."""
        now, at = time.monotonic(), time.time_ns() // 1_000_000
        self._drain(now)
        leaving.stand(self._core, now)
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


def _address_of(frame: zmq.Frame) -> str:
    """The address that a connection comes from; empty for a Unix socket."""
    try:
        return str(frame.get("Peer-Address"))
    except zmq.ZMQError:
        return ""
