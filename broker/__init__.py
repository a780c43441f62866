"""confab's broker: one ROUTER, one log, the rules. Imports `messages` only."""

from __future__ import annotations

__version__ = "0.1.0"
