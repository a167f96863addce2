"""What the engine is given: protocols for store, journal, time, handler calls and types, and its settings.

Everything that touches the outside world comes in through here, so that a simulation can give its own store, cloud, clock and
scheduler and run an engine in one thread. The store of `kamado.store` fits these protocols as it is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any, Protocol, TypeVar

from kamado.engine.waiting import nobody_else
from kamado.engine.watching import Nobody, Watch
from kamado.model.changes import Change
from kamado.model.lifecycle import Stop
from kamado.model.records import EngineRecord, EventRecord, OperationRecord, ResourceRecord, SnapshotRecord, StackRecord
from kamado.plugin.context import Clock as BlockingClock
from kamado.plugin.resource import Resource
from kamado.store.shares import Room

T = TypeVar("T")


class Stacks(Protocol):
    """Reading of stack rows."""

    def get(self, key: str, show_deleted: bool = False) -> StackRecord | None:
        """The stack, or None when it is gone."""

    def several(self, ids: Collection[str]) -> list[StackRecord]:
        """Those of ``ids`` that there are, deleted ones too."""

    def tree(self, root_id: str) -> list[StackRecord]:
        """A root stack and all that is nested in it, parents first."""

    def unsound(self, root_id: str) -> frozenset[str]:
        """Of the nested stacks of a tree those in which, at whatever depth, something has failed."""

    def busy(self, ids: Collection[str]) -> set[str]:
        """Those of ``ids`` that are live and in the middle of an action."""


class Bodies(Protocol):
    """Content-addressed template bodies."""

    def get(self, key: str) -> Mapping[str, Any]:
        """The body with that id."""

    def put(self, body: Mapping[str, Any]) -> str:
        """Stores a body if it is not there yet; its id."""


class Files(Protocol):
    """Content-addressed file bodies."""

    def get(self, key: str) -> str:
        """The text with that id."""

    def put(self, text: str) -> str:
        """Stores a text if it is not there yet; its id."""


class Rows(Protocol):
    """Reading of resource rows."""

    def of_stack(self, stack_id: str) -> list[ResourceRecord]:
        """All rows of a stack, those that are being replaced too."""

    def of_stacks(self, stack_ids: Collection[str]) -> dict[str, list[ResourceRecord]]:
        """All rows of several stacks, by stack."""

    def by_id(self, key: str) -> ResourceRecord | None:
        """One row as it is now."""

    def named(self, stack_id: str, names: Collection[str]) -> list[ResourceRecord]:
        """The rows of these names, those being replaced too."""

    def failed(self, stack_id: str) -> frozenset[str]:
        """Names of a stack's resources that have failed and were not replaced."""

    def holding(self, stack_id: str, physical_id: str) -> list[ResourceRecord]:
        """The rows of a stack that have this physical id."""

    def known_as(self, stack_id: str, physical_name: str) -> list[ResourceRecord]:
        """The rows of a stack that have this physical name."""

    def change(
        self, key: str, decide: Callable[[ResourceRecord], tuple[Mapping[str, Any], Sequence[EventRecord]]]
    ) -> ResourceRecord | None:
        """Changes one row beside any operation: fields that operations do not write."""

    def taken(self, physical_ids: Collection[str]) -> set[str]:
        """Those of ``physical_ids`` that some row holds: not to be adopted twice."""

    def holders(self, physical_id: str) -> set[str]:
        """Ids of the rows of any stack that hold it."""


class Snapshots(Protocol):
    """Snapshots of stacks; they are made by the journal."""

    def of_stacks(self, stack_ids: Collection[str]) -> Mapping[str, list[SnapshotRecord]]:
        """All snapshots of several stacks, by stack."""

    def going(self) -> list[SnapshotRecord]:
        """All that somebody wants removed and that are still there."""

    def update(self, key: str, values: Mapping[str, Any]) -> None:
        """New values of some fields."""

    def remove(self, key: str) -> None:
        """It goes."""


class Queue(Protocol):
    """The durable work queue."""

    def claim_share(
        self, engine_id: str, now: datetime, lease: timedelta, room: Room
    ) -> tuple[list[OperationRecord], bool]:
        """Takes operations that wait, or whose engine's lease has run out, each with a new epoch: fair between projects, and leaving the
        other engines their part; and whether that left any for which there is room.
        """

    def take_over(self, engine_id: str, now: datetime, lease: timedelta) -> list[OperationRecord]:
        """Takes all that run, whoever holds them."""

    def renew(self, engine_id: str, now: datetime, lease: timedelta, ids: Collection[str]) -> dict[str, Stop]:
        """Prolongs leases; ids that are missing from the answer are no longer ours."""

    def release(self, engine_id: str, ids: Collection[str]) -> None:
        """Gives leases back at once."""

    def get(self, key: str) -> OperationRecord | None:
        """One operation as it is now."""

    def live(self, stack_id: str) -> list[OperationRecord]:
        """The operations of a stack that have not ended."""

    def at_work(self, stack_ids: Collection[str]) -> Collection[str]:
        """Those of ``stack_ids`` on which an operation has not ended."""


class Engines(Protocol):
    """The service list."""

    def beat(self, record: EngineRecord) -> None:
        """Says that this engine is alive."""

    def goodbye(self, engine_id: str, now: datetime) -> None:
        """Says that it ends."""

    def end_sleepers(self) -> int:
        """Ends connections of processes that are stopped with locks in their hands; how many."""


class StorePort(Protocol):
    """The store's table families that an engine reads."""

    def sign(self, text: str) -> str:
        """A digest of a text that only processes with the same key can make."""

    @property
    def stacks(self) -> Stacks:
        """Stack rows."""

    @property
    def templates(self) -> Bodies:
        """Template bodies."""

    @property
    def files(self) -> Files:
        """File bodies."""

    @property
    def resources(self) -> Rows:
        """Resource rows."""

    @property
    def snapshots(self) -> Snapshots:
        """Snapshots of stacks."""

    @property
    def operations(self) -> Queue:
        """The work queue."""

    @property
    def engines(self) -> Engines:
        """The service list."""


class JournalPort(Protocol):
    """The only way in which an engine writes while it works on an operation."""

    def submit(self, operation_id: str, epoch: int, changes: Sequence[Change]) -> Future[None]:
        """Writes all changes in one transaction under the operation's fence; done when durable.

        Batches of one operation become durable in the order in which they are submitted: when one is durable, all earlier ones
        are; when one fails, so do all later ones. Fails with `kamado.store.errors.LeaseLost` when the lease is gone. A superseded
        operation cannot change its stack's state any more, nor start a rollback: the newer operation owns the stack.
        """


class Clock(Protocol):
    """Time as an argument; ``sleep`` is the loop's, the rest may be asked from any thread."""

    def now(self) -> datetime:
        """The time of day, aware, UTC."""

    def monotonic(self) -> float:
        """Seconds that never go back."""

    def sleep(self, seconds: float) -> Awaitable[None]:
        """Lets other work run for so long."""

    @property
    def blocking(self) -> BlockingClock:
        """The same time for handlers, which run in threads."""


class Calls(Protocol):
    """Where blocking calls (handlers, store reads) run."""

    def run(self, function: Callable[[], T]) -> Awaitable[T]:
        """Runs it off the loop and gives its result or its exception."""

    def lane(self, name: str) -> Calls:
        """The same for one of several (a project's), who take turns."""

    def close(self) -> None:
        """Waits for what runs and takes no more."""


class Types(Protocol):
    """Resource types by name."""

    def get(self, type_name: str, resource_name: str) -> type[Resource]:
        """The class that a resource is to have; raises `kamado.plugin.registry.UnknownType`."""

    def of(self, row: ResourceRecord) -> type[Resource]:
        """The class that a row was made with; raises as `get`."""

    def version(self, type_name: str, resource_name: str) -> str:
        """What besides its properties makes a composite type what it is, as a digest; "" for others."""

    def stand_in(self, row: ResourceRecord) -> None:
        """Have what a row was made with stand for a nested stack that is only deleted, for it is not known any more."""


class TypeSource(Protocol):
    """The registry, and views of it through an environment's ``resource_registry``."""

    @property
    def fingerprint(self) -> str:
        """Changes with the installed types."""

    @property
    def operators(self) -> Mapping[str, str]:
        """The templates that the operator's environment names."""

    def for_environment(
        self, environment: Any, files: Mapping[str, str] | None = None, *, lenient: bool = False
    ) -> Types:
        """Types as a stack with that `kamado.template.Environment` and those files sees them.

        ``lenient``: a template that is used as a type need not be there.
        """


class CloudPort(Protocol):
    """Makes the cloud that a stack's resources live in; called in handler threads, when first needed."""

    def __call__(self, stack: StackRecord, operation: OperationRecord | None) -> Any:
        """A `kamado.cloud.session.Cloud` acting for the stack's owner; ``operation``: for which, if for one."""


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """How an engine behaves. Times in seconds.

    ``observe_on_update``: each update looks at what is really there before comparing.

    ``lease_seconds``: how long an operation stays ours without renewal (renewed every third of it). ``concurrent_operations`` and
    ``concurrent_steps``: bounds per engine (those that wait for nested
    stacks do not count) and per operation. ``poll_first``/``poll_max``: the growing wait between two polls.
    ``action_retry_limit``: how often a call that failed for a passing cause is repeated. ``calls_per_project``: of the ``worker_threads``
    so many at most are busy for one project. ``forced_delete_patience``: how long a forced
    deletion waits for one resource before it lets go of it. ``claim_interval``: how often the queue is
    looked at without having been woken, ``tidy_interval``: how often `kamado.engine.tidying` looks. ``stack_action_timeout``: the
    deadline of an operation whose stack names none. ``alone``: no other engine works on this
    database, so everything that runs at start is ours to go on with.
    """

    lease_seconds: float = 30.0
    heartbeat_seconds: float = 60.0
    concurrent_operations: int = 100
    concurrent_steps: int = 100
    worker_threads: int = 32
    calls_per_project: int | None = None
    poll_first: float = 0.1
    poll_max: float = 5.0
    poll_growth: float = 1.2
    action_retry_limit: int = 5
    retry_first: float = 1.0
    retry_max: float = 30.0
    claim_interval: float = 2.0
    tidy_interval: float = 15.0
    stack_action_timeout: float = 3600.0
    forced_delete_patience: float = 300.0
    adoption_slack: float = 60.0
    burst: int = 200
    burst_seconds: float = 0.02
    max_nested_stack_depth: int = 5
    region: str = ""
    alone: bool = False
    observe_on_update: bool = False


def no_users(stack: StackRecord) -> Any:
    """The users of stacks where there is no domain for them."""
    raise LookupError(f"there are no users of stacks here (of {stack.name})")


def no_software(stack: StackRecord) -> Any:
    """The software configs of stacks where none are kept."""
    raise LookupError(f"there are no software configs here (of {stack.name})")


def no_project(project_id: str) -> None:
    """The removal of a project where stacks have no users."""


def nothing_to_tidy() -> None:
    """The tidying of a process that has nothing to tidy."""


@dataclass(frozen=True, slots=True)
class EnginePorts:
    """Everything an engine is given.

    ``calls`` runs handlers; ``store_calls`` runs reads of the store, in threads that no slow cloud can fill. ``users`` gives the
    users of a stack (`kamado.cloud.users.StackUsers`), ``software`` its configs (`kamado.plugin.context.Software`).
    ``remove_users`` removes the project of a deleted stack's users, by its id; it may be called more than once. ``tidy`` is called
    now and then, in a handler's thread. ``random`` spreads waits; a simulation gives one with a seed. ``tell`` says to engines in
    other processes, without waiting, that operations on these nested stacks have ended, or (none named) that there is work in the queue.
    """

    store: StorePort
    journal: JournalPort
    clock: Clock
    calls: Calls
    store_calls: Calls
    registry: TypeSource
    cloud: CloudPort
    users: Callable[[StackRecord], Any] = no_users
    software: Callable[[StackRecord], Any] = no_software
    remove_users: Callable[[str], None] = no_project
    tidy: Callable[[], None] = nothing_to_tidy
    tell: Callable[[Collection[str]], None] = nobody_else
    random: Random = field(default_factory=Random)
    watch: Watch = field(default_factory=Nobody)
