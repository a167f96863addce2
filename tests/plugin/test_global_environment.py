"""The folder of the operator's environment: what is read, in which order, and what keeps a service from starting."""

from __future__ import annotations

from pathlib import Path

import pytest

from kamado.plugin.global_environment import GlobalEnvironmentInvalid, read_global_environment
from kamado.plugin.registry import Registry, UnknownType
from kamado.resources import heat, neutron

TYPES = Registry((*heat.TYPES, *neutron.TYPES))
TEMPLATE = (
    "heat_template_version: 2018-08-31\ndescription: ours\nparameters: {p: {type: string}}\noutputs: {o: {value: x}}\n"
)


def registry(folder: Path, **files: str) -> Registry:
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    found = read_global_environment(folder)
    return TYPES.with_global(found.section, found.files)


def test_no_folder_is_no_environment(tmp_path: Path) -> None:
    assert not read_global_environment(tmp_path / "nope").section


def test_files_are_laid_over_each_other_in_the_order_of_their_names(tmp_path: Path) -> None:
    found = registry(
        tmp_path,
        b__yaml='resource_registry: {"My::A": "OS::Heat::None"}',
        a__json='{"resource_registry": {"My::A": "OS::Heat::Value", "My::B": "OS::Heat::Value"}}',
        README="not: [an environment",
        _c__yaml="",
    )
    assert found.get("My::A", "").type_name == "OS::Heat::None"
    assert found.get("My::B", "").type_name == "OS::Heat::Value"


def test_a_users_environment_comes_first_even_by_a_pattern(tmp_path: Path) -> None:
    base = registry(
        tmp_path,
        a__yaml='resource_registry: {"My::A": "OS::Heat::None", resources: {one: {"OS::Heat::Value": "OS::Heat::None"}}}',
    )
    assert base.get("OS::Heat::Value", "one").type_name == "OS::Heat::None"
    assert base.for_environment({"My::*": "OS::Heat::Value"}).get("My::A", "").type_name == "OS::Heat::Value"
    view = base.for_environment({"OS::Heat::Value": "OS::Heat::RandomString"})
    assert view.get("OS::Heat::Value", "one").type_name == "OS::Heat::RandomString"
    assert base.for_environment({"My::B": "OS::Heat::Value"}).get("My::A", "").type_name == "OS::Heat::None"


def test_templates_are_found_beside_the_file_and_by_url(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "t.yaml").write_text(TEMPLATE)
    url = (tmp_path / "templates" / "t.yaml").as_uri()
    found = registry(
        tmp_path,
        a__yaml=f'resource_registry: {{"My::A": templates/t.yaml, "My::B": "{url}", "OS::Heat::None": "{url}"}}',
    )
    assert set(found.get("My::A", "").schema.properties) == {"p"}
    assert found.get("My::A", "") is found.get("My::B", "")
    offered = found.offered()
    assert offered["My::A"].__doc__ == "ours"
    assert "p" in offered["OS::Heat::None"].schema.properties, "a template that stands for a type is the type"
    assert "OS::Quantum::Net" not in offered


def test_a_name_that_is_mapped_to_another_type_is_not_offered(tmp_path: Path) -> None:
    found = registry(
        tmp_path, a__yaml='resource_registry: {"My::A": "OS::Heat::None", "OS::Heat::Value": "OS::Heat::None"}'
    )
    assert not {"My::A", "OS::Heat::Value"} & set(found.offered())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("resource_registry: [", "a.yaml:2:1: error KT001"),
        ("resource_registri: {}", 'environment has wrong section "resource_registri" [did you mean'),
        ("resource_registry: {A: 1}", 'the registry entry "A" must name a type or a template'),
        ("resource_registry: {A: nope.yaml}", "nope.yaml cannot be read: "),
        ("resource_registry: {A: http://x/t.yaml}", 'a.yaml: "http://x/t.yaml" is not on this machine'),
        (
            "resource_registry: {resources: {r: {A: sub/bad.yaml}}}",
            "bad.yaml:1:1: error KT007: Template not in valid format",
        ),
    ],
)
def test_a_broken_file_is_told_with_its_place(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "bad.yaml").write_text("a: b")
    with pytest.raises(GlobalEnvironmentInvalid) as refused:
        registry(tmp_path, a__yaml=text)
    assert words in str(refused.value)


def test_the_rest_of_an_environment_has_no_effect_and_that_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    found = registry(tmp_path, a__yaml="parameter_defaults: {p: x}\nparameters: {q: y}\n")
    assert "parameter_defaults has no effect in a global environment" in caplog.text
    with pytest.raises(UnknownType):
        found.get("p", "")
