"""What each command does: checks it against the state, answers at once, or proposes entries. One match, one place.

A function here may refuse, answer, or propose; it never changes durable state. What happens once an entry is committed
stands in `effects`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from messages import (
    BODY_BYTES,
    RETRY_WINDOW,
    ROOM_LENGTH,
    TITLE_BYTES,
    Accepted,
    Admit,
    Announce,
    AnyCommand,
    Audit,
    Away,
    Ban,
    Bye,
    Code,
    Coming,
    Delete,
    Done,
    Down,
    Feed,
    Grant,
    Hello,
    History,
    InvalidName,
    Invite,
    Invites,
    Join,
    Kick,
    Leave,
    Malformed,
    Mark,
    Mute,
    Ping,
    Pong,
    Post,
    Presence,
    Register,
    Rename,
    Revoke,
    Rooms,
    Rule,
    Rules,
    Search,
    Share,
    Stay,
    Track,
    Transfer,
    Typing,
    Unban,
    Uninvite,
    Unmute,
    Unregister,
    Who,
    fold,
    rank,
)

from . import feeding, greeting, leaving, moderation, questions, rulings, typing
from .checks import actor, find_target, may_enter, may_say, muted, number_of, short_enough, unrestricted
from .entries import Announced, AnyEntry, Joined, Left, Named, Posted, Registered, Shared
from .limits import ROOMS, ROOMS_OWNED, ROOMS_PER_ACCOUNT
from .log import LogError
from .naming import allowed_nick, allowed_room

if TYPE_CHECKING:
    from .core import Core
    from .sessions import Peer, Session
    from .state import Room


MAX_ROUTES = 10_000  # spellings of targets that are remembered
OPERATORS = (Kick, Ban, Unban, Mute, Unmute, Delete, Grant, Transfer, Revoke, Rule, Rules, Invite, Invites, Uninvite)
OPERATORS += (Audit, Down, Stay)  # type: ignore[assignment]


def handle(core: Core, peer: Peer, command: AnyCommand | Malformed, now: float) -> None:
    """Carry out one command of a connection, whatever it is."""
    session = peer.session
    match command:
        case Malformed():
            core.refuse(peer, command.number, command.code, command.text)
            if command.code is Code.VERSION and session is None:
                core.dismiss(peer, command.code, command.text, now)
        case Hello():
            greeting.hello(core, peer, command, now)
        case Ping():
            asks = session or peer.reader
            core.answer(peer, Pong(command.token, core.tick_head if asks is None else _sent(core, asks)))
        case Mark():
            if session is not None:
                sent = _sent(core, session)
                core.receipts.mark(session, min(command.taken, sent), min(command.read, sent))
        case Typing():
            if session is not None:
                typing.told(core, peer, session, command, now)
        case Bye():
            leaving.bye(core, peer, now)
        case _ if session is None and peer.reader is not None:
            _read_only(core, peer, peer.reader, command)
        case _ if session is None and not (peer.operator and isinstance(command, OPERATORS)):
            number = 0 if isinstance(command, Feed) else command.number
            core.refuse(peer, number, Code.HELLO_FIRST, "Say Hello first: nobody is known on this connection yet.")
        case (
            Kick() | Ban() | Unban() | Mute() | Unmute() | Delete() | Grant() | Transfer() | Revoke() | Down() | Stay()
        ):
            moderation.handle(core, peer, command, now)
        case Rule() | Rules() | Admit() | Invite() | Invites() | Uninvite():
            rulings.handle(core, peer, command)
        case Audit():
            if moderation.has_rank(core, peer, command.number, actor(core, peer), "moderator"):
                questions.audited(core, peer, command)
        case _ if session is None:  # the operator, who has no account
            core.refuse(peer, number_of(command), Code.HELLO_FIRST, "The operator is no person and cannot do that.")
        case Post() | Announce():
            say(core, peer, session, command)
        case Feed():
            _feed(core, session, command)
        case Who() | Rooms() | History() | Search() | Track():
            questions.handle(core, peer, session, command)
        case Away():
            _away(core, peer, session, command)
        case Join():
            _join(core, peer, session, command)
        case Leave():
            _leave(core, peer, session, command)
        case Register() if not (session.here.account.known or core.state.open_to_all):
            text = "This broker lets in nobody new at present, so nobody can register who is not known."
            core.refuse(peer, command.number, Code.NOT_ALLOWED, text)
        case Register() | Unregister():
            core.ask(peer, command, Registered(session.here.account.id, isinstance(command, Register)))
        case Share():
            core.ask(peer, command, Shared(session.here.account.id, command.on))
        case Rename():
            _rename(core, peer, session, command)


def _read_only(core: Core, peer: Peer, reader: Session, command: AnyCommand) -> None:
    """Answer a question while nothing can be written; once it can be, have the rest sent again by a session."""
    match command:
        case _ if core.storing:
            core.cut.append(peer)
        case Who() | Rooms() | History() | Search():
            questions.handle(core, peer, reader, command)
        case _:
            text = "The broker cannot write its log at present; nothing is accepted. It can be sent again later."
            core.refuse(peer, number_of(command), Code.NOT_STORED, text)


# --- saying ----------------------------------------------------------------------------------------------------------


def propose_posts(core: Core, peer: Peer, commands: Iterator[AnyCommand | Malformed]) -> AnyCommand | Malformed | None:
    """Propose the plain posts that come next; returns the first command that needs more, None at the end. The hot path.

    What it does not propose it leaves, untouched, to `handle`.
    """
    session = peer.session
    if session is None or session.here.account.mute is not None:
        return next(commands, None)
    row: list[AnyEntry] = []
    propose, last, longest = row.append, session.number, BODY_BYTES // 4
    device, account, nick = session.device.id, session.here.account.id, session.here.account.nick
    to, route = "", None  # of the last one: most go where that went
    other = None
    for command in commands:
        if type(command) is not Post:
            other = command
            break
        if command.to != to:
            to = command.to
            route = core.routes.get(to)
        number, body = command.number, command.body
        if number <= last or route is None or len(body) > longest or not body or body.isspace():
            other = command
            break
        propose(Posted(device, number, account, route[0], nick, route[1], body))
        last = number
    session.number = last
    core.propose_row(row, peer)
    return other


def say(core: Core, peer: Peer, session: Session, command: Post | Announce) -> None:
    """Propose a post or an announcement."""
    number = command.number
    if number <= session.number:
        _again(core, peer, session, command)
        return
    account, announce = session.here.account, isinstance(command, Announce)
    route = core.routes.get(command.to)
    if route is None:
        route = _resolve(core, peer, command)
        if route is None:
            return
    if (announce or account.mute is not None or command.to not in core.routes) and not may_say(
        core, peer, number, route[0], announce=announce
    ):
        return
    body = command.body
    if (len(body) > BODY_BYTES // 4 or not body or body.isspace()) and not _sayable(core, peer, number, body):
        return
    to, target = route
    entry: AnyEntry
    if isinstance(command, Post):
        entry = Posted(session.device.id, number, account.id, to, account.nick, target, body)
    else:
        title, priority = command.title, command.priority
        if len(title.encode()) > TITLE_BYTES:
            core.refuse(peer, number, Code.TOO_LONG, f"A title may have {TITLE_BYTES} bytes.")
            return
        entry = Announced(session.device.id, number, account.id, to, account.nick, target, body, title, priority)
    session.number = number
    core.propose(entry, peer)


def _again(core: Core, peer: Peer, session: Session, command: Post | Announce) -> None:
    """Answer a retry as it was answered before; nothing is stored twice, however late."""
    device, number = session.device, command.number
    if number > device.last_number:  # first seen in this very tick, over another connection: ask again after it
        core.backlog.postpone(peer, command)
        return
    seq: int | None = None
    if number > device.last_number - RETRY_WINDOW:
        retries = session.retries
        if retries is None or retries.newest != device.last_number:
            retries = session.retries = feeding.Retries(core.log, device)
        try:
            if not retries.knows(number) and not _looked(core, peer, retries, command):
                return
        except LogError as error:
            session.retries = None
            core.refuse(peer, number, Code.NOT_READ, str(error))
            return
        seq = retries.find(number)
    if seq is None and device.unbroken <= number:  # beyond doubt, but it is not known any more where it stands
        seq = 0
    if seq is not None:
        core.answer(peer, Accepted(number, seq))
    else:
        text = "This was not accepted when it first came, or is too old to look up; newer messages of yours were."
        core.refuse(peer, number, Code.FORGOTTEN, text)


def _looked(core: Core, peer: Peer, retries: feeding.Retries, command: Post | Announce) -> bool:
    """Look for a retry in the log; False when it is looked for again in the next tick. Raises LogError."""
    if not core.afford(peer, command, questions.HISTORY_COST):
        return False
    if not retries.look(command.number):
        core.backlog.postpone(peer, command)
        return False
    return True


def _resolve(core: Core, peer: Peer, command: Post | Announce) -> tuple[int, str] | None:
    """Find whom a target means, or refuse; where everybody may speak, remember it until names or rules change."""
    found = find_target(core, peer, command.number, command.to)
    if found is not None and unrestricted(core, found[0]):
        if len(core.routes) >= MAX_ROUTES:
            core.routes.clear()
        core.routes[command.to] = found
    return found


def _sayable(core: Core, peer: Peer, number: int, body: str) -> bool:
    if not body or body.isspace():
        core.refuse(peer, number, Code.EMPTY, "There is nothing in this message.")
        return False
    size = len(body.encode())
    if size > BODY_BYTES:
        text = (
            f"A message may have {BODY_BYTES // 1024} KiB, this one has {math.ceil(size / 1024)} KiB; send it in parts."
        )
        core.refuse(peer, number, Code.TOO_LONG, text)
        return False
    return True


# --- the rest --------------------------------------------------------------------------------------------------------


def _sent(core: Core, session: Session) -> int:
    """Every delivery up to here was sent to this session, as far as it wanted them."""
    return core.tick_head if session.live else session.cursor


def _feed(core: Core, session: Session, command: Feed) -> None:
    sent = _sent(core, session)
    session.feeding = command.after is not None
    session.cursor = sent if command.after is None else min(command.after, core.tick_head)
    if session.cursor > sent:
        core.receipts.skip(session, session.cursor)
    core.follow(session)


def _away(core: Core, peer: Peer, session: Session, command: Away) -> None:
    if not short_enough(core, peer, command.number, command.text) or muted(core, peer, command.number):
        return
    here = session.here
    here.away = command.text
    what: Coming = "away" if command.text else "here"
    if here.announced:
        core.tell(core.audience.everyone(), Presence(here.account.nick, what, command.text), session)
    core.answer(peer, Done(command.number))


def _join(core: Core, peer: Peer, session: Session, command: Join) -> None:
    try:
        name = allowed_room(core, command.room)
    except InvalidName as error:
        core.refuse(peer, command.number, Code.TARGET_INVALID, str(error))
        return
    room = core.state.by_room.get(name)
    account = session.here.account
    if room is not None and room.id in account.rooms:
        core.answer(peer, Accepted(command.number, account.rooms[room.id]))
    elif refusal := _not_entered(core, peer, room, name):
        core.refuse(peer, command.number, *refusal)
    else:
        core.ask(peer, command, Joined(account.key, name))


def _not_entered(core: Core, peer: Peer, room: Room | None, name: str) -> tuple[Code, str] | None:
    """Why somebody may not enter a room, or make it; None: nothing is in the way."""
    who, state = actor(core, peer), core.state
    if who.account is not None and len(who.account.rooms) >= ROOMS_PER_ACCOUNT:
        return Code.TOO_MANY, f"You are in {ROOMS_PER_ACCOUNT} rooms, and more are not possible. Leave some first."
    if room is None:
        if who.account is not None and who.account.muted(core.at) is not None:
            return Code.MUTED, f"There is no room {name}, and who is muted makes none."
        if state.owned[who.id] >= ROOMS_OWNED:
            return Code.TOO_MANY, f"You have made {ROOMS_OWNED} rooms, and more are not possible."
        if who.rank < rank(state.rule("rooms")):
            return (
                Code.NOT_ALLOWED,
                f"There is no room {name}, and only {state.rule('rooms')}s and above make rooms here.",
            )
        if len(state.rooms) >= ROOMS:
            return Code.TOO_MANY, f"There are {ROOMS:,} rooms, and more are not possible."
    elif not may_enter(core, who, room):
        return Code.NOT_ALLOWED, f"{name} is for those who were let in. Its owner or an admin can do that."
    elif room.closed:
        return Code.NOT_ALLOWED, f"{name} is closed{'' if room.closed == 'on' else f': {room.closed}'}."
    return None


def _leave(core: Core, peer: Peer, session: Session, command: Leave) -> None:
    account = session.here.account
    name = command.room if command.room.startswith("#") else f"#{command.room}"
    name = name[: ROOM_LENGTH + 1]  # it is repeated in the refusal
    room = core.state.by_room.get(fold(name))
    if room is None or room.id not in account.rooms:
        core.refuse(peer, command.number, Code.NOT_IN_ROOM, f"You are not in {name}.")
        return
    core.ask(peer, command, Left(account.id, room.id))


def _rename(core: Core, peer: Peer, session: Session, command: Rename) -> None:
    account = session.here.account
    if muted(core, peer, command.number):
        return
    try:
        nick = allowed_nick(core, command.nick, has=account.nick)
    except InvalidName as error:
        core.refuse(peer, command.number, Code.NICK_INVALID, str(error))
        return
    if nick == account.nick:
        core.answer(peer, Done(command.number))
        return
    if core.state.by_nick.get(fold(nick), account) is not account:
        core.refuse(peer, command.number, Code.NICK_TAKEN, f"The nick {nick} is taken.")
        return
    core.ask(peer, command, Named(account.key, nick, account.quiet))
