"""The face for programs: what is shown, as one JSON object a line, each with its `type`. docs/scripting.md lists them.

Fields are called as `confab tail --json`, `who --json` and the others call them. What only sets lines off from each
other (the day, a line across) is no object: each message tells its time, and whether it was missed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from math import inf
from typing import Any, assert_never

import msgspec

from messages import Gap

from .. import fields, model
from ..model import ClientEvent, Message
from . import shown, words
from .program import ASKED

_WORD = re.compile(r"(?<!^)(?=[A-Z])")


class JsonFace:
    """Writes objects; behind them, but for the last, `status` whenever it is another than before.

    `ascii_only`: for a terminal, since JSON leaves some control characters as they are.
    """

    def __init__(self, *, ascii_only: bool) -> None:
        self._ascii_only = ascii_only
        self._last: shown.Status | None = None
        self.status: Callable[[], shown.Status] | None = None  # what an input line would tell, once somebody can say

    def __call__(self, things: Iterable[shown.Shown]) -> str:
        """The lines for these; an answer to a line that had an id has the same."""
        asked = ASKED.get()
        ident = {} if asked is None else {"id": asked}
        told = [{**each, **ident} for thing in things for each in objects(thing)]
        over = bool(told) and told[-1]["type"] == "bye"
        if self.status and not over and (now := self.status()) != self._last:
            self._last = now
            told.append(status(now))
        return "".join(json.dumps(each, ensure_ascii=self._ascii_only) + "\n" for each in told)


def status(item: shown.Status) -> dict[str, Any]:
    """Who one is, to whom plain text goes, whether the broker is there, how far the last message has come."""
    last = None if item.progress is None else msgspec.structs.asdict(item.progress)
    return {"type": "status", "nick": item.nick, "to": item.target, "state": item.state, "progress": last}


def objects(thing: shown.Shown) -> Iterator[dict[str, Any]]:
    """The objects for a thing: one, or none."""
    match thing:
        case shown.Said(message=message):
            yield {"type": "message", **_message(message)}
        case shown.Day() | shown.Absence() | shown.Present(missed=None):
            return
        case shown.Present(missed=missed):
            yield {"type": "caught_up", "missed": missed}
        case shown.Stretch(what=what, page=page, found=found):
            asked = {"type": "found", "query": what} if found else {"type": "history", "to": what}
            yield {**asked, "messages": list(map(_message, page.messages)), "before": page.before, "cut": page.cut}
        case shown.Ring(seq=seq, title=title, text=text):
            yield {"type": "ring", "seq": seq, "title": title, "text": text}
        case shown.Overview():
            yield _overview(thing)
        case shown.Notice(text=text):
            yield {"type": "notice", "text": text}
        case shown.Accepted(seq=seq):
            yield {"type": "accepted", "seq": seq}
        case shown.Done(command=command, text=text):
            yield {"type": "done", "command": command, "text": text}
        case shown.Bye(exit_code=code):
            yield {"type": "bye", "exit_code": code}
        case shown.Caution(text=text):
            yield {"type": "warning", "text": text}
        case shown.Refusal(text=text, error=error, line=line):
            yield {"type": "refusal", "error": error, "text": text, "line": line}
        case shown.Unsent(line=line, kept=kept):
            yield {"type": "unsent", "line": line, "kept": kept, "text": words.unsent(thing)}
        case shown.Aside(text=text):
            yield {"type": "notice", "text": text}
        case shown.Waiting(to=to, body=body):
            yield {"type": "waiting", "to": to, "body": body}
        case shown.Happened(event=event, text=text):
            yield {**_event(event), "sentence": text}
        case shown.Greeting(nick=nick, role=role, roster=roster, target=target):
            people = list(map(fields.person, roster.people))
            yield {"type": "welcome", "nick": nick, "role": role, "to": target, "people": people}
        case shown.Turned(target=target):
            yield {"type": "turned", "to": target}
        case shown.Help(rows=rows):
            commands = [
                {"usage": usage, "names": [usage.split()[0], *others], "help": text} for usage, others, text in rows
            ]
            yield {"type": "help", "commands": commands}
        case shown.Roster(people=people):
            yield {"type": "people", "people": list(map(fields.person, people))}
        case shown.RoomList(rooms=rooms):
            yield {"type": "rooms", "rooms": list(map(fields.room, rooms))}
        case shown.Receipts(sent=sent):
            yield {"type": "receipts", "sent": list(map(msgspec.structs.asdict, sent))}
        case shown.Sharing(on=on):
            yield {"type": "sharing", "on": on}
        case shown.Topic(room=room, text=text):
            yield {"type": "topic", "room": room, "topic": text}
        case shown.Rules(where=where, rules=rules):
            yield {"type": "rules", "where": where, "rules": dict(rules)}
        case shown.Invitation(invite=invite, number=number, role=role, uses=uses, seconds=seconds):
            made = {"invite": invite, "number": number, "role": role, "uses": uses, "seconds": seconds}
            yield {"type": "invite", **made}
        case shown.Invites(invites=invites):
            yield {"type": "invites", "invites": list(map(fields.invite, invites))}
        case shown.Trail(deeds=deeds):
            yield {"type": "audit", "deeds": list(map(fields.deed, deeds))}
        case shown.SettingList(settings=settings):
            yield {"type": "settings", "settings": list(map(msgspec.structs.asdict, settings))}
        case shown.KeyList(keys=keys):
            yield {"type": "keys", "keys": [{"keys": each, "name": name, "help": text} for each, name, text in keys]}
        case _:
            assert_never(thing)


def _overview(item: shown.Overview) -> dict[str, Any]:
    return {
        "type": "overview",
        "to": item.current,
        "unread": list(map(msgspec.structs.asdict, item.unread)),
        "writing": [{"nick": one.nick, "where": one.where} for one in item.writing],
        "urgent": [each.seq for each in item.urgent],
        "connected": item.connected,
        "round_trip": item.round_trip,
        "quiet": None if item.quiet == inf else item.quiet,
    }


def _message(item: Message) -> dict[str, Any]:
    return {**item.as_json(), "own": item.own, "missed": item.missed}


def _event(event: ClientEvent) -> dict[str, Any]:
    """An event under its name, with its fields."""
    kind = _WORD.sub("_", type(event).__name__).lower()
    match event:
        case model.Reached(seq=seq, delivered_to=delivered, read_by=read):
            return {"type": kind, "seq": seq, "delivered": sorted(delivered.values()), "read": sorted(read.values())}
        case model.Refused(code=code, text=text):
            return {"type": "nick_refused", "error": code, "text": text}
        case Gap(after=after, until=until, at=at):
            return {"type": kind, "after": after, "until": until, "at": fields.moment(at) if at else None}
    return {"type": kind, **msgspec.structs.asdict(event)}
