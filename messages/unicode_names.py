"""Names that are not ASCII: which are valid, how they are compared, which can be taken for another. Pure functions.

`names` asks only here, and only for a name that is not ASCII. The rules need tables that the extra confab[names] brings
(the PRECIS profiles, the script of each character, Unicode's table of confusables); they are loaded when first needed.
The comparison needs none of them, so that names once stored stay what they are. PROTOCOL.md says the same in prose.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from string import ascii_uppercase
from typing import TYPE_CHECKING, Literal, NamedTuple

from .errors import InvalidName
from .limits import NICK_BYTES, NICK_LENGTH, ROOM_BYTES, ROOM_LENGTH

if TYPE_CHECKING:
    from precis_i18n.profile import Profile

Kind = Literal["nick", "room"]

LONGEST = 128  # characters: what is longer is no name, and normalizing it could take very long (quadratic in accents)

_LIMITS = {"nick": (NICK_LENGTH, NICK_BYTES), "room": (ROOM_LENGTH, ROOM_BYTES)}
_FORMS = {  # L letter, M mark, N digit, P one of '_-.'
    "nick": (re.compile(r"LM{0,4}(?:LM{0,4}|[NP])*"), "a letter"),
    "room": (re.compile(r"(?:LM{0,4}|N)(?:LM{0,4}|[NP])*"), "a letter or digit"),
}
_TOGETHER = (  # scripts that one language is written with (UTS #39, 'highly restrictive', here without Latin)
    frozenset({"HAN", "HIRAGANA", "KATAKANA"}),
    frozenset({"HAN", "BOPOMOFO"}),
    frozenset({"HAN", "HANGUL"}),
)
_DISTINCT = frozenset("ÆæŒœı")  # like ASCII letters by the table, but Danes, French and Turks tell them apart
_WORD = re.compile(r"[^\W\d_]+")
_ASCII_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_LOWER = {ord(char): char.lower() for char in ascii_uppercase} | {ord("M"): "rn"}  # which m looks like
_PICTURES = dict.fromkeys(range(0xFE00, 0xFE10))  # variation selectors: choose between two pictures of one sign
_NO_TEXT = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})  # categories: controls, invisible, unknown, line ends
_HIDDEN_DOT = re.compile("([ijl][\u0300-\u036f]*?)\u0307")  # a second dot, where the first one is


class Tables(NamedTuple):
    """What the extra brings."""

    username: Profile  # UsernameCasePreserved, RFC 8265
    starts: list[int]  # the first code point of each range of one script, ascending
    scripts: list[tuple[int, str]]  # beside it: the last one, and the script
    prototypes: dict[int, str]  # code point → what it looks like

    def script(self, char: str) -> str:
        """The character's script; the Japanese sound mark, which belongs to two, counts as Katakana."""
        last, script = self.scripts[bisect_right(self.starts, ord(char)) - 1]
        return "KATAKANA" if char == "ー" else script if ord(char) <= last else "UNKNOWN"


@cache
def tables() -> Tables:
    """Load the tables; raises InvalidName when the extra is not installed."""
    try:
        import confusable_homoglyphs  # type: ignore[import-untyped]  # for its data; its modules import much else
        import precis_i18n
    except ImportError:
        raise InvalidName(
            "Names in other scripts than ASCII can be used only where confab is installed with its extra 'names'."
        ) from None
    import json
    from pathlib import Path

    data = Path(confusable_homoglyphs.__file__)
    scripts = json.loads(data.with_name("categories.json").read_bytes())
    ranges = sorted(scripts["code_points_ranges"])
    return Tables(
        precis_i18n.get_profile("UsernameCasePreserved"),
        [first for first, *_ in ranges],
        [(last, scripts["iso_15924_aliases"][script]) for _, last, script, _ in ranges],
        _prototypes(json.loads(data.with_name("confusables.json").read_bytes())),
    )


def _prototypes(data: dict[str, list[dict[str, str]]]) -> dict[int, str]:
    """Each character and its prototype, out of a file that has every row of Unicode's table both ways.

    A character has one prototype, and a prototype has none. So what has several partners is a prototype; of two that
    have only each other, the prototype is the later one. Around right-to-left characters there are marks to cut off.
    """
    found: dict[str, str] = {}
    for glyph, (partner, *more) in data.items():
        if not more and partner["c"] not in found:
            found[glyph] = partner["c"]
    bare = {glyph.strip("\u200e"): prototype.strip("\u200e") for glyph, prototype in found.items()}
    return {ord(glyph): prototype for glyph, prototype in bare.items() if len(glyph) == 1}


# --- comparison ------------------------------------------------------------------------------------------------------


@cache
def _widths() -> dict[int, str]:
    """Fullwidth and halfwidth forms, and the characters they stand for."""
    forms = {code: unicodedata.normalize("NFKC", chr(code)) for code in range(0xFF01, 0xFFF0)}
    return {code: plain for code, plain in forms.items() if len(plain) == 1}


def fold(name: str) -> str:
    """What PRECIS calls UsernameCaseMapped: forms of width mapped, lower case, NFC."""
    if name.isascii() or len(name) > LONGEST:
        return name.lower()
    return unicodedata.normalize("NFC", name.translate(_widths()).lower())


def skeletons(name: str) -> set[str]:
    """What a name looks like, as it is written and folded; two names can be confused when they share one of these.

    Raises InvalidName for one that is not ASCII, when the extra is not installed.
    """
    return {_looks(name), _looks(fold(name))}


def _looks(text: str) -> str:
    """The skeleton of UTS #39, with ASCII letters in lower case, and without a dot where it cannot be seen."""
    if text.isascii():  # the same without the table, in less than a microsecond: the broker does it to every name
        return text.replace("I", "l").lower().replace("m", "rn").replace("0", "o").replace("1", "l")
    mapped = unicodedata.normalize("NFD", text).translate(tables().prototypes)
    return _HIDDEN_DOT.sub(r"\1", unicodedata.normalize("NFD", mapped).translate(_LOWER))


# --- rules -----------------------------------------------------------------------------------------------------------


def check(name: str, kind: Kind) -> str:
    """Return a nick, or a room's name without its '#', in the form PRECIS gives it; raises InvalidName.

    That form may turn out to be ASCII, which is not looked at further here.
    """
    if len(name) > LONGEST:
        raise _too_long(kind)
    try:
        name = tables().username.enforce(name)
    except UnicodeEncodeError as error:
        if "bidi" in error.reason:
            raise InvalidName(
                "A name written from right to left begins with a letter, ends with a letter or digit, "
                "and has neither letters of the other direction nor digits of two kinds."
            ) from None
        raise _not_allowed(error.object[error.start]) from None
    if not name.isascii():
        for form in (name, fold(name)):  # so that the lower case of a valid name is valid
            for rule in RULES:
                rule(form, kind)
    return name


def _short_enough(name: str, kind: Kind) -> None:
    length, size = _LIMITS[kind]
    if len(name) > length or len(name.encode()) > size:
        raise _too_long(kind)


def _well_formed(name: str, kind: Kind) -> None:
    form, first = _FORMS[kind]
    apart = unicodedata.normalize("NFD", name)  # letters and their marks
    if not form.fullmatch("".join(map(_class, apart))) or any(a == b and _class(a) == "M" for a, b in pairwise(apart)):
        text = f"A {kind} begins with {first}; a letter bears at most four marks, and none twice in a row."
        raise InvalidName(text)


def _class(char: str) -> str:
    """L, M, N or P, as in the forms; raises InvalidName."""
    category = unicodedata.category(char)
    if category[0] in "LM" or category == "Nd":
        return category[0]
    if char in "_-.":
        return "P"
    raise _not_allowed(char)


def _digits_of_one_kind(name: str, kind: Kind) -> None:
    if len({ord(char) - int(char) for char in name if char.isdecimal()}) > 1:
        raise InvalidName("The digits of a name are all of one kind.")


def _of_one_script(name: str, kind: Kind) -> None:
    """What has no script of its own is a mark, or ASCII."""
    of = {char: tables().script(char) for char in name if not char.isascii() or char.isalpha()}
    for char, script in of.items():
        if script in ("COMMON", "UNKNOWN"):
            raise _not_allowed(char)
    scripts = set(of.values()) - {"INHERITED"}
    if len(scripts) > 1 and not any(scripts <= together for together in _TOGETHER):
        names = " and ".join(sorted(script.replace("_", " ").title() for script in scripts))
        raise InvalidName(f"A name keeps to one script; this one mixes {names}.")


def _unlike_ascii(name: str, kind: Kind) -> None:
    if _ASCII_NAME.fullmatch(_looks(name)) and not _DISTINCT & set(name):
        raise InvalidName(
            "Each letter of this name looks like an ASCII one, so that it could be taken for another name. "
            "Write it with ASCII letters, or differently."
        )


RULES: tuple[Callable[[str, Kind], None], ...] = (
    _short_enough,
    _well_formed,
    _digits_of_one_kind,
    _of_one_script,
    _unlike_ascii,
)
"""What a name has to keep to beyond PRECIS, as it is written and folded; each raises InvalidName."""


def check_topic(topic: str) -> str:
    """Return a topic in NFC, with plain spaces and without variation selectors; raises InvalidName.

    What PRECIS excludes from free text beyond that, and whether each word keeps to one script, is looked at only where
    the extra is installed.
    """
    plain = "".join(" " if unicodedata.category(char) == "Zs" else char for char in topic)
    plain = unicodedata.normalize("NFC", plain.translate(_PICTURES))
    wrong = next((char for char in plain if unicodedata.category(char) in _NO_TEXT), "")
    if not wrong and (free := _free_text()) and plain:
        try:
            plain = free.enforce(plain)
        except UnicodeEncodeError as error:
            wrong = error.object[error.start]
    if wrong:
        raise InvalidName(f"A topic is one line of visible text; {_called(wrong)} may not stand in it.")
    if _free_text():
        for word in _WORD.findall(plain):
            _word_of_one_script(word)
    return plain


def _word_of_one_script(word: str) -> None:
    """A word that mixes scripts which look alike would read as another; Latin stands beside those of East Asia."""
    scripts = {tables().script(char) for char in word} - {"COMMON", "INHERITED", "UNKNOWN"}
    if len(scripts) > 1 and not any(scripts - {"LATIN"} <= together for together in _TOGETHER):
        names = " and ".join(sorted(script.replace("_", " ").title() for script in scripts))
        raise InvalidName(f"Each word of a topic keeps to one script; one of this mixes {names}.")


@cache
def _free_text() -> Profile | None:
    """PRECIS' profile for free text in which case and width count; None when the extra is not installed."""
    try:
        from precis_i18n import get_profile
    except ImportError:
        return None
    return get_profile("OpaqueString")


def _too_long(kind: Kind) -> InvalidName:
    length, size = _LIMITS[kind]
    return InvalidName(f"A {kind} has at most {length} characters, and {size} bytes of UTF-8.")


def _not_allowed(char: str) -> InvalidName:
    return InvalidName(f"{_called(char)} may not stand in a name: only letters, digits, '_', '-' and '.' may.")


def _called(char: str) -> str:
    return " ".join(filter(None, (f"U+{ord(char):04X}", unicodedata.name(char, ""))))
