"""What a new cloud starts with: identity first, then each service's own `seed`, in the order of `SERVICES`.

Called by `LocalCloud.start`, once, when there is no kept state. A service's seed gets the cloud and goes the same road as a
client: `call = cloud.call("network", acting_as(cloud, "demo", "demo"))`, then `crud.create(call, NETWORKS, {...})`. The trap: it
runs under the state's lock, before anything is served.
"""

from typing import TYPE_CHECKING

from kamado.localcloud.identity.seeding import acting_as, project_id, user_id

if TYPE_CHECKING:
    from kamado.localcloud.server import LocalCloud

__all__ = ["acting_as", "project_id", "seed", "user_id"]


def seed(cloud: "LocalCloud") -> None:
    """Fill a new cloud."""
    for service in cloud.services:
        if service.seed:
            service.seed(cloud)
