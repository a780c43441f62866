"""What can be set about a broker: one frozen object, built once in `cli`. Reads nothing by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from messages import DEFAULT_ENDPOINT, Home


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one run."""

    home: Home
    bind: tuple[str, ...] = (DEFAULT_ENDPOINT,)
    plain: bool = False  # no encryption, and keys are claimed: for endpoints that stay on this machine
    log_format: Literal["text", "json"] = "text"
    keep_days: float | None = None  # older entries are not kept; None: all are
    keep_size: int | None = None  # bytes of the log from which on the oldest entries are not kept; None: all are
