"""What is asked of the broker: who is here, which rooms, what was said, who has it. It changes nothing durable.

Every question is paid for out of the tick's LOOKUPS, by what it makes the broker look at; what cannot be afforded waits
for the next tick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from messages import NICK_LENGTH, SEARCH_WORDS, Audit, Code, Done, History, Rooms, Search, Track, Who

from . import audit, recall, roster
from .checks import actor, find_target, may_know
from .entries import Announced, AnyEntry, Deed, Opened, Posted, Removed, Ruled
from .index import pair, words_of
from .log import LogError
from .receipts import Watch

if TYPE_CHECKING:
    from .core import Core
    from .sessions import Peer, Session

HISTORY_COST = 16  # of the LOOKUPS of a tick: reading the log takes that much longer than a small roster
PEOPLE = 250  # people looked at for one of the LOOKUPS
ENTRIES = 5  # entries of the log that cost as much as one person
PORTION = 5_000  # people looked at for one track in one tick, more or less: some 10 ms


def handle(core: Core, peer: Peer, session: Session, command: Who | Rooms | History | Search | Track) -> None:
    """Answer a question, now or in the next tick."""
    match command:
        case Who():
            if core.afford(peer, command, 1 + len(core.here) // PEOPLE):
                core.answer(peer, roster.people(core, actor(core, peer), command))
        case Rooms():
            members = sum(len(members) for members in core.state.members.values())
            if core.afford(peer, command, 1 + (len(core.state.rooms) + members) // PEOPLE):
                core.answer(peer, roster.rooms(core, actor(core, peer), session, command))
        case History():
            _history(core, peer, session, command)
        case Search():
            _search(core, peer, session, command)
        case Track():
            _track(core, peer, session, command)


def _history(core: Core, peer: Peer, session: Session, command: History) -> None:
    if not core.afford(peer, command, HISTORY_COST):
        return
    found = find_target(core, peer, command.number, command.to)
    if found is None:
        return
    try:
        core.answer(
            peer, recall.history(core.log, core.index, core.state.removed, session.here.account, command, *found)
        )
    except LogError as error:
        core.refuse(peer, command.number, Code.NOT_READ, str(error))


def _search(core: Core, peer: Peer, session: Session, command: Search) -> None:
    account = session.here.account
    if len(command.sender) > NICK_LENGTH:
        core.refuse(peer, command.number, Code.NO_SUCH_NICK, f"Nobody is called {command.sender[:NICK_LENGTH]}…")
        return
    words = set(words_of(command.words))
    narrowed = command.sender or command.to or command.since is not None or command.until is not None
    if not words and (command.words.strip() or not narrowed):
        core.refuse(peer, command.number, Code.EMPTY, "There is no word to search for.")
        return
    if len(words) > SEARCH_WORDS:
        text = f"These are {len(words)} words; {SEARCH_WORDS} are the most that can be searched for at once."
        core.refuse(peer, command.number, Code.TOO_LONG, text)
        return
    if not core.afford(peer, command, HISTORY_COST * (1 + len(words) // 8)):
        return
    wanted = None
    if command.to:
        found = find_target(core, peer, command.number, command.to)
        if found is None:
            return
        wanted = pair(account.id, found[0]) if command.to.startswith("@") else (0, found[0])
    try:
        core.answer(peer, recall.search(core.log, core.index, core.state.removed, account, command, wanted))
    except LogError as error:
        core.refuse(peer, command.number, Code.NOT_READ, str(error))


def audited(core: Core, peer: Peer, command: Audit) -> None:
    """Say what those with a role did, but in rooms one may not know of; who asks was looked at before."""
    who, rooms = actor(core, peer), core.state.rooms

    def may_see(deed: Deed) -> bool:
        if isinstance(deed, Removed) and deed.to in core.state.accounts:  # said to one person, who was told
            return False
        room = rooms.get(deed.room if isinstance(deed, (Ruled, Opened)) else getattr(deed, "to", 0))
        return room is None or may_know(core, who, room)

    if not core.afford(peer, command, HISTORY_COST):
        return
    try:
        core.answer(peer, audit.audit(core.log, core.index, core.state, command, may_see))
    except LogError as error:
        core.refuse(peer, command.number, Code.NOT_READ, str(error))


# --- delivered and read ----------------------------------------------------------------------------------------------


def _track(core: Core, peer: Peer, session: Session, command: Track) -> None:
    """Say who has these messages, one after the other; what is too much for this tick is asked again in the next."""
    if not core.afford(peer, command, 1):
        return
    work = read = 0
    for index, seq in enumerate(command.seqs):
        if work >= PORTION:
            core.backlog.postpone(peer, Track(command.number, command.seqs[index:]))
            break
        watch = core.receipts.find(seq)
        if watch is None and core.log.cut < seq <= core.log.head:
            try:
                segment = next(core.log.read(seq - 1))
            except LogError as error:
                core.refuse(peer, command.number, Code.NOT_READ, str(error))
                break
            if segment.first != read:
                read, work = segment.first, work + len(segment.entries) // ENTRIES
            watch = _watch(core, seq, segment.entries[seq - segment.first])
        if watch is None or watch.sender != session.here.account.id:
            text = f"Only messages of yours to a person, and announcements, can be tracked; {seq} is none."
            core.refuse(peer, command.number, Code.NOT_TRACKED, text)
            break
        known = core.receipts.track(session, watch)
        if known.delivered or known.read:
            core.answer(peer, known)
        work += 1 + len(core.receipts.concerned(watch))
    else:
        core.answer(peer, Done(command.number))
    core.spend(work // PEOPLE)


def _watch(core: Core, seq: int, entry: AnyEntry) -> Watch | None:
    """The watch on an entry, if it is what can be tracked."""
    if isinstance(entry, Announced) or (isinstance(entry, Posted) and entry.to in core.state.accounts):
        return Watch(seq, entry.account, entry.to)
    return None
