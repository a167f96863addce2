"""What bodies look like, as JSON schemas: bodies are checked by them, and the description of the API shows them.

The trap: a schema is no stricter than Heat. Keys that nobody knows are let through, and what Heat refuses in words of its own is left to
`bodies`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from jsonschema import Draft202012Validator

JsonSchema = dict[str, Any]


@dataclass(frozen=True)
class Body:
    """The body of a request: its schema, compiled when first needed."""

    schema: JsonSchema

    @cached_property
    def validator(self) -> Draft202012Validator:
        """Checks bodies against it."""
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
    stack_user_project_id=text(64),
)
