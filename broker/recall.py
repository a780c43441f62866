"""What was said before: the answers to History and Search, within what the asking account may see.

The index says where messages are, as far as it has come; from its watermark on the log itself is read. Every answer
looks at a bounded number of entries and says where to go on. It ends where the log was cut, and says that too.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from math import inf

from messages import HISTORY_BYTES, HISTORY_PAGE, Announcement, History, HistoryPage, Message, Search, fold

from .entries import EVERYONE_ID, Announced, AnyEntry, Posted, Said
from .feeding import delivery
from .index import Conversation, Index, Indexed, IndexTrouble, conversation, pair, words_of
from .log import Log, Segment
from .state import Account

LOOKED_AT = 20_000  # entries looked at for one answer: some 10 ms; the page says where to go on
SEGMENT_COST = 8  # what it costs to load one, in such entries: many hold a single one
WORD_COST = 2_000  # and what a word costs in each part of the index, met or not, in such entries

Found = tuple[int, int, AnyEntry]  # sequence, ms since the epoch, and the entry
SAID = (Posted, Announced)


def history(
    log: Log, index: Index, removed: Collection[int], account: Account, command: History, to: int, target: str
) -> HistoryPage:
    """The newest messages of a conversation in front of `before`, oldest first, but those removed. Raises LogError."""
    wanted = pair(account.id, to) if target.startswith("@") else (0, to)
    before = before_or_head(log, command.before)
    indexed = index.of(wanted, min(before, index.watermark + 1))
    found = candidates(
        log, index, before, indexed, 0, lambda entry: isinstance(entry, SAID) and conversation(entry) == wanted
    )
    until = inf if command.until is None else command.until
    fitting = (
        (seq, cost, item if item is not None and item[1] < until and seq not in removed else None)
        for seq, cost, item in found
    )
    return _page(log, command.number, target, command.limit, fitting, -inf if command.since is None else command.since)


def search(
    log: Log,
    index: Index,
    removed: Collection[int],
    account: Account,
    command: Search,
    to: Conversation | None,
) -> HistoryPage:
    """The newest messages in front of `before` with all the words, that fit the rest, oldest first. Raises LogError.

    In a conversation that is named by `to` is found what its history shows: whoever asks may read there. Without words
    and without a conversation the index knows no way, and the log is read back.
    """
    words = set(words_of(command.words))
    command.sender = fold(command.sender)
    before = before_or_head(log, command.before)

    def fits(entry: AnyEntry) -> bool:
        return isinstance(entry, SAID) and (not words or words.issubset(words_of(entry.body)))

    if words:
        indexed = index.matching(words, min(before, index.watermark + 1))
        found = candidates(log, index, before, indexed, WORD_COST * len(words), fits)
    elif to is not None:
        found = candidates(log, index, before, index.of(to, min(before, index.watermark + 1)), 0, fits)
    else:
        found = _read_back(log, before, log.cut + 1, fits)
    fitting = (
        (seq, cost, item if item is not None and seq not in removed and _fits(account, command, to, item) else None)
        for seq, cost, item in found
    )
    return _page(log, command.number, command.to, command.limit, fitting)


def before_or_head(log: Log, before: int | None) -> int:
    """In front of which sequence a question is answered that may name none."""
    return log.head + 1 if before is None else min(before, log.head + 1)


def _fits(account: Account, command: Search, to: Conversation | None, item: Found) -> bool:
    _, at, entry = item
    if not isinstance(entry, SAID):
        return False
    if (command.since is not None and at < command.since) or (command.until is not None and at >= command.until):
        return False
    if command.sender and fold(entry.sender) != command.sender:
        return False
    return _may_find(account, entry) if to is None else conversation(entry) == to


def _may_find(account: Account, entry: Said) -> bool:
    """What is found without being asked for by name: said to everyone, to or by the account, or in its rooms."""
    return entry.to == EVERYONE_ID or account.id in (entry.to, entry.account) or entry.to in account.rooms


# --- reading back ----------------------------------------------------------------------------------------------------

Step = tuple[int, int, Found | None]  # the sequence reached, how many entries were looked at for it, what was found


def candidates(
    log: Log, index: Index, before: int, indexed: Iterator[Indexed], walk: int, fits: Callable[[AnyEntry], bool]
) -> Iterator[Step]:
    """Walk back: entry by entry where the index has not come yet, then by what the index says, `walk` for each part.

    The index only says where to look; where it turns out to be damaged, the rest is read entry by entry too.
    """
    reached = min(before, index.watermark + 1)
    yield from _read_back(log, before, reached, fits)
    read = 0  # first sequence of the segment read last
    try:
        for seq, hit in indexed:
            reached = seq
            if not hit:
                yield seq, walk, None
                continue
            segment = next(log.read_back(seq + 1))
            cost = 1 if segment.first == read else len(segment.entries) + SEGMENT_COST
            read = segment.first
            yield seq, cost, _found(segment, seq, fits)
    except IndexTrouble:
        yield from _read_back(log, reached, log.cut + 1, fits)


def _read_back(log: Log, before: int, first: int, fits: Callable[[AnyEntry], bool]) -> Iterator[Step]:
    """Every entry in front of `before`, back to `first`."""
    if before <= first:
        return
    for segment in log.read_back(before):
        for seq in range(min(segment.last, before - 1), max(segment.first, first) - 1, -1):
            entry = segment.entries[seq - segment.first]
            cost = 1 + (len(entry.body) >> 6 if isinstance(entry, SAID) else 0)
            cost += SEGMENT_COST if seq == segment.first else 0
            yield seq, cost, _found(segment, seq, fits)
        if segment.first <= first:
            return


def _found(segment: Segment, seq: int, fits: Callable[[AnyEntry], bool]) -> Found | None:
    entry = segment.entries[seq - segment.first]
    return (seq, segment.at, entry) if fits(entry) else None


def _page(log: Log, number: int, to: str, limit: int, steps: Iterator[Step], since: float = -inf) -> HistoryPage:
    """Fill one page; it ends for good at the first message that was said before `since`."""
    items: list[Message | Announcement] = []
    size = looked_at = 0
    for seq, cost, found in steps:
        looked_at += cost
        if found is not None and isinstance(found[2], SAID):
            if found[1] < since:
                return HistoryPage(number, to, items[::-1], None)
            items.append(delivery(found[0], found[1], found[2]))
            size += len(found[2].body)
        if len(items) >= min(limit, HISTORY_PAGE) or size >= HISTORY_BYTES or looked_at >= LOOKED_AT:
            if seq > log.cut + 1:
                return HistoryPage(number, to, items[::-1], seq)
            break
    return HistoryPage(number, to, items[::-1], None, cut=log.cut > 0)
