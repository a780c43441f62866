"""Run a command for each message with some words in it, read as JSON lines from `confab tail`.

As in:

    confab tail --as watch --json | python3 examples/watch.py "disk full" mail -s "disk full" root

Shows the JSON that any language can read: nothing of confab is imported. The command gets the message on its standard
input, as JSON: what others write never becomes an argument, or a line of a shell.
"""

from __future__ import annotations

import json
import subprocess
import sys


def main() -> int:
    """Watch until `confab tail` ends."""
    if len(sys.argv) < 3:
        print("usage: confab tail --json | watch.py WORDS COMMAND [ARGUMENT …]", file=sys.stderr)
        return 2
    words, command = sys.argv[1].lower(), sys.argv[2:]
    for line in sys.stdin:
        message = json.loads(line)  # seq, at, from, to, kind, body; of an announcement also title and priority
        if words in f"{message.get('title', '')} {message['body']}".lower():
            code = subprocess.run(command, input=line, text=True).returncode
            if code:
                print(f"watch.py: {command[0]} ended with {code} for message {message['seq']}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
