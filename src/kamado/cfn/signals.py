"""Signals that come by the CloudFormation API: to wait conditions, and to anything else that takes some."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kamado.cfn.ec2 import Signer
from kamado.cfn.errors import CfnError
from kamado.model.records import StackRecord
from kamado.orchestrator import signals
from kamado.orchestrator.context import Services
from kamado.plugin.signals import parse_arn


def deliver(
    services: Services, who: Signer, arn: str, details: Mapping[str, Any] | None
) -> tuple[str, Mapping[str, Any]]:
    """Hand a signal to the resource that an ARN names; its name, and its metadata then.

    Only the users of the stack itself, and whoever has keys in its project, may: for all others there is no such stack. Raises
    CfnError, and what `kamado.orchestrator.signals.signal` raises.
    """
    stack, name = _found(services, who, arn)
    signals.signal(services, stack, name, details, who.user_id, who.trace)
    row = services.store.resources.get(stack.id, name)
    return name, row.metadata if row is not None else {}


def _found(services: Services, who: Signer, arn: str) -> tuple[StackRecord, str]:
    named = parse_arn(arn)
    if named is None:
        raise CfnError(400, "InvalidParameterValue", f'"{arn}" is not a valid ARN')
    identity, resource = named
    stack = services.store.stacks.get(identity.id)
    mine = stack is not None and who.project_id in (stack.project_id, stack.stack_user_project_id)
    if stack is None or not mine or (stack.project_id, stack.name) != (identity.project_id, identity.name):
        raise CfnError(400, "InvalidParameterValue", f"The Stack ({identity.name}) could not be found.")
    return stack, resource
