"""Regions, services and endpoints, and the catalog that tokens carry.

Called by the token requests (`catalog_for`) and by `LocalCloud.start` (`announce`), which writes the addresses that the
services really got: after a restart of a kept cloud ports may differ. The trap: `announce` owns only the endpoints that it
made; what an administrator added stays.
"""

from typing import TYPE_CHECKING

from kamado.localcloud.collection import Collection, Field, Policy, anything, boolean, new_hex, nullable, one_of, text
from kamado.localcloud.identity.wire import NAMES, with_links
from kamado.localcloud.service import Call, Refusal
from kamado.localcloud.state import Obj

if TYPE_CHECKING:
    from kamado.localcloud.server import LocalCloud

INTERFACES = ("public", "internal", "admin")
# What the catalog says of Kamado itself, by type: name and path.
ORCHESTRATION = {"orchestration": "heat", "cloudformation": "heat-cfn"}


def _region_id(call: Call, values: Obj) -> None:
    values["id"] = values["id"] or new_hex()
    if call.state.get("identity.regions", values["id"]):
        raise Refusal(409, f"Conflict occurred attempting to store region - Duplicate ID, {values['id']}.")


REGIONS = Collection(
    service="identity",
    plural="regions",
    singular="region",
    path="/v3/regions",
    owner="",
    fields=(
        Field("id", nullable(text(255)), update=False),
        Field("description", text(), default=""),
        Field("parent_region_id", nullable(text()), refers="identity.regions"),
    ),
    policy=Policy("admin", "any", "any", "admin", "admin", NAMES),
    update_method="PATCH",
    created="",
    updated="",
    new_id=new_hex,
    before_create=_region_id,
    view=with_links,
)
