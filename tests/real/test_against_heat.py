"""Every case at Kamado and at a real Heat on the same cloud, side by side; `make compare-heat` says where both are.

A difference fails unless the case names it under `differs`: a pattern of its place (as `fnmatch` knows them) and the reason.
"""

from __future__ import annotations

import fnmatch
import os
import secrets
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.real.comparison import Account, Run, differences

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]


class _Loader(yaml.SafeLoader):
    """YAML whose dates stay strings, as in templates."""


_Loader.yaml_implicit_resolvers = {
    first: [found for found in resolvers if found[0] != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_CASES = {
    f"{path.stem}/{name}": case
    for path in sorted((Path(__file__).parent / "cases").glob("*.yaml"))
    for name, case in yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader).items()
}


@cache
def _account(user: str, api: str | None) -> Account:
    auth_url = os.environ["KAMADO_REAL_AUTH_URL"]
    signals = int(os.environ["HEAT_REAL_CFN_PORT"]) if api == os.environ["HEAT_REAL_URL"] else None
    return Account.make(auth_url, user, {"alt_demo": "demo"}.get(user, user), user, api, signals)


def compare(case: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """Run ``case`` at both places at the same time; the differences that it does not name."""
    mark = secrets.token_hex(3)
    user = case.get("as", "demo")
    places = {
        f"h{mark}": os.environ["HEAT_REAL_URL"],
        f"k{mark}": os.environ.get("KAMADO_REAL_URL"),
    }
    if case.get("alone"):
        records = [Run(_account(user, api), name).case(case) for name, api in places.items()]
    else:
        with ThreadPoolExecutor(2) as threads:
            records = list(threads.map(lambda item: Run(_account(user, item[1]), item[0]).case(case), places.items()))
    named = case.get("differs", {})
    return [
        found
        for found in differences(*records)
        if not any(fnmatch.fnmatchcase(found[0], pattern.replace("[", "[[]")) for pattern in (*named, *_EVERYWHERE))
    ]


_EVERYWHERE: Mapping[str, str] = {
    "* > body > error > problems": "every problem with its place, beside Heat's message",
    "* > stack > stack_user_project_id": "the project for stack users is made when first needed",
    "* > attributes > description": "the physical name, by which a lost creation is found again",
    "* > cloud > * > description": "the same",
    "* > attributes > image > properties": "told by the newest version of Nova's API",
    "* > attributes > OS-FLV-DISABLED:disabled": "not told any more by the newest version of Nova's API",
    "* > attributes > rxtx_factor": "not told any more by the newest version of Nova's API",
    "* > attributes > scheduler_hints": "told by the newest version of Nova's API",
    "* > attributes > refs": "what the members tell; Heat shows null, though it gives the value to who reads it",
    "* > attributes > refs_map": "the same",
    "* > attributes > current_size": "the same",
    "* > template_functions": "Heat lists the functions of conditions too, once the process has parsed some",
    "* > template_functions* > description": "in our own words",
}


@pytest.mark.parametrize("name", list(_CASES))
def test_same_as_heat(name: str) -> None:
    found = compare(_CASES[name])
    if (
        found
    ):  # Heat loses a line of history now and then, and some cases hang on the moment: only what is seen twice counts
        print(f"{name}: once more, because of {[where for where, _, _ in found]}")
        before = {where for where, _, _ in found}
        found = [difference for difference in compare(_CASES[name]) if difference[0] in before]
    assert not found, f"{name}\n" + "\n".join(
        f"{where}\n    Heat:   {heat!r}\n    Kamado: {ours!r}" for where, heat, ours in found
    )
