"""Every file in examples/ runs as it is, against a real broker."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from client import Client, Rejected

from .processes import DEADLINE, TREE, BrokerProcess, environment, running_broker

EXAMPLES = TREE / "examples"
HERE = Path(sys.executable).parent


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    with running_broker(tmp_path_factory.mktemp("home")) as broker:
        yield broker


@contextlib.contextmanager
def started(*command: str | Path, home: Path) -> Iterator[subprocess.Popen[str]]:
    """A program that follows, as it would be started in a shell with this tree's commands on the PATH."""
    process = subprocess.Popen(
        command,
        env=environment(CONFAB_HOME=str(home), PATH=f"{HERE}{os.pathsep}{os.environ['PATH']}"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # so that all of a pipe can be ended
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def line(process: subprocess.Popen[str]) -> str:
    """The next line that it prints; an empty one when nothing comes in time, after which it is no more."""
    assert process.stdout
    late = threading.Timer(DEADLINE, os.killpg, (process.pid, signal.SIGKILL))
    late.start()
    try:
        return process.stdout.readline()
    finally:
        late.cancel()


def wait_for(nick: str, chat: Client) -> None:
    """Ask until somebody of that nick is there to be asked: a quiet one joins without a word."""
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        with contextlib.suppress(Rejected):
            chat.send(f"@{nick}", "are you there?").wait(DEADLINE)
            return
    raise TimeoutError(f"{nick} never came.")


def run(*command: str | Path, home: Path) -> subprocess.CompletedProcess[str]:
    with started(*command, home=home) as process:
        out, err = process.communicate(timeout=DEADLINE)
    return subprocess.CompletedProcess(command, process.returncode, out, err)


@pytest.mark.parametrize("example", [(sys.executable, EXAMPLES / "announce.py"), (EXAMPLES / "announce.sh",)])
def test_a_command_that_ends_is_told_with_its_output_when_it_failed(
    example: tuple[str | Path, ...], broker: BrokerProcess
) -> None:
    with Client("ops", home=broker.home) as ops:
        ops.wait_connected(DEADLINE)
        heard = ops.messages(DEADLINE)
        well = run(*example, "true", home=broker.home)
        assert well.returncode == 0, well.stderr
        told = next(heard)
        assert (told.sender, told.title, told.priority) == ("ci", "Done", "low")
        ill = run(*example, "sh", "-c", "echo no space left; exit 3", home=broker.home)
        assert (ill.returncode, ill.stdout) == (3, "no space left\n"), ill.stderr
        told = next(heard)
        assert (told.title, told.priority) == ("Failed", "high")
        assert "failed with 3" in told.body
        assert (next(heard).body) == "no space left"


@pytest.mark.parametrize("example", [(sys.executable, EXAMPLES / "announce.py"), (EXAMPLES / "announce.sh",)])
def test_that_nobody_can_be_told_costs_the_command_nothing(example: tuple[str | Path, ...], tmp_path: Path) -> None:
    """The control: it says so, and the exit code is the command's."""
    ended = run(*example, "sh", "-c", "exit 3", home=tmp_path)
    assert ended.returncode == 3
    assert "told" in ended.stderr


def test_the_bot_answers_where_it_was_asked_and_nothing_else(broker: BrokerProcess) -> None:
    with (
        Client("bob", home=broker.home) as bob,
        started(sys.executable, EXAMPLES / "bot.py", home=broker.home) as bot,
    ):
        assert line(bot) == "bot answers\n"
        bob.send("#general", "is anybody there?").wait(DEADLINE)
        bob.send("#general", "bot: hello").wait(DEADLINE)
        bob.send("@bot", "load").wait(DEADLINE)
        heard = bob.messages(DEADLINE)
        assert [(each.sender, each.target, each.body[:7]) for _, each in zip(range(2), heard, strict=False)] == [
            ("bot", "#general", "I know "),
            ("bot", "@bob", "load of"),
        ]


def test_the_watcher_runs_a_command_for_what_it_looks_for(broker: BrokerProcess) -> None:
    pipe = f"confab tail --as watch --json | {sys.executable} {EXAMPLES / 'watch.py'} 'disk full' cat"
    with Client("bob", home=broker.home) as bob, started("bash", "-c", pipe, home=broker.home) as watcher:
        wait_for("watch", bob)
        bob.send("#general", "all is well").wait(DEADLINE)
        bob.send("#general", "the Disk full again; $(rm -rf /)").wait(DEADLINE)
        found = json.loads(line(watcher))
        assert (found["from"], found["body"]) == ("bob", "the Disk full again; $(rm -rf /)")


def test_the_client_written_against_the_protocol_comes_back_and_says_everything_once(tmp_path: Path) -> None:
    """Over a kill of the broker: what was typed meanwhile goes out, and the key and the device stay the same."""
    example = (sys.executable, EXAMPLES / "protocol_client.py")
    with running_broker(tmp_path) as broker, Client("ops", home=tmp_path) as ops:
        command = (*example, broker.invite, "mini", tmp_path / "mini.json")
        heard = ops.messages(DEADLINE)
        ops.wait_connected(DEADLINE)
        with started(*command, home=tmp_path) as mini:
            assert mini.stdin
            print("one", file=mini.stdin, flush=True)
            assert next(heard).sender == "mini"
            ops.send("@mini", "hello \x1b[2J").wait(DEADLINE)
            assert line(mini) == r"ops to @mini: 'hello \x1b[2J'" + "\n"
            broker.kill()
            assert mini.stderr
            assert mini.stderr.readline().startswith("The connection ended")
            print("two", file=mini.stdin, flush=True)
            with running_broker(tmp_path, broker.endpoint):
                assert next(heard).body == "two"
                mini.stdin.close()
                assert mini.wait(DEADLINE) == 0
                mini.stdin = None
                second = subprocess.run(
                    command, env=environment(), input="three\n", text=True, timeout=DEADLINE, check=False
                )
                assert second.returncode == 0
                assert next(heard).body == "three"
                said = ops.history("#general").messages
                assert [(each.sender, each.body) for each in said] == [
                    ("mini", text) for text in ("one", "two", "three")
                ]


def test_no_example_of_the_protocol_imports_ours() -> None:
    for name in ("protocol_client.py", "watch.py"):
        text = (EXAMPLES / name).read_text("utf-8")
        assert "import client" not in text
        assert "from client" not in text
        assert "messages import" not in text


def test_every_example_is_run_here() -> None:
    text = Path(__file__).read_text("utf-8")
    names = [path.name for path in EXAMPLES.iterdir() if path.is_file()]
    assert len(names) >= 5
    assert not [name for name in names if name not in text]
