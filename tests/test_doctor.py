"""`confab doctor`: what it says of set-ups that are well, and of those that are not; and that it changes none."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from client import Client, probe
from client.cli import main
from client.doctor import folders, programs
from client.doctor.finding import Finding
from messages import Home, key_text
from tests.processes import BrokerProcess, Terminal, running_broker

BUSY = ("log.db-shm", "log.db-wal", "index.db", "index.db-shm", "index.db-wal")  # of a broker at work
Findings = list[dict[str, Any]]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    with running_broker(tmp_path_factory.mktemp("home")) as broker:
        with Client("alice", home=broker.home, keep=True, quiet=False) as alice:
            alice.send("#general", "hello").wait(10)
        broker.told("left")
        yield broker


@pytest.fixture
def home(broker: BrokerProcess, tmp_path: Path) -> Path:
    """A copy of a home, whose broker is not at work."""
    shutil.copytree(broker.home, tmp_path / "home")
    (tmp_path / "home" / "broker" / "log.db-shm").unlink(missing_ok=True)
    return tmp_path / "home"


@pytest.fixture
def doctor(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, Findings]]:
    """Run it, and see that nothing in the home is another than before."""

    def run(home: Path, *arguments: str) -> tuple[int, Findings]:
        before = contents(home)
        status = main(["doctor", "--json", "--home", str(home), *arguments])
        assert contents(home) == before
        return status, [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return run


def contents(home: Path) -> dict[str, tuple[int, bytes]]:
    """Everything that lies there: mode and bytes."""
    return {
        str(path): (
            path.stat().st_mode,
            path.read_bytes() if path.is_file() and path.name not in BUSY else b"",
        )
        for path in [home, *home.rglob("*")]
        if path.exists()
    }


def wrong(findings: Findings) -> dict[str, str]:
    """What is no good, by what was looked at."""
    return {each["check"]: f"{each['text']} {each['advice']}" for each in findings if each["level"] != "ok"}


def test_a_set_up_that_is_well(doctor: Any, broker: BrokerProcess) -> None:
    status, findings = doctor(broker.home)
    assert (status, wrong(findings)) == (0, {})
    told = " ".join(each["text"] for each in findings)
    for text in (
        "It is at work.",
        "are whole and in their order",
        "proved its key",
        "lets newcomers in",
        broker.endpoint,
    ):
        assert text in told


def test_it_becomes_nobody_at_the_broker(doctor: Any, broker: BrokerProcess) -> None:
    before = broker.run("verify"), len(broker.lines)
    doctor(broker.home)
    broker.told("refused", code="nick_invalid")
    assert broker.run("verify") == before[0]
    assert {line["event"] for line in broker.lines[before[1] :]} == {"refused"}


def test_where_nothing_is_yet_it_makes_nothing(doctor: Any, tmp_path: Path) -> None:
    status, findings = doctor(tmp_path / "new")
    assert status == 1
    assert wrong(findings).keys() == {"broker"}
    assert "Start one with `make broker`" in wrong(findings)["broker"]
    assert not (tmp_path / "new").exists()


def spoil_key(home: Path) -> None:
    (home / "profiles" / "alice" / "key").write_text("garbage\n")


def spoil_kept(home: Path) -> None:
    (home / "profiles" / "alice" / "window-0.db").write_bytes(b"no database at all")
    (home / "profiles" / "alice" / "window-0.db-wal").unlink(missing_ok=True)


def spoil_log(home: Path) -> None:
    (home / "broker" / "log.db-wal").unlink(missing_ok=True)
    (home / "broker" / "log.db").write_bytes(b"no database at all")


def at_alices(name: str) -> Callable[[Path], Path]:
    return lambda home: home / "profiles" / "alice" / name


WRONG: tuple[tuple[Callable[[Path], object], str, str], ...] = (  # all of it at once
    (spoil_key, "profiles", "Put back a copy of it, or remove it"),
    (lambda home: at_alices("key")(home).chmod(0o644), "permissions", "(mode 644). Run `chmod go= "),
    (lambda home: home.chmod(0o777), "permissions", "(mode 777). Run `chmod go-w "),
    (spoil_kept, "profiles", "what it had not sent is lost"),
    (lambda home: at_alices("window-0.aside-1.db")(home).touch(0o600), "profiles", "was put aside"),
    (lambda home: (home / "profiles" / "bob").mkdir(0o700), "profiles", "has no key"),
    (lambda home: (home / "settings.toml").write_text("keywords = 1"), "settings", "Mend or remove that line"),
    (lambda home: (home / "known.json").write_text("{"), "brokers", "give each broker's invite once more"),
    (spoil_log, "broker here", "confab-broker repair"),
    (lambda home: (home / "broker" / "local.json").write_text("{"), "broker", "starting the broker writes it anew"),
)


def test_what_is_wrong_is_told_with_what_to_do(doctor: Any, home: Path) -> None:
    *_, healthy = doctor(home)
    assert wrong(healthy) == {}, "the negative control: the running broker is reached by this copy too"
    for spoil, _check, _text in WRONG:
        spoil(home)
    status, findings = doctor(home)
    assert status == 1
    for _spoil, check, text in WRONG:
        [told, *_more] = [
            each for each in findings if each["check"] == check and text in f"{each['text']} {each['advice']}"
        ]
        assert told["level"] != "ok"
        assert str(home) in told["text"] or check == "broker here"


def test_a_file_where_the_profiles_should_be(doctor: Any, home: Path) -> None:
    """The console cannot start then, and says so."""
    (home / "profiles").rename(home / "elsewhere")
    (home / "profiles").touch(0o600)
    status, findings = doctor(home)
    assert status == 1
    assert wrong(findings) == {"profiles": f"{home / 'profiles'} is no folder. Move it away."}


def test_a_log_that_is_gone(doctor: Any, home: Path) -> None:
    (home / "broker" / "log.db").unlink()
    status, findings = doctor(home)
    assert status == 1
    assert f"{home / 'broker' / 'key.json'} is here, but the log is gone" in wrong(findings)["broker here"]


def test_a_home_that_is_a_file(doctor: Any, tmp_path: Path) -> None:
    (tmp_path / "home").touch()
    status, findings = doctor(tmp_path / "home")
    assert status == 1
    assert "is no folder" in wrong(findings)["home"]


def test_nobody_answers(doctor: Any, home: Path) -> None:
    with socket.socket() as probing:
        probing.bind(("127.0.0.1", 0))
        nobody = f"tcp://127.0.0.1:{probing.getsockname()[1]}"
    status, findings = doctor(home, "--broker", nobody)
    assert (status, wrong(findings).keys()) == (1, {"connection"})
    assert (
        wrong(findings)["connection"] == f"Nobody answers at {nobody}. Start it with `make broker` or `confab-broker`."
    )


def test_another_broker_than_the_invite_says(doctor: Any, broker: BrokerProcess, tmp_path: Path) -> None:
    other = broker.invite.rpartition("/")[0] + "/" + key_text(b"x" * 32)
    status, findings = doctor(tmp_path, "--broker", other)
    assert status == 1
    told = wrong(findings)["connection"]
    assert "is not the one you expect: its fingerprint should be" in told
    assert "firewall" not in told, "it was reached"


def test_another_protocol(doctor: Any, broker: BrokerProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "PROTOCOL", 99)
    status, findings = doctor(broker.home)
    assert status == 1
    assert "This broker speaks protocol 1, you spoke 99" in wrong(findings)["protocol"]


def test_a_broker_that_lets_in_only_whom_it_knows_is_no_problem(doctor: Any, broker: BrokerProcess) -> None:
    broker.run("policy", "access", "closed")
    try:
        status, findings = doctor(broker.home)
    finally:
        broker.run("policy", "access", "open")
    assert (status, wrong(findings)) == (0, {})
    assert "lets in only who is known there" in findings[-1]["text"]


def test_a_home_that_may_not_be_looked_at_is_a_finding_and_not_the_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", "--json", "--home", str(tmp_path / ("x" * 300))]) == 1
    findings = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert "File name too long" in wrong(findings)["home"]
    assert findings[-1]["check"] == "broker", "all else is looked at too"


def test_the_brokers_secret_is_not_copied_to_look_at_its_log(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copied: dict[str, bytes] = {}

    def verified(check: str, home: Home, where: Home) -> Finding:
        copied.update({path.name: path.read_bytes() for path in where.broker.iterdir()})
        return Finding("ok", check, "")

    monkeypatch.setattr(folders, "_verified", verified)
    assert [*folders.check_home(Home(home))]
    assert copied["log.db"] == (home / "broker" / "log.db").read_bytes(), "the control"
    assert copied["key.json"] == b""


def test_libraries_that_are_old_or_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    needed = ["rich>=999.1", "no-such-library>=2", "msgspec>=0.1", 'pytest>=999; extra == "dev"']
    monkeypatch.setattr(metadata, "requires", lambda name: needed)
    found = [each for each in programs.check_programs() if each.check == "libraries"]
    assert [each.level for each in found] == ["problem", "problem", "ok"]
    assert "999.1 is needed" in found[0].text
    assert "-m pip install --upgrade 'rich>=999.1'" in found[0].advice
    assert found[1].text == "no-such-library is missing."
    monkeypatch.setattr(programs, "CURVE", False)
    assert ["lacks CURVE" in each.text for each in programs.check_programs() if each.check == "libzmq"] == [True]


def test_what_is_needed_is_what_the_package_says() -> None:
    """Every requirement of ours is understood, so that none is left out unseen."""
    always = [line for line in metadata.requires("confab") or [] if "extra" not in line]
    assert len(always) == len([*programs._requirements(always)]) > 4


def test_at_a_terminal_it_fits_and_is_marked(tmp_path: Path) -> None:
    terminal = Terminal("-m", "client", "doctor", columns=38, rows=80, CONFAB_HOME=str(tmp_path))
    try:
        assert terminal.ends() == 1
        terminal.sees("✓ SQLite", "! terminal     38 columns, 80 rows.", "✗ broker", "1 problem, 1 warning.")
    finally:
        terminal.close()


def test_in_letters_of_old_and_on_a_dumb_terminal(tmp_path: Path) -> None:
    old = {"PYTHONIOENCODING": "ascii", "TERM": "dumb", "CONFAB_HOME": str(tmp_path)}
    terminal = Terminal("-m", "client", "doctor", **old)
    try:
        assert terminal.ends() == 1
        terminal.sees("ok      SQLite", "warning terminal", "LANG=C.UTF-8", "PROBLEM broker", "TERM is dumb")
        assert terminal.raw.isascii()
        assert b"\x1b" not in terminal.raw
    finally:
        terminal.close()


def test_it_takes_no_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "me"]) == 2
    assert main(["doctor", "--broker", "tcp://"]) == 2
