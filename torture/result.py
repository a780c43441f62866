"""What one row found, and how it is printed as a line of the table. Measures nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Scale = Literal["short", "full"]


@dataclass(slots=True)
class Result:
    """One row: what was tried, how often it went wrong, and what the control did."""

    test: str
    trials: int
    of: str  # what one trial is, in the plural
    figures: str
    control: str  # which safeguard was off, and what was seen then
    control_red: bool
    problems: list[str] = field(default_factory=list)  # each one is a failure; empty is what we want
    left_out: str = ""  # of what the row should be

    @property
    def passed(self) -> bool:
        """Whether nothing failed, and the test can fail at all."""
        return not self.problems and self.control_red

    @property
    def bound(self) -> str:
        """What the trials prove about the rate of failures: with none in N, below 3/N at 95 %."""
        if self.problems:
            return f"**{len(self.problems)} failed**: {self.problems[0]}"
        return f"0 failed; below {3 / max(self.trials, 3):.2g} each at 95 %"


HEAD = "| test | trials | outcome | figures | control |\n|---|---|---|---|---|"


def line(result: Result) -> str:
    """One row, as Markdown."""
    red = "red" if result.control_red else "**NOT RED**"
    figures = result.figures + (f" Left out: {result.left_out}" if result.left_out else "")
    trials = f"{result.trials:,} {result.of}"
    return f"| {result.test} | {trials} | {result.bound} | {figures} | {result.control}: {red} |"
