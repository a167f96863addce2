"""Nova, as far as orchestration needs it; `SERVICE` is what the cloud serves.

The trap: without a microversion header a request means 2.1, and much of what clients expect today came later.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kamado.localcloud import metadata, microversions
from kamado.localcloud.compute import (
    actions,
    discovery,
    flavors,
    interfaces,
    keypairs,
    quotas,
    servergroups,
    servers,
    tags,
    volumes,
)
from kamado.localcloud.compute.collections import ALL, FLAVORS
from kamado.localcloud.compute.discovery import SPAN
from kamado.localcloud.crud import listed, paged, sort
from kamado.localcloud.errors import ComputeDialect
from kamado.localcloud.seed import acting_as
from kamado.localcloud.service import Call, CatalogEntry, Identity, Refusal, Route, Service
from kamado.localcloud.state import Obj

if TYPE_CHECKING:
    from kamado.localcloud.server import LocalCloud

BASE = "/v2.1"
ONE = f"{BASE}/servers/{{id}}"
# name, memory in MB, processors, disk in GB
SIZES = (("m1.nano", 64, 1, 1), ("m1.tiny", 512, 1, 1), ("m1.small", 2048, 1, 20), ("m1.medium", 4096, 2, 40),
         ("m1.large", 8192, 4, 80))  # fmt: skip
LIST_ARGUMENTS = frozenset(
    ("limit", "marker", "sort_key", "sort_dir", "all_tenants", "access_ip_v4", "access_ip_v6", "auto_disk_config",
     "availability_zone", "config_drive", "changes-since", "changes-before", "created_at", "deleted", "description",
     "display_description", "display_name", "flavor", "host", "hostname", "image", "image_ref", "instance_type_id", "ip", "ip6",
     "kernel_id", "key_name", "launch_index", "launched_at", "locked", "locked_by", "name", "node", "not-tags", "not-tags-any",
     "power_state", "progress", "project_id", "ramdisk_id", "reservation_id", "root_device_name", "soft_deleted", "status",
     "tags", "tags-any", "task_state", "tenant_id", "terminated_at", "user_id", "uuid", "vm_state")
)  # fmt: skip
SORT_KEYS = LIST_ARGUMENTS - {"limit", "marker", "sort_key", "sort_dir", "all_tenants"}


def _before(call: Call) -> None:
    microversions.negotiate(call, SPAN)
    if call.method != "GET" or call.path not in (f"{BASE}/servers", f"{BASE}/servers/detail"):
        return
    limit = call.arg("limit")
    if limit and not limit.isdigit():
        raise Refusal(
            400, f"Invalid input for query parameters limit. Value: {limit}. {limit!r} does not match '^[0-9]*$'"
        )
    if call.arg("all_tenants").lower() in ("1", "true") and not call.who.is_admin:
        raise call.service.dialect.forbidden("os_compute_api:servers:index:get_all_tenants")
    for key in call.query.get("sort_key", []):
        if key not in SORT_KEYS:
            known = sorted(SORT_KEYS)
            raise Refusal(
                400, f"Invalid input for query parameters sort_key. Value: {key}. {key!r} is not one of {known}"
            )
    strange = sorted(name for name in call.query if name not in LIST_ARGUMENTS and not name.startswith("_"))
    if strange and microversions.of(call) >= (2, 75):
        raise Refusal(400, f"'{strange[0]}' does not match any of the regexes: '^_'")


def _of_server(handler: Callable[[Call, Obj], Any]) -> Callable[[Call], Any]:
    """A request on what belongs to a server."""
    return lambda call: handler(call, servers.visible(call))


def _changing(handler: Callable[[Call, Obj], Any]) -> Callable[[Call], Any]:
    """The same for a request that a locked server refuses."""

    def work(call: Call) -> Any:
        server = servers.visible(call)
        servers.check_unlocked(call, server)
        return handler(call, server)

    return work


def _metadata_routes() -> list[Route]:
    def keep(call: Call, server: Obj, new: dict[str, str]) -> None:
        servers.check_unlocked(call, server)
        call.state.change(servers.TABLE, server["id"], metadata=new, updated=call.stamp())

    wording = metadata.Wording(lambda call, key: "Metadata item was not found", most=quotas.DEFAULTS["metadata_items"])
    return metadata.routes_for(f"{ONE}/metadata", servers.visible, keep, wording)


def _addresses(call: Call, server: Obj) -> Obj:
    return {"addresses": interfaces.addresses(call, server, full=False)}


def _security_groups(call: Call, server: Obj) -> Obj:
    groups = interfaces.groups_of(call, server)
    shown = [{"id": g["id"], "name": g["name"], "description": g["description"], "tenant_id": g["project_id"], "rules": []}
             for g in groups]  # fmt: skip
    return {"security_groups": shown}


def _diagnostics(call: Call, server: Obj) -> Obj:
    if not call.who.is_admin:
        raise call.service.dialect.forbidden("os_compute_api:os-server-diagnostics")
    return {"state": "running", "driver": "libvirt", "hypervisor": "fake", "hypervisor_os": "linux", "uptime": 1}


def _instance_actions(call: Call, server: Obj) -> Obj:
    rows = reversed(call.state.find("compute.actions", instance_uuid=server["id"]))
    return {"instanceActions": [{k: v for k, v in row.items() if not k.startswith("_") and k != "id"} for row in rows]}


def _instance_action(call: Call, server: Obj) -> Obj:
    wanted = call.params["request_id"]
    for row in call.state.find("compute.actions", request_id=wanted):
        if row["instance_uuid"] == server["id"]:
            return {
                "instanceAction": {k: v for k, v in row.items() if not k.startswith("_") and k != "id"} | {"events": []}
            }
    raise Refusal(404, f"Action for request_id {wanted} on instance {server['id']} not found")


def _flavor_list(call: Call, full: bool) -> Obj:
    rows = [f for f in listed(call, FLAVORS) if flavors.visible(call, f) and (f["is_public"] or _may_list(call, f))]
    page, following = paged(call, FLAVORS, sort(call, rows))
    views = [flavors.show(call, f) if full else flavors.brief(call, f) for f in page]
    return call.service.dialect.page(call, FLAVORS, views, following)


def _may_list(call: Call, flavor: Obj) -> bool:
    return "is_public" in call.query or call.who.project_id in flavor["projects"]


ROUTES = (
    Route("GET", "/", discovery.versions, public=True),
    Route("GET", BASE, discovery.version, public=True),
    Route("POST", f"{BASE}/servers", servers.create),
    Route("PUT", ONE, servers.update),
    Route("DELETE", ONE, servers.delete),
    Route("POST", f"{ONE}/action", actions.act),
    Route("POST", f"{ONE}/remote-consoles", actions.remote_console),
    *_metadata_routes(),
    *tags.ROUTES,
    Route("GET", f"{ONE}/ips", _of_server(_addresses)),
    Route("GET", f"{ONE}/diagnostics", _of_server(_diagnostics)),
    Route("GET", f"{ONE}/os-instance-actions", _of_server(_instance_actions)),
    Route("GET", f"{ONE}/os-instance-actions/{{request_id}}", _of_server(_instance_action)),
    Route("GET", f"{ONE}/os-security-groups", _of_server(_security_groups)),
    Route("GET", f"{ONE}/os-interface", _of_server(interfaces.listed)),
    Route("POST", f"{ONE}/os-interface", _changing(interfaces.attach)),
    Route("GET", f"{ONE}/os-interface/{{port_id}}", _of_server(interfaces.read)),
    Route("DELETE", f"{ONE}/os-interface/{{port_id}}", _changing(interfaces.detach)),
    Route("GET", f"{ONE}/os-volume_attachments", _of_server(volumes.listed)),
    Route("POST", f"{ONE}/os-volume_attachments", _changing(volumes.attach)),
    Route("GET", f"{ONE}/os-volume_attachments/{{volume_id}}", _of_server(volumes.read)),
    Route("PUT", f"{ONE}/os-volume_attachments/{{volume_id}}", _changing(volumes.update)),
    Route("DELETE", f"{ONE}/os-volume_attachments/{{volume_id}}", _changing(volumes.detach)),
    Route("GET", f"{BASE}/flavors", lambda call: _flavor_list(call, False)),
    Route("GET", f"{BASE}/flavors/detail", lambda call: _flavor_list(call, True)),
    Route("POST", f"{BASE}/flavors", flavors.create),
    Route("GET", f"{BASE}/flavors/{{id}}", lambda call: {"flavor": flavors.show(call, flavors.find(call))}),
    Route("PUT", f"{BASE}/flavors/{{id}}", flavors.update),
    Route("DELETE", f"{BASE}/flavors/{{id}}", flavors.delete),
    Route("POST", f"{BASE}/flavors/{{id}}/action", flavors.act),
    Route("GET", f"{BASE}/flavors/{{id}}/os-flavor-access", flavors.access),
    Route("GET", f"{BASE}/flavors/{{id}}/os-extra_specs", flavors.specs),
    Route("POST", f"{BASE}/flavors/{{id}}/os-extra_specs", flavors.add_specs),
    Route("GET", f"{BASE}/flavors/{{id}}/os-extra_specs/{{key}}", flavors.read_spec),
    Route("PUT", f"{BASE}/flavors/{{id}}/os-extra_specs/{{key}}", flavors.put_spec),
    Route("DELETE", f"{BASE}/flavors/{{id}}/os-extra_specs/{{key}}", flavors.drop_spec),
    Route("GET", f"{BASE}/os-keypairs", keypairs.listed),
    Route("POST", f"{BASE}/os-keypairs", keypairs.create),
    Route("GET", f"{BASE}/os-keypairs/{{name}}", keypairs.read),
    Route("DELETE", f"{BASE}/os-keypairs/{{name}}", keypairs.delete),
    Route("POST", f"{BASE}/os-server-groups", servergroups.create),
    Route("DELETE", f"{BASE}/os-server-groups/{{id}}", servergroups.delete),
    Route("GET", f"{BASE}/os-quota-sets/{{project}}", quotas.show),
    Route("GET", f"{BASE}/os-quota-sets/{{project}}/detail", quotas.detail),
    Route("GET", f"{BASE}/os-quota-sets/{{project}}/defaults", quotas.defaults),
    Route("PUT", f"{BASE}/os-quota-sets/{{project}}", quotas.update),
    Route("DELETE", f"{BASE}/os-quota-sets/{{project}}", quotas.reset),
    Route("GET", f"{BASE}/limits", quotas.limits),
    Route("GET", f"{BASE}/os-availability-zone", discovery.zones),
    Route("GET", f"{BASE}/os-availability-zone/detail", discovery.zones_in_detail),
    Route("GET", f"{BASE}/os-services", discovery.services),
    Route("GET", f"{BASE}/os-hypervisors", discovery.hypervisors),
    Route("GET", f"{BASE}/os-hypervisors/detail", discovery.hypervisors_in_detail),
    Route("GET", f"{BASE}/extensions", discovery.extensions),
)


def _settled(cloud: "LocalCloud", table: str, obj: Obj) -> None:
    who = Identity(project_id=obj.get("project_id", ""), roles=frozenset({"admin"}))
    call = cloud.call("compute", who)
    if table == servers.TABLE:
        servers.settled(call, obj)
    elif table == volumes.TASKS:
        volumes.finish(call, obj)


def seed(cloud: "LocalCloud") -> None:
    """Flavors, and for demo the key `demo-key`."""
    call = cloud.call("compute", acting_as(cloud, "demo", "demo"))
    for name, ram, vcpus, disk in SIZES:
        flavors.add(call, {"name": name, "ram": ram, "vcpus": vcpus, "disk": disk})
    _, public = keypairs.generate()
    keypairs.store(call, call.who.user_id, "demo-key", public, keypairs.fingerprint(public))


SERVICE = Service(
    name="compute",
    catalog=(CatalogEntry("nova", "compute", BASE),),
    dialect=ComputeDialect(),
    collections=ALL,
    routes=ROUTES,
    before=_before,
    after=lambda call, answer: microversions.headers(call, answer, SPAN),
    seed=seed,
    settled=_settled,
    quotas=quotas.DEFAULTS,
)
