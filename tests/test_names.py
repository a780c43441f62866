"""Names: what is a nick, a room or a topic, which are the same, and which can be taken for another."""

from __future__ import annotations

import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.lookalikes import Lookalikes
from messages import (
    NICK_BYTES,
    NICK_LENGTH,
    TOPIC_BYTES,
    InvalidName,
    check_nick,
    check_room,
    check_target,
    check_topic,
    find_home,
    fold,
    harmless,
    skeletons,
    unicode_names,
)
from messages.names import RESERVED_NICKS

from .processes import TREE, environment

EXAMPLES = 200  # of each property: together some three seconds


def refusal(name: str) -> str:
    """Why a nick is refused."""
    with pytest.raises(InvalidName) as caught:
        check_nick(name)
    return str(caught.value)


# --- ASCII -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("nick", ["a", "Alice", "x" * 24, "r2-d2", "a.b_c"])
def test_nicks_within_the_grammar(nick):
    assert check_nick(nick) == nick
    assert check_target(f"@{nick}") == f"@{nick}"


@pytest.mark.parametrize(
    "nick", ["", "1a", "x" * 25, "a b", "a\n", "a\0", "@a", "..", "-a", "Broker", "ALL", "server", "a/../b"]
)
def test_nicks_outside_the_grammar(nick):
    with pytest.raises(InvalidName):
        check_nick(nick)
    with pytest.raises(InvalidName):
        check_target(f"@{nick}")


def test_rooms_are_folded_and_targets_have_one_form():
    assert check_room("Ops") == check_room("#OPS") == check_target("#oPs") == "#ops"
    assert check_target("*") == "*"
    for bad in ("", "#", "##", "# ", "#a b", "#" + "x" * 33, "#-a", "#a\n"):
        with pytest.raises(InvalidName):
            check_room(bad)
    for bad in ("", "bob", "**", "#", "@", " *", "*\n", "алиса"):
        with pytest.raises(InvalidName):
            check_target(bad)


def test_ascii_names_load_nothing():
    """One-shot commands count milliseconds: no table, no library, not even the module is loaded for an ASCII name."""
    script = """
import sys
from client import Client
from client.targets import default_nick
from messages import check_room, check_target, check_topic, fold
check_room("#Ops"), check_target("@Alice"), fold("Alice"), check_topic("Deploy at five"), default_nick()
loaded = {"messages.unicode_names", "unicodedata", "precis_i18n", "confusable_homoglyphs"} & sys.modules.keys()
assert not loaded, loaded
import broker.lookalikes
broker.lookalikes.Lookalikes(["Alice", "#ops"]).find("Maxim")
assert not {"precis_i18n", "confusable_homoglyphs"} & sys.modules.keys()
fold("Алиса")
assert not {"precis_i18n", "confusable_homoglyphs"} & sys.modules.keys()
"""
    subprocess.run([sys.executable, "-c", script], cwd=TREE, env={**environment(), "USER": "alice"}, check=True)


# --- which are valid -------------------------------------------------------------------------------------------------

VALID = {
    "Алиса": "Алиса",
    "вера": "вера",
    "Μαρία": "Μαρία",
    "Zoë": "Zoë",
    "Kjær": "Kjær",
    "Yıldız": "Yıldız",
    "Ƙano": "Ƙano",
    "Nguyễn-2": "Nguyễn-2",
    "e\u0301lan": "élan",  # becomes NFC
    "שלום": "שלום",
    "שָׁלוֹם": unicodedata.normalize("NFC", "שָׁלוֹם"),
    "محمد_7": "محمد_7",
    "محمد٧": "محمد٧",
    "नमस्ते": "नमस्ते",
    "สวัสดี": "สวัสดี",
    "田中さん": "田中さん",
    "ラーメン": "ラーメン",
    "ﾔﾏﾀﾞ": "ヤマダ",  # forms of half width
    "漢ㄅ": "漢ㄅ",
    "한국": "한국",
    "한國": "한國",
    "Ａｌｉｃｅ": "Alice",  # forms of full width
    "é" * 24: "é" * 24,
    "田" * 16: "田" * 16,
}


@pytest.mark.parametrize(("nick", "form"), VALID.items())
def test_nicks_in_other_scripts(nick, form):
    """A nick in any living script is valid, and has one form."""
    assert check_nick(nick) == form == check_nick(form)
    assert check_target(f"@{nick}") == f"@{form}"
    assert check_room(nick) == check_room(f"#{form}") == "#" + fold(form)


ONLY_PRECIS = {
    "ñﬁ": "LATIN SMALL LIGATURE FI",  # stands for others
    "ñ²": "SUPERSCRIPT TWO",
    "אב-": "right to left",  # ends with what has no direction
    "-אב": "right to left",
    "م٣1": "right to left",  # digits of both directions
    "क\u200dष": "ZERO WIDTH JOINER",
    "ñ\u200b": "ZERO WIDTH SPACE",
    "ñ\u202e": "RIGHT-TO-LEFT OVERRIDE",
    "ñ\u00ad": "SOFT HYPHEN",
    "ñ\ufe0f": "VARIATION SELECTOR-16",
    "ñ\u034f": "COMBINING GRAPHEME JOINER",
    "ᄀ\u1160": "HANGUL",
    "ñ\U000e0061": "TAG LATIN SMALL LETTER A",
    "ñ\ue000": "U+E000",  # private use
    "ñ\u0378": "U+0378",  # not assigned
    "ñ\ud800": "U+D800",  # half of a character
}
ONE_RULE = {  # each refused by one rule alone
    "_short_enough": {
        "ñ" + "x" * NICK_LENGTH: "24 characters",
        "田" * 17: "48 bytes",
        "ñ" + "İğ" * 11 + "İ": "24 characters",  # 24 as written, more in lower case
    },
    "_well_formed": {
        "1ñ": "begins with a letter",
        "_ñ": "begins with a letter",
        "é\u0301": "twice in a row",
        "ñ1\u0303": "a letter bears",
        "е\u0300\u0301\u0302\u0303\u0304ж": "four marks",
        "א׳ב": "HEBREW PUNCTUATION GERESH",  # which PRECIS allows there
    },
    "_digits_of_one_kind": {"कै१1": "digits"},
    "_of_one_script": {
        "аliceж": "Cyrillic and Latin",
        "Αλφаβ": "Cyrillic and Greek",
        "かㄅ": "Bopomofo and Hiragana",
        "한か": "Hangul and Hiragana",
        "田中x": "Han and Latin",
        "жー": "Cyrillic and Katakana",
        "ñː": "MODIFIER LETTER TRIANGULAR COLON",  # looks like the colon behind a name
        "ʻñ": "MODIFIER LETTER TURNED COMMA",
    },
    "_unlike_ascii": {
        "сосо": "looks like",
        "СОСО": "looks like",
        "Вера": "looks like",  # Bepa
        "ρορο": "looks like",
        "ɑlice": "looks like",
        "ali\u0307ce": "looks like",  # a dot on the dot of the i
        "İsmail": "looks like",  # and so in lower case
        "ꓢꓳꓢ": "looks like",
    },
}


@pytest.mark.parametrize(("nick", "why"), [(nick, why) for names in ONE_RULE.values() for nick, why in names.items()])
def test_each_rule_refuses(nick, why):
    assert why in refusal(nick)


@pytest.mark.parametrize(("rule", "nick"), [(rule, nick) for rule, names in ONE_RULE.items() for nick in names])
def test_each_rule_is_needed(rule, nick, monkeypatch):
    """Negative control: without this one rule each of its names comes through."""
    rules = tuple(each for each in unicode_names.RULES if each.__name__ != rule)
    assert len(rules) == len(unicode_names.RULES) - 1
    monkeypatch.setattr(unicode_names, "RULES", rules)
    assert check_nick(nick)


@pytest.mark.parametrize(("nick", "why"), ONLY_PRECIS.items())
def test_precis_refuses(nick, why):
    assert why in refusal(nick)


def test_precis_is_needed(monkeypatch):
    """Negative control: without PRECIS, what stands for other letters or breaks the rule of direction comes through."""

    class Lenient:
        def enforce(self, name: str) -> str:
            return unicodedata.normalize("NFC", name)

    lenient = unicode_names.tables()._replace(username=Lenient())
    monkeypatch.setattr(unicode_names, "tables", lambda: lenient)
    passed = set()
    for nick in ONLY_PRECIS:
        with suppress(InvalidName, UnicodeEncodeError):
            passed.add(check_nick(nick))
    assert passed == {"ñﬁ", "אב-", "ᄀ\u1160", "ñ\u034f", "ñ\ufe0f"}


@pytest.mark.parametrize("nick", ["😀", "a😀", "☃", "①ñ", "ñ ñ", "ñ\n", "ñ\x1b[m", "ñ/..", "ñ\0", "", "．．", "ñ@x"])
def test_what_is_no_letter_is_refused(nick):
    """Emoji, symbols, spaces, controls and what separates folders are no part of a name."""
    with pytest.raises(InvalidName):
        check_nick(nick)
    with pytest.raises(InvalidName):
        check_room(nick)


def test_a_room_may_begin_with_a_digit_of_any_script():
    assert check_room("२०२६-योजना") == "#२०२६-योजना"
    assert "begins with a letter" in refusal("२०२६-योजना")


def test_reserved_words_have_no_letter_that_others_look_like():
    """So no nick in another script reads as the system speaking: it would look like ASCII, but for æ, œ and ı."""
    assert not [word for word in RESERVED_NICKS if "ae" in word or "oe" in word or "i" in word]


def test_a_flood_of_marks_costs_nothing():
    """Normalizing takes time quadratic in the marks on one letter: what is too long for a name is not normalized."""
    flood = "ñ" + "\u0301\u0327" * 60_000
    assert fold(flood) == flood
    assert "24 characters" in refusal(flood)
    with pytest.raises(InvalidName):
        check_room(flood)
    with pytest.raises(InvalidName):
        check_topic(flood)


# --- which are the same ----------------------------------------------------------------------------------------------


def test_two_spellings_of_one_name():
    for one, other in [
        ("АЛИСА", "алиса"),
        ("É", "e\u0301"),
        ("Ａlice", "alice"),
        ("ｶﾞ", "ガ"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
        ("\u212bsa", "åsa"),  # the sign of the unit
    ]:
        assert fold(one) == fold(other)
    assert fold("straße") != fold("strasse")  # lower case, not case folding


def test_folding_a_character_twice_changes_nothing():
    """Of every character there is, but for Han and Tangut, and Hangul's syllables."""
    for code in (*range(0x3400), *range(0xA000, 0xAC10), *range(0xD800, 0x17000), *range(0x18D00, 0x20000)):
        once = fold(chr(code))
        assert fold(once) == once


def test_a_folder_for_each_name_and_no_more(tmp_path):
    """Two spellings of one nick have the same profile, two nicks have different ones."""
    home = find_home(tmp_path)
    assert home.profile(check_nick("E\u0301lan")) == home.profile(check_nick("élan")) == home.profile("ÉLAN")
    folders = {home.profile(check_nick(nick)) for nick in VALID}
    assert len(folders) == len(VALID)
    for folder in folders:
        folder.mkdir(parents=True)
        assert folder.parent == tmp_path / "profiles"


# --- what looks alike ------------------------------------------------------------------------------------------------


def test_the_table_of_confusables_is_put_right():
    """The library's file has both directions of each row; what is read out of it leads to prototypes, in one step."""
    table = unicode_names.tables().prototypes
    assert len(table) > 6_000
    assert {char: table[ord(char)] for char in "1I0mασсвѕ"} == {
        "1": "l",
        "I": "l",
        "0": "O",
        "m": "rn",
        "α": "a",
        "σ": "o",
        "с": "c",
        "в": "ʙ",
        "ѕ": "s",
    }
    assert not [prototype for prototype in table.values() if prototype.translate(table) != prototype]
    assert not [prototype for prototype in table.values() if "\u200e" in prototype]


def test_ascii_looks_like_the_table_says():
    """What is done to ASCII names without the table is the same as with it."""
    for code in range(0x21, 0x7F):
        if chr(code) not in "\"%'`|":  # in no name
            assert unicode_names._looks(chr(code) + "ж") == unicode_names._looks(chr(code)) + "ж"


ALIKE = [
    ("Kjær", "kjaer"),
    ("Yıldız", "yildiz"),
    ("mærıam", "rnaeriarn"),
    ("ВЕРАГ", "ΒΕΡΑΓ"),  # Cyrillic, Greek
    ("Iñes", "lñes"),  # a capital i, a small L
    ("ヘび", "へび"),  # Katakana, Hiragana
    ("İğdır", "iğdir"),
]


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_names_that_look_alike(one, other):
    """Each is valid, they are not the same, and whoever came first, the other is found."""
    for there, new in [(one, other), (other, one)]:
        assert fold(check_nick(there)) != fold(check_nick(new))
        assert skeletons(there) & skeletons(new)
        assert Lookalikes([there]).find(new) == there
        assert not Lookalikes([there]).find(new, but=there)
        assert not Lookalikes([f"#{there}"]).find(new)


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_the_table_is_what_finds_them(one, other, monkeypatch):
    """Negative control."""
    monkeypatch.setattr(unicode_names, "_looks", str)
    assert not Lookalikes([one]).find(other)


@pytest.mark.parametrize(
    ("one", "other"), [("modern", "modem"), ("Ian", "lan"), ("вера", "вара"), ("Zoë", "Zoe"), ("алиса", "АЛИСА")]
)
def test_names_that_do_not(one, other):
    """Two ASCII names are nobody's business; what differs in an accent is seen; a name is not like itself."""
    assert not Lookalikes([one]).find(other)
    assert not Lookalikes([other]).find(one)


def test_a_name_that_is_free_again_is_in_nobodys_way():
    names = Lookalikes(["Kjær", "Kjær", "kjaer"])
    assert names.find("KJAER") == "Kjær"
    names.remove("Kjær")
    assert not names.find("KJAER")
    assert names.find("Kjær") == "kjaer"
    names.remove("kjaer")
    assert names._names == {}


# --- without the extra -----------------------------------------------------------------------------------------------


@pytest.fixture
def bare(monkeypatch) -> Iterator[None]:
    """As where confab is installed without its extra."""
    caches = (unicode_names.tables, unicode_names._free_text)
    for cached in caches:
        cached.cache_clear()
    monkeypatch.setitem(sys.modules, "precis_i18n", None)
    monkeypatch.setitem(sys.modules, "confusable_homoglyphs", None)
    yield
    for cached in caches:
        cached.cache_clear()


@pytest.mark.usefixtures("bare")
def test_without_the_extra_other_scripts_say_that_they_need_it():
    assert "extra 'names'" in refusal("Алиса")
    with pytest.raises(InvalidName, match="extra 'names'"):
        check_target("#Алиса")
    assert check_nick("Alice") == "Alice"
    assert "24 ASCII letters" in refusal("a b")
    assert fold("АЛИСА") == "алиса"  # what is stored stays what it is
    assert skeletons("Max") == {"rnax"}
    assert not Lookalikes(["Kjær", "kjaer"]).find("KJAER")
    assert check_topic("Größe") == "Größe"


# --- topics ----------------------------------------------------------------------------------------------------------

TOPICS = {
    "": "",
    "  Deploys, and nothing else  ": "Deploys, and nothing else",
    "Gru\u0308ße\u00a0an alle": "Grüße an alle",
    "⚠️ freeze until 5": "⚠ freeze until 5",
    "🎉 v2": "🎉 v2",
    "שלום לכולם, ok": "שלום לכולם, ok",
    "x" * TOPIC_BYTES: "x" * TOPIC_BYTES,
    "e\u0301" * (TOPIC_BYTES // 2): "é" * (TOPIC_BYTES // 2),
}
NO_TOPICS = [
    "a\nb",
    "a\tb",
    "\x1b]0;x\a",
    "\x9b1m",
    "a\u202eb",
    "a\u200bb",
    "a\u2028b",
    "\ud800",
    "\ue000",
    "\u115f",
    "\0",
]


@pytest.mark.parametrize("extra", [True, False])
def test_topics(extra, request):
    """One line of visible text in one form, with the extra and without."""
    if not extra:
        request.getfixturevalue("bare")
    for topic, form in TOPICS.items():
        assert check_topic(topic) == form == check_topic(form)
    for bad in NO_TOPICS:
        with pytest.raises(InvalidName, match="one line"):
            check_topic(bad)
    for long in ("x" * (TOPIC_BYTES + 1), "é" * (TOPIC_BYTES // 2 + 1), "é" * 100_000):
        with pytest.raises(InvalidName, match=f"{TOPIC_BYTES} bytes"):
            check_topic(long)


def test_precis_says_what_else_is_no_text():
    """With the extra: letters that only old Korean has, which PRECIS excludes, stand for the rest."""
    with pytest.raises(InvalidName, match="HANGUL CHOSEONG"):
        check_topic("\u1113")


@pytest.mark.parametrize("topic", ["\u0430bc", "p\u0430ypal", "деплой v2: \u0440ages", "α\u0430"])
def test_a_word_of_a_topic_keeps_to_one_script(topic):
    """Cyrillic among Latin, in a word that anyone would take for another."""
    with pytest.raises(InvalidName, match="one script"):
        check_topic(topic)


@pytest.mark.parametrize(
    "topic", ["Деплой на prod в 5", "Tシャツと漢字", "한국어 K팝", "naïve-тест, β-test", "e\u0301te\u0301 été"]
)
def test_words_of_several_scripts_may_stand_in_one_topic(topic):
    assert check_topic(topic)


@pytest.mark.usefixtures("bare")
def test_nobody_else_does():
    """Negative control."""
    assert check_topic("\u1113") == "\u1113"


# --- any text --------------------------------------------------------------------------------------------------------

ALPHABETS = [
    "abIlmoæœıİéñøłßƙɑ\u0301\u0307\u0323",
    "абвгдежзиклмнорстухАВЕКМНОРСТХІіёй\u0301",
    "αβγδεικμνορστυχωςΑΒΕΗΙΚΜΝΟΡΤΥΧΖάϊ",
    "אבגדהוזחטיםןףץ\u05b8\u05c1",
    "ابتثجحدذرزسشصعفقكلمنهوي٠١٢٣\u064b\u0651",
    "अआइकखगचजटडतदनपबमयरलवशसहािीुेो्ं०१२",
    "กขคงจชซดตถทนบปผพมยรลวสหอะาิีุเแโ็่้",
    "あいうかきくけこさたなへびアイウカキクケヘニロー一二口力夕田中",
    "가나다라마바사아자차카타파하國漢ㄱ",
]
likely = st.one_of(
    *(st.text(alphabet + alphabet.upper() + "012_-.", min_size=1, max_size=10) for alphabet in ALPHABETS),
    st.text("".join(ALPHABETS) + "Ａａ１ｶﾞ\u200d\u200c😀 ", min_size=1, max_size=6),
)


def valid(name: str) -> bool:
    try:
        check_nick(name)
    except InvalidName:
        return False
    return True


nicks = likely.filter(valid).map(check_nick)


@settings(max_examples=EXAMPLES, deadline=None)
@given(nicks)
def test_any_valid_nick(nick):
    """Has one form, also in lower case and taken apart; passes through what makes text harmless; is a folder's name."""
    assert check_nick(nick) == nick
    folded = fold(nick)
    assert fold(folded) == folded == check_nick(folded) == fold(unicodedata.normalize("NFD", nick))
    assert check_nick(unicodedata.normalize("NFD", nick)) == nick
    assert check_room(nick) == f"#{folded}" == check_target(f"#{nick}")
    for form in (nick, folded):
        assert harmless(form) == form
        assert form.isprintable()
        assert not set(form) & set("/\\\0 @#*:")
        assert form.strip(".") != ""
        assert len(form) <= NICK_LENGTH
        assert len(form.encode()) <= NICK_BYTES
    folder = find_home("/home").profile(nick)
    assert (folder.parent, folder.name) == (Path("/home/profiles"), folded)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.one_of(st.text(max_size=40), likely))
def test_any_text_is_a_name_or_refused_as_one(text):
    """Nothing but InvalidName is raised; what comes through stays as it is; folding takes any text."""
    assert fold(fold(text)) == fold(text)
    for check in (check_nick, check_room, check_target, check_topic):
        with suppress(InvalidName):
            name = check(text)
            assert check(name) == name
            assert harmless(name) == name


PROTOTYPES = unicode_names.tables().prototypes
TWINS: dict[str, list[str]] = {}  # what looks like what
for _code, _prototype in PROTOTYPES.items():
    if unicodedata.decomposition(chr(_code)).startswith(("<wide>", "<narrow>")):  # no name has it
        continue
    TWINS.setdefault(_prototype, [_prototype]).append(chr(_code))


@settings(max_examples=EXAMPLES, deadline=None)
@given(nicks, st.data())
def test_who_puts_lookalikes_into_a_name_is_found_out(nick, data):
    """With letters in it that look the same it is no valid name, the same one, or found to look like it."""
    letters = [
        data.draw(st.sampled_from(TWINS.get(PROTOTYPES.get(ord(char), char), [char])))
        for char in unicodedata.normalize("NFD", nick)
    ]
    try:
        twin = check_nick("".join(letters))
    except InvalidName:
        return
    if fold(twin) != fold(nick) and not (twin.isascii() and nick.isascii()):
        assert Lookalikes([nick]).find(twin) == nick
        assert Lookalikes([twin]).find(nick) == twin
