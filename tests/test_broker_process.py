"""The broker as a process: how it starts, refuses to, and ends; what survives a kill; who cannot disturb it."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import random
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import zmq

from client import Client
from messages import (
    Accepted,
    Announce,
    Closed,
    Grant,
    History,
    HistoryPage,
    Home,
    Join,
    Local,
    Message,
    Post,
    Presence,
    Rejected,
    Welcome,
    encode_commands,
    parse_address,
    parse_key,
)

from .dealer import Dealer
from .processes import DEADLINE, TREE, BrokerProcess, environment, free_endpoint, running_broker


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    """A broker for all tests that must leave it as they found it."""
    with running_broker(tmp_path_factory.mktemp("shared")) as broker:
        yield broker


@contextlib.contextmanager
def people(broker: BrokerProcess, *names: str) -> Iterator[list[Dealer]]:
    """These people, connected and welcomed, who have heard of each other's coming."""
    with contextlib.ExitStack() as stack:
        dealers = [stack.enter_context(Dealer(broker.invite, name)) for name in names]
        for dealer in dealers:
            assert isinstance(dealer.hello(), Welcome)
        for dealer in dealers:
            dealer.barrier()
        yield dealers


_names = itertools.count()


def unused() -> str:
    """A nick that nobody had before."""
    return f"canary{next(_names)}"


def serves(broker: BrokerProcess) -> None:
    """Someone new comes in and is answered."""
    with Dealer(broker.invite, unused()) as canary:
        assert isinstance(canary.hello(), Welcome)
        assert canary.accepted(Post(1, "*", "sing"))


def start(*arguments: str | Path) -> subprocess.Popen[str]:
    """`confab-broker` with these arguments."""
    return subprocess.Popen(
        [sys.executable, "-m", "broker", *map(str, arguments)],
        cwd=TREE,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# --- it starts -------------------------------------------------------------------------------------------------------


def test_once_it_says_that_it_listens_it_does_and_its_files_are_private(shared):
    serves(shared)
    folder = Home(shared.home).broker
    assert mode(folder) == 0o700
    assert {path.name: oct(mode(path)) for path in folder.iterdir() if mode(path) & 0o077} == {}
    local = json.loads((folder / "local.json").read_text())
    assert Local(**local) == Local(local["key"], [shared.endpoint])
    assert parse_address(shared.invite).key == parse_key(local["key"])
    assert local["key"] not in (folder / "key.json").read_text()


# --- it refuses to start ---------------------------------------------------------------------------------------------


def content(folder: Path) -> dict[str, bytes]:
    """Every file below a folder; SQLite's own scratch files aside."""
    scratch = ("-shm", "-wal")
    return {str(p): p.read_bytes() for p in folder.rglob("*") if p.is_file() and not p.name.endswith(scratch)}


def made(home: Path) -> Path:
    """A home in which a broker has run; returns the broker's folder."""
    from broker.keys import load_or_make
    from broker.log import Log

    folder = Home(home).broker
    folder.mkdir(parents=True)
    load_or_make(folder / "key.json")
    Log(folder / "log.db").close()
    (folder / "lock").touch()
    return folder


def key_of_another(home: Path) -> bytes:
    """A key file whose two halves are of two pairs."""
    pairs = [json.loads((made(home / name) / "key.json").read_text()) for name in "ab"]
    return json.dumps({"public": pairs[0]["public"], "secret": pairs[1]["secret"]}).encode()


def newer(folder: Path) -> None:
    with sqlite3.connect(folder / "log.db") as db:
        db.execute("PRAGMA user_version=99")
    db.close()


REFUSALS = {  # name → what the sentence must say
    "folder in use": "Another broker is using",
    "port in use": "in use by another process",
    "no address": "Cannot listen on",
    "no such address": "Cannot listen on",
    "plain where others reach it": "With --plain nothing is encrypted",
    "socket in use": "in use by another process",
    "file in place of the socket": "no socket",
    "key garbage": "is damaged",
    "key empty": "is damaged",
    "key of two pairs": "is damaged",
    "key a folder": "cannot be read or made",
    "below a file": "cannot be used",
    "log garbage": "cannot be opened",
    "log newer": "format 99",
    "log gone": "is gone, and with it all that was said. Restore a backup",
    "log empty": "is empty, and with it all that was said. Restore a backup",
    "log of nothing": "holds nothing",
    "log a folder": "cannot be opened",
    "damaged entries": "it is not what was committed",
}


@pytest.fixture(scope="module")
def refusals(tmp_path_factory: pytest.TempPathFactory, shared: BrokerProcess) -> Iterator[dict[str, tuple]]:
    """All the starts that must fail, at the same time: name → process, home, and what lay there before."""
    top = tmp_path_factory.mktemp("refusals")
    homes = {name: top / name.replace(" ", "-") for name in REFUSALS}
    binds = dict.fromkeys(REFUSALS, ("--bind", "tcp://127.0.0.1:*"))
    for name, home in homes.items():
        folder = made(home)
        key, log = folder / "key.json", folder / "log.db"
        match name:
            case "folder in use":
                homes[name] = shared.home
            case "port in use":
                binds[name] = ("--bind", shared.endpoint)
            case "no address":
                binds[name] = ("--bind", "nowhere")
            case "no such address":
                binds[name] = ("--bind", "tcp://192.0.2.1:5577")
            case "plain where others reach it":
                binds[name] = ("--plain", *binds[name], "--bind", "tcp://0.0.0.0:*")
            case "socket in use":
                taken = socket.socket(socket.AF_UNIX)
                taken.bind(str(top / "taken"))
                taken.listen()
                binds[name] = ("--bind", f"ipc://{top / 'taken'}")
            case "file in place of the socket":
                (home / "letter").write_text("dear")
                binds[name] = ("--bind", f"ipc://{home / 'letter'}")
            case "key garbage":
                key.write_bytes(b"\x00\xff garbage")
            case "key empty":
                key.write_bytes(b"")
            case "key of two pairs":
                key.write_bytes(key_of_another(top / "pairs"))
            case "key a folder":
                key.unlink()
                key.mkdir()
            case "below a file":
                (top / "file").write_text("x")
                homes[name] = top / "file" / "home"
            case "log garbage":
                log.write_bytes(b"This is no log. " * 1000)
            case "log newer":
                newer(folder)
            case "log gone":
                log.unlink()
            case "log empty":
                log.write_bytes(b"")
            case "log of nothing":  # as when its write-ahead log is gone before it was moved into it
                log.unlink()
                with sqlite3.connect(log) as db:
                    db.execute("PRAGMA auto_vacuum=INCREMENTAL")
                    db.execute("PRAGMA journal_mode=WAL")
                db.close()
            case "log a folder":
                log.unlink()
                log.mkdir()
            case "damaged entries":
                with sqlite3.connect(log) as db:
                    db.execute("INSERT INTO segment VALUES (1, 1, 0, x'c1', x'00')")
                db.close()
    before = {name: content(home) for name, home in homes.items() if home != shared.home}
    running = {name: start("--data", homes[name], *binds[name]) for name in REFUSALS}
    yield {name: (*process.communicate(timeout=DEADLINE), process.returncode) for name, process in running.items()} | {
        "before": before,
        "homes": homes,
    }
    taken.close()


@pytest.mark.parametrize("name", REFUSALS)
def test_a_start_that_cannot_be_says_one_sentence_and_touches_nothing(refusals, name):
    out, err, code = refusals[name]
    assert (code, out) == (1, "")
    assert REFUSALS[name] in err
    assert err.startswith("confab-broker: ")
    assert err.endswith(".\n")
    assert err.count("\n") == 1
    if name in refusals["before"]:
        assert refusals["before"][name].items() <= content(refusals["homes"][name]).items()


def test_a_first_start_that_was_killed_before_it_had_a_key_needs_no_hand(tmp_path):
    """The log is made first, so that a key without a log is never a first start's."""
    folder = made(tmp_path)
    (folder / "key.json").unlink()
    with running_broker(tmp_path):
        assert (folder / "key.json").exists()


def test_the_broker_whose_port_and_folder_were_wanted_did_not_notice(refusals, shared):
    serves(shared)


# --- it ends ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_tells_everyone_commits_what_came_and_ends_well(tmp_path, number):
    with running_broker(tmp_path) as broker, people(broker, "alice", "bob") as (alice, bob):
        alice.put(*(Post(n, "#general", str(n)) for n in range(1, 51)))
        alice.wait(Accepted)
        broker.process.send_signal(number)
        for dealer in (alice, bob):
            assert dealer.wait(Closed) == Closed("the operator", number.name)
            dealer.is_cut()
        assert broker.process.wait(DEADLINE) == 0
        assert [event.body for event in bob.events if isinstance(event, Message)] == [str(n) for n in range(1, 51)]
        keys = alice.keys
    with running_broker(tmp_path, broker.endpoint) as again, Dealer(again.invite, "alice", keys=keys) as alice:
        assert alice.hello().last_number == 50
        page = alice.ask(History(51, "#general", 100))
        assert [item.body for item in page.items] == [str(n) for n in range(1, 51)]


def test_what_is_on_its_way_when_it_ends_is_stored_if_it_was_accepted_and_once(tmp_path):
    """A sender goes on while the signal comes."""
    with running_broker(tmp_path) as broker, people(broker, "alice") as [alice]:
        accepted: set[int] = set()
        for start_ in range(1, 20_000, 100):
            with contextlib.suppress(AssertionError, zmq.ZMQError):
                alice.put(*(Post(n, "*", str(n)) for n in range(start_, start_ + 100)))
            if start_ == 5001:
                alice.until(lambda: any(isinstance(event, Accepted) for event in alice.events), "the first answer")
                broker.process.send_signal(signal.SIGTERM)
            alice.read()
            if alice.cut:
                break
        alice.is_cut()
        assert broker.process.wait(DEADLINE) == 0
        for event in alice.events:
            if isinstance(event, Accepted):
                accepted |= set(range(event.number, event.number + event.count))
        assert accepted == set(range(1, max(accepted) + 1))
        keys = alice.keys
    with running_broker(tmp_path, broker.endpoint) as again, Dealer(again.invite, "alice", keys=keys) as alice:
        last = alice.hello().last_number
        assert last >= max(accepted)
        page = alice.ask(History(last + 1, "*", 500))
        assert [item.body for item in page.items] == [str(n) for n in range(last - 499, last + 1)]


# --- it is killed ----------------------------------------------------------------------------------------------------


def test_a_kill_loses_nothing_that_was_accepted_and_a_retry_is_known(tmp_path):
    with running_broker(tmp_path) as broker, people(broker, "alice", "bob") as (alice, bob):
        seq = alice.accepted(Post(1, "@bob", "first"))
        alice.accepted(Join(2, "#ops"))
        cursor = max(event.seq for event in bob.barrier() if isinstance(event, Message))
        alice.put(*(Post(n, "@bob", str(n)) for n in range(3, 103)))
        alice.wait(Accepted, lambda event: event.number + event.count == 103)
        broker.kill()
        alice.is_cut(), bob.is_cut()
        keys = alice.keys, bob.keys
    with (
        running_broker(tmp_path, broker.endpoint) as again,
        Dealer(again.invite, "mallory") as mallory,
        Dealer(again.invite, "alice", keys=keys[0]) as alice,
        Dealer(again.invite, "bob", keys=keys[1]) as bob,
    ):
        assert again.invite == broker.invite
        assert mallory.hello(nick="alice").code == "nick_taken"
        welcome = alice.hello(nick="another")
        assert (welcome.nick, welcome.resumed, welcome.last_number) == ("alice", True, 102)
        assert sorted(welcome.rooms) == ["#general", "#ops"]
        assert alice.accepted(Post(1, "@bob", "first")) == seq
        alice.put(*(Post(n, "@bob", str(n)) for n in range(90, 110)))
        alice.wait(Accepted, lambda event: event.number + event.count == 110)
        bob.hello(after=cursor)
        said = [event.body for event in bob.barrier() + bob.barrier() if isinstance(event, Message)]
        assert said == [str(n) for n in range(3, 110)]


# --- where it listens ------------------------------------------------------------------------------------------------


def has_ipv6() -> bool:
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::1", 0))
        return True
    return False


def test_it_listens_on_several_endpoints_and_each_invite_works(tmp_path):
    more = ["--bind", f"ipc://{tmp_path}/a.sock", "--bind", "tcp://127.0.0.1:*"]
    more += ["--bind", "tcp://[::1]:*"] if has_ipv6() else []
    with running_broker(tmp_path / "home", f"ipc://{tmp_path}/b.sock", *more) as broker:
        invites = broker.told("listening")["invites"]
        assert len(invites) == 2 + len(more) // 2 - 1
        assert mode(tmp_path / "a.sock") & 0o077 == 0
        with contextlib.ExitStack() as stack:
            dealers = [
                stack.enter_context(Dealer(invite, f"n{index}", ipv6="[" in invite))
                for index, invite in enumerate(invites)
            ]
            for dealer in dealers:
                assert isinstance(dealer.hello(), Welcome), dealer.name
            for dealer in dealers:
                dealer.accepted(Post(1, "*", dealer.name))
            for dealer in dealers:
                heard = [event.body for event in dealer.barrier() if isinstance(event, Message)]
                assert heard == [other.name for other in dealers if other is not dealer]
        assert broker.run("grant", "n0", "admin") == "n0 is admin now.\n"
    assert broker.process.returncode == 0
    with running_broker(tmp_path / "home", f"ipc://{tmp_path}/b.sock") as broker:  # the sockets' files were left behind
        serves(broker)


@pytest.mark.skipif(not has_ipv6(), reason="there is no IPv6 here")
def test_client_and_operator_find_it_by_ipv6(tmp_path):
    with running_broker(tmp_path, "tcp://[::1]:*") as broker, Client("alice", home=tmp_path) as alice:
        alice.wait_connected(DEADLINE)
        assert broker.run("grant", "alice", "admin") == "alice is admin now.\n"


# --- what it tells ---------------------------------------------------------------------------------------------------


def test_its_json_log_is_json_only_and_holds_no_private_word(tmp_path):
    with running_broker(tmp_path) as broker, people(broker, "alice", "bob") as (alice, bob):
        alice.accepted(Post(1, "@bob", "sesame"))
        alice.accepted(Announce(2, "@bob", "sesame", "sesame"))
        alice.accepted(Post(3, "#general", "sesame"))
        alice.accepted(Announce(4, "*", "Deploy\nat \x1b[31mfive\u202e", "CI"))
        alice.put(["post", 5, "@bob", {"sesame": 1}], ["sesame", 6], ["announce", 7, "@bob", "b", "t", "sesame"])
        bob.barrier(), alice.barrier()
    assert all(isinstance(json.loads(line), dict) for line in broker.output)
    assert all(line.isascii() and line.isprintable() for line in map(str.rstrip, broker.output))
    assert [line["event"] for line in broker.lines][:3] == ["listening", "joined", "joined"]
    assert [line["who"] for line in broker.lines if line["event"] == "announcement"] == ["alice"]
    assert "sesame" not in "".join(broker.output)


def test_its_log_for_people_is_one_harmless_line_an_event(tmp_path):
    process = start("--data", tmp_path, "--bind", endpoint := free_endpoint())
    try:
        listening = iter(process.stdout.readline, "")
        invite = next(line.strip() for line in listening if line.strip().startswith("confab://"))
        with Dealer(invite, "alice") as alice:
            alice.hello(client="evil\x1b]0;title\x07\nclient")
            alice.accepted(Announce(1, "*", "one\ntwo \x1b[31mred\u202e", "a\tb"))
            alice.ask(Join(2, "#\x1b[2J"))
        process.send_signal(signal.SIGTERM)
        lines = [line for line in process.communicate(timeout=DEADLINE)[0].splitlines() if line]
    finally:
        process.kill()
    assert endpoint.removeprefix("tcp://") in invite
    assert [line.split()[1] for line in lines] == ["joined", "announcement", "refused", "lost", "down"] or [
        line.split()[1] for line in lines
    ] == ["joined", "announcement", "refused", "down"]
    assert all(line.isprintable() and "\u202e" not in line for line in lines)
    assert "one⏎two" in lines[1]


def test_when_nobody_reads_its_log_any_more_the_chat_goes_on(tmp_path):
    process = start("--data", tmp_path, "--bind", free_endpoint(), "--log-format", "json")
    try:
        invite = json.loads(process.stdout.readline())["invites"][0]
        process.stdout.close()
        for name in ("alice", "bob"):  # each a line
            with Dealer(invite, name) as dealer:
                assert isinstance(dealer.hello(), Welcome)
                dealer.accepted(Announce(1, "*", "is anybody there?"))
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE) == 0
        assert process.stderr.read() == ""
    finally:
        process.kill()
        process.wait(DEADLINE)
        process.stderr.close()


def test_when_the_reader_of_its_log_stops_reading_the_chat_goes_on_and_lines_are_counted(tmp_path):
    """Each message to nobody is a line of the log, up to some hundreds in a tick: more than the pipe and we keep."""
    start("policy", "rate", "off", "--data", tmp_path).communicate(timeout=DEADLINE)
    process = start("--data", tmp_path, "--bind", free_endpoint(), "--log-format", "json")
    try:
        with Dealer(json.loads(process.stdout.readline())["invites"][0]) as dealer:
            assert isinstance(dealer.hello(), Welcome)
            for start_ in range(1, 30 * 1000, 1000):
                dealer.put(*(Post(number, f"@nobody{'x' * 100}", "?") for number in range(start_, start_ + 1000)))
                dealer.barrier()
            process.send_signal(signal.SIGTERM)
            lines = [json.loads(line) for line in process.stdout]
        assert process.wait(DEADLINE) == 0
        [missed] = [line["text"] for line in lines if "lines were not written" in line.get("text", "")]
        assert int(missed.split()[0].replace(",", "")) > 1000
        assert lines[-1]["event"] == "down" or lines[-1]["text"] == missed
    finally:
        process.kill()
        process.wait(DEADLINE)
        process.stdout.close()
        process.stderr.close()


# --- admins ----------------------------------------------------------------------------------------------------------


def test_admins_are_made_and_unmade_while_it_runs_and_while_it_does_not(tmp_path):
    def may(dealer: Dealer, number: int) -> bool:
        return isinstance(dealer.ask(Grant(number, "bob", "member")), Accepted)

    with running_broker(tmp_path) as broker, people(broker, "alice", "bob") as (alice, bob):
        assert not may(alice, 1)
        assert broker.run("grant", "Alice", "admin") == "Alice is admin now.\n"
        assert may(alice, 2)
        assert not may(bob, 1)
        assert broker.run("grant", "alice", "guest") == "alice is guest now.\n"
        assert not may(alice, 3)
        for refused, why in (("nobody", "Nobody called nobody is known"), ("a b", "Nobody called a b is known")):
            with pytest.raises(subprocess.CalledProcessError) as caught:
                broker.run("grant", refused, "admin")
            assert why in caught.value.stderr
        keys = alice.keys
    assert broker.run("grant", "alice", "admin") == "alice is admin now.\n", "the broker is stopped now"
    with running_broker(tmp_path, broker.endpoint) as again, Dealer(again.invite, "alice", keys=keys) as alice:
        assert alice.hello().role == "admin"
        assert may(alice, 4)


def test_where_no_broker_ever_ran_there_is_nobody_to_make_an_admin(tmp_path):
    process = start("--data", tmp_path / "empty", "grant", "alice", "admin")
    out, err = process.communicate(timeout=DEADLINE)
    assert (process.returncode, out) == (1, "")
    assert "There is no broker's data" in err
    assert not (tmp_path / "empty").exists()


# --- who cannot disturb it -------------------------------------------------------------------------------------------

GREETING = b"\xff\0\0\0\0\0\0\0\1\x7f\3\1CURVE".ljust(33 + 31, b"\0")  # a ZMTP greeting, whole
GARBAGE = {
    "nothing": b"",
    "text": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "tls": bytes.fromhex("16030100a5010000a10303") + bytes(range(150)),
    "half a greeting": GREETING[:20],
    "a greeting and no more": GREETING,
    "a greeting and garbage": GREETING + b"\x04\xff" * 500,
    "a greeting and half a hello": GREETING + b"\x04\xc8\x05HELLO\1\0" + bytes(50),
    "a huge frame": GREETING + b"\x06" + b"\xff" * 8,
    "null": GREETING[:12] + b"NULL".ljust(52, b"\0") + b"\x04\x19\x05READY\x0bSocket-Type\0\0\0\x06DEALER",
}


@pytest.mark.parametrize("name", GARBAGE)
def test_whatever_comes_from_a_raw_connection_others_are_served(shared, name):
    where = urlsplit(shared.endpoint)
    with people(shared, unused()) as [canary]:
        with contextlib.ExitStack() as stack:
            for _ in range(5):
                one = stack.enter_context(socket.create_connection((where.hostname, where.port), timeout=5))
                with contextlib.suppress(ConnectionError):
                    one.sendall(GARBAGE[name])
            assert canary.accepted(Post(1, "*", "while they are there"))
        assert canary.accepted(Post(2, "*", "when they are gone"))


def test_random_bytes_before_and_after_the_handshake_change_nothing(shared):
    rng = random.Random(2)
    where = urlsplit(shared.endpoint)
    with people(shared, unused(), unused()) as (canary, noise):
        for number in range(1, 101):
            with socket.create_connection((where.hostname, where.port), timeout=5) as one, contextlib.suppress(OSError):
                one.sendall(rng.choice((b"", GREETING)) + rng.randbytes(rng.randrange(300)))
            noise.raw(*(rng.randbytes(rng.randrange(200)) for _ in range(rng.choice((1, 1, 1, 2, 5)))))
            good = encode_commands([Post(number, f"@{canary.name}", str(number)), Join(number, "#room")])
            noise.raw(bytes(byte if rng.random() > 0.02 else rng.randrange(256) for byte in good))
        assert canary.accepted(Post(1, f"@{noise.name}", "still here"))
        noise.barrier()


def test_thousands_of_connections_that_come_and_go_do_not_freeze_it(shared):
    """Each makes events in the monitor, which freezes the ROUTER when it is not drained."""
    where = urlsplit(shared.endpoint)
    with people(shared, unused()) as [canary]:
        for _ in range(3000):
            socket.create_connection((where.hostname, where.port), timeout=5).close()
        assert canary.accepted(Post(1, "*", "still here"))
    serves(shared)


CROWD = """
import sys
from tests.dealer import Dealer
crowd = [Dealer(sys.argv[1], f"c{sys.argv[2]}-{n}") for n in range(int(sys.argv[3]))]
for dealer in crowd:
    dealer.hello()
print("here", flush=True)
sys.stdin.read()
"""


def crowd(broker: BrokerProcess, number: int, size: int) -> subprocess.Popen[str]:
    """So many clients in a process of their own, all of them welcomed."""
    process = subprocess.Popen(
        [sys.executable, "-c", CROWD, broker.invite, str(number), str(size)],
        cwd=TREE,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "here\n"
    return process


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate(timeout=DEADLINE)


def test_a_crowd_that_is_killed_is_noticed_at_once_and_leaves_no_descriptor(shared):
    def open_now() -> int:
        return len(os.listdir(f"/proc/{shared.process.pid}/fd"))

    with people(shared, "watch") as [watch]:
        before = open_now()
        for number in range(2):
            process = crowd(shared, number, 100)
            assert open_now() >= before + 80
            began = time.monotonic()
            end(process)
            lost: set[str] = set()
            while len(lost) < 100:
                lost.add(watch.wait(Presence, lambda event: event.what == "lost").nick)
            assert time.monotonic() - began < 5, "by their connections, not by their silence"
            assert lost == {f"c{number}-{n}" for n in range(100)}
        for _ in range(1000):
            watch.barrier()
            if open_now() <= before + 2:
                break
        assert open_now() <= before + 2


def test_it_stays_within_its_descriptors_and_serves_those_inside(tmp_path):
    """A broker which may open 200 has 300 connections, of strangers who say nothing."""
    endpoint = free_endpoint()
    where = urlsplit(endpoint)
    limited = "import resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200))\n"
    limited += "from broker.cli import main; sys.exit(main(sys.argv[1:]))"
    process = subprocess.Popen(
        [sys.executable, "-c", limited, "--data", tmp_path, "--bind", endpoint, "--log-format", "json"],
        cwd=TREE,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        invite = json.loads(process.stdout.readline())["invites"][0]
        drain = threading.Thread(target=process.stdout.read, daemon=True)
        drain.start()
        with Dealer(invite, "alice") as alice, contextlib.ExitStack() as stack:
            alice.hello()
            for _ in range(300):
                stack.enter_context(socket.create_connection((where.hostname, where.port), timeout=5))
            assert alice.accepted(Post(1, "*", "still inside"))
        with Dealer(invite, "bob") as bob:
            assert isinstance(bob.hello(), Welcome)
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE) == 0
        drain.join(DEADLINE)
    finally:
        process.kill()
        process.wait(DEADLINE)
        process.stdout.close()


def test_a_private_history_stays_private_over_a_real_socket(shared):
    with people(shared, "ann", "ben", "eve") as (ann, ben, eve):
        ann.accepted(Post(1, "@ben", "secret"))
        page = ben.ask(History(1, "@ann"))
        assert isinstance(page, HistoryPage)
        assert [item.body for item in page.items] == ["secret"]
        assert eve.ask(History(1, "@ann")).items == eve.ask(History(2, "@ben")).items == []
        assert [event for event in eve.barrier() if isinstance(event, Message)] == []


def test_nobody_takes_the_nick_or_the_session_of_another(shared):
    with people(shared, "ida") as [ida], Dealer(shared.invite, "ida") as thief:
        assert isinstance(thief.hello(), Rejected)
        assert thief.ask(Post(1, "*", "I am ida")).code == "hello_first"
        assert ida.accepted(Post(1, "@ida", "I am"))
        assert [event.body for event in ida.barrier() if isinstance(event, Message)] == ["I am"]


@pytest.mark.parametrize("bind", ["udp://127.0.0.1:1", "tcp://127.0.0.1:70000", "nonsense://"])
def test_an_endpoint_that_is_none_is_a_wrong_option(tmp_path, bind):
    """Which a supervisor does not try again."""
    process = start("--data", tmp_path, "--bind", bind)
    process.communicate(timeout=DEADLINE)
    assert process.returncode == 2
    assert not list(tmp_path.iterdir())
