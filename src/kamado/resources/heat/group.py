"""What a group tells: attributes that speak of all its members, and the outputs of its child stack that have them read.

Base of `kamado.resources.heat.members.Members`. An attribute is the group's own (`Group.own`), or one of each member: a map or list
under a name of the group's (``attributes``, ``outputs``) with the member's attribute after it, or where the group passes on what it is
asked, a list.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, ClassVar

from kamado.plugin.stack_resource import BROKEN, EACH, NESTED, StackResource


class Group(StackResource):
    """A stack of equals."""

    maps: ClassVar[frozenset[str]] = frozenset({"attributes"})
    """Attributes that, with the name of an attribute of the members after them, give a map from the members' names to its values."""
    lists: ClassVar[frozenset[str]] = frozenset()
    """The same as lists."""
    takes_keys = maps
    own: ClassVar[frozenset[str]] = frozenset({"refs", "refs_map", "removed_rsrc_list"})
    """Attributes of the group itself."""
    passes_on: ClassVar[bool] = True
    """Whether any other attribute is a list of that attribute of the members."""

    def ordered(self, names: Iterable[str]) -> list[str]:
        """Names of members in the order of the group."""
        return in_order(names)

    def of_members(self, attribute: str | None) -> dict[str, Any]:
        """One attribute (or the reference) of each member that is there, in the order of the group."""
        found = self.children.members(str(self.physical_id), attribute)
        return {name: found[name] for name in self.ordered(found)}

    def read_attributes(self, names: Iterable[str]) -> dict[str, Any]:
        """The type's own attributes, and those of the members."""
        wanted = list(names)
        if self.physical_id is None:
            return dict.fromkeys(wanted)
        inner = {name: self._inner(name) for name in wanted if name.startswith(NESTED)}
        values = super().read_attributes(inner.values())
        there = self.of_members(None) if inner else {}
        found = {
            name: values[meant] if _member(meant) in there else self._nobody(name) for name, meant in inner.items()
        }
        return found | {name: self.group_attribute(name) for name in wanted if not name.startswith(NESTED)}

    def _nobody(self, name: str) -> Mapping[str, str]:
        return {BROKEN: f"Member '{_member(name)}' not found in group resource '{self.name}'."}

    def _inner(self, name: str) -> str:
        """``resource.<asked>…`` with the name of the member that is meant."""
        head, asked, *rest = name.split(".", 2)
        return ".".join((head, self.inner_name(asked), *rest))

    def inner_name(self, asked: str) -> str:
        """The name of the member that ``resource.<asked>`` means."""
        return asked

    def group_attribute(self, name: str) -> Any:
        """One attribute that speaks of all members."""
        if name == "refs":
            return list(self.of_members(None).values())
        if name == "refs_map":
            return self.of_members(None)
        if name == "attributes" and name in self.maps:
            return {BROKEN: f"The Referenced Attribute ({self.name} {name}) is incorrect."}
        found = self.of_each(name)
        if found is None:
            return None
        values = self.of_members(found[1])
        return {EACH: values if found[0] in self.maps else list(values.values())}

    @classmethod
    def named(cls, asked: str, names: Sequence[str]) -> str:  # noqa: ARG003
        """The member, of those ``names``, that ``resource.<asked>`` means."""
        return asked

    @classmethod
    def of_each(cls, name: str) -> tuple[str, str] | None:
        """Under which attribute of the group which one of each member is asked for; None when it is none of the members'."""
        before, _, inner = name.partition(".")
        if before in cls.maps | cls.lists:
            return (before, inner) if inner else None
        return ("", name) if cls.passes_on and name not in cls.own else None

    @classmethod
    def outputs_for(cls, names: Sequence[str], wanted: Collection[str | None]) -> dict[str, Any]:
        """Outputs of the child that have the attributes in ``wanted`` read of its resources, named as Heat names them."""
        found: dict[str, Any] = {}
        for attribute in sorted(name for name in wanted if name is not None):
            if attribute.startswith(NESTED):
                _, asked, *rest = attribute.split(".", 2)
                member = cls.named(asked, names)
                if rest and member in names:
                    found[f"{NESTED}{asked}, {rest[0]}"] = {"get_attr": [member, rest[0]]}
                continue
            each_of = cls.of_each(attribute)
            if each_of is None:
                continue
            before, inner = each_of
            each = {name: {"get_attr": [name, inner]} for name in names}
            key = f"{before}, {inner}" if before else inner
            found[key] = each if before in cls.maps else list(each.values())
        return found


def _member(name: str) -> str:
    """The member that ``resource.<member>…`` speaks of."""
    return name.split(".", 2)[1]


def in_order(names: Iterable[str]) -> list[str]:
    """The names of members in the order in which lists show them: numbers by size."""
    return sorted(names, key=lambda name: (not name.isdigit(), int(name) if name.isdigit() else 0, name))
