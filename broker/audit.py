"""The audit trail: what those with a role did, read back from the log as people are told it. Changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from messages import HISTORY_PAGE, Audit, AuditPage, Deed, key_text

from . import entries
from .index import Index
from .log import Log
from .recall import LOOKED_AT, before_or_head, candidates
from .state import State


def audit(log: Log, index: Index, state: State, command: Audit, may_know: Callable[[entries.Deed], bool]) -> AuditPage:
    """The newest deeds in front of `before` that somebody may know of, oldest first. Raises LogError."""
    before = before_or_head(log, command.before)
    steps = candidates(log, index, before, index.deeds(before), 0, lambda entry: isinstance(entry, entries.Deed))
    found: list[Deed] = []
    looked_at = 0
    for seq, cost, item in steps:
        looked_at += cost
        if item is not None and isinstance(item[2], entries.Deed) and may_know(item[2]):
            found.append(deed(state, seq, item[1], item[2]))
        if len(found) >= min(command.limit, HISTORY_PAGE) or looked_at >= LOOKED_AT:
            return AuditPage(command.number, found[::-1], seq if seq > log.cut + 1 else None)
    return AuditPage(command.number, found[::-1], None)


def deed(state: State, seq: int, at: int, entry: entries.Deed) -> Deed:
    """One deed as people are told it."""
    told = Deed(seq, at, type(entry).__name__.lower(), entry.by)
    told.whom = next(_whom(state, entry), "")  # as it was called then
    told.reason = getattr(entry, "reason", "")
    told.until = getattr(entry, "until", None)
    match entry:
        case entries.Granted(role=role) | entries.Admitted(role=role):
            told.detail = role
        case entries.Invited(role=role, uses=uses):
            told.detail = f"{uses} × {role}"
        case entries.Ruled(name=name, value=value):
            told.detail = f"{name}: {value}"
        case entries.Opened(account=account, let=let, whom=whom):
            told.detail = f"{'to' if let else 'no more to'} {whom or state.accounts[account].last_nick}"
        case entries.Transferred(key=key):
            told.detail = key_text(key)
        case entries.Removed(sender=sender):
            told.detail = f"of {sender}"
    return told


def _whom(state: State, entry: entries.Deed) -> Iterator[str]:
    """Whom or what a deed was done to."""
    match entry:
        case entries.Ruled(room=room) | entries.Opened(room=room):
            yield state.rooms[room].name if room else "the broker"
        case entries.Removed(seq=seq):
            yield f"message {seq}"
        case entries.Barred(network=network) | entries.Unbarred(network=network):
            yield network
        case entries.Admitted(key=key):
            yield key_text(key)
        case entries.Redeemed(by=by):
            yield by
        case entries.Uninvited(invite=invite):
            yield f"invite {invite}"
        case entries.Invited():
            return
        case _ if (account := getattr(entry, "account", 0)) in state.accounts:
            known = state.accounts[account]
            yield getattr(entry, "whom", "") or known.last_nick or key_text(known.key)
