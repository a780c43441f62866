"""The wire's own rules: any bytes decode to a batch or a DecodeError, any text becomes harmless."""

from __future__ import annotations

import contextlib
import unicodedata

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import messages.codec
import messages.text
from messages import (
    BATCH_COMMANDS,
    DEFAULT_ENDPOINT,
    FRAME_BYTES,
    PROTOCOL,
    Accepted,
    Address,
    Announce,
    Bye,
    Code,
    Command,
    DecodeError,
    Down,
    Feed,
    Hello,
    History,
    InvalidAddress,
    Malformed,
    Mark,
    Message,
    Ping,
    Post,
    Rejected,
    Share,
    Stay,
    Track,
    Who,
    decode_commands,
    decode_events,
    encode_commands,
    encode_events,
    harmless,
    key_text,
    parse_address,
    parse_key,
)

pack = msgspec.msgpack.encode
EXAMPLES = 300  # of each property: together some two seconds

BATCH = [
    Hello(PROTOCOL, "alice", bytes(16), 7, False, True, "test"),
    Post(1, "@bob", "grüezi 👋 welt"),
    Announce(2, "*", "Deploy at five", "CI", "high"),
    Who(3),
    History(4, "#general", 10, 99, 1_764_000_000_000, 1_764_000_000_001),
    Feed(None),
    Ping(2**53),
    Mark(7, 6),
    Track(6, [7, 8]),
    Down(5, 1.5, "why"),
    Stay(5, "why"),
    Share(5, False),
    Bye(),
]

# MessagePack of every type, also those no command has: extensions, maps with keys that cannot be hashed, depth
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from([str(each.__struct_config__.tag) for each in Command.__subclasses__()])
    | st.binary(max_size=20)
    | st.builds(msgspec.msgpack.Ext, st.integers(-128, 127), st.binary(max_size=13)),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=3) | st.integers(0, 9), inner),
    max_leaves=10,
)


def taken(frame: bytes) -> list | None:
    """What becomes of a frame; anything but a batch of commands or a DecodeError is an error of the test."""
    try:
        batch = decode_commands(frame)
    except DecodeError:
        return None
    assert all(isinstance(command, (Command, Malformed)) for command in batch)
    assert len(batch) <= BATCH_COMMANDS
    for command in batch:
        if isinstance(command, Malformed):
            encode_events([Rejected(command.number, command.code, command.text)])  # the answer can be sent
            assert len(command.text) < 300
        else:
            assert decode_commands(encode_commands([command])) == [command]
    return batch


# --- the codec -------------------------------------------------------------------------------------------------------


def test_a_batch_comes_back_as_it_was():
    assert decode_commands(encode_commands(BATCH)) == BATCH
    events = [Accepted(1, 2, 3), Message(4, 5, "alice", "@bob", "x" * 1000)]
    assert decode_events(encode_events(events)) == events
    assert decode_commands(encode_commands([])) == []


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.binary(max_size=200))
@example(b"")
@example(b"\xc1")
@example(b"\x91" * 100_000)
@example(b"\xdd\xff\xff\xff\xff")
@example(b"\x91\x92\xa4post\x81\x80\x01")
def test_any_bytes_are_a_batch_or_a_decode_error(frame):
    taken(frame)
    with contextlib.suppress(DecodeError):
        decode_events(frame)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(values, max_size=8))
def test_any_messagepack_is_a_batch_and_each_element_has_its_place(elements):
    batch = taken(pack(elements))
    assert batch is not None
    assert len(batch) == len(elements)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.data())
def test_a_batch_with_some_bytes_changed_is_a_batch_or_a_decode_error(data):
    frame = bytearray(encode_commands(BATCH))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(frame) - 1))
        match data.draw(st.sampled_from(["change", "cut", "repeat"])):
            case "change":
                frame[at] = data.draw(st.integers(0, 255))
            case "cut":
                del frame[at : at + data.draw(st.integers(1, 20))]
            case "repeat":
                frame[at:at] = frame[at : at + data.draw(st.integers(1, 20))]
        if not frame:
            break
    taken(bytes(frame))


def test_without_the_net_the_same_bytes_would_end_the_broker(monkeypatch):
    """The control: invalid UTF-8 is no DecodeError of msgspec's, and once went through."""
    frame = pack([["post", 1, "@bob", "xx"]]).replace(b"xx", b"\xff\xfe")
    assert [command.number for command in taken(frame)] == [1]
    monkeypatch.setattr(messages.codec, "_UNREADABLE", (msgspec.DecodeError, RecursionError))
    with pytest.raises(UnicodeDecodeError):
        taken(frame)


def test_one_bad_command_costs_only_itself_and_keeps_its_number():
    frame = pack([["post", 1, "*", "one"], ["post", 2, "*", "xx"], ["post", 3, 4, 5], ["bye"]])
    one, broken, wrong, bye = decode_commands(frame.replace(b"xx", b"\xc3\x28"))
    assert (one, bye) == (Post(1, "*", "one"), Bye())
    assert broken == Malformed(
        2, Code.MALFORMED, f"This is not a command of protocol {PROTOCOL}: a text is not valid UTF-8."
    )
    assert (wrong.number, wrong.code) == (3, Code.MALFORMED)


def test_a_refusal_never_repeats_what_was_in_the_frame():
    """It goes into the broker's log, and the value may be private."""
    for element in (["sesame", 1], ["announce", 1, "@bob", "x", "", "sesame's o'clock sesame"]):
        [malformed] = decode_commands(pack([element]))
        assert "sesame" not in malformed.text


def test_more_commands_than_a_frame_may_hold_are_refused_before_they_cost_anything():
    assert len(decode_commands(encode_commands([Bye()] * BATCH_COMMANDS))) == BATCH_COMMANDS
    for frame in (encode_commands([Bye()] * (BATCH_COMMANDS + 1)), pack([None] * (FRAME_BYTES - 5))):
        with pytest.raises(DecodeError, match="may hold 1024"):
            decode_commands(frame)


def test_how_many_commands_a_frame_has_is_looked_at_before_any_is_read():
    """Else a frame of nothing but nils would take the broker longer than a thousand commands."""
    for head in (b"\xdc\x04\x01", b"\xdd\x00\x00\x04\x01"):
        with pytest.raises(DecodeError, match="may hold 1024"):
            decode_commands(head + b"\xc1" * BATCH_COMMANDS)


@pytest.mark.parametrize("version", [0, 2, -1, 2**63])
def test_another_version_is_told_which_is_spoken_whatever_else_its_hello_says(version):
    for hello in (["hello", version], ["hello", version, "alice", bytes(16)], ["hello", version, {"new": "form"}, 1]):
        [answer] = decode_commands(pack([hello]))
        assert isinstance(answer, Malformed) or answer.protocol == version
        if isinstance(answer, Malformed):
            assert answer.code is Code.VERSION
            assert f"speaks protocol {PROTOCOL}" in answer.text


def test_a_client_skips_events_it_does_not_know():
    frame = pack([["accepted", 1, 2, 3], ["hologram", 5], ["pong", "what"], ["message", 1, 2, "a", "*", "b", "new"]])
    assert decode_events(frame) == [Accepted(1, 2, 3), Message(1, 2, "a", "*", "b")]


# --- text ------------------------------------------------------------------------------------------------------------

# What is left of Unicode's controls and formats: the two joiners, and number signs that are drawn
KEPT = {0x200C, 0x200D, *range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD}


def dangerous(text: str) -> set[int]:
    """The code points a terminal may act on, or hides, or turns around."""
    return {
        ord(char) for char in text if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"} or ord(char) == 0xAD
    } - KEPT


def test_no_code_point_survives_that_a_terminal_acts_on():
    everything = "".join(map(chr, range(0x110000)))
    assert dangerous(harmless(everything)) == set()
    assert dangerous(harmless(everything, lines=True)) == {0x0A}
    assert dangerous(everything) > {0x1B, 0x9B, 0x202E, 0x200B, 0xD800}, "the control: without it they are all there"


def test_what_people_write_stays():
    text = "Grüezi 你好 שלום می‌خواهم 👩‍💻 [bold]not markup[/bold] 100%"
    assert harmless(text) == text
    assert harmless("a\nb\tc\x1b[2Jd\x07") == "a⏎b    c␛[2Jd␇"
    assert harmless("a\r\nb", lines=True) == "a␍\nb"


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.text(alphabet=st.characters() | st.sampled_from(sorted(map(chr, messages.text._HIDDEN)))))
def test_any_text_becomes_harmless_once_and_stays_so(text):
    once = harmless(text)
    assert dangerous(once) == set()
    assert "\n" not in once
    assert harmless(once) == once


# --- addresses -------------------------------------------------------------------------------------------------------

KEY = bytes(range(0, 256, 8))


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("127.0.0.1", DEFAULT_ENDPOINT),
        (" chat.example:99 ", "tcp://chat.example:99"),
        ("tcp://chat.example", "tcp://chat.example:5577"),
        ("tcp://[::1]:99", "tcp://[::1]:99"),
        ("[fe80::1%eth0]", "tcp://[fe80::1%eth0]:5577"),
        ("ipc:///run/confab.sock", "ipc:///run/confab.sock"),
    ],
)
def test_addresses_without_a_key(text, endpoint):
    assert parse_address(text) == Address(endpoint, None)
    assert parse_address(endpoint).invite == endpoint


@pytest.mark.parametrize(
    "endpoint", ["tcp://10.0.0.1:5577", "tcp://[::1]:99", "ipc:///run/con fab/a.sock", "ipc://rel"]
)
def test_an_invite_leads_back_to_endpoint_and_key(endpoint):
    address = Address(endpoint, KEY)
    assert address.invite.startswith("confab")
    assert parse_address(address.invite) == address


@pytest.mark.parametrize("token", ["", "A" * 22])
@pytest.mark.parametrize(
    "endpoint",
    ["tcp://127.0.0.1:5577", "tcp://127.9.8.7:1", "tcp://localhost:5577", "tcp://[::1]:9", "ipc:///run/a.sock"],
)
def test_a_plain_invite_says_so_and_leads_back(endpoint, token):
    address = Address(endpoint, KEY, token, plain=True)
    assert address.invite == Address(endpoint, KEY, token).invite.replace("confab", "confab+plain")
    assert parse_address(address.invite) == address


@pytest.mark.parametrize(
    "host",
    [
        "chat.example",
        "10.0.0.1",
        "0.0.0.0",
        "*",
        "[::]",
        "127.0.0.1.example",
        "127.1",
        "localhost.example",
        "[fe80::1]",
    ],
)
def test_nothing_plain_leaves_the_machine(host):
    with pytest.raises(InvalidAddress, match="nothing goes there unencrypted"):
        parse_address(f"confab+plain://{host}:5577/{key_text(KEY)}")
    assert Address(f"tcp://{host}:5577", KEY), "encrypted it may"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "confab://",
        "confab://host",
        "confab://host/short",
        f"confab://host/{key_text(KEY)}x",
        f"confab://host:0/{key_text(KEY)}",
        f"confab+ipc:///{'!' * 43}",
        "confab+plain://",
        "confab+plain://127.0.0.1:5577",
        f"confab+plain+plain://127.0.0.1/{key_text(KEY)}",
        f"confab+ipc+plain:///run/{key_text(KEY)}",
        f"tcp+plain://127.0.0.1/{key_text(KEY)}",
        f"confab+plain+ipc:///{'!' * 43}",
        "tcp://host:65536",
        "tcp://host:port",
        "tcp://a b",
        "udp://host:1",
        "ipc://",
        "host/path",
        "://",
    ],
)
def test_addresses_that_are_none_say_so(text):
    with pytest.raises(InvalidAddress):
        parse_address(text)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.binary(min_size=32, max_size=32))
def test_any_key_survives_as_text(key):
    assert parse_key(key_text(key)) == key
    assert len(key_text(key)) == 43


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_an_address_or_an_invalid_address(text):
    with contextlib.suppress(InvalidAddress):
        parse_address(text)
    with contextlib.suppress(InvalidAddress):
        parse_key(text)
