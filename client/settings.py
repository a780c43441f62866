"""What a person may set, in one TOML file: every setting with its default and what it means; reading and changing it.

    home/settings.toml    what differs from the defaults, and the person's own comments

The file is read once, at the start. Unknown names and wrong values are told in a sentence that names the line to mend.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from .errors import NotConfigured


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every setting. The description of each is what `confab config` says beside it."""

    keywords: Annotated[tuple[str, ...], Meta(description="words that ring like your nick")] = ()


def load(path: Path) -> Settings:
    """The settings in a file; the defaults when there is none. Raises NotConfigured, with a sentence."""
    try:
        return msgspec.convert(tomllib.loads(path.read_text("utf-8")), Settings)
    except FileNotFoundError:
        return Settings()
    except (OSError, ValueError) as error:  # of TOML, of msgspec, or bytes that are no UTF-8
        raise NotConfigured(f"The settings in {path} cannot be read: {error}. Mend or remove them.") from error
