"""Themes can be read on the backgrounds they are for, a nick always has the same colour, and marks have ASCII forms."""

from __future__ import annotations

import ast
import io
from pathlib import Path

import pytest
from rich.color import Color, ColorSystem
from rich.console import RenderableType
from rich.style import Style
from rich.text import Text

from client.console import emoji, face_rich, render
from client.console.looks import SLOTS, Looks, complaints, looks, nick_style
from client.console.shown import Help, KeyList, Turned
from client.console.terminal import prompt_style, rich_theme
from client.console.themes import DEFAULT, ROLES, THEMES
from client.settings import Settings
from tests.fake_client import AT, said

TREE = Path(__file__).parent.parent
DARK = ("#000000", "#1e1e1e", "#282c34")  # a black terminal, and two that editors made popular
LIGHT = ("#ffffff", "#fdf6e3", "#eeeeee")
FOR = {"any": ("#000000", "#ffffff"), "dark": DARK, "light": LIGHT, "contrast": ("#000000",), "sober": ()}
LEAST = {"any": 3.0, "dark": 4.5, "light": 4.5, "contrast": 7.0, "sober": 21.0}
"""WCAG's contrast for text is 4.5, and 7 where it is to be high. Of the colours between black and white none has 4.5 to
both by much: there 3 holds, which it asks of large text and of what has to be told from its surroundings."""


def contrast(one: Color, background: str) -> float:
    """The contrast of two colours as WCAG defines it, 1 to 21."""
    light, dark = sorted((luminance(one), luminance(Color.parse(background))), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(color: Color) -> float:
    parts = [part / 255 for part in color.get_truecolor()]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def colors(theme: str) -> list[tuple[str, Color]]:
    """Every colour of a theme, and what has it."""
    styles = rich_theme(tuple(THEMES[theme].items())).styles
    mine = {name: styles[name] for name in (*(set(ROLES) - {"nicks"}), *(f"nick{slot}" for slot in range(SLOTS)))}
    return [
        (name, style.color) for name, style in mine.items() if style.color is not None and not style.color.is_default
    ]


@pytest.mark.parametrize("theme", THEMES)
def test_every_colour_of_a_theme_can_be_read_on_its_backgrounds(theme: str) -> None:
    faint = [
        (name, background, round(contrast(color, background), 2))
        for name, color in colors(theme)
        for background in FOR[theme]
        if contrast(color, background) < LEAST[theme]
    ]
    assert not faint


@pytest.mark.parametrize("theme", ["dark", "light", "contrast"])
def test_nothing_in_a_theme_for_one_background_is_dim(theme: str) -> None:
    """What `dim` makes of a colour is the terminal's affair, and cannot be computed."""
    assert not [look for look in THEMES[theme].values() if "dim" in look]


def test_yellow_on_white_and_dark_blue_on_black_would_be_noticed() -> None:
    """The negative control: what many terminals show as plain yellow and plain blue."""
    assert contrast(Color.parse("#cdcd00"), "#ffffff") < LEAST["any"]
    assert contrast(Color.parse("#0000ee"), "#000000") < LEAST["any"]


@pytest.mark.parametrize("theme", THEMES)
def test_a_terminal_of_sixteen_colours_shows_nicks_of_the_default_in_a_colour(theme: str) -> None:
    """Never black, white or grey, of which one is the background."""
    if theme == DEFAULT:
        for _, color in colors(theme):
            shade = color.downgrade(ColorSystem.STANDARD).number
            assert shade not in {0, 15}


@pytest.mark.parametrize("theme", THEMES)
def test_a_theme_has_a_look_for_every_role(theme: str) -> None:
    assert THEMES[theme].keys() == ROLES.keys()
    assert not complaints(Settings(theme="mine", themes={"mine": THEMES[theme]}))


def test_sober_has_no_colour_at_all() -> None:
    assert colors("sober") == []


def test_every_style_in_the_console_is_a_role_or_an_attribute() -> None:
    """So no colour is chosen anywhere but in a theme."""
    attributes = {"", "none", "bold", "italic", "underline", "reverse"}
    for path in [*(TREE / "client" / "console").glob("*.py"), TREE / "client" / "doctor" / "report.py"]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.keyword) and (node.arg or "").endswith("style"):
                for part in ast.walk(node.value):
                    if isinstance(part, ast.Constant) and isinstance(part.value, str) and part.value != "@":
                        assert part.value in {*ROLES, *attributes}, f"{path.name}:{node.value.lineno}"


# --- nicks ---------------------------------------------------------------------------------------------------------


def test_colours_of_nicks_differ_from_each_other_and_are_all_in_use() -> None:
    for theme in ("any", "dark", "light", "contrast"):
        nicks = THEMES[theme]["nicks"].split()
        assert len(nicks) == len(set(nicks)) == SLOTS
    assert {nick_style(f"nick{number}") for number in range(200)} == {f"nick{slot}" for slot in range(SLOTS)}


def test_a_nick_keeps_its_colour_in_every_spelling_and_from_run_to_run() -> None:
    assert render.nick_text("Bob").style == render.nick_text("bob").style
    assert nick_style("alice") == "nick7"
    assert THEMES["any"]["nicks"].split()[7] == "color(62)"


# --- what is drawn -------------------------------------------------------------------------------------------------


def drawn(chosen: Looks, *things: RenderableType, terminal: bool = True, width: int = 60) -> str:
    console = render.terminal(chosen, force_terminal=terminal)
    console.file, console.width = io.StringIO(), width
    for thing in things:
        console.print(thing)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


EVERYTHING = (
    render.message(said("so … ✓", seq=3), "alice", AT.date(), numbered=True),
    render.message(said("fire", kind="announcement", priority="urgent", title="CI"), "alice", AT.date()),
    render.message(said("soon", kind="announcement"), "alice", AT.date()),
    render.rule("now"),
    render.notice("done"),
    render.warning("careful"),
    render.refusal("no"),
    render.quiet("bob left…", AT, AT.date()),
    *face_rich.looks(Help((("/all", ("$",), "say …"),))),
    *face_rich.looks(KeyList((("Alt-Enter", "keys.newline", "begins a line"),))),
    *face_rich.looks(Turned("#ops")),
)


def test_in_ascii_all_of_ours_is_ascii_and_what_people_wrote_stays() -> None:
    text = Text.from_ansi(drawn(Looks(ascii=True), *EVERYTHING)).plain
    assert {each for each in text if not each.isascii()} == {"…", "✓"}
    assert "#3" in text
    for mark in ("* done", "! careful", "x no", "- bob left~"):
        assert mark in text
    assert {each for each in drawn(Looks(), *EVERYTHING) if not each.isascii()} > {
        "●",
        "▲",
        "✗",
        "·",
        "№",
        "║",
        "┃",
        "─",
    }


def test_marks_are_as_wide_in_ascii() -> None:
    for text in ("◌ 1 message", "✓✓ @bob: delivered", "◉", "#general › "):
        assert len(Looks(ascii=True).own(text)) == len(text)
        assert Looks(ascii=True).own(text).isascii()
        assert Looks().own(text) == text


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("done 🎉", "done :party_popper:"),
        ("👍🏽👍", ":thumbs_up_medium_skin_tone::thumbs_up:"),
        ("❤️ and ❤", ":red_heart: and :red_heart:"),
        ("👩‍💻", ":woman_technologist:"),
        ("café – 12:30 ©", "café – 12:30 ©"),
        ("plain", "plain"),
    ],
)
def test_emoji_by_their_names(written: str, shown: str) -> None:
    assert emoji.named(written) == shown
    assert shown in drawn(Looks(emoji=False), render.message(said(written), "alice", AT.date()), width=100)
    assert drawn(Looks(), render.message(said(written), "alice", AT.date()), terminal=False).endswith(f"{written}\n")


def test_names_of_emoji_are_completed_without_becoming_them() -> None:
    assert list(emoji.completions(":tad", glyphs=False)) == [(":tada:", 4, ":tada:")]
    assert [text for text, _, _ in emoji.completions(":tad")] == ["🎉"]


def test_a_theme_changes_what_is_drawn_from_then_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    dark = looks(Settings(theme="dark"))
    console = render.terminal(Looks(), force_terminal=True)

    def warned() -> str:
        with console.capture() as captured:
            console.print(render.warning("x"))
        return captured.get()

    default = warned()
    console.wear(dark)
    assert warned() not in (default, "▲ x\n")
    console.wear(looks(Settings(theme="dark", color="never")))
    assert warned() == "\x1b[1m▲\x1b[0m x\n"  # bold stays
    console.wear(Looks())
    assert warned() == default


def test_ones_own_theme_is_like_another_but_for_what_it_says() -> None:
    own = looks(Settings(theme="mine", themes={"mine": {"like": "light", "time": "red", "nicks": "blue green"}}))
    roles = dict(own.roles)
    assert roles["time"] == "red"
    assert roles["room"] == THEMES["light"]["room"]
    styles = rich_theme(own.roles).styles
    assert styles["nick0"] == styles["nick2"] == Style.parse("bold blue")


def test_what_makes_no_sense_looks_like_the_default() -> None:
    wrong = Settings(theme="mine", themes={"mine": {"like": "theirs", "time": "blu", "tiem": "red"}})
    assert dict(looks(wrong).roles) == THEMES[DEFAULT]
    assert len(complaints(wrong)) == 3
    assert dict(looks(Settings(theme="nothing")).roles) == THEMES[DEFAULT]


def test_colours_are_decided_by_the_setting_and_else_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert looks(Settings()).color is None
    monkeypatch.setenv("NO_COLOR", "1")
    assert looks(Settings()).color is False
    assert looks(Settings(color="always")).color is True
    assert looks(Settings(color="never")).color is False


def test_ascii_is_chosen_by_itself_where_the_encoding_is_not_utf8(monkeypatch: pytest.MonkeyPatch) -> None:
    for encoding, expected in (("UTF-8", False), ("utf8", False), ("ISO-8859-1", True), ("ANSI_X3.4-1968", True)):
        monkeypatch.setattr("locale.getencoding", lambda encoding=encoding: encoding)
        assert looks(Settings()).ascii is expected
        assert looks(Settings(ascii="never")).ascii is False


@pytest.mark.parametrize(
    ("look", "becomes", "without"),
    [
        ("bold color(30)", "bold fg:#008787", "bold"),
        ("bright_red on blue", "fg:ansibrightred bg:ansiblue", ""),
        ("underline #00afaf", "underline fg:#00afaf", "underline"),
        ("default", "", ""),
    ],
)
def test_a_look_in_the_prompt(look: str, becomes: str, without: str) -> None:
    assert prompt_style(look) == becomes
    assert prompt_style(look, color=False) == without
