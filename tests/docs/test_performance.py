"""The tables of what was measured are in step with what is measured: the same lines, the same budgets, a machine named."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks import budgets


@pytest.mark.parametrize("page", budgets.PAGES, ids=lambda page: page.name)
def test_the_table_has_a_line_for_each_budget(page: Path) -> None:
    lines = [line for line in budgets.part(page).splitlines() if line.startswith("| ")]
    said = [tuple(cell.strip() for cell in line.strip("|").split("|"))[:2] for line in lines[2:]]
    assert said == [(budget.words, budget.promised) for budget in budgets.PAGES[page]], "run: make bench ARGS=--write"


@pytest.mark.parametrize("page", budgets.PAGES, ids=lambda page: page.name)
def test_the_machine_is_named(page: Path) -> None:
    last = budgets.part(page).splitlines()[-1]
    assert last.startswith("Measured 20")
    assert "GiB, Python" in last


def test_each_budget_has_a_workload() -> None:
    """A figure comes out of a run that has everything: names in budgets and workloads do not drift apart."""
    from benchmarks.__main__ import STANDARD
    from benchmarks.measure import Result

    seen: set[str] = set()

    class Run(dict[str, Result]):
        def __contains__(self, name: object) -> bool:
            seen.add(str(name).split(":")[0])
            return False

        def get(self, name: str, default: object = None) -> None:  # type: ignore[override]
            seen.add(name.split(":")[0])

    for budget in budgets.BUDGETS:
        budget.figure(Run())
    measured = {*STANDARD, *(f"template-{size}" for size in (5, 500, 5000))}
    assert seen <= measured
