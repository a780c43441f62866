"""messages/PROTOCOL.md says what the code says: limits, codes, fields, bytes; and its client works as written."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

import messages
from client import Client
from messages import DISMISSING, Code, Post, Who, decode_commands, encode_commands

from .processes import DEADLINE, TREE, environment, running_broker

TEXT = (TREE / "messages" / "PROTOCOL.md").read_text("utf-8")


def section(heading: str) -> str:
    """What stands below a heading, up to the next one of the same or a higher level."""
    level = len(heading.split(" ", 1)[0])
    found = re.search(rf"^{re.escape(heading)}\n(.*?)(?=^#{{1,{level}}} |\Z)", TEXT, re.MULTILINE | re.DOTALL)
    assert found, heading
    return found[1]


def rows(heading: str) -> list[list[str]]:
    """The cells of the first column's words and of the rest, for every table below a heading."""
    lines = re.findall(r"^\| *(`.*)\|$", section(heading), re.MULTILINE)
    return [[cell.strip().strip("`") for cell in line.split(" | ")] for line in lines]


def structs(base: type) -> dict[str, type[msgspec.Struct]]:
    """The wire's structs by their names on the wire."""
    found = [each for each in vars(messages).values() if isinstance(each, type) and issubclass(each, base)]
    return {str(each.__struct_config__.tag): each for each in found if each.__struct_config__.tag is not None}


def test_limits() -> None:
    """Every limit in the table has the value it has in the code, and none is missing."""
    named = {name: float(value) for name, value, *_ in rows("## Limits")}
    missing = {"DEFAULT_PORT", "PROTOCOL"}  # stand elsewhere in the text
    known = {name: value for name, value in vars(messages).items() if name.isupper() and isinstance(value, int | float)}
    assert named == {name: value for name, value in known.items() if name not in missing}


def test_codes() -> None:
    """The table of codes is complete, and right about those that end the session."""
    table = {code: ends == "yes" for code, _, ends in rows("## Codes")}
    assert table == {str(code): code in DISMISSING for code in Code}


@pytest.mark.parametrize("name", structs(messages.Command))
def test_command(name: str) -> None:
    """Every command has its section, with its fields in their order, and replies that exist."""
    text = section(f"### {name}")
    form = re.search(r'`\["(\w+)"((?:, \w+)*)\]`', text)
    assert form
    assert form[1] == name
    assert form[2].split(", ")[1:] == list(structs(messages.Command)[name].__struct_fields__)
    refusals = re.findall(r"^- `rejected` (.*?)(?=^- |\Z)", text, re.MULTILINE | re.DOTALL)
    words = {word for line in refusals for word in re.findall(r"`(\w+)`", line)}
    assert words <= {*Code, *structs(messages.Command), *structs(messages.Event)}


@pytest.mark.parametrize("name", structs(messages.Event))
def test_event(name: str) -> None:
    """Every event stands in a table with its fields in their order."""
    [fields] = [row[1] for row in rows("## Events") if row[0] == name]
    assert [field.split()[0].strip("`") for field in fields.split(", ")] == list(
        structs(messages.Event)[name].__struct_fields__
    )


def test_bytes() -> None:
    """The frame in the example is what the codec writes and reads."""
    block = re.search(r"```hex\n(.*?)```", TEXT, re.DOTALL)
    assert block
    frame = bytes.fromhex("".join(re.match(r" *((?:[0-9a-f]{2} ?)+)", line)[1] for line in block[1].splitlines()))
    assert frame == encode_commands([Post(7, "#general", "hello"), Who(8)])
    assert decode_commands(frame) == [Post(7, "#general", "hello"), Who(8)]
    assert f"this frame of {len(frame)} bytes" in TEXT


def test_minimal_client(tmp_path: Path) -> None:
    """The client in the last section runs as it stands there, against a real broker, beside this library."""
    source = re.search(r"```python\n(.*?)```", section("## A minimal client"), re.DOTALL)
    assert source
    script = tmp_path / "minimal.py"
    script.write_text(source[1], "utf-8")
    with running_broker(tmp_path) as broker, Client("ops", home=tmp_path) as chat:
        chat.wait_connected(DEADLINE)
        process = subprocess.Popen(
            [sys.executable, str(script), broker.invite, "mini", "hello from elsewhere"],
            stdout=subprocess.PIPE,
            text=True,
            env=environment(),
        )
        try:
            assert process.stdout
            assert process.stdout.readline().startswith("accepted as number ")
            message = next(chat.messages(DEADLINE))
            assert (message.sender, message.target, message.body) == ("mini", "#general", "hello from elsewhere")
            chat.send("@mini", "hello back").wait(DEADLINE)
            chat.announce("Deploy at five").wait(DEADLINE)
            assert process.stdout.readline() == "ops to @mini: 'hello back'\n"
            assert process.stdout.readline() == "ops to *: 'Deploy at five'\n"
        finally:
            process.kill()
            process.communicate()
