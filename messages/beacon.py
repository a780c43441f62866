"""The beacon's two datagrams: a client asks, beside TCP, by which fingerprint a broker goes. Pure functions.

    query    "confab?"  version (1)  nonce (16)  anything (40)     64 bytes
    answer   "confab!"  version (1)  nonce (16)  fingerprint (12)  36 bytes

Over TCP the answer comes unasked, to a connection that says nothing: the last bytes of it, with a nonce of zeros.

The answer is shorter than the query, so nobody gains by having it sent to somebody else; and it is no query, so two
beacons cannot be set to talk to each other.
"""

from __future__ import annotations

_VERSION = b"\x01"
_ASKING = b"confab?" + _VERSION
_ANSWERING = b"confab!" + _VERSION
_HEAD = len(_ASKING)
_NONCE = 16  # bytes: whoever does not see the query cannot answer it
_QUERY = 64  # bytes
_ANSWER = _HEAD + _NONCE + 12
BEACON_UNASKED = bytes(_NONCE)  # the nonce of an answer over TCP


def beacon_query(nonce: bytes) -> bytes:
    """The question, with 16 random bytes that its answer repeats."""
    return (_ASKING + nonce).ljust(_QUERY, b"\0")


def read_beacon_query(datagram: bytes) -> bytes | None:
    """The nonce of a query; None for anything else, which gets no answer."""
    if len(datagram) != _QUERY or not datagram.startswith(_ASKING):
        return None
    return datagram[_HEAD : _HEAD + _NONCE]


def beacon_answer(nonce: bytes, digest: bytes) -> bytes:
    """The answer: the nonce, and the fingerprint as fingerprint_hash makes it. Never the key, which admits."""
    return _ANSWERING + nonce + digest


def read_beacon_farewell(heard: bytes) -> bytes | None:
    """The fingerprint in all that came over a TCP connection which said nothing, from its beginning to its end."""
    return read_beacon_answer(heard[-_ANSWER:], BEACON_UNASKED)


def read_beacon_answer(datagram: bytes, nonce: bytes) -> bytes | None:
    """The fingerprint in the answer to the query with this nonce; None for anything else."""
    if len(datagram) != _ANSWER or not datagram.startswith(_ANSWERING + nonce):
        return None
    return datagram[_HEAD + _NONCE :]
