"""The tables in `cases/`, and the template that is put around a value of theirs.

Used twice: by the tests here, without any service, and by `tests/real/test_language_against_heat.py`, which asks a real Heat and a
running Kamado. A table holds what Heat 27.0.1 says; a row with `differs` names why Kamado says something else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

CASES = Path(__file__).parent / "cases"

PARAMETERS: dict[str, tuple[str, Any]] = {
    "p_str": ("string", "abc"),
    "p_num": ("number", "7"),
    "p_bool": ("boolean", "true"),
    "p_list": ("comma_delimited_list", "a,b,c"),
    "p_json": ("json", {"k": {"n": [10, 20]}, "e": None, "u": "ü"}),
    "p_empty": ("string", ""),
    "p_hidden": ("string", "s3"),
}
LIVE = {"r": {"value": "rv", "show": None}, "j": {"value": {"a": {"b": "B"}, "l": ["x", "y"]}}}
PROJECT = "2e99d682bcfd4da893dbda76a1b5e09a"  # stands for the project's id
FILES = {"f.txt": "content"}

_CFN = {"2010-09-09": "AWSTemplateFormatVersion", "2012-12-12": "HeatTemplateFormatVersion"}
_CFN_TYPES = {
    "string": "String",
    "number": "Number",
    "boolean": "Boolean",
    "comma_delimited_list": "CommaDelimitedList",
    "json": "Json",
}


def cases(name: str) -> list[dict[str, Any]]:
    """The rows of a table; of several, one after the other, when ``name`` has a star."""
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    texts = (path.read_text(encoding="utf-8") for path in sorted(CASES.glob(name)))
    return [row for text in texts for row in yaml.load(text, Loader=loader)]


def differs(row: Mapping[str, Any], question: str) -> bool:
    """Whether Kamado's answer to a row differs from Heat's, asked in this way: `library`, `preview`, `output` or `validate`."""
    return "differs" in row and question in row.get("differs_in", (question,))


def by_version(row: Mapping[str, Any], question: str) -> dict[str, dict[str, Any]]:
    """What a row of `versions.yaml` says to a question (`preview`, `condition`), by version: `value`, or `refused` and `type`."""
    found: dict[str, dict[str, Any]] = {}
    for group in row.get(question, ()):
        if "refused" in group:
            answer = {"refused": group["refused"], "type": group.get("type", "StackValidationFailed")}
        else:
            answer = {"value": row["call"] if "plain" in group else group["value"]}
        found.update(dict.fromkeys(group["in"], answer))
    return found


def orderly(sentence: str) -> str:
    """A sentence with what Heat takes from a set in order: the entries of a circle, versions of a template, names of algorithms."""
    if found := re.fullmatch(r"(.*Algorithm must be one of) \{(.*)\}", sentence, re.DOTALL):
        return f"{found[1]} {{{', '.join(sorted(found[2].split(', ')))}}}"
    if found := re.fullmatch(r"(.*Ambiguous versions) \((.*)\)", sentence, re.DOTALL):
        return f"{found[1]} ({', '.join(sorted(found[2].split(', ')))})"
    if not sentence.startswith("Circular Dependency Found: "):
        return sentence
    entries = re.findall(r'(\w+ "[^"]*"): \{([^}]*)\}', sentence)
    return "; ".join(sorted(f"{name} needs {', '.join(sorted(needs.split(', ')))}" for name, needs in entries))


def around(version: str, values: Mapping[str, Any], as_outputs: bool = False, **more: Any) -> dict[str, Any]:
    """A template of ``version`` (HOT's or CloudFormation's) with each of ``values``, by name, as a resource's `value` or as an output.

    It has the parameters and resources that the rows speak of; ``more`` are sections in HOT's words that are added.
    """
    resources: dict[str, Any] = {
        "r": {"type": "OS::Heat::Value", "properties": {"type": "string", "value": "rv"}},
        "j": {"type": "OS::Heat::Value", "properties": {"type": "json", "value": LIVE["j"]["value"]}},
    }
    made: dict[str, Any] = {
        "parameters": {name: {"type": kind, "default": value} for name, (kind, value) in PARAMETERS.items()},
        "resources": resources,
    }
    if version in _CFN:
        made["mappings"] = {"M": {"abc": {"n": "found", "l": ["x", "y"]}, "k": {"n": 5}}}
    if version == "2010-09-09":
        made["conditions"] = {"c_true": {"Fn::Equals": [1, 1]}, "c_false": {"Fn::Equals": [1, 2]}}
    elif version >= "2016-10-14":
        made["conditions"] = {"c_true": True, "c_false": {"equals": [1, 2]}}
    if as_outputs:
        made["outputs"] = {name: {"value": value} for name, value in values.items()}
    else:
        for name, value in values.items():
            resources[name] = {"type": "OS::Heat::Value", "properties": {"value": value}}
    for section, entries in more.items():
        made[section] = {**made.get(section, {}), **entries}
    return {_CFN[version]: version, **_in_cfn(made)} if version in _CFN else {"heat_template_version": version, **made}


def _in_cfn(made: Mapping[str, Any]) -> dict[str, Any]:
    """Sections and the keys of their entries in CloudFormation's spelling."""
    sections: dict[str, Any] = {}
    for section, entries in made.items():
        sections[section.capitalize()] = (
            entries
            if section in ("conditions", "mappings")
            else {name: {key.capitalize(): value for key, value in entry.items()} for name, entry in entries.items()}
        )
    for parameter in sections["Parameters"].values():
        parameter["Type"] = _CFN_TYPES[parameter["Type"]]
    return sections


def around_parameter(schema: Any, version: str = "2018-08-31") -> dict[str, Any]:
    """A template with one parameter `p`."""
    return {
        "heat_template_version": version,
        "parameters": {"p": schema},
        "resources": {"x": {"type": "OS::Heat::None"}},
    }


SHOWN = {"s": "template", "n": "0", "b": "False", "l": "t", "j": '{"t": 1}', "h": "******"}
"""The parameters of `around_environment` as long as no environment says anything."""


def around_environment(row: Mapping[str, Any]) -> dict[str, Any]:
    """A template with a parameter of each type and one resource `v`, whose type the row may name."""
    declared = {
        "s": {"type": "string", "default": "template"},
        "n": {"type": "number", "default": 0},
        "b": {"type": "boolean", "default": False},
        "l": {"type": "comma_delimited_list", "default": "t"},
        "j": {"type": "json", "default": {"t": 1}},
        "h": {"type": "string", "default": "t", "hidden": True},
    }
    resource = {"type": row.get("resource", "OS::Heat::Value"), "properties": {"value": "x"}}
    return {"heat_template_version": "2018-08-31", "parameters": declared, "resources": {"v": resource}}


def environment_request(row: Mapping[str, Any]) -> dict[str, Any]:
    """What a row of `environments.yaml` adds to a request: an environment, or files in order, and the request's own parameters."""
    made = {
        request: row[key] for key, request in (("environment", "environment"), ("given", "parameters")) if key in row
    }
    if "files" in row:
        texts = [one if isinstance(one, str) else json.dumps(one) for one in row["files"]]
        names = [f"{number}.yaml" for number in range(len(texts))]
        made |= {"environment_files": names, "files": dict(zip(names, texts, strict=True))}
    return made
