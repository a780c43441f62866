"""The broker's data folder: made private, locked against a second broker, and where local clients look for us."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import msgspec

from messages import Home, Local, key_text


class FolderError(Exception):
    """The data folder cannot be used; the text is a sentence for the person."""


class Folder:
    """The open and locked data folder of one broker."""

    def __init__(self, home: Home) -> None:
        """Make and lock the folder. Raises FolderError."""
        self._home = home
        self.path = home.broker
        os.umask(0o077)  # whatever is made from here on is the owner's alone
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise FolderError(f"The data folder {self.path} cannot be used: {error.strerror}.") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise FolderError(f"Another broker is using {self.path}. Stop it first, or choose --data.") from error

    @property
    def key_file(self) -> Path:
        """Where the key pair is."""
        return self.path / "key.json"

    @property
    def log_file(self) -> Path:
        """Where the log is."""
        return self.path / "log.db"

    @property
    def index_file(self) -> Path:
        """Where the index is; it may be deleted, and is built again."""
        return self.path / "index.db"

    def publish(self, key: bytes, endpoints: list[str], *, plain: bool) -> None:
        """Tell clients under the same home where we listen and who we are."""
        content = msgspec.json.encode(Local(key_text(key), endpoints, plain))
        if self._home.local.is_file() and self._home.local.read_bytes() == content:
            return  # nothing to write, for which a full disk has no room
        part = self._home.local.with_suffix(".part")
        part.write_bytes(content)
        part.rename(self._home.local)

    def close(self) -> None:
        """Let the folder go."""
        os.close(self._lock)
