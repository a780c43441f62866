"""A network of the tests' own: the broker's address in a namespace, and two addresses on our side of a cable to it.

Loopback is no substitute for it: limits for each address leave it alone. Needs root, and Linux.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import NamedTuple

from .processes import DEADLINE, PROGRAM

_RANGE = ip_address("198.18.0.0")  # to 198.19.255.255, which is nobody's (RFC 2544)
_SIZE = 8  # addresses of one network in it
_NETWORKS = 2**17 // _SIZE


class Network(NamedTuple):
    """What there is while it lasts."""

    namespace: str
    broker: str  # the address in there
    busy: str  # the first of ours, from which connections come that say nothing of theirs
    calm: str  # the second

    def program(self, sabotage: str) -> tuple[str, ...]:
        """The command of a broker in there; `sabotage` is what the saboteur is told to do, if anything."""
        broker = (sys.executable, "-m", "torture.saboteur", sabotage) if sabotage else PROGRAM
        return ("ip", "netns", "exec", self.namespace, *broker)


def _ip(*arguments: str, check: bool = True) -> None:
    subprocess.run(["ip", *arguments], check=check, capture_output=True, text=True, timeout=DEADLINE)


@contextmanager
def network() -> Iterator[Network]:
    """A network for as long as the block lasts. Raises CalledProcessError where the system makes none."""
    number = os.getpid()  # so that two runs at a time are not in each other's way
    first = _RANGE + number % _NETWORKS * _SIZE
    found = Network(f"confab-{number}", *(str(first + place) for place in (1, 2, 3)))
    ours, theirs = f"cf{number}a", f"cf{number}b"  # the system allows 15 characters
    inside = ("-n", found.namespace)
    try:
        _ip("netns", "add", found.namespace)
        _ip("link", "add", ours, "type", "veth", "peer", "name", theirs, "netns", found.namespace)
        _ip(*inside, "address", "add", f"{found.broker}/29", "dev", theirs)
        _ip(*inside, "link", "set", theirs, "up")
        for address in (found.busy, found.calm):
            _ip("address", "add", f"{address}/29", "dev", ours)
        _ip("link", "set", ours, "up")
        yield found
    finally:
        _ip("link", "delete", ours, check=False)
        _ip("netns", "delete", found.namespace, check=False)
