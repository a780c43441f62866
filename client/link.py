"""One attempt to reach the broker: a DEALER and its monitor, used by one thread. Knows bytes and reasons, no commands.

A link is never repaired. When it breaks it says why, is closed, and the next attempt is a new one: so nothing that
libzmq might have queued is replayed before our Hello.
"""

from __future__ import annotations

import struct
from contextlib import suppress

import zmq
from zmq.utils import z85

from messages import Address, key_text

from .language import _

_NOBLOCK = int(zmq.NOBLOCK)  # plain numbers: looking up an enum costs more than the call
_POLLIN = int(zmq.POLLIN)
_FRAMES = 64  # read in one go before anything is sent again; some 60,000 events at the most
_CONNECT_SECONDS = 5  # for TCP: a far broker needs less than one
_HANDSHAKE_SECONDS = 15  # behind that: a broker to which thousands come back at once needs some; giving up adds to them
_GOODBYE_MS = 500  # a broker that reads takes our last frame within a round trip

_WATCHED = (
    zmq.Event.HANDSHAKE_SUCCEEDED
    | zmq.Event.HANDSHAKE_FAILED_NO_DETAIL
    | zmq.Event.HANDSHAKE_FAILED_PROTOCOL
    | zmq.Event.HANDSHAKE_FAILED_AUTH
    | zmq.Event.DISCONNECTED
    | zmq.Event.CLOSED
)


class Link:
    """A connection that is being made, is up, or is broken."""

    def __init__(
        self, context: zmq.Context[zmq.Socket[bytes]], address: Address, keys: tuple[bytes, bytes], wake: int
    ) -> None:
        """Begin to connect; `keys` are our public and secret key in Z85, `wake` a descriptor to be woken by."""
        self.up = False  # the handshake succeeded: the other end has proved its key, unless it is plain
        self.broken = ""  # why this link is of no more use
        self.unproven = False  # the handshake failed without a reason: perhaps the other end has another key
        self._endpoint = address.endpoint
        self._plain = address.plain
        self._wake = wake
        self._socket = context.socket(zmq.DEALER)
        self._monitor = self._socket.get_monitor_socket(_WATCHED)
        self._set_options(address, *keys)
        self._poller = zmq.Poller()
        for source in (self._socket, self._monitor, wake):
            self._poller.register(source, _POLLIN)
        self._connect()

    def _set_options(self, address: Address, public: bytes, secret: bytes) -> None:
        options = {
            zmq.LINGER: 0,
            zmq.IMMEDIATE: 0,  # 1 throws away what came but was not read when the link breaks: the broker's last words
            zmq.RECONNECT_IVL: 2**31 - 1,  # never by itself; -1 ends the socket's part too, and drops what is unread
            zmq.RCVHWM: 0,  # what comes is read at once; a full queue would look like silence
            zmq.SNDHWM: 0,  # bounded by the outbox's window
            zmq.CONNECT_TIMEOUT: _CONNECT_SECONDS * 1000,
            zmq.HANDSHAKE_IVL: _HANDSHAKE_SECONDS * 1000,
            zmq.TCP_KEEPALIVE: 1,
            zmq.TCP_KEEPALIVE_IDLE: 30,
            zmq.IPV6: int("[" in address.endpoint),  # else a name that has both, like localhost, is IPv6 alone
        }
        for option, value in options.items():
            self._socket.setsockopt(option, value)
        if address.plain:  # the key is only claimed; the password stays unset, which is empty
            self._socket.plain_username = key_text(z85.decode(public)).encode()
        elif address.key is not None:
            self._socket.curve_publickey = public
            self._socket.curve_secretkey = secret
            self._socket.curve_serverkey = z85.encode(address.key)

    def _connect(self) -> None:
        try:
            self._socket.connect(self._endpoint)
        except zmq.ZMQError as error:
            self._break(
                _("{endpoint} cannot be reached: {strerror}.").format(endpoint=self._endpoint, strerror=error.strerror)
            )

    # --- use ----------------------------------------------------------------------------------------------------------

    def wait(self, seconds: float) -> tuple[list[bytes], bool]:
        """Wait for frames, news of the link or a wake; returns the frames, and whether the wake pipe has something."""
        ready = dict(self._poller.poll(max(0, round(seconds * 1000 + 0.5))))
        if self._monitor in ready:
            self._read_news()
        frames = self._read_frames() if self._socket in ready or self.broken else []
        return frames, self._wake in ready

    def send(self, frame: bytes) -> None:
        """Hand a frame to libzmq. It is lost when the connection has just gone, of which news will come."""
        with suppress(zmq.Again):
            self._socket.send(frame, _NOBLOCK)

    def close(self, *, goodbye: bool = False) -> None:
        """Free everything; with `goodbye` the last frames get a moment to leave while the context ends."""
        self._socket.disable_monitor()  # first: libzmq must not write to a monitor that is gone
        self._monitor.close(linger=0)
        self._socket.close(linger=_GOODBYE_MS if goodbye else 0)

    # --- news ---------------------------------------------------------------------------------------------------------

    def _read_frames(self) -> list[bytes]:
        """What has come; all of it when the link is broken, since there may be last words."""
        frames: list[bytes] = []
        receive = self._socket.recv
        try:
            while self.broken or len(frames) < _FRAMES:
                frames.append(receive(_NOBLOCK))
        except zmq.Again:  # that was all
            return frames
        return frames

    def _read_news(self) -> None:
        try:
            while True:
                event, value = struct.unpack("=hi", self._monitor.recv(_NOBLOCK)[:6])
                if self._monitor.rcvmore:
                    self._monitor.recv(_NOBLOCK)  # the endpoint again
                self._note(event, value)
        except zmq.Again:  # that was all
            return

    def _note(self, event: int, value: int) -> None:
        at = self._endpoint
        match event:
            case zmq.Event.HANDSHAKE_SUCCEEDED:
                self.up = True
            case zmq.Event.HANDSHAKE_FAILED_AUTH:
                self._break(_("The broker at {at} refuses this profile's key.").format(at=at))
            # two that speak different mechanisms part: who sees it first breaks off, and the other may not learn why
            case zmq.Event.HANDSHAKE_FAILED_PROTOCOL | zmq.Event.HANDSHAKE_FAILED_NO_DETAIL if self._plain:
                self._break(
                    _(
                        "What listens at {at} is no confab broker, or an encrypted one; that needs its own invite."
                    ).format(at=at)
                )
            case zmq.Event.HANDSHAKE_FAILED_PROTOCOL:
                self._break(
                    _(
                        "What listens at {at} is no confab broker, or one with --plain; that needs its own invite."
                    ).format(at=at)
                )
            case zmq.Event.HANDSHAKE_FAILED_NO_DETAIL:
                self._break(
                    _(
                        "What listens at {at} did not prove the broker's key; is the invite that of this broker? "
                        "One with --plain proves none, and one to which your address makes too many connections "
                        "hangs up."
                    ).format(at=at)
                )
                self.unproven = True
            case zmq.Event.DISCONNECTED:
                self._break(
                    _("The connection to {at} broke.").format(at=at)
                    if self.up
                    else _("What listens at {at} is no confab broker.").format(at=at)
                )
            case zmq.Event.CLOSED:
                self._break(_("Nobody answers at {at}.").format(at=at))

    def _break(self, why: str) -> None:
        self.broken = self.broken or why
