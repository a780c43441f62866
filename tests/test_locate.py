"""Which broker a client takes: the one asked for, the environment's, the home's own; and what it says without one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from client.errors import NotConfigured
from client.locate import find_broker
from messages import Address, Home, key_text

KEY, OTHER = b"k" * 32, b"o" * 32
INVITE = Address("tcp://chat.example:5577", OTHER).invite


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CONFAB_BROKER", raising=False)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def listens(home: Home, *endpoints: str, key: str = key_text(KEY), **more: bool) -> None:
    home.broker.mkdir(exist_ok=True)
    home.local.write_text(json.dumps({"key": key, "endpoints": endpoints, **more}))


def test_without_any_broker_the_sentence_says_what_to_do(home: Home) -> None:
    with pytest.raises(NotConfigured, match=r"make broker.*--broker"):
        find_broker(None, home)


def test_the_homes_own_broker_needs_no_argument(home: Home) -> None:
    listens(home, "tcp://127.0.0.1:5577", "ipc:///tmp/x")
    assert find_broker(None, home).address == Address("tcp://127.0.0.1:5577", KEY)


@pytest.mark.parametrize(
    ("bound", "reached"),
    [
        ("tcp://0.0.0.0:5577", "tcp://127.0.0.1:5577"),
        ("tcp://*:5577", "tcp://127.0.0.1:5577"),
        ("tcp://[::]:5577", "tcp://[::1]:5577"),
        ("tcp://10.0.0.7:5577", "tcp://10.0.0.7:5577"),
    ],
)
def test_a_broker_that_listens_everywhere_is_reached_here(home: Home, bound: str, reached: str) -> None:
    listens(home, bound)
    assert find_broker(None, home).address.endpoint == reached


def test_the_environment_goes_before_the_home_and_the_argument_before_both(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    listens(home, "tcp://127.0.0.1:5577")
    monkeypatch.setenv("CONFAB_BROKER", INVITE)
    assert find_broker(None, home).address == Address("tcp://chat.example:5577", OTHER)
    assert find_broker("127.0.0.1", home).address == Address("tcp://127.0.0.1:5577", KEY)
    monkeypatch.setenv("CONFAB_BROKER", "")
    assert find_broker(None, home).address.key == KEY


@pytest.mark.parametrize(
    "address", ["tcp://127.0.0.1:6000", "localhost", "tcp://[::1]:5577", "ipc:///run/confab", "tcp://10.0.0.7:5577"]
)
def test_a_plain_address_of_this_machine_takes_the_homes_key(home: Home, address: str) -> None:
    listens(home, "tcp://10.0.0.7:5577")
    assert find_broker(address, home).address.key == KEY


@pytest.mark.parametrize("address", ["tcp://chat.example:5577", "tcp://127.0.0.1.example:5577"])
def test_a_plain_address_elsewhere_needs_the_invite(home: Home, address: str) -> None:
    listens(home, "tcp://127.0.0.1:5577")
    with pytest.raises(NotConfigured, match="needs the invite"):
        find_broker(address, home)


def test_a_plain_address_without_a_broker_of_this_home_needs_the_invite(home: Home) -> None:
    with pytest.raises(NotConfigured, match="needs the invite"):
        find_broker("tcp://127.0.0.1:5577", home)


def test_an_invite_is_enough_whatever_lies_in_the_home(home: Home) -> None:
    assert find_broker(INVITE, home).address == Address("tcp://chat.example:5577", OTHER)


@pytest.mark.parametrize("address", ["confab://host", "http://host", "tcp://", "confab://host:0/x"])
def test_an_address_that_is_none_is_a_sentence(home: Home, address: str) -> None:
    with pytest.raises(NotConfigured):
        find_broker(address, home)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"key": 3, "endpoints": []}', b"\xff"])
def test_a_damaged_local_file_is_named(home: Home, content: bytes) -> None:
    home.broker.mkdir()
    home.local.write_bytes(content)
    with pytest.raises(NotConfigured, match=r"local\.json cannot be read"):
        find_broker(None, home)


def test_a_damaged_key_in_the_local_file_is_named(home: Home) -> None:
    listens(home, "tcp://127.0.0.1:5577", key="short")
    with pytest.raises(NotConfigured, match=r"local\.json is damaged"):
        find_broker(None, home)


# --- brokers that do not encrypt -------------------------------------------------------------------------------------


@pytest.mark.parametrize("chosen", [None, "tcp://127.0.0.1:5577", "localhost"])
def test_the_homes_own_broker_is_spoken_to_plainly_only_where_its_file_says_so(home: Home, chosen: str | None) -> None:
    listens(home, "tcp://127.0.0.1:5577", plain=True)
    assert find_broker(chosen, home).address.plain
    listens(home, "tcp://127.0.0.1:5577")
    assert not find_broker(chosen, home).address.plain


def test_a_plain_invite_is_enough_and_an_encrypted_one_stays_encrypted(home: Home) -> None:
    listens(home, "tcp://127.0.0.1:5577", plain=True)
    for address in (Address("tcp://127.0.0.1:99", OTHER, plain=True), Address("tcp://127.0.0.1:5577", KEY)):
        assert find_broker(address.invite, home).address == address


def test_the_key_of_a_plain_broker_is_never_remembered_nor_taken_for_a_wrong_one(home: Home) -> None:
    """Nothing proves it. With a proved one both are."""
    encrypted, plain = Address("tcp://127.0.0.1:99", KEY), Address("tcp://127.0.0.1:99", OTHER, plain=True)
    assert find_broker(plain.invite, home).remember() == ""
    with pytest.raises(NotConfigured, match="needs the invite"):
        find_broker(plain.endpoint, home)
    assert find_broker(encrypted.invite, home).remember() == ""
    assert find_broker(plain.endpoint, home).address == encrypted
    assert find_broker(plain.invite, home).address == plain
    with pytest.raises(NotConfigured, match="confab trust"):
        find_broker(Address(plain.endpoint, OTHER).invite, home)


def test_no_invite_and_no_file_has_a_client_speak_plainly_to_another_machine(home: Home) -> None:
    with pytest.raises(NotConfigured, match="nothing goes there unencrypted"):
        find_broker(INVITE.replace("confab", "confab+plain"), home)
    listens(home, "tcp://10.0.0.7:5577", plain=True)
    with pytest.raises(NotConfigured, match="nothing goes there unencrypted"):
        find_broker(None, home)
