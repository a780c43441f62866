"""How typed lines are read, and what the table derives from itself."""

from __future__ import annotations

import pytest

from client.console.actions import read_delay
from client.console.commands import BY_NAME, TABLE, Misused, Run, Say, Unknown, near, parse


@pytest.mark.parametrize("line", ["", " ", "\n", " \t \n", "\u3000"])
def test_an_empty_line_means_nothing(line: str) -> None:
    assert parse(line) is None


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("hello", "hello"),
        ("  indented code", "  indented code"),
        ("two\nlines\n", "two\nlines"),
        ("$5 is cheap", "$5 is cheap"),
        ("- an item", "- an item"),
        ("-1 degrees", "-1 degrees"),
        ("--verbose helps", "--verbose helps"),
        ("-lol", "-lol"),
        ("down server farms melt", "down server farms melt"),
        ("//etc/passwd", "/etc/passwd"),
        ("down", "down"),
        ("Привет 👋", "Привет 👋"),
    ],
)
def test_text_stays_text(line: str, text: str) -> None:
    assert parse(line) == Say(text)


@pytest.mark.parametrize(
    ("line", "name", "arguments"),
    [
        ("/msg bob hi", "/msg", ["bob", "hi"]),
        ("-to bob hi", "/msg", ["bob", "hi"]),
        ("/MSG bob HI", "/msg", ["bob", "HI"]),
        ("  /msg bob hi", "/msg", ["bob", "hi"]),
        ("/msg  bob   three  spaces ", "/msg", ["bob", "  three  spaces "]),
        ("/msg bob\ntwo\nlines", "/msg", ["bob", "two\nlines"]),
        ("/msg bob Ünï — 你好", "/msg", ["bob", "Ünï — 你好"]),
        ("$ all of you", "/all", ["all of you"]),
        ("/all  $", "/all", [" $"]),
        ("/users?", "/who", []),
        ("/who ", "/who", []),
        ("-comms", "/help", []),
        ("-q", "/quit", []),
        ("/quit bye all", "/quit", ["bye all"]),
        ("/away", "/away", []),
        ("/away at  lunch", "/away", ["at  lunch"]),
        ("/kick bob", "/kick", ["bob"]),
        ("/kick bob no reason", "/kick", ["bob", "no reason"]),
        ("down server", "/down", []),
        ("Down  Server in 5m a new disk", "/down", ["in 5m a new disk"]),
        ("/down in 30s", "/down", ["in 30s"]),
        ("/join #ops ", "/join", ["#ops"]),
    ],
)
def test_commands_and_their_other_names(line: str, name: str, arguments: list[str]) -> None:
    assert parse(line) == Run(BY_NAME[name], arguments)


@pytest.mark.parametrize("line", ["/msg", "/msg bob", "/msg bob  ", "$", "$ ", "/all", "/who is here", "/join"])
def test_too_many_or_too_few_arguments(line: str) -> None:
    assert isinstance(parse(line), Misused)


@pytest.mark.parametrize(
    ("line", "nearest"),
    [
        ("/mgs bob secret", "/msg"),
        ("-ot bob secret", "-to"),
        ("-t bob secret", "-to"),
        ("/quti", "/quit"),
        ("-quit", "/quit"),
        ("/usrs", "/users?"),
        ("/hist", "/history"),
        ("/announcement x", "/announce"),
        ("/HELPP", "/help"),
        ("/query bob", "/to"),
        ("/part", "/leave"),
    ],
)
def test_a_wrong_command_names_what_comes_near_and_is_never_said_aloud(line: str, nearest: str) -> None:
    parsed = parse(line)
    assert isinstance(parsed, Unknown)
    assert nearest in parsed.near


def test_a_path_is_no_command_and_nothing_comes_near() -> None:
    assert parse("/var/log/syslog grows") == Unknown("/var/log/syslog", [])


def test_every_name_is_found_and_stands_once() -> None:
    names = [name for command in TABLE for name in command.names]
    assert len(names) == len(set(names))
    for name in names:
        assert near(name)[0] == name


@pytest.mark.parametrize(
    ("text", "seconds", "reason"),
    [
        ("", 0, ""),
        ("a new disk", 0, "a new disk"),
        ("in 30s", 30, ""),
        ("in 30", 30, ""),
        ("in 2 min a new disk", 120, "a new disk"),
        ("in 1h", 3600, ""),
        ("10m lunch", 600, "lunch"),
        ("a new disk, no room left", 0, "a new disk, no room left"),
        ("no room left", 0, "no room left"),
    ],
)
def test_when_the_broker_goes_down(text: str, seconds: float, reason: str) -> None:
    assert read_delay(text) == (seconds, reason)


@pytest.mark.parametrize(
    "text",
    [
        *("in 30 years", "in 2d", "30x", "in 48h", "in 1.5h", "in 99999999s"),
        *("in x", "in", "at 5", "-5", "server in 30s", "a new disk in 10m"),
    ],
)
def test_what_looks_like_a_time_but_is_none_does_not_take_the_broker_down_at_once(text: str) -> None:
    with pytest.raises(ValueError, match="A time looks like this"):
        read_delay(text)


@pytest.mark.parametrize("text", ["stop", "help", "?", "--help", "Stop it", "abort", "no"])
def test_a_wish_not_to_go_down_is_no_reason_to(text: str) -> None:
    with pytest.raises(ValueError, match=r"Nothing was changed.*/down \[in 30s\] \[reason\]"):
        read_delay(text)
