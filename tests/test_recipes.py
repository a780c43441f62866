"""The recipes in docs/scripting.md run as they stand there: all of them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from client import Client

from .processes import DEADLINE, TREE, BrokerProcess, environment, running_broker
from .test_docs import blocks
from .test_examples import line, started, wait_for

SCRIPTING = (TREE / "docs" / "scripting.md").read_text("utf-8")
HERE = Path(sys.executable).parent


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    with running_broker(tmp_path_factory.mktemp("home")) as broker:
        yield broker


def recipe(words: str) -> str:
    """The one shell block of the page with these words in it."""
    [found] = [block for block in blocks("sh", SCRIPTING) if words in block]
    return found


def shell(script: str, home: Path, folder: Path, **changes: str) -> str:
    """Run a script in a folder as a person would; returns what it prints."""
    changes |= {"CONFAB_HOME": str(home), "PATH": f"{HERE}{os.pathsep}{os.environ['PATH']}"}
    run = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=environment(**changes),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
    return run.stdout


def test_cron(broker: BrokerProcess, tmp_path: Path) -> None:
    """Both lines, with the settings above them; the job itself is another."""
    [table] = blocks("crontab", SCRIPTING)
    settings = dict(re.findall(r"^(\w+)=(.*)$", table, re.MULTILINE))
    backup, standup = re.findall(r"^\d(?:\S+ +){5}(.+)$", table, re.MULTILINE)
    script = f"{backup.replace('/usr/local/bin/backup', 'echo all is saved')} && {standup}"
    with Client("ops", home=broker.home) as ops:
        ops.join("#ops").wait(DEADLINE)
        shell(script, broker.home, tmp_path, CONFAB_NICK=settings["CONFAB_NICK"])
        heard = [each for _, each in zip(range(2), ops.messages(DEADLINE), strict=False)]
        assert [(each.sender, each.body, each.priority) for each in heard] == [
            ("cron", "all is saved", ""),
            ("cron", "Stand-up in five minutes", "low"),
        ]


def test_ci(broker: BrokerProcess, tmp_path: Path) -> None:
    """The key that was exported speaks in a job with an empty home, which only has the invite."""
    shell(recipe("confab id export"), broker.home, tmp_path)
    [key] = tmp_path.iterdir()
    job = tmp_path / "job"
    job.mkdir()
    about = {"CONFAB_BROKER": broker.invite, "CONFAB_KEY": key.read_text("utf-8"), "STATUS": "failure", "BUILD": "7"}
    with Client("ops", home=broker.home) as ops:
        ops.wait_connected(DEADLINE)
        shell(recipe("confab id import"), job / "home", job, **about)
        told = next(ops.messages(DEADLINE))
        assert (told.sender, told.title, told.priority, told.body) == ("ci", "CI", "high", "build 7: failure")
    assert not (job / "ci.key").exists()


def test_git_hook(broker: BrokerProcess, tmp_path: Path) -> None:
    """A branch that is new, one that moved, and one that was removed."""
    setup = """
        git init -q --bare there && cat >there/hooks/post-receive && chmod +x there/hooks/post-receive
        git init -q here && cd here && git remote add there ../there
        git config user.name bob && git config user.email bob@example.org
    """
    hook = recipe("while read -r old new ref")
    subprocess.run(["bash", "-ec", setup], cwd=tmp_path, input=hook, text=True, check=True, timeout=DEADLINE)
    script = """
        set -e
        git commit -q --allow-empty -m 'first; $(false)' && git push -q there HEAD:main
        git commit -q --allow-empty -m second && git push -q there HEAD:main
        git push -q there HEAD:old && git push -q there :old
    """
    with Client("ops", home=broker.home) as ops:
        ops.wait_connected(DEADLINE)
        shell(script, broker.home, tmp_path / "here")
        said = [each.body for _, each in zip(range(4), ops.messages(DEADLINE), strict=False)]
    commit = r"[0-9a-f]{7,} bob: "
    assert re.fullmatch(rf"main is new:\n{commit}first; \$\(false\)\n?", said[0])
    assert re.fullmatch(rf"main:\n{commit}second\n?", said[1])
    assert said[2].startswith("old is new:")
    assert said[3].rstrip() == "old was removed"


def test_the_end_of_a_long_command(broker: BrokerProcess, tmp_path: Path) -> None:
    once = recipe("sleep 1").replace("sleep 1", "true")
    always = f"{recipe('told() {')}\nbob='it is'\ntold test a = b; test $? = 1"
    with Client("bob", home=broker.home) as bob:
        bob.wait_connected(DEADLINE)
        shell(f"{once}\n{always}", broker.home, tmp_path)
        said = [each.body for _, each in zip(range(2), bob.messages(DEADLINE), strict=False)]
    assert said == ["that is done, with exit code 0", "test a = b ended with 1"]


def test_when_somebody_has_seen_it(broker: BrokerProcess, tmp_path: Path) -> None:
    """What stands behind it runs once three people have read it, and not when there are two."""
    script = recipe("--wait read:3")
    (tmp_path / "deploy").write_text("#!/bin/sh\necho deployed\n", "utf-8")
    (tmp_path / "deploy").chmod(0o700)
    with ExitStack() as there, ThreadPoolExecutor() as screens:
        people = [
            there.enter_context(Client(nick, home=broker.home, quiet=False)) for nick in ("alice", "bob", "carol")
        ]
        for each in people:
            each.wait_connected(DEADLINE)
        seen = [screens.submit(see, each) for each in people]
        assert shell(script, broker.home, tmp_path) == "deployed\n"
        seen += [screens.submit(see, each) for each in people[:2]]
        assert shell(f"{{ {script.replace('600', '1')} }} 2>/dev/null; test $? = 7", broker.home, tmp_path) == ""
        assert [each.result(DEADLINE) for each in seen] == [None] * 5


def see(chat: Client) -> None:
    """Show the next message to its person."""
    chat.mark_read(next(chat.messages(DEADLINE)))


@pytest.mark.skipif(not shutil.which("jq"), reason="jq is not here")
def test_what_is_urgent(broker: BrokerProcess) -> None:
    """The line that follows prints what is urgent, at once, and nothing else."""
    follow = next(line for line in recipe("general.jsonl").splitlines() if "tail" in line)
    with Client("ops", home=broker.home) as ops, started("bash", "-c", follow, home=broker.home) as process:
        wait_for("ci", ops)
        ops.announce("lunch", priority="low").wait(DEADLINE)
        ops.announce("it burns", priority="urgent").wait(DEADLINE)
        assert line(process) == "it burns\n"


def test_logging_and_json(broker: BrokerProcess, tmp_path: Path) -> None:
    """What a program logs stands in the history, one object a line."""
    [program] = blocks("python", SCRIPTING)
    env = environment(CONFAB_HOME=str(broker.home))
    subprocess.run([sys.executable, "-c", program], env=env, check=True, timeout=DEADLINE, capture_output=True)
    history = next(line for line in recipe("general.jsonl").splitlines() if "history" in line)
    shell(history, broker.home, tmp_path)
    assert '"body": "the queue is 1000 deep"' in (tmp_path / "general.jsonl").read_text("utf-8")
