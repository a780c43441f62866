"""What is unanswered at a console, and the threads that wait for it. Knows receipts, not what they are about.

Answers come back on the console's thread through `post`; whoever waits for one says what to do then. That is done in
the context (contextvars) in which the command was given.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import Any, Protocol, TypeVar

from messages import MessageError

from ..errors import ClientError, Rejected
from ..receipt import Receipt

T = TypeVar("T")

RETRY_SECONDS = 0.2  # between two looks at an answer that waits for a nick to be found
LATE_SECONDS = (
    0.5  # a line without an answer for so long is told of: enough for a broker that is there, and not for ever
)


class Listener(Protocol):
    """Who hears what became of commands."""

    def accepted(self, seq: int) -> None:
        """A command was accepted under this number; 0: it writes nothing to the log."""

    def refuse(self, error: Exception, line: str = "") -> None:
        """Something did not happen; `line` is given back."""

    def fail(self, error: Exception) -> None:
        """The end, by a bug."""

    def late(self, receipt: Receipt) -> None:
        """A line was entered, and there is no answer yet."""


@dataclass(slots=True, eq=False)
class Waiting:
    """A command without an answer yet."""

    receipt: Receipt
    then: Callable[[int], None]
    line: str  # what to give back in words when it is refused; empty: nothing was written
    otherwise: Callable[[], None]  # when it is refused
    since: float = field(default_factory=monotonic)
    context: Context = field(default_factory=copy_context)
    told: bool = False  # that there is no answer yet


class Answers:
    """Commands and questions on their way."""

    def __init__(self, post: Callable[[Callable[[], None]], None], listener: Listener) -> None:
        self._post = post
        self._listener = listener
        self._open: dict[int, Waiting] = {}
        self._asking = 0
        self._ended: Callable[[], None] | None = None  # called once nothing is on its way any more
        self._queue: queue.SimpleQueue[Waiting | Callable[[], None]] = queue.SimpleQueue()

    def start(self) -> None:
        """Begin to wait."""
        threading.Thread(target=self._collect, name="confab-answers", daemon=True).start()

    # --- on the console's thread ------------------------------------------------------------------------------------

    def expect(
        self,
        receipt: Receipt,
        then: Callable[[int], None],
        line: str = "",
        otherwise: Callable[[], None] = lambda: None,
    ) -> None:
        """Call `then` with the sequence once accepted; when refused say so with `line`, and call `otherwise`."""
        waiting = Waiting(receipt, then, line, otherwise)
        self._open[id(waiting)] = waiting
        self._queue.put(waiting)

    def ask(self, question: Callable[[], T], then: Callable[[T], None]) -> None:
        """Ask the broker something beside the console; then show it, or why there is no answer."""

        def run() -> None:
            try:
                answer = question()
            except (ClientError, MessageError, TimeoutError) as error:
                self._post(partial(asked, self._listener.refuse, error))
            except Exception as error:
                self._post(partial(asked, self._listener.fail, error))
            else:
                self._post(partial(asked, then, answer))

        def asked(react: Callable[[Any], None], outcome: Any) -> None:
            self._asking -= 1
            context.run(react, outcome)
            self._check_end()

        context = copy_context()
        self._asking += 1
        threading.Thread(target=run, name="confab-question", daemon=True).start()

    def after(self, reached: Callable[[], None]) -> None:
        """Call this once all that was said before is answered, and the answers are shown."""
        self._queue.put(reached)

    def when_idle(self, ended: Callable[[], None]) -> None:
        """Call this once nothing is on its way any more."""
        self._ended = ended
        self._check_end()

    def unanswered(self) -> list[Waiting]:
        """The lines without an answer."""
        return [waiting for waiting in self._open.values() if waiting.line]

    def tell_late(self, *, at_once: bool = False) -> None:
        """Tell of each line, once, that has been without an answer for a while, or of all that are."""
        until = monotonic() - (0.0 if at_once else LATE_SECONDS)
        for waiting in self.unanswered():
            if waiting.since <= until and not waiting.told and not waiting.receipt.done:
                waiting.told = True
                waiting.context.run(self._listener.late, waiting.receipt)

    def settle(self, before: int) -> None:
        """Take the answers that are there by now and have their place in front of this sequence."""
        for waiting in list(self._open.values()):
            if 0 < waiting.receipt.seq < before:
                self._answered(waiting, waiting.receipt.seq)

    def _answered(self, waiting: Waiting, outcome: int | ClientError) -> None:
        if id(waiting) not in self._open:  # settled already
            return
        if isinstance(outcome, int):
            del self._open[id(waiting)]
            waiting.context.run(self._listener.accepted, outcome)
            waiting.context.run(waiting.then, outcome)
        elif isinstance(outcome, Rejected):
            del self._open[id(waiting)]
            waiting.context.run(self._listener.refuse, outcome, waiting.line)
            waiting.context.run(waiting.otherwise)
        # else the client was closed: the line stays open, and leaving tells so
        self._check_end()

    def _check_end(self) -> None:
        if self._ended and not self._open and not self._asking:
            self._ended()

    # --- on the waiting thread --------------------------------------------------------------------------------------

    def _collect(self) -> None:
        """Wait for the answers, in the order in which the commands were given."""
        while True:
            match self._queue.get():
                case Waiting() as waiting:
                    self._post(partial(self._answered, waiting, self._outcome(waiting.receipt)))
                case reached:
                    self._post(reached)

    def _outcome(self, receipt: Receipt) -> int | ClientError:
        pause = threading.Event()
        while True:
            try:
                return receipt.wait(LATE_SECONDS)
            except (ClientError, TimeoutError) as error:
                if receipt.done and isinstance(error, ClientError):
                    return error
                if isinstance(error, Rejected):
                    pause.wait(RETRY_SECONDS)  # the nick is refused: this stays on its way until another is found
            self._post(self.tell_late)
