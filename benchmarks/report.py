"""Owns how figures are kept and printed: samples of one thing measured, in sections of one table. Measures nothing."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass, field

from rich import box
from rich.console import Console
from rich.table import Table

Format = Callable[[float], str]


def rate(value: float) -> str:
    """Per second, in thousands or millions."""
    return f"{value / 1e6:.2f} M/s" if value >= 1e6 else f"{value / 1e3:.0f} k/s"


def milliseconds(value: float) -> str:
    """Seconds, as milliseconds."""
    return f"{value * 1e3:.2f} ms" if value < 0.01 else f"{value * 1e3:.0f} ms"


def size(value: float) -> str:
    """Bytes, as KiB or MiB."""
    return f"{value / 2**20:.1f} MiB" if value >= 2**20 else f"{value / 2**10:.1f} KiB"


@dataclass(slots=True)
class Line:
    """One thing measured several times."""

    name: str
    format: Format = rate
    samples: list[float] = field(default_factory=list)
    cpu_microseconds: list[float] = field(default_factory=list)  # of the server, per message or delivery
    note: str = ""  # what it does and does not do

    @property
    def median(self) -> float:
        """The figure that counts."""
        return statistics.median(self.samples)


@dataclass(slots=True)
class Section:
    """What one workload measured, and what it says beside the aim."""

    title: str
    lines: list[Line]
    verdicts: list[tuple[str, str]] = field(default_factory=list)  # the aim, and what was reached

    def line(self, name: str) -> Line | None:
        """The line of that name, when it was measured."""
        return next((line for line in self.lines if line.name == name and line.samples), None)

    def verdict(self, aim: str, ours: str) -> None:
        """Note our median, when it was measured."""
        if mine := self.line(ours):
            self.verdicts.append((aim, mine.format(mine.median)))

    def compare(self, aim: str, ours: str, theirs: str) -> None:
        """Note how often their median goes into ours, when both were measured."""
        mine, other = self.line(ours), self.line(theirs)
        if mine and other:
            self.verdicts.append((aim, f"{mine.median / other.median:.2f}×"))


def quantile(values: list[float], part: float) -> float:
    """The value below which `part` of the values lie."""
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


def print_report(console: Console, machine: str, sections: list[Section]) -> None:
    """Print all sections as one table."""
    table = Table(title="confab beside its peers", caption=machine, box=box.SIMPLE_HEAD, caption_justify="left")
    table.add_column("what", no_wrap=True)
    for heading in ("median", "min – max", "server CPU"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("with")
    for section in sections:
        table.add_row(f"[bold]{section.title}[/bold]")
        for line in section.lines:
            table.add_row(*_cells(line))
        for aim, reached in section.verdicts:
            table.add_row(f"  [italic]aim: {aim}[/italic]", f"[bold]{reached}[/bold]")
        table.add_section()
    console.print(table)


def _cells(line: Line) -> tuple[str, ...]:
    if not line.samples:
        return f"  {line.name}", "not here", "", "", line.note
    low, high = line.format(min(line.samples)), line.format(max(line.samples))
    if low.split()[1] == high.split()[1]:  # one unit is enough
        low = low.split()[0]
    cpu = f"{statistics.median(line.cpu_microseconds):.2f} µs" if line.cpu_microseconds else ""
    return f"  {line.name}", line.format(line.median), f"{low} – {high}", cpu, line.note
