"""What a stack request names but does not bring along: a template behind a URL, files in a container of the object store.

Called by handlers before the body is read as a stack request. The trap: both are limited by what a body could bring along itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kamado.api import bodies
from kamado.api.call import Call
from kamado.api.errors import BadRequest
from kamado.api.fetching import FetchError, fetch
from kamado.orchestrator import templates
from kamado.orchestrator.errors import NotFound, NotSupported, RequestLimitExceeded
from kamado.orchestrator.requests import StackRequest

_MOST_OBJECTS = 1000


def stack_request(call: Call, body: Mapping[str, Any] | None = None, **how: bool) -> StackRequest:
    """The request of a call, or of the body that was read of it; ``how`` is that of `bodies.stack_request`.

    :raises TemplateInvalid: its environment cannot be read; everything else that is wrong is told with that.
    """
    body = call.needed_body() if body is None else body
    if body.get("template") is None and body.get("template_url"):
        body = {**body, "template": _template(call, body["template_url"])}
    if body.get("files_container"):
        body = {**body, "files": {**_objects(call, body["files_container"]), **bodies.files(body)}}
    request = bodies.stack_request(body, **how)
    templates.refuse_unread(call.services, call.context, request)
    return request


def _template(call: Call, url: Any) -> str:
    if not isinstance(url, str):
        raise BadRequest("template_url: expected text")
    try:
        return fetch(url, call.settings.fetch, call.services.settings.max_template_size)
    except FetchError as error:
        raise BadRequest(f"Could not retrieve template: {error}") from error


def _objects(call: Call, container: Any) -> dict[str, str]:
    """Name → text of all objects of a container that are text."""
    if not isinstance(container, str):
        raise BadRequest("files_container: expected text")
    store = call.services.clouds.objects(call.context)
    if store is None:
        raise NotSupported.of("Reading files from an object container")
    names = store.names(container, _MOST_OBJECTS + 1)
    if names is None:
        raise NotFound(f"The object container ({container}) could not be found.")
    if len(names) > _MOST_OBJECTS:
        raise RequestLimitExceeded.of(f"The container {container} has more than {_MOST_OBJECTS} objects.")
    found: dict[str, str] = {}
    left = call.settings.max_json_body_size
    for name in names:
        stored = store.read(container, name, left)
        if stored is None:
            continue
        left -= len(stored.body)
        if left < 0:
            raise RequestLimitExceeded.of(
                f"The objects of container {container} exceed the maximum size of a request "
                f"({call.settings.max_json_body_size} bytes)."
            )
        try:
            found[name] = stored.body.decode()
        except UnicodeDecodeError as error:
            raise BadRequest(f"files_container: {name} is no text") from error
    return found
