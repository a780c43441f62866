"""Which language is spoken, and what the broker and `messages` say in it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

from broker.checks import duration
from client import language
from client.cli import main
from client.language import LANGUAGES, LOCALE, choose, of_locale, plural, told
from client.spans import span_text
from messages import Code, Join, MessageError, Post, Rejected, check_nick, check_room, parse_address
from tests import catalogues, client_wire
from tests.processes import TREE, confab, environment
from tests.wire import Wire


@pytest.fixture(autouse=True)
def _english_again() -> Iterator[None]:
    yield
    choose("en")


@pytest.fixture
def russian() -> None:
    choose("ru")


@pytest.mark.parametrize(
    ("variables", "chosen"),
    [
        ({}, "en"),
        ({"LANG": "ru_RU.UTF-8"}, "ru"),
        ({"LANG": "ru"}, "ru"),
        ({"LANG": "RU.utf8@latin"}, "ru"),
        ({"LANG": "ru_RU.UTF-8", "LC_MESSAGES": "en_GB.UTF-8"}, "en"),
        ({"LANG": "en_GB.UTF-8", "LC_MESSAGES": "ru_RU.UTF-8"}, "ru"),
        ({"LC_MESSAGES": "ru_RU.UTF-8", "LC_ALL": "C.UTF-8"}, "en"),
        ({"LC_ALL": "", "LANG": "ru_RU.UTF-8"}, "ru"),
        ({"LANG": "fr_FR.UTF-8"}, "en"),  # none of ours
        ({"LANG": "rup_MK"}, "en"),  # another language
    ],
)
def test_the_locale_chooses(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], chosen: str) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert of_locale() == chosen


ONE_NICK = {"en": "chat takes one nick.", "ru": "chat принимает один ник."}


@pytest.mark.parametrize(
    ("option", "setting", "locale", "chosen"),
    [
        ([], "", "C.UTF-8", "en"),
        ([], "", "ru_RU.UTF-8", "ru"),
        ([], 'lang = "en"', "ru_RU.UTF-8", "en"),
        ([], 'lang = "ru"', "C.UTF-8", "ru"),
        ([], 'lang = "auto"', "ru_RU.UTF-8", "ru"),
        ([], 'keywords = ["deploy"]', "ru_RU.UTF-8", "ru"),
        ([], "lang = [", "ru_RU.UTF-8", "ru"),  # damaged: what needs the settings says so
        (["--lang", "en"], 'lang = "ru"', "ru_RU.UTF-8", "en"),
        (["--lang=ru"], 'lang = "en"', "C.UTF-8", "ru"),
        (["--lang", "ru"], "lang = [", "C.UTF-8", "ru"),
    ],
)
def test_option_before_setting_before_locale(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    option: list[str],
    setting: str,
    locale: str,
    chosen: str,
) -> None:
    monkeypatch.setenv("LC_ALL", locale)
    if setting:
        (tmp_path / "settings.toml").write_text(setting)
    assert main(["chat", *option, "--home", str(tmp_path), "alice", "bob"]) == 2
    assert capsys.readouterr().err == f"confab: {ONE_NICK[chosen]}\n"


def test_an_option_behind_the_dashes_is_text(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["chat", "--home", str(tmp_path), "--", "--lang", "ru"]) == 2
    assert capsys.readouterr().err == f"confab: {ONE_NICK['en']}\n"


@pytest.mark.parametrize("option", [["--lang", "ru"], ["--lang=ru"]])
def test_the_option_may_stand_before_the_command(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, option: list[str]
) -> None:
    assert main([*option, "chat", "--home", str(tmp_path), "alice", "bob"]) == 2
    assert capsys.readouterr().err == f"confab: {ONE_NICK['ru']}\n"
    assert main([*option, "--help"]) == 0
    assert capsys.readouterr().out.startswith("вызов: confab КОМАНДА")


def test_a_language_that_is_none_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["who", "--lang", "xx", "--home", str(tmp_path)]) == 2
    assert "Argument --lang: invalid choice: 'xx' (choose from" in capsys.readouterr().err


def test_help_and_errors_of_the_parser_are_russian(tmp_path: Path) -> None:
    shown = confab("announce", "--lang", "ru", "--help", home=tmp_path)
    assert shown.returncode == 0
    assert shown.stdout.startswith("вызов: confab announce [TEXT ...] [параметры]\n\nОбъявить что-нибудь всем.\n")
    for row in ("параметры:", "показать эту справку", "--title TITLE", "заголовок панели", "коды выхода: 0 принято"):
        assert row in shown.stdout
    assert "Нет команды annonce. Может быть, announce?" in confab("annonce", "--lang", "ru", home=tmp_path).stderr
    assert confab("who", "--lang", "ru", "--nope", home=tmp_path).stderr == (
        "confab: Непонятные аргументы: --nope. См. `confab who --help`.\n"
    )


def test_programs_read_the_same_in_every_language(tmp_path: Path) -> None:
    """With --json only the sentence for people is in their language."""
    english, russian = (confab("who", "--lang", each, "--json", home=tmp_path) for each in LANGUAGES)
    assert english.returncode == russian.returncode == 4
    assert '"error": "notconfigured"' in english.stderr
    assert '"error": "notconfigured"' in russian.stderr


def test_a_wheel_and_an_editable_install_hold_the_catalogues() -> None:
    """Whatever lies in the package is shipped; no rule leaves the compiled catalogues out."""
    tracked = subprocess.run(["git", "ls-files", "client/locale"], cwd=TREE, capture_output=True, text=True).stdout
    for each in set(LANGUAGES) - {"en"}:
        assert f"client/locale/{each}/LC_MESSAGES/confab.mo" in tracked or not tracked
        assert (LOCALE / each / "LC_MESSAGES" / "confab.mo").exists()


def test_english_imports_nothing_more(tmp_path: Path) -> None:
    """A one-shot command in English pays nothing for the others: no catalogue, no settings, no TOML."""
    code = "import sys; from client.cli import main; main(['rooms', '--home', sys.argv[1]]); print(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, env=environment(LC_ALL="C.UTF-8")
    )
    assert not {"client.sentences", "client.settings", "tomllib"} & set(run.stdout.split())


@pytest.mark.usefixtures("russian")
def test_russian_has_three_forms() -> None:
    assert [span_text(seconds) for seconds in (1, 2, 5, 11, 21, 22, 25)] == [
        *("1 секунда", "2 секунды", "5 секунд", "11 секунд", "21 секунда", "22 секунды", "25 секунд")
    ]
    assert [span_text(86_400 * days) for days in (2, 5, 21, 111, 112)] == [
        *("2 дня", "5 дней", "21 день", "111 дней", "112 дней")
    ]


def test_english_has_two_forms() -> None:
    assert [plural("{n} day", "{n} days", n).format(n=n) for n in (0, 1, 2)] == ["0 days", "1 day", "2 days"]


# --- what the broker and messages say --------------------------------------------------------------------------------


def refusals(wire: Wire) -> Iterator[str]:
    """What a real broker's rules say to a few wrong commands."""
    alice = wire.connect("alice")
    for command in (
        Post(1, "@zoe", "hi"),
        Post(2, "#nowhere", "hi"),
        Post(3, "#general", ""),
        Post(4, "#general", "x" * 70_000),
        Post(5, "nobody", "hi"),
        Join(6, "# no room"),
    ):
        yield from (event.text for event in alice.say(command) if isinstance(event, Rejected))


def test_refusals_are_told_in_russian() -> None:
    found = list(refusals(Wire()))
    assert [told(each) for each in found] == found  # the control: in English nothing changes
    choose("ru")
    assert [told(each) for each in found] == [
        "Пользователь не найден: zoe.",
        "Вам не известна комната #nowhere; если имя свободно, она появится, когда в неё войти.",
        "Сообщение пустое.",
        "В сообщении может быть 64 КиБ, а здесь 69 КиБ; отправьте его частями.",
        "Адресат — это @ник для одного человека, #комната для комнаты или * для всех.",
        "Комната — это '#' и от 1 до 32 букв ASCII, цифр, '_', '-' или '.'.",
    ]


@pytest.mark.usefixtures("russian")
def test_texts_within_texts() -> None:
    assert told("bob muted you for another 5 minutes: spam.") == "bob не даёт вам слова ещё 5 мин: spam."
    assert told("You are banned here for another 2 hours: spam.") == "Вам доступ сюда закрыт ещё 2 ч: spam."
    assert told("Your address is banned here for another 2 hours.") == "Вашему адресу доступ сюда закрыт ещё 2 ч."
    assert told("You are banned here: spam.") == "Вам доступ сюда закрыт: spam."
    assert told("Only who is an announcer or more may announce in #ops.") == (
        "Нужна роль announcer или выше, чтобы объявлять в #ops."
    )
    assert told("You were banned by bob, by your address: spam") == "Сеанс завершён: бан от bob, по адресу: spam"
    assert told("You were banned for 2 hours by bob, by your address: paid for it") == (
        "Сеанс завершён: бан на 2 ч от bob, по адресу: paid for it"
    )
    assert told("You were banned for 2 hours by bob, by your address") == "Сеанс завершён: бан на 2 ч от bob, по адресу"
    assert told("You were kicked for 10 minutes by bob: paid for it") == (
        "Сеанс завершён: кик на 10 мин от bob: paid for it"
    )
    assert told("You were kicked by bob: spam") == "Сеанс завершён: кик от bob: spam"
    assert told("The log cannot be written: disk full. Nothing of it was accepted; it can be sent again.") == (
        "Журнал нельзя записать: disk full. Ничего из этого не принято; можно отправить снова."
    )


@pytest.mark.usefixtures("russian")
@pytest.mark.parametrize("seconds", [1, 59, 119, 120, 7_200, 7_199, 86_400 * 3])
def test_stretches_of_time_have_texts(seconds: int) -> None:
    assert told(duration(seconds)).rsplit(" ", 1)[1] in ("с", "мин", "ч", "дн.")


@pytest.mark.usefixtures("russian")
def test_errors_of_messages_are_told_in_russian(capsys: pytest.CaptureFixture[str]) -> None:
    for wrong in (
        lambda: check_nick("9"),
        lambda: check_nick("server"),
        lambda: check_room("#"),
        lambda: parse_address("x://y"),
    ):
        with pytest.raises(MessageError) as error:
            wrong()
        assert told(str(error.value)) != str(error.value)
    assert main(["send", "--lang", "ru", "@9x", "hi"]) == 2
    assert capsys.readouterr().err.startswith("confab: Ник — от 1 до")


@pytest.mark.usefixtures("russian")
def test_every_text_of_broker_and_messages_finds_its_translation() -> None:
    """Filled with plain words, each text comes out translated, with the same words in it."""
    known = {each.id: each.string for each in catalogues.read("ru") if each.context == language.TOLD}
    for text, translation in known.items():
        places = [place for _, place, _, _ in Formatter().parse(text) if place]
        fillings = {place: f"«{number}»" for number, place in enumerate(places)}
        shown = told(text.format(**fillings))
        assert shown != text.format(**fillings) or translation == text
        assert all(fillings[place] in shown for _, place, _, _ in Formatter().parse(translation) if place)


@pytest.mark.usefixtures("russian")
@pytest.mark.parametrize(
    "sentence",
    [
        "",
        "The moon is full.",
        "Nobody called",  # half of one
        "{who} is here. {0} {} {{",
        "Пользователь не найден: zoe.",  # told already
        "\x04told\x04",
        "is here." * 20_000,
    ],
)
def test_a_sentence_without_a_text_is_shown_as_it_came(sentence: str) -> None:
    assert told(sentence) == sentence


@pytest.mark.usefixtures("russian")
def test_whatever_fills_a_place_is_only_a_filling() -> None:
    """A reason that looks like a text, or like a place in one, neither breaks the sentence nor is it translated."""
    for reason in (
        "{by}",
        "{0.__class__}",
        "%s",
        "}{",
        "Nobody called eve is here.",
        "There is nothing in this message.",
    ):
        assert told(f"#ops is closed: {reason}.") == f"#ops закрыта: {reason}."
        assert told(f"bob muted you: {reason}.") == f"bob не даёт вам слова: {reason}."
        assert told(f"Nobody called {reason} is here.").count(reason.split()[0]) in (0, 1)
    nested = "The log cannot be read: " * 200 + "." * 200
    assert told(nested).count("Журнал") <= 5


def test_errors_of_the_library_are_in_the_language_of_the_process() -> None:
    """English, until the program that uses the library chooses another."""
    found = []
    for each in LANGUAGES:
        choose(each)
        wire = client_wire.Wire()
        wire.up()
        [receipt] = wire.submit(Post(1, "@zoe", "hi"))
        wire.sent()
        wire.says(Rejected(1, Code.NO_SUCH_NICK, "Nobody called zoe is here."))
        found.append(str(receipt.answer))
    assert found == ["Nobody called zoe is here.", "Пользователь не найден: zoe."]


def test_what_is_wrong_elsewhere_in_the_settings_leaves_the_language(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "settings.toml").write_text('lang = "ru"\ncolour = "never"\n')
    assert main(["config", "lang", "--home", str(tmp_path)]) == 0
    assert "нет такой настройки" in capsys.readouterr().err
