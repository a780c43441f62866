"""Whether the home is in order: there, ours, private and with room; its settings and profiles; the broker's folder."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from messages import Home

from ..console.chosen import Chosen
from ..errors import NotConfigured
from ..language import _, plural
from ..profile import read_keys
from ..store import examine
from .finding import Finding, Level

_LITTLE, _NO_ROOM = 256 << 20, 16 << 20  # free bytes of the disk
_CLOCK_SECONDS = 60.0  # a file may be from so far ahead: clocks of disks elsewhere
_QUICK_BYTES = 64 << 20  # of a log that is verified here: half a second
_VERIFY_SECONDS = 20.0


def check_home(home: Home) -> Iterator[Finding]:
    """Look at everything that lies in the home, as far as we may."""
    try:
        yield from _look(home)
    except OSError as error:
        text = _("{path} cannot be looked at: {why}.").format(path=error.filename or home.path, why=error.strerror)
        yield Finding("problem", _("home"), text, _("Take it with chown, or choose another with CONFAB_HOME."))


def _look(home: Home) -> Iterator[Finding]:
    check = _("home")
    if not home.path.exists():
        yield Finding("ok", check, _("{path} is made when confab is first used.").format(path=home.path))
        yield _room(_existing(home.path))
        return
    if not home.path.is_dir():
        text = _("{path} is no folder.").format(path=home.path)
        yield Finding("problem", check, text, _("Move it away, or choose another with CONFAB_HOME."))
        return
    yield _usable(check, home.path)
    yield _room(home.path)
    yield from _private(home)
    yield _clock(home)
    yield from _settings(home)
    yield from _profiles(home)
    yield from _data(home)


def _usable(check: str, path: Path) -> Finding:
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        text = _("{path} is not yours to read and write.").format(path=path)
        return Finding("problem", check, text, _("Take it with chown, or choose another with CONFAB_HOME."))
    return Finding("ok", check, str(path))


def _existing(path: Path) -> Path:
    """The folder in which it would be made."""
    return path if path.exists() else _existing(path.parent)


def _room(path: Path) -> Finding:
    check = _("disk")
    free = shutil.disk_usage(path).free
    text = _("{free} MiB are free.").format(free=f"{free >> 20:,}")
    if free >= _LITTLE:
        return Finding("ok", check, text)
    return Finding("problem" if free < _NO_ROOM else "warning", check, text, _("Make room."))


def _private(home: Home) -> Iterator[Finding]:
    """Whether others can read what is for us alone, or change what we read."""
    check = _("permissions")
    private = [home.known, home.broker, *home.path.glob("profiles/*"), *_files(home)]
    open_to_others = [
        *(path for path in private if _mode(path) & 0o077),
        *(path for path in (home.path, home.settings) if _mode(path) & 0o022),
    ]
    for path in open_to_others:
        level: Level = "problem" if path.name in ("key", "key.json") else "warning"
        text = _("{path} is open to others (mode {mode:o}).").format(path=path, mode=_mode(path))
        advice = "go-w" if path in (home.path, home.settings) else "go="
        yield Finding(level, check, text, _("Run `{command}`.").format(command=f"chmod {advice} {path}"))
    if not open_to_others:
        yield Finding("ok", check, _("What is yours alone is open to nobody else."))


def _files(home: Home) -> list[Path]:
    """What lies in the folders of profiles and of the broker."""
    return [*home.path.glob("profiles/*/*"), *home.path.glob("broker/*")]


def _mode(path: Path) -> int:
    """Who may do what with it; 0: it is not there, or not for us to look at."""
    try:
        return stat.S_IMODE(path.lstat().st_mode)
    except OSError:
        return 0


def _clock(home: Home) -> Finding:
    """Whether the clock stands before the time at which something here was written."""
    newest = max((path.lstat().st_mtime for path in _files(home) if _mode(path)), default=0.0)
    ahead = newest - time.time()
    if ahead <= _CLOCK_SECONDS:
        return Finding("ok", _("clock"), time.strftime("%Y-%m-%d %H:%M:%S %Z"))
    text = _("Something in the home was written {minutes:.0f} minutes from now.").format(minutes=ahead / 60)
    return Finding("warning", _("clock"), text, _("The clock was, or is, wrong: have it set by the network."))


def _settings(home: Home) -> Iterator[Finding]:
    check, wrong = _("settings"), Chosen(home.settings).complaints
    yield from (Finding("problem", check, text, _("Mend or remove that line.")) for text in wrong)
    if not wrong:
        yield Finding("ok", check, str(home.settings) if home.settings.exists() else _("all as they come"))


def _profiles(home: Home) -> Iterator[Finding]:
    check = _("profiles")
    above = home.path / "profiles"
    if above.exists() and not above.is_dir():
        yield Finding("problem", check, _("{path} is no folder.").format(path=above), _("Move it away."))
        return
    whole = used = 0
    for folder in sorted(path for path in home.path.glob("profiles/*") if path.is_dir()):
        problems = [*_profile(folder)]
        yield from (Finding(level, check, text, advice) for level, _check, text, advice in problems)
        whole += not problems
        used += any(_held(path) for path in folder.glob("*-*") if path.suffix == "")
    text = plural("{count} is whole", "{count} are whole", whole).format(count=whole)
    yield Finding("ok", check, _("{whole}, {used} in use").format(whole=text, used=used))


def _profile(folder: Path) -> Iterator[Finding]:
    try:
        read_keys(folder / "key")
    except FileNotFoundError:
        text = _("{path} has no key.").format(path=folder)
        yield Finding("warning", "", text, _("Put back a copy, or have a new one made by entering once."))
    except OSError as error:
        text = _("{path} cannot be read: {why}.").format(path=folder / "key", why=error.strerror)
        yield Finding("problem", "", text, _("Take it with chown."))
    except NotConfigured as error:
        yield Finding("problem", "", str(error))
    for path in sorted(folder.glob("window-*.db")):
        if ".aside-" in path.name:
            text = _("{path} was put aside, since it was damaged.").format(path=path)
            yield Finding("warning", "", text, _("Remove it when you miss nothing that you had typed."))
        elif not _held(path.with_suffix("")) and (why := examine(path)):
            text = f"{why}."
            yield Finding("warning", "", text, _("The next console puts it aside; what it had not sent is lost."))


def _held(path: Path) -> bool:
    """Whether a process has locked a file. Looking takes a moment's share of the lock itself."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # not there, or not for us to look at
        return False
    return False


def _data(home: Home) -> Iterator[Finding]:
    """The folder of a broker of ours: whether it runs, and whether its log is whole."""
    if not (home.broker / "key.json").exists() or not os.access(home.broker / "key.json", os.R_OK):
        return
    check = _("broker here")
    running = _held(home.broker / "lock")
    yield Finding("ok", check, _("It is at work.") if running else _("It is not at work."))
    log = home.broker / "log.db"
    size = log.stat().st_size if log.exists() else 0
    if size > _QUICK_BYTES:
        text = _("Its log has {size:,} MiB, and is not verified here.").format(size=size >> 20)
        yield Finding("ok", check, text, _("`{command}` does.").format(command=_verify(home)))
    elif running:
        yield _verified(check, home, home)
    else:  # SQLite would make files beside the log
        with TemporaryDirectory() as folder:
            copy = Home(Path(folder))
            copy.broker.mkdir()
            (copy.broker / "key.json").touch()  # that there is one is all that counts
            for name in ("log.db", "log.db-wal"):
                with contextlib.suppress(FileNotFoundError):
                    shutil.copyfile(home.broker / name, copy.broker / name)
            yield _verified(check, home, copy)


def _verify(home: Home) -> str:
    return f"confab-broker verify --data {home.path}"


def _verified(check: str, home: Home, where: Home) -> Finding:
    """What the broker's own program says of a log: of the home's, or of a copy's."""
    try:
        run = subprocess.run(
            [sys.executable, "-m", "broker", "verify", "--data", str(where.path)],
            cwd=Path(__file__).parents[2],  # where the packages are, wherever we were called
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_VERIFY_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        text = _("Its log is not verified after {seconds:.0f} seconds.").format(seconds=_VERIFY_SECONDS)
        return Finding("warning", check, text, _("`{command}` does.").format(command=_verify(home)))
    if run.returncode:
        text = run.stderr.strip().removeprefix("confab-broker: ").replace(str(where.path), str(home.path))
        return Finding("problem", check, text)
    return Finding("ok", check, " ".join(run.stdout.split()))
