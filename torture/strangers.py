"""What is tried with a connection of one's own: to be welcomed as another, with no key or with what others have said.

Each function makes one attempt and looks at what the broker says to it.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator
from typing import Any

import zmq
from zmq.utils import z85

from messages import (
    GENERAL,
    PROTOCOL,
    Dismissed,
    Done,
    Down,
    Grant,
    Hello,
    History,
    Kick,
    Mark,
    Pong,
    Post,
    Progress,
    Rejected,
    Rule,
    Stay,
    Track,
    Welcome,
    Who,
)

from .dealers import Dealer, Keys, Saying
from .forgers import LAST
from .scene import Scene

SILENCE = 0.3  # seconds to wait for a broker that need not answer
BRIEFLY = 0.05  # the same, for one that will not answer
GREETING = 64  # bytes of ZMTP in front of the first frame
ANSWERS = (64, 234)  # bytes that the broker has said after that, and after the first frame; no more without a proof


def _try(
    scene: Scene,
    *said: Saying,
    nick: str = "",
    keys: Keys | None = None,
    routing_id: bytes = b"",
    silence: float | None = None,
) -> None:
    """Say this over a new connection. Without a `nick` nobody may be welcomed; with it only that, as a new person."""
    with Dealer(scene.bind, scene.key, keys, routing_id=routing_id) as dealer:
        dealer.say(*said)
        heard = dealer.settle(silence)
        dealer.say(["bye"])
    who = nick or "a stranger"
    scene.look(who, heard)
    for event in heard:
        match event:
            case Rejected() | Dismissed() | Pong():
                pass
            case Welcome(resumed=False, last_number=0, role="guest") if nick and event.nick == nick:
                pass
            case _ if not nick or isinstance(event, Welcome | Done | Progress):
                scene.fail(f"{who} said {said} and was told {event}")


def _greeting(scene: Scene, nick: str, device: bytes) -> Hello:
    """Go on behind the last thing but one that the two said to each other, perhaps with an invite that is none."""
    after, token = scene.rng.choice((0, None, scene.private[-1] - 1)), scene.rng.choice(("", "A" * 22, "operator"))
    return Hello(PROTOCOL, nick, device, after, began=0, quiet=True, token=token)


def _orders(scene: Scene) -> list[Saying]:
    """What a session could do."""
    body, seq, nick = scene.body(), scene.private[-1], scene.whom().nick
    return [
        *(Post(1, GENERAL, body), Post(LAST, f"@{nick}", body), Track(3, [seq]), Who(4), Mark(LAST, LAST)),
        *(Kick(5, nick), Grant(6, nick, "owner"), Rule(7, "*", "locked", "on"), Down(8), Stay(8)),
        History(9, f"@{nick}"),
        ["bye"],
    ]


def foreign_hello(scene: Scene) -> None:
    """The nick and the device of another, with a key of one's own."""
    whom = scene.whom()
    nick = scene.rng.choice((whom.nick, whom.nick.upper(), scene.lookalike()))
    _try(scene, _greeting(scene, nick, whom.device), *_orders(scene))


def foreign_device(scene: Scene) -> None:
    """A nick of one's own, and the device and the cursor of another."""
    nick, whom = scene.stranger(), scene.whom()
    body = scene.body(nick)
    number = scene.rng.choice((1, whom.number, whom.number + 1, LAST))
    post: Saying = Post(number, GENERAL, body)
    _try(scene, _greeting(scene, nick, whom.device), post, post, Mark(LAST, LAST), Track(LAST, [1]), nick=nick)


def no_hello(scene: Scene) -> None:
    """Orders on a connection that is nobody's."""
    orders = _orders(scene)
    scene.rng.shuffle(orders)
    _try(scene, *orders)


def own_route(scene: Scene) -> None:
    """A routing id of one's own choice. One that looks as if the broker gave it tells it nothing."""
    whom, nick = scene.whom(), scene.stranger()
    automatic = b"\0" + scene.rng.randbytes(4)
    route = scene.rng.choice((automatic, whom.nick.encode(), whom.device, b"operator", b"\0", scene.rng.randbytes(9)))
    hello = _greeting(scene, nick, whom.device)
    _try(scene, hello, nick=nick if route is automatic else "", routing_id=route, silence=SILENCE)


def operator_claim(scene: Scene) -> None:
    """The operator's nick, as a device the broker's key; and orders."""
    key = z85.decode(scene.key)
    hello: list[Any] = ["hello", PROTOCOL, scene.rng.choice(("operator", "Operator")), key[:16], None, False, True]
    _try(scene, scene.rng.choice((hello, [*hello, "confab-broker", None, key])), *_orders(scene))


def public_key_alone(scene: Scene) -> None:
    """The public key of another, or of the broker, with a secret that does not belong to it."""
    whom = scene.whom()
    public = scene.rng.choice((whom.dealer.keys[0], scene.key))
    hello = _greeting(scene, whom.nick, whom.device)
    _try(scene, hello, *_orders(scene), keys=(public, zmq.curve_keypair()[1]), silence=SILENCE)


def same_frames(scene: Scene) -> None:
    """What another said, word for word, with a key of one's own."""
    hello, *said = scene.people[0].dealer.said
    _try(scene, *hello, *scene.rng.choice(said))


def same_bytes(scene: Scene) -> None:
    """What another said, as it stood on the wire: all of it, or not all, waiting for answers as a client does."""
    greeting, *frames = wire_frames(scene.wire.said)
    handshake, rest = frames[:2], frames[2:]
    scene.rng.shuffle(rest)
    said = scene.rng.choice((frames, [*handshake, *rest], rest, [*handshake[:1], *rest], [*handshake, *handshake]))
    heard = b""
    with socket.create_connection(("127.0.0.1", int(scene.bind.rpartition(":")[2]))) as connection:
        connection.settimeout(SILENCE)
        with contextlib.suppress(OSError):  # cut, or silent
            for piece, due in zip([greeting, *said], ANSWERS, strict=False):
                connection.sendall(piece)
                while len(heard) < due and (data := connection.recv(due - len(heard))):
                    heard += data
            connection.sendall(b"".join(said[len(ANSWERS) - 1 :]))
            while data := connection.recv(65536):
                heard += data
    if len(heard) > ANSWERS[-1]:
        scene.fail(f"the broker answered {len(heard)} bytes to what was recorded")


def in_the_middle(scene: Scene) -> None:
    """What somebody just said, once more over the very same connection, from the middle of the line."""
    nick = scene.stranger()
    bind = f"tcp://127.0.0.1:{scene.middle.port}"
    with Dealer(bind, scene.key) as dealer:
        dealer.hello(nick, quiet=True)
        for number in range(1, 4):
            dealer.say(Post(number, GENERAL, scene.body(nick)))
        scene.look(nick, dealer.settle())
        frames = wire_frames(scene.middle.said)[3:]
        scene.middle.slip_in(scene.rng.choice((frames[-1], frames[1], b"".join(frames), frames[-1][:-1] + b"x")))
        scene.look(nick, dealer.settle(BRIEFLY))  # the connection is over, or libzmq hears nothing of it any more


def wire_frames(said: bytes) -> list[bytes]:
    """What stands on the wire, split into ZMTP's greeting and its frames."""
    return [said[:GREETING], *_split(said, GREETING)]


def _split(said: bytes, start: int) -> Iterator[bytes]:
    while start + 2 <= len(said):
        long = said[start] & 2
        size = int.from_bytes(said[start + 1 : start + 9]) + 9 if long else said[start + 1] + 2
        yield said[start : start + size]
        start += size


CONNECTIONS: dict[Callable[[Scene], None], int] = {
    foreign_hello: 6,
    foreign_device: 6,
    no_hello: 4,
    own_route: 4,
    operator_claim: 3,
    public_key_alone: 4,
    same_frames: 3,
    same_bytes: 4,
    in_the_middle: 2,
}
