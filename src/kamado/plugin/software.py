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

DEPLOYMENTS, OS_COLLECT_CONFIG = "deployments", "os-collect-config"
"""Keys of a server's metadata: the configs that it is to have, and where its agent reads of them. The second is one of its data too."""

UNGROUPED = "Heat::Ungrouped"
"""The group of a config that no tool on servers runs."""

COMPONENT = "component"
"""The group of a config that is several, one for each action."""

ACTIONS = ("CREATE", "UPDATE", "DELETE", "SUSPEND", "RESUME")
"""Actions of a stack at which a server may have something to do."""

_OWN_INPUTS: Mapping[str, str] = {
    "deploy_server_id": "ID of the server being deployed to",
    "deploy_action": "Name of the current action being deployed",
    "deploy_stack_id": "ID of the stack this deployment belongs to",
    "deploy_resource_name": "Name of this deployment resource in the stack",
    "deploy_signal_transport": "How the server should signal to heat with the deployment output values.",
    "deploy_signal_id": "ID of signal to use for signaling output values",
    "deploy_signal_verb": "HTTP verb to use for signaling output values",
    "deploy_auth_url": "URL for API authentication",
    "deploy_username": "Username for API authentication",
    "deploy_user_id": "User ID for API authentication",
    "deploy_password": "Password for API authentication",
    "deploy_project_id": "ID of project for API authentication",
    "deploy_region_name": "Region name for API authentication",
    "deploy_queue_id": "ID of queue to use for signaling output values",
}
"""What the agents on servers find among the inputs, and its description."""

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


@dataclass(frozen=True, slots=True)
class NewDeployment:
    """A deployment that is asked for. ``stack_user_project_id``: a second project that may see it."""

    config_id: str
    server_id: str
    input_values: Mapping[str, Any] = field(default_factory=dict)
    action: str | None = None
    status: str | None = None
    status_reason: str | None = None
    stack_user_project_id: str | None = None


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


def own_input(name: str, value: Any) -> dict[str, Any]:
    """One of the inputs by which a server learns of the deployment itself."""
    return {"name": name, "description": _OWN_INPUTS[name], "type": "String", "value": value}


def valued(source: SoftwareConfigRecord | None, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The inputs of a config with the values that a deployment gives them: its own, else the default; what is not declared comes after."""
    declared = () if source is None else source.inputs
    known = {one["name"] for one in declared}
    found = [{**one, "value": values.get(one["name"], one.get("default"))} for one in declared]
    return found + [
        {"name": name, "type": "String", "value": value} for name, value in values.items() if name not in known
    ]


def filled_in(config: Any, key: str, values: Mapping[str, Any], *, all_given: bool = False) -> Any:
    """A config with the values of inputs where it names them: ``{key: name}`` becomes the value, null when there is none.

    :param all_given: whether there must be one.
    :raises KeyError: there is none; its argument is the name.
    """
    if isinstance(config, Mapping):
        if len(config) == 1 and isinstance(config.get(key), str):
            name = config[key]
            return values[name] if all_given else values.get(name)
        return {name: filled_in(value, key, values, all_given=all_given) for name, value in config.items()}
    if isinstance(config, list):
        return [filled_in(value, key, values, all_given=all_given) for value in config]
    return config


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
