"""Whether a broker is known here, is there, is the right one, and speaks as we do."""

from __future__ import annotations

from collections.abc import Iterator

from messages import Code, Home, key_fingerprint

from ..errors import WRONG_BROKER, NotConfigured
from ..known import OF_THIS_HOME, Broker, KnownBrokers
from ..language import _, plural
from ..locate import find_broker
from ..probe import Answer, probe
from .finding import Finding

TIMEOUT_SECONDS = 5.0
_SLOW = 1.0  # seconds for a round trip, with which nobody likes to talk


def check_broker(chosen: str | None, home: Home) -> Iterator[Finding]:
    """Look for the broker that a client would take, and ask it."""
    yield _known(home)
    try:
        broker = find_broker(chosen, home)
    except NotConfigured as error:
        yield Finding("problem", _("broker"), str(error))
        return
    key = broker.address.key
    told = _("{place}, whose fingerprint is {fingerprint} ({source})").format(
        place=broker.address.endpoint, fingerprint=key_fingerprint(key) if key else "?", source=_(broker.source)
    )
    yield Finding("ok", _("broker"), told)
    if broker.address.plain:
        yield Finding("warning", _("broker"), _("Nothing is encrypted, and nobody proves who they are (--plain)."))
    yield from _reached(probe(broker, TIMEOUT_SECONDS), broker)


def _known(home: Home) -> Finding:
    try:
        count = len(KnownBrokers(home).read())
    except NotConfigured as error:
        return Finding("problem", _("brokers"), str(error))
    text = plural("{count} remembered, from its invite", "{count} remembered, from their invites", count)
    return Finding("ok", _("brokers"), text.format(count=count))


def _reached(answer: Answer, broker: Broker) -> Iterator[Finding]:
    check = _("connection")
    if answer.problem:
        advice = _("Is it running, is the address right, and does a firewall let you through?")
        if broker.source == OF_THIS_HOME:
            advice = _("Start it with `make broker` or `confab-broker`.")
        yield Finding("problem", check, answer.problem, advice)
        return
    if answer.code == WRONG_BROKER:
        yield Finding("problem", check, answer.text)
        return
    text = _("The broker proved its key after {connected:.0f} ms, and answers after {round_trip:.0f} ms.").format(
        connected=answer.connected * 1000, round_trip=answer.round_trip * 1000
    )
    slow = answer.round_trip > _SLOW
    yield Finding("warning" if slow else "ok", check, text, _("The way to it is slow, or it is busy.") if slow else "")
    yield _welcome(answer)


def _welcome(answer: Answer) -> Finding:
    """Whether it would let somebody in who comes for the first time."""
    match answer.code:
        case "":
            return Finding("ok", _("protocol"), _("It speaks ours, and lets newcomers in."))
        case Code.NOT_INVITED:
            text = _("It speaks ours, and lets in only who is known there, or invited.")
            return Finding("ok", _("protocol"), text)
        case Code.TOO_MANY | Code.NOT_STORED:
            return Finding("warning", _("protocol"), answer.text)
        case Code.BANNED:
            return Finding("problem", _("protocol"), answer.text, _("Ask those who run it."))
    return Finding(
        "problem", _("protocol"), answer.text, _("Install the version of confab that those who run it name.")
    )
