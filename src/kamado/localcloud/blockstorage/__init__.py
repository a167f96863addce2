"""Cinder v3, as far as orchestration needs it; `SERVICE` is what the cloud serves.

The trap: the project's id is in every path and must be the token's; only discovery has none.
"""

from typing import TYPE_CHECKING

from kamado.localcloud import crud, metadata, microversions
from kamado.localcloud.blockstorage import actions, attachments, quotas, snapshots, volumes, volumetypes
from kamado.localcloud.blockstorage.collections import ALL, BASE, SNAPSHOTS, VOLUMES
from kamado.localcloud.collection import Collection, new_uuid
from kamado.localcloud.errors import VolumeDialect
from kamado.localcloud.service import Answer, Call, CatalogEntry, Refusal, Route, Service
from kamado.localcloud.state import Obj

if TYPE_CHECKING:
    from kamado.localcloud.server import LocalCloud

SPAN = microversions.Span("volume", (3, 0), (3, 71))
TYPES = (("__DEFAULT__", "Default Volume Type"), ("rig", None), ("rig2", None))


class Dialect(VolumeDialect):
    """Cinder's words."""

    def no_marker(self, collection: Collection, marker: str) -> Refusal:
        """Cinder looks the marker up like any object."""
        return self.not_found(collection, marker)


def _version(call: Call) -> Obj:
    return {
        "versions": [
            {
                "id": "v3.0",
                "status": "CURRENT",
                "version": microversions.text(SPAN.most),
                "min_version": microversions.text(SPAN.least),
                "updated": "2023-08-31T00:00:00Z",
                "links": [{"rel": "self", "href": f"{call.cloud.urls['blockstorage']}/v3/"}],
                "media-types": [
                    {"base": "application/json", "type": "application/vnd.openstack.volume+json;version=3"}
                ],
            }
        ]
    }


def _before(call: Call) -> None:
    microversions.negotiate(call, SPAN)
    project = call.params.get("project_id")
    if project is not None and project != call.who.project_id and not call.who.is_admin:
        raise Refusal(400, "Malformed request url")
    limit = call.arg("limit")
    if limit and not limit.lstrip("-").isdigit():
        raise Refusal(400, "limit param must be an integer")
    for part in [*call.query.get("sort_key", []), *(p.partition(":")[0] for p in call.arg("sort").split(","))]:
        if part and part not in ("id", "status", "size", "availability_zone", "name", "bootable", "created_at", "display_name",
                                 "reference"):  # fmt: skip
            raise volumes.invalid("Invalid sort key")


def _zones(call: Call) -> Obj:
    return {"availabilityZoneInfo": [{"zoneName": volumes.ZONE, "zoneState": {"available": True}}]}


def _nothing(call: Call) -> Obj:
    return {"extensions": []}


def _services(call: Call) -> Obj:
    if not call.who.is_admin:
        raise call.service.dialect.forbidden("volume_extension:services:index")
    names = (("cinder-scheduler", "kamado"), ("cinder-volume", "kamado@local"), ("cinder-backup", "kamado"))
    return {
        "services": [
            {"binary": binary, "host": host, "zone": volumes.ZONE, "status": "enabled", "state": "up",
             "updated_at": call.stamp(), "disabled_reason": None}
            for binary, host in names
        ]
    }  # fmt: skip


def _metadata_of(collection: Collection) -> list[Route]:
    def find(call: Call) -> Obj:
        return crud.find(call, collection, call.params["id"])

    def keep(call: Call, obj: Obj, new: dict[str, str]) -> None:
        call.state.change(collection.table, obj["id"], metadata=new, updated_at=call.stamp())

    def missing(call: Call, key: str) -> str:
        return f"{collection.noun} {call.params['id']} has no metadata with key {key}."

    wording = metadata.Wording(missing, deleted=200)
    return metadata.routes_for(collection.path + "/{id}/metadata", find, keep, wording)


ROUTES = (
    Route("GET", "/", lambda call: Answer(300, _version(call)), public=True),
    Route("GET", "/v3", _version, public=True),
    Route("POST", f"{BASE}/volumes", volumes.create),
    Route("PUT", f"{BASE}/volumes/{{id}}", volumes.update),
    Route("DELETE", f"{BASE}/volumes/{{id}}", volumes.delete),
    Route("POST", f"{BASE}/volumes/{{id}}/action", actions.act),
    *_metadata_of(VOLUMES),
    Route("POST", f"{BASE}/snapshots", snapshots.create),
    Route("PUT", f"{BASE}/snapshots/{{id}}", snapshots.update),
    Route("DELETE", f"{BASE}/snapshots/{{id}}", snapshots.delete),
    *_metadata_of(SNAPSHOTS),
    Route("POST", f"{BASE}/backups", snapshots.create_backup),
    Route("DELETE", f"{BASE}/backups/{{id}}", snapshots.delete_backup),
    Route("POST", f"{BASE}/backups/{{id}}/restore", snapshots.restore),
    Route("POST", f"{BASE}/attachments", attachments.create),
    Route("GET", f"{BASE}/attachments/{{id}}", attachments.read),
    Route("PUT", f"{BASE}/attachments/{{id}}", attachments.update),
    Route("DELETE", f"{BASE}/attachments/{{id}}", attachments.delete),
    Route("POST", f"{BASE}/attachments/{{id}}/action", attachments.finish),
    Route("GET", f"{BASE}/types", volumetypes.listed),
    Route("POST", f"{BASE}/types", volumetypes.create),
    Route("GET", f"{BASE}/types/{{id}}", volumetypes.read),
    Route("PUT", f"{BASE}/types/{{id}}", volumetypes.update),
    Route("DELETE", f"{BASE}/types/{{id}}", volumetypes.delete),
    Route("GET", f"{BASE}/types/{{id}}/extra_specs", volumetypes.specs),
    Route("POST", f"{BASE}/types/{{id}}/extra_specs", volumetypes.add_specs),
    Route("GET", f"{BASE}/types/{{id}}/extra_specs/{{key}}", volumetypes.read_spec),
    Route("PUT", f"{BASE}/types/{{id}}/extra_specs/{{key}}", volumetypes.put_spec),
    Route("DELETE", f"{BASE}/types/{{id}}/extra_specs/{{key}}", volumetypes.drop_spec),
    Route("GET", f"{BASE}/types/{{id}}/os-volume-type-access", volumetypes.access),
    Route("POST", f"{BASE}/types/{{id}}/action", volumetypes.act),
    Route("POST", f"{BASE}/qos-specs", volumetypes.create_qos),
    Route("DELETE", f"{BASE}/qos-specs/{{id}}", volumetypes.delete_qos),
    Route("GET", f"{BASE}/os-quota-sets/{{target}}", quotas.show),
    Route("GET", f"{BASE}/os-quota-sets/{{target}}/defaults", quotas.defaults),
    Route("PUT", f"{BASE}/os-quota-sets/{{target}}", quotas.update),
    Route("DELETE", f"{BASE}/os-quota-sets/{{target}}", quotas.reset),
    Route("GET", f"{BASE}/limits", quotas.limits),
    Route("GET", f"{BASE}/os-availability-zone", _zones),
    Route("GET", f"{BASE}/os-services", _services),
    Route("GET", f"{BASE}/extensions", _nothing),
)


def seed(cloud: "LocalCloud") -> None:
    """The volume types that there are."""
    for name, description in TYPES:
        cloud.state.put(
            volumetypes.TABLE,
            {"id": new_uuid(), "name": name, "is_public": True, "description": description, "extra_specs": {},
             "qos_specs_id": None, "projects": []},
        )  # fmt: skip


SERVICE = Service(
    name="blockstorage",
    catalog=(
        CatalogEntry("cinderv3", "volumev3", "/v3/%(project_id)s"),
        CatalogEntry("cinder", "block-storage", "/v3/%(project_id)s"),
    ),
    dialect=Dialect(),
    collections=ALL,
    routes=ROUTES,
    before=_before,
    after=lambda call, answer: microversions.headers(call, answer, SPAN),
    seed=seed,
    quotas=quotas.DEFAULTS,
)
