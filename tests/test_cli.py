"""The shell commands: arguments, standard input, what is printed, and how each end becomes an exit code."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from client import cli, duties, subcommands
from client.errors import ClientError, NotConfigured, NotReached, Unreachable
from client.model import Connected, Disconnected, Dismissed, Page
from client.targets import default_nick, read_target
from messages import BODY_BYTES, Code, InvalidName, check_nick
from tests.fake_client import END, FakeClient, refused, said

TREE = Path(__file__).parent.parent


class Shell:
    """Runs `confab` in this process, on a fake Client."""

    def __init__(self, capfd: pytest.CaptureFixture[str]) -> None:
        self.chat = FakeClient()
        self.options: Any = None
        self._capfd = capfd
        self.out = self.err = ""

    def open(self, options: Any, **more: Any) -> FakeClient:
        self.options = options
        self.chat.options = more
        return self.chat

    def __call__(self, *arguments: str) -> int:
        self._capfd.readouterr()
        status = cli.main(arguments)
        self.out, self.err = self._capfd.readouterr()
        assert "Traceback" not in self.err
        return status

    @property
    def objects(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Shell:
    monkeypatch.setenv("CONFAB_HOME", str(tmp_path))
    shell = Shell(capfd)
    monkeypatch.setattr(subcommands, "open_client", shell.open)
    return shell


@pytest.fixture
def stdin() -> Iterator[Callable[[bytes], None]]:
    """Put bytes on descriptor 0 as a pipe does."""
    saved = os.dup(0)
    writers: list[threading.Thread] = []

    def pipe(data: bytes) -> None:
        read, write = os.pipe()
        os.dup2(read, 0)
        os.close(read)
        writers.append(threading.Thread(target=write_all, args=(write, data)))  # a pipe holds less than some of it
        writers[-1].start()

    def write_all(write: int, data: bytes) -> None:
        with contextlib.suppress(BrokenPipeError), os.fdopen(write, "wb") as file:
            file.write(data)

    yield pipe
    os.dup2(saved, 0)
    os.close(saved)
    for writer in writers:
        writer.join()


# --- sending -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "call"),
    [
        (["announce", "Deploy at five"], ("announce", "Deploy at five", "", "normal", "*")),
        (["announce", "Deploy", "at", "five"], ("announce", "Deploy at five", "", "normal", "*")),
        (["announce", "--title", "CI", "red", "--priority", "high"], ("announce", "red", "CI", "high", "*")),
        (["announce", "--to", "#ops", "red"], ("announce", "red", "", "normal", "#ops")),
        (["announce", "--", "--title", "is text"], ("announce", "--title is text", "", "normal", "*")),
        (["send", "@bob", "hello"], ("send", "@bob", "hello")),
        (["send", "bob", "hello"], ("send", "@bob", "hello")),
        (["send", "all", "hello"], ("send", "*", "hello")),
        (["send", "#Ops", "hello"], ("send", "#ops", "hello")),
        (["send", "@bob", "--as", "ops", "hello", "there"], ("send", "@bob", "hello there")),
        (["send", "@bob", "two  spaces"], ("send", "@bob", "two  spaces")),
        (["send", "@bob", "--", "-x"], ("send", "@bob", "-x")),
        (["send", "@bob", "-5 degrees"], ("send", "@bob", "-5 degrees")),
    ],
)
def test_what_is_sent(shell: Shell, arguments: list[str], call: tuple[Any, ...]) -> None:
    assert shell(*arguments) == 0
    assert shell.chat.calls == [call]
    assert (shell.out, shell.err) == ("", "")
    assert shell.chat.closed


def test_json_tells_the_sequence(shell: Shell) -> None:
    assert shell("send", "bob", "hello", "--json") == 0
    assert shell.objects == [{"seq": 1, "to": "@bob"}]


@pytest.mark.parametrize(
    ("arguments", "awaited"),
    [
        (["announce", "x"], ("accepted", 1)),
        (["announce", "x", "--wait", "accepted"], ("accepted", 1)),
        (["announce", "x", "--wait", "delivered"], ("delivered", 1)),
        (["announce", "x", "--wait", "read:3"], ("read", 3)),
        (["send", "bob", "x", "--wait", "read"], ("read", 1)),
    ],
)
def test_how_far_a_message_is_waited_for(shell: Shell, arguments: list[str], awaited: tuple[str, int]) -> None:
    assert shell(*arguments) == 0
    assert shell.chat.receipts[0].awaited == awaited


def test_json_tells_who_has_what_was_waited_for(shell: Shell) -> None:
    assert shell("announce", "x", "--wait", "delivered:2", "--json") == 0
    assert shell.objects == [{"seq": 1, "to": "*", "delivered": [], "read": []}]


@pytest.mark.parametrize(
    "arguments",
    [
        ["send", "#ops", "x", "--wait", "read"],
        ["send", "all", "x", "--wait", "delivered"],
        ["send", "bob", "x", "--wait", "read:2"],
        ["announce", "x", "--wait", "read:0"],
        ["announce", "x", "--wait", "seen"],
        ["announce", "x", "--wait", "accepted:2"],
    ],
)
def test_what_cannot_be_waited_for_is_refused_before_it_is_sent(shell: Shell, arguments: list[str]) -> None:
    assert shell(*arguments) == 2
    assert not shell.chat.calls


def test_options_reach_the_client(shell: Shell) -> None:
    shell("send", "bob", "x", "--as", "ops", "--broker", "tcp://127.0.0.1:1", "--home", "/h", "--timeout", "0.5")
    options = shell.options
    assert (options.nick, options.broker, options.home, options.timeout) == ("ops", "tcp://127.0.0.1:1", "/h", 0.5)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (refused(Code.EMPTY, "There is no text."), 1),
        (refused(Code.NICK_TAKEN, "Taken."), 1),
        (refused(Code.TOO_LONG, "Too long."), 1),
        (refused("a_code_of_tomorrow", "No."), 1),
        (refused(Code.NO_SUCH_NICK, "Nobody."), 3),
        (refused(Code.NO_SUCH_ROOM, "No room."), 3),
        (Unreachable("No broker answers."), 4),
        (NotConfigured("No broker is known here."), 4),
        (refused(Code.NOT_ALLOWED, "Admins only."), 6),
        (refused(Code.BANNED, "Banned."), 6),
        (refused(Code.KICKED, "Kicked."), 6),
        (NotReached("It is accepted as number 3, but read by nobody in time."), 7),
    ],
)
def test_each_refusal_has_its_exit_code_and_one_sentence(shell: Shell, error: ClientError, status: int) -> None:
    shell.chat.outcomes = [error]
    assert shell("send", "bob", "x") == status
    assert (shell.out, shell.err) == ("", f"confab: {error}\n")
    shell.chat.outcomes = [error]
    assert shell("send", "bob", "x", "--json") == status
    assert json.loads(shell.err)["text"] == str(error)


def test_no_answer_in_time_is_5(shell: Shell) -> None:
    shell.chat.outcomes = [None]
    assert shell("send", "bob", "x", "--timeout", "0.01") == 5
    assert shell.err == "confab: The broker did not answer in time.\n"
    shell.chat.outcomes = [None]
    assert shell("send", "bob", "x", "--timeout", "0.01", "--json") == 5
    assert json.loads(shell.err)["error"] == "timeout"


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (KeyboardInterrupt(), 130, ""),
        (PermissionError(13, "Permission denied", "/h/key"), 1, "confab: /h/key: Permission denied.\n"),
        (ZeroDivisionError("oops"), 1, "confab: This is a bug in confab: ZeroDivisionError at fake_client.py:"),
    ],
)
def test_no_end_shows_a_traceback(shell: Shell, error: Any, status: int, text: str) -> None:
    shell.chat.error = error
    assert shell("who") == status
    assert shell.err.startswith(text)


# --- usage ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["sned", "bob", "x"],
        ["send"],
        ["send", "b@b", "x"],
        ["send", "", "x"],
        ["announce", "x", "--priority", "loud"],
        ["announce", "x", "--to", "?"],
        ["announce", "x", "--tit", "abbreviated"],
        ["announce", "x", "--timeout", "0"],
        ["announce", "x", "--timeout", "nan"],
        ["announce", "x", "--timeout", "soon"],
        ["announce", "bad\udce9"],
        ["who", "is"],
        ["history"],
        ["history", "bob", "alice"],
        ["history", "bob", "--limit", "0"],
        ["tail", "b@b"],
        ["chat", "a", "b"],
        ["chat", "a", "--as", "b"],
        ["--unheard-of"],
    ],
)
def test_usage_errors_are_one_sentence_and_2(shell: Shell, arguments: list[str]) -> None:
    assert shell(*arguments) == 2
    assert not shell.chat.calls
    assert shell.err.startswith("confab: ")
    assert shell.err.count("\n") == 1
    assert shell(*arguments, "--json") == 2
    assert json.loads(shell.err).keys() == {"error", "text"}


def test_a_console_takes_its_nick_as_all_commands_do(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    faces: list[str | None] = []
    monkeypatch.setattr("client.console.app.run", lambda chat, chosen, face: faces.append(face) or 0)
    for arguments in (["@carol"], ["carol", "--linear"], ["--as", "carol", "--json"]):
        assert shell("chat", *arguments) == 0
        assert shell.options.nick == "carol"
    assert faces == [None, "linear", "json"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--limit", "x"], "argument --limit: x is no number from 1 on"),
        (["--limit", "-3"], "argument --limit: -3 is no number from 1 on"),
        (["--before", "9" * 23], f"argument --before: {'9' * 23} is no number from 1 on, or too large a one. See"),
        (["--timeout", "soon"], "argument --timeout: soon is no time to wait"),
        (["--since", "soon"], "or an age as in 12h. See"),
    ],
)
def test_a_wrong_value_is_told_in_words_and_not_by_what_read_it(shell: Shell, arguments: list[str], text: str) -> None:
    assert shell("history", "#general", *arguments) == 2
    assert text.lower() in shell.err.lower()
    assert not shell.chat.calls


def test_a_wrong_number_of_people_is_told_in_words(shell: Shell) -> None:
    assert shell("announce", "x", "--wait", "read:x") == 2
    assert "argument --wait: x is no number from 1 on" in shell.err.lower()


def test_a_wrong_broker_address_is_the_usages_fault(capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["send", "bob", "x", "--broker", "http://x"]) == 2
    assert "is no broker address" in capfd.readouterr().err


@pytest.mark.parametrize("arguments", [["--help"], ["send", "--help"], ["announce", "-h"], ["--version"]])
def test_help_and_version(shell: Shell, arguments: list[str]) -> None:
    assert shell(*arguments) == 0
    assert "confab" in shell.out


# --- standard input ------------------------------------------------------------------------------------------------


def test_text_comes_from_a_pipe_when_there_is_no_argument(shell: Shell, stdin: Callable[[bytes], None]) -> None:
    stdin("Zeile 1\nZeile zwei – ö\n".encode())
    assert shell("send", "bob") == 0
    assert shell.chat.calls == [("send", "@bob", "Zeile 1\nZeile zwei – ö")]


def test_standard_input_is_not_touched_when_there_is_a_text(shell: Shell, stdin: Callable[[bytes], None]) -> None:
    stdin(b"for somebody else")
    assert shell("announce", "mine") == 0
    assert os.read(0, 100) == b"for somebody else"


def test_text_comes_from_a_file(shell: Shell, stdin: Callable[[bytes], None], tmp_path: Path) -> None:
    stdin(b"")
    (tmp_path / "text").write_text("from a file\n")
    descriptor = os.open(tmp_path / "text", os.O_RDONLY)
    os.dup2(descriptor, 0)
    os.close(descriptor)
    assert shell("announce") == 0
    assert shell.chat.calls == [("announce", "from a file", "", "normal", "*")]


@pytest.mark.parametrize("kind", ["terminal", "null", "closed"])
def test_neither_argument_nor_pipe_is_a_usage_error(shell: Shell, stdin: Callable[[bytes], None], kind: str) -> None:
    stdin(b"")
    if kind == "closed":
        os.close(0)
    else:
        descriptor = os.open("/dev/null", os.O_RDWR) if kind == "null" else os.openpty()[1]
        os.dup2(descriptor, 0)
    assert shell("send", "bob") == 2
    assert "There is no text" in shell.err


@pytest.mark.parametrize("data", [b"caf\xe9", b"\xff\xfe", b"ok \xc3", b"\xed\xa0\x80"])
def test_invalid_utf8_from_a_pipe_is_told_and_2(shell: Shell, stdin: Callable[[bytes], None], data: bytes) -> None:
    stdin(data)
    assert shell("send", "bob") == 2
    assert "Standard input is not valid UTF-8" in shell.err
    assert not shell.chat.calls


def test_a_megabyte_from_a_pipe_is_told_in_words_and_1(shell: Shell, stdin: Callable[[bytes], None]) -> None:
    stdin(b"x" * 1_000_000)
    assert shell("send", "bob") == 1
    assert "64 KiB" in shell.err
    assert not shell.chat.calls


def test_a_long_text_with_many_line_ends_in_it_is_refused_and_not_cut(
    shell: Shell, stdin: Callable[[bytes], None]
) -> None:
    stdin(b"x" * 60_000 + b"\n" * 10_000 + b"and this")
    assert shell("send", "bob") == 1
    assert "64 KiB" in shell.err
    assert not shell.chat.calls


def test_the_largest_text_passes(shell: Shell, stdin: Callable[[bytes], None]) -> None:
    stdin(b"x" * BODY_BYTES + b"\r\n")
    assert shell("send", "bob") == 0
    assert shell.chat.calls == [("send", "@bob", "x" * BODY_BYTES)]


# --- reading -------------------------------------------------------------------------------------------------------


def test_an_invite_is_harmless(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its token is of the broker's making."""
    monkeypatch.setattr(duties, "open_client", shell.open)
    shell.chat.invite = lambda *_: ("confab://127.0.0.1/key/\x1b[2J\x9b31m", 3)  # type: ignore[attr-defined]
    assert shell("invite") == 0
    assert shell.out == "confab://127.0.0.1/key/␛[2J�31m\n"


def test_who(shell: Shell) -> None:
    shell.chat.people[1].away = "lunch\x1b[2J"
    assert shell("who") == 0
    lines = shell.out.splitlines()
    assert lines[0].split() == ["NICK", "SINCE", "ROOMS"]
    assert lines[2].startswith("bob")
    assert lines[2].endswith("away: lunch␛[2J")
    assert shell("who", "--json") == 0
    assert [each["nick"] for each in shell.objects] == ["alice", "bob"]


def test_rooms(shell: Shell) -> None:
    assert shell("rooms") == 0
    assert shell.out.split() == ["ROOM", "PEOPLE", "#general", "2", "#ops", "1"]
    assert shell("rooms", "--json") == 0
    assert shell.objects[1] == {"name": "#ops", "people": 1, "joined": False, "topic": "", "private": False}


def test_history(shell: Shell) -> None:
    announcement = said("red", seq=8, kind="announcement", title="CI", priority="high", target="*")
    shell.chat.page = Page([said("two\nlines"), announcement], None)
    assert shell("history", "#general", "--limit", "9", "--before", "20") == 0
    assert shell.chat.calls == [("history", "#general", 9, 20)]
    assert shell.out.splitlines() == [
        "2026-11-24 12:04:30 #general bob: two⏎lines",
        "2026-11-24 12:04:30 * bob announces (high): CI: red",
    ]
    assert shell("history", "#general", "--json") == 0
    first, second = shell.objects
    assert list(first) == ["seq", "at", "from", "to", "kind", "body"]
    assert datetime.fromisoformat(first["at"]).tzinfo
    assert (second["title"], second["priority"]) == ("CI", "high")


@pytest.mark.parametrize("command", ["history", "search"])
def test_fewer_messages_than_asked_for_are_explained_unless_they_are_all(shell: Shell, command: str) -> None:
    """What was cut off would look like what was never said; standard output holds messages alone."""
    for page, text in (
        (Page([], None, cut=True), "confab: What was said before is no longer kept.\n"),
        (Page([said("one")], 7), "confab: That is not all: --before 7 looks further back.\n"),
        (Page([said("one"), said("two")], 7), ""),
        (Page([said("one"), said("two")], None, cut=True), ""),
        (Page([said("one")], None), ""),
    ):
        shell.chat.page = page
        assert shell(command, "#general", "--limit", "2") == 0
        assert shell.err == text
        assert len(shell.out.splitlines()) == len(page.messages)


def test_history_takes_dates_and_ages(shell: Shell) -> None:
    assert shell("history", "#general", "--since", "2026-11-24", "--before", "2026-11-25T17:00") == 0
    [(_, _, _, before, since)] = shell.chat.calls
    assert (since, before) == (datetime(2026, 11, 24).astimezone(), datetime(2026, 11, 25, 17).astimezone())
    assert shell("history", "#general", "--since", "2h") == 0
    assert timedelta(minutes=119) < datetime.now().astimezone() - shell.chat.calls[1][4] < timedelta(minutes=121)
    for wrong in (["--since", "yesterday"], ["--since", "-5h"], ["--before", "0"], ["--before", "9" * 400 + "d"]):
        assert shell("history", "#general", *wrong) == 2
    assert "is no date" in shell.err


def test_tail_follows_what_it_was_asked_for(shell: Shell) -> None:
    for item in (
        said("here"),
        said("elsewhere", target="#ops"),
        said("to me", target="@alice"),
        said("from me", sender="alice", target="@bob", own=True),
        said("carol", sender="carol", target="@alice"),
        END,
    ):
        shell.chat.items.put(item)
    shell("tail", "#general", "bob", "--json")
    assert [each["body"] for each in shell.objects] == ["here", "to me", "from me"]
    assert shell.chat.options == {"receive": True}


def test_tail_enters_the_rooms_it_follows(shell: Shell) -> None:
    shell.chat.items.put(END)
    shell("tail", "#general", "#ops")
    assert shell.chat.calls == [("rooms",), ("join", "#ops")]


def test_tail_makes_no_room(shell: Shell) -> None:
    assert shell("tail", "#typo") == 3
    assert "There is no room #typo" in shell.err
    assert shell.chat.calls == [("rooms",)]


def test_tail_tells_breaks_on_standard_error_and_ends_when_dismissed(shell: Shell) -> None:
    for item in (
        Disconnected("The connection broke."),
        Connected("alice", False, (), False, again=True),
        Dismissed("kicked", "Out."),
    ):
        shell.chat.items.put(item)
    assert shell("tail") == 6
    assert shell.err.splitlines() == [
        "confab: The broker is away: The connection broke.",
        "confab: The broker is back.",
        "confab: Out.",
    ]


def test_a_reader_that_has_seen_enough_ends_tail_quietly(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.StringIO):
        def flush(self) -> None:
            raise BrokenPipeError

    saved = os.dup(1)
    monkeypatch.setattr(sys, "stdout", Full())
    shell.chat.items.put(said("one too many"))
    status = shell("tail")
    os.dup2(saved, 1)
    os.close(saved)
    assert (status, shell.err) == (0, "")


def test_without_standard_output_an_answer_has_nowhere_to_go(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    assert shell("who") == 1
    assert shell.err == "confab: Standard output is closed, so there is nowhere to write the answer.\n"
    assert (shell("completion", "bash"), shell("config")) == (1, 1)
    assert shell("send", "bob", "x") == 0
    assert shell("chat", "alice") == 2
    monkeypatch.setattr(sys, "stderr", None)
    assert shell("who") == 1


# --- names ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("user", "nick"),
    [
        ("alice", "alice"),
        ("root", "root"),
        ("DOMAIN\\jane doe", "DOMAIN-jane-doe"),
        ("_www", "www"),
        ("1000", "guest"),
        ("Ömer", "Omer"),
        ("алиса", "guest"),
        ("server", "server-1"),
        ("x" * 40, "x" * 24),
        ("", "guest"),
    ],
)
def test_the_default_nick_is_the_users_name_made_valid(monkeypatch: pytest.MonkeyPatch, user: str, nick: str) -> None:
    monkeypatch.delenv("CONFAB_NICK", raising=False)
    monkeypatch.setattr("getpass.getuser", lambda: user)
    assert default_nick() == check_nick(nick)


def test_a_user_without_a_name_is_a_guest(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("uid 12345")

    monkeypatch.delenv("CONFAB_NICK", raising=False)
    monkeypatch.setattr("getpass.getuser", nobody)
    assert default_nick() == "guest"


def test_confab_nick_goes_before_the_users_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONFAB_NICK", "ops")
    assert default_nick() == "ops"


@pytest.mark.parametrize("text", ["", "@", "#", "two words", "@server", "**"])
def test_what_is_no_target(text: str) -> None:
    with pytest.raises(InvalidName):
        read_target(text)


# --- speed ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [["announce", "x"], ["send", "bob", "x"], ["who"]])
def test_one_shot_commands_import_neither_rich_nor_prompt_toolkit(arguments: list[str], tmp_path: Path) -> None:
    code = (
        "import sys; from client.cli import main; status = main(sys.argv[1:]);"
        "slow = {'rich', 'prompt_toolkit', 'asyncio'};"
        "print(status, sorted({name.partition('.')[0] for name in sys.modules} & slow))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, *arguments, "--home", str(tmp_path), "--as", "ops"],
        cwd=TREE,
        env={**os.environ, "CONFAB_BROKER": ""},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert run.stdout == "4 []\n", run.stderr
