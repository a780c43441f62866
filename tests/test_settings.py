"""The settings: read as far as they can be, told with the line to mend, changed without losing what a person wrote."""

from __future__ import annotations

import json
import re
import stat
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from client import cli, preferences
from client.console.looks import Looks, complaints
from client.console.themes import ROLES, THEMES
from client.console.words import MARKS
from client.errors import NotConfigured, WrongSetting
from client.preferences import all_settings, change, document, find
from client.settings import Keys, Settings, read
from tests.processes import Terminal

TREE = Path(__file__).parent.parent
WRITTEN = """\
# what I like
theme = "dark"   # at night

keywords = [ "deploy", "outage" ]  # loud

[keys]
# Alt-N is free here
newline = "escape n"
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "settings.toml"


def set_to(path: Path, name: str, text: str) -> Settings:
    return change(path, name, text, complaints)


# --- reading -------------------------------------------------------------------------------------------------------


def test_without_a_file_the_defaults_hold(path: Path) -> None:
    assert read(path) == (Settings(), [])


def test_what_is_written_holds(path: Path) -> None:
    path.write_text(WRITTEN)
    expected = Settings(theme="dark", keywords=("deploy", "outage"), keys=Keys(newline="escape n"))
    assert read(path) == (expected, [])


@pytest.mark.parametrize(
    ("text", "line"),
    [('theme = "dark"\nascii = "always\n', "line 2"), ("theme\n", "line 1"), ("[keys\n", "line 1")],
)
def test_a_file_that_is_no_toml_is_one_warning_and_names_the_line(path: Path, text: str, line: str) -> None:
    path.write_text(text)
    settings, [warning] = read(path)
    assert settings == Settings()
    assert line in warning
    assert "the defaults hold" in warning


def test_a_file_that_cannot_be_read_is_named_once(path: Path) -> None:
    path.mkdir()
    assert read(path)[1] == [f"The settings in {path} cannot be read, so the defaults hold: Is a directory."]


def test_bytes_that_are_no_utf8_are_a_warning(path: Path) -> None:
    path.write_bytes(b'theme = "\xff"\n')
    settings, [warning] = read(path)
    assert (settings, "utf-8" in warning) == (Settings(), True)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("# mine\ncolour = 'never'\n", "line 2, colour: there is no such setting. Did you mean color?"),
        ("\n\ncolor = 'sometimes'\n", "line 3, color: it takes one of auto, always, never; its default holds."),
        ("emoji = 'no'\n", "line 1, emoji: it takes true or false"),
        ("keywords = 'deploy'\n", "line 1, keywords: it takes a list of texts"),
        ("keys = 3\n", "line 1, keys: it takes a table"),
        (
            "[keys]\nsend = 'enter'\nnewlin = 'c-j'\n",
            "line 3, keys.newlin: there is no such setting. Did you mean newline?",
        ),
        ("keys.send = 1\n", "line 1, keys.send: it takes a text"),
        ("[themes.mine]\ntime = 3\n", "line 1, themes: it takes a table"),
    ],
)
def test_what_is_wrong_names_its_line_and_leaves_the_rest(path: Path, text: str, told: str) -> None:
    path.write_text(f"{text}\n")
    settings, [warning] = read(path)
    assert told in warning
    assert settings == Settings()
    path.write_text(f"theme = 'light'\n{text}")
    settings, [warning] = read(path)
    assert settings.theme == "light"


@given(st.text())
def test_no_file_keeps_a_person_from_talking(text: str) -> None:
    try:
        settings, _wrong = preferences.understand(text, Path("settings.toml"))
    except ValueError:
        return
    assert isinstance(settings, Settings)
    assert complaints(settings).keys() <= {("theme",)} or settings != Settings()


# --- telling -------------------------------------------------------------------------------------------------------


def test_the_whole_file_is_toml_and_says_what_holds() -> None:
    themes = {"mine": {"like": "dark", "time": "red"}, "two words": {"time": "blue"}}
    settings = Settings(keywords=('"quoted"', "naïve"), emoji=False, keys=Keys(send="c-j"), themes=themes)
    text = document(settings)
    assert msgspec.convert(tomllib.loads(text), Settings) == settings


def test_the_whole_file_tells_each_setting_with_its_default_and_what_it_means() -> None:
    text = document(Settings(theme="dark"))
    for setting in all_settings():
        assert setting.help, setting.name
        assert f"# {setting.sentence}\n" in text
    assert '# Default: "any"\ntheme = "dark"\n' in text


def test_every_setting_is_found_by_its_name() -> None:
    assert [find(setting.name) for setting in all_settings()] == list(all_settings())
    assert find("themes.mine.time").path == ("themes", "mine", "time")
    with pytest.raises(WrongSetting, match=r"There is no setting colour. Did you mean color\?"):
        find("colour")
    with pytest.raises(WrongSetting, match=r"There is no setting xyzzy\. `confab config` shows all."):
        find("xyzzy")


# --- changing ------------------------------------------------------------------------------------------------------


def test_a_change_keeps_comments_order_and_spelling(path: Path) -> None:
    path.write_text(WRITTEN)
    set_to(path, "theme", "light")
    set_to(path, "keys.newline", "c-j")
    assert path.read_text() == WRITTEN.replace('"dark"', '"light"').replace("escape n", "c-j")


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("emoji", "off", False),
        ("emoji", "TRUE", True),
        ("color", "never", "never"),
        ("keywords", "deploy, on fire ,", ("deploy", "on fire")),
        ("keywords", "", ()),
        ("theme", "sober", "sober"),
        ("keys.leave", "c-q", "c-q"),
        ("themes.my.time", "bold #00afaf", "bold #00afaf"),
        ("themes.my.nicks", "red color(30)", "red color(30)"),
        ("theme", '"light"', "light"),  # as it is shown, and as the file has it
        ("keys.leave", "'c-q'", "c-q"),
        ("keywords", '["deploy", "on, fire"]', ("deploy", "on, fire")),
        ("keywords", '"deploy", "on, fire"', ("deploy", "on, fire")),
        ("keywords", "[ci], it's", ("[ci]", "it's")),
    ],
)
def test_what_a_person_types_is_kept(path: Path, name: str, text: str, value: Any) -> None:
    assert find(name).of(set_to(path, name, text)) == value
    assert find(name).of(read(path)[0]) == value
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("color", "sometimes", "color cannot be sometimes: it takes one of auto, always, never."),
        ("emoji", "maybe", "emoji cannot be maybe: it takes true or false."),
        ("theme", "drak", r"There is no theme drak. Did you mean dark\?"),
        ("theme", "xyzzy", "There is no theme xyzzy. There are any, dark, light, contrast, sober."),
        ("themes", "x", "themes is a table"),
        ("themes.mine.tiem", "red", r"nothing is called tiem there. Did you mean time "),
        ("themes.mine.time", "blu", "themes.mine.time cannot be blu: it takes colours"),
        ("themes.mine.nicks", "red blu", "themes.mine.nicks cannot be red blu: it takes colours"),
        ("themes.mine.like", "theirs", "themes.mine.like cannot be theirs: it takes one of any, dark"),
        ("keys.send", "hyper-x", "keys.send cannot be hyper-x: that is no key."),
        ("keys.send", "", 'keys.send cannot be "": that is no key.'),
        ("keys.send", "x", "keys.send cannot be x: that is a character one types."),
        ("keys.send", "<any>", "keys.send cannot be <any>: nobody presses that."),
        ("keys.send", "c-x <bracketed-paste>", "keys.send cannot be c-x <bracketed-paste>: nobody presses that."),
        ("keys.leave", "c-m", "keys.leave cannot be c-m: that is the key of keys.send already."),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(path: Path, name: str, text: str, told: str) -> None:
    path.write_text(WRITTEN)
    with pytest.raises(WrongSetting, match=told):
        set_to(path, name, text)
    assert path.read_text() == WRITTEN
    assert [each.name for each in path.parent.iterdir() if each.suffix != ".lock"] == ["settings.toml"]


@pytest.mark.parametrize(
    ("written", "name", "text", "told"),
    [
        ("keys = 3\n", "keys.send", "f2", "keys is no table there"),
        ("[[keys]]\nsend = 'f1'\n", "keys.send", "f2", "keys is no table there"),
        ("themes = 'dark'\n", "themes.mine.time", "red", "themes is no table there"),
        ("[themes]\nmine = 3\n", "themes.mine.time", "red", "mine is no table there"),
        ("[conversations]\n'#ops' = 'loud'\n", "conversations.#dev", "mute", "line 1, conversations: it takes a table"),
    ],
)
def test_what_would_not_hold_is_not_said_to(path: Path, written: str, name: str, text: str, told: str) -> None:
    path.write_text(written)
    with pytest.raises(NotConfigured, match=told):
        set_to(path, name, text)
    assert path.read_text() == written


@pytest.mark.parametrize("deep", ["[", "{a="])
def test_a_file_that_is_too_deep_is_a_warning(path: Path, deep: str) -> None:
    path.write_text(f"a = {deep * 20_000}")
    settings, [warning] = read(path)
    assert (settings, "too deep" in warning) == (Settings(), True)
    with pytest.raises(NotConfigured, match="cannot be changed"):
        set_to(path, "theme", "dark")


def test_a_wrong_value_in_the_file_keeps_nobody_from_mending_it_or_another(path: Path) -> None:
    path.write_text('theme = "drak"\ncolor = 3\n')
    assert set_to(path, "emoji", "off").emoji is False
    assert set_to(path, "theme", "dark").theme == "dark"
    assert set_to(path, "color", "never").color == "never"
    assert read(path)[1] == []


def test_a_file_that_cannot_be_read_is_left_alone(path: Path) -> None:
    path.write_text("theme = \n")
    with pytest.raises(NotConfigured, match=r"line 1.*They are as they were"):
        set_to(path, "theme", "dark")
    assert path.read_text() == "theme = \n"


def test_a_link_into_a_folder_of_dotfiles_stays_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "dotfiles" / "confab.toml", tmp_path / "settings.toml"
    real.parent.mkdir()
    real.write_text(WRITTEN)
    link.symlink_to(real)
    set_to(link, "theme", "light")
    assert link.is_symlink()
    assert 'theme = "light"' in real.read_text()


# --- from the shell ------------------------------------------------------------------------------------------------


def test_config_in_the_shell(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    def config(*words: str) -> tuple[int, str, str]:
        status = cli.main(["config", *words, "--home", str(tmp_path)])
        return (status, *capfd.readouterr())

    assert config("theme", "dark") == (0, "", "")
    assert config("theme") == (0, '"dark"\n', "")
    status, out, _ = config()
    assert (status, tomllib.loads(out)["theme"]) == (0, "dark")
    _, out, _ = config("--json")
    rows = {row["name"]: row for row in map(json.loads, out.splitlines())}
    assert rows["theme"]["value"] == "dark"
    assert rows["theme"]["default"] == "any"
    assert rows.keys() == {setting.name for setting in all_settings()}
    status, _, err = config("theme", "drak")
    assert (status, err) == (2, "confab: There is no theme drak. Did you mean dark?\n")
    status, _, err = config("teme")
    assert (status, err) == (2, "confab: There is no setting teme. Did you mean theme, themes?\n".replace(", ", " or "))
    (tmp_path / "settings.toml").write_text("theme = 3\n")
    status, out, err = config("theme")
    assert (status, out) == (0, '"any"\n')
    assert "line 1, theme: it takes a text; its default holds." in err
    (tmp_path / "settings.toml").write_text("[keys]\n\nsend = 'hyper-x'\n")
    assert "line 3, keys.send: keys.send cannot be hyper-x" in config()[2]


def test_one_shot_commands_pay_for_none_of_it() -> None:

    code = (
        "import sys; import client.cli; print([each for each in ('tomlkit', 'tomllib', 'rich') if each in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"


def test_the_documentation_has_every_setting_role_theme_and_mark() -> None:
    text = (TREE / "docs" / "console.md").read_text("utf-8")
    for setting in all_settings():
        default = "" if isinstance(setting.default, dict) else f"`{preferences.write(setting.default)}` "
        assert f"| `{setting.name}` | {default}| {setting.help} |" in text
    for role, what in ROLES.items():
        assert f"| `{role}` | {what} |" in text
    for theme in THEMES:
        assert f"| `{theme}` |" in text
    for state in ("queued", "accepted", "delivered", "read"):
        mark = MARKS[state]
        assert f"| `{mark}` | `{Looks(ascii=True).own(mark)}` | {state}" in text


def test_the_examples_in_the_documentation_are_right(path: Path) -> None:
    for example in re.findall(r"```toml\n(.*?)```", (TREE / "docs" / "console.md").read_text("utf-8"), re.DOTALL):
        path.write_text(example)
        settings, wrong = read(path)
        assert not wrong
        assert not complaints(settings)
        assert settings != Settings()


def test_at_a_terminal_config_shows_nothing_that_acts_on_it(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text('keywords = ["\x9b31mred"]\n')
    arguments = ("-m", "client", "config", "keywords", "--home", str(tmp_path))
    terminal = Terminal(*arguments)
    try:
        assert terminal.ends() == 0
        assert "\x9b".encode() not in terminal.raw
        terminal.sees('["\ufffd31mred"]')
    finally:
        terminal.close()
    piped = subprocess.run([sys.executable, *arguments], cwd=TREE, stdout=subprocess.PIPE, check=True)
    assert "\x9b".encode() in piped.stdout, "letter for letter"
