"""Consoles that no person sits at, with a real broker: a program over pipes, and terminals that can do little."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from client import Client

from .processes import DEADLINE, TREE, BrokerProcess, Terminal, confab, environment, running_broker

PATIENCE = 3 * DEADLINE  # for all that one program is told


@pytest.fixture
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    with running_broker(tmp_path_factory.mktemp("home")) as broker:
        yield broker


class Program:
    """A program that drives `confab chat --json` over pipes."""

    def __init__(self, nick: str, home: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "client", "chat", nick, "--json"],
            cwd=TREE,
            env=environment(CONFAB_HOME=str(home)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.told: list[dict[str, Any]] = []
        self._watchdog = threading.Timer(PATIENCE, self.process.kill)  # which ends what is read below
        self._watchdog.start()

    def say(self, line: str, ident: Any = None) -> None:
        """Give it a line."""
        assert self.process.stdin
        self.process.stdin.write(json.dumps({"line": line, "id": ident}) + "\n")
        self.process.stdin.flush()

    def until(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Read on until such an object comes."""
        assert self.process.stdout
        for line in self.process.stdout:
            self.told.append(json.loads(line))
            if {"type": kind, **fields}.items() <= self.told[-1].items():
                return self.told[-1]
        raise AssertionError(f"{kind} {fields} never came: {self.told}")

    def sees(self, kind: str, **fields: Any) -> None:
        """The same for what may have come already."""
        if not any({"type": kind, **fields}.items() <= told.items() for told in self.told):
            self.until(kind, **fields)

    def ends(self) -> tuple[int, str]:
        """Wait for the end; its exit code, and what it said on standard error."""
        assert self.process.stdout
        self.told += [json.loads(line) for line in self.process.stdout]
        assert self.process.stderr
        with self.process.stderr as errors:
            return self.process.wait(DEADLINE), errors.read()

    def close(self) -> None:
        self._watchdog.cancel()
        for stream in (self.process.stdin, self.process.stdout):
            assert stream
            stream.close()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(DEADLINE)


@pytest.fixture
def program(broker: BrokerProcess) -> Iterator[Callable[[str], Program]]:
    with ExitStack() as programs:

        def start(nick: str) -> Program:
            started = Program(nick, broker.home)
            programs.callback(started.close)
            return started

        yield start


def test_two_who_talk_at_once_read_one_order(program: Callable[[str], Program]) -> None:
    """Of their own lines and each other's either may come to a console first; it is the log's order all the same."""
    ann, ben = program("ann"), program("ben")
    for each in (ann, ben):
        each.until("welcome", to="#general")
    for number in range(60):
        lines = [f"line {number} of ann", f"line {number} of ben"]
        ann.say(lines[0])
        ben.say(lines[1])
        for each in (ann, ben):
            while not {told.get("body") for told in each.told}.issuperset(lines):
                each.until("message")
    read = [[(told["seq"], told["body"]) for told in each.told if told["type"] == "message"] for each in (ann, ben)]
    for each in (ann, ben):
        each.say("/quit")
        assert each.ends() == (0, "")
    assert len(read[0]) == 120
    assert read[0] == read[1] == sorted(read[0])


def test_a_program_talks_to_people(program: Callable[[str], Program], broker: BrokerProcess) -> None:
    bot = program("bot")
    assert bot.until("connected")["nick"] == "bot"
    bot.until("welcome", to="#general")
    with Client("bob", home=broker.home, quiet=False) as bob:
        bob.send("@bot", "two\nlines").wait(DEADLINE)
        asked = bot.until("message", **{"from": "bob"})
        assert (asked["to"], asked["body"], asked["own"]) == ("@bot", "two\nlines", False)
        bot.say("/msg bob one\ntwo", ident=7)
        seq = bot.until("accepted", id=7)["seq"]
        assert bot.until("message", id=7) == {**bot.told[-1], "seq": seq, "own": True, "body": "one\ntwo"}
        answer = next(bob.messages(DEADLINE))
        assert answer.body == "one\ntwo"
        bot.sees("reached", seq=seq, delivered=["bob"], read=[])  # it may be known before the place of ours is
        bob.mark_read(answer)
        bot.until("reached", seq=seq, read=["bob"])
        assert bot.until("status")["progress"]["state"] == "read"
        bot.say("/who", ident="w")
        assert {person["nick"] for person in bot.until("people", id="w")["people"]} == {"bot", "bob"}
    bot.until("presence", nick="bob", what="left")
    bot.say("/msg bob anyone?", ident=[8])
    assert bot.until("refusal", id=[8])["error"] == "no_such_nick"
    bot.say("/quit")
    assert bot.ends() == (0, "")
    assert bot.told[-1] == {"type": "bye", "exit_code": 0}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_in_order_when_told_to(program: Callable[[str], Program], number: signal.Signals) -> None:
    bot = program("bot")
    bot.until("welcome")
    bot.process.send_signal(number)
    assert bot.ends() == (0, "")
    assert bot.told[-1] == {"type": "bye", "exit_code": 0}


def test_the_fields_are_those_of_the_other_commands(broker: BrokerProcess) -> None:
    """And plain lines will do, as one would type them."""
    lines = b"hello from a pipe\n/who\n/rooms\n/history 1\n"
    run = confab("chat", "eve", "--json", home=broker.home, stdin=lines)
    assert (run.returncode, run.stderr) == (0, "")
    told = {each["type"]: each for each in map(json.loads, run.stdout.splitlines())}
    said = json.loads(confab("history", "#general", "--limit", "1", "--json", home=broker.home).stdout)
    assert said.items() <= {**told["message"], "at": said["at"]}.items()
    with Client("bob", home=broker.home, quiet=False) as bob:
        bob.wait_connected(DEADLINE)
        for kind, command in (("people", "who"), ("rooms", "rooms")):
            there = json.loads(confab(command, "--json", home=broker.home).stdout.splitlines()[0])
            assert there.keys() == told[kind][kind][0].keys()


def test_an_end_that_is_no_choice_has_its_exit_code(program: Callable[[str], Program], broker: BrokerProcess) -> None:
    bot = program("bot")
    bot.until("welcome")
    broker.run("grant", "bot", "member")
    with Client("root", home=broker.home) as root:
        root.wait_connected(DEADLINE)
        broker.run("grant", "root", "admin")
        root.kick("bot", "enough").wait(DEADLINE)
    assert bot.ends() == (6, "")
    refusal = next(each for each in bot.told if each["type"] == "refusal")
    assert refusal["error"] == "kicked"
    assert bot.told[-1] == {"type": "bye", "exit_code": 6}


def test_what_keeps_it_from_starting_is_told_beside_the_stream(tmp_path: Path) -> None:
    run = confab("chat", "bot", "--json", "--linear", home=tmp_path, stdin=b"")
    assert (run.returncode, run.stdout) == (2, "")
    assert "not allowed with" in json.loads(run.stderr)["text"]


def chatting(broker: BrokerProcess, *options: str, term: str) -> Terminal:
    return Terminal("-m", "client", "chat", "alice", *options, CONFAB_HOME=str(broker.home), TERM=term, columns=60)


@pytest.mark.parametrize(("options", "term"), [((), "dumb"), ((), "unknown"), (("--linear",), "xterm-256color")])
def test_sentences_at_a_terminal(broker: BrokerProcess, options: tuple[str, ...], term: str) -> None:
    """No byte of it moves a cursor, nor asks for anything but lines."""
    alice = chatting(broker, *options, term=term)
    try:
        alice.sees("/help: shows every command, /quit leaves.")
        with Client("bob", home=broker.home, quiet=False) as bob:
            alice.sees("bob is here.")
            bob.announce("Deploy", priority="urgent").wait(DEADLINE)
            alice.sees("Announcement, urgent, by bob at")
            assert re.search(r"\nbob in #general at \d\d:\d\d: ", alice.text) is None
            bob.send("#general", "a\nb").wait(DEADLINE)
            alice.sees("bob continues: b")
            assert re.search(r"^bob in #general at \d\d:\d\d: a$", alice.text, re.MULTILINE)
            alice.type("/msg bob psst").sees("you to bob at")
            next(message for message in bob.messages(DEADLINE) if message.body == "psst")
            alice.sees("confab: Your message was delivered to bob: psst")
        alice.type("/quit").sees("confab: Bye.")
        assert alice.ends() == 0
        assert set(alice.raw) - set(range(32, 256)) <= {7, 10, 13}
        assert b"\a" in alice.raw, "of the announcement"
    finally:
        alice.close()


def test_at_a_terminal_that_can_do_all_it_is_rich(broker: BrokerProcess) -> None:
    """The control."""
    alice = chatting(broker, term="xterm-256color")
    try:
        alice.sees("/quit leaves")
        assert b"\x1b[" in alice.raw
    finally:
        alice.close()


def test_json_at_a_terminal(broker: BrokerProcess) -> None:
    alice = chatting(broker, "--json", term="xterm-256color")
    try:
        alice.sees('"type": "welcome"').type("Привет").sees(r"\u041f").keys("\x04")
        assert alice.ends() == 0
        assert b"\x1b" not in alice.raw
    finally:
        alice.close()
