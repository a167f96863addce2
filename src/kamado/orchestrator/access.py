"""What users that a template has made (AWS::IAM::User) may look at: the resources that their access policies name.

Others who come from the project of a stack's users (a server's agent, the user of a handle) are let through.
"""

from __future__ import annotations

from kamado.model.records import ResourceRecord, StackRecord
from kamado.orchestrator.context import RequestContext, Services
from kamado.orchestrator.errors import Forbidden
from kamado.store.resources import in_use

USER, POLICY = "AWS::IAM::User", "OS::Heat::AccessPolicy"


def refuse_others(services: Services, context: RequestContext, stack: StackRecord, resource: str) -> None:
    """Refuse a user of the stack's that no policy lets look at a resource.

    :raises Forbidden: none does.
    """
    if context.is_admin or context.project_id == stack.project_id:
        return
    rows = in_use(services.store.resources.of_stack(stack.id))
    users = [row for row in rows.values() if _is(row, USER) and row.physical_id == context.user_id]
    policies = [rows.get(str(name)) for row in users for name in (row.properties or {}).get("Policies") or ()]
    named = [policy for policy in policies if policy is not None and _is(policy, POLICY)]
    allowed = {str(name) for row in named for name in (row.properties or {}).get("AllowedResources") or ()}
    if users and resource not in allowed:
        raise Forbidden.of("this action")


def _is(row: ResourceRecord, type_name: str) -> bool:
    return type_name in (row.type, row.implementation)
