"""The plain model: a few dictionaries that say what was said, by whom, to whom, in which order, and who may see it.

It folds the log by rules of its own, written from PROTOCOL.md, and raises Wrong as soon as a broker or a client does
what these do not allow.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from broker.entries import Announced, AnyEntry, Banned, Installed, Joined, Left, Named, Posted, Registered, Released
from client.errors import Rejected
from client.model import Message
from client.receipt import Numbered, Receipt
from messages import (
    DISMISSING,
    Announce,
    Code,
    Join,
    Leave,
    Post,
    Progress,
    Register,
    Rename,
    Track,
    Unregister,
    Welcome,
    check_room,
    fold,
)

if TYPE_CHECKING:
    from broker.log import Log
    from broker.sessions import Session

    from .world import Process, World


class Wrong(AssertionError):
    """A promise was broken; the text says which."""


@dataclass(slots=True)
class Asked:
    """A command that somebody gave their client, and what became of it."""

    key: bytes
    device: bytes
    command: Numbered
    receipt: Receipt
    head: int  # the newest sequence when it was given
    failures: int  # how often the disk had failed, or was known to
    order: int = 0  # among all that were asked
    seq: int = 0  # where the log has it; 0: nowhere
    refused: str = ""  # the code
    given_up: bool = False  # nobody has it any more: the disk is lost, or the session was ended


@dataclass(slots=True)
class Stored:
    """A message in the log."""

    seq: int
    asked: Asked
    sender: str
    target: str
    plain: bool  # not an announcement
    account: bytes = b""  # to whom, by key; empty: to a room or everyone
    room: str = ""
    members: dict[bytes, int] = field(default_factory=dict)  # of the room then, with the sequence of their entry


class Tenure:
    """Who had something from when to when, of which sequences know the order."""

    def __init__(self) -> None:
        self.now: dict[bytes, int] = {}  # by key: since when
        self.past: list[tuple[bytes, int, int]] = []  # key, first and last sequence

    def begin(self, key: bytes, seq: int) -> None:
        self.now[key] = seq

    def end(self, key: bytes, seq: int) -> None:
        if key in self.now:
            self.past.append((key, self.now.pop(key), seq))

    def had(self, key: bytes, since: int) -> bool:
        """Whether `key` had it at some time behind `since`."""
        return key in self.now or any(who == key and last > since for who, _, last in self.past)

    def lacked(self, key: bytes, since: int) -> bool:
        """Whether `key` did not have it at some time behind `since`."""
        return not (key in self.now and self.now[key] <= since)

    def others(self, key: bytes, since: int) -> bool:
        """Whether somebody else had it at some time behind `since`."""
        return any(who != key for who in self.now) or any(who != key and last > since for who, _, last in self.past)


class Ledger:
    """Everything the model knows."""

    def __init__(self) -> None:
        self.head = 0
        self.failures = 0  # of the disk, and turns in which it was known to fail
        self.cut = 0  # the log is no longer kept up to here
        self.said: dict[str, Asked] = {}  # by body
        self.entries: dict[int, tuple[AnyEntry, bool]] = {}  # other entries, and whether they had an effect
        self.stored: list[Stored] = []
        self.seqs: list[int] = []  # of these
        self.latest: dict[tuple[bytes, bytes], Asked] = {}  # what the log has last of a device
        self.nick: dict[bytes, str] = {}
        self.holder: dict[str, bytes] = {}
        self.registered: dict[bytes, int] = {}  # since when
        self.keys: dict[int, bytes] = {}  # by account id
        self.devices: dict[int, tuple[bytes, bytes]] = {}
        self.rooms: dict[int, str] = {}
        self.nicks: dict[str, Tenure] = {}
        self.stays: dict[str, Tenure] = {}
        self.put_out: set[bytes] = set()  # in this tick, by a moderator
        self.count = 0

    # --- what is said ------------------------------------------------------------------------------------------------

    def ask(self, key: bytes, device: bytes, command: Numbered, receipt: Receipt) -> Asked:
        """Somebody gave their client a command. Every body is said once."""
        self.count += 1
        asked = Asked(key, device, command, receipt, self.head, self.failures, self.count)
        if isinstance(command, (Post, Announce)):
            self.said[command.body] = asked
        return asked

    def again(self, receipt: Receipt) -> Asked:
        """The next process goes on with what an earlier one left."""
        asked = self.said[receipt.command.body]
        asked.receipt = receipt
        return asked

    def wipe(self, key: bytes, device: bytes) -> None:
        """The disk of a device is lost, with all that it kept."""
        for asked in self.said.values():
            asked.given_up |= (asked.key, asked.device) == (key, device)

    def everything_typed_went_out(self, keeping: set[tuple[bytes, bytes]]) -> None:
        """What was said on devices with a disk is in the log, or was refused."""
        for asked in self.said.values():
            lost = not (asked.seq or asked.refused or asked.given_up) and (asked.key, asked.device) in keeping
            check(not lost, f"{asked.command} was typed, and never went out")

    # --- the log -----------------------------------------------------------------------------------------------------

    def absorb(self, log: Log) -> None:
        """Fold in what is new. Commands are decided by the state in front of their segment."""
        for segment in log.read(self.head):
            holder, nick = dict(self.holder), dict(self.nick)
            for seq, entry in enumerate(segment.entries, segment.first):
                if isinstance(entry, (Posted, Announced)):
                    self._store(seq, entry, holder, nick)
                else:
                    self.entries[seq] = (entry, self._apply(seq, entry))
            self.head = segment.last

    def _store(self, seq: int, entry: Posted | Announced, holder: dict[str, bytes], nick: dict[bytes, str]) -> None:
        asked = self.said.get(entry.body)
        check(asked is not None, f"{seq} holds {entry.body!r}, which nobody said")
        command = asked.command
        check(not asked.seq, f"{entry.body!r} is stored twice, as {asked.seq} and {seq}")
        check(not asked.refused, f"{entry.body!r} was refused ({asked.refused}), and is stored")
        check(type(entry) is (Posted if isinstance(command, Post) else Announced), "stored as something else")
        check(self.devices[entry.device] == (asked.key, asked.device), f"{entry.body!r} is ascribed to another device")
        check(self.keys[entry.account] == asked.key, f"{entry.body!r} is ascribed to somebody else")
        name = nick[asked.key]
        check(entry.sender == name, f"{entry.body!r} goes by {entry.sender}, its sender by {name}")
        check(fold(entry.target) == fold(command.to), f"{entry.body!r} to {command.to} is stored to {entry.target}")
        before = self.latest.get((asked.key, asked.device))
        check(before is None or before.order < asked.order, f"{entry.body!r} is stored behind what was said after it")
        self.latest[asked.key, asked.device] = asked
        asked.seq = seq
        stored = Stored(seq, asked, entry.sender, entry.target, isinstance(entry, Posted))
        if entry.target.startswith("@"):
            stored.account = self.keys[entry.to]
            meant = holder.get(fold(entry.target[1:]))
            check(meant == stored.account, f"{entry.body!r} reaches who is not {command.to}")
        elif entry.target.startswith("#"):
            stored.room = self.rooms[entry.to]
            check(stored.room == entry.target, f"{entry.body!r} reaches the room {stored.room}")
            stored.members = dict(self.stays[stored.room].now)
        else:
            check(entry.to == 0, f"{entry.body!r} does not reach everyone")
        self.stored.append(stored)
        self.seqs.append(seq)

    def _apply(self, seq: int, entry: AnyEntry) -> bool:
        match entry:
            case Named():
                return self._name(seq, entry.key, entry.nick)
            case Released(account=account):
                return self._release(seq, self.keys[account])
            case Registered(account=account, kept=True):
                self.registered.setdefault(self.keys[account], seq)
            case Registered(account=account):
                self.registered.pop(self.keys[account], None)
            case Installed(key=key, device=device):
                if key in self.keys.values() and (key, device) not in self.devices.values():
                    self.devices[seq] = (key, device)
            case Joined(key=key, room=room):
                if key not in self.nick:
                    return False
                if room not in self.stays:
                    self.rooms[seq], self.stays[room] = room, Tenure()
                if key in self.stays[room].now:
                    return False
                self.stays[room].begin(key, seq)
            case Banned(account=account):
                self.put_out.add(self.keys[account])
            case Left(account=account, room=room):
                self.stays[self.rooms[room]].end(self.keys[account], seq)
        return True

    def _name(self, seq: int, key: bytes, nick: str) -> bool:
        if self.holder.get(fold(nick), key) != key:
            return False
        if key not in self.keys.values():
            self.keys[seq] = key
        self._drop_nick(seq, key)
        self.nick[key], self.holder[fold(nick)] = nick, key
        self.nicks.setdefault(fold(nick), Tenure()).begin(key, seq)
        return True

    def _release(self, seq: int, key: bytes) -> bool:
        if key in self.registered:
            return False
        self._drop_nick(seq, key)
        for stay in self.stays.values():
            stay.end(key, seq)
        return True

    def _drop_nick(self, seq: int, key: bytes) -> None:
        nick = self.nick.pop(key, None)
        if nick is not None:
            del self.holder[fold(nick)]
            self.nicks[fold(nick)].end(key, seq)

    # --- what is shown -----------------------------------------------------------------------------------------------

    def may_see(self, process: Process, stored: Stored) -> bool:
        """Whether a device may be shown a message."""
        key, asked = process.device.key, stored.asked
        if (asked.key, asked.device) == (key, process.device.token):
            return stored.account == key
        if key in (stored.account, asked.key) or stored.target == "*":
            return True
        return key in stored.members

    def must_see(self, process: Process, stored: Stored) -> bool:
        """Whether it must be: who left a room meanwhile need not be told any more what was said there."""
        if not self.may_see(process, stored):
            return False
        key = process.device.key
        if not stored.room or stored.asked.key == key:
            return True
        return self.stays[stored.room].now.get(key) == stored.members[key]

    def between(self, after: int, upto: int) -> Iterator[Stored]:
        """The messages behind one sequence and up to another."""
        return iter(self.stored[bisect_right(self.seqs, after) : bisect_right(self.seqs, upto)])

    def shown(self, process: Process, message: Message) -> None:
        """A client showed somebody a message."""
        stored = next(self.between(message.seq - 1, message.seq), None)
        check(stored is not None, f"{message.body!r} is shown as {message.seq}, where the log has none")
        check(process.seen is not None and message.seq > process.seen, f"{message.body!r} is shown twice or too late")
        self.caught_up(process, message.seq - 1)
        process.seen = message.seq
        command = stored.asked.command
        told = (message.sender, message.target, message.body, message.title)
        true = (stored.sender, stored.target, command.body, getattr(command, "title", ""))
        check(told == true, f"{told} is shown for {true}")
        whom = process.device.name
        check(self.may_see(process, stored), f"{message.body!r} is shown to {whom}, whom it does not concern")

    def caught_up(self, process: Process, upto: int | None) -> None:
        """A client will show nothing any more up to there."""
        if process.seen is None or upto is None or upto <= process.seen:
            return
        for stored in self.between(process.seen, upto):
            told = stored.seq <= self.cut and any(gap.after < stored.seq <= gap.until for gap in process.gaps)
            if self.must_see(process, stored) and not told:
                raise Wrong(f"{stored.asked.command} ({stored.seq}) is lost to {process.device.name}")
        process.seen = upto

    # --- connections -------------------------------------------------------------------------------------------------

    def floor(self, world: World, process: Process, session: Session) -> int | None:
        """How late deliveries to a process without a cursor may begin, when its session begins now; None: anywhere.

        Where the person's other processes had come: if nobody of theirs is connected, and the account is registered or
        one of these is within its lease.
        """
        key = process.device.key
        people = [each for each in world.past if each.device.key == key and not each.device.quiet]
        others = [each for each in people if each is not process]
        if process.device.quiet or any(
            each.peer is not None and not each.quiet and each.device is not session.device
            for each in session.here.sessions.values()
        ):
            return None
        waiting = any(other.held_until > world.now and other.life == world.life and not other.quit for other in others)
        if key not in self.registered and (not waiting or key in self.put_out):
            return None
        return max([self.registered.get(key, 0), *(other.came for other in others)])

    def welcomed(self, process: Process, event: Welcome) -> None:
        """A client was welcomed, and is told where its deliveries begin."""
        name = process.device.name
        check(event.after <= event.head <= self.head, f"{name} is told of a log up to {event.head}")
        if process.seen is not None:
            check(event.after == process.cursor, f"{name} goes on at {event.after}, not {process.cursor}")
            return
        process.seen = process.first = event.after
        if process.floor is not None:
            for stored in self.between(process.floor, event.after):
                missed = self.must_see(process, stored) and stored.asked.key != process.device.key
                check(not missed, f"{name} begins at {event.after}, and misses {stored.asked.command} ({stored.seq})")

    def check(self, world: World) -> None:
        """What must hold at all times: who has which nick, and that nobody loses it before their time."""
        held = {nick: account.key for nick, account in world.core.state.by_nick.items()}
        check(held == self.holder, f"nicks are held by {held}, and should be by {self.holder}")
        for process in world.past:
            if process.device.key in self.put_out:
                process.held_until = 0.0
            lost = process.held_until > world.now and process.device.key not in self.nick and not process.quit
            check(not lost, f"{process.device.name} lost the nick {process.held_until - world.now} s too early")
        self.put_out.clear()

    # --- who has it --------------------------------------------------------------------------------------------------

    def trackable(self, key: bytes) -> list[int]:
        """The messages of an account of which the log still tells who has them."""
        return [
            stored.seq
            for stored in self.stored
            if stored.asked.key == key and stored.seq > self.cut and (stored.account or not stored.plain)
        ]

    def addressee(self, seq: int) -> bytes:
        """To whom a message was said; empty: to a room or everyone."""
        stored = next(self.between(seq - 1, seq), None)
        return b"" if stored is None else stored.account

    def progress(self, process: Process, event: Progress) -> None:
        """A sender is told who has a message: they have it indeed."""
        stored = next(self.between(event.seq - 1, event.seq), None)
        mine = stored is not None and stored.asked.key == process.device.key
        check(mine, f"{process.device.name} is told of {event.seq}, which is not its own")
        told = process.told.setdefault(event.seq, {})
        for one in (*event.delivered, *event.read):
            key = self.keys[one.person]
            check(self.nicks[fold(one.nick)].had(key, -1), f"{one} never had that nick")
            took = [each for each in process.world.past if each.device.key == key and each.took(event.seq)]
            took = [each for each in took if self.may_see(each, stored)]
            check(took, f"{event.seq} is said to be delivered to {one}, and was not")
            read = one not in event.read or [each for each in took if (each.seen or 0) >= event.seq]
            check(read, f"{event.seq} is said to be read by {one}, and was not")
            told[one.person] = one.nick

    # --- what is answered --------------------------------------------------------------------------------------------

    def judge(self, asked: Asked) -> bool:
        """Look at the answer; False while there is none."""
        answer, command = asked.receipt.answer, asked.command
        if answer is None:
            return False
        if isinstance(answer, int):
            self._accepted(asked, answer)
        elif isinstance(answer, Rejected) and answer.code not in DISMISSING:  # with these the whole session is over
            if answer.code == Code.FORGOTTEN and 0 < asked.seq <= self.cut:
                return True  # nothing is known of it any more
            asked.refused = answer.code
            check(not asked.seq, f"{command} is refused ({answer}), and in the log as {asked.seq}")
            check(self._may_refuse(asked, answer.code), f"{command} is refused without reason: {answer}")
        elif isinstance(answer, Rejected):
            asked.given_up = True
        return True  # anything else says that nothing is known

    def _accepted(self, asked: Asked, seq: int) -> None:
        command, key = asked.command, asked.key
        if isinstance(command, (Post, Announce)):
            cut = seq == 0 < asked.seq <= self.cut  # it is known that it was accepted, and no longer where
            check(asked.seq == seq or cut, f"{command} is said to be {seq}, and the log has it at {asked.seq}")
            return
        entry, took = self.entries.get(seq, (None, False))
        match command:
            case Rename(nick=nick) if seq == 0:
                held = nick.lower() in self.nicks and self.nicks[fold(nick)].had(key, asked.head)
                check(held, f"{nick} is said to be one's nick already")
            case Rename(nick=nick):
                true = took and isinstance(entry, Named) and (entry.key, entry.nick) == (key, nick)
                check(true, f"{command} is said to be {seq}, where the log has {entry}")
            case Join(room=room):
                true = isinstance(entry, Joined) and (entry.key, entry.room) == (key, check_room(room))
                check(true, f"{command} is said to be {seq}, where the log has {entry}")
            case Leave(room=room):
                true = isinstance(entry, Left) and (self.keys[entry.account], self.rooms[entry.room]) == (key, room)
                check(true, f"{command} is said to be {seq}, where the log has {entry}")
            case Register() | Unregister():
                true = isinstance(entry, Registered) and self.keys[entry.account] == key
                true = true and entry.kept == isinstance(command, Register)
                check(true, f"{command} is said to be {seq}, where the log has {entry}")

    def _may_refuse(self, asked: Asked, code: str) -> bool:
        command, key, since = asked.command, asked.key, asked.head
        match code:
            case Code.NOT_STORED:
                return self.failures > asked.failures
            case Code.FORGOTTEN:  # the first answer may have been lost
                return isinstance(command, (Post, Announce))
            case Code.NOT_TRACKED:
                return isinstance(command, Track) and min(command.seqs) <= self.cut
            case Code.NO_SUCH_NICK:
                tenure = self.nicks.get(fold(command.to[1:]))
                holder = self.holder.get(fold(command.to[1:]))
                return tenure is None or holder is None or tenure.lacked(holder, since)
            case Code.NO_SUCH_ROOM:
                return not any(first <= since and name == command.to for first, name in self.rooms.items())
            case Code.NICK_TAKEN:
                tenure = self.nicks.get(fold(command.nick))
                return tenure is not None and tenure.others(key, since)
            case Code.NOT_IN_ROOM:
                return command.room not in self.stays or self.stays[command.room].lacked(key, since)
        return False


def check(true: object, text: str) -> None:
    """Raise Wrong unless something is true."""
    if not true:
        raise Wrong(text)
