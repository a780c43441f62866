"""`python -m torture.unescaped ARGUMENTS…`: the `confab` command with nothing made harmless, for a control."""

from __future__ import annotations

import sys

import messages

if __name__ == "__main__":
    messages.harmless = lambda text, *, lines=False: text  # before anything of the client takes it from there
    from client.cli import main

    sys.exit(main())
