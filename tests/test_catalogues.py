"""The catalogues hold every text that people read, translated, and the source marks them all."""

from __future__ import annotations

import ast
import gettext
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest
from babel.messages.catalog import Catalog

from broker import entries
from client.console.words import DEEDS
from client.language import LANGUAGES, TOLD
from tests import catalogues
from tests.catalogues import TREE

AGAIN = "`make catalogues` puts them there; then translate what is empty"
TRANSLATED = [language for language in LANGUAGES if language != "en"]

each_language = pytest.mark.parametrize("language", TRANSLATED)


@pytest.fixture(scope="module")
def source() -> Catalog:
    return catalogues.texts()


def keys(catalogue: Catalog) -> set[tuple[str, object]]:
    return {(each.context or "", each.id) for each in catalogue if each.id}


def forms(text: str | tuple[str, ...]) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text)


def without_translation(catalogue: Catalog, source: Catalog) -> set[tuple[str, object]]:
    """Texts of the source that are not in a catalogue, are empty there, or were guessed by a machine."""
    good = {
        (each.context or "", each.id) for each in catalogue if each.id and all(forms(each.string)) and not each.fuzzy
    }
    return keys(source) - good


@each_language
def test_every_text_is_translated_and_no_other(language: str, source: Catalog) -> None:
    known = catalogues.read(language)
    assert without_translation(known, source) == set(), AGAIN
    assert keys(known) == keys(source), AGAIN


def marked(tree: Path) -> list[ast.expr]:
    """What stands in the calls of markers in client/, wherever those stand."""
    return [
        argument
        for path in (tree / "client").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in catalogues.KEYWORDS
        for argument in node.args[:2]
    ]


def test_what_is_marked_is_found(source: Catalog) -> None:
    """Marks within marks too; but no text that is chosen or put together inside of a mark would be."""
    found = marked(TREE)
    assert not [ast.unparse(each) for each in found if isinstance(each, ast.IfExp | ast.JoinedStr | ast.BinOp)]
    texts = {each.value for each in found if isinstance(each, ast.Constant) and isinstance(each.value, str)}
    assert len(texts) > 400
    assert texts <= {form for each in source for form in forms(each.id)}


def at_import(path: Path) -> Iterator[int]:
    """The lines in which a module asks for translations while it is imported."""
    nodes: list[ast.AST] = [ast.parse(path.read_text("utf-8"))]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("_", "plural", "told"):
            yield node.lineno
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            nodes += ast.iter_child_nodes(node)


@pytest.mark.parametrize("path", sorted((TREE / "client").rglob("*.py")), ids=lambda path: path.stem)
def test_nothing_is_translated_before_a_language_is_chosen(path: Path) -> None:
    """What is made with a module is only marked, with N_: the language is chosen later."""
    assert list(at_import(path)) == []


def test_a_translation_at_import_is_found(tmp_path: Path) -> None:
    """The control."""
    source = tmp_path / "new.py"
    source.write_text('TEXT = {1: _("The moon.")}\nLATER = N_("x")\n\ndef show():\n    return _(LATER)\n')
    assert list(at_import(source)) == [1]


def test_deeds_are_called_as_the_broker_calls_them() -> None:
    assert set(DEEDS) == {each.__name__.lower() for each in entries.Deed.__subclasses__()}


def test_a_text_without_a_translation_is_found(tmp_path: Path) -> None:
    """The control: new ones in client, broker and messages, of every kind."""
    for package in ("client", "broker", "messages"):
        shutil.copytree(TREE / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    for path, line in (
        ("client/cli.py", '_("The {moon} is full.").format(moon=1); plural("{n} sheep", "{n} sheeps", 2)'),
        (
            "broker/requests.py",
            "core.refuse(peer, 1, Code.EMPTY, f\"{command.who[:4]} is a {wolf}{'!' if loud else '.'}\")",
        ),
        ("messages/names.py", 'raise InvalidName("Names howl.")'),
    ):
        (tmp_path / path).write_text((tmp_path / path).read_text("utf-8") + f"\n{line}\n", "utf-8")
    assert without_translation(catalogues.read("ru"), catalogues.texts(tmp_path)) == {
        ("", "The {moon} is full."),
        ("", ("{n} sheep", "{n} sheeps")),
        (TOLD, "{who} is a {wolf}!"),
        (TOLD, "{who} is a {wolf}."),
        (TOLD, "Names howl."),
    }


def test_an_empty_and_a_guessed_translation_are_found(source: Catalog) -> None:
    known = catalogues.read("ru")
    known.get("The broker is back.").string = ""
    known.get("who is online").flags.add("fuzzy")
    assert without_translation(known, source) == {("", "The broker is back."), ("", "who is online")}


@each_language
def test_what_is_shipped_is_what_is_translated(language: str) -> None:
    with catalogues.catalogue(language).with_suffix(".mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    for each in catalogues.read(language):
        if not each.id or not each.pluralizable:
            found = compiled.pgettext(each.context, each.id) if each.context else compiled.gettext(each.id or "")
            assert not each.id or found == each.string, AGAIN
        else:
            shown = {compiled.ngettext(*each.id, count) for count in range(100)}
            assert shown == set(each.string), AGAIN


@each_language
def test_translations_have_the_places_of_their_texts(language: str) -> None:
    """A place that no text fills would be an error in the middle of a sentence."""
    for each in catalogues.read(language):
        if not each.id or "%" in forms(each.id)[0]:
            continue
        allowed = {place for form in forms(each.id) for _, place, _, _ in Formatter().parse(form)}
        for form in forms(each.string):
            assert {place for _, place, _, _ in Formatter().parse(form)} <= allowed | {None}, form
            if each.context == TOLD:  # between two places without a word no line can be drawn: they stay together
                assert all(pair in form for pair in re.findall(r"\{\w+\}\{\w+\}", forms(each.id)[0])), form


@each_language
def test_lines_keep_their_ends(language: str) -> None:
    """What a text begins and ends with matters to what it is put together with."""
    for each in catalogues.read(language):
        for text, form in zip(forms(each.id), forms(each.string), strict=False) if each.id else ():
            assert text[:1].isspace() <= (not form[:1].isalnum()), text
            assert text[-1:].isspace() == form[-1:].isspace(), text
