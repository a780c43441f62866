"""The broker's key pair: made at first start, kept with mode 0600, never overwritten."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

import zmq
from zmq.utils import z85


class KeyFileError(Exception):
    """The key file is damaged or cannot be read or made; the text is a sentence for the person."""


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A CURVE key pair, 32 bytes each."""

    public: bytes
    secret: bytes

    @property
    def password(self) -> bytes:
        """By which the key's holder is known where nothing is encrypted. It does not give the secret key away."""
        return hashlib.blake2b(key=self.secret, person=b"confab operator", digest_size=32).hexdigest().encode()


def load_or_make(path: Path, given: KeyPair | None = None) -> KeyPair:
    """Read the key pair at `path`, or put `given`, else a new one, there. Raises KeyFileError; a damaged file stays."""
    try:
        return _load(path) if path.exists() else _store(path, given or _make())
    except OSError as error:
        raise KeyFileError(f"The key file {path} cannot be read or made: {error.strerror}.") from error


def _load(path: Path) -> KeyPair:
    if path.stat().st_mode & 0o077:
        path.chmod(0o600)  # whatever copied it here may have left it open to others
    try:
        stored = json.loads(path.read_text("ascii"))
        pair = KeyPair(bytes.fromhex(stored["public"]), bytes.fromhex(stored["secret"]))
        whole = zmq.curve_public(z85.encode(pair.secret)) == z85.encode(pair.public)
    except (ValueError, KeyError, TypeError, zmq.ZMQError):
        whole = False
    if not whole:
        raise KeyFileError(
            f"The key file {path} is damaged. It was left as it is; restore it from a backup, "
            "or move it away for a new key, which needs new invites."
        )
    return pair


def _make() -> KeyPair:
    public, secret = (z85.decode(key) for key in zmq.curve_keypair())
    return KeyPair(public, secret)


def _store(path: Path, pair: KeyPair) -> KeyPair:
    part = path.with_suffix(".part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump({"public": pair.public.hex(), "secret": pair.secret.hex()}, file)
        file.flush()
        os.fsync(file.fileno())
    part.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # so that a power cut cannot take the key from a log that is there
    finally:
        os.close(folder)
    return pair
