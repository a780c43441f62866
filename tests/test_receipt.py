"""What a receipt says, and when: the broker's answer, or why there is none yet or ever."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from client import Client, Closed, NotConfigured, NotReached, Rejected, Unreachable
from client.receipt import Receipt
from messages import (
    BODY_BYTES,
    Address,
    Announce,
    AnyEvent,
    Code,
    Dismissed,
    Hello,
    History,
    HistoryPage,
    InvalidName,
    Post,
    Track,
)
from messages import Rejected as WireRejected
from tests.fake_router import FakeRouter

NOBODY = Address("tcp://127.0.0.1:1", b"k" * 32).invite  # port 1: nothing listens there


@pytest.fixture
def router(tmp_path: Path) -> Iterator[FakeRouter]:
    router = FakeRouter(tmp_path)
    yield router
    router.close()


def test_a_receipt_gives_the_sequence_or_the_refusal_every_time_it_is_asked(router: FakeRouter, tmp_path: Path) -> None:
    with Client("alice", home=tmp_path) as client:
        accepted, refused = client.send("@bob", "hi"), client.send("@nobody", "hi")
        for _ in range(2):
            assert accepted.wait(5) == 1
            with pytest.raises(Rejected, match="Nobody called nobody is here") as caught:
                refused.wait(5)
            assert caught.value.code == Code.NO_SUCH_NICK
        assert accepted.done
        assert refused.done
        assert "answer" not in repr(accepted)
        assert repr(accepted) == "<Receipt for Post: 1>"


def test_without_an_answer_in_time_it_is_a_timeout_and_can_be_waited_for_again(
    router: FakeRouter, tmp_path: Path
) -> None:
    router.answer = lambda command: [] if isinstance(command, Post) else router.polite(command)
    with Client("alice", home=tmp_path) as client:
        client.wait_connected(5)
        receipt = client.send("@bob", "hi")
        with pytest.raises(TimeoutError, match="may still be accepted"):
            receipt.wait(0.01)
        assert not receipt.done
        assert repr(receipt) == "<Receipt for Post: open>"
        router.answer = router.polite
        client.send("@bob", "again").wait(5)
        client.close(0)
    with pytest.raises(Closed):
        receipt.wait(0)


def test_without_a_connection_it_is_unreachable(tmp_path: Path) -> None:
    with Client("alice", broker=NOBODY, home=tmp_path) as client:
        receipt = client.send("@bob", "hi")
        with pytest.raises(Unreachable, match=r"tcp://127\.0\.0\.1:1"):
            receipt.wait(0.05)
        with pytest.raises(Unreachable):
            client.who(timeout=0)
        client.close(0)
        with pytest.raises(Closed, match="before the broker answered"):
            receipt.wait()


def test_while_the_nick_is_refused_waiting_says_so_at_once(router: FakeRouter, tmp_path: Path) -> None:
    refusal = WireRejected(0, Code.NICK_TAKEN, "The nick alice is taken.")

    def answer(command: object) -> object:
        return [refusal] if isinstance(command, Hello) and command.nick == "alice" else router.polite(command)  # type: ignore[arg-type]

    router.answer = answer  # type: ignore[assignment]
    with Client("alice", home=tmp_path) as client:
        receipt = client.send("@bob", "hi")
        for wait in (client.wait_connected, receipt.wait):
            with pytest.raises(Rejected, match="taken"):
                wait(None)
        assert not receipt.done
        client.retry_as("alicia")
        assert client.wait_connected(5).nick == "alicia"
        assert receipt.wait(5) == 1


def test_a_dismissal_ends_every_wait(router: FakeRouter, tmp_path: Path) -> None:
    dismissed = Dismissed(Code.KICKED, "Kicked.")
    router.answer = lambda command: [dismissed] if isinstance(command, Post) else router.polite(command)
    with Client("alice", home=tmp_path) as client:
        receipt = client.send("@bob", "hi")
        with pytest.raises(Rejected, match="Kicked"):
            receipt.wait()
        for use in (client.wait_connected, client.who, lambda: client.send("@bob", "x"), lambda: [*client.messages()]):
            with pytest.raises(Rejected, match="Kicked"):
                use()


@pytest.mark.parametrize(
    ("told", "text"),
    [
        ([], "It is accepted as number 1, but delivered to nobody in time."),
        ([WireRejected(2, Code.NOT_TRACKED, "Cut.")], "as number 1, but who has it cannot be told: Cut."),
        ([Dismissed(Code.KICKED, "Kicked.")], "as number 1, but who has it cannot be told: Kicked."),
    ],
)
def test_what_is_accepted_is_never_called_refused_when_it_does_not_come_as_far_as_was_waited_for(
    router: FakeRouter, tmp_path: Path, told: list[AnyEvent], text: str
) -> None:
    """A script that took it for refused or unanswered would say it a second time."""
    router.answer = lambda command: told if isinstance(command, Track) else router.polite(command)
    with Client("alice", home=tmp_path) as client:
        client.wait_connected(5)
        receipt = client.send("@bob", "hi")
        with pytest.raises(NotReached) as caught:
            receipt.wait(5 if told else 0.5, state="delivered")
        assert text in str(caught.value)
        assert isinstance(caught.value, TimeoutError)
        assert receipt.seq == 1
        client.close(0)


def test_what_cannot_be_sent_is_refused_before_it_is(tmp_path: Path) -> None:
    class Text(str):
        """Not a plain str; the codec would not take it."""

    with Client("alice", broker=NOBODY, home=tmp_path) as client:
        for body in ("x" * (BODY_BYTES + 1), "é" * (BODY_BYTES // 2 + 1)):
            with pytest.raises(Rejected, match="64 KiB, this one has 65 KiB") as caught:
                client.send("@bob", body)
            assert caught.value.code == Code.TOO_LONG
        for refused in (
            lambda: client.send("@bob", "\ud83d"),
            lambda: client.announce("x", title="\udcff"),
            lambda: client.announce("x", priority="loud"),  # type: ignore[arg-type]
            lambda: client.announce("x", title="x" * 200_000),
            lambda: client.down(-1),
            lambda: client.history("@bob", limit=0),
            lambda: client.history("@bob", before=10**30),
        ):
            with pytest.raises(Rejected):
                refused()
        for target in ("", "@", "#", "@a b", "**"):
            with pytest.raises(InvalidName):
                client.send(target, "x")
        with pytest.raises(TypeError, match="must be a str, not bytes"):
            client.send("@bob", b"x")  # type: ignore[arg-type]
        client.send(Text("@bob"), Text("é" * (BODY_BYTES // 2)))
        client.close(0)
        with pytest.raises(Closed):
            client.send("@bob", "x")


@pytest.mark.parametrize(("written", "meant"), [("bob", "@bob"), ("all", "*"), ("Everyone", "*"), ("#Ops", "#ops")])
def test_a_target_may_be_written_as_in_the_shell(router: FakeRouter, tmp_path: Path, written: str, meant: str) -> None:
    def answer(command: Any) -> Any:
        return [HistoryPage(command.number, "", [], None)] if isinstance(command, History) else router.polite(command)

    router.answer = answer
    with Client("alice", home=tmp_path) as client:
        client.send(written, "hi").wait(5)
        client.announce("hi", to=written)
        client.history(written)
    assert [command.to for command in router.heard if isinstance(command, Post | Announce | History)] == [meant] * 3


@pytest.mark.parametrize(
    "wrong", [{"state": "foo"}, {"state": "Read"}, {"state": "queued"}, {"by": 0}, {"state": "read", "by": -1}]
)
def test_a_state_that_cannot_be_waited_for_is_never_taken_for_another(
    router: FakeRouter, tmp_path: Path, wrong: dict[str, Any]
) -> None:
    """A script with a slip of the pen would go on as if its message had been read."""
    with Client("alice", home=tmp_path) as client:
        receipt = client.announce("at five")
        with pytest.raises(ValueError, match="waited for"):
            receipt.wait(1, **wrong)


def test_a_client_that_cannot_be_says_so_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CONFAB_BROKER", raising=False)
    with pytest.raises(InvalidName):
        Client("no nick", home=tmp_path)
    with pytest.raises(NotConfigured, match="No broker is known here"):
        Client("alice", home=tmp_path)


def test_a_receipt_is_small() -> None:
    assert not hasattr(Receipt(Post(1, "*", "x"), desk=None), "__dict__")  # type: ignore[arg-type]
