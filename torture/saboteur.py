"""`python -m torture.saboteur SAFEGUARD BROKER-ARGUMENTS…`: a broker without one of its safeguards, for the controls.

The product has no option for this: the running program is changed from here.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable
from math import inf
from pathlib import Path

from broker import connections, core, greeting, index, limits, log, notes, server, sockets, upkeep
from broker.cli import main
from broker.core import Core
from broker.entries import AnyEntry
from broker.log import Log, LogError, Segment
from broker.sessions import Peer
from broker.swell import Swell
from messages import Hello, codec, fold


def acknowledge_first() -> None:
    """Write each segment a tick late, when its messages are long acknowledged and shown."""
    late: list[tuple[int, int, int, bytes, bytes]] = []

    def append(self: Log, at: int, entries: list[AnyEntry]) -> Segment:
        if late:
            self._db.execute("INSERT INTO segment VALUES (?, ?, ?, ?, ?)", late.pop())
        segment = Segment(self.head + 1, at, entries)
        blob = log._encode(entries)
        self._digest = log.chain(self._digest, segment.first, at, blob)
        late.append((segment.first, len(entries), at, blob, self._digest))
        self.head = segment.last
        self._remember(segment, len(blob))
        return segment

    Log.append = append  # type: ignore[method-assign]


def no_sync() -> None:
    """Leave it to the kernel when what was committed reaches the disk."""
    prepare = Log._prepare

    def careless(self: Log, make: bool) -> None:
        prepare(self, make)
        self._db.execute("PRAGMA synchronous=OFF")

    Log._prepare = careless  # type: ignore[method-assign]


def swallow_errors() -> None:
    """Go on as if nothing had happened when a segment cannot be written."""
    append = Log.append

    def cheerful(self: Log, at: int, entries: list[AnyEntry]) -> Segment:
        try:
            return append(self, at, entries)
        except LogError:
            segment = Segment(self.head + 1, at, entries)
            self.head = segment.last
            self._remember(segment, 1)
            return segment

    Log.append = cheerful  # type: ignore[method-assign]


def checkpoint_often() -> None:
    """No safeguard less: have SQLite checkpoint after a few pages, as it does after many in life."""
    prepare = Log._prepare

    def eager(self: Log, make: bool) -> None:
        prepare(self, make)
        self._db.execute("PRAGMA wal_autocheckpoint=20")

    Log._prepare = eager  # type: ignore[method-assign]


def index_eagerly() -> None:
    """No safeguard less: have the index go on, and SQLite checkpoint it, as often as can be."""
    server.IDLE_MS, server.BURST_ENTRIES = 0.0, sys.maxsize
    connect = index._connect

    def eager(path: Path | str) -> sqlite3.Connection:
        db = connect(path)
        db.execute("PRAGMA wal_autocheckpoint=20")
        return db

    index._connect = eager


def no_sync_of_the_index() -> None:
    """Leave it to the kernel when what the index was told reaches the disk."""
    connect = index._connect

    def careless(path: Path | str) -> sqlite3.Connection:
        db = connect(path)
        db.execute("PRAGMA synchronous=OFF")
        return db

    index._connect = careless


def look_late() -> None:
    """Believe in silence however late the look at it comes."""
    core.LATE_SECONDS = inf


def drop_what_does_not_fit() -> None:
    """Forget the frame that a connection did not take, as a socket does by itself."""

    def forget(self: Core, peer: Peer, now: float) -> None:
        peer.answers.clear()

    Core.choked = forget  # type: ignore[method-assign]


def trust_payload() -> None:
    """Take whoever a Hello names for who it is, whatever key was proved."""
    hello = greeting.hello

    def credulous(core: Core, peer: Peer, command: Hello, now: float) -> None:
        named = core.state.by_nick.get(fold(command.nick))
        if named is not None:
            peer.key = named.key
        hello(core, peer, command, now)

    greeting.hello = credulous


def escape_nothing() -> None:
    """Write what came from elsewhere to our own log and to terminals as it came."""
    vars(notes)["harmless"] = lambda text, *, lines=False: text
    export = upkeep.export
    upkeep.export = lambda path, *, for_terminal=False: export(path)


def keep_everything() -> None:
    """Let frames wait without a bound for a connection that does not read."""
    sockets.SEND_HWM = 0


def any_size() -> None:
    """Take frames of any size, with any number of commands in them."""
    sockets.FRAME_BYTES = -1 - sockets.CURVE_BYTES  # type: ignore[attr-defined]
    codec.BATCH_COMMANDS = sys.maxsize  # type: ignore[attr-defined]


def no_end_of_messages() -> None:
    """Let libzmq keep a message for as long as it does not end."""
    Swell.watch = lambda _: None  # type: ignore[method-assign]


def no_time_limits() -> None:
    """Wait for ever for a handshake, and for a first word."""
    sockets.HANDSHAKE_MS = 0
    server.HELLO_SECONDS = core.HELLO_SECONDS = inf  # type: ignore[attr-defined]


def no_address_limits() -> None:
    """Take every connection for one of this machine, which the limits for each address leave alone."""
    for module in (connections, greeting, limits):
        vars(module)["is_local"] = lambda _: True


def newcomers_soon() -> None:
    """No safeguard less: have an address wait half a second for its next newcomer, and not five as in life."""
    greeting.NEWCOMERS_PER_SECOND = 2.0  # type: ignore[attr-defined]


def haste() -> None:
    """No safeguard less: have a second for what may take twenty in life."""
    sockets.HANDSHAKE_MS = 600
    server.HELLO_SECONDS = core.HELLO_SECONDS = 0.8  # type: ignore[attr-defined]


SAFEGUARDS: dict[str, Callable[[], None]] = {
    "commit-first": acknowledge_first,
    "fsync": no_sync,
    "disk-errors": swallow_errors,
    "cursors": drop_what_does_not_fit,
    "checkpoints": checkpoint_often,
    "index": index_eagerly,
    "index-fsync": no_sync_of_the_index,
    "late-looks": look_late,
    "high-water-mark": keep_everything,
    "proved-keys": trust_payload,
    "escaping": escape_nothing,
    "sizes": any_size,
    "message-ends": no_end_of_messages,
    "time-limits": no_time_limits,
    "addresses": no_address_limits,
    "newcomers": newcomers_soon,
    "haste": haste,
}

if __name__ == "__main__":
    for name in sys.argv[1].split(","):
        SAFEGUARDS[name]()
    sys.exit(main(sys.argv[2:]))
