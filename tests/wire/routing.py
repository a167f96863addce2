"""Which of Heat's routes an exchange is about, and which statuses each route must have been seen with.

What Heat's reference says of each route is what is asked for; what cannot be seen here is in `NOT_HERE`, with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.wire import facts
from tests.wire.exchange import load, verb_of

Key = tuple[str, str]
"""Verb and path as the reference has it."""

_LITERAL = {
    "{stack_name}": "preview|detail",
    "{stack_id}": "resources|events|template|actions|environment|files|preview|plan",
}
"""Last parts of paths that are names of their own, by the variable which they must not be taken for."""

_SNAPSHOT = "/stacks/{stack_name}/{stack_id}/snapshots/{snapshot_id}"
NOT_HERE: Mapping[tuple[str, str, int], str] = {
    ("DELETE", "/stacks/{stack_name}/{stack_id}", 500): "nothing of a deletion that is told in the answer can fail so",
    ("DELETE", "/software_configs/{config_id}", 500): "409 here: it is no fault of the server",
    ("GET", "/services", 503): "the list is read from the database, whether an engine lives or not",
    ("DELETE", "/stacks/{stack_name}/{stack_id}/abandon", 400): "an option of the service: tests/wire/test_limits.py",
    ("GET", "/stacks/{stack_name}/{stack_id}/export", 400): "an option of the service: tests/wire/test_limits.py",
    ("DELETE", f"{_SNAPSHOT}", 400): "local types have no snapshot that takes time: tests/wire/test_limits.py",
    ("POST", f"{_SNAPSHOT}/restore", 400): "local types have no snapshot that takes time: tests/wire/test_limits.py",
    **{
        (verb, "/stacks/{stack_name:arn:.*}", 404): "an ARN leads to a URL without any look-up"
        for verb in ("POST", "PUT", "PATCH", "DELETE")
    },
}


def routes() -> Iterator[tuple[Key, re.Pattern[str], dict[str, Any]]]:
    """Key, pattern of the URL below the project, and what the reference says."""
    for route in facts.routes():
        path = route["path"].removeprefix("/v1/{tenant_id}")
        pattern = re.sub(r"\{path:([a-z|]+)\}", r"(?:\1)", path).replace("{stack_name:arn:.*}", r"arn(?::|%3A)[^?]*")
        name = path.rpartition("/")[2]
        if name in _LITERAL:
            pattern = pattern.replace(name, f"(?!(?:{_LITERAL[name]})$){name}")
        yield (route["method"], path), re.compile(re.sub(r"\{\w+\}", "(?!arn:)[^/?]+", pattern)), route


def needed() -> set[tuple[str, str, int]]:
    """Route and status of everything that must have been seen."""
    found = {
        (verb, path, int(status))
        for (verb, path), _, route in routes()
        for status in (route["success"], *route["errors"])
    }
    return found - set(NOT_HERE)


def seen(files: list[Path]) -> set[tuple[str, str, int]]:
    """Route and status of everything that the exchanges of these files show."""
    known = list(routes())
    found: set[tuple[str, str, int]] = set()
    for file in files:
        for exchange in load(file):
            verb = verb_of(exchange)
            url = re.sub(r"^\$\{endpoint\}/v1/[^/]+", "", exchange[verb]).partition("?")[0]
            for (method, path), pattern, _ in known:
                if method == verb and pattern.fullmatch(url):
                    found.add((verb, path, exchange.get("status", 200)))
    return found


def verbs_and_paths(files: list[Path], wanted: Iterable[Key]) -> set[Key]:
    """Those of ``wanted`` (verb, and path as our own table has it) that some exchange asks for."""
    names = {"{arn}": "arn(?::|%3A)[^?]*"}
    patterns = []
    for verb, path in wanted:
        below = path.removeprefix("/v1/{tenant_id}").replace("/arn/{arn}", "/stacks/{arn}")
        text = re.sub(r"\{\w+\}", lambda found: names.get(found[0], "(?!arn:)[^/?]+"), below)
        patterns.append(((verb, path), re.compile(text)))
    asked = {
        (verb_of(exchange), re.sub(r"^\$\{endpoint\}/v1/[^/]+", "", exchange[verb_of(exchange)]).partition("?")[0])
        for file in files
        for exchange in load(file)
    }
    return {key for key, pattern in patterns for verb, url in asked if verb == key[0] and pattern.fullmatch(url)}
