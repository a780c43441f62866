"""Who may come in: bans of keys and addresses, the broker's rule `access`, and the tokens of invites.

Decides; what follows from it stands in `greeting`. Access is asked about again once a Hello's entries are committed,
since others may have used up a token, or banned somebody, in the same tick.
"""

from __future__ import annotations

import hashlib
import ipaddress
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from messages import Code, rank

from .checks import duration
from .limits import BARRED
from .state import Penalty, Ticket

if TYPE_CHECKING:
    from .core import Core
    from .state import Account, State

WIDE_PREFIX = {4: 24, 6: 48}  # shorter ones are for admins to bar
LEAST_PREFIX = {4: 8, 6: 16}  # of a network that may be barred: a slip must not bar everyone


class Refusal(NamedTuple):
    """Why somebody may not come in."""

    code: Code
    text: str


def refusal(core: Core, account: Account | None, address: str, ticket: Ticket | str) -> Refusal | None:
    """Why this account, or a new key (None), may not come in from this address with this token; None: it may.

    `ticket` is what `find_ticket` said of the token it came with.
    """
    trusted = account is not None and account.rank >= rank("moderator")  # nobody shuts them out by an address
    if not trusted and (penalty := _barred(core, address)) is not None:
        return _banned(core, penalty, "Your address is")
    if account is not None and (penalty := account.banned(core.at)) is not None:
        return _banned(core, penalty, "You are")
    if account is not None and (account.known or _is_here(core, account)):
        return None
    if (locked := core.state.rule("locked")) != "off":
        reason = "" if locked == "on" else f": {locked}"
        return Refusal(Code.NOT_INVITED, f"This broker lets in nobody new at present{reason}. Try again later.")
    access = core.state.rule("access")
    if access == "closed":
        return Refusal(Code.NOT_INVITED, "This broker lets in only those whose key it knows. Ask an admin.")
    if access == "invite" and isinstance(ticket, str):
        return Refusal(Code.NOT_INVITED, ticket)
    return None


def _is_here(core: Core, account: Account) -> bool:
    """Whether an account is in already, or was before the broker's restart; not, whom nothing but an attempt left."""
    here = core.here.get(account.id)
    return here is not None and (bool(here.sessions) or here.held)


def find_ticket(state: State, token: str, at: int) -> Ticket | str:
    """The invite behind a token, or why there is none, a sentence."""
    if not token:
        return "This broker lets in only those who have an invite with a token. Ask an admin for one."
    ticket = state.by_digest.get(digest_of(token))
    if ticket is None:
        return "This invite is good no more: it was used as often as it may be, or withdrawn. Ask an admin for another."
    if ticket.until is not None and at >= ticket.until:
        return "This invite has expired. Ask an admin for another."
    return ticket


def worth(account: Account | None, ticket: Ticket | str) -> Ticket | None:
    """The invite, if it gives this account more than it has."""
    if isinstance(ticket, str) or (account is not None and account.known and rank(ticket.role) <= account.rank):
        return None
    return ticket


def digest_of(token: str) -> bytes:
    """What is kept of a token."""
    return hashlib.sha256(token.encode()).digest()


def read_network(text: str) -> str | None:
    """An address or a range as it is kept; None: it is neither. Raises ValueError for one that may not be barred."""
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped is not None and network.prefixlen >= 96:  # addresses are held against it as IPv4, whatever they came as
        network = ipaddress.ip_network(f"{mapped}/{network.prefixlen - 96}", strict=False)
    if network.prefixlen < LEAST_PREFIX[network.version]:
        raise ValueError(f"{text} is too wide: at least /{LEAST_PREFIX[network.version]}, so that a slip bars few.")
    if network.is_loopback:
        raise ValueError(f"{text} is this machine itself.")
    return str(network)


def is_barred(core: Core, network: str) -> bool:
    """Whether this very network is barred now."""
    penalty = core.state.barred.get(network)
    return penalty is not None and penalty.holds(core.at)


def room_for_bar(core: Core) -> bool:
    """Whether one more network may be barred; those that have ended count little."""
    barred = core.state.barred
    return len(barred) < BARRED or (
        len(barred) < 10 * BARRED and sum(penalty.holds(core.at) for penalty in barred.values()) < BARRED
    )


def is_wide(network: str) -> bool:
    """Whether a network may be many people's: more than an office has."""
    found = _network(network)
    return found.prefixlen < WIDE_PREFIX[found.version]


def covers(network: str, address: str) -> bool:
    """Whether an address lies in a network; that of a Unix socket, which is empty, in none."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return (mapped or found) in _network(network)


_network = lru_cache(maxsize=1024)(ipaddress.ip_network)


def _barred(core: Core, address: str) -> Penalty | None:
    for network, penalty in core.state.barred.items():
        if penalty.holds(core.at) and covers(network, address):
            return penalty
    return None


def _banned(core: Core, penalty: Penalty, who: str) -> Refusal:
    left = "" if penalty.until is None else f" for another {duration((penalty.until - core.at) / 1000)}"
    why = f": {penalty.reason}" if penalty.reason else ""
    return Refusal(Code.BANNED, f"{who} banned here{left}{why}.")
