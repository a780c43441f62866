"""The language of what people read: gettext catalogues. Text in the code is English, and stays so without a catalogue.

Mark every text that a person reads: `_("The broker is back, and you are {nick}.").format(nick=nick)`, with names in the
braces and never an f-string inside; `plural` where a number decides. What is made before a language is chosen (tables,
constants) is marked with `N_` and handed to `_` where it is shown.
"""

from __future__ import annotations

import gettext

_catalogue: gettext.NullTranslations = gettext.NullTranslations()


def _(text: str) -> str:
    """A text in the language of the person."""
    return _catalogue.gettext(text)


def plural(one: str, many: str, count: int) -> str:
    """The form that goes with `count`, still to be formatted."""
    return _catalogue.ngettext(one, many, count)


def N_(text: str) -> str:  # noqa: N802 - the field's name for it
    """The text itself: marked for the catalogues, translated where it is shown."""
    return text
