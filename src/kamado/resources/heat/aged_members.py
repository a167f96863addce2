"""Groups whose members are known by their age: they have random names, new ones come last, and the oldest go first.

Base of the autoscaling groups and of OS::Heat::InstanceGroup. The trap: who the members are stands in the child's template and nowhere
else, so everything begins with what is there; and members keep the definition that they were made with until an update of the group
changes it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from kamado.model.identifiers import new_id, short_id
from kamado.plugin.context import ChildTemplate
from kamado.plugin.errors import PermanentError
from kamado.plugin.stack_resource import OPERATION, Present
from kamado.resources.heat.batches import Batch, in_turn
from kamado.resources.heat.members import Member, Members, child_template, members_of, same
from kamado.template.unknown import contains_unknown

_SIZE = "size"
"""Key of the resource's data: how many members there are to be when a change in batches is over."""


class AgedMembers(Members):
    """A group of so many equals."""

    keeps_metadata = True
    passes_on = False

    @classmethod
    @abstractmethod
    def definition(cls, properties: Mapping[str, Any]) -> Member | None:
        """What a member is; None while that is not known."""

    @classmethod
    @abstractmethod
    def first_size(cls, properties: Mapping[str, Any]) -> int | None:
        """How many members there are at first; None while that is not known."""

    @classmethod
    @abstractmethod
    def next_size(cls, properties: Mapping[str, Any], now: int, changes: Collection[str]) -> int:
        """How many there are to be after an update that changes these properties; ``now``: those that there are."""

    @classmethod
    def template_for(
        cls,
        type_name: str,
        properties: Mapping[str, Any],
        wanted: Collection[str | None] = (),
        present: Present | None = None,
    ) -> ChildTemplate | None:
        """A template of all members: those that there are stay, or go when there are too many."""
        definition = cls.definition(properties)
        if present is None or cls.first_size(properties) is None or definition is None:
            return super().template_for(type_name, properties, wanted)
        names = list(members_of(present.child))
        size = cls.next_size(properties, len(names), present.changes)
        names = [*names[max(len(names) - size, 0) :], *_new_names(size - len(names))]
        return child_template(dict.fromkeys(names, definition), cls.outputs_for(names, wanted))

    @classmethod
    def plain_members(cls, properties: Mapping[str, Any]) -> Mapping[str, Member] | None:
        """As many as at first, under new names."""
        size, definition = cls.first_size(properties), cls.definition(properties)
        if size is None or definition is None or contains_unknown(definition.get("type")):
            return None
        return dict.fromkeys(_new_names(size), definition)

    def member(self, name: str) -> Member:  # noqa: ARG002  # all are the same
        """What a member is now."""
        found = self.definition(self.properties)
        if found is None:
            raise PermanentError("the members are not known", "StackValidationFailed")
        return found

    def wanted_members(self) -> Mapping[str, Member]:
        """As many as at first, under new names."""
        return dict.fromkeys(_new_names(self.first_size(self.properties) or 0), self.member(""))

    def ordered(self, names: Iterable[str]) -> list[str]:
        """By age: as the child's template has them, new ones last."""
        place = {name: number for number, name in enumerate(self.present_members())}
        return sorted(names, key=lambda name: place.get(name, len(place)))

    @classmethod
    def named(cls, asked: str, names: Sequence[str]) -> str:
        """A member by its name, or by its place in the order of age."""
        return names[int(asked)] if asked.isdigit() and asked not in names and int(asked) < len(names) else asked

    def inner_name(self, asked: str) -> str:
        """The same of those that are there."""
        return self.named(asked, list(self.of_members(None))) if asked.isdigit() else asked

    def of_members(self, attribute: str | None) -> dict[str, Any]:
        """One attribute (or the reference) of each member that is in order."""
        found = self.children.members(str(self.physical_id), attribute)
        failed = self._failed()
        return {name: found[name] for name in self.present_members() if name in found and name not in failed}

    def size(self) -> int:
        """How many members there are, without those that have failed."""
        failed = self._failed()
        return sum(name not in failed for name in self.present_members())

    def handle_update(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Begins to bring members to what they are to be now, in batches, and the group to its size."""
        present, exact = self.members_now()
        now = int(self.data.get(_SIZE) or len(present))  # failed ones too: an update repairs them
        size = self.next_size(self.properties, now, changes)
        new = self.member("")
        outdated = [name for name, one in present.items() if not same(one, new)]
        pace = self.update_pace()
        if pace is None or not outdated:
            members = self.sized(present, size)
            return {OPERATION: self.children.update(self._stack_id(), self._template(members)), "action": "UPDATE"}
        steps, left = in_turn(self._by_worth(present), outdated, iter(_endless_names()), pace)
        steps += _last_step(left, size)
        self.set_data(_SIZE, size)
        return self.take_steps(steps, pace, present, exact)

    def check_update_complete(self, token: dict[str, Any] | None) -> bool:
        """Whether the last batch is done."""
        over = self.check_create_complete(token)
        if over and _SIZE in self.data:
            self.set_data(_SIZE, None)
        return over

    def sized(self, present: Mapping[str, Member], size: int) -> dict[str, Member]:
        """The members when there are to be so many: failed ones go first, then the oldest; new ones come last."""
        worth = self._by_worth(present)
        stay = set(worth[max(len(worth) - size, 0) :])
        members = {name: one for name, one in present.items() if name in stay}
        return members | dict.fromkeys(_new_names(size - len(members)), self.member(""))

    def _by_worth(self, present: Mapping[str, Member]) -> list[str]:
        failed = self._failed()
        return sorted(present, key=lambda name: name not in failed)

    def _failed(self) -> frozenset[str]:
        return frozenset() if self.physical_id is None else self.children.failed(self.physical_id)


def _last_step(left: Sequence[str], size: int) -> list[Batch]:
    """From the members that are left to the size that there is to be."""
    if len(left) > size:
        return [Batch(drop=tuple(left[: len(left) - size]))]
    return [Batch(bring=tuple(_new_names(size - len(left))))] if len(left) < size else []


def _endless_names() -> Iterator[str]:
    while True:
        yield short_id(new_id())


def _new_names(many: int) -> list[str]:
    """In the order of the alphabet, in which Heat shows members of one age."""
    return sorted(short_id(new_id()) for _ in range(many))
