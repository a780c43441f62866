"""What becomes of a keeping slot's file over its life: opened, written, and put aside when it is of no more use.

A file that the disk, or a lock, keeps from being used at the start stays for the next one, and this process is another
device: the numbers of the slot's are promised to what lies there.

Never raises: a client whose disk fails goes on in memory, and its person is told with a sentence. Knows no session.
"""

from __future__ import annotations

import os
from pathlib import Path

from .language import N_, _
from .outbox import Kept
from .store import Damaged, Store, StoreError, put_aside

LATER = N_("It stays where it is, and what was not sent before goes out when a later start can use it.")
MEMORY = N_("What you send is kept in memory only, until the broker has it.")


class Keeper:
    """What an earlier process left for this one, and where this one writes for the next."""

    def __init__(self, path: Path, device: bytes, broker: bytes) -> None:
        self.problem = ""  # what is wrong with the file since the start, a sentence
        self.elsewhere = 0  # texts that other slots keep, in which nobody runs
        self._path = path
        self._store: Store | None = None
        try:
            self._store = self._open(device, broker)
        except StoreError as error:
            self.problem = f"{self.problem or f'{error}. {_(LATER)}'} {_(MEMORY)}"
        self.device = self._store.device if self._store else os.urandom(16)
        self.kept = self._store.kept if self._store else None  # None: nothing can be kept

    def _open(self, device: bytes, broker: bytes) -> Store:
        try:
            return Store(self._path, device, broker)
        except Damaged as error:
            self.problem = self._give_up(
                error, _("What was not sent before lies in it, and does not go out by itself.")
            )
            return Store(self._path, device, broker)

    def save(self, kept: Kept) -> str:
        """Write a batch of changes; returns why nothing is kept from now on, a sentence, else nothing."""
        if self._store is None:
            return ""
        try:
            self._store.save(kept)
        except StoreError as error:
            self.close()
            return self._give_up(error, _(MEMORY))
        return ""

    def _give_up(self, error: StoreError, then: str) -> str:
        aside = put_aside(self._path)
        where = _("It is kept as {name}.").format(name=aside.name) + " " if aside else ""
        return f"{error}. {where}{then}"

    def close(self) -> None:
        """Close the file. Idempotent."""
        if self._store is not None:
            self._store.close()
            self._store = None
