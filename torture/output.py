"""Row: whatever others write, and wherever it stands, does not act on the terminal of whoever sees it.

A broker that keeps no rule (`liar`) puts hostile texts into every field that a client shows: in the console with its
input line, on a good terminal and on a dumb one, and in the one-shot commands. A real broker is told such texts, writes
its own log and exports it. All that arrives at a pseudo-terminal is held against what confab itself writes (`stream`).
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from zmq.utils import z85

from broker.keys import load_or_make
from messages import Announce, Ban, Down, Kick, Leave, Mute, Post, Rejected, Rule, find_home

from . import texts
from .brokers import endpoint, folder, key_of
from .dealers import Dealer
from .liar import Liar
from .ptys import Pty
from .result import Result, Scale
from .stream import BELL, PICTURE, faults, forms

ASK_EVERY = 5  # rounds of the console
PORTION = 200  # texts in a frame to a real broker, which writes no more than 500 lines at once
SHOWN = 5  # faults that are named of each place

LINES = (  # what is asked for in the console, and the answers it has
    "/users",
    "/rooms",
    "/history 20",
    "/search x",
    "/msg nobody hello",
    "/msg friend psst",
    "/announce hear",
    "/receipts",
    "/nick other",
    "/join #x",
    "/away gone",
    "/register",
    "$ to all",
    "/rule",
    "/topic",
    "/audit",
    "/invites",
    "/invite",
    "/kick other",
)
SHELL = (  # one-shot commands
    "history #general",
    "search x",
    "who",
    "who --json",
    "rooms",
    "search x --json",
    "send nobody x",
    "send nobody x --json",
    "send friend x --wait read",
    "send friend x --wait read --json",
    "announce x --wait delivered",
    "announce x --to #nowhere",
    "rules",
    "audit",
    "invite",
    "mute other",
    "rooms --timeout 3",
    "tail --timeout 0.3",
)
BANNED = "rooms --timeout 3"  # the one that is refused at once
REPORTS = ("export", "audit --limit 500", "policy #general")  # what a broker's owner asks it
Text = Callable[[], str]


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything."""

    rounds: int  # of all that happens, in the console
    dumb_rounds: int
    shells: int  # times that each one-shot command is run
    commands: tuple[str, ...]
    log_texts: int
    reports: tuple[str, ...]


FULL = Size(80, 8, 10, SHELL, 10_000, REPORTS)
ONCE = Size(2, 1, 1, SHELL, 200, REPORTS)
SHORT = Size(1, 0, 1, ("history #general", "invite", "send nobody x", "tail --timeout 0.3"), 200, REPORTS[:1])
CONTROL = Size(1, 0, 1, ("history #general",), 200, REPORTS[:1])


@dataclass
class Campaign:
    """What came of it, by place."""

    texts: int = 0
    written: int = 0  # bytes that arrived
    faults: dict[str, Counter[str]] = field(default_factory=dict)
    forms: set[str] = field(default_factory=set)  # of control sequences
    problems: list[str] = field(default_factory=list)

    def saw(self, place: str, written: bytes | bytearray) -> None:
        """Look at what arrived in one place, where no bell may have rung."""
        self.written += len(written)
        self.forms |= forms(written)
        found = self.faults.setdefault(place, Counter())
        found.update(faults(written))
        if rang := written.count(BELL.encode()):
            found["bells"] += rang
        if not written or b"Traceback" in written:
            found["nothing, or a traceback"] += 1


def run(scale: Scale) -> Result:
    """Hostile texts, harmless ones for comparison, and hostile ones that nothing makes harmless."""
    found = campaign(FULL if scale == "full" else SHORT, texts.hostile, random.Random(1))
    figures = f"{found.written:,} bytes on terminals in {len(found.faults)} places ({', '.join(found.faults)})"
    if scale == "full":
        plain = campaign(ONCE, texts.harmless, random.Random(2))
        found.problems += [f"with harmless texts: {problem}" for problem in plain.problems]
        found.problems += [f"a form that harmless texts do not have: {form!a}" for form in found.forms - plain.forms]
        figures += f", with {len(found.forms)} forms of control sequences, all of which harmless texts have too"
    control = campaign(CONTROL, texts.hostile, random.Random(3), escaped=False)
    seen = ", ".join(f"{place} {each.total():,}" for place, each in control.faults.items())
    return Result(
        test="hostile texts on terminals",
        trials=found.texts,
        of="texts in fields that others fill",
        figures=f"{figures}. 0 bytes beside what confab itself writes.",
        control=f"escaping off, {control.texts:,} texts: {seen}",
        control_red=all(control.faults.values()),
        problems=found.problems,
    )


def campaign(
    size: Size, source: Callable[[random.Random], str], rng: random.Random, *, escaped: bool = True
) -> Campaign:
    """All places, with texts from `source`."""
    found = Campaign()
    client = "client" if escaped else "torture.unescaped"
    with folder() as place:
        _watch_liar(found, place / "liar", lambda: source(rng), rng, client, size)
        _watch_log(found, place / "honest", lambda: source(rng), size, escaped=escaped)
    for where, seen in found.faults.items():
        found.problems += [f"{where}: {times} × {fault}" for fault, times in seen.most_common(SHOWN)]
    return found


def _watch_liar(found: Campaign, home: Path, text: Text, rng: random.Random, client: str, size: Size) -> None:
    """Clients of a broker that says whatever it likes."""
    home.mkdir()
    find_home(home).settings.write_text('notify = "none"\n')  # so that each bell is one that a text rang
    with closing(Liar(home, text, rng)) as liar:
        _watch_console(found, "console", liar, size.rounds, client, home)
        if size.dumb_rounds:
            _watch_console(found, "dumb console", liar, size.dumb_rounds, client, home, term="dumb")
        for _ in range(size.shells):
            for command in size.commands:
                liar.talkative = command.startswith("tail")
                liar.refusals = [Rejected(0, "banned", liar.long_text())] if command == BANNED else []
                found.saw("shell", _shell(client, home, command))
        found.texts += liar.texts


def _watch_console(
    found: Campaign, where: str, liar: Liar, rounds: int, client: str, home: Path, term: str = "xterm-256color"
) -> None:
    escapes = liar.escapes
    written = _console(liar, rounds, client, home, term)
    found.saw(where, written)
    shown, said = written.decode(errors="replace").count(PICTURE), liar.escapes - escapes
    if shown < said:
        found.problems.append(f"{where}: of {said} escape characters {shown} are shown")


def _console(liar: Liar, rounds: int, client: str, home: Path, term: str) -> bytes:
    """Be refused, be welcomed, ask for everything, see everything happen, and be put out."""
    liar.refusals = [Rejected(0, code, liar.long_text()) for code in ("not_stored", "nick_taken")]
    with Pty(client, "chat", "me", home=home, term=term) as pty:
        pty.until("Type a nick")
        pty.enter("you")
        pty.until("/quit leaves")
        for number in range(rounds):
            if number % ASK_EVERY == 0:
                for line in (*LINES, "/to friend", f"turn {number}"):
                    pty.enter(line)
                pty.until(f"that was turn {number}.")
                pty.enter("/to #general")
            pty.enter(f"more {number}")
            pty.until(f"that was more {number}.")
        pty.enter("end")
        pty.ends()
        return bytes(pty.written)


def _shell(client: str, home: Path, command: str) -> bytes:
    with Pty(client, *command.split(), "--as", "me", home=home) as pty:
        pty.ends()
        return bytes(pty.written)


def _watch_log(found: Campaign, home: Path, text: Text, size: Size, *, escaped: bool) -> None:
    """A real broker that writes its log to a terminal, and what was said printed from its log."""
    program = ("broker",) if escaped else ("torture.saboteur", "escaping")
    bind = endpoint()
    home.mkdir()
    with Pty(*program, "--data", str(home), "--bind", bind, home=home) as pty:
        pty.until("Invite for")
        _speak(bind, home, text, size.log_texts)
        pty.ends()
        found.saw("broker's log", pty.written)
    for command in size.reports:
        with Pty(*program, "--data", str(home), *command.split(), home=home) as pty:
            pty.ends()
            found.saw(f"confab-broker {command.split()[0]}", pty.written)
    found.texts += size.log_texts


def _speak(bind: str, home: Path, text: Text, count: int) -> None:
    """Tell a broker texts that it repeats in its log, in the end as its operator, who takes it down."""
    numbers = range(1, PORTION // 2)
    for number in range(0, count, PORTION):
        with Dealer(bind, key_of(home)) as dealer:
            dealer.hello(f"n{number}", client=text())
            dealer.say(*(Leave(n, text()) for n in numbers))
            dealer.settle()
            dealer.say(*(Post(n, "#general", text()) for n in numbers), Announce(PORTION, "*", "x", text()))
            dealer.settle()
    keys = load_or_make(find_home(home).broker / "key.json")
    with Dealer(bind, key_of(home), (z85.encode(keys.public), z85.encode(keys.secret))) as operator:
        operator.hello("operator", feed=False, quiet=True)
        operator.say(*(Ban(n, text()) for n in numbers))
        operator.say(*(Mute(n + 1, f"n{n}", text(), 60.0) for n in range(0, count, PORTION)))
        operator.say(*(Kick(n + 1, f"n{n}", text()) for n in range(0, count, PORTION)))
        operator.say(*(Rule(n, "#general", "closed", text()) for n in numbers))
        operator.settle()
        operator.say(Down(PORTION, 0.0, text()))
