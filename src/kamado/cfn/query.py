"""The CloudFormation Query API: one address, the request says by ``Action`` what it wants. So far what agents on servers ask.

Called by `app`. An action is a row of `ACTIONS`: the parameters it needs, and a function that gives its result as plain data; how that is
written, XML or JSON, is `answers`' business. Each action has a policy rule of its own, ``cloudformation:<Action>``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kamado.cfn.ec2 import Signer
from kamado.cfn.errors import CfnError
from kamado.model.identifiers import StackIdentity
from kamado.model.records import StackRecord
from kamado.orchestrator import access, resources, stacks
from kamado.orchestrator.context import RequestContext, Services
from kamado.plugin.signals import parse_stack_arn

Params = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Action:
    """One action: what gives its result, and the parameters that it cannot do without."""

    run: Callable[[Services, RequestContext, Params], Any]
    needs: tuple[str, ...] = ()


def answer(services: Services, who: Signer, params: Params) -> tuple[str, Any]:
    """The name of the action that is asked for and its result. Raises CfnError, and what use cases raise."""
    name = params.get("Action", "")
    action = ACTIONS.get(name)
    if action is None:
        raise CfnError(400, "InvalidAction", f"The action {name} is invalid" if name else "There is no Action")
    context = RequestContext(who.project_id, who.user_id, "", who.roles)
    if not services.policy.allows(context, f"cloudformation:{name}"):
        raise CfnError(403, "AccessDenied", "User is not authorized to perform action")
    for needed in action.needs:
        if not params.get(needed):
            raise CfnError(400, "MissingParameter", f"The request must contain the parameter {needed}")
    return name, action.run(services, context, params)


def _describe_stack_resource(services: Services, context: RequestContext, params: Params) -> dict[str, Any]:
    stack = _stack(services, context, params["StackName"])
    name = params["LogicalResourceId"]
    access.refuse_others(services, context, stack, name)
    found = resources.described(services, stack, name)
    row = found.record
    return {
        "StackResourceDetail": {
            "StackId": _arn(stack),
            "StackName": stack.name,
            "LogicalResourceId": row.name,
            "PhysicalResourceId": row.physical_id or "",
            "ResourceType": row.type,
            "LastUpdatedTimestamp": _time(row.updated_at or row.created_at),
            "ResourceStatus": f"{row.action}_{row.status}",
            "ResourceStatusReason": row.reason,
            "Description": found.description,
            "Metadata": found.metadata,
        }
    }


def _stack(services: Services, context: RequestContext, named: str) -> StackRecord:
    """A stack by its name, its id or its ARN."""
    identity = parse_stack_arn(named)
    if identity is None:
        return stacks.lookup(services, context, named)
    return stacks.named(services, context, identity.name, identity.id)


def _arn(stack: StackRecord) -> str:
    return StackIdentity(stack.project_id, stack.name, stack.id).arn


def _time(moment: datetime) -> str:
    return moment.isoformat()[:19] + "Z"


ACTIONS: Mapping[str, Action] = {
    "DescribeStackResource": Action(_describe_stack_resource, ("StackName", "LogicalResourceId")),
}
