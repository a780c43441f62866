"""What the person at a console chose: the settings as they hold now, the looks they make, and changing them.

What was given on the command line holds for this run, until the same thing is set.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from .. import preferences
from ..errors import NotConfigured
from ..language import _
from ..preferences import Setting
from ..settings import Settings, complaint, read
from .looks import Looks, complaints, looks


class Chosen:
    """The settings of one console; without a `path` they are kept nowhere."""

    def __init__(self, path: Path | None = None, given: Mapping[str, Any] | None = None) -> None:
        self._path = path
        self._given = dict(given or {})
        kept, self.complaints = read(path) if path else (Settings(), [])  # what in the file cannot be used
        if path and (wrong := complaints(kept)):
            text = path.read_text("utf-8")
            self.complaints += [complaint(path, text, key, why) for key, why in wrong.items()]
        self._use(kept)

    def _use(self, kept: Settings) -> None:
        self.settings = msgspec.structs.replace(kept, **self._given)
        self.looks: Looks = looks(self.settings)

    def change(self, name: str, text: str) -> Setting:
        """Set one, from now on and for later runs; raises WrongSetting or NotConfigured, and leaves all as it was."""
        if self._path is None:
            raise NotConfigured(_("There is no file here in which settings are kept."))
        setting = preferences.find(name)
        kept = preferences.change(self._path, name, text, complaints)
        self._given.pop(setting.path[0], None)
        self._use(kept)
        return setting
