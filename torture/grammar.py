"""Hostile bytes: frames made of the protocol's own structs, sound or spoilt. Sends and decodes nothing.

What a command looks like is read from the structs, so a new one is spoilt as well from the day it is added.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import accumulate
from typing import Any

from msgspec import Raw, inspect
from msgspec.msgpack import Ext, encode

from messages import BATCH_COMMANDS, BODY_BYTES, FRAME_BYTES, PROTOCOL

Make = Callable[[], Any]

RARE = {"hello", "bye"}  # they may end a connection, and all that would still be said over it
RARELY = 0.05  # as often as another
NUMBERS = (0, 1, 2, 7, 500, 2**31, 2**53)
WORDS = (
    *("", " ", "x", "ann", "Ann", "all", "n0", "#general", "#one", "#", "one", "*", "@ann", "@n0", "@nobody", "@"),
    *("\x1b[2J\x9b", "\u202eolleh", "\0", '"a OR *', "ab" * 300, "\U0010ffff" * 9),
)
ODD: tuple[Any, ...] = (  # in the place of a value of any type
    *(None, True, -1, 0, 2**53 + 1, 2**63, 2**64 - 1, -(2**63), 1.5, float("nan"), float("inf"), -0.0, 1e308),
    *("", "hello", b"", b"\xff" * 16, b"x" * 17, [], [[]], [None] * 70, {}, {"number": 1}, {1: {2: {3: 4}}}),
    *(Ext(5, b"x"), Ext(-1, b"\0" * 4), Ext(-1, b"\xff" * 12), Ext(-1, b"x"), Ext(127, b"")),
    *(Raw(b"\xa2\xff\xfe"), Raw(b"\xa3\xed\xa0\x80"), Raw(b"\xa1\xf0"), Raw(b"\xc1")),  # no UTF-8; no type
    *(Raw(b"\x81\x80\x01"), Raw(b"\x82\xa1a\x01\xa1a\x02"), Raw(b"\x81\xc0\xc0")),  # keys that no dict can have
    *(Raw(b"\x91" * 60 + b"\xc0"), Raw(b"\x91" * 2000 + b"\xc0"), Raw(b"\x81\x01" * 2000 + b"\xc0")),  # deep
    *(Raw(b"\xdb\xff\xff\xff\xff"), Raw(b"\xc6\xff\xff\xff\xff"), Raw(b"\xdd\xff\xff\xff\xff")),  # longer than all
    *(Raw(b"\xdf\xff\xff\xff\xff"), Raw(b"\xc9\xff\xff\xff\xff\x01"), Raw(b"\xdc\xff\xff"), Raw(b"\xd9\xff")),
    *(Raw(b"\xd3" + b"\xff" * 8), Raw(b"\xcf" + b"\0" * 8), Raw(b"\xca\x7f\xc0\0\0"), Raw(b"\xd9\x01a")),  # odd forms
)
BYTES = (*(bytes([head]) for head in range(0x80, 0x100)), b"\xff" * 4, b"\0" * 4, b"\xff\xfe", b"\xa4post", b"\xa4ping")
HUGE_SHARE = 0.0002  # of the spoilt ones


class Grammar:
    """An endless source of frames."""

    def __init__(self, rng: random.Random, spoken: object) -> None:
        """`spoken` is a union of structs, such as AnyCommand."""
        self._rng = rng
        union = inspect.type_info(spoken)
        assert isinstance(union, inspect.UnionType)
        self._structs = [self._maker("", each) for each in union.types]
        self._shares = list(accumulate(RARELY if getattr(each, "tag", "") in RARE else 1.0 for each in union.types))
        self._number = 0
        self.huge = _huge(rng)

    def sound(self) -> list[Any]:
        """A batch of commands that all have the right types, as lists."""
        count = 1 if self._rng.random() < 0.6 else self._rng.randint(0, 5)
        return [make() for make in self._rng.choices(self._structs, cum_weights=self._shares, k=count)]

    def spoilt(self) -> bytes:
        """A frame with something wrong, most often; small, but for a few of the largest."""
        rng = self._rng
        chance = rng.random()
        if chance < HUGE_SHARE:
            return bytes(rng.choice(self.huge)())
        if chance < 0.02:
            return rng.randbytes(rng.randrange(40))
        batch = self.sound()
        if chance < 0.8 and batch:
            at = rng.randrange(len(batch))
            batch[at] = self._odd(batch[at])
        frame = encode(batch)
        return frame if chance < 0.6 else self.spoil(frame)

    def spoil(self, frame: bytes) -> bytes:
        """The frame with some of its bytes changed, gone or said twice."""
        rng = self._rng
        spoilt = bytearray(frame)
        for _ in range(rng.randint(1, 3)):
            at, to = rng.randrange(len(spoilt) + 1), rng.randrange(1, 20)
            match rng.randrange(6):
                case 0 if at < len(spoilt):
                    spoilt[at] = rng.randrange(256)
                case 1 if at < len(spoilt):
                    spoilt[at] ^= 1 << rng.randrange(8)
                case 2:
                    del spoilt[at : at + to]
                case 3:
                    spoilt[at:at] = spoilt[at : at + to]
                case 4:
                    del spoilt[at:]
                case _:
                    spoilt[at : at + rng.randrange(2)] = rng.choice(BYTES)
        return bytes(spoilt)

    def _odd(self, command: list[Any]) -> Any:
        """The command with a value of another type or size, a place too many or too few, or no command at all."""
        rng = self._rng
        at = rng.randrange(len(command))
        match rng.randrange(8):
            case 0:
                return rng.choice(ODD)
            case 1:
                return command[:at]
            case 2:
                return [*command, *rng.choices(ODD, k=rng.randint(1, 30))]
            case 3:
                return dict.fromkeys(map(str, command), rng.choice(ODD))
            case _:
                return [*command[:at], rng.choice(ODD), *command[at + 1 :]]

    # --- what the structs say ----------------------------------------------------------------------------------------

    def _maker(self, name: str, kind: object) -> Make:
        """How to make a value of this type, for a field of this name."""
        rng = self._rng
        match kind:
            case inspect.StructType():
                fields = [self._maker(field.name, field.type) for field in kind.fields]
                tag = [] if kind.tag is None else [kind.tag]
                return lambda: [*tag, *(make() for make in fields)]
            case inspect.UnionType():
                kinds = [self._maker(name, each) for each in kind.types]
                return lambda: rng.choice(kinds)()
            case inspect.ListType():
                item = self._maker(name, kind.item_type)
                return lambda: [item() for _ in range(rng.randint(kind.min_length or 0, 3))]
            case inspect.TupleType():
                items = [self._maker(name, each) for each in kind.item_types]
                return lambda: [item() for item in items]
            case inspect.IntType() if name == "protocol":
                return lambda: PROTOCOL
            case inspect.IntType() if name == "number":
                return self._next_number
            case inspect.IntType() | inspect.FloatType():
                numbers = [each for each in NUMBERS if _within(kind, each)]
                return lambda: rng.choice(numbers)
            case inspect.StrType():
                return lambda: rng.choice(WORDS)
            case inspect.BytesType():
                return lambda: rng.randbytes(kind.min_length or 3)
            case inspect.BoolType():
                return lambda: rng.random() < 0.5
            case inspect.LiteralType():
                return lambda: rng.choice(kind.values)
            case inspect.NoneType():
                return lambda: None
        raise TypeError(f"{name} is of a type that the grammar does not know: {kind!r}")

    def _next_number(self) -> int:
        self._number += 1
        return self._number


def _within(kind: inspect.IntType | inspect.FloatType, number: int) -> bool:
    """Whether a field of this type may be that."""
    return (
        (kind.ge is None or number >= kind.ge)
        and (kind.gt is None or number > kind.gt)
        and (kind.le is None or number <= kind.le)
    )


def _huge(rng: random.Random) -> tuple[Make, ...]:
    """What makes frames as large as may be, or of as much work."""
    room = FRAME_BYTES - 10
    return (
        lambda: encode([None] * room),
        lambda: encode([["bye"]] * (room // 5) + [None]),
        lambda: encode([None] * BATCH_COMMANDS),
        lambda: encode([["post", 1, 2, 3]] * BATCH_COMMANDS),
        lambda: encode([["ping", 1, *[None] * 240]] * BATCH_COMMANDS),
        lambda: encode([["post", 1, "*", "\xff" * 100]] * BATCH_COMMANDS).replace(b"\xc3\xbf", b"\xff\xff"),
        lambda: encode([["announce", 1, "*", "", "", "'" * 200]] * BATCH_COMMANDS),
        lambda: encode([["track", 1, [1] * (room - 20)]]),
        lambda: encode([["post", 1, "*", dict.fromkeys(range(room // 6))]]),
        lambda: encode([["post", 1, "*", "x" * rng.choice((BODY_BYTES, BODY_BYTES + 1, room - 20))]]),
        lambda: encode([["ping", 1]])[:-1] + b"\x91" * room,
        lambda: b"\xdd\xff\xff\xff\xff" + b"\xc0" * room,
        lambda: rng.randbytes(room),
    )
