"""The play as data: who is in it, and what happens, scene by scene. What somebody types is sent as the keys it takes.

A scene has a name, up to which it can be played for a picture. `shows` is what must be on the console's screen before
the play goes on, the same in every language; without it, what is said.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

HERO, TAKEN = "robin", "sam"  # whose console it is, and the nick that is tried first
OTHERS = ("maya", "felix")  # who is there too when it begins


class Types(NamedTuple):
    """Something is typed at the console."""

    text: str
    enter: bool = True
    shows: str = ""


class Says(NamedTuple):
    """One of the others says something."""

    who: str
    to: str
    text: str


class Does(NamedTuple):
    """One of the others comes, enters a room, is away, or takes the broker down; `shows` their nick."""

    who: str
    what: str  # come, join, away, down
    text: str = ""  # which room, or why


class Runs(NamedTuple):
    """A shell runs one of the programs, `client` or `broker`."""

    program: str
    arguments: tuple[str, ...]
    shows: str = ""


class Returns(NamedTuple):
    """The broker is started again."""


class Pause(NamedTuple):
    """Time to read."""

    seconds: float


Step: TypeAlias = Types | Says | Does | Runs | Returns | Pause


class Scene(NamedTuple):
    """A part of the play with a name."""

    name: str
    steps: tuple[Step, ...]


LEAVE = "\x04"  # Ctrl-D

WARM = """the cache was cold; this does it:
```python
def warm(index):
    for page in index.pages():
        page.touch()
```"""

WAITING = "this is kept until then"

SCENES = (
    Scene("taken", (Pause(2.5), Types(HERO, shows=HERO), Pause(3))),
    Scene(
        "talk",
        (
            Says("felix", "#general", "morning! has anybody seen why search is slow?"),
            Says("maya", "#general", "it is the **index**, not the disk: `EXPLAIN` reads every row"),
            Pause(1.5),
            Types("then I have an idea"),
            Says("felix", "#general", WARM),
            Pause(2.5),
        ),
    ),
    Scene(
        "half-typed",
        (
            Types("I can take it after lunch, if nob", enter=False),
            Does("omar", "come"),
            Says("omar", "#general", "good morning from the machine room"),
            Says("maya", "#general", "look, nobody disturbs what you type 🙂"),
            Pause(2),
            Types("ody minds"),
            Pause(1.5),
        ),
    ),
    Scene(
        "direct",
        (
            Says("maya", f"@{HERO}", "only for you: coffee first?"),
            Pause(1.5),
            Types("/msg maya always", shows="always"),
            Pause(1.5),
            Types("/msg zoe you too?", shows="zoe"),
            Pause(2.5),
        ),
    ),
    Scene(
        "announcement",
        (
            Runs(
                "client",
                ("announce", "--as", "ci", "--priority", "high", "--title", "Release 2.4", "Deploy at five"),
                shows="Deploy at five",
            ),
            Pause(3),
        ),
    ),
    Scene(
        "room",
        (
            Types("/join #ops", shows="#ops"),
            Pause(1),
            Does("omar", "join", "#ops"),
            Says("omar", "#ops", "the standby is warm, I need the broker for a minute"),
            Pause(1),
            Types("go ahead, I watch the dashboard"),
            Pause(1.5),
        ),
    ),
    Scene("who", (Does("felix", "away", "lunch until one"), Types("/who", shows="felix"), Pause(4))),
    Scene(
        "down",
        (
            Runs("broker", ("grant", "omar", "admin")),
            Says("omar", "#ops", "thank you all, back in a minute"),
            Does("omar", "down", "new disk"),
            Pause(3),
            Types(WAITING),
            Pause(3),
        ),
    ),
    Scene(
        "back",
        (
            Returns(),
            Pause(1.5),
            Types("is it back?", shows=WAITING),
            Says("omar", "#ops", "here we are again, nothing lost"),
            Pause(3),
        ),
    ),
    Scene("end", (Types(LEAVE, enter=False), Pause(0.5))),
)
