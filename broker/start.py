"""What a broker starts with: its log and its key pair. They are made together, the log first.

So a key without a log means that the log is gone, never that a first start was killed on its way.
"""

from __future__ import annotations

from .folder import Folder
from .keys import KeyFileError, KeyPair, load_or_make
from .log import Log, LogError


def log_and_keys(folder: Folder) -> tuple[Log, KeyPair]:
    """Open both, or make both at the first start. Raises LogError, KeyFileError."""
    path, key = folder.log_file, folder.key_file
    begun = key.exists()
    if begun and (not path.exists() or (path.is_file() and not path.stat().st_size)):
        raise LogError(
            f"{key} is here, but the log is {'empty' if path.exists() else 'gone'}, and with it all that was said. "
            f"Restore a backup into an empty --data; or, to begin anew on purpose, move {key} away for a new one, "
            "which needs new invites."
        )
    log = Log(path, make=not begun)
    try:
        return log, load_or_make(key)
    except KeyFileError:
        log.close()
        raise
