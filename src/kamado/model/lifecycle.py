"""Actions, statuses and what may follow what, for stacks and resources.

The words and the rules are Heat's (they are visible on the wire and in events); the table is read by the orchestrator,
which refuses a request that does not fit, and by the planner. Nothing else may compare pairs of strings.
"""

from __future__ import annotations

from enum import StrEnum


class Action(StrEnum):
    """What is, or was last, done to a stack or a resource."""

    INIT = "INIT"
    CREATE = "CREATE"
    DELETE = "DELETE"
    UPDATE = "UPDATE"
    ROLLBACK = "ROLLBACK"
    SUSPEND = "SUSPEND"
    RESUME = "RESUME"
    ADOPT = "ADOPT"
    SNAPSHOT = "SNAPSHOT"
    CHECK = "CHECK"
    RESTORE = "RESTORE"


class Status(StrEnum):
    """How far the action has come."""

    IN_PROGRESS = "IN_PROGRESS"
    COMPLETE = "COMPLETE"
    FAILED = "FAILED"


class Phase(StrEnum):
    """How far a resource has come inside one action; what a crash leaves behind and recovery goes on from.

    ``NONE``: nothing is going on. ``INTENT``: durable before the cloud is called; the call may or may not have happened.
    ``CALLED``: the handler returned, its progress is durable, polling may go on.
    """

    NONE = "NONE"
    INTENT = "INTENT"
    CALLED = "CALLED"


class OperationState(StrEnum):
    """Where an operation stands in the durable work queue.

    ``PENDING`` waits for an engine, ``RUNNING`` has a lease; the others are ends: ``DONE`` and ``FAILED`` by the work
    itself, ``SUPERSEDED`` by a newer operation on the same stack, ``CANCELLED`` by a user.
    """

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    DONE = "DONE"
    FAILED = "FAILED"
    SUPERSEDED = "SUPERSEDED"
    CANCELLED = "CANCELLED"

    @property
    def ended(self) -> bool:
        """Whether no engine will touch the operation any more."""
        return self not in (OperationState.PENDING, OperationState.RUNNING)


class Stop(StrEnum):
    """Why a running operation must start no new step; steps in flight end first."""

    NONE = ""
    SUPERSEDED = "superseded"
    CANCELLED = "cancelled"


ROLLED_BACK_ON_FAILURE = frozenset({Action.CREATE, Action.ADOPT, Action.UPDATE, Action.RESTORE})
"""Actions whose failure starts a rollback when the stack's ``disable_rollback`` is false."""

REFUSED_AFTER: dict[Action, frozenset[Action]] = {
    Action.UPDATE: frozenset({Action.SUSPEND, Action.DELETE}),
}
"""For an action on a stack: the last actions after which it is refused (HTTP 400 NotSupported), whatever their status."""
