"""`python -m torture.typist HOME NICK FIRST [SABOTAGE]`: a person at a keeping client who types and reads until killed.

Tells on standard output, one line each and at once: `up`, `said N`, `kept N` (on disk, so it is promised), `answer BODY
SEQ`, `shown SEQ BODY`. FIRST is the number of the first line to type; 0 types nothing and tells `settled` when nothing
is unanswered any more and its place in what there is to read is on disk.
"""

from __future__ import annotations

import os
import random
import sys
import threading
import time
from pathlib import Path

from client import Client, Rejected, backoff
from client import connection as library
from client.outbox import Kept
from client.receipt import Receipt
from client.store import Store

BURSTS = (1, 1, 1, 3, 30)
PAUSE = 0.02  # seconds between bursts, on average


def forget_numbers() -> None:
    """Write texts down without the numbers under which they went out."""
    save = Store.save

    def careless(self: Store, kept: Kept) -> None:
        save(self, kept._replace(rows=[row._replace(number=0) for row in kept.rows]))

    Store.save = careless  # type: ignore[method-assign]


def forget_texts() -> None:
    """Write down nothing but the cursor."""
    save = Store.save

    def careless(self: Store, kept: Kept) -> None:
        save(self, kept._replace(rows=[]))

    Store.save = careless  # type: ignore[method-assign]


def watch_cursor() -> threading.Event:
    """Set once it is on disk from where this reader goes on: who is killed before was never there."""
    placed = threading.Event()
    save, load = Store.save, Store._load

    def note(kept: Kept) -> Kept:
        if kept.cursor is not None:
            placed.set()
        return kept

    def saving(self: Store, kept: Kept) -> None:
        save(self, kept)
        note(kept)

    Store.save = saving  # type: ignore[method-assign]
    Store._load = lambda self: note(load(self))  # type: ignore[method-assign]
    return placed


SABOTAGES = {"numbers": forget_numbers, "texts": forget_texts}


def tell(*words: object) -> None:
    """One line, which outlives us."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def body(receipt: Receipt) -> str:
    """What was typed."""
    return str(getattr(receipt.command, "body", ""))


def await_answers(receipts: list[Receipt]) -> None:
    """Tell the answers, in order."""
    for receipt in receipts:
        try:
            tell("answer", body(receipt), receipt.wait())
        except Rejected as error:
            tell("answer", body(receipt), error.code)


def show(chat: Client) -> None:
    """Read for ever."""
    for message in chat.messages():
        tell("shown", message.seq, message.body)


def type_on(chat: Client, nick: str, number: int) -> None:
    """Type until killed."""
    rng = random.Random(number)
    while True:
        typed = []
        for _ in range(rng.choice(BURSTS)):
            tell("said", number)
            typed.append((number, chat.send("*", f"{nick}-{number}")))
            number += 1
        threading.Thread(target=await_answers, args=([receipt for _, receipt in typed],), daemon=True).start()
        while not all(receipt.kept or receipt.done for _, receipt in typed):
            time.sleep(0.0005)
        for each, _ in typed:
            tell("kept", each)
        time.sleep(rng.expovariate(1 / PAUSE))


def main(home: str, nick: str, first: str, sabotage: str = "") -> None:
    """Live."""
    library._STEADY_SECONDS, backoff._LAST = 0.0, (0.2, 0.4)  # kills come faster here than in life
    placed = watch_cursor()
    if sabotage:
        SABOTAGES[sabotage]()
    with Client(nick, home=Path(home), keep=True) as chat:
        threading.Thread(target=show, args=(chat,), daemon=True).start()
        if int(first):
            threading.Thread(target=await_answers, args=(chat.leftovers,), daemon=True).start()
            type_on(chat, nick, int(first))
        chat.wait_connected(30)
        tell("up")
        await_answers(chat.leftovers)
        placed.wait()
        tell("settled")
        threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
