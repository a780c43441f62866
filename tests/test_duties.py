"""The commands for those with a role, at the console and in the shell, with a real broker."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from client import Client, Rejected
from client.console import render
from client.console.commands import obey
from client.console.face_rich import RichFace
from client.console.shown import Shown
from client.console.talk import Talk
from messages import Deleted, Moderated, Ruled

from .processes import DEADLINE, BrokerProcess, environment, running_broker


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[BrokerProcess]:
    with running_broker(tmp_path) as running:
        yield running


def shell(broker: BrokerProcess, *arguments: str, nick: str = "alice", check: bool = True) -> str:
    """What `confab` prints; with `check` it must be accepted."""
    run = subprocess.run(
        [sys.executable, "-m", "client", arguments[0], "--as", nick, *arguments[1:]],
        env=environment(CONFAB_HOME=str(broker.home)),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert not check or run.returncode == 0, run.stderr
    return run.stdout if check else f"{run.returncode} {run.stderr}"


def test_a_day_of_a_moderator_in_the_shell(broker: BrokerProcess) -> None:
    """Mute, delete, close, lock, kick, ban, and the trail of it all; and who may not is told with exit code 6."""
    with Client("bob", home=broker.home, quiet=False) as bob:
        seq = bob.send("#general", "rubbish").wait(DEADLINE)
        shell(broker, "who")
        assert shell(broker, "kick", "bob", check=False).startswith("6 confab: Only moderators")
        broker.run("grant", "alice", "admin")
        shell(broker, "mute", "bob", "too", "loud", "--for", "10m")
        with pytest.raises(Rejected, match=r"alice muted you for another .* minutes: too loud"):
            bob.send("#general", "more").wait(DEADLINE)
        shell(broker, "unmute", "bob")
        shell(broker, "delete", str(seq), "off", "topic")
        assert shell(broker, "history", "#general") == ""
        shell(broker, "close", "#general", "moved", "--for", "1h")
        with pytest.raises(Rejected, match="#general is closed: moved"):
            bob.send("#general", "more").wait(DEADLINE)
        shell(broker, "reopen", "#general")
        shell(broker, "rules", "#general", "topic", "All", "things")
        assert "topic      All things" in shell(broker, "rules", "#general")
        shell(broker, "lock", "raid", "--for", "1h")
        assert "nobody new at present: raid" in shell(broker, "who", nick="eve", check=False)
        shell(broker, "unlock")
        for slip in (
            ["lock", "off"],
            ["close", "#general", "off"],
            ["unmute", "bob", "now"],
            ["unlock", "thanks"],
            ["mute", "bob", "--for", "99999d"],
            ["rules", "acess"],
        ):
            assert shell(broker, *slip, check=False).startswith("2 "), slip
        shell(broker, "kick", "bob", "enough")
        with pytest.raises(Rejected, match="You were kicked by alice: enough"):
            list(bob.messages(DEADLINE))
    shell(broker, "ban", "192.0.2.0/24", "--for", "1h")
    trail = [json.loads(line) for line in shell(broker, "audit", "--json").splitlines()]
    assert [(deed["what"], deed["whom"]) for deed in trail] == [
        ("granted", "alice"),
        ("muted", "bob"),
        ("unmuted", "bob"),
        ("removed", f"message {seq}"),
        ("ruled", "#general"),
        ("ruled", "#general"),
        ("ruled", "#general"),
        ("ruled", "the broker"),
        ("ruled", "the broker"),
        ("kicked", "bob"),
        ("barred", "192.0.2.0/24"),
    ]
    assert {deed["by"] for deed in trail} == {"operator", "alice"}
    assert "alice кик bob (enough)" in shell(broker, "audit", "--lang", "ru")
    assert "until" in trail[-1]
    assert broker.run("audit", "--json").count("\n") == len(trail)


def test_an_invite_lets_one_in_and_a_refused_client_stops(broker: BrokerProcess, tmp_path: Path) -> None:
    broker.run("policy", "access", "invite")
    for slip in (["create", "5"], ["list", "--uses", "5"], ["revoke", "5", "--role", "admin"], ["revoke"]):
        with pytest.raises(subprocess.CalledProcessError) as refused:
            broker.run("invite", *slip)
        assert refused.value.returncode == 1
        assert re.search("takes no|Which invite", refused.value.stderr)
    assert broker.run("invite", "list") == ""
    invite = broker.run("invite", "create", "--expires", "1h", "--role", "announcer").strip()
    with Client("carol", broker=invite, home=tmp_path / "carol") as carol:
        assert (carol.wait_connected(DEADLINE).role, carol.role) == ("announcer", "announcer")
    with (
        Client("eve", broker=invite, home=tmp_path / "eve") as eve,
        pytest.raises(Rejected, match="used as often as it may be"),
    ):
        eve.wait_connected(DEADLINE)
    with Client("carol", broker=invite.rpartition("/")[0], home=tmp_path / "carol") as carol:
        assert carol.wait_connected(DEADLINE).role == "announcer", "known from then on"


def test_offline_the_operator_goes_by_the_same_rules(tmp_path: Path) -> None:
    """Rules, roles and invites are set while no broker runs, refused in the same words, and hold at the next start."""
    with running_broker(tmp_path) as broker, Client("ann", home=broker.home) as ann:
        ann.wait_connected(DEADLINE)
    assert broker.run("grant", "ann", "moderator") == "ann is moderator now.\n"
    assert broker.run("policy", "access", "closed") == "access     closed\n"
    with pytest.raises(subprocess.CalledProcessError) as caught:
        broker.run("policy", "access", "ajar")
    assert "access cannot be that. It may be open, invite or closed." in caught.value.stderr
    with running_broker(tmp_path, broker.endpoint) as again, Client("ann", home=again.home) as ann:
        assert ann.wait_connected(DEADLINE).role == "moderator"
        with Client("eve", home=again.home) as eve, pytest.raises(Rejected, match="only those whose key it knows"):
            eve.wait_connected(DEADLINE)


# --- at the console --------------------------------------------------------------------------------------------------


@pytest.fixture
def console(broker: BrokerProcess) -> Iterator[tuple[Talk, list[str]]]:
    """A talk of an admin with a real broker, and all that it shows as plain text."""
    import queue

    shown: list[str] = []
    calls: queue.Queue = queue.Queue()
    printer = render.terminal(force_terminal=False)
    printer.width = 120
    draw = RichFace(printer)

    def show(*things: Shown) -> None:
        shown.append(draw(things) or "")

    with Client("alice", home=broker.home, quiet=False) as chat:
        chat.wait_connected(DEADLINE)
        broker.run("grant", "alice", "admin")
        talk = Talk(chat, show, calls.put, lambda: None)
        talk.calls = calls  # type: ignore[attr-defined]
        talk.start(lambda item: calls.put(lambda: talk.happened(item)))
        yield talk, shown


def type_line(console: tuple[Talk, list[str]], line: str, sees: str) -> str:
    """Type a line, and wait until the text is shown."""
    talk, shown = console
    before = len(shown)
    obey(talk, line)
    while not any(sees in text for text in shown[before:]):
        talk.calls.get(timeout=DEADLINE)()  # type: ignore[attr-defined]
    return "".join(shown[before:])


def test_every_duty_at_the_console(console: tuple[Talk, list[str]], broker: BrokerProcess) -> None:
    with Client("bob", home=broker.home, quiet=False) as bob:
        seq = bob.send("#general", "rubbish").wait(DEADLINE)
        type_line(console, "/history", f"rubbish  №{seq}")
        type_line(console, "/mute @bob for 10m too loud", "bob is muted for 10 minutes; /unmute bob ends that.")
        type_line(console, "/unmute bob", "bob may speak again.")
        type_line(console, f"/delete №{seq} rude", f"Message {seq} is shown no more.")
        type_line(console, "/delete xyz", "Which message?")
        type_line(console, "/delete", "You have said nothing yet")
        type_line(console, "/rule rate 50", "alice set rate here to 50.")
        assert "50" in type_line(console, "/rule", "rate")
        type_line(console, "/topic Deploys", "alice set the topic of #general: Deploys")
        type_line(console, "/topic", "#general: Deploys")
        type_line(console, "/close for 2h moved to #dev", "alice closed #general for 2 hours: moved to #dev.")
        type_line(console, "/reopen", "alice opened #general again.")
        type_line(console, "/lock", "alice locked the broker")
        type_line(console, "/unlock", "alice unlocked the broker.")
        type_line(console, "/grant bob member", "bob is member now.")
        type_line(console, "/grant bob king", "Roles are guest, member,")
        assert "confab://" in type_line(console, "/invite 3 for 24h as announcer", "confab://")
        type_line(console, "/invite many", "It goes like this")
        assert "3 × announcer" in type_line(console, "/invites", "announcer")
        type_line(console, "/uninvite x", "Which one?")
        type_line(console, "/admit bob", "bob may enter #general.")
        for order in (("#general", "bob"), ("bob", "#general")):
            shell(broker, "admit", *order)
        type_line(console, "/ban 192.0.2.1 for 1h flood", "192.0.2.1 is banned for 60 minutes")
        type_line(console, "/unban 192.0.2.1", "may come in again")
        type_line(console, "/kick bob enough", "bob was kicked out.")
        type_line(console, "/transfer bob nobody", "nobody is neither a key")
        trail = type_line(console, "/audit", "granted")
        assert all(word in trail for word in ("muted", "removed", "kicked", "barred", "topic: Deploys", "too loud"))
        type_line(console, "/audit 0", "/audit takes")


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (Ruled("#ops", "topic", "News", "al"), "al set the topic of #ops: News"),
        (Ruled("#ops", "closed", "moved", "al"), "al closed #ops: moved."),
        (Ruled("#ops", "closed", "off", "al"), "al opened #ops again."),
        (
            Ruled("*", "locked", "raid", "al", "", 3600.0),
            "al locked the broker for 60 minutes, so nobody new comes in: raid.",
        ),
        (Ruled("#ops", "closed", "off", "the broker"), "the broker opened #ops again."),
        (Ruled("*", "rate", "5", "al"), "al set rate here to 5."),
        (Moderated("muted", "al", "", "loud", 600.0), "al muted you for 10 minutes: loud."),
        (Moderated("granted", "al", "admin"), "You are admin now, by al."),
        (Moderated("opened", "al", "#x"), "al let you into #x"),
        (Deleted(7, "al", "leak"), "al deleted message 7: leak."),
    ],
)
def test_what_is_told_of_it(console: tuple[Talk, list[str]], event: object, text: str) -> None:
    talk, shown = console
    talk.happened(event)  # type: ignore[arg-type]
    assert text in " ".join("".join(shown).split())
