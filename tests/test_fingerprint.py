"""The fingerprint of a key: the published spelling, always the same length, and another one for another key."""

from __future__ import annotations

import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messages import fingerprint_hash, key_fingerprint, spell_fingerprint

KEYS = st.binary(min_size=32, max_size=32)


@pytest.mark.parametrize(
    ("number", "spelt"),
    [
        ("127.0.0.1", "lusab-babad"),
        ("63.84.220.193", "gutih-tugad"),
        ("140.98.193.141", "mudof-sakat"),
        ("212.58.253.68", "tibup-zujah"),
        ("12.110.110.204", "budov-kuras"),
        ("0.0.0.0", "babab-babab"),
        ("255.255.255.255", "zuzuz-zuzuz"),
    ],
)
def test_sixteen_bits_are_spelt_as_proquints_are(number: str, spelt: str) -> None:
    """The examples that were published with the scheme, and its two ends."""
    assert spell_fingerprint(bytes(map(int, number.split(".")))) == spelt


@given(KEYS)
def test_it_is_six_words_of_the_first_96_bits_of_sha256(key: bytes) -> None:
    """So that a program in any language can make it."""
    assert fingerprint_hash(key) == hashlib.sha256(key).digest()[:12]
    assert re.fullmatch(r"[b-z][aiou][b-z][aiou][b-z](-[b-z][aiou][b-z][aiou][b-z]){5}", key_fingerprint(key))


@given(KEYS, KEYS)
def test_it_differs_when_the_key_does(one: bytes, other: bytes) -> None:
    """No two keys that were tried have the same one."""
    assert (key_fingerprint(one) == key_fingerprint(other)) == (one == other)


@given(st.binary(min_size=12, max_size=12), st.binary(min_size=12, max_size=12))
def test_the_spelling_loses_nothing(one: bytes, other: bytes) -> None:
    """Whoever compares the text has compared all 96 bits."""
    assert (spell_fingerprint(one) == spell_fingerprint(other)) == (one == other)
