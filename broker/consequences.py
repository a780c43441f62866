"""What a committed deed means for those who are connected: who is put out, who is told, what the broker's log says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from messages import EVERYONE, Code, Deleted, Moderated, Presence, RoomChange, Ruled, Sharing, rank

from . import audit, entries, leaving
from .access import covers
from .checks import duration
from .moderation import put_out

if TYPE_CHECKING:
    from .core import Core
    from .state import Account, Penalty


def of(core: Core, deed: entries.Deed, took: bool, now: float) -> None:
    """Do what follows from a deed; from one that changed nothing follows nothing."""
    if not took:
        return
    told = audit.deed(core.state, core.state.seq, core.at, deed)
    lasts = {} if told.until is None else {"lasts": round((told.until - core.at) / 1000)}
    core.note(told.what, who=told.whom, detail=told.detail, by=told.by, **lasts, why=told.reason)
    by = deed.by
    match deed:
        case entries.Kicked():
            span = _span(core, deed.until)
            what = f"kicked for {span} by {by}" if span else f"kicked by {by}"
            put_out(core, core.state.accounts[deed.account], Code.KICKED, what, deed.reason, now)
        case entries.Banned():  # whoever came in up to here
            put_out(core, core.state.accounts[deed.account], Code.BANNED, _ban(core, deed), deed.reason, now)
        case entries.Barred():
            _bar(core, deed, now)
        case entries.Muted():
            _tell(core, deed.account, Moderated("muted", by, "", deed.reason, _left(core, deed.until)))
        case entries.Unmuted():
            _tell(core, deed.account, Moderated("unmuted", by))
        case entries.Granted():
            core.obey_rules()
            _tell(core, deed.account, Moderated("granted", by, deed.role))
        case entries.Opened():
            _opened(core, deed)
        case entries.Removed():
            core.tell(core.audience.of(deed.to, deed.account), Deleted(deed.seq, by, deed.reason))
        case entries.Ruled():
            _ruled(core, deed)
        case entries.Transferred():
            nick = core.state.by_key[deed.key].nick
            text = f"Your nick {nick} belongs to another key now, by {by}. You may come back under another nick."
            _changed_hands(core, deed.account, "gave the nick to another key", "", now, text)
            _heir(core, core.state.by_key[deed.key], by, now)
        case entries.Revoked():
            why = f": {deed.reason}" if deed.reason else ""
            text = f"Your nick is free and your role ended, by {by}{why}. You may come back as a guest."
            _changed_hands(core, deed.account, "lost the nick", deed.reason, now, text)


def _left(core: Core, until: int | None) -> float | None:
    """How many seconds something holds from now on."""
    return None if until is None else (until - core.at) / 1000


def _span(core: Core, until: int | None) -> str:
    left = _left(core, until)
    return "" if left is None else duration(left)


def _ban(core: Core, ban: entries.Banned | entries.Barred | Penalty) -> str:
    span = _span(core, ban.until)
    return f"banned for {span} by {ban.by}" if span else f"banned by {ban.by}"


def _opened(core: Core, deed: entries.Opened) -> None:
    room = core.state.rooms[deed.room]
    _tell(core, deed.account, Moderated("opened" if deed.let else "expelled", deed.by, room.name))
    here = core.here.get(deed.account)
    if deed.let or here is None:
        return
    core.obey_rules()
    core.audience.changed()
    if here.announced:
        those = [*core.audience.of(room.id, 0), *core.audience.sessions(deed.account)]
        core.tell(those, RoomChange(room.name, here.nick, False))


def _tell(core: Core, account: int, event: Moderated) -> None:
    core.tell(core.audience.sessions(account), event)


def _bar(core: Core, deed: entries.Barred, now: float) -> None:
    """Put out everybody with a session from there."""
    ban = _ban(core, deed)
    for here in list(core.here.values()):
        if here.account.rank >= rank("moderator"):
            continue
        peers = [session.peer for session in here.sessions.values() if session.peer is not None]
        if any(covers(deed.network, peer.address) for peer in peers):
            put_out(core, here.account, Code.BANNED, f"{ban}, by your address", deed.reason, now)


def _ruled(core: Core, deed: entries.Ruled) -> None:
    """Those whom it concerns are told."""
    core.obey_rules()
    room = core.state.rooms.get(deed.room)
    members = core.audience.of(room.id, 0) if room is not None else core.audience.everyone()
    told = (deed.name, deed.value, deed.by, deed.reason, _left(core, deed.until))
    core.tell(members, Ruled(room.name if room else EVERYONE, *told))


def _changed_hands(core: Core, account: int, what: str, why: str, now: float, told: str) -> None:
    """Whose nick is another's now is put out, and may come again as a guest."""
    core.obey_rules()
    core.audience.changed()
    put_out(core, core.state.accounts[account], Code.KICKED, what, why, now, told)
    here = core.here.pop(account, None)
    if here is not None:
        leaving.tell_left(core, here, what)


def _heir(core: Core, heir: Account, by: str, now: float) -> None:
    if (ban := heir.banned(core.at)) is not None:
        put_out(core, heir, Code.BANNED, _ban(core, ban), ban.reason, now)
        return
    here = core.here.get(heir.id)
    if here is None:
        return
    if here.announced and here.nick != heir.nick:
        core.tell(core.audience.everyone(), Presence(here.nick, "renamed", heir.nick))
    here.nick = heir.nick
    _tell(core, heir.id, Moderated("transferred", by, heir.nick))
    core.tell(core.audience.sessions(heir.id), Sharing(heir.sharing))
