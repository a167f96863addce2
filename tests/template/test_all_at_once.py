"""Templates with several faults: each is told once, at its place, with what was meant, and nothing that only follows from it."""

from __future__ import annotations

from typing import Any

import pytest

from kamado.template import Environment, PseudoParameters, TemplateInvalid, check, draft, load

CASE_FILE = "all_at_once.yaml"


def test_each_fault_once(case: dict[str, Any], catalog: Any) -> None:
    template = draft(case["template"], file="t.yaml")
    parameters, wrong = template.bound(Environment(parameters=case.get("values", {})), PseudoParameters("s", None, "p"))
    found = [*template.problems, *wrong, *check(template, parameters, catalog)]
    assert [" ".join(filter(None, (f"{p.line}:{p.column}", p.code, p.hint))) for p in found] == case["found"]
    assert {p.file for p in found} <= {"t.yaml", "environment"}
    if template.problems:  # nothing is ever made of it
        with pytest.raises(TemplateInvalid) as refused:
            load(case["template"], file="t.yaml")
        assert refused.value.problems == template.problems
