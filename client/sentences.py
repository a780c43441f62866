"""Finished English sentences of the broker and of `messages`, in another language. Pure functions over a catalogue.

The catalogue holds the texts of which such sentences are made, as in "Nobody called {who} is here.", under the context
TOLD. A sentence is made of a text when the text's words stand in it in their order, the first and last of them at its
ends; what stands between them fills the places, each as short as may be. Of several texts the one with the most letters
counts. What fills a place may be made of a text again, but for what people wrote.

It is only ever about looks: whatever a nick or a reason imitates, it comes out as a sentence with the same parts.
"""

from __future__ import annotations

from functools import cache
from gettext import GNUTranslations
from string import Formatter
from typing import NamedTuple

from .language import TOLD

WORDS_OF_PEOPLE = frozenset({"closed", "reason", "topic"})  # places of what people wrote
_DEPTH = 4  # texts within texts


class _Text(NamedTuple):
    words: tuple[str, ...]  # what stands before, between and behind the places
    places: tuple[str, ...]
    translation: str


def translate(sentence: str, catalogue: GNUTranslations, depth: int = _DEPTH) -> str:
    """The sentence in the catalogue's language; as it is when no text is found that it is made of."""
    for text in _texts(catalogue):
        fillings = _fillings(sentence, text.words)
        if fillings is not None:
            break
    else:
        return sentence
    if depth:
        fillings = [
            filling if place in WORDS_OF_PEOPLE else translate(filling, catalogue, depth - 1)
            for place, filling in zip(text.places, fillings, strict=True)
        ]
    return text.translation.format(**dict(zip(text.places, fillings, strict=True)))


def _fillings(sentence: str, words: tuple[str, ...]) -> list[str] | None:
    """What stands between the words; None when it is not made of them."""
    first, *others = words
    if not others:
        return [] if sentence == first else None
    *inner, last = others
    end = len(sentence) - len(last)
    if end < len(first) or not (sentence.startswith(first) and sentence.endswith(last)):
        return None
    fillings = []
    start = len(first)
    for word in inner:
        found = sentence.find(word, start, end)
        if found < 0:
            return None
        fillings.append(sentence[start:found])
        start = found + len(word)
    return [*fillings, sentence[start:end]]


@cache
def _texts(catalogue: GNUTranslations) -> list[_Text]:
    """The texts of the catalogue, those with the most letters first."""
    entries: dict[str | tuple[str, int], str] = vars(catalogue)["_catalog"]  # gettext lists them in no other way
    found = [
        _read(key.removeprefix(f"{TOLD}\x04"), translation)
        for key, translation in entries.items()
        if isinstance(key, str) and key.startswith(f"{TOLD}\x04")
    ]
    return sorted(found, key=lambda text: -sum(map(len, text.words)))


def _read(text: str, translation: str) -> _Text:
    words, places = [""], []
    for word, place, _, _ in Formatter().parse(text):
        words[-1] += word
        if place is not None:
            places.append(place)
            words.append("")
    return _Text(tuple(words), tuple(places), translation)
