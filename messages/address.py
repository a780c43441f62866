"""Where a broker is and by which key it is known: invites, endpoints, and keys as text. Opens nothing.

An invite is an address that carries the broker's public key: 'confab://host:port/KEY' for TCP and
'confab+ipc:///path/KEY' for a Unix socket. KEY is the 32-byte CURVE public key in base64url without padding. Behind it
may stand '/TOKEN', with which a broker lets in whom it does not know: 16 random bytes, in the same writing. The invite
of a broker that does not encrypt, and so proves no key, begins with 'confab+plain' in place of 'confab'.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

from .errors import InvalidAddress
from .limits import DEFAULT_PORT

DEFAULT_ENDPOINT = f"tcp://127.0.0.1:{DEFAULT_PORT}"

_IPC = re.compile(r"(?P<path>.+)/(?P<key>[\w-]{43})/(?P<token>[\w-]{22})")
_TCP = re.compile(r"(?P<host>\[[0-9A-Fa-f:.%a-z]+\]|[^:/\s]+)(?::(?P<port>\d{1,5}))?")
_LOOPBACK = re.compile(r"tcp://(localhost|127(\.[0-9]{1,3}){3}|\[::1\]):([0-9]{1,5}|\*)")
_PLAIN = "confab+plain"


def key_text(key: bytes) -> str:
    """A 32-byte public key as 43 characters that survive a shell, a URL and a chat line."""
    return base64.urlsafe_b64encode(key).decode().rstrip("=")


def parse_key(text: str) -> bytes:
    """The inverse of key_text; raises InvalidAddress."""
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != 32:
        raise InvalidAddress(f"{text!r} is not a broker's key: those are 43 letters, digits, '-' and '_'.")
    return key


def stays_here(endpoint: str) -> bool:
    """Whether a ZeroMQ endpoint, bound or connected to, never leaves this machine: loopback or a Unix socket."""
    return endpoint.startswith("ipc://") or bool(_LOOPBACK.fullmatch(endpoint))


@dataclass(frozen=True, slots=True)
class Address:
    """A ZeroMQ endpoint, and the key the broker there must prove (None: to be found on this machine).

    With `plain` nothing is encrypted and the key only a name, so the endpoint must stay on this machine: raises
    InvalidAddress.
    """

    endpoint: str  # as ZeroMQ writes it: tcp://host:port or ipc:///path
    key: bytes | None = None  # 32 bytes
    token: str = ""  # of an invite that was made for somebody
    plain: bool = False  # nothing is encrypted

    def __post_init__(self) -> None:
        if self.plain and not stays_here(self.endpoint):
            raise InvalidAddress(
                f"{self.endpoint} may be another machine, and nothing goes there unencrypted. Without encryption only "
                "127.0.0.1, [::1] and Unix sockets are spoken to; use the invite of an encrypted broker."
            )

    @property
    def invite(self) -> str:
        """The address as a person passes it on; without a key it is the endpoint."""
        if self.key is None:
            return self.endpoint
        scheme, rest = self.endpoint.split("://", 1)
        confab = (_PLAIN if self.plain else "confab") + ("" if scheme == "tcp" else f"+{scheme}")
        token = f"/{self.token}" if self.token else ""
        return f"{confab}://{rest}/{key_text(self.key)}{token}"


def parse_address(text: str) -> Address:
    """Read an invite, 'tcp://host[:port]', 'ipc://path', 'host:port' or 'host'. Raises InvalidAddress."""
    text = text.strip()
    scheme, separator, rest = text.partition("://")
    if not separator:
        scheme, rest = "tcp", text
    plain = scheme.startswith(_PLAIN)
    match scheme.replace(_PLAIN, "confab"):
        case "tcp":
            return Address(_tcp(rest, text))
        case "ipc" if rest:
            return Address(f"ipc://{rest}")
        case "confab":
            where, _, rest = rest.partition("/")
            key, _, token = rest.partition("/")
            return Address(_tcp(where, text), parse_key(key), token, plain)
        case "confab+ipc" if found := _IPC.fullmatch(rest):
            return Address(f"ipc://{found['path']}", parse_key(found["key"]), found["token"], plain)
        case "confab+ipc":
            where, _, key = rest.rpartition("/")
            if where:
                return Address(f"ipc://{where}", parse_key(key), plain=plain)
    raise InvalidAddress(
        f"{text!r} is no broker address; use the invite the broker prints (confab://host:port/key), "
        "tcp://host:port or ipc://path."
    )


def _tcp(where: str, text: str) -> str:
    found = _TCP.fullmatch(where)
    port = int(found["port"] or DEFAULT_PORT) if found else 0
    if not found or not 0 < port < 65536:
        raise InvalidAddress(f"{text!r} names no host and port, as in tcp://127.0.0.1:{DEFAULT_PORT}.")
    return f"tcp://{found['host']}:{port}"
