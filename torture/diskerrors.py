"""Row: the disk is full, it fails, descriptors run out; and then all is well again.

ENOSPC on a small tmpfs that is filled up, EIO injected by strace into the running broker, EMFILE by lowering its limit.
While it lasts nothing may be acknowledged that is not stored and nothing stored that was refused, reading goes on, and
after the cure a message is accepted (for EMFILE: a new client is let in) within five seconds.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from client import Client, ClientError, Rejected

from .brokers import Broker, TortureError, broken, endpoint, folder, stored
from .checker import Eye, Said, judge
from .result import Result, Scale

ROUNDS = {"full": 100, "short": 3}
CONTROL_ROUNDS = {"full": 10, "short": 1}
CURED_SECONDS = 5.0
PATIENCE_SECONDS = 20.0
TMPFS_BYTES = 400 * 2**20
REFUSALS = 3  # to wait for in each round
INJECTED = ("pwrite64", "fdatasync", "pwrite64,fdatasync")


def run(scale: Scale) -> Result:
    """Sound and sabotaged."""
    rounds, problems, figures, trials, left_out = ROUNDS[scale], [], [], 0, ""
    for name, fault, where in (("ENOSPC", full, tmpfs), ("EIO", failing, folder), ("EMFILE", crowded, folder)):
        try:
            with where() as place:
                patient = campaign(place, rounds, fault)
        except PermissionError:
            left_out += f"{name} (needs root). "
            continue
        trials += rounds
        problems += [f"{name}: {each}" for each in patient.problems]
        figures.append(f"{name}: {patient.refused:,} refused, cured within {max(patient.cures, default=0):.2f} s")
    with tmpfs() as place:
        control = campaign(place, CONTROL_ROUNDS[scale], full, sabotage="disk-errors")
    return Result(
        test="disk full, disk failing, no descriptors",
        trials=trials,
        of="faults",
        figures="; ".join(figures) + ".",
        control=f"error swallowed, {CONTROL_ROUNDS[scale]} × ENOSPC: {len(control.problems)} problems",
        control_red=bool(control.problems),
        problems=problems,
        left_out=left_out + "That everyone hears of it (`storing`) is not looked at here.",
    )


@dataclass
class Patient:
    """A broker that is to suffer, and the one person who talks there, to herself."""

    broker: Broker
    ann: Client
    home: Path
    bind: str
    said: list[Said] = field(default_factory=list)
    names: Iterator[int] = field(default_factory=count)
    refused: int = 0
    patience: float = PATIENCE_SECONDS
    cures: list[float] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def say(self, size: int) -> bool:
        """Say something; whether it was accepted."""
        said = Said("ann/desk", "ann", "@ann", f"ann/desk {next(self.names)} " + "x" * size)
        self.said.append(said)
        try:
            said.seq = self.ann.send("@ann", said.body).wait(PATIENCE_SECONDS)
        except Rejected as error:
            said.code = str(error.code)
            self.refused += 1
        except (ClientError, TimeoutError) as error:
            self.problems.append(f"no answer: {error}")
        return bool(said.seq)

    def suffer(self, size: int) -> None:
        """Go on until some messages were refused; reading must go on meanwhile."""
        deadline = time.monotonic() + self.patience
        before = self.refused
        while self.refused < before + REFUSALS:
            self.say(size)
            if time.monotonic() > deadline:
                self.problems.append("nothing was refused")
                return
        try:
            self.ann.history("@ann", limit=5)
        except (ClientError, TimeoutError) as error:
            self.problems.append(f"reading stopped too: {error}")

    def die(self) -> None:
        """The broker is killed in the middle of it, and started again."""
        self.broker.kill()
        self.broker = Broker(self.home, self.bind)
        self.broker.ready()
        time.sleep(0.05)
        while not self.ann.connected:  # ask for the next attempt now: after so many kills the pauses are long
            self.ann.retry_as("ann")
            time.sleep(0.02)

    def recover(self, works: Callable[[], bool]) -> None:
        """Wait until it works again."""
        began = time.monotonic()
        while not works():
            if time.monotonic() > began + PATIENCE_SECONDS:
                break
            time.sleep(0.01)
        self.cures.append(time.monotonic() - began)
        if self.cures[-1] > CURED_SECONDS:
            self.problems.append(f"cured after {self.cures[-1]:.1f} s")


Fault = Callable[[Patient, int], None]


def campaign(place: Path, rounds: int, fault: Fault, *, sabotage: str = "") -> Patient:
    """So many faults, one after the other, and then the checker."""
    home, bind = place / "home", endpoint()
    broker = Broker(home, bind, sabotage=sabotage)
    broker.ready()
    with Client("ann", home=home) as ann:
        patient = Patient(broker, ann, home, bind, patience=1.0 if sabotage else PATIENCE_SECONDS)
        try:
            ann.wait_connected(PATIENCE_SECONDS)
            for number in range(rounds):
                fault(patient, number)
                if sabotage and patient.problems:
                    break
            patient.recover(lambda: patient.say(10))
            eye = Eye("ann/desk", "ann")
            for message in ann.messages(timeout=2.0):
                eye.shown.append((message.seq, message.body))
                if message.body == patient.said[-1].body:
                    break
        finally:
            patient.broker.kill()
    verdict = judge(patient.said, [eye], stored(broker.log))
    patient.problems += verdict.examples
    if problem := broken(broker.log):
        patient.problems.append(f"verify: {problem}")
    return patient


@contextmanager
def tmpfs() -> Iterator[Path]:
    """A small file system of our own."""
    with folder() as place:
        if os.geteuid() != 0:
            raise PermissionError
        command = ["mount", "-t", "tmpfs", "-o", f"size={TMPFS_BYTES}", "tmpfs", str(place)]
        if subprocess.run(command, check=False, capture_output=True).returncode:
            raise PermissionError
        try:
            yield place
        finally:
            subprocess.run(["umount", str(place)], check=True)


def full(patient: Patient, number: int) -> None:
    """Fill the disk, and make room again."""
    ballast = patient.home.parent / "ballast"
    with ballast.open("wb", buffering=0) as file:
        free = os.statvfs(patient.home.parent)
        room = number % 4 * 3 * 4096  # so that it does not always end at the same point of a commit
        os.posix_fallocate(file.fileno(), 0, max(free.f_bavail * free.f_frsize - room - 65536, 4096))
        with contextlib.suppress(OSError):  # and the rest, which the broker takes part of meanwhile
            while room <= 0 or os.statvfs(patient.home.parent).f_bavail * free.f_frsize > room:
                file.write(bytes(4096))
    patient.suffer(60_000)
    if number % 2:  # it starts without room too
        patient.die()
        patient.suffer(60_000)
    ballast.unlink()
    patient.recover(lambda: patient.say(10))


def failing(patient: Patient, number: int) -> None:
    """Have the log's writes or syncs fail, then let them be."""
    log, pid = patient.broker.log, patient.broker.process.pid
    calls = INJECTED[number % len(INJECTED)]
    files = ["-P", str(log), "-P", f"{log}-wal"]
    inject = ["-e", f"trace={calls}", "-e", f"inject={calls}:error=EIO"]
    with subprocess.Popen(["strace", "-f", "-qqq", "-o", "/dev/null", *inject, *files, "-p", str(pid)]) as strace:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while f"TracerPid:\t{strace.pid}\n" not in Path(f"/proc/{pid}/status").read_text():
            if strace.poll() is not None or time.monotonic() > deadline:
                strace.kill()
                raise TortureError("strace cannot be attached to the broker.")
            time.sleep(0.005)
        patient.suffer(10)
        if number % 2:  # what was refused must not come to light at the next start either
            patient.die()
        strace.send_signal(signal.SIGINT)
    patient.recover(lambda: patient.say(10))


def crowded(patient: Patient, number: int) -> None:
    """Take away the descriptors that new connections need; those who are in must not notice."""
    pid = patient.broker.process.pid
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    taken = _descriptors(pid)
    lowest_free = next(number for number in count() if str(number) not in taken)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (lowest_free, before[1]))
    with Client("ben", home=patient.home) as ben:
        try:
            ben.wait_connected(0.1)
            patient.problems.append("let in without a descriptor")
        except ClientError:
            patient.refused += 1
        if not patient.say(10):
            patient.problems.append("who was in is refused")
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
        patient.recover(lambda: ben.connected)


def _descriptors(pid: int) -> set[str]:
    """The descriptors of a process, once it has closed what the last round left."""
    while True:
        before = os.listdir(f"/proc/{pid}/fd")
        time.sleep(0.05)
        if before == os.listdir(f"/proc/{pid}/fd"):
            return set(before)
