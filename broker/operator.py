"""The operator's hand: commands of whoever can read the data folder, the broker running or not.

To a running broker it connects like any client, with the broker's own key pair: that is the proof; to one that does not
encrypt, with a password made of it. Otherwise it puts the command to a core of its own over the log, which the folder's
lock makes safe. So all go by the same rules.
"""

from __future__ import annotations

import os
import time

import msgspec
import zmq
from zmq.utils import z85

from messages import (
    PROTOCOL,
    AnyCommand,
    AnyEvent,
    Hello,
    Home,
    Local,
    Rejected,
    Rule,
    Welcome,
    decode_events,
    encode_commands,
    key_text,
)

from .core import Core
from .folder import Folder, FolderError
from .keys import KeyPair, load_or_make
from .start import log_and_keys

ANSWER_SECONDS = 10.0  # a local broker that takes longer is in trouble


class OperatorError(Exception):
    """The command was refused or not answered; the text is a sentence for the person."""


def ask(home: Home, command: AnyCommand) -> AnyEvent:
    """Put a command to the broker of a home; returns its answer. Raises OperatorError, KeyFileError, LogError.

    A rule may be set before the broker's first start, which makes its data; nothing else may.
    """
    if not home.broker.is_dir() and not isinstance(command, Rule):
        raise OperatorError(f"There is no broker's data in {home.broker}. Start the broker once, or choose --data.")
    try:
        folder = Folder(home)
    except FolderError:
        if not home.local.exists():
            raise
        return _answer(_ask_running(home, command))
    try:
        return _answer(_ask_log(folder, command))
    finally:
        folder.close()


def _answer(events: list[AnyEvent]) -> AnyEvent:
    """The one event that answers the command, behind the Welcome."""
    for event in events:
        if isinstance(event, Rejected):
            raise OperatorError(event.text)
        if getattr(event, "number", 0):
            return event
    raise OperatorError(
        f"The broker did not answer within {ANSWER_SECONDS:.0f} seconds. Nothing is known to have changed."
    )


def _ask_log(folder: Folder, command: AnyCommand) -> list[AnyEvent]:
    """No broker runs: be one, for one command."""
    log, keys = log_and_keys(folder)
    try:
        now, at, key = time.monotonic(), time.time_ns() // 1_000_000, keys.public
        core = Core(log, operator=key, name="", now=now, at=at)
        core.tick(now, at)  # what was to end by itself meanwhile ends first
        core.end_tick()
        peer = core.open(b"", key, now)
        core.receive(peer, [_hello(), command], now)
        core.tick(now, at)
        return [event for _, frame in core.frames() for event in decode_events(frame)]
    finally:
        log.close()


def _hello() -> Hello:
    return Hello(PROTOCOL, "operator", os.urandom(16), feed=False, quiet=True)


def _ask_running(home: Home, command: AnyCommand) -> list[AnyEvent]:
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
        _identify(dealer, keys, plain=local.plain)
        dealer.ipv6 = "[" in endpoint
        dealer.connect(endpoint)
        dealer.send(encode_commands([_hello(), command]))
        return _await_answer(dealer)
    finally:
        dealer.close()
        context.term()


def _identify(dealer: zmq.Socket[bytes], keys: KeyPair, *, plain: bool) -> None:
    if plain:
        dealer.plain_username, dealer.plain_password = key_text(keys.public).encode(), keys.password
        return
    dealer.curve_publickey = dealer.curve_serverkey = z85.encode(keys.public)
    dealer.curve_secretkey = z85.encode(keys.secret)


def _await_answer(dealer: zmq.Socket[bytes]) -> list[AnyEvent]:
    """What the broker says, up to the answer."""
    deadline = time.monotonic() + ANSWER_SECONDS
    heard: list[AnyEvent] = []
    while (left := deadline - time.monotonic()) > 0 and dealer.poll(int(left * 1000)):
        heard += decode_events(dealer.recv())
        if any(isinstance(event, Rejected) or getattr(event, "number", 0) for event in heard):
            break
    return [event for event in heard if not isinstance(event, Welcome)]
