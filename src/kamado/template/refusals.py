"""What is said of a text or object that is not read at all: unreadable, too large, too deep, a key written twice.

Used by `source` and `yaml_reader`. The trap: the words on an unreadable text are Heat's, and clients see them.
"""

from __future__ import annotations

from kamado.template.limits import Limits
from kamado.template.problems import Path, Problem


def unreadable(text: str, file: str, what: str, line: int | None = None, column: int | None = None) -> Problem:
    """A text that is not YAML, in the words of Heat's API; the template of the request itself is "[root stack]" there."""
    if what == "environment":
        message = f"Environment not in valid format: {text}"
    else:
        name = "[root stack]" if file == "template" else file
        message = f"Template not in valid format: Error parsing template {name} {text}"
    return Problem("KT001", message, "HTTPBadRequest", (), file, line, column)


def too_deep(file: str, limits: Limits, path: Path = ()) -> Problem:
    """A text or object with too many levels."""
    return Problem(
        "KT004",
        f"The template is nested deeper than {limits.max_depth} levels",
        "RequestLimitExceeded",
        path=path,
        file=file,
    )


def too_big(file: str, limits: Limits, line: int | None = None, column: int | None = None) -> Problem:
    """A text or object with too many values, aliases written out."""
    return Problem(
        "KT003",
        f"The template unfolds to more than {limits.max_nodes} values",
        "RequestLimitExceeded",
        file=file,
        line=line,
        column=column,
    )


def duplicate(file: str, key: str, path: Path = (), line: int | None = None, column: int | None = None) -> Problem:
    """A key that is written twice."""
    return Problem(
        "KT005",
        f'The key "{key}" is written twice in the same map',
        "StackValidationFailed",
        path=(*path, key),
        file=file,
        line=line,
        column=column,
        hint="the later one would silently win; remove one of them",
    )
