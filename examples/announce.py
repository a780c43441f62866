"""Run a command and tell everyone how it ended: `python examples/announce.py make test`.

Shows the library: an announcement, a longer text to a room, and what can go wrong. It speaks as CONFAB_NICK, or as ci.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time

from client import Client, ClientError

ROOM = "#general"
TAIL_LINES = 20  # of the output of a command that failed


def main() -> int:
    """Run the command; return its exit code, whatever becomes of the announcement."""
    command = sys.argv[1:]
    if not command:
        print("usage: announce.py COMMAND [ARGUMENT …]", file=sys.stderr)
        return 2
    began = time.monotonic()
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", errors="replace")
    took = f"{time.monotonic() - began:.1f} s"
    print(done.stdout, end="")
    try:
        tell(shlex.join(command), done.returncode, took, done.stdout)
    except (ClientError, TimeoutError) as error:
        print(f"announce.py: nobody was told: {error}", file=sys.stderr)
    return done.returncode


def tell(command: str, code: int, took: str, output: str) -> None:
    """Announce the outcome, and post the end of the output when the command failed."""
    with Client(os.environ.get("CONFAB_NICK", "ci"), receive=False) as chat:
        if code == 0:
            receipts = [chat.announce(f"{command} succeeded after {took}", title="Done", priority="low")]
        else:
            receipts = [chat.announce(f"{command} failed with {code} after {took}", title="Failed", priority="high")]
            if tail := "\n".join(output.splitlines()[-TAIL_LINES:]).strip():
                receipts.append(chat.send(ROOM, tail))
        for receipt in receipts:  # both are on their way already; accepted means written to the broker's disk
            receipt.wait(timeout=5)


if __name__ == "__main__":
    sys.exit(main())
