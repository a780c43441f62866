"""Row: connections are cut, or go half dead without anybody being told, each through a proxy of its own (see `proxy`).

Every client speaks and listens all the time. A cut is noticed when the client opens its next connection, within two
heartbeats. The client notices that nothing comes any more; when only its own words are swallowed, the broker has to.
"""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from messages import PING_SECONDS, SILENCE_SECONDS, Address, Local, find_home, parse_key

from .brokers import Broker, broken, endpoint, folder, stored, without_rate
from .checker import Verdict
from .crew import Crews, Person
from .proxy import Kind, Proxy
from .result import Result, Scale

PEOPLE = {"full": 20, "short": 2}
CUTS = {"full": 25, "short": 2}  # of each client
SUDDEN: tuple[Kind, ...] = ("reset", "close")
SUDDEN_SHARE = 0.6
HALF_DEAD: dict[str, tuple[Kind, ...]] = {"full": ("deaf", "mute", "dead"), "short": ("mute", "dead")}
HEARTBEAT = {"full": (PING_SECONDS, SILENCE_SECONDS), "short": (0.3, 0.6)}
LIMIT = {"full": SILENCE_SECONDS + 2.0, "short": 5.0}  # seconds until a cut must be noticed; a busy machine is slack
FOREVER = 1e6  # more milliseconds than these overflow a poll


@dataclass
class Campaign:
    """What came of it."""

    verdict: Verdict = field(default_factory=Verdict)
    problems: list[str] = field(default_factory=list)
    noticed: dict[Kind, list[float]] = field(default_factory=dict)


def run(scale: Scale) -> Result:
    """Sound and sabotaged."""
    people, cuts = PEOPLE[scale], CUTS[scale]
    found = campaign(people, cuts, scale, HEARTBEAT[scale])
    control = campaign(2, 1, scale, (FOREVER, FOREVER), control=True)
    slowest = ", ".join(f"{kind} {len(took)}× ≤ {max(took):.1f} s" for kind, took in sorted(found.noticed.items()))
    return Result(
        test="cut and half-open connections",
        trials=people * cuts,
        of="cuts",
        figures=f"{found.verdict}. Noticed: {slowest} (a heartbeat is {HEARTBEAT[scale][0]:g} s).",
        control=f"heartbeat off: {len(control.problems)} of 2 never noticed",
        control_red=bool(control.problems),
        problems=found.problems,
    )


def campaign(
    people: int, cuts: int, scale: Scale, heartbeat: tuple[float, float], *, control: bool = False
) -> Campaign:
    """So many people, of each of whom the connection is cut so many times, all at the same time."""
    found = Campaign()
    with folder() as place:
        home, bind = place / "home", endpoint()
        without_rate(home)
        with Broker(home, bind) as broker:
            proxies = [Proxy(int(bind.rpartition(":")[2])) for _ in range(people)]
            crew = [_person(number, home, proxy, heartbeat) for number, proxy in enumerate(proxies)]
            crews = Crews(home, [crew[::2], crew[1::2]])
            try:
                crews.begin()
                limit = SILENCE_SECONDS + 2 if control and scale == "full" else 1.2 if control else LIMIT[scale]
                half_dead: tuple[Kind, ...] = ("dead",) if control else HALF_DEAD[scale]
                _cut_all(found, proxies, cuts, half_dead, 0.0 if control else SUDDEN_SHARE, limit)
                if not control:
                    journals = crews.finish()
            finally:
                crews.close()
                for proxy in proxies:
                    proxy.close()
        if not control:
            found.verdict = journals.judge(stored(broker.log))
            found.problems += [*found.verdict.examples, *journals.failures]
            if problem := broken(broker.log):
                found.problems.append(f"verify: {problem}")
    return found


def _person(number: int, home: Path, proxy: Proxy, heartbeat: tuple[float, float]) -> Person:
    local = msgspec.json.decode(find_home(home).local.read_bytes(), type=Local)
    invite = Address(f"tcp://127.0.0.1:{proxy.port}", parse_key(local.key)).invite
    nick = f"n{number}"
    targets = ("*", "#general", f"@n{number ^ 1}")
    return Person(nick, f"{nick}/desk", targets, bursts=(1, 1, 3), pause=0.3, broker=invite, heartbeat=heartbeat)


def _cut_all(
    found: Campaign, proxies: list[Proxy], cuts: int, half_dead: tuple[Kind, ...], sudden: float, limit: float
) -> None:
    def drive(number: int, proxy: Proxy) -> None:
        rng = random.Random(number)
        for _ in range(cuts):
            time.sleep(rng.uniform(0.3, 1.0))  # long enough to be welcomed, short enough to be busy catching up
            kind = rng.choice(SUDDEN if rng.random() < sudden else half_dead)
            took = proxy.cut(kind, limit)
            if took is None:
                found.problems.append(f"{kind}: not noticed within {limit:.0f} s")
                proxy.cut("close", limit)
            else:
                found.noticed.setdefault(kind, []).append(took)

    threads = [threading.Thread(target=drive, args=each) for each in enumerate(proxies)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
