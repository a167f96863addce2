"""User data of a server: the text that cloud-init (or Ignition) finds inside the guest.

Called by `server.py` with everything already resolved. Pure. File names, part types and their order are what
heat-cfntools and cloud-init rely on. The trap: the MIME boundary is made from the content, so that the same input gives
the same bytes: a create that is done again after a crash sends what the first one sent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from kamado.plugin.multipart import Part, multipart, own_parts
from kamado.resources.nova import guest_scripts

RAW = "RAW"
CFNTOOLS = "HEAT_CFNTOOLS"
SOFTWARE_CONFIG = "SOFTWARE_CONFIG"

_IGNITION_PATHS = ("/var/lib/heat-cfntools/cfn-init-data", "/var/lib/cloud/data/cfn-init-data")


def build(text: str, style: str, metadata: Mapping[str, Any], metadata_url: str | None) -> str:
    """The user data to send, not yet base64-encoded.

    ``text``: the property; ``style``: ``user_data_format``; ``metadata``: the resource's own metadata;
    ``metadata_url``: the CloudFormation API as seen from guests (None: there is none, its two parts are left out).
    Raises ValueError when Ignition data has a shape that metadata cannot be added to.
    """
    if style == RAW:
        return text
    if style == SOFTWARE_CONFIG and is_ignition(text):
        return with_ignition_metadata(text, metadata)
    parts = [
        Part(guest_scripts.CLOUD_CONFIG, "cloud-config", "cloud-config"),
        Part(guest_scripts.BOOTHOOK, "boothook.sh", "cloud-boothook"),
        Part(guest_scripts.PART_HANDLER, "part-handler.py", "part-handler"),
    ]
    if style == CFNTOOLS:
        parts.append(Part(text, "cfn-userdata", "x-cfninitdata"))
        parts.append(Part(guest_scripts.LOG_USER_DATA, "loguserdata.py", "x-shellscript"))
    else:
        parts += own_parts(text)
    if metadata:
        parts.append(Part(json.dumps(metadata), "cfn-init-data", "x-cfninitdata"))
    if style == CFNTOOLS and metadata_url:
        parts.append(Part(metadata_url, "cfn-metadata-server", "x-cfninitdata"))
        parts.append(Part(boto_config(metadata_url), "cfn-boto-cfg", "x-cfninitdata"))
    return multipart(parts)


def boto_config(metadata_url: str) -> str:
    """The configuration file by which cfn-tools in the guest find the CloudFormation API."""
    address = urlsplit(metadata_url)
    return "\n".join(
        (
            "[Boto]",
            "debug = 0",
            f"is_secure = {1 if address.scheme == 'https' else 0}",
            "https_validate_certificates = 1",
            "cfn_region_name = heat",
            f"cfn_region_endpoint = {address.hostname}",
        )
    )


def is_ignition(text: str) -> bool:
    """Whether the text is an Ignition configuration (JSON with an Ignition version)."""
    try:
        document = json.loads(text)
    except ValueError:
        return False
    section = document.get("ignition") if isinstance(document, dict) else None
    return isinstance(section, dict) and bool(section.get("version"))


def with_ignition_metadata(text: str, metadata: Mapping[str, Any]) -> str:
    """Ignition data with files added that hold the metadata; unchanged when there is none."""
    if not metadata:
        return text
    document = json.loads(text)
    storage = document.setdefault("storage", {})
    if not isinstance(storage, dict):
        raise ValueError('Ignition "storage" section must be a map')
    files = storage.setdefault("files", [])
    if not isinstance(files, list):
        raise ValueError('Ignition "files" section must be a list')
    source = "data:," + quote(json.dumps(metadata))
    files += [
        {
            "filesystem": "root",
            "path": path,
            "mode": 0o640,
            "user": {"name": "root"},
            "group": {"name": "root"},
            "contents": {"source": source, "verification": {}},
        }
        for path in _IGNITION_PATHS
    ]
    return json.dumps(document)
