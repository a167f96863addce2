"""Hosts that an operator has named: where the server goes because a user said so. Pure."""

from __future__ import annotations

from collections.abc import Sequence


def is_named(host: str, hosts: Sequence[str]) -> bool:
    """Whether a list has a host: by its name or address, by ``*.example.org`` for all below one, by ``*`` for any."""
    return any(
        one == "*" or host == one.lower() or (one.startswith("*.") and host.endswith(one[1:].lower())) for one in hosts
    )
