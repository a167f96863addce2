"""The base of types that consist of a child stack: template resources, groups, OS::Heat::Stack.

A subclass says which template a set of properties comes to (`template_for`, pure); everything else is here: the child is made, updated
and removed as an operation of its own, child of its parent's. The traps: handlers run on the engine's loop and must only use what
`Children` says may begin something; what they begin is durable together with the token that they return.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from kamado.model.identifiers import StackIdentity
from kamado.model.lifecycle import Action, Status
from kamado.plugin.context import Children, ChildState, ChildTemplate
from kamado.plugin.errors import ChildFailed, NotFoundInCloud, PermanentError
from kamado.plugin.resource import Resource
from kamado.template.hidden import NOTHING, Hidden, inside

OPERATION = "operation"
STACK_ID = "OS::stack_id"
"""The output of a nested template that stands for the resource's reference."""

TOLD = "told"
"""Key of the resource's data: values of properties that another resource has told it (`Children.tell_beside`)."""

EACH = "$each"
"""Key of an attribute's value that holds the values of a group's members (a list, or a map by name): a path goes into each."""

BROKEN = "$error"
"""The same of an attribute that there is not, with the sentence that says so: whoever reads it fails."""

NESTED = "resource."
"""How an attribute begins that is one of the child's resources: ``resource.<name>.<attribute>``."""

OF_MEMBERS = frozenset({"attributes", "outputs", "outputs_list"})
"""Attributes of groups that are read together with the name of an attribute of the members: ``attributes.<name>``."""


@dataclass(frozen=True, slots=True)
class Present:
    """What a child is made from before an update that changes these properties of its resource."""

    child: ChildTemplate
    changes: frozenset[str]


class StackResource(Resource, ABC):
    """A resource that is a stack."""

    composite = True
    local = True
    any_attributes = True
    members_from: ClassVar[Mapping[str, tuple[str, ...]] | None] = None
    """Of a group: where in its properties those of its members (``properties``) and their ``metadata`` stand, key by key."""
    _seen: ChildState | None = None

    @classmethod
    @abstractmethod
    def template_for(
        cls,
        type_name: str,
        properties: Mapping[str, Any],
        wanted: Collection[str | None] = (),
        present: Present | None = None,
    ) -> ChildTemplate | None:
        """What the child is made from; None while it is not known (values of ``properties`` may be UNKNOWN).

        ``wanted``: names of the attributes that the resource's stack reads (`kamado.plugin.context.Ports`).
        """

    def child_template(self, exported: Mapping[str, Any] | None = None) -> ChildTemplate:  # noqa: ARG002
        """What the child of this resource is made from now; when it is taken over, there is what was ``exported`` of it."""
        given = {**self.properties, **(self.data.get(TOLD) or {})}
        found = self.template_for(self.type_name, given, self.ports.wanted)
        if found is None:
            raise PermanentError("the template of the nested stack is not known", "StackValidationFailed")
        return found

    @property
    def children(self) -> Children:
        """The port for child stacks."""
        if self.ports.children is None:
            raise LookupError("there is no way to make child stacks here")
        return self.ports.children

    # --- actions ---------------------------------------------------------------------------------------------------

    def handle_create(self) -> dict[str, Any]:
        """Begins the child."""
        stack_id, operation = self.children.create(self.physical_name, self.child_template())
        self.set_physical_id(stack_id)
        return _token(Action.CREATE, operation)

    def handle_adopt(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Begins the child, which takes over what there is of its resources."""
        for key, value in (data.get("resource_data") or {}).items():
            self.set_data(key, value)
        stack_id, operation = self.children.adopt(self.physical_name, self.child_template(data))
        self.set_physical_id(stack_id)
        return _token(Action.ADOPT, operation)

    def handle_update(self, changes: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """Begins an update of the child, which finds out what has changed."""
        return _token(Action.UPDATE, self.children.update(self._stack_id(), self.child_template()))

    def handle_delete(self) -> dict[str, Any] | None:
        """Begins the deletion of the child."""
        return None if self.physical_id is None else self._begin(Action.DELETE)

    def handle_suspend(self) -> dict[str, Any]:
        """Begins to suspend the child."""
        return self._begin(Action.SUSPEND)

    def handle_resume(self) -> dict[str, Any]:
        """Begins to resume the child."""
        return self._begin(Action.RESUME)

    def handle_check(self) -> dict[str, Any]:
        """Begins to check the child."""
        return self._begin(Action.CHECK)

    def saw(self, child: ChildState | None) -> None:
        """Keeps how the child is for the next poll."""
        self._seen = child

    def check_delete_complete(self, token: dict[str, Any] | None) -> bool:
        """Whether the child is gone. Raises ChildFailed."""
        if token is None or self._seen is None or self._seen.deleted:
            return True
        return self.check_create_complete(token)

    def needs_replace_failed(self) -> bool:
        """Only what has no child, or one that was being deleted, is made anew; else an update repairs the child."""
        found = None if self.physical_id is None else self.children.state(self.physical_id)
        return found is None or found.deleted or found.action is Action.DELETE

    def _stack_id(self) -> str:
        if self.physical_id is None:
            raise NotFoundInCloud(f"{self.name} has no nested stack")
        return self.physical_id

    def _begin(self, action: Action) -> dict[str, Any]:
        return _token(action, self.children.start(self._stack_id(), action))

    def check_create_complete(self, token: dict[str, Any] | None) -> bool:
        """Whether the child has come to rest; what nobody works on any more is started again. Raises ChildFailed."""
        seen = self._seen
        if token is None:
            return True
        if seen is None or seen.deleted:
            raise NotFoundInCloud(f"the nested stack of {self.name} is gone")
        if seen.status is Status.IN_PROGRESS:
            if not seen.working:
                token[OPERATION] = self.children.start(self._stack_id(), seen.action)
            return False
        if seen.status is Status.FAILED:
            raise ChildFailed.of(seen.reason)
        return True

    check_adopt_complete = check_create_complete
    check_update_complete = check_create_complete
    check_suspend_complete = check_create_complete
    check_resume_complete = check_create_complete
    check_check_complete = check_create_complete

    # --- attributes ------------------------------------------------------------------------------------------------

    def reference(self) -> str:
        """The output ``OS::stack_id`` where the child's template has one, else the child's ARN."""
        if self.physical_id is None:
            return self.name
        own = self.children.outputs(self.physical_id).get(STACK_ID) if self.names_itself else None
        return str(own) if own is not None else self.arn

    @property
    def arn(self) -> str:
        """The child stack as clients name it."""
        return StackIdentity(self.stack.project_id, self.physical_name, self.physical_id or "").arn

    def read_attributes(self, names: Iterable[str]) -> dict[str, Any]:
        """The child's outputs, its resources' attributes (``resource.<name>.<attribute>``), and the type's own."""
        if self.physical_id is None:
            return dict.fromkeys(names)
        wanted = list(names)
        plain = [name for name in wanted if not name.startswith(NESTED)]
        outputs = self.children.outputs(self.physical_id) if plain else {}
        found = {name: self.own_attribute(name, outputs) for name in plain}
        for name in wanted:
            if name.startswith(NESTED):
                parts = name.split(".", 2)
                rest = parts[2] if len(parts) > 2 else None
                found[name] = self.children.attribute(self.physical_id, parts[1], rest)
        return found

    def own_attribute(self, name: str, outputs: Mapping[str, Any]) -> Any:
        """The value of an attribute that is no resource's: by default the output of that name."""
        return outputs.get(name)


def hidden_inside(kind: type[StackResource], part: str, hidden: Hidden | None) -> Hidden | None:
    """Where in a ``part`` of the resources of such a child there is what must not be shown, when that is so in the properties that it is
    made from; what parameters lead into it apart.
    """
    if kind.members_from is None or hidden == NOTHING:
        return NOTHING
    path = kind.members_from.get(part)
    return None if path is None else inside(hidden, path)


class LooksFirst(StackResource):
    """One that has to know something of the cloud before its creation begins."""

    looked: Any = None
    """What `look` gave, when the creation begins."""

    @abstractmethod
    def look(self) -> Any:
        """Reads it. Called in a thread."""


def _token(action: Action, operation: str) -> dict[str, Any]:
    return {OPERATION: operation, "action": action.value}
