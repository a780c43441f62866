"""Row: SIGKILL of clients that keep their outbox on disk, with messages in flight, and now and then of the broker.

Two people type and read. Each of their lives ends by a kill at a random moment, and the next one goes on from what is
on disk. What was typed and on disk must be stored once, in order; what is stored must be shown to the other, who was
killed as often. Those that a reader was just being shown may be shown again, and are counted.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from client import Client

from .brokers import TREE, Broker, TortureError, broken, endpoint, folder, stored, without_rate
from .checker import Eye, Said, Verdict, judge
from .result import Result, Scale

KILLS = {"full": 400, "short": 4}
CONTROL_KILLS = {"full": 20, "short": 4}
NICKS = ("ann", "ben")
LIFE_SECONDS = 0.15  # on average, from when a client was started and has begun to type
BROKER_KILLS = 0.12  # share of the client kills with which the broker is killed too
FROZEN = 0.5  # share of kills before which the broker stands still: it reads what was sent only after the death
FROZEN_SECONDS = (0.03, 0.1)
BROKER_AWAY = 0.5  # of those: it stays away for the next few kills
END = "the-end"
SETTLE_SECONDS = 60.0


@dataclass(slots=True)
class Person:
    """One person over many lives."""

    nick: str
    said: dict[int, Said] = field(default_factory=dict)
    promised: set[int] = field(default_factory=set)  # were on disk
    shown: list[tuple[int, str]] = field(default_factory=list)
    repeated: int = 0  # shown again after a kill

    def read(self, journal: Path) -> None:
        """Take over what one life told; its last line may be cut."""
        last = self.shown[-1][0] if self.shown else 0
        by_body = {each.body: each for each in self.said.values()}
        for line in journal.read_text().splitlines(keepends=True):
            match line.split():
                case _ if not line.endswith("\n"):
                    continue
                case ["said", number]:
                    each = Said(self.nick, self.nick, "*", f"{self.nick}-{number}")
                    self.said[int(number)] = by_body[each.body] = each
                case ["kept", number]:
                    self.promised.add(int(number))
                case ["answer", body, answer]:
                    by_body[body].seq, by_body[body].code = (int(answer), "") if answer.isdigit() else (0, answer)
                case ["shown", seq, body] if int(seq) <= last:
                    self.repeated += 1
                case ["shown", seq, body]:
                    self.shown.append((int(seq), body))


class Life:
    """One client process."""

    def __init__(self, home: Path, person: Person, *, types: bool, sabotage: str = "") -> None:
        self.person = person
        first = max(person.said, default=0) + 1 if types else 0
        self._journal = home.parent / f"{person.nick}.told"
        with self._journal.open("wb") as output:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "torture.typist",
                    str(home),
                    person.nick,
                    str(first),
                    *([sabotage] * bool(sabotage)),
                ],
                cwd=TREE,
                env={name: value for name, value in os.environ.items() if not name.startswith("CONFAB_")},
                stdin=subprocess.DEVNULL,
                stdout=output,
            )

    def told(self, words: str) -> None:
        """Wait until it has told this."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while f"{words}\n" not in self._journal.read_text():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise TortureError(f"{self.person.nick} never told {words!r}: {self._journal.read_text()[-500:]}")
            time.sleep(0.005)

    def typing(self) -> None:
        """Wait until it has typed something."""
        self.told(f"said {max(self.person.said, default=0) + 1}")

    def kill(self) -> None:
        """End it, whatever it is doing, and read what it told."""
        self.process.kill()
        self.process.wait()
        self.person.read(self._journal)


def run(scale: Scale) -> Result:
    """Sound and sabotaged."""
    verdict, problems, repeated = campaign(KILLS[scale], rng=random.Random(1))
    control, found, _ = campaign(CONTROL_KILLS[scale], rng=random.Random(2), sabotage="numbers")
    return Result(
        test="SIGKILL of clients with messages in flight, and now and then of the broker",
        trials=KILLS[scale],
        of="kills",
        figures=f"{verdict}. Shown again after a kill: {repeated}.",
        control=f"number not stored, {CONTROL_KILLS[scale]} kills: {control.faults} faults",
        control_red=control.faults > 0 or bool(found),
        problems=problems,
    )


def campaign(kills: int, *, rng: random.Random, sabotage: str = "") -> tuple[Verdict, list[str], int]:
    """So many kills of clients; returns the checker's verdict, what is wrong, and how many were shown again."""
    with folder() as place:
        home, bind = place / "home", endpoint()
        people = [Person(nick) for nick in NICKS]
        without_rate(home)
        broker = Broker(home, bind)
        lives: list[Life] = []
        try:
            broker.ready()
            lives = [Life(home, person, types=False) for person in people]  # both are there before anything is said
            for life in lives:
                life.told("settled")
                life.kill()
            lives = [Life(home, person, types=True, sabotage=sabotage) for person in people]
            broker = _kill_on(kills, rng, broker, bind, lives, sabotage)
            broker.ready()
            for index, life in enumerate(lives):
                life.kill()
                lives[index] = Life(home, life.person, types=False, sabotage=sabotage)
            for life in lives:
                life.told("settled")
            with Client("herald", home=home) as herald:
                seq = herald.send("*", END).wait(20)
            for life in lives:
                life.told(f"shown {seq} {END}")
                life.kill()
        finally:
            for life in lives:
                life.process.kill()
                life.process.wait()
            broker.kill()
        return (*_judge(people, stored(broker.log), broken(broker.log)), sum(person.repeated for person in people))


def _kill_on(kills: int, rng: random.Random, broker: Broker, bind: str, lives: list[Life], sabotage: str) -> Broker:
    """Kill and start again; returns the broker that runs then."""
    away = 0  # kills until the broker comes back
    for _ in range(kills):
        index = rng.randrange(len(lives))
        lives[index].typing()
        time.sleep(rng.expovariate(1 / LIFE_SECONDS))
        frozen = not away and (bool(sabotage) or rng.random() < FROZEN)
        if frozen:
            broker.process.send_signal(signal.SIGSTOP)
            time.sleep(rng.uniform(*FROZEN_SECONDS))
        lives[index].kill()
        if frozen:
            broker.process.send_signal(signal.SIGCONT)
        if away:
            away -= 1
            if not away:
                broker = Broker(broker.home, bind)
        elif not sabotage and rng.random() < BROKER_KILLS:
            broker.kill()
            away = rng.randint(1, 4) if rng.random() < BROKER_AWAY else 0
            if not away:
                broker = Broker(broker.home, bind)
        lives[index] = Life(broker.home, lives[index].person, types=True, sabotage=sabotage)
    return Broker(broker.home, bind) if away else broker


def _judge(people: list[Person], log: list[tuple[int, str]], problem: str) -> tuple[Verdict, list[str]]:
    said = [each for person in people for _, each in sorted(person.said.items())]
    eyes = [Eye(person.nick, person.nick, [each for each in person.shown if each[1] != END]) for person in people]
    verdict = judge(said, eyes, [(seq, body) for seq, body in log if body != END])
    bodies = {body for _, body in log}
    problems = [*verdict.examples]
    for person in people:
        lost = [number for number in sorted(person.promised) if person.said[number].body not in bodies]
        problems += [f"lost: {person.nick}-{number} was on disk, and is not stored" for number in lost]
    if problem:
        problems.append(f"verify: {problem}")
    return verdict, problems
