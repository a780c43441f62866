"""Known brokers: a key is remembered for its address, and another one behind it is a matter for the person."""

from __future__ import annotations

import json
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from client import NotConfigured, known
from client.known import KnownBrokers
from client.locate import find_broker
from messages import Address, Home, fingerprint_hash, key_fingerprint, key_text

KEY, OTHER = b"k" * 32, b"o" * 32
HERE = Address("tcp://chat.example:5577", KEY)
CHANGED = Address("tcp://chat.example:5577", OTHER)


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CONFAB_BROKER", raising=False)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def welcomed(home: Home, address: Address) -> None:
    """What the connection does once the broker at an invite's address has welcomed it."""
    assert find_broker(address.invite, home).remember() == ""


def today() -> str:
    return f"{datetime.now():%Y-%m-%d}"


def test_an_address_alone_is_enough_once_its_invite_was_welcomed(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotConfigured, match="needs the invite"):
        find_broker("chat.example:5577", home)
    assert find_broker(HERE.invite, home).address == HERE
    with pytest.raises(NotConfigured, match="needs the invite"):  # to have been given an invite is not enough
        find_broker("chat.example:5577", home)
    welcomed(home, HERE)
    for spelling in ("chat.example", "Chat.Example:5577", "tcp://chat.example:05577"):
        assert find_broker(spelling, home).address.key == KEY
    monkeypatch.setenv("CONFAB_BROKER", "chat.example")
    assert find_broker(None, home).address == HERE
    with pytest.raises(NotConfigured, match="needs the invite"):
        find_broker("chat.example:5578", home)


def test_only_the_owner_can_read_the_file_which_holds_what_admits(home: Home) -> None:
    welcomed(home, HERE)
    assert stat.S_IMODE(home.known.stat().st_mode) == 0o600
    [(place, entry)] = json.loads(home.known.read_text()).items()
    assert (place, entry["key"]) == ("tcp://chat.example:5577", key_text(KEY))
    assert abs((datetime.fromisoformat(entry["since"]) - datetime.now(UTC)).total_seconds()) < 60
    assert {path.name for path in home.path.iterdir()} == {"known.json", "known.lock"}


def test_another_key_behind_a_known_address_is_refused_and_told_with_both_fingerprints(home: Home) -> None:
    welcomed(home, HERE)
    before = home.known.read_bytes()
    with pytest.raises(NotConfigured) as caught:
        find_broker(CHANGED.invite, home)
    for part in (key_fingerprint(KEY), key_fingerprint(OTHER), f"since {today()}", "confab trust INVITE"):
        assert part in str(caught.value)
    assert home.known.read_bytes() == before
    assert find_broker(HERE.invite, home).address == HERE  # the control: the right one is let through


def test_an_invites_token_reaches_a_known_broker_too_and_is_never_written_down(home: Home) -> None:
    """A second invite may give another role; it is spent on use, so there is nothing to remember."""
    invited = Address(HERE.endpoint, KEY, "T" * 22)
    welcomed(home, invited)
    assert find_broker(invited.invite, home).address == invited
    assert find_broker("chat.example", home).address.token == ""
    assert invited.token not in home.known.read_text()


def test_trust_replaces_what_is_remembered_and_nothing_else_does(home: Home) -> None:
    brokers = KnownBrokers(home)
    brokers.remember(HERE)
    brokers.remember(Address("ipc:///run/Confab", OTHER))
    brokers.remember(CHANGED)
    assert find_broker("chat.example", home).address.key == KEY
    old = brokers.trust(CHANGED)
    assert old is not None
    assert old.fingerprint == key_fingerprint(KEY)
    assert find_broker("chat.example", home).address.key == OTHER
    assert find_broker("ipc:///run/Confab", home).address.key == OTHER
    with pytest.raises(NotConfigured):
        find_broker(HERE.invite, home)


def test_since_when_it_is_known_stays_as_long_as_the_key_does(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    brokers = KnownBrokers(home)
    brokers.remember(HERE)
    before = home.known.read_bytes()

    class Later(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:
            return datetime(2099, 1, 1, tzinfo=UTC)

    monkeypatch.setattr(known, "datetime", Later)
    brokers.remember(HERE)
    brokers.trust(HERE)
    assert home.known.read_bytes() == before
    brokers.trust(CHANGED)
    assert json.loads(home.known.read_text())["tcp://chat.example:5577"]["since"] == "2099-01-01T00:00:00Z"


def test_the_broker_of_this_home_needs_no_entry(home: Home) -> None:
    home.broker.mkdir(parents=True)
    home.local.write_text(json.dumps({"key": key_text(KEY), "endpoints": ["tcp://127.0.0.1:5577"]}))
    for chosen in (None, "localhost", Address("tcp://127.0.0.1:5577", KEY).invite):
        broker = find_broker(chosen, home)
        assert broker.address.key == KEY
        broker.remember()
    assert not home.known.exists()


def test_what_was_remembered_goes_before_the_guess_that_any_port_here_is_ours(home: Home) -> None:
    home.broker.mkdir(parents=True)
    home.local.write_text(json.dumps({"key": key_text(KEY), "endpoints": ["tcp://127.0.0.1:5577"]}))
    assert find_broker("localhost:6000", home).address.key == KEY
    welcomed(home, Address("tcp://localhost:6000", OTHER))
    assert find_broker("localhost:6000", home).address.key == OTHER


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"\xff", b'{"tcp://a:1": {"key": "short", "since": "2026-11-24T00:00:00Z"}}', b'{"a": 1}']
)
def test_a_damaged_file_is_named_and_left_alone(home: Home, content: bytes) -> None:
    home.path.mkdir()
    home.known.write_bytes(content)
    for use in (lambda: find_broker(HERE.invite, home), lambda: KnownBrokers(home).trust(HERE)):
        with pytest.raises(NotConfigured, match=r"known\.json cannot be read"):
            use()
    assert home.known.read_bytes() == content


def test_a_key_that_cannot_be_written_down_is_a_sentence(home: Home) -> None:
    broker = find_broker(HERE.invite, home)
    home.path.write_text("not a folder")
    assert "needs the invite again" in broker.remember()
    with pytest.raises(NotConfigured, match=r"known\.json cannot be written: "):
        KnownBrokers(home).remember(HERE)


def test_who_calls_itself_otherwise_is_told_with_both_fingerprints_and_whence_ours_is(home: Home) -> None:
    wrong = find_broker(HERE.invite, home).mistaken_for(fingerprint_hash(OTHER))
    assert wrong is not None
    assert wrong.code == "wrong_broker"
    expected, told = key_fingerprint(KEY), key_fingerprint(OTHER)
    assert f"{expected} (from its invite), but it calls itself {told}" in wrong.text
    assert "confab trust" in wrong.text
    welcomed(home, HERE)
    wrong = find_broker("chat.example", home).mistaken_for(fingerprint_hash(OTHER))
    assert wrong is not None
    assert f"{expected} (remembered since {today()})" in wrong.text
    assert find_broker("chat.example", home).mistaken_for(fingerprint_hash(KEY)) is None
