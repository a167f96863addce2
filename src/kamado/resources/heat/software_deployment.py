"""Deployments: a config with its inputs' values on a server, at some of the stack's actions, and what the server tells of it.

Each action that has something to do puts a config of its own (derived from the one that the template names) on the server. The deployment
has the id of its row and the config one that follows from what it says, so a call that is repeated after a crash deploys
nothing twice and forgets no signal that has come meanwhile. The trap: an action that is none of the deployment's leaves everything
as it is, so there may be a deployment without a physical id.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import quote

from kamado.cloud.failures import CloudError
from kamado.model.records import ResourceRecord, SoftwareConfigRecord
from kamado.plugin.context import Ports
from kamado.plugin.declare import LIST, MAP, STRING, Attr, Prop, Properties, resource_type
from kamado.plugin.errors import NotFoundInCloud, PermanentError
from kamado.plugin.rules import Finding
from kamado.plugin.signals import (
    CFN_SIGNAL,
    HEAT_SIGNAL,
    NO_SIGNAL,
    TEMP_URL_SIGNAL,
    ZAQAR_SIGNAL,
    SignalResponder,
)
from kamado.plugin.software import (
    ACTIONS,
    COMPLETE,
    COMPONENT,
    FAILED,
    IN_PROGRESS,
    STATUS_CODE,
    UNGROUPED,
    NewConfig,
    NewDeployment,
    filled_in,
    own_input,
    valued,
)
from kamado.template.definition import reads
from kamado.template.unknown import UNKNOWN, is_unknown

CONFIG = Prop("config", STRING, "ID of the config to deploy.", update=True)
INPUT_VALUES = Prop("input_values", MAP, "Values of the config's inputs by their names.", update=True)
DEPLOY_ACTIONS = Prop("actions", LIST, "Actions of the stack at which it is deployed; a component has its own.",
                      default=["CREATE", "UPDATE"], update=True, allowed=ACTIONS)  # fmt: skip
NAME = Prop("name", STRING, "Name of the derived configs; that of the config when left out.", update=True)
TRANSPORT = Prop("signal_transport", STRING, "How the server tells what came of it.", default=CFN_SIGNAL,
                 allowed=(CFN_SIGNAL, TEMP_URL_SIGNAL, HEAT_SIGNAL, NO_SIGNAL, ZAQAR_SIGNAL))  # fmt: skip
INPUT_KEY = Prop("input_key", STRING, "Key by which the config names an input whose value goes there.",
                 default="get_input")  # fmt: skip
VALIDATE_INPUTS = Prop("input_values_validate", STRING, "Whether each input needs a value (STRICT).", default="LAX",
                       allowed=("LAX", "STRICT"))  # fmt: skip

_ROW, _TOLD = "row", "told"
_HEARD, _KEPT = "heard", 100
_VERBS = {CFN_SIGNAL: "POST", TEMP_URL_SIGNAL: "PUT"}
_KNOWN_TO_SERVER = ("auth_url", "username", "user_id", "password", "project_id", "region_name", "queue_id")


class Deployment(SignalResponder):
    """What both kinds of deployments have in common."""

    secret = False
    can_find = True
    any_attributes = True
    waits_for = _ROW
    waits_outside = True
    no_signal_actions = frozenset()
    attributes = (
        Attr("deploy_stdout", STRING, "What it wrote to its standard output."),
        Attr("deploy_stderr", STRING, "What it wrote to its standard error."),
        Attr("deploy_status_code", STRING, "The code it ended with."),
    )

    @classmethod
    def validate_beside(
        cls,
        definition: Any,
        definitions: Mapping[str, Any],
        properties: Callable[[str], Mapping[str, Any] | None],
    ) -> list[Finding]:
        """A server of the template has an agent: nobody else would ever look at the deployment."""
        servers = reads(None, definition.properties.get("server")).resources & definitions.keys()
        return [
            Finding(
                f"Resource {name}'s property user_data_format should be set to SOFTWARE_CONFIG since there are "
                "software deployments on it."
            )
            for name in sorted(servers)
            if definitions[name].type == "OS::Nova::Server" and not _has_agent(properties(name))
        ]

    def handle_create(self) -> dict[str, Any] | None:
        """Deploys."""
        return self._deploy("CREATE")

    def check_create_complete(self, token: dict[str, Any] | None) -> bool:
        """Whether the server has told that it is well. After a crash there may be no token."""
        return self.physical_id is None or self._is_over({} if token is None else token)

    def handle_update(self, changes: Mapping[str, Any]) -> dict[str, Any] | None:  # noqa: ARG002  # whatever it is
        """Deploys anew."""
        return self._deploy("UPDATE")

    def check_update_complete(self, token: dict[str, Any] | None) -> bool:
        """Whether the server has told that it is well, if it was to do anything."""
        return token is None or self._is_over(token)

    check_suspend_complete = check_update_complete
    check_resume_complete = check_update_complete

    def handle_suspend(self) -> dict[str, Any] | None:  # type: ignore[override]  # waits
        """Deploys."""
        return self._deploy("SUSPEND")

    def handle_resume(self) -> dict[str, Any] | None:  # type: ignore[override]  # waits
        """Deploys."""
        return self._deploy("RESUME")

    def handle_delete(self) -> dict[str, Any] | None:  # type: ignore[override]  # waits
        """Deploys, if there is something for this action and the deployment is there."""
        there = self.physical_id is not None and self.ports.software().deployment(self.physical_id) is not None
        try:
            return self._deploy("DELETE") if there else None
        except NotFoundInCloud:
            return None  # without its config there is nothing left to do

    def check_delete_complete(self, token: dict[str, Any] | None) -> bool:
        """Once the server has told that it is well: deployment, config and user go."""
        with suppress(NotFoundInCloud):  # somebody else has taken it away
            if token is not None and not self._is_over(token) and _is_there(str(self.properties["server"]), self.ports):
                return False
        if self.physical_id is not None:
            self.ports.software().undeploy(self.physical_id)
            self._tell_server()
        super().handle_delete()
        return True

    def find_existing(self, since: datetime, taken: Collection[str]) -> str | None:  # noqa: ARG002
        """By its id."""
        return None if self.ports.software().deployment(self.id) is None else self.id

    def needs_replace(self, changes: Mapping[str, Any]) -> bool:
        """Whether an input has another value that says that it is to be replaced then."""
        deployed = self.physical_id and self.ports.software().deployment(self.physical_id)
        before = self.ports.software().config(deployed.config_id) if deployed else None
        if before is None:
            return super().needs_replace(changes)
        old = {one["name"]: one.get("value") for one in before.inputs}
        new = valued(self._source(), self.properties.get("input_values") or {})
        return any(
            one.get("replace_on_change") and one["name"] in old and one.get("value") != old[one["name"]] for one in new
        )

    def handle_signal(self, details: Mapping[str, Any] | None = None) -> str:
        """What the server tells; a deployment that is not waited for keeps nothing of it.

        :raises NotFoundInCloud: nothing was deployed.
        """
        if self.physical_id is None:
            raise NotFoundInCloud("nothing was deployed that could be signalled")
        found = self.ports.software().signal(self.physical_id, details or {})
        if found is None:
            return ""
        if found.status != FAILED:
            return f"deployment {found.id} succeeded"
        code = (found.output_values or {}).get(STATUS_CODE)
        return f"deployment {found.id} failed" + (f" ({code})" if code else "")

    def read_attributes(self, names: Iterable[str]) -> dict[str, Any]:
        """Outputs that the server has told."""
        found = None if self.physical_id is None else self.ports.software().deployment(self.physical_id)
        told = (found.output_values if found is not None else None) or {}
        return {name: told.get(name) for name in names}

    def _deploy(self, action: str) -> dict[str, Any] | None:
        """Puts the config of an action on the server; None when there is nothing to do or to wait for."""
        source = self._source()
        if action not in _actions(source, self.properties):
            return None
        transport = str(self.properties["signal_transport"])
        self.prepare(transport, several=False)
        config = self._derived(source, action, transport)
        waits = transport != NO_SIGNAL
        wanted = NewDeployment(
            config_id=_config_id(self.record, action, config),
            server_id=str(self.properties["server"]),
            input_values=self.properties.get("input_values") or {},
            action=action,
            status=IN_PROGRESS if waits else COMPLETE,
            status_reason="Deploy data available" if waits else "Not waiting for outputs signal",
        )
        before = None if self.physical_id is None else self.ports.software().deployment(self.physical_id)
        if before is not None and before.config_id != wanted.config_id:
            _hear(self)  # what comes late from an action before is no answer to this one
        self.ports.software().deploy(self.physical_id or self.id, wanted, config)
        if self.physical_id is None:
            self.set_physical_id(self.id)
        return {_ROW: self.id, _TOLD: False}

    def _source(self) -> SoftwareConfigRecord | None:
        named = self.properties.get("config")
        if not named:
            return None
        found = self.ports.software().config(str(named))
        if found is None:
            raise NotFoundInCloud(f"Software config with id {named} not found")
        return found

    def _derived(self, source: SoftwareConfigRecord | None, action: str, transport: str) -> NewConfig:
        given = self.properties.get("input_values") or {}
        inputs = valued(source, given)
        own = {
            "deploy_server_id": self.properties["server"],
            "deploy_action": action,
            "deploy_stack_id": f"{self.stack.name}/{self.stack.id}",
            "deploy_resource_name": self.name,
            "deploy_signal_transport": transport,
            **_to_signal(transport, self.signal_map or {}),
        }
        return NewConfig(
            name=self.properties.get("name") or (self.physical_name if source is None else source.name),
            group=UNGROUPED if source is None else source.group,
            config="" if source is None else self.merged(source.config, inputs),
            inputs=inputs + [own_input(name, value) for name, value in own.items()],
            outputs=[] if source is None else list(source.outputs),
            options={} if source is None else source.options,
        )

    def merged(self, config: Any, inputs: list[dict[str, Any]]) -> Any:  # noqa: ARG002
        """The config with the inputs in it, where that is done here; else the tool on the server sees to it."""
        return config

    def _is_over(self, token: dict[str, Any]) -> bool:
        """Whether the server has answered; first of all it is told. Raises PermanentError when it has failed."""
        if not token.get(_TOLD):
            self._tell_server()
            token[_TOLD] = True
        software, key = self.ports.software(), str(self.physical_id)
        found = software.deployment(key)
        if found is not None and found.status == IN_PROGRESS:
            _hear(self, partial(software.signal, key))
            found = software.deployment(key)
        if found is None:
            raise NotFoundInCloud(f"Deployment with id {key} not found")
        if found.status == FAILED:
            raise PermanentError(f"Deployment to server failed: {found.status_reason}")
        return found.status == COMPLETE

    def _tell_server(self) -> None:
        try:
            self.ports.software().tell_server(str(self.properties["server"]))
        except CloudError as error:
            if not error.not_found:  # the place goes with the server
                raise


def _hear(deployment: Deployment, take: Callable[[Mapping[str, Any]], Any] | None = None) -> None:
    """Hands over what the server has left where nobody brings it to us; once, unless the process dies in between."""
    box = deployment.signal_box()
    if box is None:
        return
    known = list(deployment.data.get(_HEARD) or ())
    letters = box.unread(known)
    for letter in letters:
        body = _read(letter.body)
        if body is not None and take is not None:
            take(body)
    if letters:
        deployment.set_data(_HEARD, [*known, *(letter.id for letter in letters)][-_KEPT:])
        box.forget(letters)


def _is_there(server: str, ports: Ports) -> bool:
    """Whether there is anybody who could answer: a server of a stack that somebody else has made, or one that Nova has."""
    if ports.software().is_deployed_server(server):
        return True
    cloud = ports.cloud()
    if not cloud.has("compute"):
        return False
    return cloud.service("compute").get(f"/servers/{quote(server, safe='')}", ok=(404,)) is not None


def _read(body: Any) -> Mapping[str, Any] | None:
    """A signal as it was left: JSON in an object, anything in a queue; None when it is none."""
    if isinstance(body, bytes):
        try:
            body = json.loads(body)
        except ValueError:
            return None
    return body if isinstance(body, Mapping) else None


def _actions(source: SoftwareConfigRecord | None, properties: Mapping[str, Any]) -> Collection[str]:
    """The actions at which there is something to do."""
    if source is None or source.group != COMPONENT:
        return properties["actions"] or ()
    return {action for config in source.config["configs"] for action in config["actions"]}


def _config_id(row: ResourceRecord, action: str, config: NewConfig) -> str:
    """The same for the same config at the same action of one operation, so a repeated call is known."""
    said = json.dumps([row.operation_id, action, asdict(config)], sort_keys=True, default=str)
    return str(uuid.uuid5(uuid.UUID(row.id), said))


def _to_signal(transport: str, told: Mapping[str, Any]) -> dict[str, Any]:
    """What a server must know to signal, as its inputs name it."""
    if transport in _VERBS:
        return {"deploy_signal_id": told["alarm_url"], "deploy_signal_verb": _VERBS[transport]}
    return {f"deploy_{name}": told[name] for name in _KNOWN_TO_SERVER if name in told}


def _has_agent(server: Mapping[str, Any] | None) -> bool:
    """Whether a server has one, as far as is known."""
    style = UNKNOWN if server is None else server.get("user_data_format")
    return is_unknown(style) or style == "SOFTWARE_CONFIG"


@resource_type("OS::Heat::SoftwareDeployment", since="2014.1")
class SoftwareDeployment(Deployment):
    """A config on a server."""

    properties = Properties(
        CONFIG,
        Prop("server", STRING, "ID of the server.", required=True),
        INPUT_VALUES,
        DEPLOY_ACTIONS,
        NAME,
        TRANSPORT,
    )


@resource_type("OS::Heat::StructuredDeployment", since="2014.1")
class StructuredDeployment(Deployment):
    """A map on a server, its inputs filled in."""

    properties = Properties(
        CONFIG,
        Prop("server", STRING, "ID of the server.", required=True),
        INPUT_VALUES,
        DEPLOY_ACTIONS,
        NAME,
        TRANSPORT,
        INPUT_KEY,
        VALIDATE_INPUTS,
    )

    def merged(self, config: Any, inputs: list[dict[str, Any]]) -> Any:
        """With the inputs' values at the places that name them."""
        values = {one["name"]: one.get("value") for one in inputs}
        strict = self.properties["input_values_validate"] == "STRICT"
        try:
            return filled_in(config, self.properties["input_key"], values, all_given=strict)
        except KeyError as missing:
            words = f"The Parameter ({missing.args[0]}) was not provided."
            raise PermanentError(words, "UserParameterMissing") from missing
