"""Cinder as a table of collections; requests that need more than a table are in the modules named below.

Served by `server` through `blockstorage.SERVICE`. The trap: a policy of "" means that the request is special and listed in
`blockstorage.ROUTES`.
"""

from functools import partial
from typing import Any

from kamado.localcloud.blockstorage import attachments, snapshots, volumes, volumetypes
from kamado.localcloud.collection import Collection, Field, FieldType, Policy
from kamado.localcloud.metadata import checked

BASE = "/v3/{project_id}"


def _named(field: str) -> FieldType:
    return partial(volumes.check_name, field)


def _metadata(value: Any) -> Any:
    return checked(value)


def _own(*names: str) -> tuple[Field, ...]:
    return tuple(Field(name, read_only=True) for name in names)


TEXTS = (Field("name", _named("name")), Field("description", _named("description")))

VOLUMES = Collection(
    service="blockstorage", plural="volumes", singular="volume", path=f"{BASE}/volumes", noun="Volume",
    fields=(
        *TEXTS,
        Field("display_name", _named("name"), hidden=True),
        Field("display_description", _named("description"), hidden=True),
        Field("metadata", _metadata, filter=False),
        *_own("status", "size", "availability_zone", "volume_type", "snapshot_id", "source_volid", "bootable", "user_id",
              "multiattach", "encrypted", "project_id"),
    ),
    policy=Policy(create="", update="", delete=""), detailed=True, brief=volumes.brief, view=volumes.show,
    newest_first=True, own_list=True,
)  # fmt: skip

SNAPSHOTS = Collection(
    service="blockstorage", plural="snapshots", singular="snapshot", path=f"{BASE}/snapshots", noun="Snapshot",
    fields=(*TEXTS, *_own("metadata", "status", "size", "volume_id", "project_id")),
    policy=Policy(create="", update="", delete=""), detailed=True, brief=snapshots.brief, view=snapshots.show,
    newest_first=True, own_list=True,
)  # fmt: skip

BACKUPS = Collection(
    service="blockstorage", plural="backups", singular="backup", path=f"{BASE}/backups", noun="Backup",
    fields=(*TEXTS, *_own("status", "size", "volume_id", "project_id")),
    policy=Policy(create="", update="", delete=""), detailed=True, brief=snapshots.backup_brief, view=snapshots.backup_show,
    newest_first=True, own_list=True,
)  # fmt: skip

ATTACHMENTS = Collection(
    service="blockstorage", plural="attachments", singular="attachment", path=f"{BASE}/attachments", noun="Attachment",
    fields=_own("status", "instance", "volume_id", "project_id"),
    policy=Policy(create="", show="", update="", delete=""), detailed=True, brief=attachments.brief, view=attachments.show,
    newest_first=True, own_list=True,
)  # fmt: skip

VOLUME_TYPES = Collection(
    service="blockstorage", plural="volume_types", singular="volume_type", path=f"{BASE}/types", noun="Volume type", owner="",
    fields=_own("name", "is_public", "description", "extra_specs"), created="", updated="",
    policy=Policy("", "", "", "", ""), visible=volumetypes.visible, view=volumetypes.show,
)  # fmt: skip

QOS_SPECS = Collection(
    service="blockstorage", plural="qos_specs", singular="qos_specs", path=f"{BASE}/qos-specs", noun="QoS spec", owner="",
    fields=_own("name", "consumer", "specs"), created="", updated="",
    policy=Policy("", "admin", "admin", "", "", {
        "list": "volume_extension:qos_specs_manage:get_all", "show": "volume_extension:qos_specs_manage:get"}),
)  # fmt: skip

ALL = (VOLUMES, SNAPSHOTS, BACKUPS, ATTACHMENTS, VOLUME_TYPES, QOS_SPECS)
