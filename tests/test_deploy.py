"""The unit and the container in deploy/: what they name exists, and what they keep the broker from stays so.

Neither is started here: there may be no systemd, and no engine. systemd-analyze reads the unit where it is installed.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from broker.cli import _parser
from messages import DEFAULT_PORT

from .processes import DEADLINE, TREE, environment

UNIT = TREE / "deploy" / "confab-broker.service"
CONTAINER = (TREE / "deploy" / "Containerfile").read_text("utf-8")
MOST_EXPOSURE = 15  # tenths of systemd's 10.0; what is left is the network, which the broker serves
PORT = f"tcp://0.0.0.0:{DEFAULT_PORT}"

needs_analyze = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not here")


def unit() -> dict[str, list[str]]:
    """The settings of the unit; one that is given several times has several values."""
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r"^(\w+)=(.*)$", UNIT.read_text("utf-8"), re.MULTILINE):
        found.setdefault(name, []).append(value)
    return found


def container() -> list[tuple[str, str]]:
    """The instructions of the Containerfile and what stands behind each, lines joined, comments left out."""
    lines = re.sub(r"^#.*\n", "", CONTAINER, flags=re.MULTILINE).replace("\\\n", " ").splitlines()
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in lines if line]


def values(instruction: str) -> list[str]:
    return [value for name, value in container() if name == instruction]


def analyze(path: Path) -> int:
    """The exit code of systemd-analyze for this unit."""
    command = ["systemd-analyze", "security", "--offline=true", f"--threshold={MOST_EXPOSURE}", str(path)]
    run = subprocess.run(command, env=environment(), capture_output=True, timeout=DEADLINE, check=False)
    return run.returncode


@needs_analyze
def test_the_unit_is_hardened() -> None:
    """systemd-analyze finds its exposure low."""
    assert analyze(UNIT) == 0


@needs_analyze
def test_without_its_system_call_filter_it_would_not_be(tmp_path: Path) -> None:
    """The control."""
    text = UNIT.read_text("utf-8")
    weaker = tmp_path / UNIT.name
    weaker.write_text(re.sub(r"^SystemCallFilter=.*\n", "", text, flags=re.MULTILINE), "utf-8")
    assert analyze(weaker) != 0


def test_the_unit_starts_the_broker_with_options_it_has() -> None:
    [start] = unit()["ExecStart"]
    program, *arguments = shlex.split(start)
    found = _parser().parse_args(arguments)
    assert Path(program).name == "confab-broker"
    assert (found.command, found.bind, found.log_format) == (None, [PORT], "json")
    assert found.data == f"/var/lib/{unit()['StateDirectory'][0]}"


def test_the_unit_brings_the_broker_back_whatever_ends_it() -> None:
    """Without a limit after which it stays down; but not for wrong options, which do not mend themselves."""
    settings = unit()
    assert settings["Restart"] == ["on-failure"]
    assert settings["StartLimitIntervalSec"] == ["0"]
    with pytest.raises(SystemExit) as usage:
        _parser().parse_args(["--no-such-option"])
    assert settings["RestartPreventExitStatus"] == [str(usage.value.code)]


def test_the_unit_leaves_libzmq_what_it_aborts_without() -> None:
    """It lists the interfaces when it binds, and sets its threads' scheduling: refused, either ends the process."""
    settings = unit()
    assert "AF_NETLINK" in settings["RestrictAddressFamilies"][0].split()
    assert settings["SystemCallFilter"][-1].split() == ["sched_setscheduler"]  # behind what takes @resources away


def test_the_container_copies_what_there_is_and_all_that_the_wheel_is_made_of() -> None:
    copied = [source for value in values("COPY") if "--from" not in value for source in shlex.split(value)[:-1]]
    project = tomllib.loads((TREE / "pyproject.toml").read_text("utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    needed = {"pyproject.toml", project["project"]["readme"], *project["project"]["license-files"], *wheel}
    assert set(copied) == needed
    assert all((TREE / source).exists() for source in copied)
    extras = project["project"]["optional-dependencies"]
    assert all(extra in extras for value in values("RUN") for extra in re.findall(r'"(?:\.|confab)\[(\w+)\]"', value))


def test_the_container_starts_the_broker_with_options_it_has() -> None:
    project = tomllib.loads((TREE / "pyproject.toml").read_text("utf-8"))
    [program], arguments = json.loads(values("ENTRYPOINT")[0]), json.loads(values("CMD")[0])
    assert program in project["project"]["scripts"]
    found = _parser().parse_args(arguments)
    assert (found.command, found.bind, found.log_format) == (None, [PORT], "json")
    [health] = values("HEALTHCHECK")
    asked, *question = json.loads(health.partition(" CMD ")[2])
    assert asked == program
    assert _parser().parse_args(question).command == "policy"


def test_the_container_runs_as_nobody_special_keeps_its_data_and_says_its_ports() -> None:
    user, _, group = values("USER")[0].partition(":")
    assert int(user) > 0
    assert int(group) > 0
    [data] = values("VOLUME")
    settings = dict(pair.split("=", 1) for value in values("ENV") for pair in shlex.split(value))
    assert settings["CONFAB_HOME"] == data
    assert settings["PATH"].split(":")[0] == "/opt/confab/bin"
    assert values("EXPOSE") == [f"{DEFAULT_PORT}/tcp", f"{DEFAULT_PORT}/udp"]
    assert values("STOPSIGNAL") == ["SIGTERM"]
    assert [value.split()[0] for value in values("FROM")] == ["python:3.12-slim"] * 2
