"""A bot that answers: `python examples/bot.py`, then in a console `/msg bot help`, or in a room `bot: time`.

Shows the library: reading what comes, and answering where it was asked. It speaks as CONFAB_NICK, or as bot, and ends
with Ctrl-C. Others see it in no roster, since a Client is quiet unless it says otherwise.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from datetime import datetime

from client import Client, ClientError, Message


def load() -> str:
    """How busy this machine is."""
    return "load of {:.1f}, {:.1f}, {:.1f}".format(*os.getloadavg())


def time() -> str:
    """What the clock here says."""
    return f"{datetime.now().astimezone():%Y-%m-%d %H:%M:%S %Z}"


ANSWERS: dict[str, Callable[[], str]] = {"load": load, "time": time}  # yours go here


def question(message: Message, nick: str) -> str | None:
    """What is asked of us: the text of a direct message, or in a room what stands behind 'bot:'."""
    if message.own or message.kind != "text":
        return None  # a bot that answered itself would never stop
    if message.target == f"@{nick}":
        return message.body
    to, colon, rest = message.body.partition(":")
    return rest if colon and to.lower() == nick.lower() else None


def main() -> int:
    """Answer until the broker, or Ctrl-C, ends it."""
    try:
        with Client(os.environ.get("CONFAB_NICK", "bot")) as chat:
            chat.wait_connected(timeout=10)
            print(f"{chat.nick} answers", flush=True)
            for message in chat.messages():  # across breaks too: the Client connects again by itself
                asked = question(message, chat.nick)
                if asked is None:
                    continue
                answer = ANSWERS.get(asked.strip().lower())
                text = answer() if answer else f"I know {', '.join(ANSWERS)}."
                where = f"@{message.sender}" if message.target.startswith("@") else message.target
                chat.send(where, text)  # nobody waits for the receipt: who asked may have left
    except (ClientError, TimeoutError) as error:
        print(f"bot.py: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
