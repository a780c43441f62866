"""The profile: one key per person, one device slot per process, and nothing lost or leaked on the disk."""

from __future__ import annotations

import multiprocessing
import os
import stat
from pathlib import Path

import pytest
import zmq

from client import profile as module
from client.errors import NotConfigured
from client.files import write_new, write_whole
from client.profile import open_profile
from client.wish import Wish


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_key_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    folder = tmp_path / "profiles" / "alice"
    first = open_profile(folder)
    assert zmq.curve_public(first.secret) == first.public
    assert (mode(folder), mode(folder / "key"), mode(folder / "device-0")) == (0o700, 0o600, 0o600)
    first.release()
    second = open_profile(folder)
    assert (second.secret, second.device) == (first.secret, first.device)
    second.release()


def test_every_process_at_a_time_is_another_device_and_slots_are_used_again(tmp_path: Path) -> None:
    profiles = [open_profile(tmp_path) for _ in range(3)]
    devices = [profile.device for profile in profiles]
    assert len(set(devices)) == 3
    assert all(len(device) == 16 for device in devices)
    profiles[1].release()
    profiles[1].release()
    again = open_profile(tmp_path)
    assert again.device == devices[1]
    assert len(list(tmp_path.glob("device-*"))) == 3
    for profile in (*profiles, again):
        profile.release()


def hold_until_told(folder: Path, pipe: multiprocessing.connection.Connection) -> None:
    pipe.send(open_profile(folder).device)
    pipe.recv()
    os._exit(1)  # like a crash: nothing is released by us


def test_a_process_that_crashed_leaves_its_slot_free(tmp_path: Path) -> None:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=hold_until_told, args=(tmp_path, theirs))
    process.start()
    device = ours.recv()
    beside = open_profile(tmp_path)
    assert beside.device != device
    ours.send("crash")
    process.join()
    after = open_profile(tmp_path)
    assert after.device == device
    beside.release()
    after.release()


def test_too_many_processes_are_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SLOTS", 1)
    profile = open_profile(tmp_path)
    with pytest.raises(NotConfigured, match="1 processes use the profile"):
        open_profile(tmp_path)
    profile.release()


@pytest.mark.parametrize("content", [b"", b"short\n", b"\xff" * 40, b"'" * 40, b"x" * 4000])
def test_a_damaged_key_is_named_and_left_alone(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(NotConfigured, match="is damaged"):
        open_profile(tmp_path)
    assert (tmp_path / "key").read_bytes() == content


@pytest.mark.parametrize("content", ["", "zz", "\udcff", "00" * 15, "00" * 60])
def test_a_damaged_device_becomes_a_new_one(tmp_path: Path, content: str) -> None:
    (tmp_path / "device-0").write_text(content, errors="surrogateescape")
    profile = open_profile(tmp_path)
    assert (tmp_path / "device-0").read_text() == profile.device.hex() + "\n"
    profile.release()


def test_a_folder_that_cannot_be_used_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NotConfigured, match=r"cannot be used: Not a directory\."):
        open_profile(tmp_path / "file" / "alice")


def test_a_nick_that_file_names_cannot_have_is_a_sentence(tmp_path: Path) -> None:
    """As in a locale with an old encoding; half a character is what no encoding has."""
    with pytest.raises(NotConfigured, match=r"cannot write this nick\. Use a locale with UTF-8\."):
        open_profile(tmp_path / "\ud800")


def test_nothing_is_left_behind_when_a_write_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(NotConfigured, match="No space left"):
        open_profile(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]
    monkeypatch.undo()
    open_profile(tmp_path).release()


@pytest.mark.parametrize("write", [write_new, write_whole])
def test_a_files_name_is_on_disk_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write) -> None:
    """A key whose name a power cut takes would be made anew, and its nick lost to it."""
    synced = []
    fsync = os.fsync

    def spy(descriptor: int) -> None:
        fsync(descriptor)
        synced.append((stat.S_ISDIR(os.fstat(descriptor).st_mode), os.listdir(tmp_path)))

    monkeypatch.setattr(os, "fsync", spy)
    write(tmp_path / "key", b"content")
    assert synced[-1] == (True, ["key"])
    assert (tmp_path / "key").read_bytes() == b"content"


def test_a_key_that_a_copy_left_open_is_closed(tmp_path: Path) -> None:
    profile = open_profile(tmp_path / "ann")
    profile.release()
    (tmp_path / "ann" / "key").chmod(0o644)
    open_profile(tmp_path / "ann").release()
    assert (tmp_path / "ann" / "key").stat().st_mode & 0o777 == 0o600


def test_a_wish_is_known_to_all_windows_and_of_one_broker(tmp_path):
    one, other, elsewhere = Wish(tmp_path, b"one" * 10), Wish(tmp_path, b"one" * 10), Wish(tmp_path, b"other" * 6)
    one.held = True
    assert (one.held, other.held, elsewhere.held) == (True, True, False)
    other.held = False
    assert Wish(tmp_path, b"one" * 10).held is False
    assert one.held is False, "what another window said holds for this one"


def test_a_wish_that_no_disk_keeps_holds_in_this_process(tmp_path):
    wish = Wish(tmp_path / "nowhere", b"one")
    wish.held = True
    assert wish.held
    (tmp_path / "file").touch()
    assert Wish(tmp_path / "file", b"one").held, "nobody knows"
