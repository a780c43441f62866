"""Who has our messages by now: which are watched, what is asked of the broker for it, and what it told. Pure data.

Nothing is asked about a message that nobody watches. What a broker tells it tells to one connection, so all that is
watched and not yet known in full is asked for again after each Welcome.
"""

from __future__ import annotations

from messages import TRACK_SEQS, TRACKED, Announce, Post, Progress, Track

from .errors import ClientError
from .inbox import Inbox
from .language import N_, _
from .model import Reached
from .read import RESTORED
from .receipt import Awaited, Desk, Numbered, Receipt

PLACE_UNKNOWN = N_("The broker does not know any more as which number.")


class Tracking:
    """The receipts that somebody watches."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._waiting: dict[Receipt, None] = {}  # not accepted yet
        self._watched: dict[int, Receipt] = {}  # by sequence, the oldest first
        self._due: list[list[int]] = []  # sequences to ask for, those of one question together
        self._asked: list[Receipt] = []  # questions without an answer

    def watch(self, receipt: Receipt) -> None:
        """Ask for a message's progress as soon as it is accepted; raises ClientError for what cannot be tracked."""
        if not trackable(receipt.command):
            raise ClientError(_("Who has a message is told of direct messages and announcements only."))
        if receipt.seq not in self._watched and not (receipt.read_by and isinstance(receipt.command, Post)):
            self._waiting[receipt] = None

    def welcomed(self) -> None:
        """A new connection was told nothing yet."""
        watched = list(self._watched)
        self._due = [watched[start : start + TRACK_SEQS] for start in range(0, len(watched), TRACK_SEQS)]
        self._asked.clear()

    def fork(self) -> None:
        """What was accepted may be undone, and its sequence another message's: nothing more is known of it."""
        for receipt in [*self._watched.values(), *(receipt for receipt in self._waiting if receipt.done)]:
            self._waiting.pop(receipt, None)
            receipt.untracked = ClientError(_(RESTORED))
        self._watched.clear()

    def questions(self) -> list[Receipt]:
        """What is to be asked now."""
        if not (self._waiting or self._due or self._asked):
            return []
        self._look_at_answers()
        accepted = [receipt for receipt in self._waiting if receipt.done]
        for receipt in accepted:
            del self._waiting[receipt]
            if receipt.answer == 0:
                receipt.untracked = ClientError(_(PLACE_UNKNOWN))
        fresh = {receipt.seq: receipt for receipt in accepted if receipt.seq}
        self._watched |= fresh
        while len(self._watched) > TRACKED:  # the broker forgets those asked for first, too
            del self._watched[next(iter(self._watched))]
        seqs = list(fresh)
        self._due += [seqs[start : start + TRACK_SEQS] for start in range(0, len(seqs), TRACK_SEQS)]
        questions = [Receipt(Track(1, due), self._desk) for due in self._due]
        self._due = []
        self._asked += questions
        return questions

    def _look_at_answers(self) -> None:
        """A question that was refused is put again for each message alone, so that one does not stand for all."""
        for question in [question for question in self._asked if question.done]:
            self._asked.remove(question)
            if not isinstance(question.answer, ClientError) or not isinstance(question.command, Track):
                continue
            seqs = question.command.seqs
            if len(seqs) > 1:
                self._due += [[seq] for seq in seqs]
            elif receipt := self._watched.pop(seqs[0], None):
                receipt.untracked = question.answer

    def progress(self, event: Progress, inbox: Inbox) -> None:
        """Take over who else has a message, and tell the user what is known now."""
        receipt = self._watched.get(event.seq)
        if receipt is None:
            return
        read = {one.person: one.nick for one in event.read}
        receipt.read_by = {**receipt.read_by, **read}
        receipt.delivered_to = {**receipt.delivered_to, **{one.person: one.nick for one in event.delivered}, **read}
        if receipt.read_by and isinstance(receipt.command, Post):
            del self._watched[event.seq]  # one person: that is all there will ever be
        inbox.put_event(Reached(event.seq, receipt.delivered_to, receipt.read_by))


def trackable(command: Numbered) -> bool:
    """Whether a message has readers that can be named."""
    return isinstance(command, Announce) or (isinstance(command, Post) and command.to.startswith("@"))


def shortfall(seq: int, state: Awaited, by: int, people: list[str], problem: ClientError | None) -> str:
    """What to say when too few people have an accepted message in time, or nobody will tell."""
    accepted = _("It is accepted as number {seq}").format(seq=seq) if seq else _("It is accepted")
    if problem is not None:
        return _("{accepted}, but who has it cannot be told: {problem}").format(accepted=accepted, problem=problem)
    if people:
        text = {
            "read": N_("{accepted}, but read by only {count} of {by} in time: {people}."),
            "delivered": N_("{accepted}, but delivered to only {count} of {by} in time: {people}."),
        }[state]
    else:
        text = {
            "read": N_("{accepted}, but read by nobody in time."),
            "delivered": N_("{accepted}, but delivered to nobody in time."),
        }[state]
    return _(text).format(accepted=accepted, count=len(people), by=by, people=", ".join(people))
