"""What a plan was made from, as a digest: so that a plan that was shown can be run as such, or not at all.

Made by the orchestrator for a plan that it shows and again when that plan is to be run; looked at once more by the executor, before the
first step, for rows may change in between. The traps: it must contain everything that the planner looks at, and it is signed with the
installation's key, for it stands for secrets too and is given to clients.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from kamado.model.records import ResourceRecord, StackRecord

Sign = Callable[[str], str]
"""A keyed digest of a text, in hexadecimal."""

Tree = Sequence[tuple[StackRecord, Sequence[ResourceRecord]]]
"""A stack and all that is nested in it, each with its rows."""

WORDS: Mapping[str, str] = {
    "operation": "another operation was accepted on the stack",
    "rows": "resources of the stack have changed",
    "types": "the service has other resource types",
    "wanted": "something else is asked for",
}
"""What it means that a part of a basis is another one."""


@dataclass(frozen=True, slots=True)
class Basis:
    """The parts that a plan stands on, each a digest; as text they are joined by dots, in this order.

    ``operation``: the newest operation of the stack; ``rows``: its resources and those of nested stacks, and what was observed of
    them; ``types``: the resource types of the service; ``wanted``: what was asked for, after merging it into what is stored.
    """

    operation: str
    rows: str
    types: str
    wanted: str

    def __str__(self) -> str:
        return ".".join(getattr(self, one.name) for one in fields(self))

    @classmethod
    def parse(cls, text: str) -> Basis | None:
        """The basis that a client has sent back, None when it is none."""
        parts = text.split(".")
        return cls(*parts) if len(parts) == len(fields(cls)) and all(parts) else None

    def moved(self, now: Basis) -> str:
        """What is different now, in words; "" when nothing is."""
        names = [one.name for one in fields(self) if getattr(self, one.name) != getattr(now, one.name)]
        return ", and ".join(WORDS[name] for name in names)


_encode = json.JSONEncoder(sort_keys=True, default=repr).encode


def rows_digest(sign: Sign, tree: Tree, observed: Mapping[str, Any] | None = None) -> str:
    """Stands for all rows of a tree, and the state of its nested stacks; ``observed``: row id → what a look at reality gave."""
    lines: list[str] = []
    for stack, rows in tree:
        if stack is not tree[0][0]:
            lines.append(f"{stack.id} {stack.action} {stack.status} {stack.operation_id} {stack.target.template_id}")
        lines += sorted(map(_row, rows))
    if observed:
        lines.append(json.dumps(observed, sort_keys=True, default=repr))
    return sign("\n".join(lines))


def _row(row: ResourceRecord) -> str:
    state = f"{row.id} {row.action} {row.status} {row.phase} {row.physical_id} {row.replaces} {row.replaced_by}"
    made = f"{row.definition} {row.deletion_policy} {row.external_id} {row.secret} {row.updated_at} {row.operation_id}"
    held = [row.requires, row.properties, row.metadata, row.attributes, row.data, row.progress]
    return f"{state} {made} {_encode(held)}"


def wanted_digest(sign: Sign, parts: Iterable[Any]) -> str:
    """Stands for what was asked for: the action, and of an update the whole target that it comes to."""
    return sign(json.dumps(list(parts), default=repr))


def below(stacks: Iterable[StackRecord], top: str) -> list[StackRecord]:
    """Of a whole tree of stacks, parents first: the one with the id ``top`` and all that is nested in it."""
    found: list[StackRecord] = []
    inside = {top}
    for stack in stacks:
        if stack.id in inside or stack.owner_id in inside:
            inside.add(stack.id)
            found.append(stack)
    return found
