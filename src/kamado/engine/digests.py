"""Digests of a definition with everything it reads.

A row keeps one, so that an update sees without resolving anything that nothing about a resource has changed: neither what is
written, nor the parameters it reads, nor the values it took from other resources. The trap: what reads something secret has no
digest (a stored hash of a weak secret could be guessed); it is always resolved and compared.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

from kamado.engine.scope import RowScope
from kamado.model.records import ResourceRecord
from kamado.template import Definition, Parameters, contains_unknown

_HALF = 32
"""Characters of each half: what is written, and what is read from other resources."""

_encode = json.JSONEncoder(sort_keys=True, default=str).encode


def definition_digest(definition: Definition, parameters: Parameters | None, version: str = "") -> str:
    """Stands for what is written of a resource and the parameters it reads; "" when one of them is hidden.

    ``version``: what a composite type consists of besides (`kamado.plugin.resource.Resource.version`).
    """
    names = definition.parameters
    if parameters is None or not (names or definition.reads_parent):
        return _hash(f"{definition.digest}\n{version}") if version else definition.digest[:_HALF]
    if not parameters.hidden.isdisjoint(names):
        return ""
    read = [parameters[name] for name in sorted(names)]
    if definition.reads_parent:
        read.append(parameters.facade)
    values = _encode(read)
    return _hash(f"{definition.digest}\n{values}\n{version}" if version else f"{definition.digest}\n{values}")


def applied_digest(written: str, definition: Definition, scope: RowScope, is_secret: Callable[[str], bool]) -> str:
    """``written`` (as `definition_digest` gave it) together with the values that the definition reads from other resources.

    "" when there is none of ``written``, a value is not known yet or comes from a resource that keeps secrets (``is_secret``).
    """
    if not written or not definition.requires:
        return written
    if any(is_secret(name) for name in definition.requires):
        return ""
    read: list[Any] = [scope.reference(name) for name in sorted(definition.requires)]
    read += [scope.attribute(name, path) for name, path in sorted(definition.attributes, key=repr)]
    if contains_unknown(read):
        return ""
    return written + _hash(_encode(read))


def same_writing(row: ResourceRecord, written: str) -> bool:
    """Whether the row was applied from a definition that says the same, whatever it read from others."""
    return bool(written) and row.definition[:_HALF] == written


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_HALF // 2).hexdigest()
