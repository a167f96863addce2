"""The budgets: what is measured, in words, what it may be at most, and how the figure comes out of a run. And the tables made of them."""

from __future__ import annotations

import re
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import Result

Run = Mapping[str, Result]
"""One run's results by the name of the measurement."""

ROOT = Path(__file__).parent.parent
NOT_MEASURED = "–"
_SETUPS = ("SQLite, one process", "PostgreSQL, two engines")


@dataclass(frozen=True, slots=True)
class Budget:
    """One line. ``limit``: at most so much, or with ``at_least`` at least. ``in_readme``: it is among the few that the README shows."""

    words: str
    unit: str
    limit: float
    figure: Callable[[Run], float | None]
    in_readme: bool = True
    at_least: bool = False

    @property
    def promised(self) -> str:
        """The limit as tables show it."""
        return f"{'≥' if self.at_least else '≤'} {self.limit:,g} {self.unit}"

    def measured(self, runs: Sequence[Run]) -> str:
        """The median of some runs as tables show it."""
        found = [value for run in runs if (value := self.figure(run)) is not None]
        if not found:
            return NOT_MEASURED
        median = statistics.median(found)
        missed = median < self.limit if self.at_least else median > self.limit
        shown = f"{median:,.0f}" if median >= 100 else f"{median:.3g}"
        return f"{shown} {self.unit}{' (missed)' if missed else ''}"


def _seconds(name: str, factor: float = 1.0) -> Callable[[Run], float | None]:
    return lambda run: run[name].seconds * factor if name in run and not run[name].error else None


def _milliseconds(name: str) -> Callable[[Run], float | None]:
    return _seconds(name, 1000)


def _memory(name: str) -> Callable[[Run], float | None]:
    return lambda run: run[name].rss_mib if name in run else None


def _more(name: str, key: str) -> Callable[[Run], float | None]:
    return lambda run: run[name].more.get(key) if name in run and not run[name].error else None


def _growth(run: Run) -> float | None:
    """Cost of one resource of 10,000 over that of one of 100 and of 1,000; the worst of all, for whatever is done to all of them."""
    found = []
    for step in ("create", "update", "delete"):
        costs = {n: run[name].seconds / n for n in (100, 1000, 10_000) if (name := f"flat-{n}:{step}") in run}
        if len(costs) < 3:
            return None
        found.append(costs[10_000] / min(costs[100], costs[1000]))
    return max(found)


BUDGETS = (
    Budget("create 1,000 independent local resources, POST to COMPLETE", "s", 1.0, _seconds("flat-1000:create")),
    Budget("no-op update of the same", "s", 0.3, _seconds("flat-1000:update-noop")),
    Budget("in-place update of all of them", "s", 1.0, _seconds("flat-1000:update")),
    Budget("delete of the same", "s", 1.0, _seconds("flat-1000:delete")),
    Budget("create 10,000 of them", "s", 10.0, _seconds("flat-10000:create")),
    Budget("resident memory after that, of all processes together", "MiB", 600.0, _memory("flat-10000:create")),
    Budget(
        "cost of a resource of 10,000 over that of one of 100, and of 1,000: made, changed, removed (the worst)",
        "×",
        1.5,
        _growth,
    ),
    Budget("plan of a no-op update of the 10,000, as a request", "s", 1.0, _seconds("flat-10000:plan-noop")),
    Budget("300-long chain of get_attr", "s", 0.5, _seconds("chain-300:create")),
    Budget("200 small stacks made by 8 clients", "s", 2.0, _seconds("stacks-200:create")),
    Budget("1,000 nested stacks of one resource", "s", 4.0, _seconds("nested-1000:create")),
    Budget("1,000-member ResourceGroup", "s", 2.0, _seconds("group-1000:create")),
    Budget("1,000-member AutoScalingGroup", "s", 2.0, _seconds("scaling-1000:create")),
    Budget("a signal to its policy that adds a member, until that is there", "s", 0.5, _seconds("scaling-1000:signal")),
    Budget(
        "calls to Nova for each of 200 servers that build for 10 s", "calls", 4.0, _more("servers-200:create", "each")
    ),
    Budget("list page of 200 stacks, p95 with 8 clients", "ms", 40.0, _more("reads:list-200", "p95_ms")),
    Budget("show of a stack, p95 with 8 clients", "ms", 30.0, _more("reads:show", "p95_ms")),
    Budget("list of 500 resources, p95 with 8 clients", "ms", 60.0, _more("reads:resources-500", "p95_ms")),
    Budget("shows answered in a second", "/s", 400.0, _more("reads:show", "per_s"), at_least=True),
    Budget("show while stacks of 1,000 are being made, p95", "ms", 100.0, _more("reads:beside-1000", "p95_ms")),
    Budget("start-up of `kamado up` to the first answered request", "s", 2.0, _seconds("start")),
    Budget("idle resident memory, everything in one process", "MiB", 180.0, _memory("idle")),
    Budget(
        "parse and validate a 500-resource template (object)", "ms", 50.0, _milliseconds("template-500:object"), False
    ),
    Budget("the same as YAML", "ms", 50.0, _milliseconds("template-500:yaml"), False),
    Budget(
        "parse and validate a 5,000-resource template (object)",
        "ms",
        600.0,
        _milliseconds("template-5000:object"),
        False,
    ),
    Budget("the same as YAML", "ms", 600.0, _milliseconds("template-5000:yaml"), False),
    Budget("resolve the properties of one resource of 5", "µs", 50.0, _milliseconds("template-5:resolve"), False),
    Budget(
        "resolve the properties of one resource of 5,000", "µs", 50.0, _milliseconds("template-5000:resolve"), False
    ),
    Budget("import of `kamado.template`", "ms", 150.0, _milliseconds("template:import"), False),
)


def table(alone: Sequence[Run], several: Sequence[Run], budgets: Sequence[Budget] = BUDGETS) -> str:
    """The budgets with the medians of both set-ups, as Markdown."""
    lines = [f"| work | budget | {_SETUPS[0]} | {_SETUPS[1]} |", "| --- | ---: | ---: | ---: |"]
    lines += [f"| {one.words} | {one.promised} | {one.measured(alone)} | {one.measured(several)} |" for one in budgets]
    return "\n".join(lines)


def part(page: Path) -> str:
    """What stands between a page's marks."""
    found = _PART.search(page.read_text())
    assert found, f"{page} has no part for benchmarks"
    return found[1].strip()


def write(page: Path, text: str) -> None:
    """Puts a text between a page's marks."""
    page.write_text(_PART.sub(lambda _: f"<!-- benchmarks -->\n{text}\n<!-- end of benchmarks -->", page.read_text()))


_PART = re.compile(r"<!-- benchmarks -->\n(.*?)<!-- end of benchmarks -->", re.DOTALL)

PAGES = {
    ROOT / "README.md": tuple(budget for budget in BUDGETS if budget.in_readme),
    ROOT / "docs" / "performance.md": BUDGETS,
}
"""The pages with a table, and its lines."""
