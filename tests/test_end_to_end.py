"""The whole, with real processes: one broker, people and scripts as programs of their own, from start to shutdown."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from client import Client, ClientError, Connected, Disconnected, Rejected, ServerClosed, Sharing
from messages import Presence

from .processes import DEADLINE, TREE, BrokerProcess, confab, environment, running_broker

STAYING = """
import sys
from client import Client
alice = Client("alice", quiet=False)
sys.stdin.read()
"""


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[BrokerProcess]:
    with running_broker(tmp_path / "home") as broker:
        yield broker


class Tail:
    """A `confab tail --json` in its own process, which is what this person sees."""

    def __init__(self, broker: BrokerProcess, nick: str, home: Path | None = None) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "client", "tail", "--json", "--as", nick, "--broker", broker.invite],
            cwd=TREE,
            env=environment(CONFAB_HOME=str(home or broker.home)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )

    def next(self) -> dict[str, object]:
        assert self.process.stdout
        return json.loads(self.process.stdout.readline())

    def end(self) -> None:
        self.process.kill()
        self.process.wait(DEADLINE)
        assert self.process.stdout
        self.process.stdout.close()


def said(line: dict[str, object]) -> tuple[object, object, object]:
    return line["from"], line["to"], line["body"]


def test_direct_room_and_broadcast_reach_whom_they_should(broker: BrokerProcess) -> None:
    """Two people follow; what a third sends arrives with sender, target and text as they were typed."""
    alice, bob = Tail(broker, "alice"), Tail(broker, "bob")
    try:
        with Client("watch", home=broker.home) as watch:  # a barrier: both are here once a message comes through
            for nick in ("alice", "bob"):
                send_until_there(watch, nick)
        assert said(alice.next()) == ("watch", "@alice", "there?")
        assert said(bob.next()) == ("watch", "@bob", "there?")
        assert confab("send", "@alice", "tea  at 5 ☕?", home=broker.home, CONFAB_NICK="carol").returncode == 0
        assert confab("send", "#general", "hi room", "--as", "carol", home=broker.home).returncode == 0
        assert confab("announce", "Deploy at five", "--as", "ci", "--title", "CI", home=broker.home).returncode == 0
        assert said(alice.next()) == ("carol", "@alice", "tea  at 5 ☕?")
        for person in (alice, bob):
            assert said(person.next()) == ("carol", "#general", "hi room")
            assert said(person.next()) == ("ci", "*", "Deploy at five")
    finally:
        alice.end()
        bob.end()


def send_until_there(watch: Client, nick: str) -> None:
    """Post to somebody who is just coming in, again until it is accepted."""
    until = time.monotonic() + DEADLINE
    while time.monotonic() < until:
        try:
            watch.send(f"@{nick}", "there?").wait(DEADLINE)
        except Rejected:
            watch.who()
        else:
            return
    raise AssertionError(f"{nick} never came")


def test_a_taken_nick_is_refused_and_free_again_after_quitting(broker: BrokerProcess, tmp_path: Path) -> None:
    with Client("alice", home=broker.home) as alice:
        alice.wait_connected(DEADLINE)
        other = confab("send", "*", "hi", "--as", "Alice", "--broker", broker.invite, home=tmp_path / "elsewhere")
        assert other.returncode == 1
        assert "taken" in other.stderr
    again = confab("send", "*", "hi", "--as", "Alice", "--broker", broker.invite, home=tmp_path / "elsewhere")
    assert again.returncode == 0


def test_a_killed_client_is_noticed_by_the_others(broker: BrokerProcess, tmp_path: Path) -> None:
    with Client("watch", home=broker.home, quiet=False) as watch:
        watch.wait_connected(DEADLINE)
        alice = subprocess.Popen(
            [sys.executable, "-c", STAYING],
            cwd=TREE,
            env=environment(CONFAB_HOME=str(broker.home)),
            stdin=subprocess.PIPE,
        )
        events = watch.events(DEADLINE)
        assert next(event for event in events if event == Presence("alice", "joined"))
        os.kill(alice.pid, signal.SIGKILL)
        assert next(event for event in events if event == Presence("alice", "lost"))
        alice.communicate(timeout=DEADLINE)


def test_every_exit_code_of_the_shell_commands(broker: BrokerProcess, tmp_path: Path) -> None:
    home = broker.home
    assert confab("send", "*", "hi", "--as", "ci", home=home).returncode == 0
    assert confab("send", "*", "   ", "--as", "ci", home=home).returncode == 1
    assert confab("send", "#no room", "hi", "--as", "ci", home=home).returncode == 2
    assert confab("dance", home=home).returncode == 2
    assert confab("send", "@nobody", "hi", "--as", "ci", home=home).returncode == 3
    unheard = ("--wait", "delivered", "--timeout", "0.5")
    assert confab("announce", "hi", "--as", "ci", *unheard, home=home).returncode == 7
    nowhere = ("--broker", "tcp://127.0.0.1:9", "--timeout", "0.3")
    assert confab("send", "*", "hi", "--as", "ci", *nowhere, home=home).returncode == 4
    with Client("root", home=home) as root, Client("mallory", home=home) as mallory:
        root.wait_connected(DEADLINE), mallory.wait_connected(DEADLINE)
        broker.run("grant", "root", "admin")
        root.ban("mallory", "spam").wait(DEADLINE)
    assert confab("send", "*", "hi", "--as", "mallory", home=home).returncode == 6


def test_a_broker_that_is_stopped_answers_nothing_in_time_and_loses_nothing(broker: BrokerProcess) -> None:
    with Client("ci", home=broker.home) as ci:
        ci.wait_connected(DEADLINE)
        os.kill(broker.process.pid, signal.SIGSTOP)
        try:
            receipt = ci.send("*", "patience")
            with pytest.raises(TimeoutError):
                receipt.wait(0.2)
        finally:
            os.kill(broker.process.pid, signal.SIGCONT)
        assert receipt.wait(DEADLINE) > 0


def test_a_message_comes_from_standard_input_only_when_there_is_no_other(broker: BrokerProcess) -> None:
    home = broker.home
    assert confab("announce", "--as", "ci", home=home, stdin="from a pipe ✓\n".encode()).returncode == 0
    assert confab("announce", "from arguments", "--as", "ci", home=home, stdin=b"not this").returncode == 0
    bad = confab("announce", "--as", "ci", home=home, stdin=b"\xff\xfe")
    assert bad.returncode == 2
    assert "UTF-8" in bad.stderr
    shown = confab("history", "*", "--json", "--as", "ci", home=home).stdout
    assert [json.loads(line)["body"] for line in shown.splitlines()] == ["from a pipe ✓", "from arguments"]


def test_an_admin_takes_the_broker_down_and_everyone_is_told(broker: BrokerProcess) -> None:
    with Client("root", home=broker.home) as root, Client("bob", home=broker.home) as bob:
        root.wait_connected(DEADLINE), bob.wait_connected(DEADLINE)
        broker.run("grant", "root", "admin")
        last = root.send("@bob", "just in time")
        root.down(reason="new disk").wait(DEADLINE)
        assert last.wait(DEADLINE) > 0
        assert next(bob.messages(DEADLINE)).body == "just in time"
        assert next(e for e in bob.events(DEADLINE) if isinstance(e, ServerClosed)).reason == "new disk"
        assert broker.process.wait(DEADLINE) == 0


def test_clients_carry_on_after_a_kill_with_nothing_lost_and_no_one_renamed(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with running_broker(home) as broker, Client("alice", home=home) as alice, Client("bob", home=home) as bob:
        alice.wait_connected(DEADLINE), bob.wait_connected(DEADLINE)
        before = [alice.send("@bob", f"before {n}") for n in range(100)]
        before[-1].wait(DEADLINE)
        broker.kill()
        assert next(e for e in alice.events(DEADLINE) if isinstance(e, Disconnected))
        during = [alice.send("@bob", f"during {n}") for n in range(100)]
        with running_broker(home, broker.endpoint):
            during[-1].wait(DEADLINE)
            expected = [f"before {n}" for n in range(100)] + [f"during {n}" for n in range(100)]
            got = []
            for message in bob.messages(DEADLINE):
                got.append(message.body)
                if len(got) == len(expected):
                    break
            assert got == expected
            assert next(e for e in bob.events(DEADLINE) if isinstance(e, Connected) and e.again).nick == "bob"


def test_two_scripts_of_one_profile_and_its_owner_at_once(broker: BrokerProcess) -> None:
    clients = [Client("ops", home=broker.home) for _ in range(3)]
    try:
        with Client("bob", home=broker.home) as bob:
            bob.wait_connected(DEADLINE)
            for number, client in enumerate(clients):
                assert client.send("@bob", str(number)).wait(DEADLINE) > 0
            assert sorted(message.body for _, message in zip(range(3), bob.messages(DEADLINE), strict=False)) == [
                "0",
                "1",
                "2",
            ]
    finally:
        for client in clients:
            client.close()


def test_who_read_a_message_is_told_also_after_a_kill_of_the_broker(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with (
        running_broker(home) as broker,
        Client("alice", home=home, receive=False) as alice,
        Client("bob", home=home, quiet=False) as bob,
    ):
        bob.wait_connected(DEADLINE)
        receipt = alice.send("@bob", "psst")
        assert receipt.wait(DEADLINE, state="delivered") == receipt.seq
        with pytest.raises(TimeoutError, match="but read by nobody in time"):
            receipt.wait(0.1, state="read")
        broker.kill()
        bob.mark_read(next(bob.messages(DEADLINE)))
        with running_broker(home, broker.endpoint):
            receipt.wait(DEADLINE, state="read")
            assert (receipt.state, [*receipt.read_by.values()]) == ("read", ["bob"])
            with pytest.raises(ClientError, match="direct messages and announcements only"):
                alice.send("*", "hear").wait(DEADLINE, state="read")
            with pytest.raises(ClientError, match="for one person"):
                receipt.wait(DEADLINE, state="read", by=2)
            loud = alice.announce("at five")
            with pytest.raises(TimeoutError, match="delivered to only 1 of 2 in time: bob"):
                loud.wait(1, state="delivered", by=2)
            with Client("bob", home=home) as phone:
                phone.share_reads(False).wait(DEADLINE)
                assert next(event for event in bob.events(DEADLINE) if isinstance(event, Sharing)) == Sharing(False)
            bob.mark_read(next(bob.messages(DEADLINE)))
            with pytest.raises(TimeoutError, match="read by nobody in time"):
                loud.wait(0.5, state="read")


def test_a_registered_person_gets_the_mail_that_came_while_away(broker: BrokerProcess) -> None:
    with Client("bob", home=broker.home, quiet=False) as bob:
        bob.wait_connected(DEADLINE)
        assert bob.register().wait(DEADLINE) > 0
        assert bob.is_registered
    with Client("alice", home=broker.home) as alice:
        alice.send("@bob", "one").wait(DEADLINE)
        alice.send("#general", "two").wait(DEADLINE)
        with Client("bob", home=broker.home, quiet=False) as bob:
            assert [next(bob.messages(DEADLINE)) for _ in range(2)][-1].missed
            alice.send("@bob", "three").wait(DEADLINE)
            live = next(bob.messages(DEADLINE))
            assert (live.body, live.missed) == ("three", False)
        with Client("bob", home=broker.home, quiet=False) as bob:
            bob.wait_connected(DEADLINE)
            alice.send("@bob", "four").wait(DEADLINE)
            assert next(bob.messages(DEADLINE)).body == "four", "nothing is shown twice"


def test_what_stands_around_a_message_is_found_also_further_on(tmp_path: Path) -> None:
    """What came after it may have many others' messages in between."""
    with running_broker(tmp_path) as broker, Client("ops", broker=broker.invite, home=tmp_path) as chat:
        chat.join("#ops").wait(DEADLINE)
        seqs = [chat.send("#ops", f"m{number}").wait(DEADLINE) for number in range(8)]
        receipts = [chat.send("#general", "noise") for _ in range(120)]
        receipts[-1].wait(DEADLINE)
        chat.send("#ops", "much later").wait(DEADLINE)
        page = chat.around("#ops", seqs[6], context=2)
        assert [message.body for message in page.messages] == ["m4", "m5", "m6", "m7"]
        assert page.before == seqs[4]
        page = chat.around("#ops", seqs[7], context=2)
        assert [message.body for message in page.messages] == ["m5", "m6", "m7", "much later"]
        assert chat.around("#ops", seqs[0], context=1).before is None
        page = chat.around("#ops", 1, context=2)  # said to nobody, before all that was said there
        assert [message.body for message in page.messages] == ["m0", "m1"]
        page = chat.around("#ops", seqs[7] + 100, context=1)  # said elsewhere
        assert [message.body for message in page.messages] == ["m6", "m7", "much later"]
