"""An operator's environment folder, seen from outside: a real `kamado up` with such a folder."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.kamado_process import KAMADO, KamadoProcess
from tests.scenarios.site import Site

HEAD = "heat_template_version: 2018-08-31\n"
WRAPPED = (
    HEAD
    + "description: a value with a mark\nparameters: {value: {type: string}}\n"
    + 'resources: {v: {type: "OS::Heat::Value", properties: {value: {list_join: ["-", [ours, {get_param: value}]]}}}}\n'
    + "outputs: {value: {value: {get_attr: [v, value]}}}\n"
)
STACK = HEAD + (
    'resources: {a: {type: "My::Value", properties: {value: x}}, w: {type: "My::Wrapped", properties: {value: y}},\n'
    '  single: {type: "OS::Heat::Value", properties: {value: z}}}\n'
    "outputs: {a: {value: {get_attr: [a, value]}}, w: {value: {get_attr: [w, value]}}, v: {value: {get_attr: [single, value]}}}\n"
)


@pytest.fixture(scope="module")
def operated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KamadoProcess]:
    base = tmp_path_factory.mktemp("operated")
    folder = base / "environment.d"
    folder.mkdir()
    (folder / "wrapped.template").write_text(WRAPPED)
    (folder / "10.yaml").write_text(
        'resource_registry: {"My::Value": "OS::Heat::None", "My::Wrapped": wrapped.template,'
        ' resources: {single: {"OS::Heat::Value": wrapped.template}}}\n'
    )
    (folder / "20.json").write_text('{"resource_registry": {"My::Value": "OS::Heat::Value"}}')
    config = base / "kamado.conf"
    config.write_text(f"[DEFAULT]\nenvironment_dir = {folder}\n")
    process = KamadoProcess(base / "state", config_file=config).start()
    yield process
    process.stop()


def outputs(site: Site, name: str) -> dict[str, object]:
    return {one["output_key"]: one["output_value"] for one in site.settled(name)["outputs"]}


def test_types_that_the_operator_maps_work_in_stacks(operated: KamadoProcess) -> None:
    site = operated.site()
    site.create("mapped", STACK)
    assert outputs(site, "mapped") == {"a": "x", "w": "ours-y", "v": "ours-z"}
    shown = site.rest("GET", f"/stacks/mapped/{site.settled('mapped')['id']}/environment").json()
    assert shown["resource_registry"] == {"resources": {}}, "the operator's environment is not the user's"
    site.heat.stacks.delete("mapped")
    site.gone("mapped")


def test_a_users_environment_comes_first(operated: KamadoProcess) -> None:
    site = operated.site()
    mine = {"My::Wrapped": "OS::Heat::Value", "OS::Heat::Value": "OS::Heat::Value"}
    site.create("mine", STACK, environment={"resource_registry": mine})
    assert outputs(site, "mine") == {"a": "x", "w": "y", "v": "z"}
    site.heat.stacks.delete("mine")
    site.gone("mine")


def test_the_list_of_types_has_the_operators_templates_and_not_other_names(operated: KamadoProcess) -> None:
    site = operated.site()
    names = site.rest("GET", "/resource_types").json()["resource_types"]
    assert "My::Wrapped" in names
    assert "OS::Heat::Value" in names
    assert "My::Value" not in names
    described = site.rest("GET", "/resource_types?with_description=true&name=My").json()["resource_types"]
    assert described == [{"resource_type": "My::Wrapped", "description": "a value with a mark"}]
    schema = site.rest("GET", "/resource_types/My::Wrapped").json()
    assert (schema["resource_type"], set(schema["properties"])) == ("My::Wrapped", {"value"})


def test_validate_on_the_command_line_takes_the_folder(operated: KamadoProcess, tmp_path: Path) -> None:
    template = tmp_path / "t.yaml"
    template.write_text(STACK)
    folder = operated.state.parent / "environment.d"
    for words, code in (([], 1), (["--environment-dir", folder], 0)):
        done = subprocess.run(
            [KAMADO, "validate", template, *words], capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == code, done.stdout + done.stderr


def test_a_broken_file_keeps_it_from_starting_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("resource_registry:\n  A: [1]\n")
    config = tmp_path / "kamado.conf"
    config.write_text(f"[DEFAULT]\nenvironment_dir = {tmp_path}\n")
    process = KamadoProcess(tmp_path / "state", config_file=config)
    with pytest.raises(AssertionError) as failed:
        process.start()
    assert f"{tmp_path}/broken.yaml:2" in str(failed.value)
    assert "must name a type or a template" in str(failed.value)
