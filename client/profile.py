"""Who we are on this machine: the profile's key, and the device slot that this process holds. Files only, no network.

    profiles/NICK/           0700
    ├── lock                 held for the moment in which the key is made
    ├── key                  0600: the secret key, 40 characters of Z85; whoever can read it is this person
    └── device-0, device-1…  0600: 16 random bytes in hex, locked (flock) by the process that uses them

A device numbers its commands, so no two processes may be the same one at a time. The first free slot is taken: the
broker knows as many devices of an account as ever ran at once, not one for every script that was started.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import NotConfigured

_SLOTS = 1_000  # processes at once under one profile: more is a runaway script


class Profile:
    """A key pair and a device slot, which stays locked until `release`."""

    def __init__(self, public: bytes, secret: bytes, device: bytes, slot: int) -> None:
        self.public = public  # Z85, as zmq takes it
        self.secret = secret
        self.device = device
        self._slot: int | None = slot

    def release(self) -> None:
        """Let another process have the slot. Idempotent."""
        slot, self._slot = self._slot, None
        if slot is not None:
            os.close(slot)


def open_profile(folder: Path) -> Profile:
    """Open the profile in `folder`, made at first use, and take a free device slot; raises NotConfigured."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        public, secret = _keys(folder)
        device, slot = _take_slot(folder)
    except OSError as error:
        raise NotConfigured(f"The profile in {folder} cannot be used: {error.strerror or error}.") from error
    return Profile(public, secret, device, slot)


def _keys(folder: Path) -> tuple[bytes, bytes]:
    import zmq  # only for its key arithmetic; no socket is made here

    path = folder / "key"
    with _locked(folder / "lock"):
        if not path.exists():
            _write_whole(path, zmq.curve_keypair()[1] + b"\n")
    secret = path.read_bytes().strip()
    try:
        return zmq.curve_public(secret), secret
    except (ValueError, zmq.ZMQError) as error:
        text = f"The key file {path} is damaged. Put back a copy of it, or remove it to become a new person."
        raise NotConfigured(text) from error


def _take_slot(folder: Path) -> tuple[bytes, int]:
    for index in range(_SLOTS):
        slot = os.open(folder / f"device-{index}", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(slot, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return _device(slot), slot
        except BlockingIOError:
            os.close(slot)
        except BaseException:
            os.close(slot)
            raise
    raise NotConfigured(f"{_SLOTS} processes use the profile in {folder} already.")


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


def _write_whole(path: Path, content: bytes) -> None:
    """Write a file that others see whole or not at all, readable for its owner only."""
    draft = path.with_name(f"{path.name}.{os.urandom(4).hex()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
