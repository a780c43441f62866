"""What docs/running.md and SECURITY.md say is so: what they name exists, and their figures are those of the code.

Their links are looked at by test_docs.
"""

from __future__ import annotations

import importlib
import re
import shlex
from types import ModuleType

import pytest

import broker.limits
from broker.cli import _parser
from broker.policy import BROKER_RULES

from .processes import TREE

RUNNING = (TREE / "docs" / "running.md").read_text("utf-8")
SECURITY = (TREE / "SECURITY.md").read_text("utf-8")
ROW = re.compile(r"^\| (?P<limit>[^|*]+) \| (?P<figure>\d[^|]*) \| `(?P<name>[\w.]+)` \| [^|]+ \|$", re.MULTILINE)
ROWS = list(ROW.finditer(RUNNING))
UNITS = {"KiB": 1024, "MiB": 1024 * 1024}
LINES = [line for block in re.findall(r"```sh\n(.*?)```", RUNNING, re.DOTALL) for line in block.splitlines()]


def numbers(figure: str) -> tuple[float, ...]:
    """What a figure says, as the code has it: 64 KiB is 65536, 1 to 30 s are two numbers."""
    unit = next((size for unit, size in UNITS.items() if figure.endswith(unit)), 1)
    return tuple(float(number.replace(",", "")) * unit for number in re.findall(r"\d[\d,.]*", figure))


def constants(module: ModuleType) -> set[str]:
    """The names of a module's figures."""
    return {name for name, value in vars(module).items() if name.isupper() and isinstance(value, int | float | tuple)}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_each_limit_is_that_of_the_code(row: re.Match[str]) -> None:
    module, _, name = row["name"].rpartition(".")
    value = getattr(importlib.import_module(module), name)
    assert numbers(row["figure"]) == (value if isinstance(value, tuple) else (value,))


def test_the_rate_is_that_of_the_rule() -> None:
    assert f"| {BROKER_RULES['rate'].default} a second | the rule `rate` |" in RUNNING


def test_no_limit_of_the_broker_is_left_out() -> None:
    told = {row["name"] for row in ROWS}
    own = constants(broker.limits) & set(re.findall(r"^(\w+) = ", (TREE / "broker" / "limits.py").read_text(), re.M))
    assert {f"broker.limits.{name}" for name in own if not name.startswith("_")} <= told


@pytest.mark.parametrize("line", [line for line in LINES if re.search(r"\bconfab-broker --data|\bconfab policy", line)])
def test_each_command_of_the_broker_exists(line: str) -> None:
    """With its options and arguments; the container's program needs no name."""
    words = shlex.split(line)
    program = max(place for place, word in enumerate(words) if word in ("confab", "confab-broker"))
    assert _parser().parse_args(words[program + 1 :]).command


def test_what_is_copied_by_hand_is_there() -> None:
    named = {word for line in LINES for word in shlex.split(line) if word.startswith("deploy/")}
    assert named == {"deploy/confab-broker.service", "deploy/Containerfile"}
    assert all((TREE / name).exists() for name in named)


def test_every_test_that_stands_for_a_promise_is_there() -> None:
    tests = "\n".join(path.read_text("utf-8") for path in (TREE / "tests").glob("test_*.py"))
    named = set(re.findall(r"`(test_\w+)`", SECURITY))
    assert len(named) > 30
    assert not [name for name in sorted(named) if f"def {name}(" not in tests]
