"""What software configs and deployments mean: their inputs and outputs, and what a server's signal makes of a deployment.

Pure; called by the REST API and by the types that make configs and deployments. Names and texts are Heat's, which the agents on the
servers know.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kamado.model.records import SoftwareConfigRecord
from kamado.template.problems import dotted
from kamado.template.schema import AllowedValues, PropertyType, Schema, ValuesInvalid, coerce_all

IN_PROGRESS, COMPLETE, FAILED = "IN_PROGRESS", "COMPLETE", "FAILED"

STATUS_CODE = "deploy_status_code"
TOLD_ALWAYS = ("deploy_stdout", "deploy_stderr", STATUS_CODE)
"""Outputs that every deployment has, declared or not."""

UNGROUPED = "Heat::Ungrouped"
"""The group of a config that no tool on servers runs."""

ACTIONS = ("CREATE", "UPDATE", "DELETE", "SUSPEND", "RESUME")
"""Actions of a stack at which a server may have something to do."""

IO_TYPES = ("String", "Number", "CommaDelimitedList", "Json", "Boolean")

_OF_TYPE = {
    "String": PropertyType.STRING,
    "Number": PropertyType.NUMBER,
    "CommaDelimitedList": PropertyType.LIST,
    "Json": PropertyType.MAP,
    "Boolean": PropertyType.BOOLEAN,
}
_COMMON = {
    "name": Schema(PropertyType.STRING, required=True),
    "description": Schema(PropertyType.STRING),
    "type": Schema(PropertyType.STRING, default="String", constraints=(AllowedValues(IO_TYPES),)),
}
_OUTPUT = {**_COMMON, "error_output": Schema(PropertyType.BOOLEAN, default=False)}


@dataclass(frozen=True, slots=True)
class NewConfig:
    """A config that is asked for; ``inputs`` and ``outputs`` as they were sent."""

    name: str | None = None
    group: str | None = None
    config: Any = None
    inputs: Any = None
    outputs: Any = None
    options: Mapping[str, Any] = field(default_factory=dict)


def inputs(declared: Any) -> list[dict[str, Any]]:
    """Declared inputs in the form in which they are kept: a default's type is the input's, ``value`` is any.

    :raises ValueError: it is no list of maps, or one of them is not as it should be.
    """
    return [_input(one) for one in _maps(declared)]


def outputs(declared: Any) -> list[dict[str, Any]]:
    """Declared outputs in the form in which they are kept.

    :raises ValueError: as for `inputs`.
    """
    return [_shaped(_OUTPUT, one) for one in _maps(declared)]


def _maps(declared: Any) -> list[Mapping[str, Any]]:
    if not isinstance(declared, list):
        raise ValueError("Software Config I/O Schema must be in a list")
    if not all(isinstance(one, Mapping) for one in declared):
        raise ValueError("Software Config I/O Schema must be a dict")
    return declared


def _input(given: Mapping[str, Any]) -> dict[str, Any]:
    rest = {name: value for name, value in given.items() if name != "value"}
    kind = _OF_TYPE.get(str(rest.get("type", "String")), PropertyType.ANY)
    # An empty default stood for "none" when all defaults were text.
    if rest.get("default") == "" or "type" not in rest:
        kind = PropertyType.ANY
    default = Schema(kind, allow_conversion=True)
    made = _shaped({**_COMMON, "default": default, "replace_on_change": Schema(PropertyType.BOOLEAN)}, rest)
    if not made.get("replace_on_change"):
        made.pop("replace_on_change", None)
    return {**made, "value": given["value"]} if "value" in given else made


def _shaped(fields: Mapping[str, Schema], given: Mapping[str, Any]) -> dict[str, Any]:
    said = {name: value for name, value in given.items() if value is not None}
    try:
        return coerce_all(fields, said)
    except ValuesInvalid as error:
        first = error.errors[0]
        place = f"{dotted(first.path)}: " if first.path else ""
        raise ValueError(f"Property error: {place}{first.message}") from error


def signalled(
    declared: Sequence[Mapping[str, Any]], told: Mapping[str, Any], before: Mapping[str, Any] | None
) -> dict[str, Any]:
    """What a signal changes of a deployment in progress: output_values, status and status_reason.

    :param declared: the outputs of its config.
    :param told: what the server sent. An exit code other than 0, or a value of an error output, means that it failed.
    :param before: output values that it has already.
    """
    values = dict(before or {})
    failures: dict[str, Any] = {}
    code = told.get(STATUS_CODE)
    if code and str(code) != "0":
        failures[STATUS_CODE] = f"Deployment exited with non-zero status code: {code}"
    for output in declared:
        name = output["name"]
        if name in told:
            values[name] = told[name]
            if output.get("error_output"):
                failures[name] = told[name]
    values.update({name: told.get(name) for name in TOLD_ALWAYS})
    reason = ", ".join(f"{name} : {why}" for name, why in failures.items())
    return {
        "output_values": values,
        "status": FAILED if failures else COMPLETE,
        "status_reason": reason or "Outputs received",
    }


def told(config: SoftwareConfigRecord) -> dict[str, Any]:
    """A config as servers are told of it, and as the API shows it."""
    return {
        "id": config.id,
        "name": config.name,
        "group": config.group,
        "creation_time": config.created_at.isoformat()[:19] + "Z",
        "config": config.config,
        "inputs": [dict(one) for one in config.inputs],
        "outputs": [dict(one) for one in config.outputs],
        "options": dict(config.options),
    }
