"""How people write whom they mean, and which nick is theirs by default. Pure functions; knows no connection.

On the wire a target is '@nick', '#room' or '*'. People (and shells, to which '#' and '*' mean something) also write
'bob', 'all' and 'everyone'; the last two are no possible nicks, so nothing is ambiguous.
"""

from __future__ import annotations

import getpass
import os
import re

from messages import EVERYONE, NICK_LENGTH, InvalidName, check_nick, check_target, fold


def read_target(text: str) -> str:
    """The target that a person means by `text`, in its wire form; raises InvalidName."""
    if fold(text) in (EVERYONE, "all", "everyone"):
        return EVERYONE
    return check_target(text if text.startswith(("@", "#")) else f"@{text}")


def read_nick(text: str) -> str:
    """A nick, written with or without its '@'; raises InvalidName."""
    return check_nick(text.removeprefix("@"))


def default_nick() -> str:
    """CONFAB_NICK as it stands, else the name of the user at this machine bent into an ASCII nick, which all allow."""
    if chosen := os.environ.get("CONFAB_NICK"):
        return chosen
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as in some containers
        name = ""
    return _bend(name)


def _bend(name: str) -> str:
    if not name.isascii():
        import unicodedata

        name = "".join(char for char in unicodedata.normalize("NFKD", name) if not unicodedata.combining(char))
    bent = re.sub(r"[^A-Za-z0-9_.-]+", "-", name).lstrip("0123456789_.-")[:NICK_LENGTH] or "guest"
    try:
        return check_nick(bent)
    except InvalidName:  # a reserved word
        return f"{bent}-1"
