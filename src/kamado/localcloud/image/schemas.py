"""The JSON schemas that Glance hands out, and the check of values against them.

Called by `images` and served under `/v2/schemas/…` (clients build their models from them). One table serves both. The trap:
every property that the table does not name is a custom one, and those must be strings.
"""

import re
from collections.abc import Mapping
from typing import Any

from kamado.localcloud.service import Refusal
from kamado.localcloud.state import Obj

UUID = "^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$"
STATUSES = [
    "queued",
    "saving",
    "active",
    "killed",
    "deleted",
    "uploading",
    "importing",
    "pending_delete",
    "deactivated",
]
VISIBILITIES = ["community", "public", "private", "shared"]
CONTAINERS = [None, "ami", "ari", "aki", "bare", "ovf", "ova", "docker", "compressed"]
DISKS = [None, "ami", "ari", "aki", "vhd", "vhdx", "vmdk", "raw", "qcow2", "vdi", "iso", "ploop"]
_TEXT = ["null", "string"]
_NUMBER = ["null", "integer"]

IMAGE: Mapping[str, Obj] = {
    "id": {"type": "string", "description": "Identifier", "pattern": UUID},
    "name": {"type": _TEXT, "description": "Name", "maxLength": 255},
    "status": {"type": "string", "readOnly": True, "description": "Status", "enum": STATUSES},
    "visibility": {"type": "string", "description": "Who may use it", "enum": VISIBILITIES},
    "protected": {"type": "boolean", "description": "Whether deleting is refused"},
    "os_hidden": {"type": "boolean", "description": "Whether plain lists leave it out"},
    "checksum": {"type": _TEXT, "readOnly": True, "description": "MD5 of the data", "maxLength": 32},
    "os_hash_algo": {"type": _TEXT, "readOnly": True, "description": "Algorithm of the hash", "maxLength": 64},
    "os_hash_value": {"type": _TEXT, "readOnly": True, "description": "Hash of the data", "maxLength": 128},
    "owner": {"type": _TEXT, "description": "Project that owns it", "maxLength": 255},
    "size": {"type": _NUMBER, "readOnly": True, "description": "Bytes of data"},
    "virtual_size": {"type": _NUMBER, "readOnly": True, "description": "Bytes of the disk in it"},
    "container_format": {"type": _TEXT, "description": "Format of the container", "enum": CONTAINERS},
    "disk_format": {"type": _TEXT, "description": "Format of the disk", "enum": DISKS},
    "created_at": {"type": "string", "readOnly": True, "description": "When it was registered"},
    "updated_at": {"type": "string", "readOnly": True, "description": "When it was changed last"},
    "tags": {"type": "array", "description": "Words", "items": {"type": "string", "maxLength": 255}},
    "direct_url": {"type": "string", "readOnly": True, "description": "Address in the store"},
    "min_ram": {"type": "integer", "description": "RAM in MiB that it needs"},
    "min_disk": {"type": "integer", "description": "Disk in GiB that it needs"},
    "self": {"type": "string", "readOnly": True, "description": "Own address"},
    "file": {"type": "string", "readOnly": True, "description": "Address of the data"},
    "stores": {"type": "string", "readOnly": True, "description": "Stores that have the data"},
    "schema": {"type": "string", "readOnly": True, "description": "Address of this schema"},
    "locations": {"type": "array", "description": "Places of the data", "items": {"type": "object"}},
    "kernel_id": {"type": _TEXT, "is_base": False, "description": "Kernel image", "pattern": UUID},
    "ramdisk_id": {"type": _TEXT, "is_base": False, "description": "Ramdisk image", "pattern": UUID},
    "instance_uuid": {"type": "string", "is_base": False, "description": "Server that it was made from"},
    "architecture": {"type": "string", "is_base": False, "description": "CPU architecture"},
    "os_distro": {"type": "string", "is_base": False, "description": "Distribution"},
    "os_version": {"type": "string", "is_base": False, "description": "Its version"},
}
MEMBER: Mapping[str, Obj] = {
    "member_id": {"type": "string", "description": "Project"},
    "image_id": {"type": "string", "description": "Image", "pattern": UUID},
    "created_at": {"type": "string", "description": "When it was shared"},
    "updated_at": {"type": "string", "description": "When the answer changed last"},
    "status": {"type": "string", "description": "The answer", "enum": ["pending", "accepted", "rejected"]},
    "schema": {"readOnly": True, "type": "string"},
}
CUSTOM: Obj = {"type": "string"}
_KINDS: Mapping[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "boolean": bool,
    "array": list,
    "object": dict,
    "null": type(None),
}


def check(values: Obj) -> None:
    """Refuse (400) values that the image schema does not allow."""
    for name, value in values.items():
        _check(value, IMAGE.get(name, CUSTOM), f"[{name!r}]")


def _check(value: Any, rule: Obj, where: str) -> None:
    kinds = rule["type"] if isinstance(rule["type"], list) else [rule["type"]]
    wrong_bool = isinstance(value, bool) and "boolean" not in kinds
    if wrong_bool or not isinstance(value, tuple(t for k in kinds for t in [_KINDS[k]] if isinstance(t, type))):
        raise _mismatch(f"{value!r} is not of type {', '.join(repr(k) for k in kinds)}", where, value)
    if "enum" in rule and value not in rule["enum"]:
        raise _mismatch(f"{value!r} is not one of {rule['enum']}", where, value)
    if isinstance(value, str):
        if len(value) > rule.get("maxLength", len(value)):
            raise _mismatch(f"{value!r} is too long", where, value)
        if "pattern" in rule and not re.search(rule["pattern"], value):
            raise _mismatch(f"{value!r} does not match {rule['pattern']!r}", where, value)
    if isinstance(value, list) and "items" in rule:
        for place, item in enumerate(value):
            _check(item, rule["items"], f"{where}[{place}]")


def _mismatch(reason: str, where: str, value: Any) -> Refusal:
    text = f"Provided object does not match schema 'image': {reason}\n\nOn instance{where}:\n    {value!r}"
    return Refusal(400, text)


def _links(what: str) -> list[Obj]:
    return [{"rel": rel, "href": f"{{{rel}}}"} for rel in ("first", "next")] + [{"rel": "describedby", "href": what}]


def _list_of(plural: str, schema: Obj) -> Obj:
    properties = {
        plural: {"type": "array", "items": schema},
        "first": {"type": "string"},
        "next": {"type": "string"},
        "schema": {"type": "string"},
    }
    return {"name": plural, "properties": properties, "links": _links("{schema}")}


IMAGE_SCHEMA: Obj = {
    "name": "image",
    "properties": dict(IMAGE),
    "additionalProperties": CUSTOM,
    "links": [
        {"rel": "self", "href": "{self}"},
        {"rel": "enclosure", "href": "{file}"},
        {"rel": "describedby", "href": "{schema}"},
    ],
}
MEMBER_SCHEMA: Obj = {"name": "member", "properties": dict(MEMBER)}
SCHEMAS: Mapping[str, Obj] = {
    "image": IMAGE_SCHEMA,
    "images": _list_of("images", IMAGE_SCHEMA),
    "member": MEMBER_SCHEMA,
    "members": _list_of("members", MEMBER_SCHEMA),
}
