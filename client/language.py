"""The language of what people read: gettext catalogues. Text in the code is English, and stays so without a catalogue.

Mark every text that a person reads: `_("The broker is back, and you are {nick}.").format(nick=nick)`, with names in the
braces and never an f-string inside; `plural` where a number decides. What is made before a language is chosen (tables,
constants) is marked with `N_` and handed to `_` where it is shown.

A broker has clients of several languages, so what it says comes in English, and so do the errors of `messages`. Their
texts are not marked: `make catalogues` reads them from the source of both, and `told` finds the one that a finished
sentence was made of (see sentences.py).

A program chooses the language once, before it makes texts; until then, and for users of the library, it is English.
`make catalogues` puts new texts into locale/*/LC_MESSAGES/confab.po, for people to translate, and compiles them.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from gettext import GNUTranslations

LANGUAGES: Final = ("en", "ru")
DOMAIN: Final = "confab"
LOCALE: Final = Path(__file__).with_name("locale")
TOLD: Final = "told"  # the context of texts from broker and messages in the catalogues

_catalogue: GNUTranslations | None = None  # None: English


def choose(language: str | None = None) -> None:
    """Speak this language from now on, one of LANGUAGES; None: the one of the locale, or English."""
    global _catalogue
    _catalogue = None
    language = language or of_locale()
    if language != "en":
        from gettext import translation

        _catalogue = translation(DOMAIN, LOCALE, [language])


def of_locale() -> str:
    """The language that LC_ALL, else LC_MESSAGES, else LANG asks for, if it is one of ours, else English."""
    chosen = next(filter(None, map(os.environ.get, ("LC_ALL", "LC_MESSAGES", "LANG"))), "")
    language = chosen[:2].lower()
    return language if language in LANGUAGES and not chosen[2:3].isalpha() else "en"


def spoken() -> str:
    """The language that is spoken now."""
    return _catalogue.info()["language"] if _catalogue else "en"


def _(text: str) -> str:
    """A text in the language of the person."""
    return _catalogue.gettext(text) if _catalogue else text


def plural(one: str, many: str, count: int) -> str:
    """The form that goes with `count`, still to be formatted."""
    if _catalogue:
        return _catalogue.ngettext(one, many, count)
    return one if count == 1 else many


def N_(text: str) -> str:  # noqa: N802 - the field's name for it
    """The text itself: marked for the catalogues, translated where it is shown."""
    return text


def told(sentence: str) -> str:
    """What the broker or `messages` says, in the language of the person; in English when there is no translation."""
    if _catalogue is None:
        return sentence
    from .sentences import translate

    return translate(sentence, _catalogue)
