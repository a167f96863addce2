"""Request bodies: JSON with limits, and what stack requests say.

Called by handlers. The trap: a body is only read when it looks like a JSON object; anything else counts as missing,
as in Heat, and is refused where one is needed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from falcon import HTTPUnsupportedMediaType, Request

from kamado.api.errors import BadRequest
from kamado.api.query import truth, whole
from kamado.api.schemas import Body
from kamado.orchestrator.errors import Refused, RequestLimitExceeded
from kamado.orchestrator.requests import StackRequest
from kamado.template import Environment, TemplateInvalid, load
from kamado.template.limits import Limits
from kamado.template.source import read as read_text

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

_JSON_TYPES = ("", "application/json", "text/plain")


def read(req: Request, limit: int) -> dict[str, Any] | None:
    """The JSON object of the request, or None when there is none.

    :param limit: largest body in bytes.
    :raises RequestLimitExceeded: it is larger; nothing of it has been parsed.
    """
    if not _is_json(req):
        return None
    length = req.content_length
    if length is not None and length > limit:
        _drain(req, length)
        raise too_large(length, limit)
    raw: bytes = _undeclared(req, limit + 1) if length is None else req.bounded_stream.read(length)
    if len(raw) > limit:
        raise too_large(len(raw), limit)
    if raw.lstrip()[:1] != b"{":
        return None
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise BadRequest(str(error) or "The body is nested too deeply.") from error
    return found if isinstance(found, dict) else None


def _undeclared(req: Request, most: int) -> bytes:
    """A body in chunks, which the server has put together; without them and without a length there is none."""
    if "chunked" not in (req.get_header("Transfer-Encoding") or "").lower():
        return b""
    found = b""
    while len(found) < most:
        part: bytes = req.stream.read(most - len(found))
        if not part:
            break
        found += part
    return found


def _is_json(req: Request) -> bool:
    return (req.content_type or "").split(";", 1)[0].strip().lower() in _JSON_TYPES


def _drain(req: Request, length: int, most: int = 16 * 1024 * 1024) -> None:
    """Take in what the client is still sending, so that it reads the answer instead of a broken connection."""
    left = min(length, most)
    while left > 0:
        chunk = req.bounded_stream.read(min(left, 65536))
        if not chunk:
            return
        left -= len(chunk)


def too_large(length: int, limit: int) -> RequestLimitExceeded:
    """The refusal for a body over the limit."""
    return RequestLimitExceeded.of(f"JSON body size ({length} bytes) exceeds maximum allowed size ({limit} bytes).")


def checked(body: dict[str, Any], expected: Body) -> dict[str, Any]:
    """The body, refused when it does not fit; says where and what was expected.

    :raises BadRequest: it does not.
    """
    from jsonschema.exceptions import best_match  # see `schemas`

    wrong = best_match(expected.validator.iter_errors(body))
    if wrong is not None:
        place = ".".join(str(part) for part in wrong.absolute_path)
        raise BadRequest(f"{place}: {_expected(wrong)}" if place else _expected(wrong))
    return body


def _expected(wrong: ValidationError) -> str:
    """What a schema wants, without what was sent: that may be long, or secret."""
    wanted: Any = wrong.validator_value
    if wrong.validator == "type":
        kinds = [wanted] if isinstance(wanted, str) else wanted
        return "expected " + " or ".join(_KINDS.get(kind, kind) for kind in kinds if kind != "null")
    if wrong.validator == "maxLength":
        return f"at most {wanted} characters"
    return f"does not fit {wrong.validator} {json.dumps(wanted)}"


_KINDS = {"string": "text", "object": "a map", "array": "a list", "boolean": "true or false"}


def needed(req: Request, limit: int) -> dict[str, Any]:
    """The body of a route that needs one.

    :raises falcon.HTTPUnsupportedMediaType: there is one, and it says that it is not JSON.
    """
    body = read(req, limit)
    if body is None:
        if req.content_length and not _is_json(req):
            raise HTTPUnsupportedMediaType
        raise BadRequest
    return body


def stack_request(
    body: Mapping[str, Any], *, naming: bool = False, patch: bool = False, creating: bool = False
) -> StackRequest:
    """What a stack request says, checked for shape only.

    :param naming: `stack_name` must be there.
    :param patch: the template may be left out: the stored one stays, and parameters are merged into the stored ones.
    :param creating: it is a create, where `converge` makes no sense.
    """
    if naming and "stack_name" not in body:
        raise BadRequest("No stack name specified")
    if creating and "converge" in body:
        raise BadRequest("converge flag only supported in stack update (or update preview) request.")
    adopted = _adopted(body) if creating and body.get("adopt_stack_data") is not None else None
    if adopted is not None:
        body = {**body, "template": adopted["template"]}
    named = files(body)
    environment = _environment(body, named)
    if adopted is not None:
        named = {**files(adopted), **named}
        told = adopted.get("environment") or {}
        environment = Environment.load({"parameters": told.get("parameters") or {}}).merge(environment)
    return StackRequest(
        name=body.get("stack_name"),
        template=_template(body, needed=not patch),
        files=named,
        environment=environment,
        timeout_mins=_timeout(body),
        disable_rollback=_rollback(body),
        tags=_tags(body),
        clear_parameters=names(body, "clear_parameters"),
        existing=patch or existing(body),
        converge=truth(body.get("converge", False), "converge"),
        adopt=None if adopted is None else dict(adopted.get("resources") or {}),
        changes=frozenset(key for key, value in body.items() if value is not None),
        plan=plan_of(body),
    )


def _template(body: Mapping[str, Any], needed: bool) -> str | Mapping[str, Any] | None:
    source = body.get("template")
    if source == "" and needed:
        raise BadRequest("Template not in valid format: Template format version not found.")
    if source or (source is not None and needed):
        if not isinstance(source, (str, Mapping)):
            raise BadRequest("Template not in valid format: The template is not a JSON object or YAML mapping.")
        return source
    if needed:
        raise BadRequest("No template specified")
    return None


_MAPS_OF_ADOPTED = ("resources", "environment", "template", "files", "resource_data")
"""What is a map in the data of a stack, and of a resource, which may be one."""


def _adopted(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The data of a stack that was abandoned or exported: as text, JSON or YAML."""
    source = body["adopt_stack_data"]
    try:
        found = read_text(source, "adopt_stack_data", Limits()).value if isinstance(source, str) else source
    except TemplateInvalid as error:
        raise BadRequest(f"Invalid adopt data: {error}") from error
    if not isinstance(found, Mapping):
        raise BadRequest("Invalid adopt data: The template is not a JSON object or YAML mapping.")
    if "template" not in found:
        raise BadRequest("Invalid adopt data: 'template'")
    inside: list[Any] = [found]
    while inside:
        stack = inside.pop()
        for key in _MAPS_OF_ADOPTED:
            if not isinstance(stack.get(key) or {}, Mapping):
                raise BadRequest(f"Invalid adopt data: '{key}'")
        for name, resource in (stack.get("resources") or {}).items():
            if not isinstance(resource, Mapping):
                raise BadRequest(f"Invalid adopt data: '{name}'")
            inside.append(resource)
    return found


def files(body: Mapping[str, Any]) -> dict[str, str]:
    """The files of a stack request, by name."""
    found = body.get("files") or {}
    if not isinstance(found, Mapping) or not all(
        isinstance(name, str) and isinstance(text, str) for name, text in found.items()
    ):
        raise BadRequest("files: expected a map of names to text")
    return dict(found)


def _environment(body: Mapping[str, Any], files: Mapping[str, str]) -> Environment:
    """The merged environment of the request, as far as it can be read; its parameters win over those of the environment."""
    names = body.get("environment_files")
    if names:
        if not isinstance(names, list):
            raise BadRequest("environment_files: expected a list of names in files")
        missing = [name for name in names if name not in files]
        if missing:
            raise BadRequest(f"environment_files: {missing[0]} is not in files")
        environments = [Environment.draft(files[name], file=name) for name in names]
        merging = any(environment.merge_strategies for environment in environments)
        types = _parameter_types(body.get("template")) if merging else None
        try:
            merged = Environment.merge_all(environments, types, names)
        except TemplateInvalid as refused:
            told = [problem for environment in environments for problem in environment.problems]
            merged = Environment.unreadable([*told, *refused.problems])
    else:
        merged = Environment.draft(body.get("environment"), file="environment")
    own = body.get("parameters")
    if own is None:
        return merged
    if not isinstance(own, Mapping):
        raise Refused("ValueError", "parameters: expected a map of names to values")
    return merged.with_parameters(own)


def _parameter_types(source: Any) -> dict[str, str]:
    """Parameter name → type, which says how values are merged; nothing for a template that is not there or cannot be read."""
    if not source:
        return {}
    try:
        return {name: schema.type for name, schema in load(source).parameters.items()}
    except TemplateInvalid:
        return {}


def existing(body: Mapping[str, Any]) -> bool:
    """Whether the request is about what is stored already, with what it says on top."""
    return truth(body.get("existing", False), "existing")


def plan_of(body: Mapping[str, Any]) -> str | None:
    """The plan that the request is held to: the text that a plan view gave as ``basis``."""
    value = body.get("plan")
    if value is not None and not isinstance(value, str):
        raise BadRequest("plan: expected the basis of a plan, a text")
    return value


def _timeout(body: Mapping[str, Any]) -> int | None:
    value = body.get("timeout_mins")
    return None if value is None else (whole(value, "timeout_mins") or None)


def _rollback(body: Mapping[str, Any]) -> bool | None:
    value = body.get("disable_rollback")
    if value is None:
        return None
    try:
        return truth(value, "disable_rollback")
    except BadRequest as error:
        raise Refused("ValueError", error.message) from error


def _tags(body: Mapping[str, Any]) -> tuple[str, ...] | None:
    value = body.get("tags")
    if value is None:
        return None
    if not isinstance(value, str):
        raise Refused("AttributeError", "tags: expected text, comma separated")
    tags = tuple(value.split(",")) if value else ()
    for tag in tags:
        if len(tag) > 80:
            raise BadRequest(f'Invalid tag, "{tag}" is longer than 80 characters')
    return tags


def names(body: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """A list of names under a key, empty when it is not there."""
    value = body.get(key) or ()
    if not isinstance(value, (list, tuple)) or not all(isinstance(name, str) for name in value):
        raise BadRequest(f"{key}: expected a list of names")
    return tuple(value)
