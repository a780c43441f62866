"""The broker's sockets: a ROUTER that only proven keys reach, its monitor, and the ZAP handler. No rules in here.

With `plain`, for what stays on this machine, keys are claimed and not proved, but for the broker's own.
Options and their reasons follow what libzmq 4.3.5 does, not only what it documents.
"""

from __future__ import annotations

import contextlib
import ctypes
import hmac
import os
import resource
import socket
import stat
import struct
import sys
from collections.abc import Iterator

import zmq
from zmq.utils import z85
from zmq.utils.monitor import parse_monitor_message

from messages import FRAME_BYTES, InvalidAddress, parse_key, stays_here

from .keys import KeyPair

ZAP_DOMAIN = b"confab"
SEND_HWM = 128  # frames that wait for one connection, beyond what the kernel takes; then it is fed from the log
RECEIVE_HWM = 256  # frames of one connection that wait for the broker: a tick's worth; then its client holds them
CURVE_BYTES = 33  # what encryption adds to a frame; libzmq's limit counts them
BACKLOG = 4096  # connections the kernel holds while a crowd comes back
HANDSHAKE_MS = 15_000  # for CURVE; thousands who come back at once need some seconds, and one given up comes again
LINGER_MS = 2_000  # at the end, for the last words to leave
SPARE_DESCRIPTORS = 64  # for the log, the terminal and libzmq itself
LEAST_ZMQ = (4, 3, 3)  # in older ones who has no key can hold up all others before the handshake (CVE-2020-15166)
LEAST_CONNECTIONS = 2  # one who asks, and one who answers
MOST_DESCRIPTORS = 10_240  # where the system names no limit: what macOS grants a process

_RECEIVED = struct.Struct("=128xQ")  # of Linux' tcp_info: tcpi_bytes_received
_EVENTS = (
    zmq.EVENT_ACCEPTED
    | zmq.EVENT_DISCONNECTED
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
)


class BindError(Exception):
    """An endpoint cannot be bound; the text is a sentence for the person."""


class Sockets:
    """The context and its sockets, bound and ready."""

    def __init__(self, keys: KeyPair, endpoints: tuple[str, ...], *, plain: bool = False) -> None:
        """Bind everything. Raises BindError, also where libzmq or the system will not do; nothing stays open then."""
        if missing := check_libraries():
            raise BindError(missing)
        self._keys = keys
        self.mechanism = "PLAIN" if plain else "CURVE"
        self.wrapping = 0 if plain else CURVE_BYTES  # bytes that a frame has more on the wire
        # libzmq counts routing ids up from rand(), which it never seeds; a peer that guesses one can abort the process
        ctypes.CDLL(None).srand(int.from_bytes(os.urandom(4), "little"))
        self.limit = _raise_descriptor_limit()  # connections, of whatever kind: without descriptors, accept spins
        if self.limit < LEAST_CONNECTIONS:
            raise BindError(
                f"The system grants this process {self.limit + SPARE_DESCRIPTORS} descriptors, and it needs at least "
                f"{LEAST_CONNECTIONS + SPARE_DESCRIPTORS} to serve anybody. Raise `ulimit -n`, or LimitNOFILE=."
            )
        self.context = zmq.Context()
        self.zap = self.context.socket(zmq.REP)
        self.zap.linger = 0
        self.zap.bind("inproc://zeromq.zap.01")  # before the ROUTER: without a handler everyone would be let in
        self.router = self.context.socket(zmq.ROUTER)
        self._configure(keys)
        self.monitor = self.router.get_monitor_socket(_EVENTS)
        self.endpoints: list[str] = []
        try:
            for endpoint in endpoints:
                self._bind(endpoint)
        except BindError:
            self.close(0)
            raise

    def _configure(self, keys: KeyPair) -> None:
        router = self.router
        if self.mechanism == "PLAIN":
            router.plain_server = True
        else:
            router.curve_server = True
            router.curve_publickey = z85.encode(keys.public)
            router.curve_secretkey = z85.encode(keys.secret)
        router.zap_domain = ZAP_DOMAIN
        router.set(zmq.ZAP_ENFORCE_DOMAIN, 1)
        router.router_mandatory = True
        router.sndhwm = SEND_HWM
        router.rcvhwm = RECEIVE_HWM
        router.maxmsgsize = FRAME_BYTES + CURVE_BYTES
        router.backlog = BACKLOG
        router.handshake_ivl = HANDSHAKE_MS
        router.tcp_keepalive = 1
        router.tcp_keepalive_idle = 30
        router.linger = LINGER_MS

    def _bind(self, endpoint: str) -> None:
        if self.mechanism == "PLAIN" and not stays_here(endpoint):
            raise BindError(
                f"With --plain nothing is encrypted, so {endpoint}, which other machines may reach, is not opened. "
                "Leave --plain out, or bind 127.0.0.1, [::1] or ipc://."
            )
        if "[" in endpoint:
            self.router.ipv6 = True
        if endpoint.startswith("ipc://"):  # zmq would remove whatever is there, and take its place
            path = endpoint.removeprefix("ipc://")
            if _answers(path):
                raise BindError(f"{endpoint} is in use by another process; choose another with --bind.")
            if os.path.lexists(path) and not stat.S_ISSOCK(os.lstat(path).st_mode):
                raise BindError(f"Cannot listen on {endpoint}: there is a file that is no socket. Choose another.")
        try:
            self.router.bind(endpoint)
        except zmq.ZMQError as error:
            why = "it is in use by another process" if error.errno == zmq.EADDRINUSE else error.strerror
            raise BindError(f"Cannot listen on {endpoint}: {why}. Choose another with --bind.") from error
        self.endpoints.append(str(self.router.get_string(zmq.LAST_ENDPOINT)))

    def answer_zap(self) -> None:
        """Answer one handshake: any well-formed key may come in; the core decides what it may do."""
        try:
            frames = self.zap.recv_multipart(zmq.NOBLOCK)
        except zmq.Again:
            return
        text = f"Only {self.mechanism} is spoken here, with a key."
        reply = [b"1.0", frames[1] if len(frames) > 1 else b"", b"400", text.encode(), b"", b""]
        if len(frames) > 6 and (frames[0], frames[2], frames[5]) == (b"1.0", ZAP_DOMAIN, self.mechanism.encode()):
            key = self._key(frames[6:])
            if key is not None:
                reply[2:5] = [b"200", b"OK", z85.encode(key)]
        self.zap.send_multipart(reply)

    def _key(self, credentials: list[bytes]) -> bytes | None:
        """Whose connection it will be; None: it is refused."""
        match self.mechanism, credentials:
            case "CURVE", [key]:
                return key
            case "PLAIN", [name, password]:
                with contextlib.suppress(InvalidAddress):
                    key = parse_key(name.decode("latin-1"))
                    # anybody may claim a key, but the broker's own makes an operator, and its public half is no secret
                    wanted = self._keys.password if key == self._keys.public else b""
                    return key if hmac.compare_digest(password, wanted) else None
        return None

    def monitor_events(self) -> Iterator[tuple[int, int]]:
        """Yield (event, value) until the monitor is empty; an undrained monitor freezes the ROUTER."""
        while True:
            try:
                event = parse_monitor_message(self.monitor.recv_multipart(zmq.NOBLOCK))
            except zmq.Again:
                return
            yield event["event"], event["value"]

    def close(self, linger: int = LINGER_MS) -> None:
        """Close everything; what was sent has `linger` ms to leave."""
        self.router.disable_monitor()
        self.monitor.close(0)
        self.router.close(linger)
        self.zap.close(0)
        self.context.term()


def peer_address(descriptor: int) -> str:
    """The address that a connection comes from; empty for a Unix socket, and for one that is over."""
    try:
        connection = socket.socket(fileno=descriptor)  # no copy, as in `cut`
        try:
            name = connection.getpeername()
        finally:
            connection.detach()
    except OSError:
        return ""
    return str(name[0]).removeprefix("::ffff:") if isinstance(name, tuple) else ""


def check_libraries() -> str:
    """What is missing in the ZeroMQ that is installed, a sentence; empty: nothing."""
    if zmq.zmq_version_info() < LEAST_ZMQ:
        found, least = zmq.zmq_version(), ".".join(map(str, LEAST_ZMQ))
        return f"confab needs libzmq {least} or newer, and this one is {found}. Install a newer pyzmq."
    if not zmq.has("curve"):
        return "This libzmq was built without CURVE, so nothing could be encrypted. Install pyzmq's own wheel."
    return ""


def cut(descriptor: int) -> None:
    """End the connection with this descriptor; libzmq sees it break."""
    with contextlib.suppress(OSError):  # it broke by itself: what was wanted
        connection = socket.socket(fileno=descriptor)  # no copy: it must work when no descriptor is left
        try:
            connection.shutdown(socket.SHUT_RDWR)
        finally:
            connection.detach()


def received(descriptor: int) -> int | None:
    """The bytes that came over a TCP connection, as Linux (from 4.1 on) counts them; None: it is over, or no TCP."""
    if sys.platform != "linux":
        return None
    with contextlib.suppress(OSError):
        connection = socket.socket(fileno=descriptor)  # no copy, as in `cut`
        try:
            info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _RECEIVED.size)
        finally:
            connection.detach()
        if len(info) == _RECEIVED.size:
            return int(_RECEIVED.unpack(info)[0])
    return None


def _raise_descriptor_limit() -> int:
    """Take all the descriptors the system grants; returns how many connections they are enough for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else hard
    if soft != resource.RLIM_INFINITY and soft < limit:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
        except (ValueError, OSError):  # the system grants less than it says
            limit = soft
    return limit - SPARE_DESCRIPTORS


def _answers(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(path)
        except OSError:
            return False
    return True
