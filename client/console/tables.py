"""The tables of the rich face: pure functions from what is shown to rich renderables."""

from __future__ import annotations

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from messages import EVERYONE, fold, harmless

from ..language import _, told
from ..read import local_time
from ..spans import ending
from . import words
from .layout import ByWidth, Indented
from .render import clock, nick_text, place_text
from .shown import Help, Invites, KeyList, Receipts, RoomList, Roster, Rules, SettingList, Trail
from .words import excerpt, progress, until


def receipts(item: Receipts) -> RenderableType:
    """How far my last messages have come."""
    table = make_table(_("to"), _("message"), _("state"))
    for sent in item.sent:
        table.add_row(place_text(sent.to), Text(excerpt(sent.body, 30)), Text(progress(sent)))
    return Indented(table)


def roster(item: Roster) -> RenderableType:
    """Who is online, since when, in which rooms."""
    table = make_table(_("nick"), _("since"), _("rooms"), "")
    for person in item.people:
        nick = nick_text(person.nick)
        if fold(person.nick) == fold(item.me):
            nick.append(_(" (you)"), style="faint")
        state = Text(harmless(person.role) if person.role != "guest" else "", style="role")
        if person.away:
            away = _("away: {text}").format(text=harmless(person.away))
            state.append(", " if state.plain else "").append(away, "faint")
        if person.lost:
            state.append(", " if state.plain else "").append(_("connection lost"), "lost")
        since = clock(local_time(person.since), item.today)
        table.add_row(nick, since, Text(" ".join(map(harmless, person.rooms)), style="room"), state)
    return Indented(table)


def room_list(item: RoomList) -> RenderableType:
    """Which rooms there are."""
    table = make_table(_("room"), _("people"), _("topic"), "")
    for room in item.rooms:
        notes = [_("private")] * room.private + [_("you are in it")] * room.joined
        table.add_row(
            place_text(room.name), str(room.people), Text(harmless(room.topic)), Text(", ".join(notes), style="faint")
        )
    return Indented(table)


def help_table(item: Help) -> RenderableType:
    """Commands: how each is typed, what else it is called, what it does."""
    wide, narrow = make_table(_("command"), _("or"), _("what it does")), make_table(_("command"), _("what it does"))
    for usage, others, text in item.rows:
        typed, also = Text(harmless(usage), style="strong"), Text(harmless("  ".join(others)), style="faint")
        wide.add_row(typed, also, Text(harmless(text)))
        narrow.add_row(Text("\n").join([typed, also] if others else [typed]), Text(harmless(text)))
    return ByWidth(Indented(narrow), Indented(wide))


def rules(item: Rules) -> RenderableType:
    """Which rules hold."""
    table = make_table(_("rule"), _("here") if item.where == EVERYONE else harmless(item.where))
    for name, value in item.rules:
        table.add_row(Text(harmless(name), style="strong"), Text(harmless(value) or "-"))
    return Indented(table)


def invites(item: Invites) -> RenderableType:
    """Which invites there are."""
    table = make_table(_("number"), _("lets in"), _("until"), _("by"))
    for one in item.invites:
        table.add_row(
            str(one.invite), f"{one.left} × {harmless(one.role)}", until(one.until, item.now), nick_text(one.by)
        )
    return Indented(table)


def trail(item: Trail) -> RenderableType:
    """Who did what to whom."""
    table = make_table(_("when"), _("by"), _("did"), _("to whom"), "")
    for deed in item.deeds:
        end = "" if deed.until is None else ending(deed.until)
        more = " ".join(filter(None, (harmless(told(deed.detail)), end, harmless(deed.reason))))
        whom = place_text(deed.whom) if deed.whom.startswith("#") else Text(harmless(told(deed.whom)))
        table.add_row(
            clock(local_time(deed.at), item.today), nick_text(deed.by), harmless(_(deed.what)), whom, Text(more)
        )
    return Indented(table)


def setting_list(item: SettingList) -> RenderableType:
    """What one may set, what it is, and what it means; what is not as it was at first stands out."""
    table = make_table(_("setting"), _("value"), _("what it means"))
    for one in item.settings:
        value = Text(harmless(words.value(one.value), lines=True), style="" if one.value == one.default else "strong")
        table.add_row(Text(harmless(one.name), style="strong"), value, Text(harmless(one.help)))
    return Indented(table)


def key_list(item: KeyList) -> RenderableType:
    """Which keys do what."""
    table = make_table(_("key"), _("setting"), _("what it does"))
    for keys, name, text in item.keys:
        table.add_row(Text(harmless(keys), style="strong"), Text(harmless(name), style="faint"), Text(harmless(text)))
    return Indented(table)


def make_table(*columns: str) -> Table:
    """An empty table in the console's looks."""
    table = Table(
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        show_edge=False,
        header_style="faint",
        border_style="faint",
        padding=(0, 2, 0, 0),
    )
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
