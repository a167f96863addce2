"""Side calls: what is done to a thing after it exists, as shapes with names.

Declared in ``side_calls`` of a type; run by `kamado.plugin.rest` once the thing is ready, after a create and after an
update of a property that they claim. The trap: each may be run again after a crash, so each looks at what is there,
or sends the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kamado.plugin.wire import fill

if TYPE_CHECKING:
    from kamado.plugin.rest import RestResource


@dataclass(frozen=True, slots=True)
class Call:
    """One request as a template.

    ``{id}``, ``{member}``, ``{entry}``, ``{value}`` and names of properties are filled in.

    ``ok``: statuses that mean "it is so already".
    """

    method: str
    path: str
    json: Any = None
    ok: tuple[int, ...] = ()

    def make(self, resource: RestResource, **values: Any) -> Any:
        """Sends it."""
        known = {**resource.values, **values}
        return resource.call(self.method, fill(self.path, known), json=fill(self.json, known), ok=self.ok)


@dataclass(frozen=True, slots=True)
class Tags:
    """The tags of a thing of the network service, replaced as a whole."""

    prop: str

    @property
    def claims(self) -> tuple[str, ...]:
        """The property with the tags."""
        return (self.prop,)

    def reconcile(self, resource: RestResource) -> None:
        """Puts the whole list."""
        tags = resource.properties.get(self.prop) or []
        resource.call("PUT", f"{resource.item_path()}/tags", json={"tags": tags})


@dataclass(frozen=True, slots=True)
class Members:
    """A set of other things that this one is joined with: compares with what is there, then joins and leaves.

    ``listing``: path that lists them under ``key``, each known by ``member`` (dotted). ``refers``: names become ids
    first.
    """

    prop: str
    listing: str
    key: str
    join: Call
    leave: Call
    member: str = "id"
    refers: str = ""

    @property
    def claims(self) -> tuple[str, ...]:
        """The property with the set."""
        return (self.prop,)

    def reconcile(self, resource: RestResource) -> None:
        """Joins who is missing, leaves who is too many."""
        wanted = list(resource.properties.get(self.prop) or [])
        if self.refers:
            wanted = [resource.find(self.refers, item) for item in wanted]
        answer = resource.call("GET", fill(self.listing, resource.values), ok=(404,)) or {}
        present = [item[self.member] for item in answer.get(self.key, [])]
        for member in wanted:
            if member not in present:
                self.join.make(resource, member=member)
        for member in present:
            if member not in wanted:
                self.leave.make(resource, member=member)


@dataclass(frozen=True, slots=True)
class Entries:
    """A map of texts that has calls of its own (extra specs, metadata).

    Sets what differs, drops what is not wanted any more.

    ``listing``: path whose answer has the map under ``key``. ``set``: sent once with all that differs as
    ``{entries}``. ``drop``: once for each ``{entry}`` to go. ``owned_only``: entries that the last properties did not
    have are left alone.
    """

    prop: str
    listing: str
    key: str
    set: Call
    drop: Call
    owned_only: bool = False

    @property
    def claims(self) -> tuple[str, ...]:
        """The property with the map."""
        return (self.prop,)

    def reconcile(self, resource: RestResource) -> None:
        """Makes the map equal."""
        wanted: Mapping[str, Any] = resource.properties.get(self.prop) or {}
        answer = resource.call("GET", fill(self.listing, resource.values), ok=(404,)) or {}
        present: Mapping[str, Any] = answer.get(self.key) or {}
        different = {key: value for key, value in wanted.items() if key not in present or present[key] != str(value)}
        if different:
            self.set.make(resource, entries=different)
        before = (resource.record.properties or {}).get(self.prop) or {}
        for entry in present:
            if entry not in wanted and (not self.owned_only or entry in before):
                self.drop.make(resource, entry=entry)


@dataclass(frozen=True, slots=True)
class OwnCall:
    """A property that is set by a call of its own. ``when_unset``: also made when the property is null or absent."""

    prop: str
    call: Call
    when_unset: bool = False

    @property
    def claims(self) -> tuple[str, ...]:
        """The property."""
        return (self.prop,)

    def reconcile(self, resource: RestResource) -> None:
        """Sends the value."""
        value = resource.properties.get(self.prop)
        if value is not None or self.when_unset:
            self.call.make(resource, value=value)


@dataclass(frozen=True, slots=True)
class By:
    """Whatever else: a function of the resource, which may be run any number of times."""

    claims: tuple[str, ...]
    function: Callable[[Any], None] = field(compare=False)

    def reconcile(self, resource: RestResource) -> None:
        """Calls it."""
        self.function(resource)
