"""What a broker starts with: its log and its key pair. They are made together, the log first.

So a key without a log means that the log is gone, never that a first start was killed on its way. A little room on the
disk is reserved for a start while it is full: SQLite makes a file of 32 KB beside the log, and one beside the index.
"""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

from .folder import Folder
from .keys import KeyFileError, KeyPair, load_or_make
from .log import Log, LogError

RESERVE_BYTES = 128 * 1024


def log_and_keys(folder: Folder) -> tuple[Log, KeyPair]:
    """Open both, or make both at the first start. Raises LogError, KeyFileError."""
    path, key = folder.log_file, folder.key_file
    begun = key.exists()
    if lost := lost_log(key, path):
        raise LogError(lost)
    reserve = folder.path / "reserve"
    full = _free(folder.path) < RESERVE_BYTES
    if full:
        reserve.unlink(missing_ok=True)
    try:
        log = Log(path, make=not begun)
    except LogError as error:
        raise LogError(f"{error} Its disk is full; make room, and start again.") if full else error from error
    try:
        keys = load_or_make(key)
    except KeyFileError:
        log.close()
        raise
    if not begun and log.head:
        log.damage = f"{key} was gone, so the broker has a new key: clients must be given a new invite, and trust it."
    if full:
        log.damage += " The disk is full. The broker starts on its reserve, and accepts nothing once that is used up."
    elif not reserve.exists() and _free(folder.path) > 2 * RESERVE_BYTES:
        with contextlib.suppress(OSError):  # then there is none, as before
            reserve.write_bytes(bytes(RESERVE_BYTES))
    return log, keys


def lost_log(key: Path, log: Path) -> str:
    """That there is a key, and its log is gone, in sentences; empty: that is not so."""
    if not key.exists() or (log.exists() and not (log.is_file() and not log.stat().st_size)):
        return ""
    return (
        f"{key} is here, but the log is {'empty' if log.exists() else 'gone'}, and with it all that was said. "
        f"Restore a backup into an empty --data; or, to begin anew on purpose, move {key} away for a new one, "
        "which needs new invites."
    )


def _free(folder: Path) -> int:
    """Bytes that may still be written there."""
    return shutil.disk_usage(folder).free
