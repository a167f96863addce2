"""Nova as a table of collections: lists and reads; what more there is, is special and listed in `compute.ROUTES`.

Served by `server` through `compute.SERVICE`. The trap: lists of servers are the caller's project's, also an administrator's,
unless `all_tenants` is asked for.
"""

from kamado.localcloud.collection import Collection, Field, Policy
from kamado.localcloud.compute import flavors, servergroups, servers

PAGE = 1000


def _own(*names: str) -> tuple[Field, ...]:
    return tuple(Field(name, read_only=True) for name in names)


SERVERS = Collection(
    service="compute", plural="servers", singular="server", path="/v2.1/servers", noun="Instance",
    fields=_own("name", "status", "project_id", "user_id", "key_name", "vm_state", "task_state", "hostname", "config_drive",
                "locked", "launched_at", "terminated_at", "description", "created", "updated"),
    policy=Policy(create="", update="", delete=""), detailed=True, brief=servers.brief, view=servers.show,
    filters=servers.FILTERS, newest_first=True, own_list=True, page=PAGE, created="", updated="",
)  # fmt: skip

FLAVORS = Collection(
    service="compute", plural="flavors", singular="flavor", path="/v2.1/flavors", noun="Flavor", owner="",
    fields=_own("name", "ram", "vcpus", "disk"),
    policy=Policy(create="", show="", update="", delete=""), detailed=True, brief=flavors.brief, view=flavors.show,
    filters={"is_public": flavors.by_public, "minRam": flavors.at_least("ram", "minRam"),
             "minDisk": flavors.at_least("disk", "minDisk"), "name": lambda call, obj, value: True},
    page=PAGE, created="", updated="",
)  # fmt: skip

SERVER_GROUPS = Collection(
    service="compute", plural="server_groups", singular="server_group", path="/v2.1/os-server-groups", noun="Instance group",
    fields=_own("name", "policy", "project_id", "user_id"), policy=Policy(create="", update="", delete=""),
    view=servergroups.show, own_list=True, created="", updated="",
)  # fmt: skip

ALL = (SERVERS, FLAVORS, SERVER_GROUPS)
