"""A client written against messages/PROTOCOL.md alone: pyzmq and msgpack, and nothing of confab is imported.

    python examples/protocol_client.py INVITE NICK FILE

says each line of its standard input in #general, prints what is said, and ends with its input, when all is answered.
FILE holds its key pair and its device, and is made at the first run. It shows what the document asks for beside the
first few bytes: one identity for all runs, a cursor, heartbeats, coming back, and every text stored once.
"""

from __future__ import annotations

import base64
import json
import os
import random
import sys
import time
from pathlib import Path
from typing import Any

import msgpack
import zmq
from zmq.utils import z85
from zmq.utils.monitor import recv_monitor_message

PING_SECONDS, SILENCE_SECONDS = 10, 20
BODY_BYTES = 65536
MOST_UNANSWERED = 500  # commands; the document wants far fewer than 10,000
FAST, SLOW = 0.1, 10.0  # seconds between attempts to come back
ENDS = zmq.EVENT_DISCONNECTED | zmq.EVENT_CLOSED | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
ENDS |= zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_HANDSHAKE_FAILED_AUTH
MAY_COME_AGAIN = ("too_fast", "not_stored", "not_read")  # codes after which the same number may be sent again


def identity(path: Path) -> dict[str, str]:
    """Our key pair and device. Whoever has the file is us; two processes with one device put each other out."""
    try:
        found: dict[str, str] = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        public, secret = zmq.curve_keypair()
        found = {"public": public.decode(), "secret": secret.decode(), "device": os.urandom(16).hex()}
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(found, file)
    return found


class Talk:
    """What outlives a connection: who we are, how far we have come, and what has no answer yet."""

    def __init__(self, invite: str, nick: str, me: dict[str, str]) -> None:
        self.where, _, key_and_token = invite.removeprefix("confab://").partition("/")
        self.key, _, self.token = key_and_token.partition("/")
        self.nick = nick
        self.me = me
        self.cursor: int | None = None  # every delivery up to this sequence was taken
        self.timeline = b""  # of the log that the cursor speaks of
        self.number = 0  # of our newest command
        self.unanswered: dict[int, list[Any]] = {}  # number → command, in order
        self.typed: list[str] = []  # lines that wait for a number, which only the welcome tells
        self.rest = b""  # of our input: a line without its end
        self.ended = False  # our input
        self.up = False  # welcomed, on this connection
        self.again_at: float | None = None  # when all that has no answer goes out again
        self.pause = FAST

    def converse(self) -> None:
        """One connection, from hello to its end."""
        dealer = zmq.Context.instance().socket(zmq.DEALER)
        dealer.curve_publickey, dealer.curve_secretkey = self.me["public"].encode(), self.me["secret"].encode()
        dealer.curve_serverkey = z85.encode(base64.urlsafe_b64decode(self.key + "="))
        dealer.rcvhwm, dealer.linger, dealer.reconnect_ivl = 0, 1000, 2**31 - 1  # libzmq is not to reconnect by itself
        monitor = dealer.get_monitor_socket(ENDS)
        poller = zmq.Poller()
        poller.register(dealer, zmq.POLLIN)
        poller.register(monitor, zmq.POLLIN)
        if not self.ended:
            poller.register(sys.stdin.fileno(), zmq.POLLIN)
        dealer.connect(f"tcp://{self.where}")
        device = bytes.fromhex(self.me["device"])
        hello = ["hello", 1, self.nick, device, self.cursor, True, False, "example 1", None, self.token, self.timeline]
        self.up, self.again_at = False, None
        dealer.send(msgpack.packb([hello]))
        said = heard = time.monotonic()
        try:
            while time.monotonic() - heard < SILENCE_SECONDS:
                ready = dict(poller.poll(1000 if self.again_at is None else 50))
                if sys.stdin.fileno() in ready:
                    self.read()
                    if self.ended:
                        poller.unregister(sys.stdin.fileno())
                if dealer in ready:
                    heard = time.monotonic()
                    for name, *fields in msgpack.unpackb(dealer.recv()):
                        self.happened(name, fields)
                elif monitor in ready:  # only when all that came before the end is read
                    recv_monitor_message(monitor)
                    return
                commands = self.due()
                if self.up and not commands and time.monotonic() - min(said, heard) > PING_SECONDS:
                    commands = [["ping", 1]]
                for command in commands:  # each a batch of one, so that no frame is too long
                    dealer.send(msgpack.packb([command]))
                    said = time.monotonic()
                if self.up and self.ended and not self.unanswered:
                    dealer.send(msgpack.packb([["bye"]]))
                    sys.exit()
        finally:
            dealer.disable_monitor()
            dealer.close()

    def read(self) -> None:
        """Take what stands on our input."""
        data = os.read(sys.stdin.fileno(), 65536)
        self.ended = not data
        *lines, self.rest = (self.rest + (data or b"\n")).split(b"\n")
        for line in lines:
            if len(line) > BODY_BYTES:
                print(f"A line of {len(line)} bytes is longer than a message may be.", file=sys.stderr)
            elif line.strip():
                self.typed.append(line.decode("utf-8", "replace"))

    def due(self) -> list[list[Any]]:
        """What is to be sent now: after a break or a pause all that has no answer, then what is new."""
        commands: list[list[Any]] = []
        if self.up and self.again_at is not None and time.monotonic() >= self.again_at:
            commands, self.again_at = list(self.unanswered.values()), None
        while self.up and self.again_at is None and self.typed and len(self.unanswered) < MOST_UNANSWERED:
            self.number += 1
            self.unanswered[self.number] = ["post", self.number, "#general", self.typed.pop(0)]
            commands.append(self.unanswered[self.number])
        return commands

    def happened(self, name: str, fields: list[Any]) -> None:
        """Take one event; what we do not know is ignored, as the document asks."""
        match name:
            case "welcome":
                after, last, timeline = fields[3], fields[5], fields[10]
                if self.cursor is None or timeline != self.timeline:
                    self.cursor, self.timeline = after, timeline
                self.number = max(self.number, last)
                self.up, self.pause, self.again_at = True, FAST, time.monotonic()
            case "accepted":
                for number in range(fields[0], fields[0] + fields[2]):
                    self.unanswered.pop(number, None)
            case "message" | "announcement":
                seq, _, sender, to, body = fields[:5]
                if seq > (self.cursor or 0):
                    self.cursor = seq
                    print(f"{sender} to {to}: {body!r}", flush=True)  # repr: no byte of others controls the terminal
            case "gap":
                self.cursor = max(self.cursor or 0, fields[1])
            case "pong":
                self.cursor = max(self.cursor or 0, fields[1])
            case "rejected" if fields[0] == 0:
                sys.exit(f"The broker refused us: {fields[2]!r}")
            case "rejected" if fields[1] in MAY_COME_AGAIN:
                self.again_at = time.monotonic() + max(fields[3], 1.0)
            case "rejected":
                self.unanswered.pop(fields[0], None)
                print(f"refused: {fields[2]!r}", file=sys.stderr)
            case "dismissed":
                sys.exit(f"The broker ended our session: {fields[1]!r}")


def main() -> None:
    """Talk, over as many connections as it takes."""
    if len(sys.argv) != 4:
        sys.exit("usage: protocol_client.py INVITE NICK FILE")
    talk = Talk(sys.argv[1], sys.argv[2], identity(Path(sys.argv[3])))
    while True:
        talk.converse()
        print(f"The connection ended; trying again in {talk.pause:.1f} s.", file=sys.stderr)
        time.sleep(talk.pause * random.uniform(0.5, 1.0))
        talk.pause = min(SLOW, talk.pause * 2)


if __name__ == "__main__":
    main()
