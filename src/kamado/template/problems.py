"""What is wrong with a template, and where: the one type of finding that every part of the library reports.

Called by all modules of this package; read by the API (first problem, Heat's words) and by `kamado validate` (all).
The trap: `message` is wire text that clients match on, so it is Heat's and stays; better advice goes into `hint`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

Path = tuple[str | int, ...]
Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Place:
    """A position in a source text; line and column count from 1, None where there was no text."""

    file: str = "template"
    line: int | None = None
    column: int | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding.

    `code` is stable and may be matched by tools; `message` is what Heat answers for it (`error.message`);
    `error_type` is the name of Heat's exception (`error.type`); `path` leads to it in the template.
    """

    code: str
    message: str
    error_type: str = "StackValidationFailed"
    path: Path = ()
    file: str = "template"
    line: int | None = None
    column: int | None = None
    hint: str = ""
    severity: Severity = "error"

    def __str__(self) -> str:
        return self.render()

    @property
    def dotted(self) -> str:
        """The path as Heat writes it: `resources.net.properties.fixed_ips[0].subnet`."""
        return dotted(self.path)

    def render(self) -> str:
        """One line for people: place, code, text and hint."""
        where = self.file
        if self.line is not None:
            where += f":{self.line}"
            if self.column is not None:
                where += f":{self.column}"
        text = f"{where}: {self.severity} {self.code}: {self.message}"
        if self.path and dotted(self.path) not in self.message:
            text += f" (at {dotted(self.path)})"
        if self.hint:
            text += f" [{self.hint}]"
        return text


def dotted(path: Iterable[str | int]) -> str:
    """Join a path as Heat does: names with dots, list positions and names of digits in brackets."""
    text = ""
    for part in path:
        if isinstance(part, int) or part.isdigit():
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text


class TemplateInvalid(Exception):
    """The template, environment or parameters are refused; `problems` says why, most important first."""

    def __init__(self, problems: Sequence[Problem] | Problem) -> None:
        found = (problems,) if isinstance(problems, Problem) else tuple(problems)
        if not found:
            raise ValueError("TemplateInvalid needs at least one problem")
        self.problems: tuple[Problem, ...] = found
        super().__init__(found[0].message)

    @property
    def error_type(self) -> str:
        """Heat's exception name for the first problem."""
        return self.problems[0].error_type


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint naming the closest of the known words, or nothing."""
    from difflib import get_close_matches

    candidates = [name for name in known if isinstance(name, str)]
    lowered = {name.lower(): name for name in reversed(candidates)}
    exact = lowered.get(str(word).lower())
    if exact is not None and exact != word:
        return f'did you mean "{exact}"?'
    close = get_close_matches(str(word), candidates[:2000], n=1, cutoff=0.6)
    return f'did you mean "{close[0]}"?' if close else ""
