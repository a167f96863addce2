"""What answers look like, as JSON schemas for the description of the API. What a key may hold follows `views`."""

from __future__ import annotations

from kamado.api.schemas import JsonSchema
from kamado.model.lifecycle import Action, Status

TEXT: JsonSchema = {"type": "string"}
TEXT_OR_NULL: JsonSchema = {"type": ["string", "null"]}
WHOLE: JsonSchema = {"type": "integer"}
TRUTH: JsonSchema = {"type": "boolean"}
MAP: JsonSchema = {"type": "object"}
ANY: JsonSchema = {}
TIME: JsonSchema = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"}
TIME_OR_NULL: JsonSchema = {"type": ["string", "null"], "pattern": TIME["pattern"]}
PRECISE: JsonSchema = {"type": ["string", "null"], "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z?$"}


def several(item: JsonSchema) -> JsonSchema:
    """A list."""
    return {"type": "array", "items": item}


def shape(optional: dict[str, JsonSchema] | None = None, /, **always: JsonSchema) -> JsonSchema:
    """A map with these keys and no other; ``optional`` ones may be missing."""
    return {
        "type": "object",
        "properties": {**always, **(optional or {})},
        "required": sorted(always),
        "additionalProperties": False,
    }


def each(value: JsonSchema) -> JsonSchema:
    """A map whose keys are names."""
    return {"type": "object", "additionalProperties": value}


def component(name: str) -> JsonSchema:
    """One of `COMPONENTS`: what holds others like itself, or stands in many places."""
    return {"$ref": f"#/components/schemas/{name}"}


def one_of(*words: str) -> JsonSchema:
    """One of these words."""
    return {"type": "string", "enum": list(words)}


LINKS = several(shape(href=TEXT, rel=TEXT))
_ACTION = one_of(*Action)
_STATUS = one_of(*Status)
_JOINED: JsonSchema = {"type": "string", "pattern": f"^({'|'.join(Action)})_({'|'.join(Status)})$"}
COUNT: JsonSchema = {"type": "integer", "minimum": 0}
TAGS: JsonSchema = {"type": ["array", "null"], "items": TEXT}
PROBLEM = shape(
    code=TEXT, message=TEXT, path=several({"type": ["string", "integer"]}), file=TEXT_OR_NULL,
    line={"type": ["integer", "null"]}, column={"type": ["integer", "null"]}, hint=TEXT, severity=TEXT,
)  # fmt: skip
FAULT = shape(
    code=WHOLE,
    title=TEXT,
    explanation=TEXT,
    error=shape({"problems": several(PROBLEM)}, type=TEXT, message=TEXT, traceback=TEXT_OR_NULL),
)
UNAUTHENTICATED = shape(error=shape(code=WHOLE, title=TEXT, message=TEXT))
PAGE = shape(message=TEXT, code=TEXT, title=TEXT)

CREATED = shape(stack=shape(id=TEXT, links=LINKS))
_STACK: dict[str, JsonSchema] = {
    "id": TEXT,
    "links": LINKS,
    "stack_name": TEXT,
    "description": TEXT,
    "creation_time": TIME_OR_NULL,
    "updated_time": TIME_OR_NULL,
    "deletion_time": TIME_OR_NULL,
    "stack_owner": TEXT_OR_NULL,
    "parent": TEXT_OR_NULL,
    "stack_user_project_id": TEXT_OR_NULL,
    "tags": TAGS,
}
_STATE: dict[str, JsonSchema] = {"stack_status": _JOINED, "stack_status_reason": TEXT}
_OUTPUT: dict[str, JsonSchema] = {"output_key": TEXT, "description": TEXT}
OUTPUT = shape({"output_error": TEXT_OR_NULL}, output_value=ANY, **_OUTPUT)
_DETAIL: dict[str, JsonSchema] = {
    "notification_topics": several(TEXT),
    "parameters": MAP,
    "template_description": TEXT,
    "capabilities": several(TEXT),
    "disable_rollback": TRUTH,
    "timeout_mins": {"type": ["integer", "null"]},
}
STACKS = shape(
    {"count": COUNT, "links": LINKS},
    stacks=several(shape({"project": TEXT}, **_STACK, **_STATE)),
)
STACK = shape(stack=shape({"outputs": several(OUTPUT)}, **_STACK, **_STATE, **_DETAIL))
PREVIEW = shape(stack=shape({"outputs": several(OUTPUT)}, resources=component("Planned"), **_STACK, **_DETAIL))
OUTPUTS = shape(outputs=several(shape(**_OUTPUT)))
ONE_OUTPUT = shape(output=OUTPUT)
_IDENTITY = shape(tenant=TEXT, stack_name=TEXT, stack_id=TEXT, path=TEXT)
_PLANNED = shape(
    {"parent_resource": TEXT, "properties": MAP},
    updated_time=TIME_OR_NULL,
    creation_time=TIME_OR_NULL,
    resource_name=TEXT,
    physical_resource_id=TEXT,
    resource_action=_ACTION,
    resource_status=_STATUS,
    resource_status_reason=TEXT,
    resource_type=TEXT,
    resource_identity=_IDENTITY,
    stack_identity=_IDENTITY,
    stack_name=TEXT,
    required_by=several(TEXT),
    description=TEXT,
    metadata=MAP,
    attributes=MAP,
)
CHANGES = shape(
    resource_changes=shape(
        **dict.fromkeys(("unchanged", "updated", "replaced", "added", "deleted"), several(component("PlannedResource")))
    )
)
_RESOURCE = shape(
    {"parent_resource": TEXT, "description": TEXT, "attributes": MAP},
    resource_name=TEXT,
    logical_resource_id=TEXT,
    physical_resource_id=TEXT,
    resource_type=TEXT,
    resource_status=_JOINED,
    resource_status_reason=TEXT,
    creation_time=TIME_OR_NULL,
    updated_time=TIME_OR_NULL,
    required_by=several(TEXT),
    links=LINKS,
)
RESOURCES = shape(resources=several(_RESOURCE))
RESOURCE = shape(resource=_RESOURCE)
METADATA = shape(metadata=MAP)
_EVENT: dict[str, JsonSchema] = {
    "id": TEXT,
    "links": LINKS,
    "event_time": TIME_OR_NULL,
    "logical_resource_id": TEXT,
    "resource_name": TEXT,
    "physical_resource_id": TEXT_OR_NULL,
    "resource_status": _JOINED,
    "resource_status_reason": TEXT,
}
EVENTS = shape(events=several(shape(**_EVENT)))
EVENT = shape(event=shape(resource_type=TEXT, resource_properties=MAP, **_EVENT))
TIMELINE = shape(
    timeline=shape(
        operation_id=TEXT,
        action=TEXT,
        state=TEXT,
        accepted_at=PRECISE,
        started_at=PRECISE,
        finished_at=PRECISE,
        resources=several(
            shape(
                resource_name=TEXT,
                resource_type=TEXT,
                resource_status=_JOINED,
                started_at=PRECISE,
                ended_at=PRECISE,
                seconds={"type": ["number", "null"]},
                waited_for=TEXT_OR_NULL,
                waited_seconds={"type": "number"},
                queued_seconds={"type": "number"},
            )
        ),
    )
)
TEMPLATE: JsonSchema = {
    "type": "object",
    "anyOf": [
        {"required": [key]}
        for key in ("heat_template_version", "HeatTemplateFormatVersion", "AWSTemplateFormatVersion")
    ],
}
FILES = each(TEXT)
ENVIRONMENT = shape(
    {"encrypted_param_names": several(TEXT)},
    resource_registry={"type": "object", "required": ["resources"], "properties": {"resources": MAP}},
    parameters=MAP,
    parameter_defaults=MAP,
    event_sinks=several(MAP),
)
_KEPT = shape(
    name=TEXT,
    resource_id=TEXT_OR_NULL,
    type=TEXT,
    action=_ACTION,
    status=_STATUS,
    metadata=MAP,
    resource_data=MAP,
)
_EXPORT = shape(
    {"resource_data": MAP},
    name=TEXT,
    id=TEXT,
    action=_ACTION,
    status=_STATUS,
    template=TEMPLATE,
    environment=MAP,
    files=FILES,
    resources=each({"anyOf": [_KEPT, component("Export")]}),
    project_id=TEXT,
    stack_user_project_id=TEXT_OR_NULL,
    tags=several(TEXT),
)
EXPORT = component("Export")
ONE_SNAPSHOT = shape(
    id=TEXT,
    name=TEXT_OR_NULL,
    action=_ACTION,
    status=_STATUS,
    status_reason=TEXT_OR_NULL,
    data=EXPORT,
    creation_time=TIME,
)
SNAPSHOT = shape(snapshot=ONE_SNAPSHOT)
SNAPSHOTS = shape(snapshots=several(ONE_SNAPSHOT))
_CHANGE = shape(
    path=several({"type": ["string", "integer"]}), old=ANY, new=ANY, known_later=TRUTH, replaces=TRUTH
)  # fmt: skip
_STEP = shape(
    step=TEXT,
    action=TEXT,
    resource=TEXT,
    type=TEXT,
    reason=TEXT,
    physical_resource_id=TEXT_OR_NULL,
    needs=several(TEXT),
    decided_at_run_time=TRUTH,
    may_become=several(TEXT),
    deletion_policy=TEXT_OR_NULL,
    external=TRUTH,
    changes=several(_CHANGE),
    nested_is_known_later=TRUTH,
    because_of=several(TEXT),
    touches=several(TEXT),
    nested={"anyOf": [component("StackPlan"), {"type": "null"}]},
)
_STACK_PLAN: dict[str, JsonSchema] = {
    "action": _ACTION,
    "stack_id": TEXT_OR_NULL,
    "stack_name": TEXT_OR_NULL,
    "has_changes": TRUTH,
    "summary": each(COUNT),
    "steps": several(_STEP),
    "unchanged": several(TEXT),
}
PLAN = shape(plan=shape(basis=TEXT_OR_NULL, **_STACK_PLAN))
NOTHING: JsonSchema = {"type": "null"}
TYPES = shape(resource_types=several({"anyOf": [TEXT, shape(resource_type=TEXT, description=TEXT)]}))
_PROPERTY = shape(
    {"description": TEXT, "default": ANY, "constraints": several(MAP), "schema": each(component("Property"))},
    type=one_of("string", "number", "integer", "boolean", "list", "map", "any"),
    required=TRUTH,
    update_allowed=TRUTH,
    immutable=TRUTH,
)
_SUPPORT = shape(
    status=TEXT,
    message=TEXT_OR_NULL,
    version=TEXT_OR_NULL,
    previous_status={"anyOf": [component("Support"), {"type": "null"}]},
)
TYPE = shape(
    resource_type=TEXT,
    properties=each(component("Property")),
    attributes=each(shape({"type": TEXT}, description=TEXT)),
    support_status=component("Support"),
)
_BOUND: JsonSchema = {"type": ["number", "string"]}
_PARAMETER = shape(
    {
        "Default": ANY,
        "Value": ANY,
        "AllowedValues": several(ANY),
        "AllowedPattern": TEXT,
        "ConstraintDescription": TEXT,
        "CustomConstraint": TEXT,
        "Tags": several(TEXT),
        **dict.fromkeys(("MinLength", "MaxLength", "MinValue", "MaxValue", "Step", "Offset"), _BOUND),
    },
    Type=TEXT,
    Description=TEXT,
    NoEcho=one_of("true", "false"),
    Label=TEXT,
)
_WANTED: dict[str, JsonSchema] = {"Description": TEXT, "Parameters": each(_PARAMETER)}
_WANTED_TOO: dict[str, JsonSchema] = {
    "ParameterGroups": several(MAP),
    "NestedParameters": each(component("NestedParameters")),
}
VALIDATED = shape({**_WANTED_TOO, "Problems": several(PROBLEM)}, Environment=ENVIRONMENT, **_WANTED)
VERSIONS = shape(template_versions=several(shape(version=TEXT, type=one_of("hot", "cfn"), aliases=several(TEXT))))
FUNCTIONS = shape(template_functions=several(shape(functions=TEXT, description=TEXT)))
BUILD = shape(api=shape(revision=TEXT), engine=shape(revision=TEXT))
SERVICES = shape(
    services=several(
        shape(
            **dict.fromkeys(("id", "binary", "engine_id", "host", "hostname", "topic"), TEXT),
            report_interval=COUNT,
            created_at=PRECISE,
            updated_at=PRECISE,
            deleted_at=PRECISE,
            status=one_of("up", "down"),
        )
    )
)
_DECLARED: dict[str, JsonSchema] = {"description": TEXT_OR_NULL}
_INPUT = shape({**_DECLARED, "default": ANY, "value": ANY, "replace_on_change": TRUTH}, name=TEXT, type=TEXT)
_OUTPUT_OF_CONFIG = shape(_DECLARED, name=TEXT, type=TEXT, error_output=TRUTH)
_CONFIG: dict[str, JsonSchema] = {"id": TEXT, "name": TEXT_OR_NULL, "group": TEXT_OR_NULL, "creation_time": TIME}
_WHOLE_CONFIG = shape(
    config={"type": ["string", "object", "null"]},
    inputs=several(_INPUT),
    outputs=several(_OUTPUT_OF_CONFIG),
    options=MAP,
    **_CONFIG,
)
CONFIGS = shape(software_configs=several(shape({"project": TEXT}, **_CONFIG)))
CONFIG = shape(software_config=_WHOLE_CONFIG)
SERVER = shape(metadata=several(_WHOLE_CONFIG))
_DEPLOYMENT = shape(
    {"updated_time": TIME},
    id=TEXT,
    server_id=TEXT,
    config_id=TEXT,
    input_values=MAP,
    output_values={"type": ["object", "null"]},
    action=TEXT_OR_NULL,
    status=TEXT_OR_NULL,
    status_reason=TEXT_OR_NULL,
    creation_time=TIME,
)
DEPLOYMENTS = shape(software_deployments=several(_DEPLOYMENT))
DEPLOYMENT = shape(software_deployment=_DEPLOYMENT)

COMPONENTS: dict[str, JsonSchema] = {
    "Fault": FAULT,
    "Unauthenticated": UNAUTHENTICATED,
    "Page": PAGE,
    "PlannedResource": _PLANNED,
    "Planned": several({"anyOf": [component("PlannedResource"), component("Planned")]}),
    "StackPlan": shape(**_STACK_PLAN),
    "Export": _EXPORT,
    "Property": _PROPERTY,
    "Support": _SUPPORT,
    "NestedParameters": shape(_WANTED_TOO, Type=TEXT, **_WANTED),
}
"""Schemas that others refer to by name."""
