"""Whether what confab is made of is here, and new enough: Python, libraries, SQLite; and how many files it may open.

What is needed stands in the package's own metadata, which came from pyproject.toml.
"""

from __future__ import annotations

import platform
import re
import resource
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from importlib import metadata

from ..language import _
from ..probe import CURVE, LIBZMQ
from ..version import __version__
from .finding import Finding

_LIBZMQ = (4, 3)  # from here on it tells why a handshake failed
_SQLITE = (3, 22)  # from here on a log is read without changing anything beside it
_FEW_DESCRIPTORS = 1024  # each connection of a broker takes one, each of a client's some


def check_programs() -> Iterator[Finding]:
    """Look at versions and limits."""
    yield Finding("ok", "confab", f"{__version__}, Python {platform.python_version()}, {platform.system()}")
    yield from _libraries()
    yield _libzmq()
    yield _sqlite()
    yield _descriptors()


def _libraries() -> Iterator[Finding]:
    check = _("libraries")
    try:
        needed = metadata.requires("confab") or []
    except metadata.PackageNotFoundError:
        text = _("confab runs from a folder and is not installed, so nobody knows which versions it needs.")
        yield Finding("warning", check, text, _("Run `make install`."))
        return
    found = []
    for name, least in _requirements(needed):
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            version = ""
        found.append(f"{name} {version}")
        if _numbers(version) < _numbers(least):
            text = _("{name} is too old: {version}, and {least} is needed.") if version else _("{name} is missing.")
            advice = _("Run `{python} -m pip install --upgrade '{name}>={least}'`.")
            what = {"name": name, "version": version, "least": least, "python": sys.executable}
            yield Finding("problem", check, text.format(**what), advice.format(**what))
    yield Finding("ok", check, ", ".join(found))


def _requirements(lines: list[str]) -> Iterator[tuple[str, str]]:
    """The name and the least version of each that is needed always: those for an extra have a marker."""
    for line in lines:
        if found := re.fullmatch(r"([\w-]+)>=([\d.]+)", line):
            yield found[1], found[2]


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def _libzmq() -> Finding:
    advice = _("Install pyzmq as a wheel: `{python} -m pip install --force-reinstall --only-binary :all: pyzmq`.")
    advice = advice.format(python=sys.executable)
    if not CURVE:
        return Finding(
            "problem", "libzmq", _("{version} cannot encrypt: it lacks CURVE.").format(version=LIBZMQ), advice
        )
    if _numbers(LIBZMQ) < _LIBZMQ:
        return Finding("problem", "libzmq", _("{version} is too old.").format(version=LIBZMQ), advice)
    return Finding("ok", "libzmq", _("{version}, with CURVE").format(version=LIBZMQ))


def _sqlite() -> Finding:
    version = sqlite3.sqlite_version
    advice = _("Use a Python that comes with SQLite {least} or newer, with FTS5.").format(
        least=".".join(map(str, _SQLITE))
    )
    if _numbers(version) < _SQLITE:
        return Finding("problem", "SQLite", _("{version} is too old.").format(version=version), advice)
    try:
        with closing(sqlite3.connect(":memory:")) as db:
            db.execute("CREATE VIRTUAL TABLE words USING fts5 (body)")
    except sqlite3.Error:
        return Finding(
            "warning", "SQLite", _("{version} lacks FTS5, which a broker needs.").format(version=version), advice
        )
    return Finding("ok", "SQLite", version)


def _descriptors() -> Finding:
    check = _("open files")
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        return Finding("ok", check, _("no limit"))
    text = _("A process may have {count} open; each connection of a broker takes one.").format(count=hard)
    if hard >= _FEW_DESCRIPTORS:
        return Finding("ok", check, text)
    return Finding("warning", check, text, _("Raise the limit: `ulimit -Hn`, or LimitNOFILE of the service."))
