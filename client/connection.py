"""The client's one background thread: it owns the link, keeps a connection up, and is where all threads meet.

One lock guards the session; everything the user's threads do is a short step under it. They wake the thread through a
pipe, once until it has looked: a burst of sends costs one wake and leaves as a few large batches. What to say and when
is the session's business, bytes and sockets are the link's.
"""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable
from dataclasses import replace
from math import inf
from time import monotonic
from typing import TypeVar

import zmq

from messages import AnyEvent, DecodeError, Event, Post, decode_events

from .backoff import backoff
from .errors import Broken, ClientError, NotConfigured, NotReached
from .frames import pack
from .inbox import Inbox
from .known import Broker
from .language import _, told
from .link import Link
from .model import Connected, Message, NotKept, NotRemembered
from .outbox import Kept
from .profile import Profile
from .receipt import Awaited, Numbered, People, Receipt
from .session import Session, State
from .tracking import shortfall
from .wish import Wish

T = TypeVar("T")

_ATTEMPT_SECONDS = 22.0  # longer than the link's own limits; only a name that is not found takes that long
_HURRIED_RETRY = 1.0  # seconds between the beginnings of two attempts, when a person waits for the second
_STEADY_SECONDS = 1.0  # a connection that held this long makes the next retry a quick one again
_JOIN_SECONDS = 1.0  # beyond the user's own timeout: the link's goodbye, and the context's end


class Connection:
    """A session kept alive by a thread. All methods are for the user's threads, and thread-safe."""

    def __init__(
        self,
        broker: Broker,
        profile: Profile,
        nick: str,
        *,
        receive: bool,
        quiet: bool,
        find: Callable[[], Broker],  # where the broker is by now; raises NotConfigured
    ) -> None:
        keeper = profile.keeper
        kept = keeper.kept if keeper else None
        self.session = Session(
            nick,
            profile.device,
            self,
            receive=receive,
            quiet=quiet,
            kept=kept,
            token=broker.address.token,
            wish=Wish(profile.path.parent, broker.address.key or broker.address.endpoint.encode()),
        )
        self._saved = kept.rows[-1].place if kept and kept.rows else 0  # texts up to this place are on disk
        if keeper and keeper.problem:
            self.session.inbox.put_event(NotKept(keeper.problem))
        self._broker = broker
        self._address = broker.address
        self._find = find
        self._remembered = False  # the broker has welcomed us, so that its key has been written down
        self._profile = profile
        self._lock = threading.RLock()  # guards the session and what follows; also held by a signal handler's send
        self._changed = threading.Condition(self._lock)  # something came: an answer, a message, a new state
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        self._armed = False  # a wake is under way; closed is armed for ever
        self._unanswered = False  # a handshake failed without a reason, and no datagram said which broker this is
        self._hurry = False  # do not sit out the pause before the next attempt
        self._thread = threading.Thread(target=self._run, name="confab", daemon=True)
        self._thread.start()  # last: the thread sees a whole object

    # --- for the user's threads ---------------------------------------------------------------------------------------

    def submit(self, command: Numbered, size: int = 0) -> Receipt:
        """Queue a command with a text of `size` characters; raises OutboxFull, Closed, or why the session is over."""
        with self._lock:
            receipt = self.session.submit(command, size)
            self._hurry = self._hurry or self.session.state is State.OFFLINE
            self._wake()
        return receipt

    def wait_for(self, receipt: Receipt, timeout: float | None) -> int | Event:
        """Wait for one answer; see Receipt.wait for what it raises."""
        session = self.session
        with self._lock:
            if receipt.answer is None:
                self._changed.wait_for(lambda: receipt.answer is not None or session.refusal is not None, timeout)
            answer = receipt.answer
            if answer is None:
                raise self._late()
        if isinstance(answer, ClientError):
            raise answer.with_traceback(None)
        return answer

    def wait_connected(self, timeout: float | None) -> Connected:
        """Wait until the session is up; raises Unreachable, the refusal of our nick, or why the session is over."""
        session = self.session
        with self._lock:
            self._changed.wait_for(lambda: session.state is State.UP or session.failure or session.refusal, timeout)
            if session.state is State.UP and session.welcome is not None:
                return session.welcome
            problem = session.failure or session.refusal
            if problem is not None:
                raise problem.with_traceback(None)
            raise self._unreachable()

    def take(self, take: Callable[[Inbox], T | None], timeout: float | None) -> T | None:
        """Take the next thing out of the inbox; None after `timeout` seconds, or when nothing will come any more."""
        session = self.session
        with self._lock:
            item = take(session.inbox)
            if session.wants_more or session.unsaved:
                self._wake()
            if item is None:
                found = self._changed.wait_for(lambda: take(session.inbox) or session.state is State.OVER, timeout)
                item = None if isinstance(found, bool) else found
        return item

    def wait_for_people(self, receipt: Receipt, timeout: float | None, state: Awaited, by: int) -> int:
        """Wait until so many people have a message; see Receipt.wait for what it raises."""
        until = inf if timeout is None else monotonic() + timeout
        if by > 1 and isinstance(receipt.command, Post):
            raise ClientError(_("A direct message is for one person, so {by} cannot have it.").format(by=by))

        def people() -> People:
            return receipt.read_by if state == "read" else receipt.delivered_to

        def settled() -> bool:
            return len(people()) >= by or receipt.untracked is not None or self.session.failure is not None

        if len(people()) < by:
            self.track(receipt)
            self.wait_for(receipt, timeout)
        with self._lock:
            self._changed.wait_for(settled, None if until == inf else until - monotonic())
            if len(people()) >= by:
                return receipt.seq
            problem = receipt.untracked or self.session.failure
        raise NotReached(shortfall(receipt.seq, state, by, sorted(people().values()), problem)) from problem

    def track(self, receipt: Receipt) -> None:
        """Ask who has a message, as soon as it is accepted."""
        with self._lock:
            self.session.track(receipt)
            self._wake()

    def mark_read(self, message: Message) -> None:
        """Everything up to this message was shown to the person."""
        with self._lock:
            self.session.mark_read(message)
            self._wake()

    def writes(self, where: str) -> None:
        """The person writes something for a target; empty: nothing any more."""
        with self._lock:
            if self.session.writes(where, monotonic()):
                self._wake()

    @property
    def tells_read(self) -> bool:
        """Whether the broker may be told what was shown to the person."""
        return self.session.me.tells_read

    @property
    def kept_elsewhere(self) -> int:
        """How many texts other slots keep, in which nobody runs."""
        return self._profile.keeper.elsewhere if self._profile.keeper else 0

    def keeps(self, receipt: Receipt) -> bool:
        """Whether a text is on disk."""
        with self._lock:
            return 0 < receipt.place <= self._saved

    def invite(self, token: str) -> str:
        """The invite to this broker that carries a token."""
        return replace(self._address, token=token).invite

    def retry_as(self, nick: str) -> None:
        """Ask the broker for another nick, soon."""
        with self._lock:
            self.session.retry_as(nick)
            self._hurry = self._hurry or self.session.state is State.OFFLINE
            self._wake()

    def close(self, timeout: float) -> None:
        """End the session and the thread, waiting at most `timeout` seconds for answers. Idempotent."""
        with self._lock:
            self.session.inbox.finish()
            self.session.close(monotonic() + timeout)
            self._wake()
        self._thread.join(max(timeout, 0) + _JOIN_SECONDS)

    # --- under the lock -----------------------------------------------------------------------------------------------

    def _wake(self) -> None:
        """Have the thread look, once until it does."""
        if not self._armed:
            os.write(self._wake_write, b"!")
            self._armed = True

    def _late(self) -> Exception:
        if self.session.refusal is not None:
            return self.session.refusal.with_traceback(None)
        if self.session.outbox.paused:
            return TimeoutError(
                _("This was faster than the broker allows. It is still on its way, and goes by itself.")
            )
        if self.session.state is State.UP:
            return TimeoutError(_("The broker has not answered in time; the command may still be accepted."))
        return self._unreachable()

    def _unreachable(self) -> ClientError:
        return self.session.unreached(self._address.endpoint)

    # --- the thread ---------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        try:
            self._stay_connected(context)
        except BaseException as error:
            broken = Broken(_("A bug in confab's client ended its thread: {error!r}.").format(error=error))
            broken.__cause__ = error
            with self._lock:
                self.session.fail(broken)
            raise
        finally:
            with self._lock:
                self._armed = True  # nobody writes to a pipe that is closed
                os.close(self._wake_read)
                os.close(self._wake_write)
                self._changed.notify_all()
            context.destroy()
            self._profile.release()

    def _stay_connected(self, context: zmq.Context[zmq.Socket[bytes]]) -> None:
        """One link after the other, until the session is over."""
        pauses = backoff()
        while True:
            began = monotonic()
            why = self._attempt(context)
            if self.session.state is State.OVER:
                return
            if self.session.state is State.UP and monotonic() - began > _STEADY_SECONDS:
                pauses = backoff()
            pause = next(pauses)
            with self._lock:
                self.session.disconnected(why, pause)
                self._changed.notify_all()
            if self._unanswered:
                self._question_broker(silently=True)
            if not self._sit_out(pause, began + _HURRIED_RETRY):
                return
            self._look_again()

    def _look_again(self) -> None:
        """Follow the broker of this home to where it listens now; another broker is not what was asked for."""
        try:
            found = self._find()
        except NotConfigured:  # nobody says; so where it was
            return
        if (found.address.key, found.address.plain) == (self._address.key, self._address.plain):
            self._broker, self._address = found, found.address

    def _attempt(self, context: zmq.Context[zmq.Socket[bytes]]) -> str:
        """Make one link and use it as long as it lasts; return why it did not last."""
        try:
            link = Link(context, self._address, (self._profile.public, self._profile.secret), self._wake_read)
        except zmq.ZMQError as error:  # no descriptor left, say: that may pass
            return _("No connection can be made: {strerror}.").format(strerror=error.strerror)
        try:
            why = self._converse(link)
            if link.unproven:
                self._question_broker()
            return why
        finally:
            link.close(goodbye=self.session.state is State.OVER)

    def _question_broker(self, *, silently: bool = False) -> None:
        """After a handshake that failed without a reason: end for good if the broker says that it is another one.

        Silence takes seconds, and is for where no datagram comes through.
        """
        from .beacon import ask_fingerprint, keep_silent  # sockets are slow to import, and hardly anybody gets here

        endpoint = self._address.endpoint
        if silently:
            digest = keep_silent(endpoint, self._wake_read, lambda woken: self._catch_up(woken) is None)
        else:
            digest = ask_fingerprint(endpoint)
        self._unanswered = digest is None and not silently
        if digest is not None and (wrong := self._broker.mistaken_for(digest)):
            with self._lock:
                self.session.dismissed(wrong)
                self._changed.notify_all()

    def _converse(self, link: Link) -> str:
        """Use a link until the session is over or the link is of no more use; return why."""
        give_up = monotonic() + _ATTEMPT_SECONDS
        greeted = woken = False
        frames: list[bytes] = []
        while True:
            try:
                events: list[AnyEvent] = [event for frame in frames for event in decode_events(frame)]
            except DecodeError as error:
                return _("The broker sent what cannot be read: {error}").format(error=told(str(error)))
            now = monotonic()
            with self._lock:
                if woken:
                    self._armed = False
                if link.up and not greeted:
                    greeted = True
                    self.session.connected(now)
                if frames:
                    self.session.received(events, now)
                due = self.session.tick(now)
                commands = self.session.outgoing(now)
                kept = self.session.take_unsaved()
                self._changed.notify_all()
            self._save(kept)
            for frame in pack(commands):
                link.send(frame)
            if not self._remembered and self.session.welcome is not None:
                self._remember()
            if self.session.state is State.OVER or link.broken or self.session.stale:
                return link.broken or self.session.stale
            if not greeted:
                if now >= give_up:
                    return _("{endpoint} does not answer; is its name right?").format(endpoint=self._address.endpoint)
                due = min(due, give_up)
            frames, woken = link.wait(due - monotonic())
            if woken:
                os.read(self._wake_read, 4096)

    def _save(self, kept: Kept | None) -> None:
        """Write down what must be on disk before anything more is sent. Without a disk it goes on in memory."""
        if kept is None or self._profile.keeper is None:
            return
        problem = self._profile.keeper.save(kept)
        with self._lock:
            if problem:
                self.session.stop_keeping(problem)
            self._saved = max([self._saved, *(row.place for row in kept.rows)])
            self._changed.notify_all()

    def _remember(self) -> None:
        """The broker has welcomed us, so that from now on its address is enough."""
        self._remembered = True
        if problem := self._broker.remember():
            with self._lock:
                self.session.inbox.put_event(NotRemembered(problem))
                self._changed.notify_all()

    def _sit_out(self, seconds: float, hurried: float) -> bool:
        """Wait before the next attempt, when someone is in a hurry until `hurried`; tells whether there is one."""
        until = monotonic() + seconds
        poller = select.poll()
        poller.register(self._wake_read, select.POLLIN)
        woken = False
        while (due := self._catch_up(woken)) is not None:
            with self._lock:
                if self._hurry:
                    until, self._hurry = min(until, hurried), False
            if (now := monotonic()) >= until:
                return True
            woken = bool(poller.poll(max(0, round((min(due, until) - now) * 1000 + 0.5))))
        return False

    def _catch_up(self, woken: bool) -> float | None:
        """Without a link: do what is due, and write down what must be; returns when to come again, None: never."""
        if woken:
            os.read(self._wake_read, 4096)
        with self._lock:
            if woken:
                self._armed = False
            due, kept = self.session.tick(monotonic()), self.session.take_unsaved()
        self._save(kept)
        return None if self.session.state is State.OVER else due
