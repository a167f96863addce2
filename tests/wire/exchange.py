"""Named HTTP exchanges in YAML, played against an endpoint and compared field by field.

An exchange names a verb with a path, what is sent, and what must come back. In what is expected, `<uuid>`, `<time>`,
`<text>`, `<any>`, `<int>` stand for values of that kind and `~pattern` for text that matches; maps must have exactly the keys
that are written, unless one of them is `...`; a list that begins with `<any order>` may come in any. `${name}` is replaced
by what an earlier exchange kept. `each`, a list of requests (`GET /stacks`), stands for one exchange for each of them. The
trap: the same files are played against a real Heat (WIRE_ENDPOINT), so they say nothing that only Kamado does, unless marked
`only: kamado`.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
import yaml

VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD")
KINDS = {
    "<uuid>": re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    "<time>": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"),
    "<text>": re.compile(r".*", re.DOTALL),
}


@dataclass
class Target:
    """Where exchanges are played: endpoint without project, and per user a token and a project."""

    endpoint: str
    tokens: Mapping[str, str]
    projects: Mapping[str, str]
    heat: bool = False
    kept: dict[str, Any] = field(default_factory=dict)


def load(path: Path) -> list[dict[str, Any]]:
    return [one for exchange in yaml.safe_load(path.read_text()) for one in _each(exchange)]


def _each(exchange: dict[str, Any]) -> list[dict[str, Any]]:
    common = {key: value for key, value in exchange.items() if key != "each"}
    requests = [request.split(" ", 1) for request in exchange.get("each", ())]
    return [{**common, verb: path} for verb, path in requests] or [exchange]


def play(exchanges: list[dict[str, Any]], target: Target) -> None:
    for exchange in exchanges:
        if exchange.get("only") == "kamado" and target.heat:
            continue
        if exchange.get("only") == "heat" and not target.heat:
            continue
        _play(exchange, target)


def verb_of(exchange: Mapping[str, Any]) -> str:
    return next(verb for verb in VERBS if verb in exchange)


def _play(exchange: dict[str, Any], target: Target) -> None:
    verb = verb_of(exchange)
    user = exchange.get("as", "demo")
    names = {"endpoint": target.endpoint, "project": target.projects[user], **target.kept}
    url = _filled(exchange[verb], names)
    if url.startswith("/"):
        url = f"{target.endpoint}/v1/{target.projects[user]}{url}"
    headers = {"Accept": "application/json", "X-Auth-Token": target.tokens[user]}
    headers.update(_filled(exchange.get("send_headers", {}), names))
    headers = {name: value for name, value in headers.items() if value is not None}
    data = exchange.get("raw")
    if "body" in exchange:
        data = json.dumps(_filled(exchange["body"], names))
        headers.setdefault("Content-Type", "application/json")
    deadline = time.monotonic() + exchange.get("within", 20)
    while True:
        answer = _ask(verb, url, data, headers)
        found = _body(answer)
        wanted = _filled(exchange.get("until", {}), names)
        if not wanted or all(_dig(found, path) == value for path, value in wanted.items()):
            break
        assert time.monotonic() < deadline, f"{exchange['name']}: {url} never became {wanted}: {answer.text[:2000]}"
        time.sleep(0.5 if target.heat else 0.02)
    where = f"{exchange['name']}: {verb} {url}"
    assert answer.status_code == exchange.get("status", 200), f"{where}: {answer.status_code} {answer.text[:2000]}"
    for name, value in _filled(exchange.get("headers", {}), names).items():
        different = mismatch(value, answer.headers.get(name), f"header {name}")
        assert different is None, f"{where}: {different}"
    if "answer" in exchange:
        different = mismatch(_filled(exchange["answer"], names), found, "answer")
        assert different is None, f"{where}: {different}\n{answer.text[:3000]}"
    for name, path in exchange.get("keep", {}).items():
        target.kept[name] = _dig(found, path)


def _ask(verb: str, url: str, data: Any, headers: Mapping[str, str]) -> requests.Response:
    for attempt in range(5):
        try:
            return requests.request(verb, url, data=data, headers=headers, allow_redirects=False, timeout=30)
        except requests.ConnectionError:
            # A real Heat under load drops connections now and then; ours must not.
            if attempt == 4 or ":18004" not in url:
                raise
            time.sleep(0.3)
    raise AssertionError("unreachable")


def _body(answer: requests.Response) -> Any:
    if "json" not in answer.headers.get("Content-Type", "") or not answer.text:
        return answer.text or None
    return answer.json()


def _filled(value: Any, names: Mapping[str, Any]) -> Any:
    if isinstance(value, str):
        return re.sub(r"\$\{(\w+)\}", lambda found: str(names[found[1]]), value)
    if isinstance(value, Mapping):
        return {_filled(key, names): _filled(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, names) for item in value]
    return value


def _dig(value: Any, path: str) -> Any:
    for part in path.split("."):
        found = dict(enumerate(value)) if isinstance(value, list) else (value or {})
        value = found.get(int(part) if isinstance(value, list) else part)
    return value


def mismatch(wanted: Any, found: Any, where: str) -> str | None:
    """Where what was found differs from what is wanted, None when it does not."""
    if isinstance(wanted, Mapping):
        return _map_mismatch(wanted, found, where)
    if isinstance(wanted, list):
        return _list_mismatch(wanted, found, where)
    if wanted == "<any>":
        return None
    if wanted == "<int>":
        fits = isinstance(found, int) and not isinstance(found, bool)
    elif isinstance(wanted, str) and wanted in KINDS:
        fits = isinstance(found, str) and KINDS[wanted].fullmatch(found) is not None
    elif isinstance(wanted, str) and wanted.startswith("~"):
        fits = isinstance(found, str) and re.fullmatch(wanted[1:], found, re.DOTALL) is not None
    else:
        fits = type(wanted) is type(found) and wanted == found
    return None if fits else f"{where}: expected {wanted!r}, found {found!r}"


def _map_mismatch(wanted: Mapping[str, Any], found: Any, where: str) -> str | None:
    if not isinstance(found, Mapping):
        return f"{where}: expected a map, found {found!r}"
    for key, value in wanted.items():
        if key == "...":
            continue
        if key not in found:
            return f"{where}: {key} is missing, there are {sorted(found)}"
        different = mismatch(value, found[key], f"{where}.{key}")
        if different is not None:
            return different
    more = sorted(set(found) - set(wanted))
    return f"{where}: {more} were not expected" if more and "..." not in wanted else None


def _list_mismatch(wanted: list[Any], found: Any, where: str) -> str | None:
    if not isinstance(found, list):
        return f"{where}: expected a list, found {found!r}"
    if wanted and wanted[0] == "<any order>":
        return _unordered_mismatch(wanted[1:], found, where)
    if wanted and wanted[-1] == "...":
        wanted = wanted[:-1]
        if len(found) < len(wanted):
            return f"{where}: expected at least {len(wanted)} items, found {len(found)}"
    elif len(wanted) != len(found):
        return f"{where}: expected {len(wanted)} items, found {len(found)}"
    for place, item in enumerate(wanted):
        different = mismatch(item, found[place], f"{where}[{place}]")
        if different is not None:
            return different
    return None


def _unordered_mismatch(wanted: list[Any], found: list[Any], where: str) -> str | None:
    left = list(found)
    for item in wanted:
        fitting = next((one for one in left if mismatch(item, one, where) is None), None)
        if fitting is None:
            return f"{where}: none is {item!r}"
        left.remove(fitting)
    return f"{where}: {left} were not expected" if left else None
