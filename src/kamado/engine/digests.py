"""Digests: of a definition together with the parameters it reads, and of the rows a plan was made from.

A row keeps the first, so that an update sees without resolving anything that nothing about a resource has changed. The trap: a
definition that reads a hidden parameter has no digest (a stored hash of a weak secret could be guessed); it is always resolved.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from kamado.model.records import ResourceRecord
from kamado.template import Definition, Parameters


def definition_digest(definition: Definition, parameters: Parameters | None) -> str:
    """64 hex characters that stand for the unresolved definition and the values of the parameters it reads; "" when it may have none."""
    names = definition.parameters
    if parameters is None or not names:
        return definition.digest
    if not parameters.hidden.isdisjoint(names):
        return ""
    values = json.dumps([parameters[name] for name in sorted(names)], sort_keys=True, default=str)
    return hashlib.sha256(f"{definition.digest}\n{values}".encode()).hexdigest()


def basis_digest(rows: Iterable[ResourceRecord]) -> str:
    """64 hex characters that change when any row's definition, state or physical id does: what a shown plan stands on."""
    lines = sorted(
        f"{row.id} {row.action} {row.status} {row.phase} {row.physical_id} {row.definition} {row.updated_at}"
        for row in rows
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
