"""The limits for each address, at their figures and over a real network: who floods is refused, and nobody else is.

Each flood comes from one of two addresses; from the other somebody is served before, within and after it. Beside what a
flood meets stands what it meets where every address counts as this machine: the control.
"""

from __future__ import annotations

import itertools
import resource
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import zmq

from broker.limits import (
    CHOOSING_PER_ADDRESS,
    CONNECTIONS_UNMET_PER_ADDRESS,
    HANDSHAKES_PER_SECOND,
    NEWCOMERS_AT_ONCE,
    SESSIONS_PER_ADDRESS,
)
from messages import DEFAULT_PORT, PROTOCOL, AnyEvent, Hello, Ping, Post, Rejected, Welcome

from .dealer import Dealer
from .floods import Crowd, Silence, calling_from, soon
from .network import Network, network
from .processes import BrokerProcess, confab

DESCRIPTORS = 4096  # enough for a flood, at either end
TOO_SILENT = "there are too many that say nothing"
OVER = "its handshake broke off"
SWARM = "Too many have come from your address for the first time. Come again in some seconds."
FULL = "There are 2,000 sessions from your address already. Come again later."
TAKEN = "The nick alice is taken; choose another."

NUMBERS = itertools.count()


def and_the_control(sabotage: str = "") -> pytest.MarkDecorator:
    """With a broker as it is (or only hasty), and with one that limits no address."""
    without = ",".join(filter(None, (sabotage, "addresses")))
    return pytest.mark.parametrize(
        ("sabotage", "limited"), [(sabotage, True), (without, False)], ids=["as it is", "the control"]
    )


@pytest.fixture(scope="module", autouse=True)
def descriptors() -> Iterator[None]:
    """As many as a flood needs, for as long as these tests last."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < DESCRIPTORS:
        pytest.skip(f"a flood needs {DESCRIPTORS} descriptors, and the system grants {hard}")
    if soft != resource.RLIM_INFINITY and soft < DESCRIPTORS:
        resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture(scope="module")
def net() -> Iterator[Network]:
    if shutil.which("ip") is None:
        pytest.skip("a network of our own needs the command `ip` (iproute2)")
    with ExitStack() as stack:
        try:
            found = stack.enter_context(network())
        except subprocess.CalledProcessError as error:
            pytest.skip(f"a network of our own needs root, and a system that makes namespaces: {error.stderr.strip()}")
        yield found


@pytest.fixture
def sabotage() -> str:
    return ""


@pytest.fixture
def broker(net: Network, tmp_path: Path, sabotage: str) -> Iterator[BrokerProcess]:
    endpoint = f"tcp://{net.broker}:{DEFAULT_PORT}"
    broker = BrokerProcess(tmp_path / "home", endpoint, program=net.program(sabotage))
    yield broker
    assert broker.stop() == 0


def person(nick: str) -> Hello:
    return Hello(PROTOCOL, nick, bytes(16))


def script(nick: str, device: int = 0) -> Hello:
    """Somebody who is told nothing of the others."""
    return Hello(PROTOCOL, nick, device.to_bytes(16, "big"), feed=False, quiet=True)


def answer(broker: BrokerProcess, source: str, keys: tuple[bytes, bytes] | None = None) -> AnyEvent | None:
    """What somebody new who comes from there is told first, or whose keys these are; None: the connection is cut."""
    with Dealer(calling_from(source, broker.invite), f"new{next(NUMBERS)}", keys=keys) as dealer:
        dealer.put(person(dealer.name))
        dealer.until(lambda: bool(dealer.events) or dealer.cut, "an answer or the end")
        return dealer.events[0] if dealer.events else None


def serves(broker: BrokerProcess, source: str) -> None:
    """Somebody new comes in from there, speaks and is answered; all that came before is seen by then, and told."""
    with Dealer(calling_from(source, broker.invite), f"new{next(NUMBERS)}") as dealer:
        assert isinstance(dealer.hello(), Welcome)
        assert dealer.accepted(Post(1, "#general", "sing"))
    broker.told("joined", who=dealer.name)


def recovers(broker: BrokerProcess, source: str, keys: tuple[bytes, bytes] | None = None) -> None:
    soon(lambda: isinstance(answer(broker, source, keys), Welcome), f"a welcome for {source}")


# --- those who say nothing -------------------------------------------------------------------------------------------


def silence(net: Network, count: int) -> Silence:
    return Silence((net.broker, DEFAULT_PORT), net.busy, count)


def refused(broker: BrokerProcess, *why: str) -> int:
    """How many connections the broker has told of, that were refused for this."""
    whos = [line["who"].split()[0] for line in broker.lines if line["event"] == "refused" and line["why"] in why]
    return sum(1 if who == "a" else int(who) for who in whos)


@and_the_control()
def test_silent_ones_of_one_address_are_cut_from_the_1025th_on(net, broker, limited):
    surplus = 50
    serves(broker, net.calm)
    with silence(net, CONNECTIONS_UNMET_PER_ADDRESS + surplus) as strangers:
        serves(broker, net.calm)
        cut = list(range(1024, 1024 + surplus)) if limited else []
        assert strangers.cut(len(cut)) == cut
        assert refused(broker, TOO_SILENT) == len(cut)
        assert (answer(broker, net.busy) is None) == limited
        serves(broker, net.calm)
    recovers(broker, net.busy)


def test_a_person_at_such_an_address_is_told_that_this_may_be_why(net, broker, tmp_path):
    with silence(net, CONNECTIONS_UNMET_PER_ADDRESS):
        serves(broker, net.calm)
        run = confab("who", "--as", "ann", "--broker", broker.invite, "--timeout", "0.2", home=tmp_path / "ann")
    assert run.returncode == 4
    assert "to which your address makes too many connections" in run.stderr


@and_the_control()
def test_handshakes_of_one_address_are_4096_at_once_and_then_100_a_second(net, broker, limited):
    """They come and go, so that there are never too many at a time."""
    began, batch, batches = time.monotonic(), 512, 10
    for over in range(batch, (batches + 1) * batch, batch):
        before = refused(broker, TOO_SILENT)
        with silence(net, batch) as strangers:
            serves(broker, net.calm)
            cut = refused(broker, TOO_SILENT) - before
            assert len(strangers.cut(cut)) == cut
        broker.tells(lambda over=over: refused(broker, OVER, TOO_SILENT) >= over, f"the end of {over} connections")
    served = batches * batch - refused(broker, TOO_SILENT)
    later = HANDSHAKES_PER_SECOND * (time.monotonic() - began)
    assert 4096 <= served <= 4096 + later if limited else served == batches * batch
    recovers(broker, net.busy)
    serves(broker, net.calm)


# --- those who prove a key -------------------------------------------------------------------------------------------


@and_the_control("newcomers")
def test_500_of_one_address_may_come_for_the_first_time_at_once(net, broker, limited):
    """Who comes next has half a second to wait for here, and five in life."""
    began = time.monotonic()
    keys = [zmq.curve_keypair() for _ in range(int(NEWCOMERS_AT_ONCE) + 20)]
    with Crowd(net.busy, broker.invite) as crowd:
        for number, pair in enumerate(keys):
            crowd.come(pair, script(f"n{number}"))
        serves(broker, net.calm)
        crowd.listen()
        inside = crowd.welcomed
    later = 2.0 * (time.monotonic() - began)
    assert 500 <= len(inside) <= 500 + later if limited else len(inside) == len(keys)
    assert crowd.told(SWARM) == len(keys) - len(inside)
    assert isinstance(answer(broker, net.busy, keys[inside[0]]), Welcome), "who was here before comes back at once"
    recovers(broker, net.busy)
    serves(broker, net.calm)


def test_sessions_of_one_address_are_2000(net, broker):
    """Of twenty people, who may have more each. They take seconds, so for the control see the wire of test_limits."""
    surplus, people = 20, [zmq.curve_keypair() for _ in range(20)]
    with Crowd(net.busy, broker.invite) as crowd:
        for number in range(SESSIONS_PER_ADDRESS + surplus):
            who = number % len(people)
            crowd.come(people[who], script(f"n{who}", number))
            if number % 500 == 499:  # more at a time would be too many that say nothing yet
                serves(broker, net.calm)
                crowd.listen()
        crowd.listen()
        serves(broker, net.calm)
        assert (len(crowd.welcomed), crowd.told(FULL)) == (2000, surplus)
    recovers(broker, net.busy)


def is_sent_away(event: AnyEvent) -> bool:
    return isinstance(event, Rejected) and event.code == "hello_first"


@and_the_control("haste")
def test_100_of_an_address_have_minutes_to_choose_another_nick(net, broker, limited):
    """The others have the seconds for a Hello, of which this broker gives less than one."""
    surplus = 20

    def choose(source: str, count: int) -> Crowd:
        """So many from there who want a nick that is taken; a few at a time, since they have no time to queue."""
        crowd = stack.enter_context(Crowd(source, broker.invite))
        for number in range(1, count + 1):
            crowd.come(zmq.curve_keypair(), person("alice"))
            if number % 10 == 0 or number == count:
                crowd.listen()
        assert crowd.told(TAKEN) == count
        return crowd

    def sent_away(*crowds: Crowd) -> list[int]:
        """How many of each have been, when one who comes now and never says Hello is."""
        with Dealer(calling_from(net.calm, broker.invite)) as witness:
            witness.put(Ping(1))
            witness.wait(Rejected, is_sent_away)
        for crowd in crowds:
            for number in range(len(crowd.heard)):
                crowd.say(number, Ping(1))
            crowd.listen()
        return [sum(any(map(is_sent_away, events)) for events in crowd.heard) for crowd in crowds]

    with Dealer(calling_from(net.calm, broker.invite)) as alice:
        alice.hello()
        with ExitStack() as stack:
            crowds = choose(net.busy, CHOOSING_PER_ADDRESS + surplus), choose(net.calm, 1)
            assert sent_away(*crowds) == [surplus if limited else 0, 0]
        with ExitStack() as stack:
            if limited:
                soon(lambda: sent_away(choose(net.busy, 1)) == [0], "minutes for one more")
        assert alice.accepted(Post(1, "#general", "still me"))
