"""Row: hostile bytes, through the decoders, and on the wire before a Hello and after.

A client that means well asks all the while. How much later its answers come is compared with the same commands at the
same pace before they are spoilt: beside an idle broker the comparison would be about load, and an attacker that waits
for a slow broker would hide that it is slow. Sound and hostile ones take turns, so that whatever else the machine does
hits both. Answers within `UNNOTICED_SECONDS` are in time whatever the comparison says.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field

from benchmarks.processes import Worker

from . import endless, guided
from .attack import Sent, attack
from .brokers import Broker, broken, endpoint, folder
from .decoding import Decoded, decode
from .result import Result, Scale
from .stalled import ask, p99

DECODED = {"full": 5_000_000, "short": 10_000}
CONTROL_DECODED = 100
DECODE_SECONDS = 1800.0

ON_THE_WIRE = {"full": 500_000, "short": 1_500}
COMPARED = {"full": 100_000, "short": 0}  # sound ones, for comparison; of a few the p99 says nothing
CONTROL_ON_THE_WIRE = {"full": 4, "short": 1}  # all above the limits
ROUNDS = {"full": 10, "short": 1}
ATTACKERS = {"full": 2, "short": 1}  # processes, each with one connection after another
PACE = 4_000  # payloads a second, all together
CONTROL_PACE = 4
ENDLESS = {"full": 400, "short": 4}  # messages of thousands of frames
CONTROL_PARTS = {"full": endless.PARTS, "short": 1_000}  # frames of one that is not cut
BEYOND = {"full": 0.0002, "short": 0.004}  # share of payloads above the limits
SLOWER = 2.0  # times: how much later another's answers may come
UNNOTICED_SECONDS = 0.05  # half of what people take for at once
MEMORY_BYTES = 96 * 2**20  # that the broker may grow by


@dataclass
class Campaign:
    """What came of it on the wire."""

    problems: list[str] = field(default_factory=list)
    sent: Sent = field(default_factory=Sent)
    sound: list[float] = field(default_factory=list)  # what another's answers took beside sound payloads, seconds
    beside: list[float] = field(default_factory=list)  # and beside hostile ones
    grown: int = 0  # bytes, at the most


def run(scale: Scale) -> Result:
    """Sound and sabotaged."""
    count = DECODED[scale]
    led = count // 2 if guided.installed() else 0
    decoded = _decode(count, led)
    found = campaign(scale, ON_THE_WIRE[scale], PACE, BEYOND[scale], COMPARED[scale])
    [off] = _decode(CONTROL_DECODED, sabotage="sizes")
    control = campaign(scale, CONTROL_ON_THE_WIRE[scale], CONTROL_PACE, 1.0, sabotage="sizes,message-ends")
    swollen = endless.campaign(scale, ENDLESS[scale])
    kept = endless.campaign(scale, 1, CONTROL_PARTS[scale], sabotage="message-ends")
    sent = found.sent
    compared = f"; beside sound ones {p99(found.sound) * 1e3:.1f} ms" if found.sound else ""
    return Result(
        test="hostile bytes",
        trials=sum(each.payloads for each in decoded) + sent.read + swollen.sent,
        of="payloads",
        figures=f"{count - led:,} made by the grammar and {led:,} led by coverage through the decoders, "
        f"{max(each.slowest for each in decoded) * 1e3:.0f} ms of CPU for the slowest. On the wire {sent.before:,} "
        f"before a Hello and {sent.after:,} behind one, {PACE:,} a second over {sent.connections:,} connections, of "
        f"which the broker ended {sent.ended:,}; {sent.multipart:,} of several frames, {sent.above:,} above a limit. "
        f"It grew by {found.grown >> 20} MiB at the most. Another's answers p99 {p99(found.beside) * 1e3:.1f} ms"
        f"{compared}. Of {swollen.sent} messages of {endless.PARTS:,} frames, {endless.AT_ONCE} at once, {swollen.cut} "
        f"were cut; the broker grew by {swollen.grown >> 20} MiB.",
        control=f"limits of size off: {off.slowest:.1f} s for one frame; the broker grew by {control.grown >> 20} MiB "
        f"for {CONTROL_ON_THE_WIRE[scale]}, another's answers took up to {max(control.beside) * 1e3:.0f} ms; "
        f"messages' ends not waited for: it grew by {kept.grown >> 20} MiB for one of {CONTROL_PARTS[scale]:,} frames",
        control_red=bool(off.problems and control.problems and kept.problems),
        problems=[*(problem for each in decoded for problem in each.problems), *found.problems, *swollen.problems],
        left_out="messages of many frames over a Unix socket, and on other systems than Linux.",
    )


def _decode(count: int, led: int = 0, sabotage: str = "") -> list[Decoded]:
    """Have so many payloads decoded, so many of them led by coverage."""
    with Worker(decode, count - led, sabotage) as worker:
        found = [guided.decode(led)] if led else []
        return [*found, worker.value(DECODE_SECONDS)]


def campaign(scale: Scale, count: int, pace: int, beyond: float, compared: int = 0, sabotage: str = "") -> Campaign:
    """Hostile payloads, in turn with sound ones, beside a client that means well."""
    found, rounds = Campaign(), ROUNDS[scale]
    with folder() as place:
        with Broker(place / "home", bind := endpoint(), sabotage=sabotage) as broker:
            before, _ = broker.memory()
            for number in range(rounds):
                if compared:
                    found.sound += _load(scale, broker, bind, f"s{number}", compared // rounds, pace, None)[0]
                took, sent = _load(scale, broker, bind, f"h{number}", max(1, count // rounds), pace, beyond)
                found.beside += took
                found.sent.add(sent)
            found.grown = broker.memory()[1] - before
            if "Traceback" in broker.notes():
                found.problems.append(f"the broker failed: {broker.notes()[-2000:]}")
        if problem := broken(broker.log):
            found.problems.append(f"verify: {problem}")
    _judge(found, count)
    return found


def _judge(found: Campaign, count: int) -> None:
    if found.sent.read < count:
        found.problems.append(f"{found.sent.read:,} of {count:,} payloads were read, then time was up")
    if found.sent.unanswered:
        found.problems.append(f"{found.sent.unanswered} connections were neither answered nor ended")
    if found.grown > MEMORY_BYTES:
        found.problems.append(f"the broker grew by {found.grown >> 20} MiB")
    if found.sound and p99(found.beside) > max(SLOWER * p99(found.sound), UNNOTICED_SECONDS):
        found.problems.append(f"p99 {p99(found.beside) * 1e3:.1f} ms, for sound ones {p99(found.sound) * 1e3:.1f} ms")


def _load(
    scale: Scale, broker: Broker, bind: str, name: str, count: int, pace: int, beyond: float | None
) -> tuple[list[float], Sent]:
    """What another's answers took meanwhile, and what the attackers did."""
    attackers, sent = ATTACKERS[scale], Sent()
    with ExitStack() as stack:
        asking = stack.enter_context(Worker(ask, bind, broker.key, f"{name}-ask", count / pace))
        share = max(1, count // attackers), pace / attackers
        attacking = [
            stack.enter_context(Worker(attack, bind, broker.key, f"{name}x{number}", *share, beyond))
            for number in range(attackers)
        ]
        for worker in (asking, *attacking):
            worker.value()
        for worker in (asking, *attacking):
            worker.go()
        within = 3 * count / pace + 60
        for worker in attacking:
            sent.add(worker.value(within))
        took: list[float] = asking.value(within)
    return took, sent
