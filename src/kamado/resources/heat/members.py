"""The base of groups: types that are a child stack with one resource for each member.

A subclass says which members there are (`Members.plain_members`, pure); the template of the child and changes in batches are here, what a
group tells of its members in `kamado.resources.heat.group`. The traps: property values of members are resolved before they go into the
child's template; what is secret or not known yet of them travels in a hidden parameter. A change in batches is one
update of the child in which members come in turn, and another one where members stood in; the token keeps what is left.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, ClassVar

from kamado.model.lifecycle import Action
from kamado.plugin.context import ChildTemplate, InTurn
from kamado.plugin.errors import PermanentError
from kamado.plugin.stack_resource import OPERATION, Present, hidden_inside
from kamado.resources.heat.balanced import BALANCED
from kamado.resources.heat.batches import (
    AT_ONCE,
    PAUSE,
    STEPS,
    UNTIL,
    Batch,
    Pace,
    batches,
    check_time,
    left_over,
    one_change,
)
from kamado.resources.heat.group import Group
from kamado.template.hidden import NOTHING, Hidden, inside
from kamado.template.unknown import contains_unknown

_VERSION = "2015-04-30"
_HELD = {"properties": "members", "metadata": "members_metadata"}
"""Part of a member → the parameter of the child's template that holds those of its values which must not be written into it."""

Member = Mapping[str, Any]
"""One resource of the child: ``type``, ``properties``, ``metadata``, ``depends_on``."""


class Members(Group):
    """A group. ``plain_members`` gives what the template says; an instance may know more (`wanted_members`)."""

    members_from: ClassVar[Mapping[str, tuple[str, ...]] | None] = {}

    @classmethod
    @abstractmethod
    def plain_members(cls, properties: Mapping[str, Any]) -> Mapping[str, Member] | None:
        """The members by name, in order, from properties alone; None while they are not known."""

    @classmethod
    def template_for(
        cls,
        type_name: str,  # noqa: ARG003
        properties: Mapping[str, Any],
        wanted: Collection[str | None] = (),
        present: Present | None = None,  # noqa: ARG003  # who they are does not depend on it
    ) -> ChildTemplate | None:
        """A template of all members."""
        members = cls.plain_members(properties)
        return None if members is None else child_template(members, cls.outputs_for(list(members), wanted))

    def wanted_members(self) -> Mapping[str, Member]:
        """The members that there are to be, by name, in order."""
        found = self.plain_members(self.properties)
        if found is None:
            raise PermanentError("the members are not known", "StackValidationFailed")
        return found

    def member(self, name: str) -> Member:
        """What one member is to be; also of one that only stands in for a while."""
        return self.wanted_members()[name]

    def child_template(self, exported: Mapping[str, Any] | None = None) -> ChildTemplate:
        """What the child of this group is made from now; when it is taken over, of the members that there are: their names may have been
        drawn, and some removed.
        """
        if exported is None:
            return self._template(self.wanted_members())
        parameters = (exported.get("environment") or {}).get("parameters") or {}
        return self._template(members_of(ChildTemplate(exported.get("template") or {}, parameters)))

    def reference(self) -> str:
        """The id of the child, as any resource's."""
        return self.physical_id or self.name

    # --- changes in batches ----------------------------------------------------------------------------------------

    def create_pace(self) -> Pace | None:
        """How fast the first members come."""
        return None

    def update_pace(self) -> Pace | None:
        """How fast members change."""
        return None

    def spare_names(self, taken: Collection[str]) -> Iterator[str]:
        """Names for members that stand in during a change in batches."""
        return (name for number in range(1_000_000) if (name := str(number)) not in taken)

    def handle_create(self) -> dict[str, Any]:
        """Begins the child, with the first batch where the policy asks for batches."""
        wanted, pace = self.wanted_members(), self.create_pace()
        names = list(wanted)
        if pace is None or not names:
            return super().handle_create()
        steps = batches([], names, (), iter(()), pace)
        check_time(steps, pace, self.stack.timeout_secs)
        turns = InTurn(tuple(step.bring for step in steps), pace.pause)
        stack_id, operation = self.children.create(self.physical_name, self._template(wanted), turns=turns)
        self.set_physical_id(stack_id)
        return left_over(Action.CREATE, operation, (), pace)

    def handle_update(self, changes: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """Begins the way to what is wanted: one update of the child, or the first of several."""
        return self.change(self.wanted_members())

    def change(self, wanted: Mapping[str, Member]) -> dict[str, Any]:
        """Begins to bring the child to these members."""
        pace = self.update_pace()
        present, exact = self.members_now()
        changed = [name for name in wanted if name in present and not same(present[name], wanted[name])]
        if pace is None or not changed:
            return {OPERATION: self.children.update(self._stack_id(), self._template(wanted)), "action": "UPDATE"}
        steps = batches(list(present), list(wanted), changed, self.spare_names({*present, *wanted}), pace)
        return self.take_steps(steps, pace, present, exact)

    def take_steps(
        self, steps: Sequence[Batch], pace: Pace, present: Mapping[str, Member], exact: bool
    ) -> dict[str, Any]:
        """Begins the first of several changes of the child; the token keeps the others. ``present``, ``exact``: see `members_now`."""
        check_time(steps, pace, self.stack.timeout_secs)
        return self._take(Action.UPDATE, self.with_others_told(steps, present), pace, present, exact)

    def with_others_told(self, steps: Sequence[Batch], present: Collection[str]) -> Sequence[Batch]:  # noqa: ARG002
        """The steps with what others have to be told in between."""
        return steps

    def _take(
        self, action: Action, steps: Sequence[Batch], pace: Pace, present: Mapping[str, Member], exact: bool
    ) -> dict[str, Any]:
        """Begins one change of the child, with as many of the steps as can come in turn in it; members that they do not name stay as they
        are. Gives the token.
        """
        first, left = one_change(steps)
        members = {name: one for name, one in present.items() if name not in first[0].drop}
        members |= {name: self.member(name) for step in first for name in step.bring}
        in_order = {name: members[name] for name in self.ordered(members)}
        turns = None
        if len(first) > 1:
            turns = InTurn(tuple(step.bring for step in first), pace.pause, None if exact else self._template(present))
        operation = self.children.update(self._stack_id(), self._template(in_order, first[0].out), turns)
        token = left_over(action, operation, left, pace)
        return {**token, AT_ONCE: True} if first[0].out else token

    def check_create_complete(self, token: dict[str, Any] | None) -> bool:
        """Whether the child has come to rest after its last batch. Raises ChildFailed."""
        if not super().check_create_complete(token):
            return False
        if token is None or not token.get(STEPS):
            return True
        now = self.ports.clock.now()
        if token.get(PAUSE) and token.get(UNTIL) is None and not token.get(AT_ONCE):
            token[UNTIL] = (now + timedelta(seconds=float(token[PAUSE]))).isoformat()
        if token.get(UNTIL) is not None and now < datetime.fromisoformat(token[UNTIL]):
            return False
        steps = [Batch(*map(tuple, step)) for step in token.pop(STEPS)]
        token.pop(AT_ONCE, None)
        pace = Pace(pause=float(token[PAUSE]))
        token.update(self._take(Action(token["action"]), steps, pace, *self.members_now()))
        return False

    check_update_complete = check_create_complete

    def asks_again_after(self, token: dict[str, Any] | None) -> float | None:
        """Seconds until the next batch may begin, None when it waits for the child."""
        if token is None or token.get(UNTIL) is None:
            return None
        left = datetime.fromisoformat(token[UNTIL]) - self.ports.clock.now()
        return max(left.total_seconds(), 0.0)

    def _template(self, members: Mapping[str, Member], out: Collection[str] = ()) -> ChildTemplate:  # noqa: ARG002
        """A template of these members, of which load balancers are not to use those that are ``out``."""
        hidden = self.ports.hidden if self.record.secret else NOTHING
        places = {part: hidden_inside(type(self), part, hidden) for part in _HELD}
        return child_template(members, self.outputs_for(list(members), self.ports.wanted), places)

    def present_members(self) -> dict[str, Member]:
        """The members as the child was last asked to have them, by name."""
        child = None if self.physical_id is None else self.children.template(self.physical_id)
        return {} if child is None else members_of(child)

    def members_now(self) -> tuple[dict[str, Member], bool]:
        """The members as they are: of a change in batches that was cut off, those that it has not reached are what they were before. And
        whether that is just what the child was last asked to have.
        """
        asked = self.present_members()
        half = None if self.physical_id is None else self.children.half_way(self.physical_id)
        if half is None:
            return asked, True
        before = {} if half.before is None else members_of(half.before)
        now = {}
        for name, one in asked.items():
            if name in half.reached or name in before or name in half.there:
                now[name] = one if name in half.reached else before.get(name, one)
        return now, now == asked


def members_of(child: ChildTemplate) -> dict[str, Member]:
    """The members that a child is made of, with all the values of their properties and metadata."""
    if isinstance(child.template, str):
        return {}
    resources = child.template.get("resources") or {}
    members = {name: one for name, one in resources.items() if one["type"] != BALANCED}
    for part, parameter in _HELD.items():
        for name, held in (child.parameters.get(parameter) or {}).items():
            if name in members:
                members[name] = {**members[name], part: _put_back(members[name].get(part) or {}, held)}
    return members


def child_template(
    members: Mapping[str, Member],
    outputs: Mapping[str, Any],
    hidden: Mapping[str, Hidden | None] = MappingProxyType({}),
) -> ChildTemplate:
    """A template with one resource for each member, and outputs.

    ``hidden``: part of a member → where in it there are values that must not be written down in the template.
    """
    body: dict[str, Any] = {"heat_template_version": _VERSION}
    written = {name: {key: part for key, part in one.items() if part} for name, one in members.items()}
    parameters: dict[str, Any] = {}
    for part, parameter in _HELD.items():
        held: dict[str, Any] = {}
        for name, one in written.items():
            if part in one:
                one[part], values = _split(one[part], hidden.get(part, NOTHING), (parameter, name))
                held |= {name: values} if values else {}
        if held:
            parameters[parameter] = held
            body.setdefault("parameters", {})[parameter] = {"type": "json", "hidden": True}
    body["resources"] = written
    if outputs:
        body["outputs"] = {name: {"value": value} for name, value in outputs.items()}
    return ChildTemplate(body, parameters)


def _split(
    values: Mapping[str, Any], hidden: Hidden | None, path: tuple[str, ...]
) -> tuple[Mapping[str, Any], dict[str, Any]]:
    """Values as the template has them, and those of which it only says where they are: what is hidden, or not known yet."""
    if hidden == NOTHING and not contains_unknown(values):
        return values, {}
    written: dict[str, Any] = dict(values)
    held: dict[str, Any] = {}
    for key, value in values.items():
        place = inside(hidden, (key,))
        if place and isinstance(value, Mapping):
            written[key], held[key] = _split(value, place, (*path, key))
        elif place is None or place or contains_unknown(value):
            written[key], held[key] = {"get_param": [*path, key]}, value
    return written, held


def _put_back(written: Any, held: Any) -> Any:
    """What was split."""
    if not isinstance(held, Mapping) or written.keys() == {"get_param"}:
        return held
    return {key: _put_back(one, held[key]) if key in held else one for key, one in written.items()}


def same(one: Member, other: Member) -> bool:
    """Whether two definitions of members say the same."""
    keys = ("type", "properties", "metadata", "depends_on")
    return all((one.get(key) or None) == (other.get(key) or None) for key in keys)
