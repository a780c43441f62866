"""What is played for each picture. Every scene has a stage of its own, with a broker that starts anew."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from .picture import Picture
from .stage import Screen, Stage

Scene: TypeAlias = Callable[[Stage], Picture]


def together(on: Stage, *nicks: str, columns: int, rows: int = 24) -> list[Screen]:
    """Have these people come in, one after the other; each sees who comes behind."""
    there: list[Screen] = []
    for nick in nicks:
        came = on.console(nick, columns=columns, rows=rows)
        for screen in there:
            screen.sees(nick)
        there.append(came)
    return there


def broker(on: Stage) -> Picture:
    """The broker starts, and tells one event a line."""
    starting = on.broker()
    _, bob, carol = together(on, "alice", "bob", "carol", columns=80)
    on.run("broker", "grant", "alice", "admin")
    on.run("client", "announce", "--as", "ci", "--title", on.words.release, on.words.deploy)
    bob.sees(on.words.deploy)
    carol.type("/join #ops").sees("#ops ›")
    bob.type("/quit")
    starting.sees("left  ")
    return Picture("make broker", (starting.shown(),))


def roster(on: Stage) -> Picture:
    """People connect, one is away, one is an admin; and the list of who is here."""
    on.broker()
    alice, bob = together(on, "alice", "bob", columns=80)
    carol = on.console("carol", columns=88, rows=30)
    alice.sees("carol")
    on.run("broker", "grant", "alice", "admin")
    bob.type(f"/away {on.words.away}").sees(on.words.away)
    carol.sees(on.words.away)
    carol.type("/join #ops").sees("#ops ›")
    carol.type("/who").sees("admin", "#general #ops")
    return Picture("make client NICK=carol", (carol.shown(),))


def choosing(on: Stage) -> Picture:
    """Whom plain text goes to: a person, a room, everyone; the prompt always says it."""
    on.broker()
    together(on, "bob", columns=80)
    alice = on.console("alice", columns=80, rows=30)
    alice.keys("/to b").key("Tab").sees("/to bob").key("Enter").sees("@bob ›")
    alice.type(on.words.to_bob).says(on.words.to_bob)
    alice.type("/join #ops").sees("#ops ›").type(on.words.to_ops).says(on.words.to_ops)
    alice.type("/to all").gone("#ops ›")
    alice.type(f"/msg bob {on.words.private}").says(on.words.private)
    return Picture("make client NICK=alice", (alice.shown(),))


def conversation(on: Stage) -> Picture:
    """Two people write to the room and to one another, a script to everyone."""
    on.broker()
    alice, bob = together(on, "alice", "bob", columns=64, rows=30)
    words = on.words
    alice.type(words.question).says(words.question)
    bob.says(words.question)
    bob.type(words.answer).says(plain(words.answer)).type(words.more).says(plain(words.more))
    alice.says(plain(words.more))
    bob.type(f"/msg alice {words.private}").says(words.private)
    alice.says(words.private)
    alice.type(f"/msg bob {words.consent}").says(words.consent)
    bob.says(words.consent)
    announce = ["--title", words.release, "--priority", "high", words.deploy]
    on.run("client", "announce", "--as", "ci", *announce)
    bob.sees(words.deploy)
    alice.sees(words.deploy).keys(words.unsent).sees(words.unsent)
    return Picture(
        "make client NICK=alice  ·  make client NICK=bob",
        (
            alice.shown(),
            bob.shown(),
        ),
    )


def taken(on: Stage) -> Picture:
    """A nick that another key holds is refused; another one will do."""
    on.broker()
    together(on, "bob", columns=80)
    stranger = on.stranger("bob", columns=88, rows=30)
    stranger.sees("✗").type("robert").sees("robert", "/help")
    return Picture("make client NICK=bob", (stranger.shown(),))


def unknown(on: Stage) -> Picture:
    """A message to somebody who is not there is refused, and given back; so is a command that there is not."""
    on.broker()
    together(on, "bob", columns=80)
    alice = on.console("alice", columns=88, rows=30)
    alice.type(f"/msg karl {on.words.to_nobody}").sees("✗")
    alice.type("/whoo").sees("/who", "/whoo")
    return Picture("make client NICK=alice", (alice.shown(),))


def broadcast(on: Stage) -> Picture:
    """One line to everyone, in three windows at once."""
    on.broker()
    people = together(on, "alice", "bob", "carol", columns=46)
    people[0].type(f"$ {on.words.to_everyone}")
    for person in people:
        person.says(on.words.to_everyone)
    people[2].type(f"/all {on.words.thanks}")
    for person in people:
        person.says(on.words.thanks)
    title = "make client NICK=alice  ·  make client NICK=bob  ·  make client NICK=carol"
    return Picture(title, tuple(person.shown() for person in people))


def announcement(on: Stage) -> Picture:
    """A shell script announces two things; a console shows them as panels."""
    on.broker()
    [alice] = together(on, "alice", columns=64, rows=30)
    words = on.words
    script = on.script(
        "deploy.sh",
        f'confab announce --as ci --title "{words.release}" "{words.deploy}"',
        'echo "exit code $?"',
        "",
        f'confab announce --as pager --title "{words.outage}" \\\n    --priority urgent "{words.writes}"',
        'echo "exit code $?"',
        columns=64,
    )
    alice.sees(words.deploy, words.writes)
    script.sees("deploy.sh", "exit code 0\n\n")
    return Picture(
        "sh -v deploy.sh  ·  make client NICK=alice",
        (
            script.shown(),
            alice.shown(),
        ),
    )


def joke(on: Stage) -> Picture:
    """A message to oneself arrives, with a remark."""
    on.broker()
    [alice] = together(on, "alice", columns=88)
    alice.type(f"/msg alice {on.words.to_myself}").says(on.words.to_myself).sees(" · ")
    return Picture("make client NICK=alice", (alice.shown(),))


def down(on: Stage) -> Picture:
    """An admin takes the broker down, and everyone is told: the admin, another person, the broker's own terminal."""
    running = on.broker()
    alice, bob = together(on, "alice", "bob", columns=56)
    on.run("broker", "grant", "alice", "admin")
    alice.type(f"/down in 2s {on.words.maintenance}")
    bob.says(on.words.maintenance)
    running.sees("down  ").ends()
    for person in (alice, bob):
        person.sees("…")
    title = "make client NICK=alice  ·  make client NICK=bob  ·  make broker"
    return Picture(title, (alice.shown(), bob.shown()), (running.shown("joined"),))


def plain(text: str) -> str:
    """A text as it is shown, without its marks."""
    return text.replace("*", "").replace("`", "")


def demo(on: Stage) -> Picture:
    """`confab demo` in the middle of its play, when the announcement has come."""
    return Picture("make demo", (on.demo("announcement", columns=88, rows=30).sees("Release 2.4").shown(),))


SCENES: tuple[Scene, ...] = (
    demo,
    broker,
    roster,
    choosing,
    conversation,
    taken,
    unknown,
    broadcast,
    announcement,
    joke,
    down,
)
