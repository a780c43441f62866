"""A stand-in for client.Client and its receipts, whose broker is the test: it records what is asked and answers."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from client.errors import ClientError, Closed, Rejected
from client.model import Connected, Message, Page
from client.moderation import Moderation
from client.tracking import trackable
from messages import (
    Announce,
    Audit,
    AuditPage,
    Deed,
    Invite,
    Invited,
    InviteInfo,
    InviteList,
    Invites,
    Person,
    Post,
    RoomInfo,
    RuleList,
    Rules,
)

AT = datetime(2026, 11, 24, 12, 4, 30).astimezone()
END = object()


class FakeReceipt:
    """A receipt that the test answers."""

    def __init__(self, outcome: int | ClientError | None = None) -> None:
        self.outcome = outcome
        self.kept = False
        self.command: Any = None
        self.delivered_to: dict[int, str] = {}
        self.read_by: dict[int, str] = {}
        self._answered = threading.Event()
        if outcome is not None:
            self._answered.set()

    @property
    def done(self) -> bool:
        return self._answered.is_set()

    @property
    def seq(self) -> int:
        return self.outcome if isinstance(self.outcome, int) else 0

    @property
    def state(self) -> str:
        return "read" if self.read_by else "delivered" if self.delivered_to else "accepted" if self.done else "queued"

    def track(self) -> None:
        if self.command is None or not trackable(self.command):
            raise ClientError("Not to be tracked.")

    def answer(self, outcome: int | ClientError) -> None:
        self.outcome = outcome
        self._answered.set()

    def wait(self, timeout: float | None = None, *, state: str = "accepted", by: int = 1) -> int:
        self.awaited = (state, by)
        if not self._answered.wait(timeout):
            raise TimeoutError
        if isinstance(self.outcome, ClientError):
            raise self.outcome
        assert isinstance(self.outcome, int)
        return self.outcome


class FakeClient(Moderation):
    """Accepts everything with rising sequences, unless `outcomes` says otherwise (None: no answer yet)."""

    def __init__(self, nick: str = "alice", **options: Any) -> None:
        self.nick = nick
        self.options = options
        self.connected = True
        self.role = "guest"
        self.rooms = ["#general"]
        self.calls: list[tuple[Any, ...]] = []
        self.receipts: list[FakeReceipt] = []
        self.outcomes: list[int | ClientError | None] = []
        self.people = [Person("alice", 1_700_000_000_000, ["#general"]), Person("bob", 1_700_000_000_000, ["#general"])]
        self.items: queue.Queue[Any] = queue.Queue()
        self.page = Page([], None)
        self.error: Exception | None = None  # raised by questions
        self.closed = False
        self.leftovers: list[FakeReceipt] = []
        self.kept_elsewhere = 0
        self.read_receipts = True
        self.read: list[Message] = []
        self.round_trip: float | None = None
        self.written: list[str] = []
        self.delivered = 0  # messages that came, be they among `items` or not

    def _command(self, *call: Any) -> FakeReceipt:
        self.calls.append(call)
        receipt = FakeReceipt(self.outcomes.pop(0) if self.outcomes else len(self.calls))
        self.receipts.append(receipt)
        return receipt

    def _submit(self, command: Any) -> Any:
        return self._command(command)

    def _ask(self, question: Any, kind: Any, timeout: float | None) -> Any:
        self._asked(question)
        match question:
            case Rules(where=where):
                return RuleList(1, where, [("topic", "Deploys"), ("closed", "off")])
            case Invite():
                return Invited(1, 3, "token")
            case Invites():
                return InviteList(1, [InviteInfo(3, "member", 2, None, "alice")])
            case Audit():
                return AuditPage(1, [Deed(9, 1_700_000_000_000, "muted", "alice", "bob", "", "loud")], None)

    def _invite_with(self, token: str) -> str:
        return f"confab://127.0.0.1:5577/key/{token}"

    def send(self, target: str, body: str) -> FakeReceipt:
        receipt = self._command("send", target, body)
        receipt.command = Post(1, target, body)
        return receipt

    def announce(self, body: str, *, title: str = "", priority: str = "normal", to: str = "*") -> FakeReceipt:
        receipt = self._command("announce", body, title, priority, to)
        receipt.command = Announce(1, to, body)
        return receipt

    def join(self, room: str) -> FakeReceipt:
        self.rooms.append(room)
        return self._command("join", room)

    def register(self) -> FakeReceipt:
        return self._command("register")

    def unregister(self) -> FakeReceipt:
        return self._command("unregister")

    def leave(self, room: str) -> FakeReceipt:
        return self._command("leave", room)

    def rename(self, nick: str) -> FakeReceipt:
        self.nick = nick
        return self._command("rename", nick)

    def away(self, text: str = "") -> FakeReceipt:
        return self._command("away", text)

    def share_reads(self, on: bool) -> Any:
        self.read_receipts = on
        return self._command("share_reads", on)

    def stay(self, reason: str = "") -> Any:
        return self._command("stay", reason)

    def kick(self, who: str, reason: str = "", seconds: float | None = None) -> Any:
        return self._command("kick", who, reason, seconds)

    def ban(self, who: str, reason: str = "", seconds: float | None = None) -> Any:
        return self._command("ban", who, reason, seconds)

    def unban(self, who: str) -> Any:
        return self._command("unban", who)

    def down(self, seconds: float = 0.0, reason: str = "") -> Any:
        return self._command("down", seconds, reason)

    def retry_as(self, nick: str) -> None:
        self.calls.append(("retry_as", nick))
        self.nick = nick

    def _asked(self, *call: Any) -> None:
        self.calls.append(call)
        if self.error:
            raise self.error

    def who(self, timeout: float | None = 5.0) -> list[Person]:
        self._asked("who")
        return self.people

    def list_rooms(self, timeout: float | None = 5.0) -> list[RoomInfo]:
        self._asked("rooms")
        return [RoomInfo("#general", 2, True), RoomInfo("#ops", 1, False)]

    def history(
        self, target: str, *, limit: int = 50, before: Any = None, since: Any = None, timeout: float | None = 5.0
    ) -> Page:
        self._asked("history", target, limit, before, *([since] if since else []))
        return self.page

    def around(self, target: str, seq: int, *, context: int = 5, timeout: float | None = 5.0) -> Page:
        self._asked("around", target, seq)
        return self.page

    def writes(self, target: str) -> None:
        self.written.append(target)

    def search(self, query: str, *, limit: int = 50, before: int | None = None, timeout: float | None = 5.0) -> Page:
        self._asked("search", query, limit, before)
        return self.page

    def wait_connected(self, timeout: float | None = None) -> Connected:
        return connected(self.nick)

    def mark_read(self, message: Message) -> None:
        self.read.append(message)

    def stream(self, timeout: float | None = None, *, ahead: bool = False) -> Iterator[Any]:
        while (item := self.items.get()) is not END:
            if isinstance(item, BaseException):
                raise item
            yield item

    def close(self, timeout: float = 2.0) -> None:
        if not self.closed:
            self.closed = True
            self.items.put(END)
            for receipt in self.receipts:
                if not receipt.done:
                    receipt.answer(Closed("The client was closed."))

    def __enter__(self) -> FakeClient:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def connected(nick: str = "alice", **fields: Any) -> Connected:
    return Connected(**{"nick": nick, "resumed": False, "rooms": ("#general",), "role": "guest"} | fields)


def said(body: str, *, sender: str = "bob", target: str = "#general", seq: int = 7, **fields: Any) -> Message:
    return Message(**{"seq": seq, "at": AT, "sender": sender, "target": target, "kind": "text", "body": body} | fields)


def refused(code: str = "no_such_nick", text: str = "Nobody here is called bobb.") -> Rejected:
    return Rejected(code, text)
