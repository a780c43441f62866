"""The public face of the library: class Client. Thin and thread-safe; what to say and when stands in session.py."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from math import inf
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Self, TypeVar

from messages import (
    EVERYONE,
    HISTORY_PAGE,
    Announce,
    Away,
    Event,
    History,
    HistoryPage,
    Join,
    Leave,
    Person,
    Post,
    Priority,
    Register,
    Rename,
    RoomInfo,
    RoomList,
    Rooms,
    Roster,
    Share,
    Unregister,
    Who,
    check_nick,
    check_room,
    find_home,
)

from .check import check_body, check_command, known_target, plain
from .connection import Connection
from .errors import Broken, ClientError, Rejected, Unreachable
from .inbox import Inbox
from .language import _
from .locate import find_broker
from .model import ClientEvent, Connected, Message, Page
from .moderation import Moderation
from .profile import open_profile
from .query import milliseconds, read_query
from .read import read_page
from .receipt import Numbered, Receipt
from .session import State

T = TypeVar("T", bound=Event)
U = TypeVar("U")

_CLOSE_SECONDS = 2.0  # for what is unanswered when a client is closed
_FURTHER = (50, HISTORY_PAGE, 10 * HISTORY_PAGE)  # sequences behind a message, in which what came after it is sought
_SHORT_PAGES = 5  # after so many that were short it is not asked on by itself


class Client(Moderation):
    """One person's or script's connection to a broker; any thread may call it.

    Raises InvalidName and NotConfigured at once and never waits for the network: what is sent before the connection
    is up goes out when it is. `quiet` keeps this session's coming and going from the others; `receive=False` asks
    the broker to deliver nothing (for scripts that only send).

    `broker` is an invite, or the address of a broker that is known (else CONFAB_BROKER, else the one of this home);
    `home` is the folder with our keys (else CONFAB_HOME, else the user's data folder).

    `keep=True` (for a person's console) has a text that the broker has not answered yet, and the place up to which
    messages were read, kept on disk. The next such client of this profile sends the one again, stored once however
    this process ended, and goes on reading behind the other. A message counts as read when the next one is asked for.
    A script should not use it: what its receipt called failed would go out with the next run.

    Every `timeout` is in seconds, and None waits for ever. What gives a Receipt returns at once: it raises InvalidName
    or Rejected for what would surely be refused, OutboxFull when too much is unanswered, Closed, or the Rejected that
    ended the session; all else Receipt.wait tells. What asks (`who`, `list_rooms`, `history`, `search`, `rules`,
    `invite`, `invites`, `audit`) waits, and raises as Receipt.wait does.

    Without `keep`, what has come and was not read yet is gone when the process dies or the client is closed: the broker
    takes it as delivered, and with `quiet=False` the next client of a registered account goes on behind it.
    """

    def __init__(
        self,
        nick: str,
        *,
        broker: str | None = None,
        home: str | os.PathLike[str] | None = None,
        receive: bool = True,
        quiet: bool = True,
        keep: bool = False,
    ) -> None:
        nick = check_nick(nick)
        place = find_home(home)
        find = partial(find_broker, broker, place)
        found = find()
        address = found.address
        keep_for = (address.key or address.endpoint.encode()) if keep else None
        profile = open_profile(place.profile(nick), keep_for)
        try:
            self._connection = Connection(found, profile, nick, receive=receive, quiet=quiet, find=find)
        except BaseException:
            profile.release()
            raise
        self._receive = receive
        self._slot = profile.path

    @property
    def nick(self) -> str:
        """The nick we go by now."""
        return self._connection.session.me.nick

    @property
    def connected(self) -> bool:
        """Whether the broker has welcomed us and the connection is up."""
        return self._connection.session.state is State.UP

    @property
    def round_trip(self) -> float | None:
        """Seconds the broker took to answer last, a ping or a text; None while there is no connection, or no answer."""
        return self._connection.session.pulse.round_trip if self.connected else None

    @property
    def role(self) -> str:
        """Our role as the broker last told it: guest, member, announcer, moderator, admin or owner."""
        return self._connection.session.me.role

    @property
    def is_registered(self) -> bool:
        """Whether the broker keeps our nick, rooms and mail while we are away."""
        return self._connection.session.me.registered

    @property
    def rooms(self) -> list[str]:
        """The rooms we are in."""
        return list(self._connection.session.me.rooms)

    @property
    def leftovers(self) -> list[Receipt]:
        """With keep=True: the texts that an earlier run left unanswered. They go out again by themselves."""
        return list(self._connection.session.leftovers)

    @property
    def kept_elsewhere(self) -> int:
        """With keep=True: how many texts of other windows wait, which go out when as many windows are open again."""
        return self._connection.kept_elsewhere

    @property
    def slot(self) -> Path:
        """The file that makes us one device, and no other process while we are open; with keep=True a window's."""
        return self._slot

    def wait_connected(self, timeout: float | None = None) -> Connected:
        """Wait until the broker has welcomed us, and return how.

        Raises Unreachable after `timeout` seconds, or Rejected (nick taken, banned, version) at once.
        """
        return self._connection.wait_connected(timeout)

    def send(self, target: str, body: str) -> Receipt:
        """Say `body` to a person ('@nick' or 'nick'), a room ('#room') or everyone ('all', or '*').

        The text has at most BODY_BYTES of UTF-8. The receipt's sequence is its place among all that is said.
        """
        return self._connection.submit(Post(1, known_target(plain(target)), check_body(body)), len(body))

    def announce(self, body: str, *, title: str = "", priority: Priority = "normal", to: str = EVERYONE) -> Receipt:
        """Say something that must not be overlooked; `to` is whom it is for, as with `send`.

        The title has at most TITLE_BYTES, and may be empty; `priority` is low, normal, high or urgent.
        """
        command = Announce(1, known_target(plain(to)), check_body(body), plain(title), priority)
        return self._connection.submit(check_command(command), len(body))

    def join(self, room: str) -> Receipt:
        """Enter a room, with or without its #; it is created when new."""
        return self._submit(Join(1, check_room(plain(room))))

    def leave(self, room: str) -> Receipt:
        """Leave a room; refused with not_in_room when we are not in it."""
        return self._submit(Leave(1, check_room(plain(room))))

    def rename(self, nick: str) -> Receipt:
        """Take another nick; refused with nick_taken or nick_invalid."""
        return self._submit(Rename(1, check_nick(plain(nick))))

    def away(self, text: str = "") -> Receipt:
        """Say that we are away and why, in at most REASON_BYTES; empty: back."""
        return self._submit(Away(1, plain(text)))

    def register(self) -> Receipt:
        """Have nick, rooms and mail kept while we are away; what we missed comes with the next connection."""
        return self._submit(Register(1))

    def unregister(self) -> Receipt:
        """Be a guest again, whose nick is free when the last session ends."""
        return self._submit(Unregister(1))

    def who(self, timeout: float | None = 5.0) -> list[Person]:
        """Who is online, by nick; those who are quiet, as scripts are, are left out."""
        return self._ask(Who(1), Roster, timeout).people

    def list_rooms(self, timeout: float | None = 5.0) -> list[RoomInfo]:
        """Which rooms there are, by name; private ones only for those who may enter."""
        return self._ask(Rooms(1), RoomList, timeout).rooms

    def history(
        self,
        target: str,
        *,
        limit: int = 50,
        before: int | datetime | None = None,
        since: datetime | None = None,
        timeout: float | None = 5.0,
    ) -> Page:
        """The latest messages of a conversation; those before a sequence or a time, and none from before `since`.

        Of a stretch with more than `limit` messages the latest are returned; Page.before says where to ask on.
        """
        target = known_target(plain(target))
        start = milliseconds(since) if since else None
        until = milliseconds(before) if isinstance(before, datetime) else None
        end = None if isinstance(before, datetime) else before
        return self._read_back(lambda count, seq: History(1, target, count, seq, start, until), limit, end, timeout)

    def around(self, target: str, seq: int, *, context: int = 5, timeout: float | None = 5.0) -> Page:
        """The message `seq` of a conversation, with up to so many before it and after it.

        What came after is looked for further and further on, and not found when it came much later. Where there is no
        such message in the conversation, what stands around its place.
        """
        page = Page([], None)
        for further in _FURTHER:
            found = self.history(target, limit=HISTORY_PAGE, before=seq + further, timeout=timeout)
            if page.messages and not (found.messages and found.messages[0].seq <= seq):
                break
            page = found
            if page.messages and page.messages[-1].seq > seq:
                break
        earlier = [message for message in page.messages if message.seq <= seq]
        later = [message for message in page.messages if message.seq > seq]
        shown = earlier[-context - 1 :]
        return Page(shown + later[:context], page.before if len(shown) == len(earlier) else shown[0].seq, page.cut)

    def search(self, query: str, *, limit: int = 50, before: int | None = None, timeout: float | None = 5.0) -> Page:
        """The latest messages with all these words among those we may see, or those in front of a sequence.

        Among the words, or alone, may stand from:NICK, in:TARGET, after:DATE and before:DATE (as in 2026-11-24, local
        time).
        Raises InvalidName for a name or a date that is none.
        """
        query = plain(query)
        return self._read_back(lambda count, end: read_query(query, count, end), limit, before, timeout)

    def messages(self, timeout: float | None = None) -> Iterator[Message]:
        """Yield messages as they come; ends after `timeout` seconds of silence (None: never) or when closed.

        Raises Rejected when the broker dismisses us. Each message goes to one reader only.
        """
        if not self._receive:
            raise ClientError(_("This client was made with receive=False, so no message will come."))
        yield from self._each(Inbox.take_message, timeout)
        failure = self._connection.session.failure
        if isinstance(failure, Rejected):
            raise failure.with_traceback(None)

    def events(self, timeout: float | None = None) -> Iterator[ClientEvent]:
        """Yield what happens around the messages; ends like messages(), and after Dismissed.

        Raises Broken when the library itself has failed.
        """
        return self._each(Inbox.take_event, timeout)

    def stream(self, timeout: float | None = None, *, ahead: bool = False) -> Iterator[Message | ClientEvent]:
        """Yield messages and events in the order in which they happened; ends like events().

        With `ahead` a message does not count as read when the next one is asked for, but when mark_read says so.
        """
        return self._each(Inbox.take_ahead if ahead else Inbox.take, timeout)

    @property
    def delivered(self) -> int:
        """How many messages came into the stream so far; who counts those that came out knows if there are more."""
        return self._connection.session.inbox.put

    def writes(self, target: str) -> None:
        """The person is writing something for a person or a room, which may be told there; empty: no more.

        To be called whenever the line changes: it is told every few seconds at most, and not at all to everyone, or
        while there is no connection. Sending it ends it.
        """
        self._connection.writes(target if target.startswith(("@", "#")) else "")

    def mark_read(self, message: Message) -> None:
        """Everything up to this message was shown to the person; their senders may be told, see read_receipts.

        Only with `quiet=False`: what a script reads nobody has read.
        """
        self._connection.mark_read(message)

    @property
    def read_receipts(self) -> bool:
        """Whether senders may learn what was shown to this person; see share_reads."""
        return self._connection.tells_read

    def share_reads(self, on: bool) -> Receipt:
        """Choose whether senders may learn what was shown to this person, on any device of the account.

        Turned off, nothing more is told from this moment on, not even of what was shown before and has not left yet,
        whether the broker is there or not; what was told stays told. Turned on again, only what is
        said from then on counts.
        """
        return self._submit(Share(1, on))

    def retry_as(self, nick: str) -> None:
        """After the broker refused our nick: ask for another, with the same profile and key. Raises InvalidName."""
        self._connection.retry_as(check_nick(plain(nick)))

    def close(self, timeout: float = _CLOSE_SECONDS) -> None:
        """Wait up to `timeout` seconds for what is unanswered, say goodbye, end the thread. Idempotent, never hangs."""
        self._connection.close(timeout)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _submit(self, command: Numbered) -> Receipt:
        return self._connection.submit(check_command(command))

    def _invite_with(self, token: str) -> str:
        return self._connection.invite(token)

    def _ask(self, question: Numbered, kind: type[T], timeout: float | None) -> T:
        answer = self._connection.wait_for(self._submit(question), timeout)
        if not isinstance(answer, kind):
            raise ClientError(
                _("The broker gave an answer that does not belong to the question: {answer!r}.").format(answer=answer)
            )
        return answer

    def _read_back(
        self, question: Callable[[int, int | None], Numbered], limit: int, before: int | None, timeout: float | None
    ) -> Page:
        """Ask on while it is short of the limit, since one page holds, and costs, only so much; but not for ever."""
        until = inf if timeout is None else monotonic() + timeout
        page = read_page(self._ask(question(limit, before), HistoryPage, timeout), self.nick)
        for _turn in range(_SHORT_PAGES + limit // HISTORY_PAGE):
            left = until - monotonic()
            if page.before is None or len(page.messages) >= limit or left <= 0:
                break
            following = question(limit - len(page.messages), page.before)
            try:
                answer = self._ask(following, HistoryPage, None if left == inf else left)
            except (TimeoutError, Unreachable):
                break  # what is there already is worth having, and `before` says that it is not all
            older = read_page(answer, self.nick)
            page = Page(older.messages + page.messages, older.before, older.cut)
        return page

    def _each(self, take: Callable[[Inbox], U | None], timeout: float | None) -> Iterator[U]:
        while (item := self._connection.take(take, timeout)) is not None:
            yield item
        failure = self._connection.session.failure
        if isinstance(failure, Broken):
            raise failure.with_traceback(None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Who has waited in vain for an answer does not wait for it again.
        self.close(0.0 if isinstance(error, Unreachable | TimeoutError) else _CLOSE_SECONDS)
