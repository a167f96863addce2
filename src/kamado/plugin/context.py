"""What a resource is given to work with: facts about its stack and ports to the outside.

Built by the engine (and by tests); used by resource types. The trap: `Ports.cloud` is made when first called, so a type
that never calls it costs no token.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from kamado.cloud.session import Cloud
from kamado.cloud.users import StackUsers
from kamado.model.lifecycle import Action, Status
from kamado.model.records import ResourceRecord, SoftwareConfigRecord, SoftwareDeploymentRecord
from kamado.plugin.software import NewConfig, NewDeployment
from kamado.template.hidden import Hidden


@dataclass(frozen=True, slots=True)
class StackInfo:
    """The stack that a resource belongs to, as far as a type may care."""

    id: str
    name: str
    project_id: str
    user_id: str = ""
    username: str = ""
    root_id: str = ""
    nested_depth: int = 0
    region: str = ""
    tags: tuple[str, ...] = ()
    stack_user_project_id: str | None = None
    timeout_secs: float | None = None


class Clock(Protocol):
    """Time as an argument."""

    def now(self) -> datetime:
        """The time of day, aware, UTC."""

    def monotonic(self) -> float:
        """Seconds that never go back; good for differences within one process only."""

    def sleep(self, seconds: float) -> None:
        """Blocks the calling thread."""


class Saver(Protocol):
    """Makes what a handler has learned durable; each call blocks until it is, and raises when the lease is lost."""

    def save_physical_id(self, physical_id: str | None) -> None:
        """The cloud's id of the resource, or None when it is gone."""

    def save_data(self, data: Mapping[str, Any]) -> None:
        """The type's own data, whole."""

    def save_metadata(self, metadata: Mapping[str, Any]) -> None:
        """The resource's metadata, whole."""

    def change_metadata(self, change: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> None:
        """The same for metadata that others write too: ``change`` is given what it is now. Raises what ``change`` raises."""


class Siblings(Protocol):
    """The port through which a type looks at other resources of its stack, as they are at this moment."""

    def row(self, row_id: str) -> ResourceRecord | None:
        """One by the id of its row."""

    def named(self, name: str) -> ResourceRecord | None:
        """The one that stands for a name of the template."""

    def holding(self, physical_id: str) -> ResourceRecord | None:
        """The one that has this physical id."""

    def change(self, row_id: str, decide: Callable[[ResourceRecord], Mapping[str, Any]]) -> None:
        """New metadata or data for one, out of what it has now, together; durable on return. Raises what ``decide`` raises."""

    def known_as(self, name: str) -> ResourceRecord | None:
        """The one that has this physical name."""


@dataclass(frozen=True, slots=True)
class ChildTemplate:
    """What a child stack is made from.

    ``template``: the name of one of the stack's files, or a whole template. ``parameters``: values for it. ``hides``: a name that the
    child's ``resource_registry`` loses, so that a template which stands for a type may use the type that it stands for. ``maps``: names
    that mean something in the child only. ``secret``: parameters into which something hidden goes, when not all of a resource that keeps
    secrets are such.
    """

    template: str | Mapping[str, Any]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    hides: str | None = None
    maps: Mapping[str, str] = field(default_factory=dict)
    secret: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class InTurn:
    """The order in which a child's resources come: ``names`` list by list, ``pause`` seconds between two of them; what is in no list comes
    with the first. ``before``: what the child is made of when that begins, None when that is just what it was asked to be last.
    """

    names: tuple[tuple[str, ...], ...]
    pause: float = 0.0
    before: ChildTemplate | None = None


@dataclass(frozen=True, slots=True)
class HalfWay:
    """A child that came in turn and has not come to its end: what it was made of ``before``, names of resources that are what they were to
    become (``reached``), and names of all that there are.
    """

    before: ChildTemplate | None
    reached: frozenset[str]
    there: frozenset[str]


@dataclass(frozen=True, slots=True)
class ChildState:
    """A child stack as it is. ``working``: an operation on it has not ended."""

    action: Action
    status: Status
    reason: str
    working: bool
    deleted: bool


class Children(Protocol):
    """The port through which a type makes child stacks (groups, nested templates).

    What starts something gives the id of an operation and does not wait; it becomes durable together with what the handler
    saves and returns, so it is there after a crash exactly when the resource knows of it. Handlers of such types run on the engine's
    loop (`Resource.composite`); what reads may be called from any thread.
    """

    def create(
        self, name: str, child: ChildTemplate, key: str | None = None, turns: InTurn | None = None
    ) -> tuple[str, str]:
        """Begins a child stack: its id (``key`` where the caller has drawn one) and the operation's.

        Raises PermanentError when stacks would nest too deep.
        """

    def adopt(self, name: str, child: ChildTemplate) -> tuple[str, str]:
        """The same for one that takes over what there is of its resources: what the parent was told of that."""

    def update(self, stack_id: str, child: ChildTemplate, turns: InTurn | None = None) -> str:
        """Begins an update of a child stack; what runs there is superseded."""

    def start(self, stack_id: str, action: Action) -> str:
        """Begins an action that needs no template (delete, suspend, resume, check), or goes on with one that nobody works on."""

    def state(self, stack_id: str) -> ChildState | None:
        """A child stack as it is, None when there is none."""

    def outputs(self, stack_id: str) -> Mapping[str, Any]:
        """The child's outputs by name, from what was last read of its resources; None for one that cannot be worked out."""

    def attribute(self, stack_id: str, resource: str, name: str | None) -> Any:
        """An attribute of a resource of the child, without a name its reference; None when there is none."""

    def members(self, stack_id: str, name: str | None) -> Mapping[str, Any]:
        """The same of all resources of the child that are there, by their names."""

    def template(self, stack_id: str) -> ChildTemplate | None:
        """What the child was last asked to be, None when there is no child."""

    def tell_beside(self, name: str, values: Callable[[Collection[str]], Mapping[str, Any]]) -> str | None:
        """Begins an update of a nested stack beside the one that this resource's stack is nested in, of the resource that is known by
        ``name`` in the stack above, with other values of some properties; they hold until they are told otherwise. ``values`` is given the
        names of its properties. The id of that nested stack; None while it is in the middle of an action: ask again. Raises PermanentError
        when there is no such resource, and what ``values`` raises.
        """

    def half_way(self, stack_id: str) -> HalfWay | None:
        """How far a child has come that was to come in turn; None when it is what it was asked to be, or was not asked so."""

    def failed(self, stack_id: str) -> frozenset[str]:
        """Names of the child's resources that have failed."""


class Groups(Protocol):
    """The port through which a signal has something done to its stack. Only there while a signal is handled."""

    def adjust(self, reference: str, adjustment: Any) -> None:
        """Begins to bring the group that is known by ``reference`` to another size; durable on return, together with the signal's history.

        ``adjustment``: a `kamado.plugin.scaling.Adjustment`. Raises NoActionRequired when there is nothing to do, PermanentError when there
        is no such group.
        """

    def replace(self, row_ids: Collection[str], physical_id: str | None) -> None:
        """Begins an update of the stack that replaces these resources (or the one with that physical id) and what depends on them, but
        for the one that was signalled. Raises NoActionRequired when the stack is busy, or there is nothing of the kind.
        """


class Software(Protocol):
    """The port through which a type keeps software configs and deployments in its stack's project; durable on return.

    Ids are the caller's, so that what is made by a call that is repeated is made once.
    """

    def make_config(self, config_id: str, wanted: NewConfig) -> None:
        """A config; one that is there stays as it is. Raises PermanentError when it is refused."""

    def config(self, config_id: str) -> SoftwareConfigRecord | None:
        """A config, None when there is none in the project."""

    def remove_config(self, config_id: str) -> None:
        """Removes a config; one that is gone is fine. Raises PermanentError when it is deployed."""

    def deploy(self, deployment_id: str, wanted: NewDeployment, config: NewConfig) -> None:
        """Puts a config of its own on a server: a new deployment, or another config for one that is there; the one before goes.

        Done already with that config id, nothing changes. Raises PermanentError when it is refused.
        """

    def deployment(self, deployment_id: str) -> SoftwareDeploymentRecord | None:
        """A deployment, None when there is none in the project."""

    def configs_of(self, server_id: str) -> list[SoftwareConfigRecord]:
        """The configs that a server is to have, by name."""

    def tell_server(self, server_id: str) -> None:
        """Puts what a server is to have where its agent looks, if that is not with us. Raises CloudError."""

    def signal(self, deployment_id: str, details: Mapping[str, Any]) -> SoftwareDeploymentRecord | None:
        """Takes in what a server tells: the deployment then, None when it waits for nothing (any more)."""

    def is_deployed_server(self, server_id: str) -> bool:
        """Whether it is a server that a stack of the project knows and did not make."""

    def undeploy(self, deployment_id: str) -> None:
        """Takes a deployment and its config away; one that is gone is fine."""


def no_software() -> Software:
    """The configs of something that may have none."""
    raise LookupError("there are no software configs here")


def no_users() -> StackUsers:
    """The users of something that may have none (what is only looked at)."""
    raise LookupError("there are no users of a stack here")


@dataclass(frozen=True, slots=True)
class Sources:
    """What a stack was made from besides its template: the texts of its files by their names, and what its environment says to whatever is
    made in the place of a resource (without parameters).
    """

    files: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, Any] = field(default_factory=dict)


def no_key(text: str) -> str:  # noqa: ARG001
    """The digests of something that has no key."""
    raise LookupError("there is no key here")


def no_cloud() -> Cloud:
    """The cloud port of something that has none (local types, tests)."""
    raise LookupError("there is no cloud here")


class NotSaved:
    """A saver that keeps nothing: for previews and for reading attributes."""

    def save_physical_id(self, physical_id: str | None) -> None:
        """Keeps nothing."""

    def save_data(self, data: Mapping[str, Any]) -> None:
        """Keeps nothing."""

    def save_metadata(self, metadata: Mapping[str, Any]) -> None:
        """Keeps nothing."""

    def change_metadata(self, change: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> None:
        """Keeps nothing."""


@dataclass(frozen=True, slots=True)
class Ports:
    """The ways out of a resource: cloud, time, durable storage, child stacks, neighbours, the users of its stack, software, groups."""

    clock: Clock
    cloud: Callable[[], Cloud] = no_cloud
    saver: Saver = field(default_factory=NotSaved)
    children: Children | None = None
    siblings: Siblings | None = None
    users: Callable[[], StackUsers] = no_users
    software: Callable[[], Software] = no_software
    groups: Groups | None = None
    sources: Callable[[], Sources] = Sources
    sign: Callable[[str], str] = no_key
    """A digest of a text: the same in every process of this service, and in no other."""
    wanted: frozenset[str | None] = frozenset()
    """Names of the resource's attributes that its stack reads somewhere; None stands for all of them."""
    hidden: Hidden | None = None
    """Where in the properties there is what must not be shown; None is everywhere, as long as nobody knows."""
