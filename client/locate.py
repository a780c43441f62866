"""Which broker: what was asked for, else CONFAB_BROKER, else the one of this home. Reads one file, opens no socket."""

from __future__ import annotations

import os
import re

import msgspec

from messages import Address, Home, InvalidAddress, Local, parse_address, parse_key

from .errors import NotConfigured

NOBODY = "No broker is known here. Start one with `make broker` or `confab-broker`, or pass its invite with --broker."

_LOOPBACK = re.compile(r"tcp://(localhost|127\.\d+\.\d+\.\d+|\[::1\]):\d+")
_ANYWHERE = {"tcp://*:": "tcp://127.0.0.1:", "tcp://0.0.0.0:": "tcp://127.0.0.1:", "tcp://[::]:": "tcp://[::1]:"}


def find_broker(chosen: str | None, home: Home) -> Address:
    """The broker's endpoint and key; raises NotConfigured with what to do about it."""
    chosen = chosen or os.environ.get("CONFAB_BROKER") or None
    local = _read_local(home)
    if chosen is None:
        if local is None or not local.endpoints:
            raise NotConfigured(NOBODY)
        return _with_key(Address(_reachable(local.endpoints[0])), local, home)
    try:
        address = parse_address(chosen)
    except InvalidAddress as error:
        raise NotConfigured(str(error)) from error
    if address.key is not None:
        return address
    if local is not None and _is_local(address.endpoint, local):
        return _with_key(address, local, home)
    raise NotConfigured(
        f"A client needs the invite of {address.endpoint}, which carries the broker's key: confab://host:port/key, "
        "as the broker prints it when it starts."
    )


def _read_local(home: Home) -> Local | None:
    try:
        return msgspec.json.decode(home.local.read_bytes(), type=Local)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise NotConfigured(f"{home.local} cannot be read ({error}); starting the broker writes it anew.") from error


def _with_key(address: Address, local: Local, home: Home) -> Address:
    try:
        return Address(address.endpoint, parse_key(local.key))
    except InvalidAddress as error:
        raise NotConfigured(f"{home.local} is damaged ({error}); starting the broker writes it anew.") from error


def _is_local(endpoint: str, local: Local) -> bool:
    """Whether the home's own broker is meant, so that its key is the right one to ask for."""
    return endpoint.startswith("ipc://") or bool(_LOOPBACK.fullmatch(endpoint)) or endpoint in local.endpoints


def _reachable(endpoint: str) -> str:
    """An endpoint as one connects to it: a broker that listens everywhere is here, too."""
    for anywhere, here in _ANYWHERE.items():
        if endpoint.startswith(anywhere):
            return here + endpoint.removeprefix(anywhere)
    return endpoint
