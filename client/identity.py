"""A person's key, shown to others or taken to another machine. Files only; device slots stay where they are.

A second machine is another device of the same account, so only the key goes along.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import msgspec
import zmq
from zmq.utils import z85

from messages import Home, check_nick

from .errors import IdentityRefused
from .files import write_new
from .language import _
from .profile import make_keys

_LONGEST = 4096  # bytes of an exported file; those that we write have some 200


class Identity(NamedTuple):
    """Who a profile is."""

    nick: str
    key: bytes  # public, 32 bytes
    new: bool = False  # the profile was made just now


class _Exported(msgspec.Struct):
    """The file that carries an identity."""

    nick: str
    secret: str  # Z85, as in the profile's key file
    note: str = ""  # for whoever finds the file


def show_identity(home: Home, nick: str) -> Identity:
    """Whose key the profile `nick` holds, made if it is new; raises InvalidName, NotConfigured and OSError."""
    nick = check_nick(nick)
    folder = home.profile(nick)
    new = not (folder / "key").exists()
    public = make_keys(folder)[0]
    return Identity(nick, z85.decode(public), new)


def export_identity(home: Home, nick: str, file: Path) -> Identity:
    """Write the secret key of the profile `nick` to a new file.

    Raises InvalidName; IdentityRefused when there is no such profile, or there is such a file; NotConfigured; OSError.
    """
    nick = check_nick(nick)
    folder = home.profile(nick)
    if not (folder / "key").exists():
        raise IdentityRefused(
            _("There is no profile {nick} in {path}, so there is nothing to export.").format(nick=nick, path=home.path)
        )
    public, secret = make_keys(folder)
    note = _("Whoever has this file is {nick}. Keep it as you keep a password.").format(nick=nick)
    content = msgspec.json.encode(_Exported(nick, secret.decode("ascii"), note))
    try:
        write_new(file, msgspec.json.format(content) + b"\n")
    except FileExistsError as error:
        raise IdentityRefused(
            _("{file} is there already and was left as it is. Choose another name.").format(file=file)
        ) from error
    return Identity(nick, z85.decode(public))


def import_identity(home: Home, file: Path, nick: str | None = None) -> Identity:
    """Make the profile `nick`, else the one named in the file, of an exported key.

    Raises InvalidName; IdentityRefused when the profile is another person, or the file none of ours; NotConfigured;
    and OSError.
    """
    exported, public = _read(file)
    nick = check_nick(nick or exported.nick)
    folder = home.profile(nick)
    new = not (folder / "key").exists()
    found = make_keys(folder, exported.secret.encode("ascii"))[0]
    if found != public:
        raise IdentityRefused(
            _(
                "The profile {nick} in {path} has another key, and was left as it is. Choose another nick "
                "with --as, or move {folder} away first: that person is lost without it."
            ).format(nick=nick, path=home.path, folder=folder)
        )
    return Identity(nick, z85.decode(public), new)


def _read(file: Path) -> tuple[_Exported, bytes]:
    with file.open("rb") as source:
        content = source.read(_LONGEST)
    try:
        exported = msgspec.json.decode(content, type=_Exported)
        return exported, zmq.curve_public(exported.secret.encode("ascii"))
    except (msgspec.DecodeError, ValueError, zmq.ZMQError) as error:
        text = _("{file} holds no key that `confab id export` wrote, or is damaged. Nothing was changed.").format(
            file=file
        )
        raise IdentityRefused(text) from error
