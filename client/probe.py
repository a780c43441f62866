"""Asks a broker whether it would talk to us, and how fast it answers, without becoming anybody there.

It comes with a key made for the moment, and greets with a nick that is none: a broker that speaks our protocol refuses
that, and nothing of it gets into its log. One question, in the caller's thread.
"""

from __future__ import annotations

import os
from time import monotonic
from typing import NamedTuple

import zmq

from messages import PROTOCOL, Code, Dismissed, Hello, Rejected, decode_events, encode_commands

from .beacon import ask_fingerprint, keep_silent
from .known import Broker
from .language import _
from .link import Link
from .version import __version__

LIBZMQ = zmq.zmq_version()
CURVE = bool(zmq.has("curve"))

_NO_NICK = "?"
_NAME = f"confab doctor {__version__}"


class Answer(NamedTuple):
    """How a broker answered."""

    code: str = ""  # why it would not have us, of messages.Code, or WRONG_BROKER; empty: it would, or see `problem`
    text: str = ""  # and in its own words
    connected: float = 0.0  # seconds until it had proved its key
    round_trip: float = 0.0  # seconds from our question to its answer
    problem: str = ""  # why there was no answer, a sentence


def probe(broker: Broker, timeout: float) -> Answer:
    """Ask a broker, and wait so many seconds at the most."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    wake = os.pipe()  # which nobody writes to
    try:
        link = Link(context, broker.address, zmq.curve_keypair(), wake[0])
        try:
            answer = _converse(link, broker.address.token, monotonic(), timeout)
        finally:
            link.close()
        if link.unproven:
            digest = ask_fingerprint(broker.address.endpoint) or keep_silent(broker.address.endpoint)
            if digest and (wrong := broker.mistaken_for(digest)):
                return Answer(wrong.code, str(wrong))
        return answer
    except zmq.ZMQError as error:
        return Answer(problem=_("No connection can be made: {why}.").format(why=error.strerror))
    finally:
        os.close(wake[0])
        os.close(wake[1])
        context.destroy()


def _converse(link: Link, token: str, began: float, timeout: float) -> Answer:
    asked = 0.0
    while (left := began + timeout - monotonic()) > 0:
        frames, _woken = link.wait(left)
        for event in (event for frame in frames for event in decode_events(frame)):
            if isinstance(event, Rejected | Dismissed):
                code = "" if event.code == Code.NICK_INVALID else event.code
                return Answer(code, event.text, asked - began, monotonic() - asked)
        if link.broken:
            return Answer(problem=link.broken)
        if link.up and not asked:
            asked = monotonic()
            hello = Hello(PROTOCOL, _NO_NICK, os.urandom(16), None, False, True, _NAME, token=token)
            link.send(encode_commands([hello]))
    return Answer(problem=_("The broker did not answer in time."))
