"""OS::Heat::Stack: a stack that another orchestration service keeps, in another region or another cloud.

Spoken to as any client does, with the owner's credential or with one that the owner keeps as a secret. The trap: that service is as free
as ours to be slow, so the state that it shows right after a request may still be the one before.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from kamado.cloud.failures import CloudError
from kamado.cloud.rest import Service
from kamado.plugin.declare import BOOLEAN, INTEGER, MAP, STRING, Attr, Prop, Properties, resource_type
from kamado.plugin.errors import PermanentError, PluginError, ResourceInError, ResourceUnknownStatus
from kamado.plugin.thing import CloudResource, parse_time
from kamado.resources.heat.elsewhere import service_of

_NAME = "stack_name"
"""Key of the data: what the stack is called there."""
_SNAPSHOT, _SNAPSHOT_OF = "snapshot_id", "snapshot"
_GRACE = timedelta(seconds=60)
"""How long after a request the state of before it is taken for slowness."""


class RemoteActions(CloudResource):
    """A stack that is elsewhere: how it is seen, and what can be done to it that needs no template."""

    service_type = "orchestration"

    def handle_suspend(self) -> dict[str, Any]:
        """Has it suspended."""
        return self._act("suspend")

    def check_suspend_complete(self, token: Mapping[str, Any] | None) -> bool:
        """Whether it is."""
        return self._is("SUSPEND", token)

    def handle_resume(self) -> dict[str, Any]:
        """Has it resumed."""
        return self._act("resume")

    def check_resume_complete(self, token: Mapping[str, Any] | None) -> bool:
        """Whether it is."""
        return self._is("RESUME", token)

    def handle_check(self) -> dict[str, Any]:
        """Has it checked."""
        return self._act("check")

    def check_check_complete(self, token: Mapping[str, Any] | None) -> bool:
        """Whether it is in order."""
        return self._is("CHECK", token)

    def _asked(self) -> dict[str, Any]:
        return {"asked": self.ports.clock.now().isoformat()}

    def _act(self, action: str) -> dict[str, Any]:
        # An action that is under way already is waited for.
        self._orchestration.post(f"{self._path()}/actions", json={action: None}, ok=(409,))
        return self._asked()

    def _is(self, action: str, token: Mapping[str, Any] | None, found: Mapping[str, Any] | None = None) -> bool:
        """Whether an action is over. Raises PluginError when it failed or when another one has come in between."""
        stack = found or self._show()
        state, reason = str(stack["stack_status"]), str(stack.get("stack_status_reason") or "")
        done, _, status = state.partition("_")
        if done == action:
            if status == "FAILED":
                raise ResourceInError(state, reason)
            return status == "COMPLETE"
        asked = (token or {}).get("asked")
        if status == "IN_PROGRESS" or asked is None:
            return False
        if self.ports.clock.now() - datetime.fromisoformat(asked) < _GRACE:
            return False
        words = f"Resource action mismatch detected: expected={action} actual={done}"
        raise ResourceUnknownStatus(state, reason=words)

    def _show(self, missing: bool = False) -> Any:
        """The stack as it is; None when it is not there and may be ``missing``."""
        try:
            answer = self._orchestration.get(self._path())
        except CloudError as error:
            if missing and error.not_found:
                return None
            raise
        return answer["stack"]

    def _path(self) -> str:
        name = self.data.get(_NAME) or self._name_there()
        return f"/stacks/{quote(str(name), safe='')}/{self.physical_id}"

    def _name_there(self) -> str:
        """What a stack is called that was not made from here: the service leads from its id to its name. Raises CloudError."""
        answer = self._orchestration.fetch("GET", f"/stacks/{self.physical_id}", headers={"Accept": "application/json"})
        path = urlsplit(answer.headers.get("Location", "")).path.rstrip("/").split("/")
        if len(path) < 2:
            raise PermanentError(f"{self.physical_id} is no stack", "NotFound")
        name = unquote(path[-2])
        self.set_data(_NAME, name)
        return name

    @property
    def _orchestration(self) -> Service:
        return service_of(self.cloud, self.properties.get("context") or {}, self.service_type)


@resource_type("OS::Heat::Stack")
class RemoteStack(RemoteActions):
    """A stack made by the orchestration service of another region or cloud."""

    heat_class = "RemoteStack"
    can_find = True
    properties = Properties(
        Prop(
            "context",
            MAP,
            "Where the stack is and how to get there.",
            update=True,
            fields=(
                Prop("region_name", STRING, "Region; the own one when left out."),
                Prop(
                    "credential_secret_id",
                    STRING,
                    "ID of a Barbican secret whose payload is a credential for another cloud, as JSON: auth_type and auth.",
                    update=True,
                    since="12.0.0",
                ),
                Prop("ca_cert", STRING, "Certificates that are trusted there (PEM).", update=True, since="12.0.0"),
                Prop(
                    "insecure", BOOLEAN, "Certificates are not looked at.", default=False, update=True, since="12.0.0"
                ),
            ),
        ),
        Prop("template", STRING, "The stack's template.", required=True, update=True),
        Prop("timeout", INTEGER, "Minutes that its creation or update may take.", update=True),
        Prop("parameters", MAP, "Values of its parameters.", default={}, update=True),
    )
    attributes = (
        Attr("stack_name", STRING, "Its name."),
        Attr("outputs", MAP, "Its outputs by name."),
    )

    @classmethod
    def replaces(cls, before: Mapping[str, Any], after: Mapping[str, Any], changed: Collection[str]) -> bool:
        """A stack does not move to another region."""
        return "context" in changed and _region(before) != _region(after)

    def handle_create(self) -> dict[str, Any]:
        """Makes it, under the physical name."""
        self.set_data(_NAME, self.physical_name)
        answer = self._orchestration.post("/stacks", json={_NAME: self.physical_name, **self._body()})
        self.set_physical_id(str(answer["stack"]["id"]))
        return self._asked()

    def check_create_complete(self, token: Mapping[str, Any] | None) -> bool:
        """Whether it is made."""
        return self._is("CREATE", token)

    def handle_update(self, changes: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """Brings it to what is wanted now; where it is stays. Another way there is tried by that, too."""
        self._orchestration.put(self._path(), json=self._body())
        return self._asked()

    def check_update_complete(self, token: Mapping[str, Any] | None) -> bool:
        """Whether it is as is wanted."""
        return self._is("UPDATE", token)

    def handle_delete(self) -> dict[str, Any] | None:
        """Has it deleted."""
        if self.physical_id is None:
            return None
        try:
            self._orchestration.delete(self._path(), ok=(404,))
        except CloudError as error:
            if not error.not_found:
                raise
        return self._asked()

    def check_delete_complete(self, token: Mapping[str, Any] | None) -> bool:
        """Whether it is gone."""
        if self.physical_id is None:
            return True
        found = self._show(missing=True)
        return found is None or self._is("DELETE", token, found)

    def handle_snapshot(self) -> dict[str, Any]:
        """Has a snapshot of it made."""
        answer = self._orchestration.post(f"{self._path()}/snapshots", json={"name": self.physical_name})
        self.set_data(_SNAPSHOT, str(answer["id"]))
        return self._asked()

    def check_snapshot_complete(self, token: Mapping[str, Any] | None) -> bool:
        """Whether it is made; what it says of template and parameters is kept, for a restore."""
        if not self._is("SNAPSHOT", token):
            return False
        path = f"{self._path()}/snapshots/{self.data[_SNAPSHOT]}"
        kept = self._orchestration.get(path)["snapshot"].get("data") or {}
        parameters = (kept.get("environment") or {}).get("parameters") or {}
        self.set_data(_SNAPSHOT_OF, {"template": kept.get("template"), "parameters": parameters})
        return True

    def handle_delete_snapshot(self, data: Mapping[str, Any]) -> None:
        """A snapshot of the stack takes this one along."""
        snapshot = (data.get("resource_data") or data).get(_SNAPSHOT)
        if snapshot and self.physical_id:
            self._orchestration.delete(f"{self._path()}/snapshots/{snapshot}", ok=(404,))

    @classmethod
    def restored(cls, properties: Mapping[str, Any], data: Mapping[str, Any]) -> Mapping[str, Any]:
        """Template and parameters as they were then."""
        then = (data.get("resource_data") or {}).get(_SNAPSHOT_OF) or {}
        if not then.get("template"):
            return properties
        written = then["template"] if isinstance(then["template"], str) else json.dumps(then["template"])
        return {**properties, "template": written, "parameters": then.get("parameters") or {}}

    def find_existing(self, since: datetime, taken: Collection[str]) -> str | None:
        """The stack of the physical name, if there is one that nobody has."""
        found = self._orchestration.list("/stacks", "stacks", {"name": self.physical_name})
        for stack in found:
            made = parse_time(stack.get("creation_time"))
            if stack["id"] not in taken and (made is None or made >= since - _GRACE):
                self.set_data(_NAME, str(stack[_NAME]))
                return str(stack["id"])
        return None

    def needs_replace_failed(self) -> bool:
        """A stack that went wrong is brought in order by an update; one that is not there is made anew.

        Where the way that led there leads nowhere any more, the update is asked, which may have another one.
        """
        try:
            return self.physical_id is None or self._show(missing=True) is None
        except (CloudError, PluginError):
            return False

    def attribute(self, name: str) -> Any:
        """One attribute."""
        return self.read_attributes([name])[name]

    def read_attributes(self, names: Any) -> dict[str, Any]:
        """All by one look."""
        wanted = list(names) or [*type(self).attrs]
        stack = self._show(missing=True) if self.physical_id else None
        return {name: self._read(name, stack) for name in wanted}

    @staticmethod
    def _read(name: str, stack: Mapping[str, Any] | None) -> Any:
        if stack is None or name == "show":
            return stack
        if name == "outputs":
            return {output["output_key"]: output.get("output_value") for output in stack.get("outputs") or ()}
        return stack.get(name)

    def _body(self) -> dict[str, Any]:
        sources = self.ports.sources()
        body = {
            "template": self.properties["template"],
            "timeout_mins": self.properties.get("timeout"),
            "disable_rollback": True,
            "parameters": self.properties.get("parameters") or {},
            "files": dict(sources.files),
            "environment": dict(sources.environment),
        }
        return {name: value for name, value in body.items() if value is not None}


def _region(properties: Mapping[str, Any]) -> Any:
    return (properties.get("context") or {}).get("region_name")
