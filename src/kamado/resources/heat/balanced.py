"""What tells load balancers who the members of a group are: a resource beside the members, in the group's nested stack.

It comes after the members that are made and before those that go are deleted, so whoever changes the group, an update or a signal, has
the load balancers told in the same operation, and a crash in between loses nothing. A load balancer is any resource of the group's stack
that is a nested stack and has a property for its members, such as a template that stands for AWS::ElasticLoadBalancing::LoadBalancer. The
trap: it may be in the middle of an update of its own; that is waited for.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from kamado.model.identifiers import new_id
from kamado.model.lifecycle import Status
from kamado.plugin.declare import LIST, Prop, Properties, resource_type
from kamado.plugin.errors import PermanentError
from kamado.plugin.resource import Resource

BALANCED = "Kamado::Heat::BalancedMembers"
NAME = "load_balancers"
"""Its name in the group's nested stack."""
_PROPERTIES = ("Instances", "members")
_STACKS = "stacks"


@resource_type(BALANCED, status="HIDDEN")
class BalancedMembers(Resource):
    """Keeps the members of load balancers."""

    local = True
    properties = Properties(
        Prop("LoadBalancerNames", LIST, "The load balancers: names or references of resources.", required=True),
        Prop("Instances", LIST, "References of the members.", required=True, update=True),
    )

    def handle_create(self) -> dict[str, Any]:
        """Nothing yet: each is told when it is at rest."""
        self.set_physical_id(self.physical_id or new_id())
        return {_STACKS: {}}

    def handle_update(self, changes: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """The same."""
        return {_STACKS: {}}

    def check_create_complete(self, token: dict[str, Any]) -> bool:
        """Whether all have been told, and have come to rest. Raises PermanentError when one has failed, or takes no members."""
        told, children = token[_STACKS], self.ports.children
        if children is None:
            raise LookupError("there is no way to child stacks here")
        over = True
        for name in self.properties["LoadBalancerNames"]:
            seen = children.state(told[name]) if told.get(name) else None
            if told.get(name) and (seen is None or seen.deleted):
                continue  # it goes, and needs to know nothing
            if seen is None or (seen.status is Status.IN_PROGRESS and not seen.working):
                told[name] = children.tell_beside(name, lambda there, name=name: self._members(name, there))  # type: ignore[misc]
                over = False
            elif seen.status is Status.IN_PROGRESS:
                over = False
            elif seen.status is Status.FAILED:
                raise PermanentError(f"the load balancer {name} could not be told: {seen.reason}")
        return over

    check_update_complete = check_create_complete

    def _members(self, name: str, there: Collection[str]) -> dict[str, Any]:
        place = next((one for one in _PROPERTIES if one in there), None)
        if place is None:
            raise PermanentError(f"Unsupported resource '{name}' in LoadBalancerNames", "Error")
        return {place: list(self.properties["Instances"])}


def balanced(names: Collection[Any], members: Collection[str]) -> dict[str, Any]:
    """The resource, as the nested stack's template has it. ``members``: names of those that are to be used."""
    references = [{"get_resource": member} for member in members]
    return {"type": BALANCED, "properties": {"LoadBalancerNames": list(names), "Instances": references}}
