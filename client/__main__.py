"""`python -m client` is `confab`."""

from __future__ import annotations

import sys

from .cli import main

sys.exit(main())
