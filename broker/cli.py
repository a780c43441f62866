"""The command `confab-broker`: reads the arguments, builds everything once, and turns failures into one sentence."""

from __future__ import annotations

import argparse
import os
import re
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from messages import (
    DEFAULT_ENDPOINT,
    SHELLS,
    Address,
    Home,
    Local,
    MessageError,
    completion_script,
    find_home,
    key_fingerprint,
    parse_address,
    parse_key,
    stays_here,
)

from . import __version__, operating
from .settings import Settings

if TYPE_CHECKING:
    from .notes import Reporter

EXIT_FAILED = 1
PLAIN = "--plain: NOTHING IS ENCRYPTED and no name is proved; any program on this machine may come in as anyone."
LEAST_SIZE = 16 * 1024 * 1024  # bytes of the log that may be asked to be kept


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    arguments = _parser().parse_args(argv)
    home = find_home(arguments.data)
    from .folder import FolderError
    from .keys import KeyFileError
    from .log import LogError
    from .operator import OperatorError
    from .sockets import BindError

    try:
        match arguments.command:
            case "grant" | "policy" | "invite" | "audit":
                return operating.run(home, arguments, _listening)
            case "verify":
                return _verify(home)
            case "repair":
                return _repair(home)
            case "backup":
                return _backup(home, arguments.file)
            case "restore":
                return _restore(home, arguments.file)
            case "export":
                return _export(home)
            case "completion":
                print(completion_script(_parser(), arguments.shell), flush=True)
                return 0
        try:
            bind = tuple(_endpoint(text) for text in arguments.bind or (DEFAULT_ENDPOINT,))
        except MessageError as error:
            _parser().error(str(error))
        return _run(
            Settings(
                home=home,
                bind=bind,
                plain=arguments.plain,
                log_format=arguments.log_format,
                keep_days=arguments.keep_days,
                keep_size=arguments.keep_size,
            )
        )
    except (FolderError, KeyFileError, LogError, OperatorError, BindError, MessageError) as error:
        print(f"confab-broker: {error}", file=sys.stderr)
    except BrokenPipeError:  # the reader of our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except OSError as error:
        print(f"confab-broker: {error.strerror}: {error.filename or home.broker}.", file=sys.stderr)
    return EXIT_FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="confab-broker",
        description="The broker of confab, a messenger for terminals and scripts. Without COMMAND it runs.",
    )
    parser.add_argument("--version", action="version", version=f"confab-broker {__version__}")
    parser.add_argument(
        "--bind",
        action="append",
        metavar="ENDPOINT",
        help=f"where to listen: tcp://ADDRESS:PORT or ipc://PATH; repeatable (default {DEFAULT_ENDPOINT})",
    )
    _add_data(parser, None)
    parser.add_argument(
        "--plain",
        action="store_true",
        help="DANGEROUS: encrypt nothing and let everybody be anyone; for measurements, on loopback and ipc:// only",
    )
    parser.add_argument(
        "--log-format", choices=("text", "json"), default="text", help="one line per event (default text)"
    )
    parser.add_argument(
        "--keep-days",
        metavar="N",
        type=_days,
        help="do not keep what is older than N days (default: keep all)",
    )
    parser.add_argument(
        "--keep-size",
        metavar="SIZE",
        type=_size,
        help="do not keep the oldest once the log holds more than SIZE, as in 500M or 10G, at least "
        f"{LEAST_SIZE >> 20}M (default: keep all)",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    verify = commands.add_parser(
        "verify", help="check the whole log against its chain of digests; exit 1 if it is broken"
    )
    repair = commands.add_parser(
        "repair", help="go on with what is whole of a log that verify calls broken; the damaged files are kept aside"
    )
    backup = commands.add_parser("backup", help="copy log and key to a file, of one moment; the broker may be running")
    backup.add_argument("file", metavar="FILE", type=Path)
    restore = commands.add_parser("restore", help="put a backup into an empty home, after verifying it")
    restore.add_argument("file", metavar="FILE", type=Path)
    export = commands.add_parser("export", help="print every message, private ones too, as one JSON object a line")
    export.add_argument("--jsonl", action="store_true", help="say so: one JSON object a line is the only form there is")
    completion = commands.add_parser("completion", help="print what a shell reads to complete with Tab")
    completion.add_argument("shell", choices=SHELLS)
    for command in (verify, repair, backup, restore, export):
        _add_data(command, argparse.SUPPRESS)  # so that it may stand behind the command too
    operating.add_commands(commands, lambda command: _add_data(command, argparse.SUPPRESS))
    return parser


def _add_data(parser: argparse.ArgumentParser, default: str | None) -> None:
    parser.add_argument(
        "--data",
        metavar="DIR",
        default=default,
        help="confab's home, the broker's part is DIR/broker (default: CONFAB_HOME, else the user's data folder)",
    )


def _days(text: str) -> float:
    try:
        days = float(text)
    except ValueError:
        days = 0.0
    if not 0 < days < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of days")
    return days


def _size(text: str) -> int:
    """Bytes, of a whole number with M, G or T behind it."""
    if not re.fullmatch(r"[1-9][0-9]{0,9}[MGT]", text.upper()):
        raise argparse.ArgumentTypeError(f"{text!r} is no size; say it in M, G or T, as in 500M or 10G")
    size = int(text[:-1]) << {"M": 20, "G": 30, "T": 40}[text[-1].upper()]
    if size < LEAST_SIZE:
        raise argparse.ArgumentTypeError(f"{text!r} is no size for a log: the least is {LEAST_SIZE >> 20}M")
    return size


def _endpoint(text: str) -> str:
    """The endpoint to bind; ':*' in place of a port lets the system choose one."""
    host, any_port, rest = text.rpartition(":*")
    return (
        f"{parse_address(host).endpoint.rpartition(':')[0]}:*"
        if any_port and not rest
        else parse_address(text).endpoint
    )


def _verify(home: Home) -> int:
    from . import upkeep
    from .start import lost_log

    path = home.broker / "log.db"
    if lost := lost_log(home.broker / "key.json", path):
        print(f"confab-broker: {lost}", file=sys.stderr)
        return EXIT_FAILED
    verdict = upkeep.verify(path)
    if verdict.segments or not verdict.problem:
        print(f"{verdict.entries} entries in {verdict.segments} segments are whole and in their order.")
    if verdict.cut:
        print(f"The log begins behind sequence {verdict.cut}: what came before is no longer kept.")
    if verdict.lost:
        print(f"Of {verdict.lost} entries only the place is left: they were lost before an earlier repair.")
    if not verdict.problem:
        return 0
    print(f"confab-broker: {verdict.problem} {upkeep.WAY_ON if path.is_file() else ''}".rstrip(), file=sys.stderr)
    return EXIT_FAILED


def _repair(home: Home) -> int:
    from . import salvage

    repaired = salvage.repair(home)
    print(repaired.problem)
    for first, last in repaired.lost:
        print(f"What was said as number {first} to {last} is lost.")
    if repaired.forked:
        print(f"The log ends at sequence {repaired.head} now; its end may be lost, and clients say so.")
    elif repaired.lost:
        print(f"The log ends at sequence {repaired.head}, as it did. Who had not read what is lost is told of a gap.")
    else:
        print(f"The log ends at sequence {repaired.head}, as it did. Nothing that was said is lost.")
    print(f"The damaged files are kept as {', '.join(map(str, repaired.kept))}.")
    return 0


def _backup(home: Home, file: Path) -> int:
    from . import upkeep

    head = upkeep.backup(home, file)
    print(f"{file} holds the log up to sequence {head}, and the broker's secret key: keep it as you keep a password.")
    return 0


def _restore(home: Home, file: Path) -> int:
    from . import upkeep

    verdict = upkeep.restore(home, file)
    print(f"{home.broker} holds the {verdict.entries} entries of {file}, and its key: invites stay as they were.")
    return 0


def _export(home: Home) -> int:
    from . import upkeep

    at_terminal = sys.stdout is not None and sys.stdout.isatty()  # None: a shell's >&-
    for line in upkeep.export(home.broker / "log.db", for_terminal=at_terminal):
        print(line)
    return 0


def _run(settings: Settings) -> int:
    from .beacon import Beacon
    from .core import Core
    from .folder import Folder
    from .index import Index
    from .notes import Note, Reporter
    from .retention import Retention
    from .server import Server
    from .sockets import Sockets
    from .start import log_and_keys

    folder = Folder(settings.home)
    try:
        log, keys = log_and_keys(folder)
        index = Index(folder.index_file, log)
        core = Core(
            log,
            index,
            operator=keys.public,
            name=f"confab-broker {__version__}",
            now=time.monotonic(),
            at=time.time_ns() // 1_000_000,
        )
        sockets = Sockets(keys, settings.bind, plain=settings.plain)
        beacon = Beacon(keys.public, sockets.endpoints)
        try:
            folder.publish(keys.public, sockets.endpoints, plain=settings.plain)
            report = Reporter(settings.log_format)
            listening = [Address(endpoint, keys.public, plain=settings.plain) for endpoint in sockets.endpoints]
            _banner(settings, report, listening, key_fingerprint(keys.public))
            for problem in beacon.problems:
                report(Note("log", {"text": problem}))
            if settings.plain:
                report(Note("unencrypted", {"text": PLAIN}))
            retention = Retention(days=settings.keep_days, size=settings.keep_size)
            Server(core, sockets, report, retention, beacon).run()
            report.close()
        finally:
            beacon.close()
            sockets.close()
        core.store_snapshot()
        index.close()
        log.close()
    finally:
        folder.close()
    return 0


def _banner(settings: Settings, report: Reporter, listening: list[Address], fingerprint: str) -> None:
    """Say where the broker is and how to reach it."""
    invites = [_from_outside(address).invite for address in listening]
    if settings.log_format == "json":
        from .notes import Note

        endpoints = [address.endpoint for address in listening]
        where = {"on": endpoints, "invites": invites, "fingerprint": fingerprint, "data": str(settings.home.broker)}
        report(Note("listening", where))
        return
    from rich.console import Console
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    for index, address in enumerate(listening):
        table.add_row(Text("listening" if index == 0 else "", "dim"), Text(address.endpoint, "bold"))
    table.add_row(Text("fingerprint", "dim"), Text(f"{fingerprint}, to compare aloud"))
    table.add_row(Text("data", "dim"), Text(str(settings.home.broker), overflow="fold"))
    table.add_row(Text("stop", "dim"), Text("Ctrl-C, or /down by an admin (confab-broker grant NICK admin)"))
    if settings.plain:
        table.add_row(Text("UNSAFE", "bold red"), Text(PLAIN, "bold red"))
    console = Console(highlight=False)
    title, border = Text(f"confab broker {__version__}"), "bold red" if settings.plain else "none"
    console.print(Panel(table, title=title, title_align="left", expand=False, border_style=border))
    whom = "this machine only; --bind tcp://0.0.0.0:5577 lets others in"
    if settings.plain:
        whom = "this machine only, without encryption"
    elif not all(stays_here(address.endpoint) for address in listening):
        whom = "other machines, to be passed on whole"
    console.print(Text(f"Invite for {whom}:", "dim"))
    for invite in invites:
        console.print(Text(f"  {invite}", "cyan"), soft_wrap=True)  # never broken, so that it can be copied
    console.print()


def _listening(home: Home) -> list[Address]:
    """How the broker of a home was reached when it last listened. Raises FolderError."""
    try:
        local = msgspec.json.decode(home.local.read_bytes(), type=Local)
        return [
            _from_outside(Address(endpoint, parse_key(local.key), plain=local.plain)) for endpoint in local.endpoints
        ]
    except (OSError, msgspec.MsgspecError, MessageError) as error:
        from .folder import FolderError

        why = error.strerror if isinstance(error, OSError) else str(error)
        raise FolderError(f"{home.local} does not say where the broker listens ({why}); start it once.") from error


def _from_outside(address: Address) -> Address:
    return replace(address, endpoint=_reachable(address.endpoint))


def _reachable(endpoint: str) -> str:
    """The endpoint as other machines reach it: an address of this one in place of 'all addresses'."""
    for everywhere in ("tcp://0.0.0.0:", "tcp://[::]:"):
        if endpoint.startswith(everywhere):
            return f"tcp://{_own_address()}:{endpoint.removeprefix(everywhere)}"
    return endpoint


def _own_address() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # a documentation address: nothing is sent, the kernel only picks a route
            return str(probe.getsockname()[0])
        except OSError:
            return os.uname().nodename
