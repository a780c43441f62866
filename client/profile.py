"""Who we are on this machine: the profile's key, and the device slot that this process holds. Files only, no network.

    profiles/NICK/           0700
    ├── lock                 held for the moment in which the key is made
    ├── key                  0600: the secret key, 40 characters of Z85; whoever can read it is this person
    ├── device-0, device-1…  0600: 16 random bytes in hex, locked (flock) by the process that uses them
    ├── window-0, window-1…  0600: the same, for processes that keep what they could not say (consoles)
    ├── window-0.db…         0600: what they keep, see store.py
    ├── typed, *.draft       0600: what was typed at the consoles, see console/typed.py
    └── reads-are-mine-…     there until a broker knows that nobody is to learn what was shown to them, see wish.py

A device numbers its commands, so no two processes may be the same one at a time. The first free slot is taken: the
broker knows as many devices of an account as ever ran at once, not one for every script that was started. Who keeps
something takes a free slot in which an earlier one left something, if there is any; a script never does, since it
would use up numbers that are promised to what lies there.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import NotConfigured
from .files import locked, write_whole
from .language import _

if TYPE_CHECKING:
    from .keeper import Keeper

_SLOTS = 1_000  # processes at once under one profile: more is a runaway script


class Profile:
    """A key pair and a device slot, which stays locked until `release`."""

    def __init__(
        self, path: Path, keys: tuple[bytes, bytes], device: bytes, slot: int, keeper: Keeper | None = None
    ) -> None:
        self.path = path  # of the slot
        self.public, self.secret = keys  # Z85, as zmq takes it
        self.device = device
        self.keeper = keeper  # None: nothing is kept
        self._slot: int | None = slot

    def release(self) -> None:
        """Let another process have the slot. Idempotent."""
        slot, self._slot = self._slot, None
        if slot is not None:
            if self.keeper:
                self.keeper.close()
            os.close(slot)


def open_profile(folder: Path, keep_for: bytes | None = None) -> Profile:
    """Open the profile in `folder`, made at first use, and take a free device slot; raises NotConfigured.

    With `keep_for`, which names a broker, it is a slot that keeps what is said to that broker.
    """
    try:
        keys = make_keys(folder)
        if keep_for is not None:
            slot, path, keeper = _take_window(folder, keep_for)
            return Profile(path, keys, keeper.device, slot, keeper)
        slot, path = _take_slot(folder)
        return Profile(path, keys, _device(slot), slot)
    except OSError as error:
        raise NotConfigured(
            _("The profile in {folder} cannot be used: {error}.").format(folder=folder, error=error.strerror or error)
        ) from error
    except UnicodeEncodeError as error:  # an old encoding of file names, and a nick in another script
        text = _(
            "The encoding of file names here, {encoding}, cannot write this nick. Use a locale with UTF-8."
        ).format(encoding=error.encoding)
        raise NotConfigured(text) from error


def make_keys(folder: Path, secret: bytes | None = None) -> tuple[bytes, bytes]:
    """The profile's key pair, public and secret, in Z85; where there is none it is made, of `secret` if that is given.

    Raises NotConfigured for a key file that is damaged, and OSError.
    """
    import zmq  # only for its key arithmetic; no socket is made here

    path = folder / "key"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with locked(folder / "lock"):
        if not path.exists():
            write_whole(path, (secret or zmq.curve_keypair()[1]) + b"\n")
    if path.stat().st_mode & 0o077:
        path.chmod(0o600)  # whatever copied it here may have left it open to others
    return read_keys(path)


def read_keys(path: Path) -> tuple[bytes, bytes]:
    """The key pair of which this file holds the secret half; raises NotConfigured when it is damaged, and OSError."""
    import zmq

    secret = path.read_bytes().strip()
    try:
        return zmq.curve_public(secret), secret
    except (ValueError, zmq.ZMQError) as error:
        text = _("The key file {path} is damaged. Put back a copy of it, or remove it to become a new person.").format(
            path=path
        )
        raise NotConfigured(text) from error


def _take_slot(folder: Path) -> tuple[int, Path]:
    for index in range(_SLOTS):
        path = folder / f"device-{index}"
        slot = _lock_slot(path)
        if slot is not None:
            return slot, path
    raise _too_many(folder)


def _take_window(folder: Path, broker: bytes) -> tuple[int, Path, Keeper]:
    """The first free slot in which something waits for the broker, else the first free one, and what it keeps."""
    from .keeper import Keeper  # SQLite, which a script has no use for
    from .store import look

    taken: tuple[int, Path] | None = None
    waiting = elsewhere = 0
    readers: list[tuple[int, bytes]] = []
    for index in range(_SLOTS):
        path = folder / f"window-{index}"
        if taken is not None and not path.exists():
            break
        found = look(path.with_suffix(".db"), broker)
        readers.append((found.cursor or 0, found.timeline))
        slot = _lock_slot(path)
        if slot is None:
            continue
        if taken is None or (found.rows and not waiting):
            if taken is not None:
                os.close(taken[0])
            taken, waiting = (slot, path), len(found.rows)
        else:
            os.close(slot)
            elsewhere += len(found.rows)
    if taken is None:
        raise _too_many(folder)
    slot, path = taken
    try:
        keeper = Keeper(path.with_suffix(".db"), _device(slot), broker)
    except BaseException:
        os.close(slot)
        raise
    keeper.elsewhere = elsewhere
    if keeper.kept is not None and keeper.kept.cursor is not None:  # what another window has shown is not shown again
        others = [cursor for cursor, timeline in readers if timeline == keeper.kept.timeline]
        keeper.kept = keeper.kept._replace(cursor=max(keeper.kept.cursor, *others, 0))
    return slot, path, keeper


def _lock_slot(path: Path) -> int | None:
    """Take a slot; None when another process has it."""
    slot = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(slot, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(slot)
        return None
    except BaseException:
        os.close(slot)
        raise
    return slot


def _too_many(folder: Path) -> NotConfigured:
    return NotConfigured(
        _("{slots} processes use the profile in {folder} already.").format(slots=_SLOTS, folder=folder)
    )


def _device(slot: int) -> bytes:
    """The slot's device. An empty or damaged file becomes a new device, which harms nothing."""
    try:
        device = bytes.fromhex(os.pread(slot, 64, 0).decode("ascii"))
    except ValueError:
        device = b""
    if len(device) != 16:
        device = os.urandom(16)
        os.ftruncate(slot, 0)
        os.pwrite(slot, device.hex().encode() + b"\n", 0)
        os.fsync(slot)
    return device
