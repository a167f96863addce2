"""What a template says of one resource or output, ready to be planned: properties compiled, dependencies known.

Made by `Template.definitions` and `Template.active_outputs`; read by planner, executor and checker. The trap: compiled values are shared
between all stacks that use the cached template; nobody may change them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from kamado.template.functions.core import Found, Scope, calls, dump, is_constant
from kamado.template.functions.references import GetFile
from kamado.template.hidden import NOTHING, Hidden, hidden_places
from kamado.template.problems import Path

AttributeRead = tuple[str, tuple[Any, ...]]
_NOTHING: frozenset[Any] = frozenset()


@dataclass(frozen=True, slots=True)
class Reads:
    """What compiled values refer to."""

    resources: frozenset[str] = _NOTHING
    attributes: frozenset[AttributeRead] = _NOTHING
    parameters: frozenset[str] = _NOTHING
    parent: bool = False
    """Whether `resource_facade` is among it."""


def gather(scope: Scope | None, *values: Any) -> Found:
    """Everything that compiled values refer to; names that are themselves computed need a scope."""
    found = Found()
    for value in values:
        if not is_constant(value):
            for call in calls(value):
                call.tell(found, scope)
    return found


def reads(scope: Scope | None, *values: Any) -> Reads:
    """The same, to be kept."""
    found = gather(scope, *values)
    return Reads(frozenset(found.resources), frozenset(found.attributes), frozenset(found.parameters), found.parent)


@dataclass(eq=False)
class Definition:
    """One resource as a template wants it, its conditions decided. `properties` is compiled: resolve it in a scope.

    Nobody may change it once it is made; it is no frozen class because these take eight times as long to make.
    """

    name: str
    type: str
    properties: Mapping[str, Any] = field(default_factory=dict)
    metadata: Any = field(default_factory=dict)
    depends_on: tuple[str, ...] = ()
    deletion_policy: str = "Delete"
    update_policy: Any = field(default_factory=dict)
    external_id: Any = None
    description: str = ""
    requires: frozenset[str] = _NOTHING
    attributes: frozenset[AttributeRead] = _NOTHING
    parameters: frozenset[str] = _NOTHING
    reads_parent: bool = False
    reads: frozenset[str] = _NOTHING
    """Of ``requires`` those of which a value goes into it; on the others it only waits."""

    def refer(self, found: Found) -> None:
        """Take note of what its calls refer to."""
        self.reads = frozenset(found.resources)
        self.requires = self.reads.union(self.depends_on) if self.depends_on else self.reads
        self.attributes = frozenset(found.attributes)
        self.parameters = frozenset(found.parameters)
        self.reads_parent = found.parent

    @cached_property
    def digest(self) -> str:
        """A hash of everything that the template says of the resource, calls unresolved, contents of files included."""
        body = [
            self.type,
            dump(self.properties),
            dump(self.metadata),
            self.depends_on,
            self.deletion_policy,
            dump(self.update_policy),
            dump(self.external_id),
            self._files(),
        ]
        text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)
        return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()

    def _files(self) -> list[str | None]:
        if is_constant(self.properties) and is_constant(self.metadata):
            return []
        return [call.content for call in self.calls() if isinstance(call, GetFile)]

    def calls(self) -> Iterator[Any]:
        """Every call in properties, metadata and update policy."""
        for value in (self.properties, self.metadata, self.update_policy):
            yield from calls(value)

    def hidden(self, parameters: Collection[str], resources: Collection[str] = ()) -> Hidden:
        """Where in the properties something goes that must not be shown: a value of these parameters, or something of these resources;
        through whatever functions.
        """
        if self.parameters.isdisjoint(parameters) and self.requires.isdisjoint(resources):
            return NOTHING

        def is_secret(value: Any) -> bool:
            read = reads(None, value)
            return not (read.parameters.isdisjoint(parameters) and read.resources.isdisjoint(resources))

        return hidden_places(self.properties, is_secret)


@dataclass(frozen=True)
class Output:
    """One output; `value` is compiled. `condition` is None when there is none."""

    name: str
    description: str = ""
    value: Any = None
    condition: Any = None
    requires: frozenset[str] = _NOTHING
    attributes: frozenset[AttributeRead] = _NOTHING
    parameters: frozenset[str] = _NOTHING
    path: Path = ()

    def is_secret(self, hidden: frozenset[str]) -> bool:
        """Whether a hidden parameter goes into it."""
        return bool(self.parameters & hidden)
