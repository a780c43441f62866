"""Completion in shells: what Tab offers in the real ones, and that it is all there is."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from broker.cli import main as broker_main
from client.cli import ALL, main
from messages import SHELLS
from tests.processes import TREE, Terminal, environment

HOW = {  # a shell without anybody's configuration, and how the documentation says to switch completion on
    "bash": (("bash", "--norc", "--noprofile", "-i"), 'eval "$({program} completion bash)"'),
    "zsh": (("zsh", "-f", "-i"), 'autoload -Uz compinit && compinit -u -D && eval "$({program} completion zsh)"'),
    "fish": (("fish", "--no-config", "-i"), "{program} completion fish | source"),
}


def script(shell: str, capsys: pytest.CaptureFixture[str], run: object = main) -> str:
    assert callable(run)
    assert run(["completion", shell]) == 0
    return capsys.readouterr().out


def test_every_subcommand_and_option_is_completed(capsys: pytest.CaptureFixture[str]) -> None:
    """Each subcommand's options as its own parser takes them, which `confab COMMAND` uses."""
    found = script("bash", capsys)
    for name, row in ALL.items():
        parser = argparse.ArgumentParser()
        row.prepare(parser)
        [options] = re.findall(rf"^_shtab_confab_{name}_option_strings=\((.*)\)$", found, re.MULTILINE)
        assert set(options.split()) == set(parser._option_string_actions), name
    assert set(re.findall(r"^_shtab_confab_subparsers=\((.*)\)$", found, re.MULTILINE)[0].split()) == set(ALL)


@pytest.mark.parametrize("shell", SHELLS)
def test_no_shell_is_left_out(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    found, brokers = script(shell, capsys), script(shell, capsys, broker_main)
    assert all(re.search(rf"\b{name}\b", found) for name in ALL)
    assert all(re.search(rf"\b{name}\b", brokers) for name in ("verify", "repair", "keep-days", "moderator"))
    if shutil.which(shell):
        check = subprocess.run([shell, "-n"], input=found + brokers, text=True, capture_output=True, check=False)
        assert (check.returncode, check.stderr) == (0, "")


def test_a_shell_that_is_unknown_is_refused_in_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["completion"], ["completion", "csh"], ["completion", "bash", "zsh"]):
        assert main(arguments) == 2
        assert "the name of your shell: bash, zsh, fish." in capsys.readouterr().err


@pytest.mark.parametrize("shell", SHELLS)
def test_tab_in_the_real_shell(shell: str, tmp_path: Path) -> None:
    if not shutil.which(shell):
        pytest.skip(f"There is no {shell} here.")
    for program, package in (("confab", "client"), ("confab-broker", "broker")):
        command = tmp_path / program
        command.write_text(f'#!/bin/sh\nexec {sys.executable} -m {package} "$@"\n')
        command.chmod(0o755)
    command_line, switch_on = HOW[shell]
    env = environment(PATH=f"{tmp_path}:/usr/bin:/bin", HOME=str(tmp_path), PS1="> ", TERM="xterm")
    terminal = Terminal("-c", f"import os; os.execvp({shell!r}, {command_line!r})", rows=60, **env)
    try:
        for program in ("confab", "confab-broker"):
            terminal.type(switch_on.format(program=program))
        terminal.type("echo r''eady").sees("\nready")
        for keys, becomes in {
            "confab anno\t": "confab announce",
            "--prio\turg\t": "confab announce --priority urgent",
            "well then --js\t": "confab announce --priority urgent well then --json",
            "\x15confab grant bob mod\t": "confab grant bob moderator",
            "\x15confab id exp\t": "confab id export",
            "\x15confab-broker ver\t": "confab-broker verify",
        }.items():
            for part in re.findall(r"[^\t]*\t", keys):
                terminal.keys(part)
            terminal.sees(becomes)
    finally:
        terminal.close()


@pytest.mark.parametrize("program", ["client", "broker"])
def test_who_reads_only_its_beginning_is_told_nothing(program: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", program, "completion", "bash"]
    reader, writer = os.pipe()
    os.close(reader)
    try:
        run = subprocess.run(
            command, cwd=TREE, env=environment(CONFAB_HOME=str(tmp_path)), stdout=writer, stderr=subprocess.PIPE
        )
    finally:
        os.close(writer)
    assert (run.returncode, run.stderr) == (0, b"")
