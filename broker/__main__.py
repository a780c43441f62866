"""`python -m broker` is `confab-broker`."""

from __future__ import annotations

import sys

from .cli import main

sys.exit(main())
