"""The reference has every name that a user of the library meets, and each says what it means."""

from __future__ import annotations

import ast
import inspect
import re
import types
import typing
from collections.abc import Iterator

import pytest

import client
import messages
from client import Client, ClientEvent, Receipt
from client.moderation import Moderation

from .processes import TREE

PAGES = {name: (TREE / "docs" / "api" / f"{name}.md").read_text("utf-8") for name in ("client", "messages")}
NAMED = {name: set(re.findall(rf"^::: {name}\.(?:\w+\.)*(\w+)$", text, re.MULTILINE)) for name, text in PAGES.items()}


def types_in(hint: object) -> Iterator[type]:
    """Every class in an annotation."""
    if isinstance(hint, type) and not isinstance(hint, types.GenericAlias):
        yield hint
    for part in typing.get_args(hint):
        yield from types_in(part)


def met() -> set[type]:
    """Every class of ours in the signatures of what a user calls, and in the fields of what that returns."""
    calls = [each for owner in (Client, Moderation, Receipt) for each in vars(owner).values()]
    hints = [
        hint
        for each in calls
        if callable(call := each.fget if isinstance(each, property) else each) and not call.__name__.startswith("_")
        for hint in typing.get_type_hints(call).values()
    ]
    found = {each for hint in [*hints, ClientEvent] for each in types_in(hint)}
    return {each for each in found if each.__module__.split(".")[0] in ("client", "messages")}


def unexplained(body: list[ast.stmt], lines: list[str]) -> list[str]:
    """The public names given a value or a type here without a comment in their line or a docstring behind them."""
    missing = []
    for node, behind in zip(body, [*body[1:], None], strict=True):
        match node:
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
                text = isinstance(behind, ast.Expr) and isinstance(behind.value, ast.Constant)
                if not name.startswith("_") and not text and "#" not in lines[(node.end_lineno or 0) - 1]:
                    missing.append(name)
    return missing


def silent(package: str, name: str) -> list[str]:
    """What is not explained of a public name of a package, looked up where it is defined."""
    for node in ast.parse((TREE / package / "__init__.py").read_text("utf-8")).body:
        if isinstance(node, ast.ImportFrom) and name in [alias.name for alias in node.names]:
            if node.level == 0:
                return silent(str(node.module), name)
            text = (TREE / package / f"{node.module}.py").read_text("utf-8")
            tree, lines = ast.parse(text), text.splitlines()
            classes = [each for each in tree.body if isinstance(each, ast.ClassDef) and each.name == name]
            fields = [field for each in classes for field in unexplained(each.body, lines)]
            return [each for each in unexplained(tree.body, lines) if each == name] + fields
    raise LookupError(name)


def test_every_public_name_of_the_library_is_in_the_reference() -> None:
    assert set(client.__all__) == NAMED["client"] - {"Moderation"}


def test_what_a_user_is_given_is_in_the_reference() -> None:
    names = {each.__name__ for each in met()}
    assert {"Message", "Page", "Person", "Gap", "Deed"} <= names, "the look itself works"
    assert not names - NAMED["client"] - NAMED["messages"]


def test_the_reference_names_what_there_is() -> None:
    assert not [name for name in NAMED["messages"] if name not in messages.__all__]
    assert not NAMED["messages"] & (NAMED["client"] - {"InvalidName"}), "each stands in one place"


@pytest.mark.parametrize("owner", [Client, Moderation, Receipt], ids=lambda owner: owner.__name__)
def test_every_method_says_what_it_does(owner: type) -> None:
    public = {name: each for name, each in vars(owner).items() if not name.startswith("_")}
    documented = [each for each in public.values() if callable(each) or isinstance(each, property)]
    assert len(documented) > 5
    assert not [each for each in documented if not inspect.getdoc(each)]


@pytest.mark.parametrize("page", PAGES)
def test_every_name_says_what_it_means(page: str) -> None:
    """Classes and functions by a docstring, their fields, and constants, by that or a comment in their line."""
    package = {"client": client, "messages": messages}[page]
    names = NAMED[page] - {"Moderation", "__version__"}
    assert not {name: missing for name in names if (missing := silent(page, name))}
    things = [thing for name in names if isinstance(thing := getattr(package, name), type | types.FunctionType)]
    assert not [thing for thing in things if not inspect.getdoc(thing)]


def test_a_field_that_says_nothing_is_found() -> None:
    """The control."""
    text = 'x: int  # meant\ny: int\nz = 1\nw = (\n    1\n)\n"""Meant too."""\n'
    assert unexplained(ast.parse(text).body, text.splitlines()) == ["y", "z"]
