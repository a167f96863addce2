"""What answers look like, as JSON schemas for the description of the API. What a key may hold follows `views`."""

from __future__ import annotations

from kamado.api.schemas import JsonSchema

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


LINKS = several(shape(href=TEXT, rel=TEXT))
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
_STATE: dict[str, JsonSchema] = {"stack_status": TEXT, "stack_status_reason": TEXT}
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
    {"count": WHOLE, "links": LINKS},
    stacks=several(shape({"project": TEXT}, **_STACK, **_STATE)),
)
STACK = shape(stack=shape({"outputs": several(OUTPUT)}, **_STACK, **_STATE, **_DETAIL))
PREVIEW = shape(stack=shape({"outputs": several(OUTPUT)}, resources=several(ANY), **_STACK, **_DETAIL))
OUTPUTS = shape(outputs=several(shape(**_OUTPUT)))
ONE_OUTPUT = shape(output=OUTPUT)
CHANGES = shape(
    resource_changes={"type": "object", "additionalProperties": several(MAP)},
)
_RESOURCE = shape(
    {"parent_resource": TEXT, "description": TEXT, "attributes": MAP},
    resource_name=TEXT,
    logical_resource_id=TEXT,
    physical_resource_id=TEXT,
    resource_type=TEXT,
    resource_status=TEXT,
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
    "resource_status": TEXT,
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
                resource_status=TEXT,
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
ONE_SNAPSHOT = shape(
    id=TEXT, name=TEXT_OR_NULL, action=TEXT, status=TEXT, status_reason=TEXT_OR_NULL, data=MAP, creation_time=TIME
)
SNAPSHOT = shape(snapshot=ONE_SNAPSHOT)
SNAPSHOTS = shape(snapshots=several(ONE_SNAPSHOT))
PLAN = shape(plan=MAP)
NOTHING: JsonSchema = {"type": "null"}
TYPES = shape(resource_types=several({"type": ["string", "object"]}))
TYPE = shape(resource_type=TEXT, properties=MAP, attributes=MAP, support_status=MAP)
VERSIONS = shape(template_versions=several(shape(version=TEXT, type=TEXT, aliases=several(TEXT))))
FUNCTIONS = shape(template_functions=several(shape(functions=TEXT, description=TEXT)))
BUILD = shape(api=shape(revision=TEXT), engine=shape(revision=TEXT))
SERVICES = shape(services=several(MAP))
_CONFIG: dict[str, JsonSchema] = {"id": TEXT, "name": TEXT_OR_NULL, "group": TEXT_OR_NULL, "creation_time": TIME}
_WHOLE_CONFIG = shape(
    config={"type": ["string", "object", "null"]}, inputs=several(MAP), outputs=several(MAP), options=MAP, **_CONFIG
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
