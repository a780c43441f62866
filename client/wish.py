"""That nobody is to learn what was shown to a person, for as long as the broker may not know it.

It is the broker's to keep, for all devices of an account. Until it has answered, a file says so beside the person's
key, one for each broker: a kill in between betrays nothing, and every window of the profile obeys at once.
"""

from __future__ import annotations

import os
from pathlib import Path


class Wish:
    """One person's wish towards one broker."""

    def __init__(self, folder: Path, broker: bytes) -> None:
        """`folder` is the profile's, `broker` what tells brokers apart."""
        self._path = folder / f"reads-are-mine-{broker.hex()[-200:]}"
        self._held = False

    @property
    def held(self) -> bool:
        """Whether it is there, by any window; asked each time."""
        try:
            os.stat(self._path)
        except FileNotFoundError:
            return self._held
        except OSError:  # nobody knows, so nothing is told
            return True
        return True

    @held.setter
    def held(self, held: bool) -> None:
        self._held = False
        try:
            if held:
                self._path.touch(0o600)
            else:
                self._path.unlink(missing_ok=True)
        except OSError:  # then it is known to this process alone
            self._held = held
