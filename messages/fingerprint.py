"""A public key as a short text that two people can compare aloud. Pure functions.

The fingerprint is the first 96 bits of the key's SHA-256: enough that nobody makes a second key with the same one, and
few enough to be read out. It is spelt in proquints: 16 bits are five letters, by turns a consonant (4 bits) and a vowel
(2 bits), the highest bits first. Six of those make 'lusab-babad-gutih-…', without digits, capitals or look-alikes.
"""

from __future__ import annotations

_CONSONANTS = "bdfghjklmnprstvz"
_VOWELS = "aiou"
_BYTES = 12


def fingerprint_hash(key: bytes) -> bytes:
    """What a fingerprint spells: 12 bytes, from which the key cannot be found."""
    from hashlib import sha256  # here: a one-shot command has no use for it, and counts milliseconds

    return sha256(key).digest()[:_BYTES]


def spell_fingerprint(digest: bytes) -> str:
    """The text of a fingerprint: a proquint for every two bytes, joined by '-'."""
    return "-".join(_proquint(int.from_bytes(digest[at : at + 2])) for at in range(0, len(digest), 2))


def key_fingerprint(key: bytes) -> str:
    """The fingerprint of a 32-byte public key, 35 characters."""
    return spell_fingerprint(fingerprint_hash(key))


def _proquint(bits: int) -> str:
    return (
        _CONSONANTS[bits >> 12]
        + _VOWELS[bits >> 10 & 3]
        + _CONSONANTS[bits >> 6 & 15]
        + _VOWELS[bits >> 4 & 3]
        + _CONSONANTS[bits & 15]
    )
