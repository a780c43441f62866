"""Row: forged senders, identities, powers and recordings, over bare connections; see `forgers` and `strangers`.

Two honest people speak to each other all the while. Not one attempt may be taken for what it claims to be: nobody is
shown anything under a nick whose key did not say it, nobody sees what others say to each other, the log holds neither,
nothing is stored twice, and the honest two notice nothing of it all.
"""

from __future__ import annotations

import json
import random
from contextlib import ExitStack
from pathlib import Path

from broker import upkeep
from messages import AnyEvent, Dismissed, Mark, Progress, Rejected, Roster, Welcome, Who

from .brokers import Broker, broken, endpoint, folder
from .dealers import Dealer
from .forgers import COMMANDS, LAST
from .proxy import Proxy
from .result import Result, Scale
from .scene import SECRET, Person, Scene, granted
from .strangers import CONNECTIONS

ROUNDS = {"full": 200, "short": 4}
CONTROL_ROUNDS = 1
BULK = 35  # attempts with a session in each round, in one frame
ALONE = 15  # attempts with a connection of their own in each round
FORGERS = 4
FIRST_NUMBER = 10_000  # of a forger: those below are the honest two's


def run(scale: Scale) -> Result:
    """Sound and sabotaged."""
    scene = campaign(ROUNDS[scale], random.Random(1))
    control = campaign(CONTROL_ROUNDS, random.Random(2), sabotage="proved-keys")
    tried = ", ".join(f"{name.replace('_', ' ')} {times:,}" for name, times in sorted(scene.tried.items()))
    return Result(
        test="forged identities",
        trials=scene.tried.total(),
        of="attempts",
        figures=f"{len(scene.truth):,} bodies, each stored and shown under the nick whose key said it, or not at all. "
        f"Tried: {tried}.",
        control=f"payload trusted, {control.tried.total()} attempts: {len(control.problems)} problems",
        control_red=bool(control.problems),
        problems=scene.problems,
    )


def campaign(rounds: int, rng: random.Random, *, sabotage: str = "") -> Scene:
    """So many rounds, in each of which the honest two speak and everything is tried."""
    with folder() as place:
        with ExitStack() as stack:
            broker = stack.enter_context(Broker(place / "home", bind := endpoint(), sabotage=sabotage))
            scene, forgers = _set(stack, broker, bind, rng)
            for number in range(rounds):
                scene.whisper()
                _try_bulk(scene, forgers[number % FORGERS])
                for attempt in rng.choices([*CONNECTIONS], [*CONNECTIONS.values()], k=ALONE):
                    attempt(scene)
                    scene.tried[attempt.__name__] += 1
            for person in [*scene.people, *forgers]:
                person.dealer.settle()
                scene.look(person.nick, person.dealer.heard)
            _check_honest(scene)
            broker.kill()  # everything is answered; connections that were tampered with would keep it from ending
        _check_log(scene, broker.log)
    return scene


def _set(stack: ExitStack, broker: Broker, bind: str, rng: random.Random) -> tuple[Scene, list[Person]]:
    """The scene, and forgers with the devices of the honest two."""
    wire, middle = (Proxy(int(bind.rpartition(":")[2])) for _ in range(2))
    stack.callback(wire.close)
    stack.callback(middle.close)
    scene = Scene(bind, broker.key, [], wire, middle, rng)
    scene.people.append(_come(stack, scene, "ann", f"tcp://127.0.0.1:{wire.port}"))
    scene.people.append(_come(stack, scene, "ben", bind))
    whose = [scene.people[number % 2].device for number in range(FORGERS)]
    forgers = [_come(stack, scene, f"mallory{number}", bind, device) for number, device in enumerate(whose)]
    for forger in forgers:
        forger.number = FIRST_NUMBER
    return scene, forgers


def _come(stack: ExitStack, scene: Scene, nick: str, bind: str, device: bytes = b"") -> Person:
    dealer = stack.enter_context(Dealer(bind, scene.key))
    person = Person(nick, dealer, device or dealer.device)
    dealer.hello(nick, device=person.device)
    return person


def _try_bulk(scene: Scene, me: Person) -> None:
    """Many attempts with one session, in one frame; none may be granted, or answered as another's."""
    names = scene.rng.choices([*COMMANDS], [*COMMANDS.values()], k=BULK)
    attempts = [name(scene, me) for name in names]
    scene.tried.update(name.__name__ for name in names)
    events = me.say(*[said for said, _ in attempts])
    seqs = granted(events)
    for said, forbidden in attempts:
        if forbidden in seqs:
            scene.fail(f"{me.nick} said {said}, and it was granted")
    if taken := {*seqs.values()} & {*scene.private}:
        scene.fail(f"{me.nick} was answered with the sequences {taken} of others")
    for event in events:
        if isinstance(event, Welcome | Dismissed | Progress):
            scene.fail(f"{me.nick} was told {event}")


def _check_honest(scene: Scene) -> None:
    """The honest two were left alone, and what they can do still works."""
    ann, ben = scene.people
    for person in scene.people:
        for event in person.dealer.heard:
            if isinstance(event, Dismissed | Rejected | Progress):
                scene.fail(f"{person.nick} was told {event}")
    scene.whisper()
    ben.say(Mark(LAST, LAST))
    told = [event for event in ann.say(Who(ann.count())) if isinstance(event, Progress | Roster)]
    if [_names(event) for event in told if isinstance(event, Progress)] != [["ben"]] * (len(scene.private) // 2):
        scene.fail(f"what ben has read was told to ann as {told}")
    for event in told:
        if isinstance(event, Roster):
            scene.problems += [f"{person.nick} is {person.role}" for person in event.people if person.role != "guest"]


def _names(event: AnyEvent) -> list[str]:
    return sorted({each.nick for each in (*event.delivered, *event.read)}) if isinstance(event, Progress) else []


def _check_log(scene: Scene, log: Path) -> None:
    """Everything is stored under the nick whose key said it, once, and all that the honest two said is."""
    stored: set[str] = set()
    for line in map(json.loads, upkeep.export(log)):
        body = line["body"]
        if scene.truth.get(body) != line["from"]:
            scene.fail(f"stored as {line['from']}'s: {body!r}")
        if body in stored:
            scene.fail(f"stored twice: {body!r}")
        stored.add(body)
    scene.problems += [f"not stored: {body!r}" for body in scene.truth if SECRET in body and body not in stored]
    if problem := broken(log):
        scene.fail(f"verify: {problem}")
