"""What a read asks of the database: few queries, and never one for each item of a list."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event
from tests.wire.stand import Stand

from kamado.localcloud.server import LocalCloud

INNER = "heat_template_version: 2018-08-31\nresources: {t: {type: OS::Heat::TestResource}}\n"
TEMPLATE = {
    "heat_template_version": "2018-08-31",
    "resources": {
        **{
            f"r{number}": {"type": "OS::Heat::TestResource", "properties": {"value": str(number)}}
            for number in range(20)
        },
        "nest": {"type": "inner.yaml"},
        "group": {
            "type": "OS::Heat::ResourceGroup",
            "properties": {"count": 3, "resource_def": {"type": "inner.yaml"}},
        },
    },
    "outputs": {f"o{number}": {"value": {"get_attr": [f"r{number}", "output"]}} for number in range(20)},
}
READS: dict[str, int] = {
    "/build_info": 0,
    "/resource_types": 0,
    "/resource_types/OS::Heat::Value": 0,
    "/template_versions": 0,
    "/stacks": 1,
    "/stacks?limit=2&with_count=true": 2,
    "/stacks?limit=2&marker={id}": 2,
    "/stacks/detail": 1,
    "/stacks/many": 1,
    "{at}": 2,
    "{at}?resolve_outputs=false": 1,
    "{at}/template": 1,
    "{at}/environment": 1,
    "{at}/outputs": 1,
    "{at}/outputs/o1": 2,
    "{at}/resources": 2,
    "{at}/resources?name=r1": 2,
    "{at}/resources/r1": 2,
    "{at}/resources?nested_depth=3": 3,
    "{at}/resources/r1/metadata": 3,
    "{at}/events": 2,
    "{at}/events?nested_depth=2": 3,
    "{at}/resources/r1/events": 2,
    "{at}/snapshots": 2,
    "/software_configs": 1,
    "/software_deployments": 1,
}
"""Queries of each, template and files remembered; the first is the stack's own row."""


@pytest.fixture(scope="module")
def quiet(cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stand, dict[str, str]]]:
    """A Kamado with some stacks whose engine has stopped, so that only requests ask the database; and names for paths."""
    stand = Stand(tmp_path_factory.mktemp("quiet"), cloud)
    names: dict[str, str] = {}
    body = {"template": TEMPLATE, "files": {"inner.yaml": INNER}}
    for name in ("few", "many", "more"):
        made = stand.ask("POST", "/stacks", {"stack_name": name, **body}).json()["stack"]
        stack = stand.settled(f"/stacks/{name}/{made['id']}", 60)
        assert stack["stack_status"] == "CREATE_COMPLETE", stack
        if name == "many":
            names = {"id": made["id"], "at": f"/stacks/{name}/{made['id']}"}
    stand.engine.stop()
    stand.wait_for_engine()
    yield stand, names
    stand.close()


@contextmanager
def statements(stand: Stand) -> Iterator[list[str]]:
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, sql: str, *_: Any) -> None:
        if not sql.startswith("BEGIN"):
            seen.append(sql)

    engines = (stand.store.reader.engine, stand.store.writer.engine)
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    yield seen
    for engine in engines:
        event.remove(engine, "before_cursor_execute", note)


@pytest.mark.parametrize("path", READS)
def test_reads_ask_little(quiet: tuple[Stand, dict[str, str]], path: str) -> None:
    stand, names = quiet
    url = path.format(**names)
    first = stand.ask("GET", url)
    assert first.status_code in (200, 302), first.text
    with statements(stand) as seen:
        assert stand.ask("GET", url).text == first.text
    assert len(seen) == READS[path], "\n".join(seen)
