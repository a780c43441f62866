"""Where things lie on this machine: the folder that a broker and its local clients share. Only names, no reading.

home/                     platformdirs' user data folder, or CONFAB_HOME, or --data / --home
├── broker/               the broker's own (0700): secret key, log, lock
│   └── local.json        where it listens and its public key; how local clients find it
├── known.json            (0600) the keys by which clients know brokers elsewhere
├── settings.toml         what a person set
└── profiles/NICK/        one identity of this user: secret key and device slots
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import msgspec

from .names import fold


class Local(msgspec.Struct, frozen=True):
    """What local.json holds: how a client under the same home reaches the broker."""

    key: str  # the broker's public key, as key_text writes it
    endpoints: list[str]  # in the order of --bind
    plain: bool = False  # nothing is encrypted: the client speaks PLAIN there, not CURVE


@dataclass(frozen=True, slots=True)
class Home:
    """The folder, and the names inside it."""

    path: Path  # of the folder

    @property
    def broker(self) -> Path:
        """The broker's data folder."""
        return self.path / "broker"

    @property
    def local(self) -> Path:
        """The file that tells local clients where the broker is (see Local)."""
        return self.broker / "local.json"

    @property
    def known(self) -> Path:
        """The file in which clients remember the keys of brokers elsewhere."""
        return self.path / "known.json"

    @property
    def settings(self) -> Path:
        """The file in which a person's settings are."""
        return self.path / "settings.toml"

    def profile(self, nick: str) -> Path:
        """The folder of the identity that goes by `nick` (which must have passed check_nick)."""
        return self.path / "profiles" / fold(nick)


def find_home(chosen: str | os.PathLike[str] | None = None) -> Home:
    """The home that was chosen, else CONFAB_HOME, else the user's data folder of this platform."""
    if not chosen:
        chosen = os.environ.get("CONFAB_HOME") or None
    if not chosen:
        import platformdirs  # only where needed: one-shot commands count milliseconds

        chosen = platformdirs.user_data_dir("confab", appauthor=False)
    return Home(Path(chosen).expanduser().absolute())
