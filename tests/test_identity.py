"""A person's key shown, taken to a second machine, and never put in another's place."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from zmq.utils import z85

from client import Client
from client.errors import IdentityRefused
from client.identity import export_identity, import_identity, show_identity
from client.profile import open_profile
from messages import Home, InvalidName, key_fingerprint, key_text

from .processes import DEADLINE, confab, running_broker


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def account(home: Home, nick: str) -> bytes:
    """The public key under which this nick connects from there."""
    profile = open_profile(home.profile(nick))
    profile.release()
    return z85.decode(profile.public)


def test_what_is_shown_is_the_key_that_connects_and_is_made_once(home: Home) -> None:
    first, again = show_identity(home, "alice"), show_identity(home, "alice")
    assert (first.new, again.new) == (True, False)
    assert first.key == again.key == account(home, "alice")


def test_an_exported_key_is_the_same_person_on_another_machine_and_another_device(home: Home, tmp_path: Path) -> None:
    file, there = tmp_path / "alice.key", Home(tmp_path / "there")
    here = open_profile(home.profile("Alice"))
    exported = export_identity(home, "Alice", file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    imported = import_identity(there, file)
    assert (imported.nick, imported.key, imported.new) == ("Alice", exported.key, True)
    profile = open_profile(there.profile("alice"))
    assert (profile.public, profile.secret) == (here.public, here.secret)
    assert profile.device != here.device
    assert stat.S_IMODE((there.profile("alice") / "key").stat().st_mode) == 0o600
    assert import_identity(there, file, "ally").key == exported.key
    assert not import_identity(there, file).new
    for each in (profile, here):
        each.release()


def test_the_file_says_that_it_is_the_person(home: Home, tmp_path: Path) -> None:
    account(home, "alice")
    export_identity(home, "alice", tmp_path / "file")
    assert "Whoever has this file is alice" in json.loads((tmp_path / "file").read_text())["note"]


def test_nothing_is_overwritten(home: Home, tmp_path: Path) -> None:
    """Neither a file by an export, nor a link's goal, nor another person by an import."""
    account(home, "alice")
    file, link, goal = tmp_path / "file", tmp_path / "link", tmp_path / "goal"
    file.write_text("precious")
    link.symlink_to(goal)
    for there in (file, link):
        with pytest.raises(IdentityRefused, match="is there already"):
            export_identity(home, "alice", there)
    assert (file.read_text(), goal.exists()) == ("precious", False)

    export_identity(home, "alice", tmp_path / "alice.key")
    bob = account(home, "bob")
    with pytest.raises(IdentityRefused, match="has another key"):
        import_identity(home, tmp_path / "alice.key", "bob")
    assert account(home, "bob") == bob


def test_who_is_not_there_cannot_be_exported_and_is_not_made(home: Home, tmp_path: Path) -> None:
    with pytest.raises(IdentityRefused, match="no profile alice"):
        export_identity(home, "alice", tmp_path / "file")
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fails_leaves_no_half_of_a_secret(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    account(home, "alice")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        export_identity(home, "alice", tmp_path / "file")
    assert not (tmp_path / "file").exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"\xff",
        b'{"nick": "alice", "secret": "short"}',
        b'{"nick": "alice", "secret": "%s"}' % (b"'" * 40),
        '{"nick": "alice", "secret": "ü"}'.encode(),
        b'{"nick": "alice", "secret": 7}',
        b"[" * 100_000,
    ],
)
def test_a_file_of_another_kind_changes_nothing(home: Home, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(IdentityRefused, match="holds no key"):
        import_identity(home, tmp_path / "file")
    assert not home.path.exists()


def test_a_nick_in_the_file_leads_nowhere_else(home: Home, tmp_path: Path) -> None:
    account(home, "alice")
    export_identity(home, "alice", tmp_path / "file")
    (tmp_path / "file").write_text((tmp_path / "file").read_text().replace('"alice"', '"../../alice"'))
    with pytest.raises(InvalidName):
        import_identity(Home(tmp_path / "there"), tmp_path / "file")
    assert not (tmp_path / "there").exists()


def test_the_shell_from_one_machine_to_the_other(tmp_path: Path) -> None:
    """The broker takes both for one person: the nick that one holds is refused to strangers, and not to the other."""
    here, there, file = tmp_path / "here", tmp_path / "there", tmp_path / "ann.key"
    with running_broker(here) as broker, Client("ann", home=here) as ann:
        ann.wait_connected(DEADLINE)
        key = account(Home(here), "ann")
        shown = json.loads(confab("id", "show", "--as", "ann", "--json", home=here).stdout)
        assert shown == {"nick": "ann", "fingerprint": key_fingerprint(key), "key": key_text(key)}
        run = confab("id", "export", str(file), home=here, CONFAB_NICK="ann")
        assert (run.returncode, run.stderr) == (0, "")
        assert f"Whoever has {file} is ann" in run.stdout
        assert confab("id", "export", str(file), "--as", "ann", home=here).returncode == 1
        run = confab("id", "import", str(file), home=there)
        assert (run.returncode, run.stderr) == (0, "")
        assert f"You are ann here too now. So is whoever has {file}" in run.stdout
        assert json.loads(confab("id", "show", "--as", "ann", "--json", home=there).stdout) == shown
        for home, status in ((tmp_path / "stranger", 1), (there, 0)):
            run = confab("send", "@ann", "it is me", "--as", "ann", "--broker", broker.invite, home=home)
            assert run.returncode == status, run.stderr
        assert next(ann.messages(DEADLINE)).own


@pytest.mark.parametrize("words", [[], ["show", "more"], ["export"], ["import"], ["import", "a", "b"], ["rename"]])
def test_the_shell_says_what_id_takes(words: list[str], tmp_path: Path) -> None:
    run = confab("id", *words, home=tmp_path)
    assert run.returncode == 2
    assert "show, export FILE, import FILE" in run.stderr
