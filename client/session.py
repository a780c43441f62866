"""What the client says and when: the protocol's client side as a state machine. No sockets, threads, locks or clock.

    OFFLINE ──connected──▶ GREETING ──Welcome──▶ UP          what is flying is sent again, then what waits
       ▲                      │  ▲
       │                  Rejected retry_as                  disconnected leads back to OFFLINE from everywhere
       │                      ▼  │
       └──disconnected───── REFUSED
    from anywhere: Dismissed, close or a bug ──▶ OVER        every open receipt is answered, nothing follows

Whoever owns the connection calls connected, received, disconnected and tick, sends what `outgoing` returns, and opens a
new connection when `stale` says why the present one is useless. Times are monotonic seconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum, auto
from math import inf

from messages import (
    DISMISSING,
    PROTOCOL,
    Accepted,
    Announcement,
    AnyCommand,
    AnyEvent,
    AuditPage,
    Bye,
    Closed,
    Closing,
    Code,
    Deleted,
    Dismissed,
    Done,
    Gap,
    Hello,
    HistoryPage,
    Invited,
    InviteList,
    Join,
    Message,
    Pong,
    Post,
    Progress,
    Register,
    Rejected,
    Rename,
    RoomList,
    Roster,
    Ruled,
    RuleList,
    Share,
    Staying,
    Storing,
    Typist,
    Unregister,
    Welcome,
)

from . import errors, model
from .composing import Others, Pen
from .deliveries import Deliveries
from .inbox import Inbox
from .language import _, told
from .model import Connected
from .outbox import Kept, Outbox
from .pulse import Pulse, silence
from .receipt import Desk, Numbered, Receipt
from .standing import Heard, Standing
from .tracking import Tracking
from .version import __version__
from .wish import Wish


class State(Enum):
    """Where the session stands with the broker."""

    OFFLINE = auto()
    GREETING = auto()  # Hello is on its way
    REFUSED = auto()  # not under this nick
    UP = auto()
    OVER = auto()


class Session:
    """One client's conversation with the broker, over any number of connections."""

    def __init__(
        self,
        nick: str,
        device: bytes,
        desk: Desk,
        *,
        receive: bool = True,
        quiet: bool = True,
        kept: Kept | None = None,  # by an earlier process; None: nothing is to be kept
        token: str = "",  # of the invite we came with
        wish: Wish,
    ) -> None:
        self.me = Standing(nick, wish)
        self.state = State.OFFLINE
        self.why = ""  # why there is no connection
        self.refusal: errors.Rejected | None = None  # why the broker does not want us under this nick; until Welcome
        self.turned_away: errors.Rejected | None = None  # why it does not want us at present; until Welcome
        self.failure: errors.ClientError | None = None  # OVER: why
        self.stale = ""  # why the present connection is useless
        self.welcome: Connected | None = None
        self.inbox = Inbox()
        self.outbox = Outbox(kept)
        self._tracking = Tracking(desk)
        self.leftovers = self.outbox.restore(kept.rows, desk) if kept else []
        self._device = device
        self._desk = desk
        self._quiet = quiet
        self._token = token
        self._attempt = 1
        self._asked = ""  # the nick of the Hello on its way
        self._deliveries = Deliveries(self.inbox, wanted=receive, kept=kept, tells_read=lambda: self.me.tells_read)
        self._ready: list[AnyCommand] = []  # goes out next
        self.pulse = Pulse()
        self._pen = Pen()
        self._others = Others(self.inbox)
        self._closing = inf  # when to stop waiting for answers

    # --- what the user does -------------------------------------------------------------------------------------------

    def submit(self, command: Numbered, size: int = 0) -> Receipt:
        """Queue a command with a text of `size` characters; raises OutboxFull, and why the session is over."""
        if self.failure is not None:
            raise self.failure.with_traceback(None)
        if self._closing < inf:
            raise errors.Closed(_("This client is being closed."))
        if isinstance(command, Share) and command.on and not self.outbox.count(Share):
            self._hush()  # so that nothing counts that was read until now
        receipt = Receipt(command, self._desk, size)
        self.outbox.add(receipt)
        if isinstance(command, Post):
            self._pen.sent(command.to)
        elif isinstance(command, Share):
            self.me.asks(command)
        return receipt

    def retry_as(self, nick: str) -> None:
        """Ask for another nick after a refusal; raises why the session is over."""
        if self.failure is not None:
            raise self.failure.with_traceback(None)
        if self.state is State.UP:
            if nick != self.me.nick:
                self.submit(Rename(1, nick))
            return
        self.me.nick, self.refusal = nick, None
        if self.state is State.REFUSED:
            self._hello()

    def track(self, receipt: Receipt) -> None:
        """Ask who has a message of ours, once it is accepted; raises ClientError for what cannot be tracked."""
        if self.failure is not None:
            raise self.failure.with_traceback(None)
        self._tracking.watch(receipt)

    def mark_read(self, message: model.Message) -> None:
        """Everything up to this message was shown to the person."""
        self._deliveries.shown(message, self.me.nick)

    def writes(self, where: str, now: float) -> bool:
        """The person writes something for a target, or nothing any more (''); whether there is something to tell."""
        self._ready += (told := self._pen.writes(where, now) if self.state is State.UP else [])
        return bool(told)

    def close(self, deadline: float) -> None:
        """End as soon as everything is answered, at the latest at `deadline`."""
        self._closing = min(self._closing, deadline)

    def fail(self, error: errors.ClientError) -> None:
        """End now: answer every open receipt with `error`."""
        if self.state is not State.OVER:
            self.state, self.failure = State.OVER, error
            self.outbox.fail(error)

    def dismissed(self, why: errors.Rejected) -> None:
        """End for good: by the broker's word, or since it is the wrong broker."""
        self.inbox.put_event(model.Dismissed(why.code, why.text))
        self.fail(why)

    # --- what the connection reports ----------------------------------------------------------------------------------

    def connected(self, now: float) -> None:
        """A fresh connection is up: greet."""
        self.pulse.began(now)
        self.stale = ""
        self._hello()

    def disconnected(self, why: str, retry_in: float) -> None:
        """The connection is gone, or an attempt failed; the next one starts in `retry_in` seconds."""
        if self.state is State.OVER:
            return
        if self.state is State.UP:
            self._attempt = 0
            self.inbox.put_event(model.Disconnected(why))
        self.state, self.why, self.stale = State.OFFLINE, why, ""
        if why != str(self.turned_away):  # it is gone by now
            self.turned_away = None
        self._ready.clear()
        self._others.end()
        self.outbox.give_up_unrepeatable()
        self._attempt += 1
        self.inbox.put_event(model.Connecting(self._attempt, why, retry_in))

    def unreached(self, endpoint: str) -> errors.ClientError:
        """What to tell who waits for the session in vain: the broker's own word, if it answered."""
        nobody = _("No broker has answered at {endpoint} yet.").format(endpoint=endpoint)
        return self.turned_away or errors.Unreachable(self.why or nobody)

    def tick(self, now: float) -> float:
        """Do what is due and return when to come again, at the latest."""
        if self._closing < inf and self._may_end(now):
            self._end()
        if self.state in (State.OFFLINE, State.OVER):
            return self._closing
        if self.pulse.silent(now):
            self.stale = silence()
        if self.state not in (State.UP, State.REFUSED):  # the broker waits for another nick as long as it hears of us
            return min(self.pulse.silent_at, self._closing)
        if self.pulse.due(now):
            self._ready += self._deliveries.ping()
        if self.state is not State.UP:
            return min(self.pulse.again_at, self._closing)
        self._ready += self._deliveries.mark_soon(now)
        more = (self._others.tick(now), self._deliveries.mark_at, self.outbox.again_at)
        return min(self.pulse.again_at, self._closing, *more)

    def outgoing(self, now: float) -> list[AnyCommand]:
        """Take what is to be sent now, in order."""
        if self.state is State.UP:
            self._ready += self._deliveries.go_on()
            for question in self._tracking.questions():
                self.outbox.add(question, anyway=True)
            self._ready += self.outbox.launch(now)
        ready, self._ready = self._ready, []
        if ready:
            self.pulse.said(ready, now)
        return ready

    @property
    def wants_more(self) -> bool:
        """Whether there is room again for messages that the broker holds back."""
        return self._deliveries.due

    def received(self, events: Iterable[AnyEvent], now: float) -> None:
        """Take one batch of the broker's."""
        self.pulse.heard = now
        for event in events:
            if self.state is State.OVER:
                return
            match event:
                case Message() | Announcement():
                    if self.state is State.UP:
                        self._others.said(event, self.me.nick)
                        self._ready += self._deliveries.take(event, self.me.nick)
                case Accepted():
                    self.pulse.answered(event, now)
                    self._accepted(event)
                case Rejected():
                    self._rejected(event, now)
                case Done():
                    self._learn(event.number)
                    self.outbox.answered(event.number, 0)
                case Roster() | RoomList() | HistoryPage() | RuleList() | InviteList() | AuditPage() | Invited():
                    self.outbox.answered(event.number, event)
                case Progress():
                    self._tracking.progress(event, self.inbox)
                case Gap():
                    self._deliveries.gap(event)
                case Pong() if self.state is State.UP:  # else nothing is delivered that it could stand behind
                    self.pulse.answered(event, now)
                    self._deliveries.pong(event)
                case Typist():
                    self._others.told(event, self.me.nick, now)
                case _ if isinstance(event, Heard):
                    if self.me.heard(event) and not self.outbox.count(Share, Register, Unregister):  # else it is ours
                        self.inbox.put_event(event)
                case Welcome():
                    self.pulse.answered(event, now)
                    self._welcomed(event)
                case Storing() | Ruled() | Deleted() | Staying():
                    self.inbox.put_event(event)
                case Closing():
                    self.inbox.put_event(model.ServerClosing(event.by, event.seconds, event.reason))
                case Closed():
                    self.inbox.put_event(model.ServerClosed(event.by, event.reason))
                case Dismissed():
                    self.dismissed(errors.Rejected(event.code, told(event.text)))

    # --- greeting -----------------------------------------------------------------------------------------------------

    def _hello(self) -> None:
        self.state, self._asked = State.GREETING, self.me.nick
        deliveries = self._deliveries
        after, began = (deliveries.cursor, deliveries.began) if deliveries.wanted else (None, None)
        place = (after, deliveries.feed, self._quiet, f"confab {__version__}", began)
        self._ready.append(
            Hello(PROTOCOL, self.me.nick, self._device, *place, token=self._token, timeline=deliveries.timeline)
        )

    def _welcomed(self, event: Welcome) -> None:
        if self.state is not State.GREETING:
            return
        again = self.welcome is not None
        lost = [room for room in self.me.rooms if room not in event.rooms] if again and not event.resumed else []
        self.state, self.refusal, self.turned_away, self.why = State.UP, None, None, ""
        self.me.welcomed(event)
        restored = self._deliveries.welcomed(event.after, event.head, event.timeline)
        self._deliveries.unmarked |= self._deliveries.read > 0  # the Hello said what was taken, not what was read
        self.welcome = Connected(
            event.nick, event.resumed, tuple(event.rooms), event.role, event.broker, again, event.registered
        )
        self.inbox.put_event(self.welcome)
        if restored:
            self._tracking.fork()
            self.inbox.put_event(model.Restored(event.after))
        rejoin = [Receipt(Join(1, room), self._desk) for room in lost]
        self._ready += self.outbox.resume(event.last_number, rejoin)
        self._tracking.welcomed()
        if not self.outbox.count(Share):
            self.me.heeded()
            self._hush()

    def _hush(self) -> None:
        """Tell the broker that nobody is to learn what we read, if it does not know."""
        if self.me.sharing and not self.me.tells_read:
            self.outbox.add(Receipt(Share(1, False), self._desk), anyway=True)

    def _rejected(self, event: Rejected, now: float) -> None:
        event.text = told(event.text)
        if event.number == 0 and event.code in DISMISSING:
            self.dismissed(errors.Rejected(event.code, event.text))
        elif event.number == 0 and self.state is State.GREETING:
            self._greeting_refused(event)
        elif event.code == Code.TOO_FAST and event.number in self.outbox.flying:
            if self.outbox.pause(event.number, now + event.again):
                self.inbox.put_event(model.Slowed(event.again))
        elif event.code == Code.HELLO_FIRST:
            self.stale = _("The broker forgot this session.")  # what was refused is sent again after the next Hello
        elif not (event.code == Code.NOT_READ and self.outbox.unknown(event.number, event.text, self.pulse.heard)):
            self.outbox.answered(event.number, errors.Rejected(event.code, event.text))

    def _greeting_refused(self, event: Rejected) -> None:
        if event.code not in (Code.NICK_TAKEN, Code.NICK_INVALID):
            self.stale = event.text or _("The broker refuses to greet us ({code}).").format(code=event.code)
            self.turned_away = errors.Rejected(event.code, self.stale)  # no other nick helps: later
            return
        if self._asked != self.me.nick:  # another nick was chosen meanwhile
            self._hello()
            return
        self.state = State.REFUSED
        if self.refusal is None or self.refusal.code != event.code:
            self.inbox.put_event(model.Refused(event.code, event.text))
        self.refusal = errors.Rejected(event.code, event.text)

    # --- answers ------------------------------------------------------------------------------------------------------

    def _accepted(self, event: Accepted) -> None:
        if event.count == 1:  # what changes names is always answered alone
            self._learn(event.number)
        self.outbox.accepted(event.number, event.seq, event.count)

    def _learn(self, number: int) -> None:
        """Remember what an accepted command of ours changed about us."""
        receipt = self.outbox.flying.get(number)
        if receipt is not None and type(receipt.command) is not Post:
            self.me.did(receipt.command)
            if isinstance(receipt.command, Share) and self.outbox.count(Share) == 1:  # this one
                self.me.heeded()

    # --- what the next process goes on with --------------------------------------------------------------------------

    @property
    def unsaved(self) -> bool:
        """Whether something must be written down."""
        return self.outbox.keeping and self.outbox.unsaved(self._deliveries.reader)

    def take_unsaved(self) -> Kept | None:
        """What must be written down before anything more is sent."""
        return self.outbox.take_unsaved(self._deliveries.reader) if self.outbox.keeping else None

    def stop_keeping(self, why: str) -> None:
        """What is said is in memory only from now on; `why` is a sentence."""
        self.outbox.stop_keeping()
        self.inbox.put_event(model.NotKept(why))

    # --- how far we have come, and the end ----------------------------------------------------------------------------

    def _may_end(self, now: float) -> bool:
        return now >= self._closing or self.state is State.REFUSED or not (self.outbox or self.state is State.GREETING)

    def _end(self) -> None:
        if self.state is State.UP:
            self._ready += [*self._deliveries.mark(), Bye()]
        self._deliveries.left = self.welcome is not None and not self.me.registered
        self.fail(errors.Closed(_("This client was closed before the broker answered.")))
