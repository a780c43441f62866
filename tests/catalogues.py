"""`make catalogues`: all texts that people read, from the source into the catalogues, and these compiled.

Marked texts come from client/. What broker/ and messages/ say is not marked, since neither knows of languages: of them
every string of words counts, as a text with named places, but for docstrings, SQL and modules which only ever speak to
whoever runs the broker.
"""

from __future__ import annotations

import ast
import io
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from client.language import DOMAIN, LANGUAGES, LOCALE, TOLD

TREE = Path(__file__).parent.parent
KEYWORDS = {"_": None, "N_": None, "plural": (1, 2)}
TO_THE_OPERATOR = {
    *(
        "__main__",
        "beacon",
        "cli",
        "folder",
        "index",
        "keys",
        "notes",
        "operating",
        "operator",
        "refusals",
        "salvage",
        "server",
    ),
    *("settings", "sockets", "start", "upkeep", "wal"),
}
PUT_TOGETHER = (  # what no string holds whole, or is a word alone
    *("{number} days", "{number} hours", "{number} minutes", "{number} seconds", "a {role}", "announce"),
    *("{by} muted you for another {duration}.", "{by} muted you for another {duration}: {reason}."),
    *("{who} banned here for another {duration}.", "{who} banned here for another {duration}: {reason}."),
    *("banned by {by}, by your address: {reason}", "banned for {span} by {by}, by your address: {reason}", "yourself"),
)
OF_ARGPARSE = (
    *("usage: ", "options", "show this help message and exit"),
    *("argument %(argument_name)s: %(message)s", "expected one argument", "unrecognized arguments: %s"),
    *("invalid choice: %(value)r (choose from %(choices)s)", "ignored explicit argument %r"),
    *("one of the arguments %s is required", "not allowed with argument %s", "invalid %(type)s value: %(value)r"),
)
_WORD = re.compile(r"[A-Za-z]{2}")
_NO_PROSE = re.compile(r"\s*[A-Z_]{3,} |list\[|%[a-zA-Z]")  # SQL, types, formats of times


def texts(tree: Path = TREE) -> Catalog:
    """All texts of the source, untranslated."""
    found = Catalog(domain=DOMAIN)
    for path in sorted((tree / "client").rglob("*.py")):
        for _, message, comments, context in extract_from_file("python", path, KEYWORDS, ["Translators:"]):
            found.add(message, context=context, auto_comments=comments)
    for phrase in OF_ARGPARSE:
        found.add(phrase)
    for text in told(tree):
        found.add(text, context=TOLD)
    return found


def told(tree: Path = TREE) -> set[str]:
    """The texts of which broker and messages make what they tell people."""
    paths = [*(tree / "broker").glob("*.py"), *(tree / "messages").glob("*.py")]
    return {text for path in paths if path.stem not in TO_THE_OPERATOR for text in sentences(path)} | {*PUT_TOGETHER}


def sentences(path: Path) -> Iterator[str]:
    """Every text of two words or more in a module that is not marked, with its places named after what fills them."""
    nodes = [ast.parse(path.read_text("utf-8"))]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue  # a docstring
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in (*KEYWORDS, "note"):
            continue  # marked, or a line of the broker's own log
        if isinstance(node, ast.JoinedStr | ast.Constant):
            yield from filter(_is_prose, _forms(node))
        if isinstance(node, ast.JoinedStr):
            nodes += [part.value for part in node.values if isinstance(part, ast.FormattedValue)]
        else:
            nodes += ast.iter_child_nodes(node)


def _is_prose(text: str) -> bool:
    words = re.sub(r"\{\w+\}", "", text)
    return " " in text.strip() and bool(_WORD.search(words)) and not _NO_PROSE.match(text)


def _forms(node: ast.AST) -> Iterator[str]:
    """A string or f-string as texts with named places: one, or more where a condition chooses between strings."""
    match node:
        case ast.Constant(value=str(text)):
            yield text.replace("{", "{{").replace("}", "}}")
        case ast.IfExp(body=body, orelse=orelse):
            yield from (*_forms(body), *_forms(orelse))
        case ast.FormattedValue(value=ast.IfExp() as choice):
            yield from _forms(choice)
        case ast.FormattedValue(value=value):
            yield "{" + _place(value) + "}"
        case ast.JoinedStr(values=parts):
            yield from map(_unique, product(*(list(_forms(part)) for part in parts)))
        case ast.Constant():
            return
        case _:
            yield "{" + _place(node) + "}"


def _unique(parts: tuple[str, ...]) -> str:
    """Parts joined, the second place of a name with a 2 behind it."""
    seen: dict[str, int] = {}

    def number(found: re.Match[str]) -> str:
        seen[found[1]] = seen.get(found[1], 0) + 1
        return found[0] if seen[found[1]] == 1 else f"{{{found[1]}{seen[found[1]]}}}"

    return re.sub(r"\{(\w+)\}", number, "".join(parts))


def _place(node: ast.AST) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name.strip("_").lower()
        case ast.Call(args=[ast.Name() | ast.Attribute() | ast.Subscript() as first, *_]):
            return _place(first)
        case ast.Subscript(value=value):
            return _place(value)
    return next(_place(part) for part in ast.walk(node) if isinstance(part, ast.Name))


def catalogue(language: str) -> Path:
    """The file that people translate."""
    return LOCALE / language / "LC_MESSAGES" / f"{DOMAIN}.po"


def read(language: str) -> Catalog:
    """What is translated."""
    with catalogue(language).open("rb") as file:
        return read_po(file, language, DOMAIN)


def update(language: str) -> Catalog:
    """What is translated, with the texts of the source as they are now: new ones empty, those that went removed."""
    known = read(language)
    known.update(texts(), no_fuzzy_matching=True, update_creation_date=False)
    known.obsolete.clear()
    return known


def written(known: Catalog) -> bytes:
    """The catalogue as people translate it: without places in the source, which change with every edit."""
    file = io.BytesIO()
    write_po(file, known, width=120, no_location=True, sort_output=True)
    return re.sub(rb'"(Project|Report|PO-|Last|Language-Team|Generated).*\n', b"", file.getvalue())


def compiled(known: Catalog) -> bytes:
    """The catalogue as gettext reads it."""
    file = io.BytesIO()
    write_mo(file, known)
    return file.getvalue()


def main() -> None:
    """Update and compile the catalogues, and tell what waits for a translation."""
    for language in LANGUAGES:
        if language == "en":
            continue
        known, path = update(language), catalogue(language)
        path.write_bytes(written(known))
        path.with_suffix(".mo").write_bytes(compiled(known))
        empty = [
            each.id for each in known if each.id and not all([*each.string] if each.pluralizable else [each.string])
        ]
        print(f"{path.relative_to(TREE)}: {len(known)} texts, {len(empty)} without a translation")


if __name__ == "__main__":
    main()
