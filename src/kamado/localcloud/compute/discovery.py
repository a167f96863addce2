"""What Nova says about itself: versions, zones, services, hypervisors.

Routes of the service. The trap: `SPAN.most` is what clients negotiate against; raise it only with what that version changes.
"""

from kamado.localcloud.compute.interfaces import HOST
from kamado.localcloud.compute.wording import admin_only
from kamado.localcloud.microversions import Span, of, text
from kamado.localcloud.service import Call
from kamado.localcloud.state import Obj

SPAN = Span("compute", (2, 1), (2, 96), "X-OpenStack-Nova-API-Version")
ZONE = "nova"


def _version(call: Call) -> Obj:
    return {
        "id": "v2.1",
        "status": "CURRENT",
        "version": text(SPAN.most),
        "min_version": text(SPAN.least),
        "updated": "2013-07-23T11:33:21Z",
        "links": [{"rel": "self", "href": f"{call.cloud.urls['compute']}/v2.1/"}],
    }


def versions(call: Call) -> Obj:
    """GET /."""
    return {"versions": [_version(call)]}


def version(call: Call) -> Obj:
    """GET /v2.1."""
    found = _version(call)
    found["links"].append({"rel": "describedby", "type": "text/html", "href": "http://docs.openstack.org/"})
    found["media-types"] = [{"base": "application/json", "type": "application/vnd.openstack.compute+json;version=2.1"}]
    return {"version": found}


def zones(call: Call) -> Obj:
    """GET /os-availability-zone."""
    return {"availabilityZoneInfo": [{"zoneName": ZONE, "zoneState": {"available": True}, "hosts": None}]}


def zones_in_detail(call: Call) -> Obj:
    """GET /os-availability-zone/detail."""
    admin_only(call, "os-availability-zone:detail")

    def hosts(*names: str) -> Obj:
        alive = {"available": True, "active": True, "updated_at": call.stamp()[:-1] + ".000000"}
        return {HOST: dict.fromkeys(names, alive)}

    rows = (("internal", hosts("nova-conductor", "nova-scheduler")), (ZONE, hosts("nova-compute")))
    return {"availabilityZoneInfo": [{"zoneName": n, "zoneState": {"available": True}, "hosts": h} for n, h in rows]}


def services(call: Call) -> Obj:
    """GET /os-services."""
    admin_only(call, "os-services:list")
    rows = (("nova-conductor", "internal"), ("nova-scheduler", "internal"), ("nova-compute", ZONE))
    stamp = call.stamp()[:-1] + ".000000"
    return {
        "services": [
            {"binary": binary, "host": HOST, "id": number, "zone": zone, "status": "enabled", "state": "up",
             "updated_at": stamp, "disabled_reason": None, **({"forced_down": False} if of(call) >= (2, 11) else {})}
            for number, (binary, zone) in enumerate(rows, 1)
        ]
    }  # fmt: skip


def hypervisors(call: Call) -> Obj:
    """GET /os-hypervisors."""
    admin_only(call, "os-hypervisors:list")
    return {
        "hypervisors": [{"id": _hypervisor_id(call), "hypervisor_hostname": HOST, "state": "up", "status": "enabled"}]
    }


def hypervisors_in_detail(call: Call) -> Obj:
    """GET /os-hypervisors/detail."""
    admin_only(call, "os-hypervisors:list-detail")
    return {
        "hypervisors": [
            {"id": _hypervisor_id(call), "hypervisor_hostname": HOST, "state": "up", "status": "enabled",
             "hypervisor_type": "fake", "hypervisor_version": 1000, "host_ip": call.cloud.host,
             "service": {"id": 3, "host": HOST, "disabled_reason": None}, "uptime": None}
        ]
    }  # fmt: skip


def _hypervisor_id(call: Call) -> int | str:
    return "6da13169-bef4-4c14-9409-f7e2947a2bcd" if of(call) >= (2, 53) else 1


def extensions(call: Call) -> Obj:
    """GET /extensions: of no use any more."""
    return {"extensions": []}
