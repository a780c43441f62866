"""Bugs to be found: each takes one safeguard away by putting something else in the place of one function."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from broker import applying, core, feeding, greeting, leaving, outbound, receipts, requests, state
from broker.entries import Announced, Posted
from client import deliveries, outbox, session, tracking
from messages import Accepted, Pong, fold


@dataclass(frozen=True)
class Bug:
    """What is done wrong, and where."""

    name: str
    sentence: str
    where: Any
    what: str
    instead: Callable[..., Any]

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Everything inside runs with the bug."""
        with patch.object(self.where, self.what, self.instead):
            yield


# --- the broker ------------------------------------------------------------------------------------------------------


def _store_again(broker, peer, where, command):
    where.number = command.number - 1
    requests.say(broker, peer, where, command)


def _accept_anyway(broker, entries, origins, why, now):
    for entry, peer in zip(entries, origins, strict=True):
        if peer is not None and isinstance(entry, (Posted, Announced)):
            broker.answer(peer, Accepted(entry.number, broker.log.head))
        elif peer is not None:
            peer.asked = None
            broker.backlog.unblock(peer)


def _drop_frame(self, peer, now):
    self.out.take_back(peer)
    peer.answers.clear()


def _forget_untaken(self, peer, take_back=outbound.Outbound.take_back):
    take_back(self, peer)
    return []


def _follow_at_once(self, where):
    where.live = where.feeding


def _start_one_late(broker, here, command, start=greeting._start):
    return start(broker, here, command) + (command.after is not None)


def _end_at_once(broker, where, now, detach=leaving.detach):
    detach(broker, where, now)
    leaving.end(broker, where, "the connection was lost")


def _everyone_wins(self, seq, entry):
    account = self.by_key.get(entry.key)
    if account is None:
        account = self.accounts[seq] = self.by_key[entry.key] = state.Account(seq, entry.key)
    self.by_nick.pop(fold(account.nick), None)
    account.nick = account.last_nick = entry.nick
    self.by_nick[fold(entry.nick)] = account
    return True


def _all_of_the_room(account, device, seq, entry, visible=feeding.visible):
    return visible(account, device, seq, entry) or (entry.device != device and entry.to in account.rooms)


def _nothing(*_):
    return None


def _registered_again(self, seq, entry, apply=state.State.apply):
    took = apply(self, seq, entry)
    if isinstance(entry, state.Registered):
        self.accounts[entry.account].taken = seq
    return took


def _head_of_the_log(broker, peer, command, now, handle=requests.handle):
    if isinstance(command, requests.Ping):
        broker.answer(peer, Pong(command.token, broker.tick_head))
    else:
        handle(broker, peer, command, now)


# --- the client ------------------------------------------------------------------------------------------------------


def _take_stragglers(self, event, nick, take=deliveries.Deliveries.take):
    self._dropping = False
    return take(self, event, nick)


def _trust_every_pong(self, event):
    if self._hold == "asked" and event.token >= self._hold_token:
        self._hold = "held"
    self.cursor = max(self.cursor or 0, event.head)


def _number_anew(self, last_number, rejoin, resume=outbox.Outbox.resume):
    return resume(self, 0 if rejoin else last_number, rejoin)


def _forget_what_flies(self, why, retry_in, disconnected=session.Session.disconnected):
    for number, receipt in list(self.outbox.flying.items()):
        self.outbox.accepted(number, self._deliveries.cursor or 1, 1)
        receipt.answer = None
    disconnected(self, why, retry_in)


def _without_numbers(self, cursor, take_unsaved=outbox.Outbox.take_unsaved):
    kept = take_unsaved(self, cursor)
    return kept and kept._replace(rows=[row._replace(number=0) for row in kept.rows])


def _only_the_sender(self, account, watch):
    return account.id == watch.sender


def _all_is_read(self, where, taken, read, mark=receipts.Receipts.mark):
    mark(self, where, taken, taken)


def _ask_once(self):
    self._asked.clear()


BUGS = (
    Bug("dedupe", "A retry is taken for something new.", requests, "_again", _store_again),
    Bug("commit", "What could not be committed is called accepted.", applying, "refuse", _accept_anyway),
    Bug("frame", "A frame that was not taken is dropped.", core.Core, "choked", _drop_frame),
    Bug("untaken", "Deliveries not taken are not sent again.", outbound.Outbound, "take_back", _forget_untaken),
    Bug("feeding", "Who is behind is taken for live.", core.Core, "follow", _follow_at_once),
    Bug("cursor", "Who comes back goes on one sequence too late.", greeting, "_start", _start_one_late),
    Bug("lease", "A broken line ends the session at once.", leaving, "detach", _end_at_once),
    Bug("claims", "Two claims of one nick both win.", state.State, "_name", _everyone_wins),
    Bug("room", "Who entered a room is sent what was said before.", feeding, "visible", _all_of_the_room),
    Bug("own words", "A device is sent what it said itself.", applying, "_speaker", _nothing),
    Bug("abandoned", "A nick asked for over a line that broke stays taken.", leaving, "abandoned", _nothing),
    Bug("mail", "Who registers again is taken to have all mail.", state.State, "apply", _registered_again),
    Bug("marks", "Nobody is told what a client says it took.", receipts.Receipts, "mark", _nothing),
    Bug("whose", "Of all people the sender is named.", receipts.Receipts, "_counts", _only_the_sender),
    Bug("read", "What was taken is told to be read.", receipts.Receipts, "mark", _all_is_read),
    Bug("asking", "Who has a message is not asked again.", tracking.Tracking, "welcomed", _ask_once),
    Bug("pong", "A pong tells the head to who is behind.", requests, "handle", _head_of_the_log),
    Bug("straggler", "What follows a dropped delivery is taken.", deliveries.Deliveries, "take", _take_stragglers),
    Bug("trust", "A pong of before the feed moves the cursor.", deliveries.Deliveries, "pong", _trust_every_pong),
    Bug("renumber", "What was accepted is numbered anew.", outbox.Outbox, "resume", _number_anew),
    Bug("store", "A text is kept without its number.", outbox.Outbox, "take_unsaved", _without_numbers),
    Bug("outbox", "What flew when a line broke is forgotten.", session.Session, "disconnected", _forget_what_flies),
)
