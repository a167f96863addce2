"""What a template says of one resource or output, ready to be planned: properties compiled, dependencies known.

Made by `Template.definitions` and `Template.active_outputs`; read by planner, executor and checker. The trap: compiled values are shared
between all stacks that use the cached template; nobody may change them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from kamado.template.functions.core import Function, Scope, calls, dump, is_constant
from kamado.template.functions.references import GetAttr, GetFile, GetParam, GetResource, Ref, ResourceFacade
from kamado.template.hidden import NOTHING, Hidden, hidden_places
from kamado.template.problems import Path
from kamado.template.unknown import SCALARS

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


NO_READS = Reads()


def reads(scope: Scope | None, *values: Any) -> Reads:
    """Everything that compiled values refer to; names that are themselves computed need a scope."""
    return read_by(scope, [call for value in values if not is_constant(value) for call in calls(value)])


def read_by(scope: Scope | None, made: Iterable[Function]) -> Reads:
    """Everything that these calls refer to themselves; see `reads`."""
    resources: set[str] = set()
    attributes: set[AttributeRead] = set()
    parameters: set[str] = set()
    parent = False
    for call in made:
        if isinstance(call, GetParam):
            parameters.update(_named(call))
        elif isinstance(call, GetAttr):
            target = call.target(scope)
            if target is not None:
                resources.add(target[0])
                attributes.add((target[0], _hashable(target[1])))
        elif isinstance(call, GetResource):
            name = call.target(scope)
            if name is not None:
                resources.add(name)
            elif isinstance(call, Ref):
                parameters.update(_named(call))
            elif not isinstance(call.args, Function | str):
                # no name at all (a number, say): no resource is called so, and the checker says it
                resources.add(str(call.args))
        elif isinstance(call, ResourceFacade):
            parent = True
    if not (resources or parameters or parent):
        return NO_READS
    return Reads(frozenset(resources), frozenset(attributes), frozenset(parameters), parent)


def _named(call: GetParam | Ref) -> Iterable[str]:
    """The parameter that a call reads; all of the template's when the name is computed: any may be it, a hidden one too."""
    return call.context.parameters if call.parameter is None else (call.parameter,)


def _hashable(path: tuple[Any, ...]) -> tuple[Any, ...]:
    return path if SCALARS.issuperset(map(type, path)) else tuple([p if type(p) in SCALARS else str(p) for p in path])


@dataclass(frozen=True)
class Definition:
    """One resource as a template wants it, its conditions decided. `properties` is compiled: resolve it in a scope."""

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
