"""The real console at a real pseudo-terminal, with a real broker: what people see while they type."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from client import Client
from tests.processes import DEADLINE, TREE, BrokerProcess, Terminal, confab, environment, running_broker, until

HEAD = " " * len("12:04 #general alice   ")  # left blank in a run of one author
Chat = Callable[..., Terminal]


@pytest.fixture
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    """A broker for each test: what one says would be missed messages of the next, and push its greeting away."""
    with running_broker(tmp_path_factory.mktemp("home")) as broker:
        yield broker


@pytest.fixture
def chat(broker: BrokerProcess) -> Iterator[Chat]:
    """Start a console under a nick and wait until it is ready."""
    with ExitStack() as terminals:

        def start(nick: str, *, home: Path = broker.home, ready: str = "/quit leaves", **env: str) -> Terminal:
            terminal = Terminal("-m", "client", "chat", nick, CONFAB_HOME=str(home), **env)
            terminals.callback(terminal.close)
            return terminal.sees(ready)

        yield start


def test_two_people_talk_and_a_half_typed_line_stays_whole(chat: Chat) -> None:
    alice = chat("alice")
    bob = chat("bob").sees("You are bob", "alice", "/msg NICK text")
    alice.sees("bob is here").keys("half a th")
    bob.type("good  morning – 你好 👋")
    alice.sees("#general bob     good  morning – 你好 👋")
    alice.prompts("#general › half a th")
    alice.type("ought")
    bob.sees("#general alice   half a thought")
    alice.sees("#general alice   half a thought")
    alice.type("-to bob psst").sees("@bob     alice   psst")
    bob.sees("@alice   alice   psst").type("$ lunch!")
    alice.sees("everyone bob     lunch!").type("/msg nobody hello?").sees(
        "Nobody called nobody is here", "Not sent: hello?"
    )
    alice.type("/users?").sees("alice (you)")


def test_an_announcement_from_a_script_is_a_panel(chat: Chat, broker: BrokerProcess) -> None:
    alice = chat("alice")
    run = confab("announce", "Deploy at five", "--title", "CI", "--priority", "urgent", "--as", "ops", home=broker.home)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
    alice.sees("URGENT ANNOUNCEMENT: CI", "║ Deploy at five", "ops to everyone")


def test_rooms_and_the_prompt(chat: Chat) -> None:
    alice = chat("alice").type("/join #ops").sees("You are talking to #ops")
    alice.prompts("#ops ›")
    alice.type("only we").sees("#ops     alice   only we").type("/rooms").sees("you are in it")
    alice.type("/history").sees("history of #ops")
    alice.type("/to bob").prompts("@bob ›")
    alice.type("/to #general").type("/leave #ops").sees("You left #ops")


def test_a_taken_nick_asks_for_another_and_goes_on(chat: Chat, broker: BrokerProcess, tmp_path: Path) -> None:
    chat("alice")
    other = chat("alice", home=tmp_path, ready="The nick alice is taken", CONFAB_BROKER=broker.invite)
    other.prompts("nick ›")
    other.type("still not one").sees("A nick is 1 to 24").type("alison").sees("You are alison", "/quit leaves")
    other.type("hello").sees("#general alison  hello")


def test_a_flag_is_its_letters_in_the_input_line_and_sent_as_it_is(chat: Chat) -> None:
    alice = chat("alice").keys("to 🇩🇪!").prompts("#general › to DE!").keys("\x7f\r")
    alice.until(lambda: "to 🇩🇪".encode() in alice.raw)


def test_ctrl_c_clears_the_line_and_when_there_is_none_says_how_to_leave(chat: Chat) -> None:
    alice = chat("alice").keys("never mind")
    alice.prompts("#general › never mind").keys("\x03").prompts("#general ›")
    assert b"or Ctrl-D" not in alice.raw
    alice.keys("\x03").sees("/quit or Ctrl-D").prompts("#general ›")


@pytest.mark.parametrize("leave", ["\x04", "/quit\r", "-q\r"])
def test_leaving_frees_the_nick_at_once_and_the_others_see_it(chat: Chat, tmp_path: Path, leave: str) -> None:
    bob = chat("bob")
    alice = chat("alice").keys(leave)
    assert alice.ends() == 0
    assert "Bye." in alice.text
    bob.sees("alice left")


def test_a_line_with_a_letter_in_it_is_not_left_by_ctrl_d(chat: Chat) -> None:
    alice = chat("alice").keys("a\x04b")
    alice.prompts("#general › ab")


def test_a_paste_of_several_lines_is_one_message(chat: Chat, broker: BrokerProcess) -> None:
    alice = chat("alice").paste("one\r\n  two [bold]x[/]\r\rfour")
    alice.sees("#general › one", "… four")
    alice.keys("\r").sees("#general alice   one")
    run = confab("history", "#general", "--limit", "1", "--json", home=broker.home)
    assert r'"body": "one\n  two [bold]x[/]\n\nfour"' in run.stdout


def last_said(broker: BrokerProcess) -> str:
    """The text of the latest message in #general."""
    run = confab("history", "#general", "--limit", "1", "--json", home=broker.home)
    return str(json.loads(run.stdout)["body"])


def test_alt_enter_begins_a_line_of_the_same_message(chat: Chat, broker: BrokerProcess) -> None:
    alice = chat("alice").keys("one\x1b\r\x1b\rthree").sees("#general › one").prompts("         … three")
    alice.keys("\x1b[A\x1b[Atwo: \x01\x1b[B").type("").sees("three")
    until(lambda: last_said(broker) == "onetwo: \n\nthree")


def test_a_burst_of_messages_leaves_the_line_alone(chat: Chat, broker: BrokerProcess) -> None:
    """Several lines with the cursor in their midst, and keys that come between the messages."""
    alice = chat("alice").paste("first\nsecond").keys("\x1b[D" * 3)
    with Client("bob", broker=broker.invite, home=broker.home) as bob:
        for number in range(500):
            bob.send("#general", f"burst {number}.")
            if number % 25 == 0:
                alice.keys("x").sees(f"burst {number}.")
        alice.sees("burst 499.", "#general › first").prompts(f"         … sec{'x' * 20}ond")
    assert alice.raw.count(b"burst ") == 500
    alice.keys("\r").sees("alice   first")
    assert last_said(broker) == f"first\nsec{'x' * 20}ond"


def test_a_window_of_another_size_keeps_several_lines(chat: Chat, broker: BrokerProcess) -> None:
    long = "wide " * 20
    alice = chat("alice").paste(f"{long}\n你好 👋\nend")
    for columns, rows in ((40, 15), (200, 60), (60, 20)):
        alice.resize(columns, rows)
        alice.keys("!").sees("#general › wide", "… 你好 👋").until(lambda: alice.prompt.startswith("         … end!"))
    alice.prompts("         … end!!!").keys("\r").sees("alice")
    until(lambda: last_said(broker) == f"{long}\n你好 👋\nend!!!")


def test_a_megabyte_pasted_is_refused_in_words_and_loses_nothing(chat: Chat) -> None:
    alice = chat("alice").keys("kept ").paste("x" * 1_000_000).sees("1,000,000 bytes", "at most 64 KiB")
    alice.prompts("#general › kept")


def test_what_others_send_does_not_act_on_the_terminal(chat: Chat, broker: BrokerProcess) -> None:
    alice = chat("alice")
    evil = "\x1b]0;owned\x07\x1b[2J[bold]x[/]\x9b31m\u202e"
    assert confab("send", "alice", evil, "--as", "eve", home=broker.home).returncode == 0
    alice.sees("␛]0;owned␇␛[2J[bold]x[/]�31m", "You are alice")
    assert alice.display.title == ""


def test_invalid_utf8_from_the_keyboard_is_told(chat: Chat) -> None:
    chat("alice").type("caf\udce9").sees("not valid UTF-8")


def test_a_wrong_command_and_help(chat: Chat) -> None:
    alice = chat("alice").type("/mgs bob secret").sees("Did you mean /msg")
    assert "secret" not in alice.text
    alice.type("-comms").sees("/unban NICK", "down server", "-q")


def test_tab_completes_commands_and_nicks(chat: Chat) -> None:
    chat("bob")
    alice = chat("alice").keys("/ms\tbo\thi")
    alice.prompts("#general › /msg bob hi")


def test_tab_completes_emoji(chat: Chat) -> None:
    alice = chat("alice").keys("done :tad\t! :smil\t").sees("😄 :smile:", "😃 :smiley:")
    alice.prompts("#general › done 🎉! :smil").keys("e:\t").prompts("#general › done 🎉! 😄")


def test_arrow_up_brings_a_line_back(chat: Chat) -> None:
    alice = chat("alice").type("/msg nobody again").sees("Not sent: again").keys("\x1b[A")
    alice.prompts("#general › /msg nobody again")


def test_arrow_up_brings_lines_of_an_earlier_run_back(chat: Chat, tmp_path: Path) -> None:
    with running_broker(tmp_path):
        alice = chat("alice", home=tmp_path).paste("two\nlines").type("").sees("#general alice   two")
        alice.type("/quit").ends()
        again = chat("alice", home=tmp_path).keys("\x1b[A").prompts("#general › /quit")
        again.keys("\x1b[A").prompts("         … lines")


def test_a_line_half_typed_outlives_a_kill_until_it_is_sent(chat: Chat, tmp_path: Path) -> None:
    with running_broker(tmp_path):
        draft = tmp_path / "profiles" / "alice" / "window-0.draft"
        alice = chat("alice", home=tmp_path).keys("half a\x1b\rth")
        until(lambda: draft.exists() and "th" in draft.read_text())
        alice.process.kill()
        alice.ends()
        again = chat("alice", home=tmp_path).sees("#general › half a").prompts("         … th")
        again.type("ought").sees("#general alice   half a")
        until(lambda: not draft.exists())
        again.keys("another").prompts("#general › another").process.send_signal(signal.SIGHUP)
        assert again.ends() == 0
        third = chat("alice", home=tmp_path).prompts("#general › another")
        third.keys("\x03").type("/quit").ends()
        chat("alice", home=tmp_path).prompts("#general ›")


def test_a_disk_that_keeps_nothing_is_told_once_and_the_console_goes_on(chat: Chat, tmp_path: Path) -> None:
    with running_broker(tmp_path):
        (tmp_path / "profiles" / "alice" / "typed").mkdir(parents=True)
        alice = chat("alice", home=tmp_path).sees("What you type is not kept for the next start (Is a directory).")
        alice.type("one").sees("alice   one").type("two").sees("         two").keys("\x1b[A\x1b[A")
        alice.prompts("#general › one").keys("\x03").type("/quit")
        assert alice.ends() == 0
        assert alice.raw.count(b"not kept for") == 1


def test_a_nick_that_was_asked_for_is_no_draft(chat: Chat, broker: BrokerProcess, tmp_path: Path) -> None:
    chat("alice")
    other = chat("alice", home=tmp_path, ready="The nick alice is taken", CONFAB_BROKER=broker.invite)
    other.keys("alison").prompts("nick › alison").process.send_signal(signal.SIGTERM)
    other.ends()
    assert not list(tmp_path.rglob("*.draft"))


def test_what_was_half_typed_comes_back_once_a_nick_is_found(chat: Chat, broker: BrokerProcess, tmp_path: Path) -> None:
    draft = tmp_path / "profiles" / "nadia" / "window-0.draft"
    nadia = chat("nadia", home=tmp_path, CONFAB_BROKER=broker.invite).keys("half a th")
    until(lambda: draft.exists() and "half a th" in draft.read_text())
    nadia.process.send_signal(signal.SIGTERM)
    assert nadia.ends() == 0
    with Client("nadia", broker=broker.invite, home=broker.home, quiet=False) as other:
        other.wait_connected(DEADLINE)
        again = chat("nadia", home=tmp_path, ready="The nick nadia is taken", CONFAB_BROKER=broker.invite)
        again.prompts("nick › half a th")
        again.keys("\x03").prompts("nick ›").type("nadine").prompts("#general › half a th")
        again.process.kill()
    assert "half a th" in draft.read_text()


def test_a_narrower_window_keeps_the_line_readable(chat: Chat) -> None:
    alice = chat("alice").keys("typed before")
    alice.prompts("#general › typed before")
    alice.resize(40, 20)
    alice.keys(" and after").prompts("#general › typed before and after")
    alice.type("").sees("and after")
    assert all(len(row.rstrip()) <= 40 for row in alice.display.display)


def test_a_message_to_oneself_comes_once_with_a_joke(chat: Chat) -> None:
    alice = chat("alice").type("/msg alice buy milk")
    alice.until(lambda: any(word in alice.text for word in ("walk", "outside")))
    assert alice.text.count("buy milk") == 1


def test_the_broker_away_and_back(chat: Chat, tmp_path: Path) -> None:
    with running_broker(tmp_path) as first:
        alice = chat("alice", home=tmp_path)
        first.kill()
        alice.sees("The broker is away").type("typed meanwhile").sees("Waiting for the broker: typed meanwhile")
        alice.until(lambda: "(connecting…) ›" in alice.prompt)
        with running_broker(tmp_path, first.endpoint):
            alice.sees("The broker is back, and you are alice", "#general alice   typed meanwhile")
            alice.type("/quit")
            assert alice.ends() == 0


def test_no_broker_at_the_start_is_told_and_leaving_names_what_was_not_sent(chat: Chat, broker: BrokerProcess) -> None:
    alice = chat("alice", ready="No broker yet", CONFAB_BROKER="tcp://127.0.0.1:1")
    alice.type("anyone?").sees("Waiting for the broker").keys("\x04").sees("Not sent", "anyone?")
    assert alice.ends() == 4


def test_what_was_typed_before_the_console_was_killed_goes_out_once(chat: Chat, tmp_path: Path) -> None:
    with running_broker(tmp_path) as first:
        alice = chat("alice", home=tmp_path).type("before").sees("#general alice   before")
        first.kill()
        alice.sees("The broker is away").type("one").type("two")
        [slot] = tmp_path.glob("profiles/alice/window-0.db")
        with closing(sqlite3.connect(slot)) as kept:
            until = time.monotonic() + DEADLINE
            while kept.execute("SELECT count(*) FROM unanswered").fetchone() != (2,):
                assert time.monotonic() < until
        alice.process.kill()
        alice.ends()
    again = chat("alice", home=tmp_path, ready="2 messages from last time had no answer yet, and will be sent")
    again.sees("Waiting for the broker: one", "No broker yet", "#general (connecting…) ›", "◌ 2 messages")
    again.keys("\x04").sees("Not sent yet, and kept", "two")
    assert again.ends() == 4
    with running_broker(tmp_path, first.endpoint) as second:
        third = chat("alice", home=tmp_path).sees("#general alice   one", f"\n{HEAD}two")
        third.type("/quit")
        assert third.ends() == 0
        assert "last time" not in chat("alice", home=tmp_path).text
        stored = [json.loads(line)["body"] for line in second.run("export").splitlines()]
        assert stored == ["before", "one", "two"]


def test_who_is_back_is_shown_what_was_missed_and_how_much(chat: Chat, tmp_path: Path) -> None:
    with running_broker(tmp_path) as first:
        alice = chat("alice", home=tmp_path)
        assert confab("send", "*", "seen", "--as", "bob", home=tmp_path).returncode == 0
        alice.sees("everyone bob     seen").process.kill()
        alice.ends()
        for text in ("one", "two"):
            assert confab("send", "*", text, "--as", "bob", home=tmp_path).returncode == 0
        again = chat("alice", home=tmp_path).sees(
            "while you were away", "bob     one", f"\n{HEAD}two", "now; 2 messages missed"
        )
        assert "seen" not in again.text
        first.kill()
        again.sees("The broker is away")
        with running_broker(tmp_path, first.endpoint):
            again.sees("The broker is back, and you are alice.").type("hello").sees("#general alice   hello")


def test_a_script_waits_until_so_many_people_were_shown_it(chat: Chat, tmp_path: Path) -> None:
    with running_broker(tmp_path):
        chat("bob", home=tmp_path), chat("carol", home=tmp_path)
        script = ("announce", "at five", "--as", "ci", "--json", "--timeout")
        both = confab(*script, "15", "--wait", "read:2", home=tmp_path)
        assert (both.returncode, both.stderr) == (0, "")
        assert json.loads(both.stdout) | {"seq": 0} == {
            "seq": 0,
            "to": "*",
            "delivered": ["bob", "carol"],
            "read": ["bob", "carol"],
        }
        more = confab(*script, "1", "--wait", "read:3", home=tmp_path)
        assert more.returncode == 7
        assert "It is accepted as number" in more.stderr
        assert "read by only 2 of 3 in time: bob, carol." in more.stderr


def test_a_person_sees_who_read_it_and_may_read_unseen(chat: Chat, tmp_path: Path) -> None:
    with running_broker(tmp_path):
        alice, bob = chat("alice", home=tmp_path), chat("bob", home=tmp_path)
        alice.type("/msg bob psst").sees("@bob: read").type("/receipts").sees("psst", "read", "Others may learn")
        bob.type("/receipts off").sees("Nobody learns what you have read")
        alice.type("/msg bob again").sees("@bob: delivered")
        script = ("send", "bob", "third", "--as", "ci", "--timeout", "1", "--wait")
        unseen = confab(*script, "read", home=tmp_path)
        assert (unseen.returncode, "read by nobody in time" in unseen.stderr) == (7, True)
        assert confab(*script, "delivered", home=tmp_path).returncode == 0
        bob.type("/quit").ends()
        bob = chat("bob", home=tmp_path).type("/receipts").sees("Nobody learns what you have read")
        bob.type("/receipts on").sees("Others may learn")
        assert confab(*script, "read", home=tmp_path).returncode == 0
        assert "@bob: read" not in alice.prompt


def test_an_admin_kicks_and_takes_the_broker_down(chat: Chat, tmp_path: Path) -> None:
    with running_broker(tmp_path) as broker:
        root, bob, carol = chat("root", home=tmp_path), chat("bob", home=tmp_path), chat("carol", home=tmp_path)
        bob.type("/kick root").sees("Only moderators")
        broker.run("grant", "root", "admin")
        root.type("/kick bob too loud").sees("bob was kicked out")
        assert bob.sees("too loud").ends() == 6
        root.type("down server")
        carol.sees("took the broker down")
        assert broker.process.wait(20) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_politely(chat: Chat, number: signal.Signals) -> None:
    bob = chat("bob")
    alice = chat("alice")
    alice.process.send_signal(number)
    assert alice.ends() == 0
    bob.sees("alice left")


def test_a_closed_window_ends_it_and_frees_the_nick(chat: Chat) -> None:
    bob = chat("bob")
    chat("alice").hang_up()
    bob.sees("alice left")


def test_a_dumb_terminal_gets_plain_lines(chat: Chat) -> None:
    bob = chat("bob")
    alice = chat("alice", TERM="dumb").keys("plain words\n").sees("you in #general at ")
    bob.sees("#general alice   plain words")
    assert b"\x1b[" not in alice.raw
    alice.keys("\x04")
    assert alice.ends() == 0


def test_a_pipe_is_read_to_its_end(broker: BrokerProcess) -> None:
    script = "from a pipe\n\n-to nobody x\nbad \udcff\n/who\n".encode(errors="surrogateescape")
    run = confab("chat", "piper", home=broker.home, stdin=script)
    assert run.returncode == 0
    assert run.stderr == ""
    for text in (
        "you in #general at ",
        "from a pipe",
        "Nobody called nobody",
        "not valid UTF-8",
        "piper (you)",
        "Bye.",
    ):
        assert text in run.stdout


def test_what_follows_the_leaving_in_a_pipe_is_not_sent(broker: BrokerProcess) -> None:
    run = confab("chat", "piper", home=broker.home, stdin=b"before\n-q\nafter\n")
    assert run.returncode == 0
    assert "before" in run.stdout
    assert "after" not in run.stdout
    history = confab("history", "#general", home=broker.home)
    assert "piper: before" in history.stdout
    assert "piper: after" not in history.stdout


def test_a_reader_that_has_seen_enough_ends_it_quietly(broker: BrokerProcess) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "client", "chat", "piper"],
        cwd=TREE,
        env=environment(CONFAB_HOME=str(broker.home)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with process:
        assert process.stdout
        assert process.stdin
        assert process.stderr
        assert b"You are piper" in process.stdout.readline()
        process.stdout.close()
        process.stdin.write(b"/help\n")
        process.stdin.flush()
        assert process.wait(DEADLINE) == 0
        assert process.stderr.read() == b""


def test_the_status_line_tells_what_waits_and_leaves_the_line_alone(chat: Chat, broker: BrokerProcess) -> None:
    alice = chat("alice").keys("half a th")
    with Client("bob", broker=broker.invite, home=broker.home, quiet=False) as bob:
        bob.send("@alice", "psst").wait(DEADLINE)
        alice.sees("#general  @bob 1!", " ms").prompts("#general › half a th")
        bob.writes("#general")
        alice.sees("bob is writing…").prompts("#general › half a th")
        bob.announce("Leave by the stairs", title="Fire", priority="urgent").wait(DEADLINE)
        alice.sees(" ▲ bob: Fire: Leave by the stairs").prompts("#general › half a th")
        alice.keys("\x1ba").prompts("@bob › half a th").keys("\x03").type("/ack").sees("is acknowledged")
    assert "▲" not in alice.text
    assert b"\a" in alice.raw
