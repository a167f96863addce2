"""What a stack's own users may look at: a server's agent that server, a handle's user that handle, a user that the template has made
(AWS::IAM::User) what its access policies name.

Called by both APIs before they tell of a resource. Users of the stack's project, and administrators, are let through.
"""

from __future__ import annotations

from kamado.model.records import ResourceRecord, StackRecord
from kamado.orchestrator.context import RequestContext, Services
from kamado.orchestrator.errors import Forbidden
from kamado.store.resources import in_use

USER, POLICY = "AWS::IAM::User", "OS::Heat::AccessPolicy"


def refuse_others(services: Services, context: RequestContext, stack: StackRecord, resource: str) -> None:
    """Refuse a user of the stack's to whom a resource does not belong, and whom no policy lets look at it.

    One query for an agent that asks for its own server, which is nearly all that ask. While a resource is replaced, both users count.

    :raises Forbidden: also for a resource that is not there, so nobody learns names.
    """
    if context.is_admin or context.project_id == stack.project_id:
        return
    named = services.store.resources.named(stack.id, (resource,))
    if any(row.data.get("user_id") == context.user_id for row in named):
        return
    if resource not in _allowed(services, context, stack):
        raise Forbidden.of("this action")


def _allowed(services: Services, context: RequestContext, stack: StackRecord) -> set[str]:
    """The resources that the policies of a user of the template's name."""
    rows = in_use(services.store.resources.of_stack(stack.id))
    users = [row for row in rows.values() if _is(row, USER) and row.physical_id == context.user_id]
    policies = [rows.get(str(name)) for row in users for name in (row.properties or {}).get("Policies") or ()]
    named = [policy for policy in policies if policy is not None and _is(policy, POLICY)]
    return {str(name) for row in named for name in (row.properties or {}).get("AllowedResources") or ()}


def _is(row: ResourceRecord, type_name: str) -> bool:
    return type_name in (row.type, row.implementation)
