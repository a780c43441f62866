"""What README and docs/ say is so: links lead somewhere, lines are the right ones, blocks of code parse, and run.

`python -m tests.test_docs` puts the line numbers in docs/ right.
"""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from client import Client, exits
from client.cli import COMMANDS
from client.console.commands import TABLE

from .processes import DEADLINE, TREE, environment, running_broker

PAGES = ["*.md", "docs/**/*.md", "messages/*.md"]
DOCUMENTS = sorted(path.relative_to(TREE).as_posix() for pattern in PAGES for path in TREE.glob(pattern))
LINED = [TREE / "docs" / name for name in ("architecture.md", "report.md", "report.ru.md")]  # have links to lines
README = (TREE / "README.md").read_text("utf-8")
LINE = re.compile(r"\[`(?P<name>[\w.]+)`\]\((?P<path>[^)#]+\.py)#L(?P<line>\d+)\)")
FOLLOWS = ("confab chat", "confab tail")  # do not end by themselves soon
NOT_HERE = ("export ", "make ", ".venv/bin/")  # steer a shell, set up, or need a tree of their own


def blocks(language: str, text: str = README) -> list[str]:
    """A page's code blocks in this language, the README's if none is named."""
    return re.findall(rf"^```{language}(?: [^\n]*)?\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def commands() -> list[str]:
    """Every line of the README's shell blocks."""
    return [line for block in blocks("sh") for line in block.splitlines()]


def definitions(path: Path) -> dict[str, int]:
    """The line of each class, function, method and constant in a module; methods as Class.name."""
    found: dict[str, int] = {}

    def look(nodes: list[ast.stmt], prefix: str) -> None:
        for node in nodes:
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                found[prefix + node.name] = node.lineno
            if isinstance(node, ast.Assign | ast.AnnAssign):
                names = node.targets if isinstance(node, ast.Assign) else [node.target]
                found.update((prefix + name.id, node.lineno) for name in names if isinstance(name, ast.Name))
            if isinstance(node, ast.ClassDef):
                look(node.body, f"{node.name}.")

    look(ast.parse(path.read_text("utf-8")).body, "")
    return found


def right_line(link: re.Match[str]) -> int | None:
    """Where what a link in docs/ names really is."""
    return definitions((TREE / "docs" / link["path"]).resolve()).get(link["name"])


@pytest.mark.parametrize("document", LINED, ids=lambda path: path.name)
def test_lines(document: Path) -> None:
    """Every link to a line leads to what it names (else: python -m tests.test_docs)."""
    wrong = [link[0] for link in LINE.finditer(document.read_text("utf-8")) if int(link["line"]) != right_line(link)]
    assert not wrong


@pytest.mark.parametrize("document", LINED, ids=lambda path: path.name)
def test_lines_are_named(document: Path) -> None:
    """No link to a line goes without the name by which it is checked."""
    text = document.read_text("utf-8")
    assert text.count(".py#L") == len(LINE.findall(text)) > 0


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links(document: str) -> None:
    """Every link inside the tree leads somewhere, and none leads out of it to a machine's own path."""
    text = (TREE / document).read_text("utf-8")
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([\w-]+))?\)", text):
        path = ((TREE / document).parent / target).resolve() if target else TREE / document
        assert path.exists(), target
        assert path.is_relative_to(TREE)
        if path.suffix == ".md" and anchor:
            assert anchor in anchors(path.read_text("utf-8")), f"{target}#{anchor}"
        elif anchor:
            assert re.fullmatch(r"L\d+", anchor), f"{target}#{anchor}"
            assert int(anchor[1:]) <= len(path.read_text("utf-8").splitlines())


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings; what begins with # in a block of code is none."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE), re.MULTILINE)
    return {re.sub(r"[^\w-]", "", heading.lower().replace(" ", "-")) for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_code_parses(document: str) -> None:
    """Every block of code is what it says it is."""
    text = (TREE / document).read_text("utf-8")
    known = ("python", "sh", "toml", "json", "crontab", "console", "hex", "")  # what is hex: tests/test_protocol_doc.py
    fences = re.findall(r"^```(\w*)[^\n]*$", text, re.MULTILINE)
    assert set(fences) <= set(known)
    for block in blocks("python", text):
        ast.parse(block)
    for block in blocks("toml", text):
        tomllib.loads(block)
    for block in blocks("json", text):
        json.loads(block)
    for block in blocks("sh", text):
        assert not complaint(block), block
    for line in (line for block in blocks("crontab", text) for line in block.splitlines()):
        found = re.fullmatch(r"(?:[\d*/,-]+ +){5}(?P<command>.+)|\w+=.+|", line)
        assert found, line
        assert not complaint(found["command"] or ""), line


def complaint(script: str) -> str:
    """What a shell has against a script that it does not run; empty: nothing."""
    run = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, timeout=DEADLINE, check=False)
    return run.stderr


def test_a_block_that_does_not_parse_is_found() -> None:
    """The control, for the one language that is read by another program."""
    assert complaint("if true; do\n")


@pytest.mark.parametrize("line", commands())
def test_readme_names_what_there_is(line: str) -> None:
    """Every make target, confab subcommand and broker command in the README exists."""
    words = shlex.split(line.split("| ")[-1])
    match words:
        case ["make", target, *_]:
            assert re.search(rf"^{target}:.*##", (TREE / "Makefile").read_text("utf-8"), re.MULTILINE)
        case ["confab", command, *_]:
            assert command in COMMANDS
        case [".venv/bin/confab-broker", *arguments]:
            run = [sys.executable, "-m", "broker", *arguments, "--help"]
            subprocess.run(run, cwd=TREE, env=environment(), check=True, capture_output=True, timeout=DEADLINE)
        case _:
            assert words[0] == "export"


def test_readme_upkeep(tmp_path: Path) -> None:
    """The README's commands of the broker run as they stand there, in their order, beside a running one."""
    lines = [line for line in commands() if line.startswith(".venv/bin/confab-broker")]
    assert len(lines) == 8
    with running_broker(tmp_path) as broker, Client("alice", home=tmp_path) as alice:
        alice.send("*", "hello").wait(DEADLINE)
        for line in lines:
            run = subprocess.run(
                [sys.executable, "-m", "broker", *shlex.split(line)[1:]],
                cwd=tmp_path,
                env=environment(CONFAB_HOME=str(broker.home)),
                capture_output=True,
                text=True,
                timeout=DEADLINE,
                check=False,
            )
            assert run.returncode == 0, f"{line}\n{run.stderr}"
    assert (tmp_path / "restored" / "broker").is_dir()


def test_readme_shell(tmp_path: Path) -> None:
    """The README's one-shot commands run as they stand there, and are accepted."""
    here = Path(sys.executable).parent
    lines = [line for line in commands() if not any(map(line.lstrip().startswith, NOT_HERE + FOLLOWS))]
    assert len(lines) > 5
    with running_broker(tmp_path), Client("bob", home=tmp_path) as bob:
        bob.wait_connected(DEADLINE)
        for line in lines:
            run = subprocess.run(
                ["bash", "-ec", f"set -o pipefail\n{line}"],
                env=environment(CONFAB_HOME=str(tmp_path), PATH=f"{here}{os.pathsep}{os.environ['PATH']}"),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=DEADLINE,
                check=False,
            )
            assert run.returncode == 0, f"{line}\n{run.stderr}"
        said = [message.body for message, _ in zip(bob.messages(DEADLINE), range(3), strict=False)]
    assert said[:2] == ["Deploy at five", "your build is ready"]


@pytest.mark.parametrize("block", blocks("python"))
def test_readme_python(block: str, tmp_path: Path) -> None:
    """The README's Python runs as it stands there."""
    script = tmp_path / "example.py"
    script.write_text(block, "utf-8")
    with running_broker(tmp_path), Client("bob", home=tmp_path) as bob:
        bob.wait_connected(DEADLINE)
        process = subprocess.Popen(
            [sys.executable, str(script)],
            env=environment(CONFAB_HOME=str(tmp_path)),
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            heard = bob.messages(DEADLINE)
            assert (next(heard).target, next(heard).kind) == ("#general", "announcement")
            bob.send("#general", "ops: stop").wait(DEADLINE)
            out, _ = process.communicate(timeout=DEADLINE)
        finally:
            process.kill()
            process.communicate()
    assert process.returncode == 0
    assert re.fullmatch(r"accepted as number \d+\n\d+ bob #general ops: stop\n", out)


def test_readme_console_commands() -> None:
    """The README's tables have every command of the console, under all its names."""
    rows = "\n".join(line for line in README.splitlines() if line.startswith("|"))
    table = set(re.findall(r"`([^`]+)`", rows))
    for command in TABLE:
        for name in command.names:
            assert any(cell == name or cell.startswith(f"{name} ") for cell in table), name


def test_readme_exit_codes() -> None:
    """The README's table of exit codes is that of the program."""
    table = {int(code) for code in re.findall(r"^\| (\d) \| ", README, re.MULTILINE)}
    codes = {value for name, value in vars(exits).items() if name.isupper() and isinstance(value, int)}
    assert table == {code for code in codes if code < 126}  # shells use the others for signals


def main() -> None:
    """Write the right line numbers into docs/; what is not found stays, for the test to say."""
    for document in LINED:
        text = document.read_text("utf-8")
        document.write_text(
            LINE.sub(lambda link: f"[`{link['name']}`]({link['path']}#L{right_line(link) or link['line']})", text),
            "utf-8",
        )


if __name__ == "__main__":
    main()
