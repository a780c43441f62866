"""Three faces of one feature set: each command, each event and all that is shown has its form in each of them."""

from __future__ import annotations

import json
import queue
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from client import model
from client.console import commands, render, shown
from client.console.chosen import Chosen
from client.console.commands import TABLE, Command
from client.console.face_json import JsonFace
from client.console.face_linear import LinearFace
from client.console.face_rich import RichFace
from client.console.program import obey_program
from client.console.talk import Talk
from client.model import ClientEvent, Page
from messages import (
    Deed,
    Deleted,
    Gap,
    InviteInfo,
    Moderated,
    Person,
    Presence,
    Registration,
    RoomChange,
    RoomInfo,
    Ruled,
    Sharing,
    Staying,
    Storing,
)
from tests.fake_client import AT, FakeClient, connected, said

from .processes import TREE

DEADLINE = 5.0  # seconds
EVIL = "\x1b[2J\x1b]0;title\x07\x9b31m[bold red]x[/]\u202egnp.\u200bexe\nalice in #ops: I resign"
FACES = ("rich", "linear", "json")
DAY = AT.date()
each_face = pytest.mark.parametrize("face", FACES)


def make_face(face: str) -> Callable[[Any], str]:
    """A face as it is in a pipe."""
    console = render.terminal(force_terminal=False)
    console.width = 200
    faces: dict[str, Callable[[Any], str | None]] = {
        "rich": RichFace(console),
        "linear": LinearFace(terminal=False),
        "json": JsonFace(ascii_only=False),
    }
    return lambda things: faces[face](things) or ""


# --- all that is shown -----------------------------------------------------------------------------------------------


def samples(text: str = "hi", name: str = "bob", room: str = "#ops") -> list[Any]:
    """One of each that may be shown, and of each event."""
    people = (Person(name, 0, [room], away=text, role=text, lost=True),)
    progress = shown.Progress(7, f"@{name}", text, "read", (name,), (name,))
    roster = shown.Roster(people, "alice", DAY)
    page = Page([said(text, sender=name, target=room)], 7)
    return [
        shown.Said(said(text, sender=name, target=room), "alice", DAY),
        shown.Day(DAY),
        shown.Absence(),
        shown.Present(2),
        shown.Stretch(room, page, "alice", DAY),
        shown.Stretch(text, page, "alice", DAY, found=True),
        shown.Stretch(room, Page([], None), "alice", DAY),
        shown.Ring(7, "bell", name, text),
        shown.Overview(
            room, (shown.Unread(room, 2, 1),), (model.Composing(name, room),), (said(text),), True, 0.01, 60.0
        ),
        shown.Notice(text),
        shown.Accepted(7),
        shown.Done("/nick", text),
        shown.Caution(text),
        shown.Refusal(text, "no_such_nick", text),
        shown.Unsent(text, kept=True),
        shown.Bye(0),
        shown.Aside(text, AT),
        shown.Waiting(room, text, AT),
        shown.Greeting(name, text, roster, room),
        shown.Turned(room),
        shown.Help((("/msg NICK text", ("-to",), text),)),
        roster,
        shown.RoomList((RoomInfo(room, 1, True, text, True),)),
        shown.Receipts((progress,)),
        shown.Sharing(True),
        shown.Topic(room, text),
        shown.Rules(room, ((name, text),)),
        shown.Invitation(text, 3, text, 2, 60.0),
        shown.Invites((InviteInfo(3, text, 2, 1_700_000_000_000, name),), AT),
        shown.Trail((Deed(9, 0, text, name, name, text, text, 1_700_000_000_000),), DAY),
        shown.SettingList((shown.Setting(name, text, None, text),)),
        shown.KeyList(((name, name, text),)),
        *(shown.Happened(event, "warning", AT, text) for event in events(text, name, room)),
    ]


def events(text: str = "hi", name: str = "bob", room: str = "#ops") -> list[Any]:
    return [
        model.Connecting(1, text, 0.5),
        connected(name, role=text, rooms=(room,)),
        model.CaughtUp(0),
        model.Composing(name, room),
        model.NotKept(text),
        model.NotRemembered(text),
        model.Reached(7, {3: name}, {3: name}),
        model.Slowed(1.0),
        model.Restored(7),
        model.Disconnected(text),
        model.Refused("nick_taken", text),
        model.Dismissed("kicked", text),
        model.ServerClosing(name, 30.0, text),
        model.ServerClosed(name, text),
        Gap(1, 7, 1_700_000_000_000),
        Presence(name, "away", text),
        RoomChange(room, name, True),
        Ruled(room, "topic", text, name, text),
        Moderated("muted", name, text, text, 60.0),
        Deleted(7, name, text),
        Storing(False, text),
        Staying(name, text),
        Sharing(False),
        Registration(True),
    ]


NO_FORM = {  # what a face does not need, since something else says it
    "rich": {shown.Ring, shown.Accepted},  # a bell makes no mark
    "linear": {shown.Ring, shown.Accepted},
    "json": {shown.Day, shown.Absence},
}


def test_there_is_a_sample_of_each() -> None:
    """So what is new is tried in each face by the tests below."""
    assert {type(sample) for sample in samples()} == set(get_args(shown.Shown))
    assert {type(event) for event in events()} == set(get_args(ClientEvent))


@each_face
@pytest.mark.parametrize("sample", samples(), ids=lambda sample: type(getattr(sample, "event", sample)).__name__)
def test_each_has_a_form_in_each_face(face: str, sample: Any) -> None:
    assert bool(make_face(face)([sample])) == (type(sample) not in NO_FORM[face])


@pytest.mark.parametrize(
    ("event", "drawn"), [(model.Reached(7, {}, {}), ""), (model.Composing("bob", "#ops"), ""), (connected(), None)]
)
def test_what_the_input_line_tells_has_it_drawn_anew(event: ClientEvent, drawn: str | None) -> None:
    assert RichFace(render.terminal(force_terminal=False))([shown.Happened(event, "status", AT)]) == drawn


class New(msgspec.Struct, frozen=True):
    """Nothing that a face knows."""


@each_face
def test_what_a_face_does_not_know_is_not_passed_over(face: str) -> None:
    """The control."""
    with pytest.raises(AssertionError):
        make_face(face)([New()])


@pytest.mark.parametrize("face", ["rich", "linear"])
def test_nothing_from_elsewhere_acts_on_a_terminal(face: str) -> None:
    text = make_face(face)(samples(EVIL, EVIL, "#" + EVIL))
    assert "[bold red]x[/]" in text
    assert not set(text) & {"\x1b", "\x07", "\x9b", "\u202e", "\u200b"}


def test_at_a_terminal_json_is_ascii_and_in_a_pipe_it_is_as_written() -> None:
    things = samples(EVIL, "Алиса")
    assert JsonFace(ascii_only=True)(things).replace("\n", " ").isprintable()
    plain = JsonFace(ascii_only=False)(things)
    assert "Алиса" in plain
    assert [json.loads(line)["type"] for line in plain.splitlines()]
    assert not set(plain) & {"\x1b", "\x07"}


# --- every command ---------------------------------------------------------------------------------------------------

LINES = {  # one for each command
    "/msg": "/msg bob hi",
    "/all": "/all hi",
    "/to": "/to bob",
    "/who": "/who",
    "/rooms": "/rooms",
    "/join": "/join #ops",
    "/leave": "/leave",
    "/history": "/history",
    "/search": "/search hi",
    "/announce": "/announce at five",
    "/receipts": "/receipts",
    "/nick": "/nick alison",
    "/away": "/away lunch",
    "/register": "/register",
    "/unregister": "/unregister",
    "/set": "/set",
    "/help": "/help",
    "/quit": "/quit",
    "/topic": "/topic Deploys",
    "/delete": "/delete 7",
    "/rule": "/rule rate 50",
    "/admit": "/admit bob #ops",
    "/expel": "/expel bob #ops",
    "/transfer": "/transfer bob KEY",
    "/revoke": "/revoke bob",
    "/kick": "/kick bob",
    "/ban": "/ban bob for 2h",
    "/unban": "/unban bob",
    "/mute": "/mute bob for 10m",
    "/unmute": "/unmute bob",
    "/close": "/close moved",
    "/reopen": "/reopen",
    "/lock": "/lock raid",
    "/unlock": "/unlock",
    "/audit": "/audit",
    "/grant": "/grant bob member",
    "/invite": "/invite",
    "/invites": "/invites",
    "/uninvite": "/uninvite 3",
    "/down": "/down in 30s",
    "/next": "/next",
    "/ack": "/ack",
    "/notify": "/notify #ops mute",
    "/dnd": "/dnd for 1h",
    "/status": "/status",
}
TOLD_TO_ALL: dict[str, Any] = {  # what the broker tells everyone is the answer
    "/topic": Ruled("#general", "topic", "Deploys", "alice"),
    "/rule": Ruled("*", "rate", "50", "alice"),
    "/close": Ruled("#general", "closed", "moved", "alice"),
    "/reopen": Ruled("#general", "closed", "off", "alice"),
    "/lock": Ruled("*", "locked", "on", "alice", "raid"),
    "/unlock": Ruled("*", "locked", "off", "alice"),
    "/down": model.ServerClosing("alice", 30.0, ""),
}


def obeyed(line: str, face: str, folder: Path, event: Any = None) -> str:
    """What a line comes to in a face, once all is answered."""
    work: queue.Queue[Callable[[], None]] = queue.Queue()
    draw, drawn, left = make_face(face), list[str](), list[bool]()
    chat = FakeClient()
    chat.page = Page([said("hi")], 7)
    show, leave = (lambda *things: drawn.append(draw(things))), (lambda: left.append(True))
    talk = Talk(chat, show, work.put, leave, Chosen(folder / "settings.toml"))  # type: ignore[arg-type]
    talk.start(lambda item: None)
    obey_program(talk, json.dumps({"line": line, "id": 1}))
    idle: list[bool] = []
    talk.answers.when_idle(lambda: idle.append(True))
    while not (idle or left):
        work.get(timeout=DEADLINE)()
    if left:  # what app.py shows at the end
        drawn.append(draw([shown.Bye(talk.exit_code)]))
    if event is not None:
        talk.happened(event)
    chat.close()
    return "".join(drawn)


def test_there_is_a_line_for_each_command() -> None:
    assert LINES.keys() == {command.names[0] for command in TABLE}


@each_face
@pytest.mark.parametrize("command", TABLE, ids=lambda command: command.names[0])
def test_every_command_works_in_every_face(command: Command, face: str, tmp_path: Path) -> None:
    name = command.names[0]
    text = obeyed(LINES[name], face, tmp_path, TOLD_TO_ALL.get(name))
    assert text.strip()
    if face == "json":
        told = [json.loads(line) for line in text.splitlines()]
        assert name == "/quit" or any(each.get("id") == 1 for each in told)
        assert not any(each["type"] == "refusal" for each in told)
    else:
        assert "Error:" not in text
        assert "✗" not in text


@pytest.mark.parametrize("face", ["linear", "json"])
def test_a_command_without_a_form_is_found(face: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The control: one that shows what a face does not know, and one that shows nothing."""
    new = Command(("/new",), "", "", 0, 0, lambda talk, arguments: talk.show(New()))  # type: ignore[arg-type]
    monkeypatch.setitem(commands.BY_NAME, "/new", new)
    with pytest.raises(AssertionError):
        obeyed("/new", face, tmp_path)
    monkeypatch.setitem(commands.BY_NAME, "/new", Command(("/new",), "", "", 0, 0, lambda talk, arguments: None))
    assert not obeyed("/new", face, tmp_path)


@each_face
@pytest.mark.parametrize(
    "line", ["/mgs bob hi", "/msg bob", "/msg b@b hi", "/history x", "/grant bob king", "/down x in 3s"]
)
def test_so_does_every_refusal(face: str, line: str, tmp_path: Path) -> None:
    text = obeyed(line, face, tmp_path)
    sign = {"rich": "✗ ", "linear": "Error: ", "json": '"type": "refusal"'}[face]
    assert text.count(sign) == 1
    assert face != "json" or json.loads(text)["id"] == 1


@pytest.mark.parametrize("event", events(), ids=lambda event: type(event).__name__)
def test_whatever_happens_is_told_to_a_program(event: Any) -> None:
    """Also what an input line tells, or nothing; and what ends the console, with its reason."""
    told = list[str]()
    chat, face = FakeClient("bob"), JsonFace(ascii_only=False)  # it is about bob: my own steps are told too
    talk = Talk(chat, lambda *things: told.append(face(things)), lambda work: None, lambda: None)  # type: ignore[arg-type]
    talk.happened(event)
    first = json.loads("".join(told).splitlines()[0])
    name = re.sub(r"(?<!^)(?=[A-Z])", "_", type(event).__name__).lower()
    assert first["type"] == {"refused": "nick_refused", "dismissed": "refusal"}.get(name, name)
    chat.close()


# --- JSON ------------------------------------------------------------------------------------------------------------


def test_the_documentation_lists_every_type_with_its_fields() -> None:
    """And none that there is not."""
    progress = shown.Progress(1, "@bob", "hi", "accepted", (), ())
    face = JsonFace(ascii_only=False)
    face.status = lambda: shown.Status("alice", "#general", "connected", progress)
    told = [json.loads(line) for line in face(samples()).splitlines()]
    real = {each.pop("type"): set(each) for each in told}
    real["caught_up"] -= {"sentence"}  # of an event; as what is shown of it, it has none
    del real["dismissed"]  # is told as a refusal, with which the console ends
    text = (TREE / "docs" / "scripting.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \|", text, re.MULTILINE)
    assert {name: set(re.findall(r"`(\w+)`", fields)) for name, fields in rows} == real
    assert len(rows) == len(real)


def programmed(*lines: str) -> tuple[list[dict[str, Any]], FakeClient]:
    """What a program is told for its lines, and the client that was asked."""
    chat, told, face = FakeClient(), list[str](), JsonFace(ascii_only=False)
    work: queue.Queue[Callable[[], None]] = queue.Queue()
    talk = Talk(chat, lambda *things: told.append(face(things)), work.put, lambda: None)  # type: ignore[arg-type]
    face.status = lambda: talk.status
    talk.start(lambda item: None)
    idle: list[bool] = []
    for line in lines:
        obey_program(talk, line)
    talk.answers.when_idle(lambda: idle.append(True))
    while not idle:
        work.get(timeout=DEADLINE)()
    chat.close()
    return [json.loads(line) for line in "".join(told).splitlines()], chat


def test_an_object_holds_several_lines_and_its_id_comes_back() -> None:
    told, chat = programmed('{"line": "/msg bob one\\ntwo", "id": {"my": 1}}', '{"line": "/who", "id": "w"}', "plain")
    assert chat.calls[0] == ("send", "@bob", "one\ntwo")
    ids: dict[str, list[Any]] = {}
    for each in told:
        ids.setdefault(each["type"], []).append(each.get("id"))
    assert ids.pop("status")[0] is None
    assert ids == {"accepted": [{"my": 1}, None], "message": [{"my": 1}, None], "people": ["w"]}


@pytest.mark.parametrize(
    "line",
    [
        *("{", '{"line": 1}', '{"text": "x"}', '{"line": "x", "to": "bob"}', "{hello}", '{"line": "caf\udce9"}'),
        *('{"line": "x", "id": ' + depth * "[" + depth * "]" + "}" for depth in (600, 970, 100_000)),
    ],
    ids=lambda line: line[:40],
)
def test_a_broken_object_is_refused_and_nothing_is_sent(line: str) -> None:
    told, chat = programmed(line)
    assert [each["error"] for each in told if each["type"] == "refusal"] == ["malformed"]
    assert not chat.calls


def test_what_an_input_line_tells_is_told_when_it_changes() -> None:
    told, _ = programmed("/to bob", "hi", "/who")
    status = [each for each in told if each["type"] == "status"]
    assert [each["to"] for each in status][:1] == ["@bob"]
    assert status[-1]["progress"]["state"] == "accepted"
    assert all(one != other for one, other in pairwise(status))


def test_nothing_follows_the_last() -> None:
    face = JsonFace(ascii_only=False)
    face.status = lambda: shown.Status("alice", "#general", "connected", None)
    last = face([shown.Bye(0)])
    assert last == '{"type": "bye", "exit_code": 0}\n'
    assert '"status"' in face([shown.Notice("hi")]), "the control"


# --- sentences -------------------------------------------------------------------------------------------------------


def linear(*things: Any) -> list[str]:
    return (LinearFace(terminal=False)(things) or "").splitlines()


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"target": "#ops"}, "bob in #ops at 12:04: hi"),
        ({"target": "@Alice"}, "bob to you at 12:04: hi"),
        ({"target": "*"}, "bob to everyone at 12:04: hi"),
        ({"sender": "alice", "target": "@bob", "own": True}, "you to bob at 12:04: hi"),
        ({"sender": "alice", "target": "#ops", "own": True}, "you in #ops at 12:04: hi"),
        ({"kind": "announcement", "target": "*", "priority": "normal"}, "Announcement by bob at 12:04: hi"),
        (
            {"kind": "announcement", "target": "*", "priority": "urgent", "title": "CI"},
            "Announcement, urgent, by bob at 12:04: CI: hi",
        ),
        (
            {"kind": "announcement", "target": "@alice", "priority": "high"},
            "Announcement, high, by bob to you at 12:04: hi",
        ),
    ],
)
def test_who_speaks_comes_first(fields: dict[str, Any], line: str) -> None:
    assert linear(shown.Said(said("hi", **fields), "alice", DAY)) == [line]


def test_who_calls_me_by_name_is_told_in_words() -> None:
    assert linear(shown.Said(said("alice: look"), "alice", DAY)) == [
        "bob mentions you in #general at 12:04: alice: look"
    ]


def test_a_run_does_not_tell_the_time_again_and_a_page_tells_the_numbers() -> None:
    assert linear(shown.Said(said("hi"), "alice", DAY, continued=True)) == ["bob in #general: hi"]
    later = datetime(2027, 1, 1, tzinfo=UTC).date()
    assert linear(shown.Said(said("hi"), "alice", later, numbered=True)) == [
        "bob in #general at 2026-11-24 12:04, number 7: hi"
    ]


def test_no_line_of_a_text_passes_for_somebody_elses() -> None:
    rows = linear(shown.Said(said("hi\nalice in #ops: I resign\u2028confab: Bye."), "alice", DAY))
    assert rows[1:] == ["bob continues: alice in #ops: I resign", "bob continues: confab: Bye."]


def test_a_row_of_a_table_is_a_sentence() -> None:
    people = (Person("alice", 0, ["#general", "#ops"], role="admin"), Person("bob", 0, [], away="lunch"))
    since = datetime.fromtimestamp(0).astimezone()
    assert linear(shown.Roster(people, "alice", DAY)) == [
        f"alice (you), here since {since:%Y-%m-%d %H:%M}, in #general #ops, admin.",
        f"bob, here since {since:%Y-%m-%d %H:%M}, away: lunch.",
    ]


def test_nothing_is_drawn_or_aligned() -> None:
    text = LinearFace(terminal=True)(samples()) or ""
    assert not re.search(r"[^\S\n]{2}|[\u2500-\u259f]|\x1b", text)
    assert text.count("\a") == 1, "of what rings"


@pytest.mark.parametrize("face", ["linear", "json"])
def test_what_only_the_rich_face_needs_is_not_loaded(face: str) -> None:
    """The others are there sooner."""
    code = f"import sys, client.console.app, client.console.face_{face}; print({{'rich.console'}} & {{*sys.modules}})"
    run = subprocess.run([sys.executable, "-c", code], cwd=TREE, capture_output=True, text=True, check=True)
    assert run.stdout == "set()\n"
