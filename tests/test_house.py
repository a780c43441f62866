"""The rules of the house, held by reading the source: who imports whom, who may own a socket, how a file looks."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

import messages

TREE = Path(__file__).parent.parent
PACKAGES = {"messages": set(), "broker": {"messages"}, "client": {"messages"}}  # package → which of ours it may import
MODULES = sorted(path for package in PACKAGES for path in (TREE / package).rglob("*.py"))
SOCKET_OWNERS = {  # the only modules that may import zmq, or that make keys with it
    "broker/keys.py",
    "broker/operator.py",
    "broker/server.py",
    "broker/sockets.py",
    "client/connection.py",
    "client/identity.py",
    "client/link.py",
    "client/probe.py",
    "client/profile.py",
}
LONGEST_FILE = 400  # lines: read in one sitting
NOT_OURS_TO_SWALLOW = {"Exception", "BaseException"}


def name(path: Path) -> str:
    """The module's path as people write it."""
    return path.relative_to(TREE).as_posix()


each_module = pytest.mark.parametrize("path", MODULES, ids=name)


def nodes(path: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(path.read_text("utf-8"), str(path)))


def imported(path: Path) -> set[str]:
    """The top-level packages this module imports by absolute name, anywhere in it."""
    found: set[str] = set()
    for node in nodes(path):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module.partition(".")[0])
    return found


@each_module
def test_imports_between_packages(path: Path) -> None:
    """`messages` imports none of ours, `broker` and `client` only `messages`; inside, imports are relative."""
    package = path.relative_to(TREE).parts[0]
    assert imported(path) & PACKAGES.keys() <= PACKAGES[package]


@each_module
def test_imports_across_name_the_package(path: Path) -> None:
    """Across packages only public names are used: `from messages import Post`, never from a module inside."""
    for node in nodes(path):
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            assert (node.module or "").partition(".")[0] not in PACKAGES or "." not in node.module
        if isinstance(node, ast.ImportFrom) and node.level:
            depth = len(path.relative_to(TREE).parts) - 1
            assert node.level <= depth, "a relative import that leaves the package"


@each_module
def test_zmq_only_where_a_socket_is_owned(path: Path) -> None:
    """The state machines know nothing of sockets, so that they can be tested without."""
    if name(path) not in SOCKET_OWNERS:
        assert "zmq" not in imported(path)


@each_module
def test_docstring(path: Path) -> None:
    """Every module says what it owns."""
    assert ast.get_docstring(ast.parse(path.read_text("utf-8")))


@each_module
def test_length(path: Path) -> None:
    """Every file can be read in one sitting."""
    assert len(path.read_text("utf-8").splitlines()) <= LONGEST_FILE


@each_module
def test_no_assert(path: Path) -> None:
    """Nothing shipped relies on `assert`, which `python -O` removes."""
    assert not [node.lineno for node in nodes(path) if isinstance(node, ast.Assert)]


@each_module
def test_no_swallowed_exception(path: Path) -> None:
    """Nobody catches everything and says nothing."""
    for node in nodes(path):
        if isinstance(node, ast.ExceptHandler):
            caught = {part.id for part in ast.walk(node.type) if isinstance(part, ast.Name)} if node.type else {"all"}
            silent = all(isinstance(line, ast.Pass | ast.Continue) for line in node.body)
            assert not (silent and caught & (NOT_OURS_TO_SWALLOW | {"all"})), f"line {node.lineno}"


@pytest.mark.parametrize("package", PACKAGES)
def test_public_names(package: str) -> None:
    """What a package's __init__ names is there, and it says so in `__all__` wherever it has one."""
    module = importlib.import_module(package)
    exported = [
        alias.asname or alias.name
        for node in ast.parse((TREE / package / "__init__.py").read_text("utf-8")).body
        if isinstance(node, ast.ImportFrom) and node.level
        for alias in node.names
    ]
    assert not [each for each in [*exported, *getattr(module, "__all__", [])] if not hasattr(module, each)]
    assert (TREE / package / "py.typed").exists()


def wire_names() -> list[str]:
    """Every command, every event and every error code, as it stands on the wire."""
    structs = [
        each
        for each in vars(messages).values()
        if isinstance(each, type) and issubclass(each, messages.Command | messages.Event)
    ]
    tags = [str(msgspec.inspect.type_info(each).tag) for each in structs if each.__struct_config__.tag is not None]
    return sorted({*tags, *messages.Code})


@pytest.mark.parametrize("word", wire_names())
def test_protocol_names_everything(word: str) -> None:
    """PROTOCOL.md is enough to write a client in another language: it leaves out no word of the wire."""
    assert re.search(rf"[`\"]{word}[`\"]", (TREE / "messages" / "PROTOCOL.md").read_text("utf-8"))


def test_protocol_names_every_field() -> None:
    """And no field of a command or an event."""
    text = (TREE / "messages" / "PROTOCOL.md").read_text("utf-8")
    missing = [
        f"{each.__name__}.{field}"
        for each in vars(messages).values()
        if isinstance(each, type) and issubclass(each, msgspec.Struct) and each is not messages.Malformed
        for field in each.__struct_fields__
        if not re.search(rf"\b{field}\b", text)
    ]
    assert not missing


def test_makefile_lists_every_target() -> None:
    """`make` alone shows every target that people may call."""
    text = (TREE / "Makefile").read_text("utf-8")
    phony = re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    assert phony
    explained = re.findall(r"^([a-z-]+):.*## \S", text, re.MULTILINE)
    assert phony[1].split() == explained
