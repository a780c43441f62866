"""A client that stops reading: the broker keeps little for it, nobody else waits, and in the end it gets everything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from broker import sockets
from broker.sessions import Session
from messages import Message, Ping, Pong, Post, Presence

from .dealer import Dealer
from .stepped import Stepped

MESSAGES = 4000
BATCH = 50
BODY = "x" * 1000


@pytest.fixture
def broker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stepped]:
    """A broker whose queues and kernel buffers are so small that a few hundred messages fill them."""
    configure = sockets.Sockets._configure

    def small(self: sockets.Sockets, keys: object) -> None:
        configure(self, keys)
        self.router.sndbuf = 65536

    monkeypatch.setattr(sockets.Sockets, "_configure", small)
    monkeypatch.setattr(sockets, "SEND_HWM", 4)
    broker = Stepped(tmp_path, monkeypatch)
    yield broker
    broker.close()


def session(broker: Stepped, name: str) -> Session:
    account = broker.core.state.by_nick[name]
    [session] = broker.core.here[account.id].sessions.values()
    return session


def numbers(dealer: Dealer) -> list[int]:
    """Which of alice's messages came, in the order in which they did."""
    return [int(event.body.split()[0]) for event in dealer.events if isinstance(event, Message)]


def talk(alice: Dealer, first: int = 1, last: int = MESSAGES) -> None:
    """Say messages first to last, each batch in a tick of its own; all are accepted when this returns."""
    for start in range(first, last + 1, BATCH):
        alice.put(*(Post(number, "#general", f"{number} {BODY}") for number in range(start, start + BATCH)))
        alice.barrier()


def stalled(broker: Stepped) -> Dealer:
    """A client that takes nothing more from its socket, whose own queue is small too."""
    slow = broker.dealer("slow", rcvhwm=1, rcvbuf=65536)
    slow.barrier()
    return slow


def check_one_stalls(broker: Stepped) -> Dealer:
    alice, quick, slow = broker.dealer("alice"), broker.dealer("quick"), stalled(broker)
    talk(alice)
    quick.until(lambda: len(numbers(quick)) == MESSAGES, "all messages while the other one stalls", deadline=10)
    assert numbers(quick) == list(range(1, MESSAGES + 1))
    waiting = session(broker, "slow")
    assert not waiting.live
    assert broker.core.log.head - waiting.cursor > MESSAGES / 2, "the broker keeps a place in the log, and little else"
    assert not waiting.peer.answers
    return slow


def test_others_get_everything_at_once_and_the_stalled_one_when_it_reads_again(broker):
    slow = check_one_stalls(broker)
    slow.until(lambda: len(numbers(slow)) == MESSAGES, "all messages once it reads again")
    assert numbers(slow) == list(range(1, MESSAGES + 1))
    broker.until(lambda: session(broker, "slow").live, "its place at the head")


def test_without_a_high_water_mark_the_broker_would_keep_everything(broker, monkeypatch, tmp_path):
    """The control."""
    monkeypatch.setattr(sockets, "SEND_HWM", 0)
    other = Stepped(tmp_path, monkeypatch)
    with pytest.raises(AssertionError, match="live"):
        check_one_stalls(other)
    other.close()


def test_many_stalls_lose_nothing_and_bring_nothing_twice(broker):
    """It reads a little now and then, while messages go on; what goes on around comes too."""
    alice, slow = broker.dealer("alice"), stalled(broker)
    for round_ in range(8):
        talk(alice, round_ * 500 + 1, round_ * 500 + 500)
        for _ in range(20):
            slow.read()
        with broker.dealer(f"guest{round_}"):
            pass

    def joined() -> list[str]:
        return [event.nick for event in slow.events if isinstance(event, Presence) and event.what == "joined"]

    slow.until(lambda: len(numbers(slow)) == MESSAGES and "guest7" in joined(), "everything")
    assert numbers(slow) == list(range(1, MESSAGES + 1))
    assert joined() == [f"guest{n}" for n in range(8)]


def test_one_that_goes_away_while_it_stalls_goes_on_where_it_stopped(broker):
    slow = check_one_stalls(broker)
    slow.read()
    seen = numbers(slow)
    after = max((event.seq for event in slow.events if isinstance(event, Message)), default=0)
    slow.close()
    back = broker.dealer("slow", keys=slow.keys, greet=False)
    assert back.hello(after=after).resumed
    back.until(lambda: len(seen + numbers(back)) == MESSAGES, "the rest")
    assert seen + numbers(back) == list(range(1, MESSAGES + 1))


def test_a_ping_of_one_that_stalls_promises_nothing_it_was_not_sent(broker):
    alice, slow = broker.dealer("alice"), stalled(broker)
    talk(alice, 1, 1000)
    slow.put(Ping(7))
    broker.step()
    slow.until(lambda: any(isinstance(event, Pong) and event.token == 7 for event in slow.events))
    at = next(index for index, event in enumerate(slow.events) if isinstance(event, Pong) and event.token == 7)
    before = [event.seq for event in slow.events[:at] if isinstance(event, Message)]
    later = [event.seq for event in slow.events[at:] if isinstance(event, Message)]
    assert all(seq <= slow.events[at].head for seq in before)
    assert all(seq > slow.events[at].head for seq in later)
    slow.until(lambda: len(numbers(slow)) == 1000)
