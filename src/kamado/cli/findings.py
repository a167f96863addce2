"""Findings as people and tools read them: lines with excerpts, JSON, SARIF. Pure: a report in, text out.

Called by `kamado.cli.validate`. The trap: codes, and the keys of both JSON shapes, are matched by tools and stay as they are.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

from rich.console import Console
from rich.text import Text

from kamado import __version__
from kamado.cli.offline import Report
from kamado.template import Problem

SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_COLOURS = {"error": "bold red", "warning": "bold yellow"}
_WIDEST = 160
"""Longer source lines are cut around the place."""


def ordered(report: Report) -> list[Problem]:
    """Errors and warnings as they stand in the files, the validated one first; the same finding once."""
    files = [report.file, *report.texts]
    unique = dict.fromkeys(report.problems)

    def place(problem: Problem) -> tuple[int, str, int, int]:
        rank = files.index(problem.file) if problem.file in files else len(files)
        return rank, problem.file, problem.line or 0, problem.column or 0

    return sorted(unique, key=place)


def human(report: Report, console: Console) -> None:
    """Print every finding with its place, the line it is about and advice, then how many there were."""
    problems = ordered(report)
    for problem in problems:
        console.print(_headline(problem), soft_wrap=True)
        for line in _excerpt(problem, report.texts.get(problem.file)):
            console.print(line, soft_wrap=True)
        if problem.hint:
            console.print(Text.assemble(("   hint: ", "bold cyan"), problem.hint), soft_wrap=True)
        console.print()
    console.print(_summary(report, problems), soft_wrap=True)


def _headline(problem: Problem) -> Text:
    colour = _COLOURS[problem.severity]
    text = Text.assemble(
        (_where(problem), "bold"), ": ", (f"{problem.severity} {problem.code}", colour), ": ", sentence(problem)
    )
    if problem.path and problem.dotted not in sentence(problem):
        text.append(f" (at {problem.dotted})", "dim")
    return text


def sentence(problem: Problem) -> str:
    """The message as a sentence: Heat's doubled colons made single."""
    return problem.message.replace(": : ", ": ").strip()


def _where(problem: Problem) -> str:
    parts = [problem.file, *(str(part) for part in (problem.line, problem.column) if part is not None)]
    return ":".join(parts)


def _excerpt(problem: Problem, text: str | None) -> list[Text]:
    if text is None or problem.line is None:
        return []
    lines = text.splitlines()
    if not 0 < problem.line <= len(lines):
        return []
    line = lines[problem.line - 1].replace("\t", " ")
    column = min(problem.column or 1, len(line) + 1)
    start = max(0, column - _WIDEST // 2) if len(line) > _WIDEST else 0
    number = str(problem.line)
    margin = " " * len(number)
    return [
        Text.assemble((f"   {number} | ", "dim"), line[start : start + _WIDEST]),
        Text.assemble((f"   {margin} | ", "dim"), " " * (column - 1 - start), ("^", _COLOURS[problem.severity])),
    ]


def _summary(report: Report, problems: Sequence[Problem]) -> Text:
    counts = Counter(problem.severity for problem in problems)
    size = _count(report.resources, "resource")
    if report.nested:
        size += f", {_count(report.nested, 'nested template')}"
    if not problems:
        return Text.assemble((report.file, "bold"), ": ", ("no problems", "bold green"), f" ({size})")
    words = [
        (_count(counts[severity], severity), _COLOURS[severity])
        for severity in ("error", "warning")
        if counts[severity]
    ]
    text = Text.assemble((report.file, "bold"), ": ")
    for index, (word, colour) in enumerate(words):
        text.append(", " if index else "")
        text.append(word, colour)
    return text


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def as_json(report: Report) -> str:
    """All findings as one JSON object."""
    problems = ordered(report)
    counts = Counter(problem.severity for problem in problems)
    body = {
        "file": report.file,
        "errors": counts["error"],
        "warnings": counts["warning"],
        "problems": [_plain(problem) for problem in problems],
    }
    return json.dumps(body, indent=2, ensure_ascii=False)


def _plain(problem: Problem) -> dict[str, Any]:
    return {
        "code": problem.code,
        "severity": problem.severity,
        "message": sentence(problem),
        "file": problem.file,
        "line": problem.line,
        "column": problem.column,
        "path": list(problem.path),
        "hint": problem.hint or None,
        "error_type": problem.error_type,
    }


def as_sarif(report: Report) -> str:
    """All findings in SARIF 2.1.0, which code hosts and editors show at the lines."""
    problems = ordered(report)
    codes = sorted({problem.code for problem in problems})
    driver = {"name": "kamado", "version": __version__, "rules": [{"id": code} for code in codes]}
    body = {
        "$schema": SARIF_SCHEMA,
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": [_result(problem, codes) for problem in problems]}],
    }
    return json.dumps(body, indent=2, ensure_ascii=False)


def _result(problem: Problem, codes: list[str]) -> dict[str, Any]:
    physical: dict[str, Any] = {"artifactLocation": {"uri": PurePath(problem.file).as_posix()}}
    if problem.line is not None:
        physical["region"] = {"startLine": problem.line, "startColumn": problem.column or 1}
    location: dict[str, Any] = {"physicalLocation": physical}
    if problem.path:
        location["logicalLocations"] = [{"fullyQualifiedName": problem.dotted}]
    text = sentence(problem) + (f" ({problem.hint})" if problem.hint else "")
    return {
        "ruleId": problem.code,
        "ruleIndex": codes.index(problem.code),
        "level": problem.severity,
        "message": {"text": text},
        "locations": [location],
    }
