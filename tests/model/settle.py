"""The end of every run: all faults are cured, everyone is let in, and all accounts are closed."""

from __future__ import annotations

from broker.log import BASE, snapshot_in
from broker.state import State
from client import session as client
from messages import GENERAL, TRACK_SEQS, History, Message, Roster, Track, Unban, Who, key_text

from .ledger import check
from .world import Process, World

HEALED_SECONDS = 40.0  # until everybody has noticed what was broken, and come back
GONE_SECONDS = 75.0  # until a broker has noticed that everybody is gone, and no lease runs any more


def settle(world: World) -> None:
    """Heal everything, and check what must be true then."""
    heal(world)
    for process in world.processes():
        up(world, process)
    world.ledger.everything_typed_went_out({(each.key, each.token) for each in world.devices if each.disk})
    answers(world)
    progress(world)
    replay(world)
    abandon(world)


def heal(world: World) -> None:
    """The disk can be written, all lines carry, everybody reads, and each device has a process that is let in."""
    world.log.broken = False
    world.tick()
    world.operator(*(Unban(number, key_text(key)) for number, key in enumerate(world.ledger.keys.values(), 1)))
    for _ in range(4):
        for number, device in enumerate(world.devices):
            if device.process is None:
                world.start(device, device.person)
            process = device.process
            if process.session.state is client.State.REFUSED:
                process.session.retry_as(f"{device.person}{number}")
            process.reads = True
        world.reconnect()
        for line in world.lines:
            line.room = None
        world.wait(HEALED_SECONDS, reconnect=True)


def up(world: World, process: Process) -> None:
    """A client that nothing disturbs any more: all was answered and shown, and it knows who it is."""
    session, ledger, device = process.session, world.ledger, process.device
    check(session.state is client.State.UP, f"{device.name} was not let in: {session.state}, {session.why}")
    check(not process.asked, f"{device.name} never hears of {[asked.command for asked in process.asked]}")
    ledger.caught_up(process, ledger.head)
    me = session.me
    if process.held and shared(world, process):  # another device's steps may not have been told
        return
    check(me.nick == ledger.nick[device.key], f"{device.name} calls itself {me.nick}, not {ledger.nick}")
    check(me.registered == (device.key in ledger.registered) or shared(world, process), "registered, and not told")
    rooms = {room for room, stay in ledger.stays.items() if device.key in stay.now}
    check(set(me.rooms) == rooms, f"{device.name} takes itself to be in {me.rooms}, and is in {rooms}")


def progress(world: World) -> None:
    """Every sender who asks is told that a message to one person was delivered, where that person's client says so."""
    ledger, direct = world.ledger, {}
    for process in world.processes():
        direct[process] = ledger.trackable(process.device.key)[-TRACK_SEQS:]
        if direct[process]:
            process.ask(Track(1, direct[process]))
    world.flow()
    for process, seqs in direct.items():
        for stored in ledger.stored:
            if stored.account and stored.seq in seqs:
                theirs = [each for each in world.processes() if each.device.key == stored.account]
                told = process.told.get(stored.seq) or not any(each.claims(stored.seq) for each in theirs)
                check(told, f"{process.device.name} is not told that {stored.asked.command} was delivered")
        for asked in process.watched:
            theirs = [each for each in world.processes() if each.device.key == ledger.addressee(asked.seq)]
            known = asked.receipt.delivered_to or not asked.receipt.seq or asked.receipt.untracked
            known = known or not any(each.claims(asked.seq) for each in theirs)
            check(known, f"{process.device.name} watches {asked.command}, and is not told that it was delivered")


def replay(world: World) -> None:
    """The state in memory is the fold of the log, from what is kept of it on."""
    folded = State(snapshot_in(world.log._db, BASE))
    for segment in world.log.read(folded.seq):
        folded.apply_segment(segment.first, segment.entries)
    check(folded.snapshot() == world.core.state.snapshot(), "the state is not the fold of the log")


def shared(world: World, process: Process) -> bool:
    """Whether the account has other devices, which register without telling this one."""
    return any(other is not process.device and other.key == process.device.key for other in world.devices)


def answers(world: World) -> None:
    """What is asked now is answered as the log has it."""
    process, ledger = world.processes()[0], world.ledger
    asked = [process.session.submit(command) for command in (Who(1), History(1, "*", 500), History(1, GENERAL, 500))]
    process.turn()
    world.flow()
    roster, *pages = (receipt.answer for receipt in asked)
    check(isinstance(roster, Roster), f"asked who is there, the broker says {roster}")
    people = {ledger.nick[each.key] for each in world.devices if not each.quiet}
    check({person.nick for person in roster.people} == people, f"there are {people}, and the broker lists {roster}")
    check(not any(person.lost for person in roster.people), f"nobody is lost, and the broker lists {roster}")
    for target, page in zip(("*", GENERAL), pages, strict=True):
        told = [(item.seq, item.body, isinstance(item, Message)) for item in page.items]
        true = [
            (stored.seq, stored.asked.command.body, stored.plain)
            for stored in ledger.stored
            if stored.target == target and stored.seq > ledger.cut
        ]
        check(told == true, f"the history of {target} is told as {told}, and is {true}")


def abandon(world: World) -> None:
    """Everybody is gone without a word: guests lose their nicks, who is registered keeps theirs."""
    for process in world.processes():
        process.hang_up("")
        process.device.process = None
    for _ in range(2):
        world.wait(GONE_SECONDS)
    ledger = world.ledger
    check(set(ledger.nick) == set(ledger.registered), f"nobody is here, and nicks are held: {ledger.nick}")
    check(not world.core.here, "nobody is connected, and some are here")
