"""What is delivered to a client: once, in order, in bounded memory, whatever the wire and the reader do."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from client import inbox as inbox_module
from client.inbox import Inbox
from client.model import ClientEvent, Disconnected, Message
from client.receipt import Receipt
from messages import PING_SECONDS, Accepted, Announcement, AnyEvent, Feed, Gap, Mark, Ping, Pong, Post, Presence
from tests.client_wire import Disk, Wire, message, posts, welcome


def test_a_message_is_shown_once_however_often_it_comes() -> None:
    wire = Wire()
    wire.up()
    wire.says(message(3), message(5))
    wire.cut()
    assert wire.connect().after == 5
    wire.says(welcome(after=5), message(3), message(5), message(6))
    assert wire.bodies() == ["m3", "m5", "m6"]


def test_what_a_message_and_an_announcement_carry() -> None:
    wire = Wire()
    wire.up()
    wire.says(message(1, sender="Alice"), Announcement(2, 10**18, "bob", "*", "Deploy", "CI", "high"))
    first, second = iter(wire.session.inbox.take_message, None)
    assert (first.own, first.kind, first.at.timestamp()) == (True, "text", 1_764_000_000)
    assert first.at.tzinfo is not None
    assert (second.own, second.kind, second.title, second.priority) == (False, "announcement", "CI", "high")
    assert second.at.timestamp() == 0  # a time that no clock shows
    assert [*first.as_json()] == ["seq", "at", "from", "to", "kind", "body"]
    assert second.as_json() | {"at": ""} == {
        "seq": 2,
        "at": "",
        "from": "bob",
        "to": "*",
        "kind": "announcement",
        "body": "Deploy",
        "title": "CI",
        "priority": "high",
    }


def test_a_pong_moves_the_cursor_past_what_was_never_for_us() -> None:
    wire = Wire()
    wire.up(after=7)
    wire.says(message(8), Pong(0, 900))
    wire.cut()
    assert wire.connect().after == 900


def test_the_broker_is_told_soon_what_a_sender_may_want_to_know_of_and_the_rest_with_the_next_ping() -> None:
    wire = Wire()
    wire.up(after=7)
    wire.says(message(8, to="#general"), Announcement(9, 0, "bob", "#general", "Deploy", "", "normal"))
    wire.wait(0)
    assert wire.sent() == [Mark(9)]
    wire.says(message(10, to="@Alice"))
    assert wire.wait(0.1) == pytest.approx(wire.now + 0.1)
    wire.says(message(11, to="@alice"))
    assert wire.sent() == []
    wire.wait(0.1)
    assert wire.sent() == [Mark(11)]
    wire.says(message(12, to="#general"), message(13, sender="alice", to="@bob"))
    wire.wait(1)
    assert wire.sent() == []
    wire.wait(PING_SECONDS)
    assert wire.sent() == [Mark(13), Ping(1)]


def test_a_hello_says_from_where_on_nothing_is_missing() -> None:
    wire = Wire()
    assert wire.connect().began is None
    wire.says(welcome(after=7, head=7), message(8))
    wire.cut()
    hello = wire.connect()
    assert (hello.began, hello.after) == (7, 8)
    wire.says(welcome(after=50, head=60))  # a gap
    wire.cut()
    hello = wire.connect()
    assert (hello.began, hello.after) == (50, 50)
    wire.says(welcome(after=2, head=2))  # another log
    wire.cut()
    assert wire.connect().began == 2


def test_what_was_read_is_told_again_after_every_welcome() -> None:
    wire = Wire()
    wire.up(after=7)
    wire.session._deliveries.read = 7
    wire.cut()
    wire.up(after=7)
    wire.wait(0)
    assert wire.sent() == [Mark(7, 7)]


def test_a_gap_that_the_broker_cannot_fill_is_told() -> None:
    wire = Wire()
    wire.up(after=7)
    wire.cut()
    wire.up(after=7, head=60)
    wire.says(Gap(7, 50, 1000), message(51), Gap(7, 50, 1000))
    assert [event for event in wire.events() if isinstance(event, Gap)] == [Gap(7, 50, 1000)], "told once, in its place"
    assert wire.bodies() == ["m51"]
    wire.cut()
    assert wire.connect().after == 51


def test_a_broker_that_lost_its_log_is_followed_from_its_new_beginning() -> None:
    wire = Wire()
    wire.up(after=700)
    wire.cut()
    wire.up(after=2)
    wire.says(message(3))
    assert wire.bodies() == ["m3"]


def test_a_client_that_only_sends_asks_for_nothing() -> None:
    wire = Wire(receive=False)
    hello = wire.connect()
    assert (hello.feed, hello.after) == (False, None)
    wire.says(welcome(after=7), message(8))
    assert wire.bodies() == []
    wire.cut()
    assert wire.connect().after is None


def test_messages_and_events_come_out_in_the_order_in_which_they_happened() -> None:
    wire = Wire()
    wire.up()
    wire.events()
    joined, left = Presence("bob", "joined"), Presence("bob", "left")
    wire.says(message(1), joined, message(2), message(3), left)
    taken = list(iter(wire.session.inbox.take, None))
    assert [item.seq if isinstance(item, Message) else item for item in taken] == [1, joined, 2, 3, left]


def test_unread_events_are_kept_up_to_a_bound_the_newest_first_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    inbox = Inbox()
    for number in range(inbox_module.EVENTS + 5):
        inbox.put_event(Disconnected(str(number)))
    taken = list(iter(inbox.take_event, None))
    assert (len(taken), taken[0], taken[-1]) == (1000, Disconnected("5"), Disconnected("1004"))


def test_a_gap_is_not_pushed_out_by_what_goes_on_around_and_keeps_its_place() -> None:
    wire = Wire()
    wire.up(after=7)
    wire.events()
    before, after = Presence("bob", "joined"), [Presence("bob", "left")] * (inbox_module.EVENTS - 1)
    gap = Gap(8, 50, 1000)
    wire.says(message(8), before, gap, *after, message(51))
    taken = [item.seq if isinstance(item, Message) else item for item in iter(wire.session.inbox.take, None)]
    assert taken == [8, before, gap, *after, 51]
    wire.says(Gap(51, 60, 1000), *after, *after)
    assert next(iter(wire.session.inbox.take_event, None)) == Gap(51, 60, 1000)


@pytest.mark.parametrize("take", [Inbox.take, Inbox.take_ahead])
def test_a_process_that_dies_before_it_has_shown_a_gap_is_told_of_it_again(
    take: Callable[[Inbox], Message | ClientEvent | None],
) -> None:
    """What is kept goes behind a gap only when the gap was handed out, and all before it is done with."""
    disk = Disk()
    wire = Wire(disk)
    inbox = wire.session.inbox
    wire.up(after=7)
    assert [take(inbox), take(inbox)] == [wire.session.welcome, None]
    wire.says(message(8))
    shown = take(inbox)
    assert isinstance(shown, Message)
    wire.says(Gap(8, 50, 1000))
    wire.session.mark_read(shown)
    wire.says(Pong(0, 60))
    assert disk.cursor == 8
    wire.says(message(61))
    assert take(inbox) == Gap(8, 50, 1000)
    wire.save()
    assert disk.cursor == 50
    last = take(inbox)
    assert isinstance(last, Message)
    wire.session.mark_read(last)
    wire.says(Gap(61, 70, 1000))
    wire.save()
    assert disk.cursor == 61
    wire.start()
    assert wire.connect().after == 61, "so the broker tells of the gap again"


def test_a_gap_that_is_handed_out_ahead_waits_for_what_is_shown_before_it() -> None:
    disk = Disk()
    wire = Wire(disk)
    inbox = wire.session.inbox
    wire.up(after=7)
    wire.says(message(8), Gap(8, 50, 1000))
    _, shown, gap = iter(inbox.take_ahead, None)
    assert isinstance(shown, Message)
    assert gap == Gap(8, 50, 1000)
    wire.says(message(51))
    assert disk.cursor == 7
    wire.session.mark_read(shown)
    wire.save()
    assert disk.cursor == 50


def test_who_reads_messages_alone_goes_on_behind_a_gap() -> None:
    disk = Disk()
    wire = Wire(disk)
    wire.up(after=7)
    wire.says(message(8), Gap(8, 50, 1000), message(51))
    assert wire.bodies() == ["m8", "m51"]
    wire.save()
    assert disk.cursor == 51
    assert Gap(8, 50, 1000) in wire.events()


def test_a_reader_that_falls_behind_holds_the_broker_back_and_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox_module, "FULL", 4)
    monkeypatch.setattr(inbox_module, "OVERFULL", 6)
    wire = Wire()
    wire.up()
    wire.says(*[message(seq) for seq in range(1, 5)])
    feed, mark, ping = wire.sent()
    assert (feed, mark) == (Feed(None), Mark(4))
    assert isinstance(ping, Ping)
    wire.says(*[message(seq) for seq in range(5, 10)])  # on their way: two find room, three do not
    assert [wire.session.inbox.take_message() for _ in range(5)][-1].body == "m5"  # type: ignore[union-attr]
    wire.says(message(10))
    assert wire.sent() == []  # until it is sure that no straggler comes
    wire.says(Pong(ping.token, 10))
    assert wire.sent() == [Feed(6)]
    wire.says(Pong(ping.token, 10), *[message(seq) for seq in range(7, 9)])
    assert wire.bodies() == ["m6", "m7", "m8"]


class FakeBroker:
    """A log, and one session that is fed from it over a wire which can be cut anywhere."""

    def __init__(self) -> None:
        self.wire = Wire(Disk())
        self.log: list[str] = []  # entry n has sequence n + 1
        self.numbers: dict[int, int] = {}  # what was accepted, and as what
        self.sent_up_to = 0
        self.feeding = False
        self.under_way: list[AnyEvent] = []
        self.reconnect()

    def reconnect(self) -> None:
        self.wire.cut()
        self.under_way = []
        hello = self.wire.connect()
        self.sent_up_to = len(self.log) if hello.after is None else hello.after
        self.feeding = hello.feed
        last_number = max(self.numbers, default=0)
        self.under_way.append(welcome(after=self.sent_up_to, head=len(self.log), last_number=last_number))

    def append(self, body: str) -> int:
        self.log.append(body)
        return len(self.log)

    def step(self) -> None:
        """Take what the client said, and put answers and deliveries on their way."""
        for command in self.wire.sent():
            match command:
                case Post(number=number, body=body):
                    if number not in self.numbers:
                        self.numbers[number] = self.append(body)
                        self.sent_up_to += self.feeding and self.sent_up_to == len(self.log) - 1
                    self.under_way.append(Accepted(number, self.numbers[number]))
                case Ping(token=token):
                    self.feed()
                    self.under_way.append(Pong(token, self.sent_up_to))
                case Feed(after=after):
                    self.feeding = after is not None
                    self.sent_up_to = self.sent_up_to if after is None else after
        self.feed()

    def feed(self) -> None:
        while self.feeding and self.sent_up_to < len(self.log):
            self.sent_up_to += 1
            self.under_way.append(message(self.sent_up_to, self.log[self.sent_up_to - 1]))

    def deliver(self, count: int) -> None:
        now, self.under_way = self.under_way[:count], self.under_way[count:]
        self.wire.says(*now)


STEPS = st.one_of(
    st.tuples(st.just("others say"), st.integers(1, 8)),
    st.tuples(st.just("we say"), st.integers(1, 4)),
    st.tuples(st.just("deliver"), st.integers(1, 12)),
    st.tuples(st.just("read"), st.integers(1, 8)),
    st.tuples(st.just("step"), st.just(0)),
    st.tuples(st.just("ping"), st.just(0)),
    st.tuples(st.just("cut"), st.just(0)),
    st.tuples(st.just("save"), st.just(0)),
    st.tuples(st.just("kill"), st.just(0)),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(STEPS, max_size=60))
def test_every_message_is_read_once_and_every_post_stored_once_whatever_happens(steps: list[tuple[str, int]]) -> None:
    """Cuts that lose what is under way, slow readers, retries and clients that are killed, in any order."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inbox_module, "FULL", 4)
        patch.setattr(inbox_module, "OVERFULL", 7)
        broker = FakeBroker()
        wire = broker.wire
        broker.deliver(1)
        read: list[str] = []  # by a reader who has finished with it before a kill, or is shown it again
        said: list[str] = []
        receipts: list[tuple[str, Receipt]] = []

        def others_say(count: int) -> None:
            for _ in range(count):
                broker.append(f"other {len(broker.log)}")

        def we_say(count: int) -> None:
            for _ in range(count):
                said.append(f"our {len(said)}")
                receipts.extend((said[-1], receipt) for receipt in wire.submit(*posts(said[-1])))

        def read_some(count: int) -> None:
            for _ in range(count):
                if (item := wire.session.inbox.take_message()) is not None:
                    read.append(item.body)

        def kill() -> None:
            """What is on disk goes on; what was typed since the last save is lost, and its last line shown again."""
            disk, handed = wire.disk, wire.session.inbox._handed
            assert disk
            on_disk = {body for _, body in disk.texts}
            said[:] = [body for body in said if body in on_disk or body in broker.log]
            if read and handed > (disk.cursor or 0):
                unfinished = {body for seq, body in enumerate(broker.log, 1) if seq > (disk.cursor or 0)}
                read[:] = [body for body in read if body not in unfinished]
            wire.start()
            broker.reconnect()

        actions: dict[str, Callable[[int], object]] = {
            "others say": others_say,
            "we say": we_say,
            "deliver": broker.deliver,
            "read": read_some,
            "step": lambda _: broker.step(),
            "ping": lambda _: wire.wait(PING_SECONDS),
            "cut": lambda _: broker.reconnect(),
            "save": lambda _: wire.save(),
            "kill": lambda _: kill(),
        }
        for name, count in steps:
            actions[name](count)
        for _ in range(100):
            broker.step()
            broker.deliver(100)
            read_some(100)
        assert [body for body in read if body.startswith("other")] == [x for x in broker.log if x.startswith("other")]
        assert [body for body in broker.log if body.startswith("our")] == said
        assert all(
            broker.log[receipt.answer - 1] == body for body, receipt in receipts if isinstance(receipt.answer, int)
        )
        assert len(read) == len(set(read))
        assert not wire.disk or not wire.disk.texts
