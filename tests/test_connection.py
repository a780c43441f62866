"""The client's thread on a real socket: it connects again, never hangs, loses no wake, and never dies unheard."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import zmq

from client import Broken, Client, ClientError, Closed, Connected, Connecting, Disconnected, Unreachable, connection
from client.connection import backoff
from client.session import Session
from messages import HISTORY_PAGE, Announcement, Hello, History, HistoryPage, Home, Post, Search
from messages import Message as WireMessage
from tests.fake_router import FakeRouter


@pytest.fixture
def router(tmp_path: Path) -> Iterator[FakeRouter]:
    router = FakeRouter(tmp_path)
    yield router
    router.close()


def test_pauses_double_then_stay_slow_and_differ() -> None:
    pauses = list(islice(backoff(), 30))
    assert all(0.05 * 2**n <= pause <= 0.15 * 2**n for n, pause in enumerate(pauses[:6]))
    assert all(5 <= pause <= 30 for pause in pauses[6:])
    assert len(set(pauses)) == 30


def test_what_was_sent_before_the_broker_came_back_is_accepted_then(tmp_path: Path) -> None:
    first = FakeRouter(tmp_path)
    with Client("alice", home=tmp_path) as client:
        client.wait_connected(5)
        first.answer = lambda command: []
        receipts = [client.send("@bob", str(number)) for number in range(10)]
        first.close()
        second = FakeRouter(tmp_path, port=first.port, secret=first.secret)
        assert [receipt.wait(10) for receipt in receipts] == [*range(1, 11)]
        assert [command.body for command in second.heard if isinstance(command, Post)] == [*map(str, range(10))]
        kinds = [type(event) for event in client.events(timeout=0)]
        assert kinds[:3] == [Connected, Disconnected, Connecting]
        assert kinds[-1] is Connected
    assert second.bye.wait(5)
    second.close()


def test_a_broker_of_this_home_that_comes_back_on_another_port_is_found(tmp_path: Path) -> None:
    """Nobody gave an address, so none may be the reason that a client which stays does not find what a new one does."""
    first = FakeRouter(tmp_path)
    with Client("alice", home=tmp_path) as client:
        client.wait_connected(5)
        second = FakeRouter(tmp_path, secret=first.secret)
        assert second.port != first.port
        first.close()
        assert client.send("@bob", "hi").wait(10) == 1
        assert [command.body for command in second.heard if isinstance(command, Post)] == ["hi"]
    second.close()


@pytest.mark.parametrize("why", ["an address was given", "another broker", "a damaged file"])
def test_a_client_stays_with_the_broker_it_was_made_for(tmp_path: Path, why: str) -> None:
    """What was typed for one broker is not said to another, and who named an address means that one."""
    first = FakeRouter(tmp_path)
    address = f"tcp://127.0.0.1:{first.port}" if why == "an address was given" else None
    with Client("alice", home=tmp_path, broker=address) as client:
        client.wait_connected(5)
        second = FakeRouter(tmp_path, secret=None if why == "another broker" else first.secret)
        if why == "a damaged file":
            Home(tmp_path).local.write_text("{")
        first.close()
        receipt = client.send("@bob", "hi")
        connecting = (event for event in client.events(timeout=5) if isinstance(event, Connecting))
        list(islice(connecting, 3))
        assert not second.heard
        third = FakeRouter(tmp_path / "elsewhere", port=first.port, secret=first.secret)
        assert receipt.wait(10) == 1
    second.close()
    third.close()


def test_a_broker_with_another_key_is_told_in_words(tmp_path: Path) -> None:
    first = FakeRouter(tmp_path)
    first.close()
    (tmp_path / "wrong").mkdir()
    second = FakeRouter(tmp_path / "wrong", port=first.port)
    with Client("alice", home=tmp_path) as client:
        event = next(client.events(timeout=5))
        assert isinstance(event, Connecting)
        assert "did not prove the broker's key" in event.why
        with pytest.raises(Unreachable, match="did not prove"):
            client.wait_connected(0)
    second.close()


def test_a_frame_that_is_no_batch_breaks_the_connection_and_nothing_else(router: FakeRouter, tmp_path: Path) -> None:
    answers: Iterator[bytes] = iter([b"\xc1garbage", b"\x01"])
    router.answer = lambda command: (
        next(answers, None) or router.polite(command) if isinstance(command, Post) else router.polite(command)
    )
    with Client("alice", home=tmp_path) as client:
        assert client.send("@bob", "hi").wait(10) == 1
        whys = [event.why for event in client.events(timeout=0) if isinstance(event, Disconnected)]
        assert len(whys) == 2
        assert all("cannot be read" in why for why in whys)


def test_many_threads_lose_neither_wakes_nor_receipts(router: FakeRouter, tmp_path: Path) -> None:
    """Each thread waits for every answer, so that one wake lost would stop it."""
    accepted: list[int] = []

    def talk(client: Client) -> None:
        accepted.extend(client.send("@bob", "x").wait(10) for _ in range(300))

    with Client("alice", home=tmp_path) as client:
        threads = [threading.Thread(target=talk, args=(client,)) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(accepted) == [*range(1, 1801)]


def test_closing_a_client_whose_broker_is_mute_takes_its_timeout_and_no_longer(
    router: FakeRouter, tmp_path: Path
) -> None:
    router.answer = lambda command: router.polite(command) if isinstance(command, Hello) else []
    client = Client("alice", home=tmp_path)
    client.wait_connected(5)
    receipt = client.send("@bob", "hi")
    began = time.monotonic()
    client.close(0.1)
    client.close(5)
    assert 0.1 <= time.monotonic() - began < 1
    with pytest.raises(Closed):
        receipt.wait()
    assert router.bye.wait(5)
    assert "confab" not in {thread.name for thread in threading.enumerate()}


def test_closing_ends_every_wait_in_other_threads(router: FakeRouter, tmp_path: Path) -> None:
    router.answer = lambda command: []
    client = Client("alice", home=tmp_path)
    ends: list[object] = []

    def wait(what: Any) -> None:
        try:
            ends.append(list(what()))
        except ClientError as error:
            ends.append(type(error))

    receipt = client.send("@bob", "hi")
    waits = (client.messages, client.events, client.stream, receipt.wait, client.wait_connected)
    threads = [threading.Thread(target=wait, args=(what,)) for what in waits]
    for thread in threads:
        thread.start()
    client.close(0)
    for thread in threads:
        thread.join(5)
        assert not thread.is_alive()
    assert ends.count(Closed) == 2


def test_a_bug_in_the_thread_fails_everything_that_waits_and_is_not_hidden(
    router: FakeRouter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[BaseException | None] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: seen.append(args.exc_value))
    with Client("alice", home=tmp_path) as client:
        client.wait_connected(5)

        def fail(*_: object) -> None:
            raise ZeroDivisionError("a bug")

        monkeypatch.setattr(Session, "received", fail)
        receipt = client.send("@bob", "hi")
        uses = (
            receipt.wait,
            client.wait_connected,
            client.who,
            lambda: [*client.messages()],
            lambda: [*client.stream()],
        )
        for use in uses:
            with pytest.raises(Broken, match="ZeroDivisionError") as caught:
                use()
            assert isinstance(caught.value.__cause__, ZeroDivisionError)
        with pytest.raises(Broken):
            client.send("@bob", "hi")
    assert [type(error) for error in seen] == [ZeroDivisionError]


def test_no_descriptor_left_is_a_failed_attempt_and_no_end(
    router: FakeRouter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, failures = zmq.Context.socket, [zmq.ZMQError(24)]

    def socket(context: zmq.Context[Any], kind: int) -> object:
        if failures:
            raise failures.pop()
        return real(context, kind)

    monkeypatch.setattr(zmq.Context, "socket", socket)
    with Client("alice", home=tmp_path) as client:
        client.wait_connected(5)
        event = next(client.events(timeout=0))
        assert isinstance(event, Connecting)
        assert "Too many open files" in event.why


def test_messages_come_in_order_and_the_iterator_ends_after_silence(router: FakeRouter, tmp_path: Path) -> None:
    def answer(command: Any) -> Any:
        events = [*router.polite(command)]
        if isinstance(command, Hello):
            events += [WireMessage(seq, 0, "bob", "@alice", str(seq)) for seq in range(1, 101)]
        return events

    router.answer = answer
    with Client("alice", home=tmp_path) as client:
        first = next(client.messages(timeout=5))  # leaving an iterator loses nothing
        rest = list(client.messages(timeout=0.05))
        assert [first.seq, *(message.seq for message in rest)] == [*range(1, 101)]
        assert list(client.stream(timeout=0)) == [Connected("alice", True, ("#general",), "guest", "fake")]
    assert list(client.messages()) == []


def test_a_client_that_only_sends_says_so_when_asked_for_messages(router: FakeRouter, tmp_path: Path) -> None:
    with Client("alice", home=tmp_path, receive=False) as client, pytest.raises(ClientError, match="receive=False"):
        next(client.messages())


def test_an_answer_that_does_not_belong_is_an_error_in_words(router: FakeRouter, tmp_path: Path) -> None:
    with Client("alice", home=tmp_path) as client, pytest.raises(ClientError, match="does not belong"):
        client.who()


def test_a_connection_that_breaks_at_once_each_time_is_retried_ever_more_slowly(
    router: FakeRouter, tmp_path: Path
) -> None:
    router.answer = lambda command: b"\x01" if isinstance(command, Post) else router.polite(command)
    with Client("alice", home=tmp_path) as client:
        client.send("@bob", "poison")
        connecting = (event for event in client.events(timeout=5) if isinstance(event, Connecting))
        pauses = [event.retry_in for event in islice(connecting, 3)]
        assert pauses[2] > pauses[0]
        client.close(0)


def test_a_person_who_types_does_not_sit_out_a_long_pause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = FakeRouter(tmp_path)
    monkeypatch.setattr(connection, "backoff", lambda: iter([60.0] * 9))
    with Client("alice", home=tmp_path) as client:
        client.wait_connected(5)
        first.close()
        assert any(isinstance(event, Connecting) for event in client.events(timeout=5))
        second = FakeRouter(tmp_path, port=first.port, secret=first.secret)
        assert client.send("@bob", "hi").wait(10) == 1
    second.close()


def test_a_script_that_sends_on_and_on_does_not_connect_on_and_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    FakeRouter(tmp_path).close()
    monkeypatch.setattr(connection, "backoff", lambda: iter([60.0] * 9))
    with Client("alice", home=tmp_path) as client:
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            with pytest.raises(Unreachable):
                client.send("@bob", "hi").wait(0.01)
        attempts = [event for event in client.events(timeout=0) if isinstance(event, Connecting)]
        assert len(attempts) <= 2
        client.close(0)


@pytest.mark.parametrize("answered", [True, False])
def test_who_has_waited_in_vain_does_not_wait_again_on_leaving(
    answered: bool, router: FakeRouter, tmp_path: Path
) -> None:
    router.answer = lambda command: router.polite(command) if answered and isinstance(command, Hello) else []
    began = time.monotonic()
    with pytest.raises(TimeoutError if answered else Unreachable), Client("alice", home=tmp_path) as client:
        client.send("@bob", "hi").wait(0.5)
    assert time.monotonic() - began < 1.5


def test_short_pages_are_asked_on_until_there_are_enough_or_no_more(router: FakeRouter, tmp_path: Path) -> None:
    def answer(command: Any) -> Any:
        if not isinstance(command, History | Search):
            return router.polite(command)
        end = command.before or 100
        items: list[WireMessage | Announcement] = (
            [WireMessage(end - 1, 0, "bob", "#general", str(end - 1))] if end < 99 else []
        )
        return [HistoryPage(command.number, "", items, end - 1)]

    router.answer = answer
    with Client("alice", home=tmp_path) as client:
        for page in (client.history("#general", limit=3), client.search("x", limit=3)):
            assert [message.seq for message in page.messages] == [95, 96, 97]
            assert page.before == 95
        assert len(client.history("#general").messages) == 4  # not for ever
    asked = [command for command in router.heard if isinstance(command, History)]
    assert [(command.limit, command.before) for command in asked[:4]] == [(3, None), (3, 99), (3, 98), (2, 97)]


def test_as_many_messages_come_as_were_asked_for_however_many_pages_that_takes(
    router: FakeRouter, tmp_path: Path
) -> None:
    def answer(command: Any) -> Any:
        if not isinstance(command, History):
            return router.polite(command)
        end = command.before or 10_000
        start = end - min(command.limit, HISTORY_PAGE)
        items: list[WireMessage | Announcement] = [
            WireMessage(seq, 0, "bob", "#general", "x") for seq in range(start, end)
        ]
        return [HistoryPage(command.number, "", items, start)]

    router.answer = answer
    with Client("alice", home=tmp_path) as client:
        page = client.history("#general", limit=9 * HISTORY_PAGE + 1)
        assert len(page.messages) == 9 * HISTORY_PAGE + 1


def test_what_was_found_before_the_time_ran_out_is_kept(router: FakeRouter, tmp_path: Path) -> None:
    def answer(command: Any) -> Any:
        if not isinstance(command, History):
            return router.polite(command)
        item = WireMessage(9, 0, "bob", "#general", "x")
        return [] if command.before else [HistoryPage(command.number, "#general", [item], 9)]

    router.answer = answer
    with Client("alice", home=tmp_path) as client:
        page = client.history("#general", timeout=0.5)
        assert ([message.seq for message in page.messages], page.before) == ([9], 9)
        client.close(0)
