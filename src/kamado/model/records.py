"""Frozen records that store, engine, orchestrator and APIs speak. No I/O; times are aware datetimes in UTC.

A record is a row as it was read. Nobody changes one: changes are written as data (`kamado.model.changes`) and read again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from kamado.model.lifecycle import Action, OperationState, Phase, Status, Stop

JsonMap = Mapping[str, Any]

ABANDON = "abandon"
"""Option of an operation that takes resources away: they stay in the cloud."""
ADOPT_DATA = "adopt"
"""Option of an ADOPT operation: resource name → what there is of it already, in Heat's form."""
RETAIN = "retain"
"""Option of a DELETE operation: names of resources that stay in the cloud; in a nested stack ``<resource>/<name>``."""
FORCE = "force"
"""Option of a DELETE operation: what cannot be deleted is let go, and named in the reason and the history."""
AFTER_SUSPEND = "after_suspend"
"""Option of a RESUME operation: the stack was suspended, perhaps in part only; what runs is left to run."""
CONVERGE = "converge"
"""Option of an UPDATE operation: what is really there is looked at before comparing."""
PLAN = "plan"
"""Option of an operation that is held to a plan: its ``basis``, the stack as it was ``before``, and whether it is ``checked``."""
BATCHES = "batches"
"""Option of a CREATE or UPDATE operation on a group's nested stack: lists of ``names`` that come one list after the other, with a ``pause``
in seconds between them. Its ``previous`` is then what the stack was before, as far as it differs from the target.
"""
RESIZE = "resize"
"""Option of an UPDATE operation on a group's nested stack that a signal asked for: what notifications say of it."""
TRACE = "trace"
"""Option of any operation: the ``traceparent`` of the request that asked for it, for whoever traces."""
SNAPSHOT_ID = "snapshot_id"
"""Option of a SNAPSHOT operation: the snapshot that it fills."""


def taken_over(options: Mapping[str, Any], resource: str) -> Mapping[str, Any]:
    """What an operation's options tell of a resource that is to be taken over; empty when they tell nothing of it."""
    return (options.get(ADOPT_DATA) or {}).get(resource) or {}


def traced(options: JsonMap, trace: Any) -> JsonMap:
    """An operation's options with the trace of what asks for it, where there is one."""
    return {**options, TRACE: trace} if trace else options


Record = TypeVar("Record")


def changed(record: Record, **values: Any) -> Record:
    """The same record with other values, as of `dataclasses.replace`, in a third of the time. Raises AttributeError for what it has not.

    For rows that change many times while an operation runs; the record must have slots.
    """
    kind = type(record)
    made = object.__new__(kind)
    put = object.__setattr__
    for name in kind.__slots__:  # type: ignore[attr-defined]
        put(made, name, getattr(record, name))
    for name, value in values.items():
        put(made, name, value)
    return made


@dataclass(frozen=True, slots=True)
class Target:
    """What a stack should be: a template, its files and the environment, the bodies content-addressed.

    ``files`` maps the name that the template uses to the id of a stored body. ``environment`` is the merged environment
    (``parameters``, ``parameter_defaults``, ``resource_registry``, …); hidden values in it are encrypted at rest.
    """

    template_id: str
    files: Mapping[str, str] = field(default_factory=dict)
    environment: JsonMap = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StackRecord:
    """One stack. ``target`` is what the latest accepted operation wants, not what has been reached.

    ``owner_id`` is the parent stack of a nested one, ``root_id`` the top of the tree (its own id for a root);
    ``timeout_mins`` is None for the configured default; ``operation_id`` is the newest operation accepted for it.
    """

    id: str
    name: str
    project_id: str
    action: Action
    status: Status
    reason: str
    target: Target
    created_at: datetime
    updated_at: datetime | None = None
    deleted_at: datetime | None = None
    owner_id: str | None = None
    root_id: str = ""
    nested_depth: int = 0
    parent_resource: str | None = None
    timeout_mins: int | None = None
    disable_rollback: bool = True
    description: str = ""
    tags: tuple[str, ...] = ()
    user_id: str = ""
    username: str = ""
    credential_id: str | None = None
    stack_user_project_id: str | None = None
    operation_id: str | None = None


@dataclass(frozen=True, slots=True)
class ResourceRecord:
    """One resource row. Several rows may share a name while a replacement is under way.

    ``properties`` are the resolved values it was last applied with (what an update is compared to), ``definition`` the
    digest of the unresolved definition they came from; ``progress`` is what the running action needs to go on after a
    crash; ``implementation`` is the type, or the file, that ``type`` stood for when it was made or last changed (None in rows of
    older releases); ``attributes`` are values as last read; ``data`` belongs to the resource type; ``requires`` are ids of the rows
    it depends on; ``replaces`` is the row this one was made to replace and ``replaced_by`` the reverse.
    ``operation_id`` is the operation that touched it last. ``secret`` says that properties, attributes, progress and data
    are encrypted at rest.
    """

    id: str
    stack_id: str
    name: str
    type: str
    action: Action
    status: Status
    reason: str
    created_at: datetime
    updated_at: datetime | None = None
    physical_id: str | None = None
    physical_name: str | None = None
    operation_id: str | None = None
    phase: Phase = Phase.NONE
    progress: JsonMap | None = None
    properties: JsonMap | None = None
    definition: str = ""
    metadata: JsonMap = field(default_factory=dict)
    attributes: JsonMap = field(default_factory=dict)
    data: JsonMap = field(default_factory=dict)
    requires: tuple[str, ...] = ()
    replaces: str | None = None
    replaced_by: str | None = None
    deletion_policy: str = "Delete"
    external_id: str | None = None
    secret: bool = False
    implementation: str | None = None

    @classmethod
    def unmade(
        cls, stack_id: str, name: str, type_name: str, at: datetime, physical_id: str | None = None
    ) -> ResourceRecord:
        """What stands for a resource that has no row because nothing was begun for it: shown, asked, never stored."""
        return cls("", stack_id, name, type_name, Action.INIT, Status.COMPLETE, "", at, physical_id=physical_id)


@dataclass(frozen=True, slots=True)
class EventRecord:
    """One line of a stack's history. ``id`` is a UUID; stack events carry the stack's name and id as resource's.

    ``secret`` says that the properties are encrypted at rest.
    """

    id: str
    stack_id: str
    resource_name: str
    resource_type: str
    physical_id: str | None
    action: str
    status: str
    reason: str
    created_at: datetime
    properties: JsonMap | None = None
    secret: bool = False


@dataclass(frozen=True, slots=True)
class OperationRecord:
    """What was asked of a stack, and the lease of the engine that works on it: the durable work queue.

    ``previous`` is what a rollback goes back to (in a nested stack see `BATCHES`); ``epoch`` grows with every claim and fences late
    engines off;
    ``deadline`` ends the operation as timed out; ``options`` are the action's own switches (JSON); ``project_id`` is the stack's.
    """

    id: str
    stack_id: str
    action: Action
    state: OperationState
    target: Target
    created_at: datetime
    previous: Target | None = None
    parent_id: str | None = None
    engine_id: str | None = None
    epoch: int = 0
    lease_expires_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    deadline: datetime | None = None
    stop: Stop = Stop.NONE
    rollback: bool = False
    credential_id: str | None = None
    request_id: str = ""
    reason: str = ""
    options: JsonMap = field(default_factory=dict)
    project_id: str = ""


@dataclass(frozen=True, slots=True)
class SnapshotRecord:
    """A stack as it was. ``action`` is CREATE, or DELETE while it is being removed; ``data`` is the stack in Heat's export form."""

    id: str
    stack_id: str
    project_id: str
    name: str | None
    action: Action
    status: Status
    created_at: datetime
    reason: str | None = None
    data: JsonMap = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class SoftwareConfigRecord:
    """A piece of configuration for servers, never changed once made. Encrypted at rest: values of inputs may be secret.

    ``config`` is text or a map; ``inputs`` and ``outputs`` are lists in the form that `kamado.plugin.software` makes.
    """

    id: str
    project_id: str
    name: str | None
    group: str | None
    created_at: datetime
    config: Any = field(default=None, repr=False)
    inputs: tuple[JsonMap, ...] = field(default=(), repr=False)
    outputs: tuple[JsonMap, ...] = ()
    options: JsonMap = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SoftwareDeploymentRecord:
    """A configuration on a server. ``action`` and ``status`` are whatever the one who deploys says.

    ``stack_user_project_id``: a second project that may see it, that of the stack user on the server. ``output_values`` is None
    until the server has told any.
    """

    id: str
    project_id: str
    config_id: str
    server_id: str
    created_at: datetime
    input_values: JsonMap = field(default_factory=dict, repr=False)
    output_values: JsonMap | None = field(default=None, repr=False)
    action: str | None = None
    status: str | None = None
    status_reason: str | None = None
    stack_user_project_id: str | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class CredentialRecord:
    """The right to act for a user after the request is over. ``trust_id`` and ``secret`` are encrypted at rest.

    ``method``, by Heat's option ``deferred_auth_method``: ``trusts`` (``trust_id`` is the trust's), ``application_credential``
    (``trust_id`` is the credential's, with its ``secret``), ``password`` (``secret`` is the user's own).
    Shared by all stacks of the same trustor in the same project with the same roles. ``used_at``: when a request took it last,
    to within an hour; who removes unused ones must leave those alone that a request may just have taken.
    """

    id: str
    project_id: str
    user_id: str
    username: str
    trustor_user_id: str
    roles: tuple[str, ...]
    created_at: datetime
    used_at: datetime
    trust_id: str = field(default="", repr=False)
    method: str = "trusts"
    secret: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class EngineRecord:
    """An engine process, for the service list and for telling the dead from the slow."""

    id: str
    hostname: str
    binary: str
    pid: int
    started_at: datetime
    updated_at: datetime
    report_interval: int
    deleted_at: datetime | None = None
