"""What bodies look like, as JSON schemas: bodies are checked by them, and the description of the API shows them.

The trap: a schema is no stricter than Heat. Keys that nobody knows are let through, and what Heat refuses in words of its own is left to
`bodies`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

JsonSchema = dict[str, Any]


@dataclass(frozen=True)
class Body:
    """The body of a request: its schema, compiled when first needed."""

    schema: JsonSchema

    @cached_property
    def validator(self) -> Draft202012Validator:
        """Checks bodies against it."""
        from jsonschema import Draft202012Validator  # takes its time, which a start must not wait for

        return Draft202012Validator(self.schema)


def body(**properties: JsonSchema) -> Body:
    """A map with these keys, among others; none has to be there."""
    return Body({"type": "object", "properties": properties})


def text(longest: int | None = None) -> JsonSchema:
    """Text or null."""
    return {"type": ["string", "null"]} if longest is None else {"type": ["string", "null"], "maxLength": longest}


MAP: JsonSchema = {"type": ["object", "null"]}
NAME = text(255)

NEW_CONFIG = body(
    name=NAME,
    group=NAME,
    config={"type": ["string", "object", "null"], "description": "Text, or a map."},
    inputs={"description": "A list of maps: name, type, default, value, description, replace_on_change."},
    outputs={"description": "A list of maps: name, type, error_output, description."},
    options=MAP,
)

DEPLOYMENT_CHANGE = body(
    config_id=text(36),
    input_values=MAP,
    output_values=MAP,
    action=NAME,
    status=NAME,
    status_reason=text(),
)

NEW_DEPLOYMENT = body(
    config_id=text(36),
    server_id=NAME,
    input_values=MAP,
    action=NAME,
    status=NAME,
    status_reason=text(),
    stack_user_project_id=text(),
)

TRUTH: JsonSchema = {"type": ["boolean", "string", "null"], "description": "true or false."}
WHOLE: JsonSchema = {"type": ["integer", "string", "null"], "description": "A whole number that is not negative."}
TEMPLATE: JsonSchema = {
    "type": ["string", "object", "null"],
    "description": "HOT or CFN: text in YAML or JSON, or a map.",
    "examples": [
        {
            "heat_template_version": "2018-08-31",
            "parameters": {"word": {"type": "string", "default": "hello"}},
            "resources": {"r": {"type": "OS::Heat::TestResource", "properties": {"value": {"get_param": "word"}}}},
            "outputs": {"o": {"value": {"get_attr": ["r", "output"]}}},
        },
        "heat_template_version: 2018-08-31\nparameters: {word: {type: string, default: salt}}\n"
        "resources: {r: {type: OS::Heat::RandomString, properties: {salt: {get_param: word}}}}\n",
    ],
}

_STACK: dict[str, JsonSchema] = {
    "template": TEMPLATE,
    "template_url": {**text(), "description": "Fetched by the server, from hosts that it allows."},
    "environment": {
        "type": ["string", "object", "null"],
        "description": "Text in YAML or JSON, or a map.",
        "examples": [{"parameters": {"word": "bye"}}, "parameter_defaults: {word: bye}"],
    },
    "environment_files": {
        "type": ["array", "null"],
        "items": {"type": "string"},
        "description": "Keys of files, in order.",
    },
    "files": {"type": ["object", "null"], "additionalProperties": {"type": "string"}},
    "files_container": {**text(), "description": "A container of the object store whose objects are files."},
    "parameters": {**MAP, "examples": [{"word": "there"}]},
    "timeout_mins": WHOLE,
    "disable_rollback": TRUTH,
    "tags": {**text(), "description": "Comma separated, each at most 80 characters."},
}
_PLAN: dict[str, JsonSchema] = {"plan": {**text(), "description": "Basis of a plan: refused unless it still holds."}}
_NAMED: dict[str, JsonSchema] = {"stack_name": {"type": "string", "pattern": "^[a-zA-Z][a-zA-Z0-9_.-]{0,254}$"}}

CREATE = body(
    **_NAMED,
    **_STACK,
    **_PLAN,
    adopt_stack_data={"type": ["string", "object", "null"], "description": "An export to take over."},
)
UPDATE = body(**_STACK, **_PLAN, converge=TRUTH)
PATCH = body(
    **_STACK, **_PLAN, converge=TRUTH, clear_parameters={"type": ["array", "null"], "items": {"type": "string"}}
)
VALIDATE = body(**_STACK)
PLANNED = body(
    **_STACK,
    action=text(),
    existing=TRUTH,
    retain={"type": ["array", "null"], "items": {"type": "string"}},
    force=TRUTH,
)
ACTION = body(check={}, suspend={}, resume={}, cancel_update={}, cancel_without_rollback={}, retry={}, rollback={})
SNAPSHOT = body(name=NAME)
MARK = body(mark_unhealthy=TRUTH, resource_status_reason=text())
SIGNAL = body()
