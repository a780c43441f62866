"""Which broker: what was asked for, else CONFAB_BROKER, else the one of this home. Reads files, opens no socket."""

from __future__ import annotations

import os
from dataclasses import replace

import msgspec

from messages import Address, Home, InvalidAddress, Local, key_text, parse_address, parse_key, stays_here

from .errors import NotConfigured
from .known import FROM_INVITE, OF_THIS_HOME, Broker, KnownBrokers
from .language import N_, _, told

NOBODY = N_(
    "No broker is known here. Start one with `make broker` or `confab-broker`, or pass its invite with --broker."
)

_ANYWHERE = {"tcp://*:": "tcp://127.0.0.1:", "tcp://0.0.0.0:": "tcp://127.0.0.1:", "tcp://[::]:": "tcp://[::1]:"}


def find_broker(chosen: str | None, home: Home) -> Broker:
    """The broker's endpoint and key, and whether it is plain; raises NotConfigured with what to do about it."""
    chosen = chosen or os.environ.get("CONFAB_BROKER") or None
    local = _read_local(home)
    if chosen is None:
        if local is None or not local.endpoints:
            raise NotConfigured(_(NOBODY))
        return _of_this_home(_reachable(local.endpoints[0]), local, home)
    try:
        address = parse_address(chosen)
    except InvalidAddress as error:
        raise NotConfigured(told(str(error))) from error
    if address.plain:
        return Broker(address, FROM_INVITE)  # not to be remembered: nothing proves the key
    brokers = KnownBrokers(home)
    known = brokers.check(address)
    if known is not None:
        return Broker(replace(address, key=parse_key(known.key)), _("remembered since {date}").format(date=known.date))
    if address.key is not None:
        own = local is not None and local.key == key_text(address.key)
        return Broker(address, FROM_INVITE, None if own else brokers)
    if local is not None and _is_local(address.endpoint, local):
        return _of_this_home(address.endpoint, local, home)
    raise NotConfigured(
        _(
            "A client needs the invite of {endpoint}, which carries the broker's key: "
            "confab://host:port/key, as the broker prints it when it starts. Once it was welcomed with "
            "that, the address alone is enough."
        ).format(endpoint=address.endpoint)
    )


def _read_local(home: Home) -> Local | None:
    try:
        return msgspec.json.decode(home.local.read_bytes(), type=Local)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise NotConfigured(
            _("{local} cannot be read ({error}); starting the broker writes it anew.").format(
                local=home.local, error=error
            )
        ) from error


def _of_this_home(endpoint: str, local: Local, home: Home) -> Broker:
    try:
        return Broker(Address(endpoint, parse_key(local.key), plain=local.plain), OF_THIS_HOME)
    except InvalidAddress as error:
        raise NotConfigured(
            _("{local} is damaged ({error}); starting the broker writes it anew.").format(local=home.local, error=error)
        ) from error


def _is_local(endpoint: str, local: Local) -> bool:
    """Whether the home's own broker is meant, so that its key is the right one to ask for."""
    return stays_here(endpoint) or endpoint in local.endpoints


def _reachable(endpoint: str) -> str:
    """An endpoint as one connects to it: a broker that listens everywhere is here, too."""
    for anywhere, here in _ANYWHERE.items():
        if endpoint.startswith(anywhere):
            return here + endpoint.removeprefix(anywhere)
    return endpoint
