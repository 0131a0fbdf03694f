"""The results, as a table for people and as files for comparing runs."""

import json
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).parent / "results"


@dataclass
class Measured:
    """One contestant of a case: its rate and latencies in each round."""

    name: str
    rates: list[float] = field(default_factory=list)
    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    """CPU time of the server's process for each request, in milliseconds."""
    size: float = 0


@dataclass
class Ratio:
    """How two contestants compare, round by round: the quantity, the pair, and the bound to reach."""

    case: str
    of: str
    to: str
    values: list[float]
    least: float | None = None
    most: float | None = None

    @property
    def reached(self) -> bool | None:
        """Whether the median is within the bound; None without one."""
        if self.least is None and self.most is None:
            return None
        found = median(self.values)
        return found >= (self.least or 0) and (self.most is None or found <= self.most)

    @property
    def bound(self) -> str:
        """The bound in words."""
        if self.least is not None:
            return f"at least {self.least:g}"
        return f"at most {self.most:g}" if self.most is not None else ""


@dataclass
class Report:
    """All results of a run."""

    mode: str
    postgres: str
    cases: dict[str, list[Measured]] = field(default_factory=dict)
    ratios: list[Ratio] = field(default_factory=list)
    at: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    def print(self, console: Console) -> None:
        """Print the results as tables."""
        for title, header, rows in self._tables():
            table = Table(*header, title=title, title_justify="left")
            for column in table.columns[1:]:
                column.justify = "right"
            for row in rows:
                table.add_row(*row)
            console.print(table)

    def write(self) -> Path:
        """Write the results as JSON and Markdown, under the time of the run and as the latest."""
        RESULTS.mkdir(exist_ok=True)
        parts = [f"# {self.at}, {self.mode}\n\nPython {platform.python_version()}, PostgreSQL {self.postgres}"]
        for title, header, rows in self._tables():
            lines = ["| " + " | ".join(row) + " |" for row in (header, ["---"] * len(header), *rows)]
            parts.append(f"## {title}\n\n" + "\n".join(lines))
        for name in (self.at.replace(":", ""), "latest"):
            (RESULTS / f"{name}.json").write_text(json.dumps(asdict(self), indent=1))
            (RESULTS / f"{name}.md").write_text("\n\n".join(parts) + "\n")
        return RESULTS / "latest.md"

    def _tables(self) -> list[tuple[str, Sequence[str], list[list[str]]]]:
        measured = [
            [case if nth == 0 else "", one.name, *_figures(one)]
            for case, contestants in self.cases.items()
            for nth, one in enumerate(contestants)
        ]
        ratios = [
            [ratio.case, f"{ratio.of} / {ratio.to}", *_spread(ratio.values, 2), ratio.bound, _verdict(ratio.reached)]
            for ratio in self.ratios
        ]
        return [
            (
                "Measured (median of rounds)",
                ["case", "what", "per second", "min – max", "p50 ms", "p99 ms", "CPU ms", "bytes"],
                measured,
            ),
            ("Ratios (median of the rounds' ratios)", ["case", "what", "ratio", "min – max", "to reach", ""], ratios),
        ]


def _figures(one: Measured) -> list[str]:
    times = [f"{median(values):.2f}" for values in (one.p50, one.p99, one.cpu)]
    return [*_spread(one.rates, 0), *times, f"{one.size:,.0f}"]


def _spread(values: list[float], digits: int) -> list[str]:
    return [f"{median(values):,.{digits}f}", f"{min(values):,.{digits}f} – {max(values):,.{digits}f}"]


def _verdict(reached: bool | None) -> str:
    return "" if reached is None else ("yes" if reached else "NO")
