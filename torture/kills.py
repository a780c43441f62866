"""Row: SIGKILL of the broker at random moments, under load from several senders and readers in their own processes."""

from __future__ import annotations

import random
import time

from .brokers import Broker, broken, endpoint, folder, stored, without_rate
from .checker import Verdict
from .crew import Crews, Person
from .result import Result, Scale

KILLS = {"full": 1000, "short": 4}
CONTROL_KILLS = {"full": 20, "short": 6}  # now and then a kill meets nobody
STARTING = 0.1  # share of the kills that fall into the start
START_SECONDS = 0.12
UP_SECONDS = 0.32  # on average, from when the broker listens; clients need some 0.1 of it to be back

EVERYONE = ("*", "#general", "#general", "@ann", "@ben", "@cid")
BURSTS = (1, 2, 10, 80)
CREWS = {
    "full": (
        (Person("ann", "ann/desk", EVERYONE, bursts=BURSTS), Person("dan", "dan/desk")),
        (Person("ben", "ben/desk", EVERYONE, bursts=BURSTS), Person("eve", "eve/desk")),
        (Person("cid", "cid/bot", EVERYONE, bursts=BURSTS, listens=False), Person("ann", "ann/phone")),
    ),
    "short": ((Person("ann", "ann/desk", ("*", "@ben")), Person("ben", "ben/desk", ("#general",))),),
}


def run(scale: Scale) -> Result:
    """Sound and sabotaged."""
    verdict, problems, seconds = campaign(KILLS[scale], scale)
    control, found, _ = campaign(CONTROL_KILLS[scale], scale, sabotage="commit-first")
    return Result(
        test="SIGKILL of the broker at random moments under load",
        trials=KILLS[scale],
        of="kills",
        figures=f"{verdict}. {seconds / KILLS[scale]:.2f} s a kill.",
        control=f"acknowledge before the commit, {CONTROL_KILLS[scale]} kills: {control.faults} faults",
        control_red=control.faults > 0 or bool(found),
        problems=problems,
    )


def campaign(kills: int, scale: Scale, *, sabotage: str = "") -> tuple[Verdict, list[str], float]:
    """So many kills; returns the checker's verdict, what is wrong, and how long the killing took."""
    rng = random.Random(kills)
    with folder() as place:
        home, bind = place / "home", endpoint()
        without_rate(home)
        broker = Broker(home, bind, sabotage=sabotage)
        broker.ready()
        crews = Crews(home, CREWS[scale])
        try:
            crews.begin()
            began = time.monotonic()
            for _ in range(kills):
                time.sleep(_moment(rng, broker))
                broker.kill()
                broker = Broker(home, bind, sabotage=sabotage)
            seconds = time.monotonic() - began
            broker.ready()
            journals = crews.finish()
        finally:
            crews.close()
            broker.kill()
        verdict = journals.judge(stored(broker.log))
        problems = [*verdict.examples, *journals.failures]
        if problem := broken(broker.log):
            problems.append(f"verify: {problem}")
        return verdict, problems, seconds


def _moment(rng: random.Random, broker: Broker) -> float:
    """How long to wait for the next kill; most come when it listens."""
    if rng.random() < STARTING:
        return rng.uniform(0, START_SECONDS)
    broker.ready()
    return min(rng.expovariate(1 / UP_SECONDS), 4 * UP_SECONDS)
