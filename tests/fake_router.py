"""A tiny broker on a real socket, for tests of the client's thread: it greets, accepts and obeys, and can be broken."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import zmq
from zmq.utils import z85

from messages import (
    PROTOCOL,
    Accepted,
    Announce,
    AnyCommand,
    AnyEvent,
    Bye,
    Code,
    Done,
    Hello,
    Home,
    Malformed,
    Ping,
    Pong,
    Post,
    Rejected,
    Welcome,
    Who,
    decode_commands,
    encode_events,
    key_text,
)

Answer = Callable[[AnyCommand], "Sequence[AnyEvent] | bytes"]


class FakeRouter:
    """A ROUTER in a thread. `answer` says what comes back for a command; what it heard stands in `heard`."""

    def __init__(self, home: Path, answer: Answer | None = None, *, port: int = 0, secret: bytes | None = None) -> None:
        self.heard: list[AnyCommand | Malformed] = []
        self.bye = threading.Event()
        self.seq = 0
        self.answer = answer or self.polite
        self.secret = secret or zmq.curve_keypair()[1]
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        self._socket.linger = 0
        self._socket.curve_server = True
        self._socket.curve_secretkey = self.secret
        self._socket.bind(f"tcp://127.0.0.1:{port or '*'}")
        endpoint = self._socket.last_endpoint.decode().rstrip("\0")
        self.port = int(endpoint.rpartition(":")[2])
        self._tell(home, endpoint)
        self._stop, self._stopped = os.pipe()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _tell(self, home: Path, endpoint: str) -> None:
        local = Home(home).local
        local.parent.mkdir(parents=True, exist_ok=True)
        key = key_text(z85.decode(zmq.curve_public(self.secret)))
        local.write_text(json.dumps({"key": key, "endpoints": [endpoint]}))

    def polite(self, command: AnyCommand) -> Sequence[AnyEvent] | bytes:
        """What a broker says that agrees with everything."""
        match command:
            case Hello():
                return [Welcome(PROTOCOL, command.nick, 0, 0, True, 0, ["#general"], "guest", "fake")]
            case Ping():
                return [Pong(command.token, self.seq)]
            case Post(to="@nobody"):
                return [Rejected(command.number, Code.NO_SUCH_NICK, "Nobody called nobody is here.")]
            case Post() | Announce():
                self.seq += 1
                return [Accepted(command.number, self.seq)]
            case Who():
                return [Done(command.number)]  # an answer that does not belong to the question
        return []

    def _run(self) -> None:
        poller = zmq.Poller()
        poller.register(self._socket, zmq.POLLIN)
        poller.register(self._stop, zmq.POLLIN)
        while self._stop not in (ready := dict(poller.poll())):
            if self._socket in ready:
                route, frame = self._socket.recv_multipart()
                self._take(route, decode_commands(frame))
        self._socket.close()
        self._context.term()

    def _take(self, route: bytes, commands: list[AnyCommand | Malformed]) -> None:
        self.heard += commands
        events: list[AnyEvent] = []
        for command in commands:
            if isinstance(command, Malformed):
                continue
            answer = self.answer(command)
            if isinstance(answer, bytes):
                self._socket.send_multipart([route, answer])
            else:
                events += answer
            if isinstance(command, Bye):
                self.bye.set()
        if events:
            self._socket.send_multipart([route, encode_events(events)])

    def close(self) -> None:
        """Go without a word, as a broker that was killed."""
        os.write(self._stopped, b"!")
        self._thread.join()
        os.close(self._stop)
        os.close(self._stopped)
