"""An instance as a description of others like it: what AWS launch configurations and groups take over from one that runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def like(server: Mapping[str, Any]) -> dict[str, Any]:
    """The properties of an AWS::EC2::Instance that is like a server, as Nova shows that; what is not known is left out."""
    found = {
        "ImageId": (server.get("image") or {}).get("id"),
        "InstanceType": (server.get("flavor") or {}).get("id"),
        "KeyName": server.get("key_name"),
        "SecurityGroups": [group["name"] for group in server.get("security_groups") or ()],
    }
    return {name: value for name, value in found.items() if value}
