"""The plugin of `docs/plugins.md`, loaded as a plugin is and run through the API against the local cloud. Nothing is mocked."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.wire.stand import Stand

from kamado.localcloud.server import LocalCloud
from kamado.plugin.registry import Registry

PAGE = (Path(__file__).parents[2] / "docs" / "plugins.md").read_text()
EXAMPLE = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)
ENTRY_POINT = re.search(r'\[project\.entry-points\."(.+?)"\]\n(.+?)\n', PAGE)
VOLUME = {"type": "OS::Cinder::Volume", "properties": {"size": 1}}


@pytest.fixture
def installed(tmp_path: Path) -> Iterator[None]:
    """The example as an installed distribution of its own."""
    assert EXAMPLE is not None
    assert ENTRY_POINT is not None
    place = tmp_path / "site"
    about = place / "acme_types-1.0.dist-info"
    about.mkdir(parents=True)
    (place / "acme_types.py").write_text(EXAMPLE[1])
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-types\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[{ENTRY_POINT[1]}]\n{ENTRY_POINT[2].replace(chr(34), '')}\n")
    sys.path.insert(0, str(place))
    yield
    sys.path.remove(str(place))
    sys.modules.pop("acme_types", None)


@pytest.fixture
def stand(installed: None, tmp_path: Path) -> Iterator[Stand]:
    with LocalCloud(identity_port=0) as cloud:
        made = Stand(tmp_path, cloud)
        yield made
        made.close()


def template(text: str, **snapshot: Any) -> dict[str, Any]:
    wanted = {"volume": {"get_resource": "disk"}, "description": "before", **snapshot}
    return {
        "heat_template_version": "2018-08-31",
        "resources": {
            "disk": VOLUME,
            "shot": {"type": "Acme::Storage::Snapshot", "properties": wanted},
            "note": {"type": "Acme::Text::Note", "properties": {"text": text}},
        },
        "outputs": {
            "size": {"value": {"get_attr": ["shot", "size"]}},
            "loud": {"value": {"get_attr": ["note", "shout"]}},
        },
    }


def snapshots(stand: Stand) -> list[dict[str, Any]]:
    cloud = stand.factory.for_user("demo", "demo", "demo")
    found: list[dict[str, Any]] = cloud.service("volumev3").list("/snapshots/detail", "snapshots")
    return found


def outputs(stack: dict[str, Any]) -> dict[str, Any]:
    return {output["output_key"]: output["output_value"] for output in stack["outputs"]}


def test_the_example_lives_a_life(stand: Stand) -> None:
    body = template("hello", metadata={"a": "1", "b": "2"})
    answer = stand.ask("POST", "/stacks", {"stack_name": "acme", "template": body})
    assert answer.status_code == 201, answer.text
    path = f"/stacks/acme/{answer.json()['stack']['id']}"
    stack = stand.settled(path)
    assert stack["stack_status"] == "CREATE_COMPLETE", stack["stack_status_reason"]
    assert outputs(stack) == {"size": "1", "loud": "HELLO"}
    (made,) = snapshots(stand)
    assert re.fullmatch(r"acme-shot-[a-z2-7]{12}", made["name"])
    assert (made["description"], made["metadata"]) == ("before", {"a": "1", "b": "2"})

    body = template("bye", description="after", metadata={"b": "3", "c": "4"})
    assert stand.ask("PUT", path, {"template": body}).status_code == 202
    stack = stand.settled(path)
    assert stack["stack_status"] == "UPDATE_COMPLETE", stack["stack_status_reason"]
    assert outputs(stack) == {"size": "1", "loud": "BYE"}
    (changed,) = snapshots(stand)
    assert changed["id"] == made["id"]
    assert (changed["description"], changed["metadata"]) == ("after", {"b": "3", "c": "4"})

    assert stand.ask("DELETE", path).status_code == 204
    assert stand.settled(path)["stack_status"] == "DELETE_COMPLETE"
    assert snapshots(stand) == []


def test_its_rule_is_checked_before_anything_is_made(stand: Stand) -> None:
    body = template("hello", description=None)
    answer = stand.ask("POST", "/stacks", {"stack_name": "acme", "template": body})
    assert answer.status_code == 400
    assert "At least one of the following properties must be specified: name, description." in answer.text
    assert snapshots(stand) == []


@pytest.mark.usefixtures("installed")
def test_it_is_found_beside_ours() -> None:
    names = Registry.load().names()
    assert {"Acme::Storage::Snapshot", "Acme::Text::Note", "OS::Neutron::Net"} <= set(names)
