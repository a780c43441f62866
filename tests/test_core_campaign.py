"""A random campaign against the core: posts, cuts, retries, choked readers, a failing disk, broker restarts.

The clients keep to PROTOCOL.md and nothing more. A checker holds the log and what everyone was sent against what they
said and saw acknowledged: nothing lost, nothing twice, everything in order. The seeds are fixed, so a failure repeats.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest

from broker import applying, core, feeding, leaving, log, receipts, requests
from broker.core import LATE_SECONDS
from broker.entries import Posted
from broker.state import State
from messages import (
    PROTOCOL,
    TRACK_SEQS,
    Accepted,
    Announcement,
    Away,
    Ban,
    Bye,
    Code,
    Feed,
    Hello,
    History,
    Join,
    Kick,
    Leave,
    Mark,
    Message,
    Ping,
    Pong,
    Post,
    Progress,
    Rejected,
    Rename,
    Track,
    Unban,
    Welcome,
    Who,
)

from .wire import EPOCH, Remote, Wire

SEEDS = range(40)
STEPS = 1000
PEOPLE = (("ann", "desk"), ("ann", "phone"), ("ben", "desk"), ("cid", "desk"))
TARGETS = ("*", "#general", "@ann", "@ben", "@cid")


class RoughWire(Wire):
    """A wire whose ticks come one by one, so that anything may happen between two."""

    clients: tuple[Client, ...] | list[Client] = ()

    def once(self, seconds: float = 0.001) -> None:
        """One tick."""
        self.now += seconds
        self.core.tick(self.now, EPOCH)
        for peer, frame in self.core.frames():
            remote = next((remote for remote in self.peers if remote.peer is peer), None)
            if remote is not None and remote.full:
                self.core.choked(peer, self.now)
                continue
            if remote is not None and not remote.broken:
                remote.inbox.append(frame)
        self.core.end_tick()
        for peer in self.core.cut:
            self.core.close(peer, self.now)
        self.core.cut.clear()
        check_invariants(self)


def check_invariants(wire: Wire) -> None:
    """What must hold between any two ticks."""
    broker = wire.core
    for account in broker.state.by_nick.values():
        assert account.registered or account.id in broker.here, f"{account.nick} is held by nobody and for ever"
    for here in broker.here.values():
        assert here.account.nick, "somebody is here without a nick"
        for session in here.sessions.values():
            assert here.account.banned is None, "banned and still here"
            assert session.here is here
            assert session.peer is None or (session.peer.session is session and not session.peer.gone)
            assert session.number >= session.device.last_number
            assert not session.runs or broker.out.pending
            connected = session.peer is not None and session.feeding
            if not connected:
                assert not session.live
                assert session not in broker._behind
            else:
                stuck = broker.backlog.stuck(session.peer)
                assert session.live + (session in broker._behind) + stuck == 1, "fed neither live nor from the log"
    told = broker.receipts
    assert all(session.peer is not None for session in told._of), "told of what nobody hears"
    assert sorted(told._watches) == sorted(seq for seqs in told._to.values() for seq in seqs)
    assert all(seqs == sorted(seqs) for seqs in told._to.values())
    assert all(watch.sessions for watch in told._watches.values()), "kept for nobody"
    assert not told._news, "news that is not told"


@dataclass
class Client:
    """One device of a person, as PROTOCOL.md describes it."""

    wire: RoughWire
    name: str
    device: str
    remote: Remote | None = None
    number: int = 0
    open: dict[int, Post] = field(default_factory=dict)  # unanswered, by number
    accepted: dict[int, int] = field(default_factory=dict)  # number → sequence
    refused: dict[int, str] = field(default_factory=dict)
    cursor: int | None = None
    first: int = 0  # the first Welcome's `after`: from there on everything must come
    seen: list[tuple[int, str]] = field(default_factory=list)
    up: bool = False
    held: bool = False
    pings: int = 0
    ignored: int = 0  # the token up to which a pong is no cursor
    shown: int = 0  # what the person has read
    direct: dict[int, str] = field(default_factory=dict)  # sequence of a direct message → to whom
    told: dict[int, set[str]] = field(default_factory=dict)  # sequence → who was delivered it, as the broker says

    def connect(self) -> None:
        """Open a connection and greet; what was unanswered follows the Welcome."""
        self.remote = self.wire.connect(self.name, device=self.device, greet=False)
        self.up = self.held = False
        self.hello()

    def hello(self) -> None:
        """Greet, and say what was taken."""
        device = self.device.encode().ljust(16, b"\0")
        began = None if self.cursor is None else self.first
        self.remote.put(Hello(PROTOCOL, self.name, device, self.cursor, began=began))

    def post(self, to: str, size: int = 1) -> None:
        """Say something new, sent at once when the connection is up."""
        self.number += 1
        post = self.open[self.number] = Post(self.number, to, f"{self.name}/{self.device}/{self.number} " + "x" * size)
        if self.up:
            self.remote.put(post)

    def cut(self, rng: random.Random) -> None:
        """The connection breaks; of what was on its way some came through. The broker may notice much later."""
        del self.remote.inbox[rng.randint(0, len(self.remote.inbox)) :]
        self.read()
        self.remote.broken = True
        self.up = False
        if rng.random() < 0.7:
            self.wire.core.close(self.remote.peer, self.wire.now)
        self.remote = None

    def read(self) -> None:
        """Take what came."""
        for event in self.remote.hear() if self.remote else []:
            match event:
                case Welcome():
                    self.welcomed(event)
                case Accepted():
                    for n in range(event.count):
                        post = self.open.pop(event.number + n, None)
                        if post and post.to.startswith("@"):
                            self.direct[event.seq + n] = post.to[1:]
                        before = self.accepted.setdefault(event.number + n, event.seq + n)
                        assert before == event.seq + n, "acknowledged under two sequences"
                        assert event.number + n not in self.refused
                case Rejected(code=Code.NOT_STORED) if event.number == 0:
                    self.hello()
                case Rejected():
                    assert event.code != Code.NOT_TRACKED
                    assert event.number not in self.accepted
                    if self.open.pop(event.number, None):
                        self.refused[event.number] = event.code
                case Pong():
                    if event.token > self.ignored and not self.held:
                        self.cursor = max(self.cursor, event.head)
                case Message() | Announcement():
                    if event.seq > self.cursor:
                        self.seen.append((event.seq, event.body))
                        self.cursor = event.seq
                case Progress():
                    self.learn(event)

    def learn(self, event: Progress) -> None:
        """Remember who has a message; they must have it indeed."""
        self.told.setdefault(event.seq, set()).update(event.delivered)
        for nick in (*event.delivered, *event.read):
            devices = [other for other in self.wire.clients if other.name == nick]
            assert [each for each in devices if event.seq in dict(each.seen)], "said to be delivered, and was not"
            assert nick not in event.read or [each for each in devices if each.shown >= event.seq], "never read"

    def welcomed(self, event: Welcome) -> None:
        """Go on where the last connection stopped."""
        if self.cursor is None:
            self.cursor = self.first = event.after
        assert event.after == self.cursor
        assert event.last_number <= self.number
        self.up = True
        if self.open:
            self.remote.put(*self.open.values())

    def ping(self) -> None:
        """Say how far we have come, and ask how far deliveries and our own latest messages have."""
        self.pings += 1
        self.remote.put(Mark(self.cursor, self.shown), Ping(self.pings))
        self.shown = self.cursor
        self.track(list(self.direct)[-5:])

    def track(self, seqs: list[int]) -> None:
        """Ask who has some of our messages."""
        if seqs:
            self.number += 1
            self.remote.put(Track(self.number, seqs))

    def hold(self) -> None:
        """Hold deliveries back, or go on behind the last one that was taken."""
        self.held = not self.held
        self.ignored = self.pings
        self.remote.put(Feed(None if self.held else self.cursor))


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """All bounds so small that a short campaign goes across them."""
    shrink(monkeypatch)


def shrink(monkeypatch) -> None:
    for where, what, value in (
        (feeding, "PORTION_ENTRIES", 5),
        (feeding, "PORTION_SIZE", 300),
        (feeding, "FEED_ENTRIES", 12),
        (log, "CACHE_BYTES", 500),
        (core, "SNAPSHOT_ENTRIES", 30),
    ):
        monkeypatch.setattr(where, what, value)


def campaign(seed: int, steps: int = STEPS) -> list[Client]:
    """Run one; raises AssertionError as soon as something is wrong. Returns the clients when all is quiet."""
    rng = random.Random(seed)
    wire = RoughWire()
    clients = wire.clients = [Client(wire, *person) for person in PEOPLE]
    for client in clients:
        client.connect()
        wire.once()
        client.read()
    for _ in range(steps):
        step(rng, wire, rng.choice(clients), clients)
    settle(wire, clients)
    check(wire, clients)
    return clients


def step(rng: random.Random, wire: RoughWire, client: Client, clients: list[Client]) -> None:
    """One thing happens; most often a tick."""
    remote = client.remote
    if remote is None:
        if rng.random() < 0.3:
            client.connect()
        else:
            client.post(rng.choice(TARGETS))
        return
    match rng.choices(
        ("tick", "post", "burst", "read", "choke", "cut", "hold", "ping", "room", "disk", "guest", "restart"),
        (30, 20, 4, 15, 8, 5, 3, 6, 3, 2, 3, 1),
    )[0]:
        case "tick":
            wire.once(rng.choice((0.001, 0.001, 0.06)))
        case "post":
            client.post(rng.choice(TARGETS))
        case "burst":
            for _ in range(rng.randint(2, 12)):
                client.post(rng.choice(TARGETS), rng.choice((1, 1, 400)))
        case "read":
            client.read()
        case "choke":
            remote.full = not remote.full
        case "cut":
            client.cut(rng)
        case "hold" if client.up:
            client.hold()
        case "ping" if client.up:
            client.ping()
        case "room" if client.up:
            client.number += 1
            remote.put(rng.choice((Join, Leave))(client.number, rng.choice(("#one", "#two"))))
        case "disk":
            wire.log.broken = not wire.log.broken
        case "guest":
            guest(rng, wire)
        case "restart":
            restart(wire, clients)


def guest(rng: random.Random, wire: RoughWire) -> None:
    """Somebody comes for a moment, does something, and may be gone before the broker has taken it in."""
    name = rng.choice(("gus", "gus", "gil", "eve"))
    device = rng.choice((b"one", b"two")).ljust(16, b"\0")
    remote = wire.connect(name, greet=False)
    remote.put(Hello(PROTOCOL, rng.choice((name, "gil")), device, quiet=rng.random() < 0.5))
    if rng.random() < 0.5:
        wire.once()
    commands = (Rename(1, "gwen"), Join(1, "#one"), Who(1), History(1, "*"), Away(1, "x"), Kick(1, "ann"), Bye())
    remote.put(*rng.sample(commands, rng.randint(0, 3)))
    if rng.random() < 0.6:
        remote.put(Bye())
    if rng.random() < 0.6:
        wire.core.close(remote.peer, wire.now)
    if rng.random() < 0.2:
        operator = wire.connect("operator", greet=False)
        nick = rng.choice(("gus", "gil", "gwen"))
        ban = rng.choice((Ban(2, "eve"), Unban(2, "eve")))
        operator.put(Hello(PROTOCOL, "operator", bytes(16)), Kick(1, nick), ban, Bye())


def restart(wire: RoughWire, clients: list[Client]) -> None:
    """The broker is killed: what was on its way to the clients still comes, nothing else."""
    for client in clients:
        client.read()
        client.remote, client.up = None, False
    wire.start()


def settle(wire: RoughWire, clients: list[Client]) -> None:
    """All faults are cured: connect everybody and let everything come through."""
    wire.log.broken = False
    for client in clients:
        if client.remote is None:
            client.connect()
        client.remote.full = False
    for _ in range(500):
        wire.once(0.06)
        for client in clients:
            client.read()
            if client.up and client.held:
                client.hold()
        if all(client.up for client in clients) and wire.core.deadline(wire.now) > wire.now + 0.1:
            break  # nothing is due but leases
    assert not [client.open for client in clients if client.open], "never answered"


def check(wire: RoughWire, clients: list[Client]) -> None:
    """The log and all eyes against what was said and acknowledged."""
    posts = [
        (seq, entry)
        for segment in wire.log.read(0)
        for seq, entry in enumerate(segment.entries, segment.first)
        if isinstance(entry, Posted)
    ]
    bodies = [entry.body for _, entry in posts]
    assert len(bodies) == len(set(bodies)), "stored twice"
    for client in clients:
        mine = wire.core.state.by_token[
            wire.core.state.by_nick[client.name].id, client.device.encode().ljust(16, b"\0")
        ].id
        stored = {entry.number: seq for seq, entry in posts if entry.device == mine}
        acknowledged = {number: seq for number, seq in client.accepted.items() if number in stored}
        assert stored == acknowledged, "stored and acknowledged differ"
        assert not stored.keys() & client.refused.keys(), "refused and stored"
        assert list(stored) == sorted(stored), "out of order"
        mute = {n for n, code in client.refused.items() if code not in (Code.NOT_STORED, Code.FORGOTTEN)}
        assert not {n for n in mute if client.refused[n] not in (Code.NO_SUCH_ROOM, Code.NOT_IN_ROOM)}
        account = wire.core.state.by_nick[client.name].id
        expected = [
            (seq, entry.body)
            for seq, entry in posts
            if seq > client.first
            and (entry.target in ("*", "#general") or account in (entry.to, entry.account))
            and (entry.device != mine or entry.to == account)
        ]
        assert client.seen == expected, "not shown everything once and in order"
    check_told(wire, clients)
    check_replay(wire)
    check_leavers(wire, clients)


def check_replay(wire: RoughWire) -> None:
    """The state in memory is the fold of the log."""
    folded = State()
    for segment in wire.log.read(0):
        folded.apply_segment(segment.first, segment.entries)
    assert folded.snapshot() == wire.core.state.snapshot()


def check_told(wire: RoughWire, clients: list[Client]) -> None:
    """Everyone has everything and says so: every sender knows, or is told who asks."""
    for client in clients:
        client.ping()
    wire.once()
    for client in clients:
        for start in range(0, len(client.direct), TRACK_SEQS):
            client.track(list(client.direct)[start : start + TRACK_SEQS])
    for _ in range(20):
        wire.once()
        for client in clients:
            client.read()
    for client in clients:
        assert client.direct.keys() <= client.told.keys(), "nobody was told"
        assert all(to in client.told[seq] for seq, to in client.direct.items()), "not told of all"


def check_leavers(wire: RoughWire, clients: list[Client]) -> None:
    """Nobody's nick stays taken when they are gone."""
    for _ in range(10):
        for client in clients:
            client.ping()
        for _ in range(4):
            wire.once(LATE_SECONDS / 2)
        wire.once()
    assert set(wire.core.state.by_nick) == {client.name for client in clients}


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_lost_nothing_comes_twice_and_everything_in_order(seed):
    clients = campaign(seed)
    assert sum(len(client.accepted) for client in clients) > 20


def campaigns() -> None:
    """All of them."""
    for seed in SEEDS:
        campaign(seed)


# --- the controls: with a safeguard off the same campaigns must fail --------------------------------------------------


def store_again(core_, peer, session, command):
    """Instead of the answer to a retry: take it for a new post."""
    session.number = command.number - 1
    requests.say(core_, peer, session, command)


def drop(self, peer, now):
    """Instead of going back to the log for a connection that took no frame: that frame is lost."""
    peer.answers.clear()


def accept_anyway(core_, entries, origins, why, now):
    """Instead of a refusal when the disk fails: what everybody would like to hear."""
    for entry, peer in zip(entries, origins, strict=True):
        if isinstance(entry, Posted):
            core_.answer(peer, Accepted(entry.number, core_.log.head))


@pytest.mark.parametrize(
    ("where", "what", "instead"),
    [
        (requests, "_again", store_again),
        (core.Core, "choked", drop),
        (applying, "refuse", accept_anyway),
        (leaving, "abandoned", lambda core_, peer: None),
        (core.Core, "follow", lambda self, session: setattr(session, "live", session.feeding)),
        (applying, "_speaker", lambda core, entry: None),
        (receipts.Receipts, "mark", lambda self, session, taken, read: None),
        (receipts.Receipts, "_counts", lambda self, account, watch: account.id == watch.sender),
    ],
    ids=["dedupe", "slow readers", "commit first", "abandoned nicks", "feeding", "own words", "marks", "whose"],
)
def test_without_a_safeguard_the_campaign_fails(monkeypatch, where, what, instead):
    monkeypatch.setattr(where, what, instead)
    with pytest.raises(AssertionError):
        campaigns()
