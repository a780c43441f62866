"""The durable state: what the log amounts to. `apply` is deterministic and the one place that decides who won.

No I/O, no clock, no sessions. Everything here is a fold of the log: a snapshot of it is only a shortcut at start, and
the same entries always give the same state. What those with a role did is folded in by `deeds`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from messages import GENERAL, NICK_LENGTH, InvalidAddress, Role, fold, key_text, parse_key, rank

from . import deeds
from .entries import (
    Announced,
    AnyEntry,
    Installed,
    Joined,
    Left,
    Lost,
    Named,
    Posted,
    Reach,
    Reached,
    Registered,
    Released,
    Shared,
    Untold,
)
from .lookalikes import Lookalikes
from .policy import BROKER_RULES, ROOM_RULES

if TYPE_CHECKING:
    from .log import Log


class Penalty(msgspec.Struct, frozen=True):
    """A ban or a mute."""

    by: str
    reason: str
    until: int | None  # ms since the epoch; None: for good

    def holds(self, at: int) -> bool:
        """Whether it has not ended yet."""
        return self.until is None or at < self.until


class Ticket(msgspec.Struct):
    """A token with which keys may come in."""

    id: int
    digest: bytes
    role: Role
    left: int  # so many more
    until: int | None  # ms since the epoch; None: no end
    by: str
    maker: int  # account id; 0: the operator


class Account(msgspec.Struct):
    """A public key and what is known of it."""

    id: int  # the sequence of the entry that first named the key
    key: bytes
    nick: str = ""  # held now; empty: none
    last_nick: str = ""  # held last, for people who speak of someone who is gone
    quiet: bool = False  # a script's, which was never announced
    registered: bool = False  # keeps nick, rooms and mail while away
    taken: int = 0  # registered: what was delivered, as was written last; a device without a cursor goes on there
    reach: Reach = Reach()  # what was delivered to and read by it, as was written last
    shares_from: int | None = 0  # senders may learn what it has read behind this sequence; None: nothing
    role: Role = "guest"
    admitted: bool = False  # came with a token, or was given a role: may come in whatever the access
    ban: Penalty | None = None
    mute: Penalty | None = None
    rooms: dict[int, int] = {}  # room id → the sequence at which it was entered

    @property
    def rank(self) -> int:
        """How far up its role is."""
        return rank(self.role)

    @property
    def sharing(self) -> bool:
        """Whether senders may learn what it has read."""
        return self.shares_from is not None

    @property
    def known(self) -> bool:
        """Whether it may come in where newcomers may not."""
        return self.admitted or self.registered

    def banned(self, at: int) -> Penalty | None:
        """The ban that holds at `at`."""
        return self.ban if self.ban is not None and self.ban.holds(at) else None

    def muted(self, at: int) -> Penalty | None:
        """The mute that holds at `at`."""
        return self.mute if self.mute is not None and self.mute.holds(at) else None


class Device(msgspec.Struct):
    """One install of a client, and how far its numbers have come."""

    id: int
    account: int
    token: bytes  # the 16 bytes it says Hello with
    last_number: int = 0
    last_seq: int = 0
    untold: str = ""  # why it was put out, which it may not have read
    unbroken: int = 0  # all its numbers from here to the last one were accepted; 0: it said nothing yet


class Room(msgspec.Struct):
    """A room; who is in it stands with the accounts."""

    id: int
    name: str
    owner: int = 0  # account id of who made it; 0: nobody, as of the room in which everyone starts
    rules: dict[str, str] = {}  # those that were set
    opened: list[int] = []  # accounts that may enter while it is private

    def rule(self, name: str) -> str:
        """What a rule is here."""
        return self.rules.get(name, ROOM_RULES[name].default)

    @property
    def private(self) -> bool:
        """Whether only those may enter, and know of it, who were let in."""
        return self.rules.get("private") == "on"

    def lets_in(self, account: Account) -> bool:
        """Whether an account may enter: a private room those who were let in, its owner, and admins."""
        return not self.private or account.id in (*self.opened, self.owner) or account.rank >= rank("admin")

    @property
    def closed(self) -> str:
        """Why nobody may enter or speak; empty: it is open."""
        value = self.rule("closed")
        return "" if value == "off" else value


class Snapshot(msgspec.Struct):
    """The state as it is stored beside the log."""

    seq: int  # the last sequence folded in
    accounts: list[Account]
    devices: list[Device]
    rooms: list[Room]
    rules: dict[str, str]  # of the broker, those that were set
    tickets: list[Ticket]
    barred: dict[str, Penalty]  # by network
    removed: list[int]  # sequences of messages that are shown no more
    passing: dict[tuple[int, str], int] = {}  # room (0: the broker) and rule → when it is off again, ms since the epoch


class State:
    """The fold of the log up to `seq`, with the look-ups that the core needs."""

    def __init__(self, snapshot: Snapshot | None = None) -> None:
        self.seq = snapshot.seq if snapshot else 0
        self.accounts: dict[int, Account] = {a.id: a for a in snapshot.accounts} if snapshot else {}
        self.devices: dict[int, Device] = {d.id: d for d in snapshot.devices} if snapshot else {}
        self.rooms: dict[int, Room] = {r.id: r for r in snapshot.rooms} if snapshot else {}
        self.rules: dict[str, str] = snapshot.rules if snapshot else {}
        self.tickets: dict[int, Ticket] = {t.id: t for t in snapshot.tickets} if snapshot else {}
        self.barred: dict[str, Penalty] = snapshot.barred if snapshot else {}
        self.removed: set[int] = set(snapshot.removed) if snapshot else set()
        self.passing: dict[tuple[int, str], int] = snapshot.passing if snapshot else {}
        # Derived, for look-ups:
        self.by_key = {account.key: account for account in self.accounts.values()}
        self.by_nick = {fold(account.nick): account for account in self.accounts.values() if account.nick}
        self.by_digest = {ticket.digest: ticket for ticket in self.tickets.values()}
        self.went_by: dict[str, set[int]] = {}  # folded nick → ids of the accounts that ever had it
        for account in self.accounts.values():
            self.went_by.setdefault(fold(account.last_nick), set()).add(account.id)
        self.owned = Counter(room.owner for room in self.rooms.values())  # rooms by account id
        self.installed = Counter(device.account for device in self.devices.values())  # devices by account id
        self.by_token = {(device.account, device.token): device for device in self.devices.values()}
        self.by_room = {room.name: room for room in self.rooms.values()}
        self.lookalikes = Lookalikes([*(account.nick for account in self.by_nick.values()), *self.by_room])
        self.members: dict[int, set[int]] = {room: set() for room in self.rooms}  # room id → account ids
        for account in self.accounts.values():
            for room in account.rooms:
                self.members[room].add(account.id)

    def snapshot(self) -> Snapshot:
        """The state as data; shares its objects, so encode it before the next apply."""
        return Snapshot(
            self.seq,
            list(self.accounts.values()),
            list(self.devices.values()),
            list(self.rooms.values()),
            self.rules,
            list(self.tickets.values()),
            self.barred,
            sorted(self.removed),
            self.passing,
        )

    @property
    def open_to_all(self) -> bool:
        """Whether whoever has the broker's key may come in."""
        return self.rule("access") == "open" and self.rule("locked") == "off"

    def rule(self, name: str) -> str:
        """What a rule of the broker is."""
        return self.rules.get(name, BROKER_RULES[name].default)

    def apply(self, seq: int, entry: AnyEntry) -> bool:
        """Fold in the entry with this sequence; False when it lost (a taken nick) or had no effect."""
        self.seq = seq
        match entry:
            case Posted() | Announced():
                self.said(entry.device, entry.number, seq, 1)
                return True
            case Named():
                return self._name(seq, entry)
            case Released():
                return self._release(self.accounts[entry.account], entry)
            case Reached():
                account = self.accounts[entry.account]
                account.taken, account.reach = max(account.taken, entry.taken), entry.reach
                return True
            case Registered():
                account = self.accounts[entry.account]
                took = account.registered != entry.kept
                account.registered = entry.kept
                if took:  # who asks again, as after a lost answer, may have missed something since
                    account.taken = seq
                return took
            case Shared():
                account = self.accounts[entry.account]
                took = account.sharing != entry.on
                if took:  # what was read meanwhile stays untold
                    account.shares_from = seq if entry.on else None
                return took
            case Untold():
                self.devices[entry.device].untold = entry.text
                return True
            case Installed():
                return self._install(seq, entry)
            case Joined():
                return self._join(seq, entry)
            case Left():
                return self.leave(self.accounts[entry.account], entry.room)
            case Lost():
                return False
            case _:
                return deeds.apply(self, seq, entry)

    @classmethod
    def of(cls, log: Log) -> State:
        """What a log amounts to: its snapshot, and what came behind it. Raises LogError."""
        state = cls(log.load_snapshot())
        for segment in log.read(state.seq):
            state.apply_segment(segment.first, segment.entries)
        return state

    def apply_segment(self, first: int, entries: list[AnyEntry]) -> None:
        """Fold in the part of a segment that is new."""
        for seq, entry in enumerate(entries, first):
            if seq > self.seq:
                self.apply(seq, entry)

    def said(self, device: int, number: int, seq: int, count: int) -> None:
        """Fold in a row of so many messages of one device, of which these are the last number and sequence."""
        known = self.devices[device]
        if not known.unbroken or known.last_number != number - count:
            known.unbroken = number - count + 1
        known.last_number, known.last_seq, self.seq = number, seq, seq

    def _name(self, seq: int, entry: Named) -> bool:
        holder = self.by_nick.get(fold(entry.nick))
        account = self.by_key.get(entry.key)
        if holder is not None and holder is not account:
            return False
        account = account or self.account(seq, entry.key)
        account.quiet = entry.quiet
        self.name(account, entry.nick)
        return True

    def open_ticket(self, ticket: Ticket) -> None:
        """A token is good from now on."""
        self.tickets[ticket.id] = self.by_digest[ticket.digest] = ticket

    def close_ticket(self, ticket: Ticket) -> None:
        """It is no longer."""
        del self.tickets[ticket.id]
        self.by_digest.pop(ticket.digest, None)

    def rank_up(self, account: Account, role: Role, seq: int) -> None:
        """Give an account a role, which makes it known.

        Whoever has one keeps the nick, so that nobody else is taken for them; announcers, which are scripts, share it.
        """
        account.role, account.admitted = role, True
        if role not in ("guest", "announcer") and not account.registered:
            account.registered, account.taken = True, seq

    def account(self, seq: int, key: bytes) -> Account:
        """The account of a key, made by the entry with this sequence when the key is new."""
        account = self.by_key.get(key)
        if account is None:
            account = self.accounts[seq] = self.by_key[key] = Account(seq, key)
        return account

    def name(self, account: Account, nick: str) -> None:
        """Give an account a free nick in place of the one it has; empty: none."""
        if account.nick:
            del self.by_nick[fold(account.nick)]
            self.lookalikes.remove(account.nick)
        account.nick = nick
        if nick:
            account.last_nick = nick
            self.by_nick[fold(nick)] = account
            self.went_by.setdefault(fold(nick), set()).add(account.id)
            self.lookalikes.add(nick)

    def leave(self, account: Account, room: int) -> bool:
        """Take an account out of a room; False when it was not in it."""
        self.members[room].discard(account.id)
        return account.rooms.pop(room, None) is not None

    def leave_all(self, account: Account) -> None:
        """Take an account out of all rooms."""
        for room in list(account.rooms):
            self.leave(account, room)

    def _release(self, account: Account, entry: Released) -> bool:
        account.reach = entry.reach
        if account.registered:
            account.taken = max(account.taken, entry.taken)
            return True
        self.name(account, "")
        self.leave_all(account)
        return True

    def _install(self, seq: int, entry: Installed) -> bool:
        account = self.by_key.get(entry.key)
        if account is None or (account.id, entry.device) in self.by_token:
            return False
        self.devices[seq] = self.by_token[account.id, entry.device] = Device(seq, account.id, entry.device)
        self.installed[account.id] += 1
        return True

    def _join(self, seq: int, entry: Joined) -> bool:
        account = self.by_key.get(entry.key)
        if account is None or not account.nick:
            return False
        room = self.by_room.get(entry.room)
        if room is None:
            owner = 0 if entry.room == GENERAL else account.id
            room = self.rooms[seq] = self.by_room[entry.room] = Room(seq, entry.room, owner)
            self.members[seq] = set()
            self.lookalikes.add(room.name)
            self.owned[owner] += 1
        if room.id in account.rooms or room.closed or not room.lets_in(account):
            return False
        account.rooms[room.id] = seq
        self.members[room.id].add(account.id)
        return True

    def whom(
        self, name: str, *, holder_counts: bool, meant: Callable[[Account], bool] = lambda account: False
    ) -> Account:
        """The account that somebody means by a nick or by the text of a key.

        Nicks change hands. `holder_counts`: whoever holds the nick now is meant; otherwise, and when nobody holds it,
        it must be the only key that went by it last, or the only one of these which can be `meant`. Raises LookupError
        with a sentence.
        """
        with suppress(InvalidAddress):  # most often it is no key
            if (account := self.by_key.get(parse_key(name))) is not None:
                return account
            raise LookupError(f"The key {name[:50]} was never here.")
        went = (self.accounts[each] for each in sorted(self.went_by.get(fold(name), ())) if name)
        known = [account for account in went if fold(account.last_nick) == fold(name)]
        held = [account for account in known if account.nick]
        if not known:
            raise LookupError(f"Nobody called {name[:NICK_LENGTH]} is known here.")
        likely = [account for account in known if meant(account)]
        if len(likely) == 1 and not holder_counts:
            return likely[0]
        if len(known) == 1 or (held and holder_counts):
            return (held or known)[0]
        keys = ", ".join(key_text(account.key) + (" (holds it now)" if account.nick else "") for account in known[-5:])
        raise LookupError(f"{len(known)} keys went by {name}: {keys}. Name the key that is meant instead.")
