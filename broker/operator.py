"""The operator's hand: makes and unmakes admins for whoever can read the data folder, the broker running or not.

To a running broker it connects like any client, with the broker's own key pair: that is the proof. Otherwise it opens
the log itself, which the folder's lock makes safe.
"""

from __future__ import annotations

import os
import time

import msgspec
import zmq
from zmq.utils import z85

from messages import (
    PROTOCOL,
    Accepted,
    AnyCommand,
    AnyEvent,
    Grant,
    Hello,
    Home,
    Local,
    Rejected,
    decode_events,
    encode_commands,
)

from .entries import Granted
from .folder import Folder, FolderError
from .keys import KeyPair, load_or_make
from .log import Log
from .state import State

ANSWER_SECONDS = 10.0  # a local broker that takes longer is in trouble


class OperatorError(Exception):
    """The change could not be made; the text is a sentence for the person."""


def grant(home: Home, nick: str, *, admin: bool) -> None:
    """Make whom `nick` (or a key) means an admin, or one no longer. Raises OperatorError, KeyFileError, LogError."""
    if not home.broker.is_dir():
        raise OperatorError(f"There is no broker's data in {home.broker}. Start the broker once, or choose --data.")
    try:
        folder = Folder(home)
    except FolderError:
        if not home.local.exists():
            raise
        _ask_running(home, Grant(1, nick, admin))
        return
    try:
        _append(folder, nick, admin)
    finally:
        folder.close()


def _append(folder: Folder, nick: str, admin: bool) -> None:
    log = Log(folder.log_file)
    try:
        account = State.of(log).whom(nick, holder_counts=False)
        log.append(time.time_ns() // 1_000_000, [Granted(account.id, admin, "operator")])
    except LookupError as error:
        raise OperatorError(str(error)) from error
    finally:
        log.close()


def _ask_running(home: Home, command: AnyCommand) -> None:
    try:
        local = msgspec.json.decode(home.local.read_bytes(), type=Local)
        endpoint = local.endpoints[0]
    except (OSError, msgspec.MsgspecError, IndexError) as error:
        text = f"{home.local} does not say where the broker is: {error}. Restart the broker, which writes it anew."
        raise OperatorError(text) from error
    keys = load_or_make(home.broker / "key.json")
    context = zmq.Context()
    dealer = context.socket(zmq.DEALER)
    try:
        dealer.linger = 0
        _identify(dealer, keys)
        dealer.ipv6 = "[" in endpoint
        dealer.connect(endpoint)
        dealer.send(encode_commands([Hello(PROTOCOL, "operator", os.urandom(16), feed=False, quiet=True), command]))
        _await_answer(dealer)
    finally:
        dealer.close()
        context.term()


def _identify(dealer: zmq.Socket[bytes], keys: KeyPair) -> None:
    dealer.curve_publickey = dealer.curve_serverkey = z85.encode(keys.public)
    dealer.curve_secretkey = z85.encode(keys.secret)


def _await_answer(dealer: zmq.Socket[bytes]) -> None:
    deadline = time.monotonic() + ANSWER_SECONDS
    while (left := deadline - time.monotonic()) > 0 and dealer.poll(int(left * 1000)):
        for event in decode_events(dealer.recv()):
            if _is_answer(event):
                return
    raise OperatorError(
        f"The broker did not answer within {ANSWER_SECONDS:.0f} seconds. Nothing is known to have changed."
    )


def _is_answer(event: AnyEvent) -> bool:
    if isinstance(event, Rejected):
        raise OperatorError(event.text)
    return isinstance(event, Accepted)
