"""What one row found, and how the table of all rows is printed. Measures nothing."""

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


def table(results: list[Result]) -> str:
    """All rows, as Markdown."""
    lines = ["| test | trials | outcome | figures | control |", "|---|---|---|---|---|"]
    for each in results:
        red = "red" if each.control_red else "**NOT RED**"
        figures = each.figures + (f" Left out: {each.left_out}" if each.left_out else "")
        lines.append(f"| {each.test} | {each.trials:,} {each.of} | {each.bound} | {figures} | {each.control}: {red} |")
    return "\n".join(lines)
