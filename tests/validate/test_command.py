"""`kamado validate`: findings of template, environments and nested templates on disk, in three formats, with their exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from kamado.cli.main import main

HEAD = "heat_template_version: 2021-04-16\n"
GOOD = HEAD + "resources:\n  a: {type: OS::Heat::RandomString, properties: {length: 8}}\n"
NESTED = (
    HEAD
    + "parameters: {size: {type: number}}\nresources: {x: {type: OS::Heat::None}}\noutputs: {o: {value: {get_param: size}}}\n"
)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*words: str) -> Result:
    return CliRunner().invoke(main, ["validate", *words])


def write(name: str, text: str) -> None:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def found(*words: str) -> list[tuple[str, str, str, int | None]]:
    """(severity, code, file, line) of every finding."""
    body = json.loads(run(*words, "--format", "json").stdout)
    return [(one["severity"], one["code"], one["file"], one["line"]) for one in body["problems"]]


def problem(*words: str) -> dict[str, Any]:
    body = json.loads(run(*words, "--format", "json").stdout)
    (only,) = body["problems"]
    return dict(only)


def test_a_clean_template() -> None:
    write("t.yaml", GOOD)
    result = run("t.yaml")
    assert (result.exit_code, result.stdout) == (0, "t.yaml: no problems (1 resource)\n")


def test_a_finding_shows_its_place_and_what_was_meant() -> None:
    write("t.yaml", GOOD.replace("length", "lenght"))
    result = run("t.yaml")
    assert result.exit_code == 1
    assert result.stdout == (
        "t.yaml:3:50: error KT405: Property error: resources.a.properties: Unknown Property lenght "
        "(at resources.a.properties.lenght)\n"
        "   3 |   a: {type: OS::Heat::RandomString, properties: {lenght: 8}}\n"
        "     |                                                  ^\n"
        '   hint: did you mean "length"?\n\n'
        "t.yaml: 1 error\n"
    )


def test_everything_at_once() -> None:
    text = HEAD + (
        "parameters:\n  idle: {type: string}\nresources:\n  a: {type: OS::Heat::Randomstring}\n"
        "  b: {type: OS::Heat::RandomString, properties: {length: 0, nope: 1}}\n"
        "  c: {type: OS::Heat::Value, properties: {value: {get_attr: [b, valu]}}}\n"
        "outputs: {o: {value: {get_resource: z}}}\n"
    )
    write("t.yaml", text)
    assert found("t.yaml") == [
        ("warning", "KT501", "t.yaml", 3),
        ("error", "KT403", "t.yaml", 5),
        ("error", "KT405", "t.yaml", 6),
        ("error", "KT405", "t.yaml", 6),
        ("error", "KT407", "t.yaml", 7),
        ("warning", "KT408", "t.yaml", 8),
    ]


def test_what_cannot_be_read_hides_nothing_else_and_is_told_once() -> None:
    text = HEAD + (
        "parameters:\n  p: {type: strin}\nresources:\n  a: {type: My::Type, properties: {x: {get_param: p}}}\n"
        "  b: {type: OS::Heat::RandomString, properties: {length: 0, salt: {get_param: q}}}\n"
        "  c: {type: inner.yaml, properties: {size: {}}}\n"
    )
    write("t.yaml", text)
    write("inner.yaml", NESTED.replace("number", "nummber").replace("{get_param: size}", "{get_attr: [y, z]}"))
    write("e.yaml", "resource_registry: {My::Type: [1]}\nparameters: {p: 3}\n")
    assert sorted(found("t.yaml", "-e", "e.yaml"), key=lambda one: one[2:]) == [
        ("error", "KT301", "e.yaml", 1),
        ("error", "KT102", "inner.yaml", 2),
        ("error", "KT408", "inner.yaml", 4),
        ("error", "KT102", "t.yaml", 3),
        ("error", "KT405", "t.yaml", 6),
        ("error", "KT406", "t.yaml", 6),
    ]


def test_resources_at_the_wrong_level_are_no_empty_stack() -> None:
    write("t.yaml", HEAD + "outputs:\n  resources:\n    a: {type: OS::Heat::None}\n")
    assert run("t.yaml").exit_code == 1


def test_json_texts_have_places_too() -> None:
    write("t.json", '{"heat_template_version": "2021-04-16",\n "resources": {\n  "a": {"type": "OS::Heat::Nope"}}}')
    one = problem("t.json")
    assert (one["line"], one["column"], one["path"]) == (3, 9, ["resources", "a", "type"])


@pytest.mark.parametrize(("strict", "code"), [((), 0), (("--strict",), 1)])
def test_warnings_count_when_asked(strict: tuple[str, ...], code: int) -> None:
    write("t.yaml", GOOD + "conditions: {c: {equals: [1, 2]}}\n")
    result = run("t.yaml", *strict)
    assert (result.exit_code, "KT502" in result.stdout, "KT503" in result.stdout) == (code, True, True)


PARAMETERS = (
    GOOD + "parameters:\n  n: {type: number, constraints: [{range: {min: 5}}]}\noutputs: {o: {value: {get_param: n}}}\n"
)


def test_parameters_without_a_value_stay_open() -> None:
    write("t.yaml", PARAMETERS)
    assert found("t.yaml") == []


def test_a_missing_value_is_told_once_values_are_given() -> None:
    write("t.yaml", PARAMETERS)
    write("e.yaml", "parameter_defaults: {other: 1}\n")
    assert found("t.yaml", "-e", "e.yaml") == [("warning", "KT202", "t.yaml", 5)]


def test_a_wrong_value_is_shown_where_it_was_written() -> None:
    write("t.yaml", PARAMETERS)
    write("e.yaml", "parameters:\n  n: 3\n  nn: 1\n")
    result = found("t.yaml", "-e", "e.yaml")
    assert {(severity, file, line) for severity, _, file, line in result} == {
        ("error", "e.yaml", 2),
        ("error", "e.yaml", 3),
    }
    assert found("t.yaml", "-e", "e.yaml", "-P", "n=7") == [("error", "KT201", "e.yaml", 3)]


def test_later_environments_win() -> None:
    write("t.yaml", PARAMETERS)
    write("low.yaml", "parameters: {n: 3}\n")
    write("high.yaml", "parameters: {n: 5}\n")
    assert run("t.yaml", "-e", "low.yaml", "-e", "high.yaml").exit_code == 0
    assert run("t.yaml", "-e", "high.yaml", "-e", "low.yaml").exit_code == 1


def test_files_beside_the_template() -> None:
    write(
        "d/t.yaml", HEAD + "resources:\n  a: {type: OS::Heat::Value, properties: {value: {get_file: scripts/run.sh}}}\n"
    )
    one = problem("d/t.yaml")
    assert one["hint"] == "there is no file d/scripts/run.sh"
    write("d/scripts/run.sh", "true")
    assert run("d/t.yaml").exit_code == 0


def test_nested_templates_are_types_and_are_checked() -> None:
    write("t.yaml", HEAD + "resources:\n  a: {type: lib/n.yaml, properties: {size: x, sise: 1}}\n")
    write("lib/n.yaml", NESTED.replace("get_param: size", "get_attr: [y, z]"))
    write("lib/n.yaml", NESTED.replace("OS::Heat::None", "OS::Heat::Nane"))
    assert found("t.yaml") == [
        ("error", "KT405", "t.yaml", 3),
        ("error", "KT405", "t.yaml", 3),
        ("error", "KT403", "lib/n.yaml", 3),
    ]
    write("t.yaml", HEAD + "resources:\n  a: {type: lib/m.yaml, properties: {size: 1}}\n")
    assert problem("t.yaml")["hint"] == "there is no file lib/m.yaml"


def test_types_of_an_environment_stand_beside_it() -> None:
    write("t.yaml", HEAD + "resources:\n  a: {type: My::Type}\n  b: {type: My::Type, properties: {length: 3}}\n")
    write(
        "env/e.yaml", "resource_registry:\n  My::*: n.yaml\n  resources: {b: {'My::Type': 'OS::Heat::RandomString'}}\n"
    )
    write("env/n.yaml", NESTED)
    one = problem("t.yaml", "-e", "env/e.yaml")
    assert (one["file"], one["line"], one["message"]) == (
        "t.yaml",
        3,
        "Property error: resources.a.properties: Property size not assigned",
    )


def test_templates_that_contain_themselves() -> None:
    write("t.yaml", HEAD + "resources:\n  a: {type: n.yaml}\n")
    write("n.yaml", HEAD + "resources:\n  a: {type: t.yaml}\n")
    one = problem("t.yaml")
    assert (one["code"], one["file"], one["hint"]) == ("KT411", "n.yaml", "t.yaml -> n.yaml -> t.yaml")


def test_sarif() -> None:
    write("t.yaml", GOOD.replace("length", "lenght"))
    body = json.loads(run("t.yaml", "--format", "sarif").stdout)
    (result,) = body["runs"][0]["results"]
    assert body["version"] == "2.1.0"
    assert (result["ruleId"], result["level"]) == ("KT405", "error")
    assert result["locations"] == [
        {
            "physicalLocation": {"artifactLocation": {"uri": "t.yaml"}, "region": {"startLine": 3, "startColumn": 50}},
            "logicalLocations": [{"fullyQualifiedName": "resources.a.properties.lenght"}],
        }
    ]


def test_what_is_no_environment() -> None:
    write("t.yaml", GOOD)
    write("e.yaml", "parametrs: {}\n")
    one = problem("t.yaml", "-e", "e.yaml")
    assert (one["file"], one["line"], one["hint"]) == ("e.yaml", 1, 'did you mean "parameters"?')


@pytest.mark.parametrize("words", [("nope.yaml",), ("t.yaml", "-P", "x"), ("t.yaml", "--format", "xml"), ()])
def test_wrong_usage(words: tuple[str, ...]) -> None:
    write("t.yaml", GOOD)
    assert run(*words).exit_code == 2


def process(*words: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, "-m", "kamado.cli.main", "validate", *words],
        capture_output=True, text=True, timeout=60, env=env, check=False,
    )  # fmt: skip


def test_as_a_process() -> None:
    write("good.yaml", GOOD)
    write("bad.yaml", HEAD + "resources: [\n")
    assert process("good.yaml").returncode == 0
    refused = process("bad.yaml")
    assert (refused.returncode, refused.stderr) == (1, "")
    assert "bad.yaml:3:1: error KT001" in refused.stdout
    assert process("none.yaml").returncode == 2


CHILD = (
    HEAD
    + """parameters:
  x: {type: string, constraints: [{length: {min: 5}}]}
resources:
  v: {type: OS::Heat::Value, properties: {value: {get_param: x}, valu: 1}}
"""
)


def test_members_of_groups_are_looked_at() -> None:
    write("child.yaml", CHILD)
    write(
        "t.yaml",
        HEAD
        + """resources:
  g:
    type: OS::Heat::ResourceGroup
    properties: {count: 3, resource_def: {type: child.yaml, properties: {x: abc}}}
""",
    )
    assert [(file, line) for _, _, file, line in found("t.yaml")] == [("t.yaml", 3), ("child.yaml", None)]


def test_files_that_contradict_each_other_are_named() -> None:
    """How values are merged hangs on the parameters' types."""
    write("t.yaml", HEAD + "parameters: {l: {type: comma_delimited_list}}\nresources: {}\n")
    write("a.yaml", "parameters: {l: 'a,b'}\nparameter_merge_strategies: {l: merge}\n")
    write("b.yaml", "parameters: {l: c}\nparameter_merge_strategies: {l: merge}\n")
    assert run("t.yaml", "-e", "a.yaml", "-e", "b.yaml").exit_code == 0
    write("b.yaml", "parameters: {l: c}\nparameter_merge_strategies: {l: deep_merge}\n")
    assert ("error", "KT304", "b.yaml", None) in found("t.yaml", "-e", "a.yaml", "-e", "b.yaml")
