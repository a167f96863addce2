"""A small client of the REST API for our own commands; it knows only what any client of Heat knows.

Called by `demo` and `watch`. keystoneauth does the authentication, the catalog and the connections.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from keystoneauth1 import adapter, session
from keystoneauth1.exceptions import ClientException, HttpError


class RestError(Exception):
    """The server refused, or could not be reached; the text is the server's own. ``status`` is 0 when there was no answer."""

    def __init__(self, text: str, status: int = 0) -> None:
        super().__init__(text)
        self.status = status


class Orchestration:
    """The orchestration service as one project sees it.

    ``endpoint``: its URL when the catalog has another one or none; ``%(project_id)s`` in it is filled in.
    """

    def __init__(self, keystone: session.Session, endpoint: str | None = None, region: str | None = None) -> None:
        self._keystone = keystone
        if endpoint:
            endpoint = endpoint.replace("%(project_id)s", self.project_id)
        self._adapter = adapter.Adapter(
            keystone, service_type="orchestration", interface="public", region_name=region, endpoint_override=endpoint
        )

    @property
    def project_id(self) -> str:
        """The project that the token is for. Raises RestError."""
        try:
            return str(self._keystone.get_project_id())
        except ClientException as error:
            raise RestError(str(error)) from error

    @classmethod
    def connect(cls, endpoint: str | None = None) -> Orchestration:
        """As the OS_* variables or clouds.yaml say. Raises RestError."""
        import openstack
        from openstack.exceptions import SDKException

        try:
            cloud = openstack.connect()
            return cls(cloud.session, endpoint, cloud.config.get_region_name())
        except (SDKException, ClientException) as error:
            raise RestError(str(error)) from error

    def create(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """POST /stacks; the new stack's id and links."""
        return dict(self._call("POST", "/stacks", json=dict(body))["stack"])

    def stack(self, name_or_id: str) -> dict[str, Any]:
        """One stack, its outputs resolved."""
        return dict(self._call("GET", f"/stacks/{quote(name_or_id, safe='/')}")["stack"])

    def plan(self, name_and_id: str | None, body: Mapping[str, Any]) -> dict[str, Any]:
        """The plan of a change to the stack ``name/id``, or of a new one."""
        path = "/stacks/plan" if name_and_id is None else f"/stacks/{name_and_id}/plan"
        return dict(self._call("POST", path, json=dict(body))["plan"])

    def send(self, method: str, path: str, body: Mapping[str, Any] | None) -> None:
        """A request of which only matters that it is accepted."""
        self._ask(method, path, **({} if body is None else {"json": dict(body)}))

    def resources(self, name_and_id: str) -> list[dict[str, Any]]:
        """The resources of the stack ``name/id``."""
        return list(self._call("GET", f"/stacks/{name_and_id}/resources")["resources"])

    def events(self, name_and_id: str, after: str | None = None) -> list[dict[str, Any]]:
        """The events of the stack ``name/id``, oldest first; ``after``: only those that follow the event of this id."""
        marker = f"&marker={after}" if after else ""
        return list(self._call("GET", f"/stacks/{name_and_id}/events?sort_dir=asc{marker}")["events"])

    def last_event(self, name_and_id: str) -> str | None:
        """The id of the newest event of the stack ``name/id``."""
        found = self._call("GET", f"/stacks/{name_and_id}/events?sort_dir=desc&limit=1")["events"]
        return str(found[0]["id"]) if found else None

    def _call(self, method: str, path: str, **more: Any) -> Any:
        return self._ask(method, path, **more).json()

    def _ask(self, method: str, path: str, **more: Any) -> Any:
        try:
            return self._adapter.request(path, method, **more)
        except HttpError as error:
            raise RestError(_words(error), error.http_status) from error
        except ClientException as error:
            raise RestError(str(error)) from error


def _words(error: HttpError) -> str:
    """What the server said, taken out of its fault body."""
    try:
        fault = error.response.json()
        return str(fault["error"]["message"] or fault["explanation"])
    except (AttributeError, KeyError, TypeError, ValueError):
        return str(error)
