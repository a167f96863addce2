"""Block devices of a server: what the two mapping properties mean, and how Nova wants them written.

Called by `server.py`, for validation and for the create request. Pure. The trap: beside devices of the newer form a server's
image must be stated as a device too (`image_entry`), else Nova takes the boot order for wrong; the older form must not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Device = Mapping[str, Any]


def canonical(devices: Iterable[Any]) -> list[dict[str, Any]]:
    """The entries with an image under its present name, ``image``."""
    result = []
    for device in devices:
        if isinstance(device, Mapping):
            entry = dict(device)
            old = entry.pop("image_id", None)
            if old is not None and entry.get("image") is None:
                entry["image"] = old
            result.append(entry)
    return result


_SOURCES = (("volume_id", "volume"), ("snapshot_id", "snapshot"), ("image", "image"))
_PASSED_ON = ("device_type", "disk_bus", "boot_index", "volume_size", "delete_on_termination", "volume_type")


def _source(device: Device) -> dict[str, Any]:
    for key, kind in _SOURCES:
        if device.get(key):
            return {
                "uuid": device[key],
                "source_type": kind,
                "destination_type": "volume",
                "boot_index": 0,
                "delete_on_termination": False,
            }
    blank: dict[str, Any] = {
        "source_type": "blank",
        "destination_type": "local",
        "boot_index": -1,
        "delete_on_termination": True,
    }
    if device.get("swap_size"):
        return {**blank, "guest_format": "swap", "volume_size": device["swap_size"]}
    if device.get("ephemeral_size"):
        blank["volume_size"] = device["ephemeral_size"]
    if device.get("ephemeral_format"):
        blank["guest_format"] = device["ephemeral_format"]
    return blank


def mappings(devices: Iterable[Device]) -> list[dict[str, Any]]:
    """Nova's entries for the property ``block_device_mapping_v2``; what is stated wins over defaults."""
    entries = []
    for device in devices:
        entry = _source(device)
        if device.get("device_name"):
            entry["device_name"] = device["device_name"]
        entry.update({key: device[key] for key in _PASSED_ON if device.get(key) is not None})
        entries.append(entry)
    return entries


def legacy_mappings(devices: Iterable[Device]) -> list[dict[str, Any]]:
    """Nova's entries for the property ``block_device_mapping``, in the older form that Nova keeps for it."""
    entries = []
    for device in devices:
        entry: dict[str, Any] = {"device_name": device["device_name"]}
        kind = "snapshot_id" if device.get("snapshot_id") else "volume_id"
        entry[kind] = device.get(kind)
        if device.get("volume_size"):
            entry["volume_size"] = device["volume_size"]
        if device.get("delete_on_termination"):
            entry["delete_on_termination"] = True
        entries.append(entry)
    return entries


def image_entry(image: str) -> dict[str, Any]:
    """The entry that keeps a server's image as its local root disk when other devices are mapped beside it."""
    return {
        "uuid": image,
        "source_type": "image",
        "destination_type": "local",
        "boot_index": 0,
        "delete_on_termination": True,
    }


def _conflict(*names: str) -> str:
    return "Cannot define the following properties at the same time: " + ", ".join(names) + "."


def problems(server: str, image: Any, legacy: Iterable[Device], modern: Iterable[Device]) -> list[str]:
    """What is wrong with a server's boot devices, in Heat's words; an empty list when they fit together.

    ``server`` is the resource's name. Values that are not known yet count as given.
    """
    legacy, modern = list(legacy), list(modern)
    if legacy and modern:
        return [_conflict("block_device_mapping", "block_device_mapping_v2")]
    found: list[str] = []
    bootable = image is not None
    for device in legacy:
        if device.get("device_name") == "vda":
            bootable = True
        given = [device.get("volume_id") is not None, device.get("snapshot_id") is not None]
        if all(given):
            found.append(_conflict("volume_id", "snapshot_id"))
        elif not any(given):
            found.append(
                f"Either volume_id or snapshot_id must be specified for device mapping {device.get('device_name')}"
            )
    roots = [image] if image is not None else []
    for device in modern:
        found += _source_problems(device)
        stored = [device[key] for key, _ in _SOURCES if device.get(key) is not None]
        if stored and device.get("boot_index") in (None, 0):
            bootable = True
            roots += stored
    if found:
        return found
    if not bootable:
        return [f"Neither image nor bootable volume is specified for instance {server}"]
    if modern and len(roots) != 1:
        return [f"Multiple bootable sources for instance {server}."]
    return []


def _source_problems(device: Device) -> list[str]:
    ephemeral = device.get("ephemeral_size") or device.get("ephemeral_format")
    sources = [device.get(key) for key in ("volume_id", "snapshot_id", "image", "swap_size")]
    given = sum(1 for source in (*sources, ephemeral) if source is not None)
    if given > 1:
        return [_conflict("volume_id", "snapshot_id", "image", "swap_size", "ephemeral_size", "ephemeral_format")]
    if given == 0:
        return [
            "Either volume_id, snapshot_id, image_id, swap_size, ephemeral_size or ephemeral_format must be specified."
        ]
    return []
