"""The networks that a new cloud starts with: what devstack users expect, at the addresses of the project's real test cloud.

Called once through `SERVICE.seed`, after Keystone's. The trap: objects are made through the same hooks as a client's, so a
seed that the rules forbid fails at start-up.
"""

from typing import TYPE_CHECKING

from kamado.localcloud import crud
from kamado.localcloud.identity.seeding import acting_as
from kamado.localcloud.network import ports, securitygroups
from kamado.localcloud.network.ownership import bump
from kamado.localcloud.network.routers import INTERFACE
from kamado.localcloud.service import Call
from kamado.localcloud.state import Obj

if TYPE_CHECKING:
    from kamado.localcloud.server import LocalCloud


def _as(cloud: "LocalCloud", name: str) -> Call:
    return cloud.call("network", acting_as(cloud, name, name))


def _make(call: Call, plural: str, **given: object) -> Obj:
    return crud.create(call, call.cloud.collection(f"network.{plural}"), dict(given))


def seed(cloud: "LocalCloud") -> None:
    """An external network `public`, a pool of subnets, and for demo the network `private` behind `router1`."""
    admin, demo = _as(cloud, "admin"), _as(cloud, "demo")
    public = _make(
        admin, "networks", name="public", is_default=True,
        **{"router:external": True, "provider:network_type": "flat", "provider:physical_network": "public"},
    )  # fmt: skip
    _make(
        admin, "subnets", name="public-subnet", network_id=public["id"], ip_version=4, cidr="172.24.0.0/16",
        gateway_ip="172.24.0.1", enable_dhcp=False,
        allocation_pools=[{"start": "172.24.4.2", "end": "172.24.255.250"}],
    )  # fmt: skip
    _make(
        admin, "subnetpools", name="shared-default-subnetpool-v4", prefixes=["10.64.0.0/12"], default_prefixlen=26,
        is_default=True, shared=True,
    )  # fmt: skip
    subnets = []
    for place, name in enumerate(("private", "heat-net")):
        network = _make(demo, "networks", name=name)
        subnets.append(
            _make(
                demo,
                "subnets",
                name=f"{name}-subnet",
                network_id=network["id"],
                ip_version=4,
                cidr=f"10.{place}.0.0/20",
                gateway_ip=f"10.{place}.0.1",
            )
        )
    router = _make(demo, "routers", name="router1", external_gateway_info={"network_id": public["id"]})
    given = {
        "network_id": subnets[0]["network_id"], "project_id": router["project_id"], "device_id": router["id"],
        "device_owner": INTERFACE, "fixed_ips": [{"subnet_id": subnets[0]["id"], "ip_address": subnets[0]["gateway_ip"]}],
    }  # fmt: skip
    ports.add(demo, given)
    bump(demo, "network.routers", router["id"])
    securitygroups.default_group(demo, demo.who.project_id)
