"""The steps of a server's update that take time: resize, rebuild, cards in and out. Each can be done again after a crash.

A step is a small JSON map in the token of the update; `run` moves one on and says whether it is over. Made by
`server.py`. The traps: a step may be repeated from its last stored state, so each looks at the server before it
calls; and no secret is ever put into a step.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any

from kamado.cloud.failures import CloudError
from kamado.plugin.errors import PermanentError, ResourceInError, ResourceUnknownStatus
from kamado.plugin.guests import Guest
from kamado.plugin.resource import Resource
from kamado.resources.nova import interfaces, user_data

Step = dict[str, Any]

_PATIENCE = 40
"""How often a server may say that it is busy before its words are taken for good."""


def status_of(server: Mapping[str, Any]) -> str:
    """A server's status; some clouds add more in brackets."""
    return str(server["status"]).split("(")[0]


def task_of(server: Mapping[str, Any]) -> str | None:
    """What Nova is doing to a server at the moment, None for nothing."""
    task = server.get("OS-EXT-STS:task_state")
    return None if task is None else str(task)


def in_error(server: Mapping[str, Any]) -> ResourceInError:
    """The error of a server in status ERROR, with the words of its fault."""
    fault = server.get("fault") or {}
    words = f"Message: {fault.get('message', 'Unknown')}, Code: {fault.get('code', 'Unknown')}"
    return ResourceInError("ERROR", words)


def read(resource: Resource) -> Mapping[str, Any]:
    """The server as Nova tells it."""
    server: Mapping[str, Any] = interfaces.compute_service(resource).get(f"/servers/{resource.physical_id}")["server"]
    return server


def act(
    resource: Resource, action: str, body: Any = None, microversion: str | None = None, ok: tuple[int, ...] = ()
) -> Any:
    """One of Nova's server actions; ``ok``: refusals that are none here."""
    return interfaces.compute_service(resource).post(
        f"/servers/{resource.physical_id}/action", json={action: body}, microversion=microversion, ok=ok
    )


def advance(resource: Resource, todo: list[Step]) -> bool:
    """Does one step after the other, each until it is over; one that is over leaves the list. Whether all are."""
    while todo:
        if not run(resource, todo[0]):
            return False
        del todo[0]
    return True


def run(resource: Resource, step: Step) -> bool:
    """Moves a step on; whether it is over. A busy server is waited for."""
    try:
        return _STEPS[step["do"]](resource, step)
    except CloudError as error:
        step["busy"] = step.get("busy", 0) + 1
        if error.conflict and step["busy"] <= _PATIENCE:
            return False
        raise


def _resize(resource: Resource, step: Step) -> bool:
    server = read(resource)
    status = status_of(server)
    if status == "VERIFY_RESIZE":
        if task_of(server) is None and not step.get("confirmed"):
            # Nova refuses (400) what is being confirmed already: this step may run again after a crash.
            act(resource, "confirmResize", ok=(400,))
            step["confirmed"] = True
        return False
    if status == "ERROR":
        raise in_error(server)
    if status == "RESIZE" or task_of(server) is not None:
        return False
    if (server.get("flavor") or {}).get("id") == step["flavor"]:
        return True
    if step.get("called"):
        raise PermanentError(f"Resizing to '{step['flavor']}' failed, status '{status}'")
    act(resource, "resize", {"flavorRef": step["flavor"], **_disk_config(resource)})
    step["called"] = True
    return False


def _disk_config(resource: Resource) -> dict[str, Any]:
    chosen = resource.properties.get("diskConfig")
    return {"OS-DCF:diskConfig": chosen} if chosen else {}


def _rebuild(resource: Any, step: Step) -> bool:
    server = read(resource)
    status = status_of(server)
    if status == "REBUILD" or task_of(server) is not None:
        return False
    if step.get("called"):
        if status == "ERROR":
            raise PermanentError("Rebuilding server failed, status 'ERROR'")
        return True
    body: dict[str, Any] = {"imageRef": step["image"], "metadata": metadata_text(resource.properties.get("metadata"))}
    if step.get("preserve"):
        body["preserve_ephemeral"] = True
    if resource.properties.get("admin_pass"):
        body["adminPass"] = resource.properties["admin_pass"]
    microversion = None
    if step.get("user_data"):
        microversion = "2.57"
        body["user_data"] = encoded_user_data(resource)
    act(resource, "rebuild", body, microversion)
    step["called"] = True
    return False


def encoded_user_data(resource: Guest) -> str:
    """The user data of a server as Nova takes them: built from its properties and metadata, in base64."""
    style = resource.properties.get("user_data_format") or user_data.CFNTOOLS
    url = resource.ports.cloud().metadata_url if style == user_data.CFNTOOLS else None
    text = user_data.build(resource.properties.get("user_data") or "", style, resource.guest_metadata, url)
    return base64.b64encode(text.encode()).decode()


def metadata_text(metadata: Mapping[str, Any] | None) -> dict[str, str]:
    """Server metadata as Nova takes them: texts; anything else as JSON."""
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in (metadata or {}).items()}


def _detach(resource: Resource, step: Step) -> bool:
    port = step["port"]
    if not step.get("called"):
        interfaces.detach(resource, port)
        step["called"] = True
        return False
    if not interfaces.detached(resource, port):
        return False
    if port in interfaces.internal_ports(resource):
        interfaces.delete_internal(resource, [port])
    return True


def _attach(resource: Resource, step: Step) -> bool:
    net, groups = step["net"], resource.properties.get("security_groups") or []
    if not step.get("port"):
        there = [card for card in interfaces.interfaces(resource) if card.port_id not in step["before"]]
        port = net.get("port")
        if not port and step.get("internal"):
            port = interfaces.own_port(resource, step["place"], net, groups, look=True)
        if port and net.get("floating_ip"):
            interfaces.associate(resource, net["floating_ip"], port, net.get("fixed_ip"))
        # After a crash the card may be in already, under a port that only Nova knows.
        known = {card.port_id for card in there}
        unclaimed = next((card.port_id for card in there if not port and card.fits(net, net.get("network"))), None)
        if port in known or unclaimed:
            step["port"] = port or unclaimed
        else:
            step["port"] = interfaces.attach(resource, _wanted(net, port))
        return False
    if not interfaces.attached(resource, step["port"]):
        return False
    if groups and not net.get("port") and not step.get("internal"):
        ids = [interfaces.security_group(resource, group) for group in groups]
        interfaces.network_service(resource).put(f"/v2.0/ports/{step['port']}", json={"port": {"security_groups": ids}})
    return True


def _wanted(net: Mapping[str, Any], port: str | None) -> dict[str, Any]:
    wanted: dict[str, Any] = {}
    if port:
        wanted["port_id"] = port
    elif net.get("network"):
        wanted["net_id"] = net["network"]
        if net.get("fixed_ip"):
            wanted["fixed_ips"] = [{"ip_address": net["fixed_ip"]}]
    if net.get("tag"):
        wanted["tag"] = net["tag"]
    return wanted


def _release(resource: Resource, step: Step) -> bool:
    interfaces.disassociate(resource, step["floating_ip"])
    return True


def _associate(resource: Resource, step: Step) -> bool:
    interfaces.associate(resource, step["floating_ip"], step["port"], step.get("address"))
    return True


def _reshape(resource: Resource, step: Step) -> bool:
    interfaces.network_service(resource).put(f"/v2.0/ports/{step['port']}", json={"port": step["body"]})
    return True


def _password(resource: Resource, step: Step) -> bool:  # noqa: ARG001  # all steps are called alike
    act(resource, "changePassword", {"adminPass": resource.properties.get("admin_pass") or ""})
    return True


_STEPS: Mapping[str, Callable[[Resource, Step], bool]] = {
    "release": _release,
    "detach": _detach,
    "reshape": _reshape,
    "attach": _attach,
    "associate": _associate,
    "resize": _resize,
    "rebuild": _rebuild,
    "password": _password,
}


def unknown_status(server: Mapping[str, Any], result: str) -> ResourceUnknownStatus:
    """The error of a server in a status that fits nothing."""
    return ResourceUnknownStatus(str(server["status"]), result)
