"""A small world for an engine: a store, a cloud in memory, test types, and time that passes at once.

Not mocked: store (a real database), journal, planner, executor, template language, plugin base. In memory: the cloud, which
can fail, be slow, lose its answers; and the loop's time. A world can be killed at any durable write and any call to the
cloud, and be started again.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import selectors
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from kamado.engine import events
from kamado.engine.basis import Basis, below, rows_digest
from kamado.engine.engine import Engine
from kamado.engine.ports import EnginePorts, EngineSettings
from kamado.engine.system import InlineCalls
from kamado.engine.watching import Nobody, Watch
from kamado.model.changes import Change
from kamado.model.identifiers import new_id
from kamado.model.lifecycle import Action, OperationState, Phase, Status
from kamado.model.records import PLAN, OperationRecord, ResourceRecord, StackRecord, Target
from kamado.plugin.declare import BOOLEAN, INTEGER, STRING, Attr, Blocker, Prop, resource_type
from kamado.plugin.errors import NotFoundInCloud, PermanentError, ReplacementNeeded, ResourceInError, TemporaryError
from kamado.plugin.registry import Registry
from kamado.plugin.resource import Resource
from kamado.resources.heat import TYPES as HEAT_TYPES
from kamado.resources.nova.launch_configuration import LaunchConfiguration
from kamado.store import Journal, Store

START = datetime(2026, 1, 1, tzinfo=UTC)
DRAWN = frozenset({"OS::Heat::AutoScalingGroup", "OS::Heat::InstanceGroup", "AWS::AutoScaling::AutoScalingGroup"})
"""Those whose members have names by lot."""
NESTED_TYPES = frozenset(
    {
        "one.yaml",
        "two.yaml",
        "lb.yaml",
        "OS::Heat::SoftwareDeploymentGroup",
        "OS::Heat::StructuredDeploymentGroup",
        "OS::Heat::SoftwareDeployments",
        "OS::Heat::StructuredDeployments",
        "My::One",
        "OS::Heat::ResourceGroup",
        "OS::Heat::ResourceChain",
        "OS::Heat::ScaledResource",
        "AWS::ElasticLoadBalancing::LoadBalancer",
        *DRAWN,
    }
)
"""Types of tests that stand for nested stacks."""


class Killed(BaseException):
    """The process is dead."""


class Cloud:
    """Things by id. ``faults``: call → what its next calls do (an exception to raise, LOSE, BREAK, or seconds that the answer takes).

    ``wait`` lets time pass in the caller's thread, where there is one.
    """

    LOSE = object()
    """Does the work, then loses the answer."""
    BREAK = object()
    """Makes something that comes out broken."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self.things: dict[str, dict[str, Any]] = {}
        self.calls: list[tuple[str, str]] = []
        self.faults: dict[str, list[Any]] = {}
        self.build_seconds = 0.0
        self.point: Callable[[str], None] = lambda _: None
        self.wait: Callable[[float], None] = lambda _: None
        self.made = 0
        self.forgotten: set[str] = set()
        self.users: dict[str, str] = {}
        self.copies: set[str] = set()

    def _call(self, verb: str, what: str, work: Callable[[], Any]) -> Any:
        self.point(f"before {verb} {what}")
        self.calls.append((verb, what))
        queue = self.faults.get(verb) or self.faults.get(f"{verb}:{what.split('-')[1] if '-' in what else what}") or []
        fault = queue.pop(0) if queue else None
        if isinstance(fault, BaseException):
            raise fault
        result = work()
        if isinstance(fault, float):
            self.wait(fault)
        if fault is self.BREAK:
            self.things[result]["error"] = True
        self.point(f"after {verb} {what}")
        if fault is self.LOSE:
            raise TemporaryError("the answer was lost", unknown=True)
        return result

    def create(self, name: str, **values: Any) -> str:
        def work() -> str:
            self.made += 1
            key = str(values.pop("key", "")) or f"id{self.made}"
            self.things[key] = {
                "name": name,
                "created_at": self.now(),
                "ready_at": self.now() + timedelta(seconds=self.build_seconds),
                **values,
            }
            return key

        return str(self._call("create", name, work))

    def get(self, key: str) -> dict[str, Any]:
        def work() -> dict[str, Any]:
            if key not in self.things:
                raise NotFoundInCloud(f"no thing {key}")
            return dict(self.things[key])

        found: dict[str, Any] = self._call("get", self._name(key), work)
        return found

    def update(self, key: str, **values: Any) -> None:
        def work() -> None:
            if key not in self.things:
                raise NotFoundInCloud(f"no thing {key}")
            self.things[key].update(values)

        self._call("update", self._name(key), work)

    def delete(self, key: str) -> None:
        name = self._name(key)

        def work() -> None:
            if self.things.pop(key, None) is None:
                raise NotFoundInCloud(f"no thing {key}")

        self._call("delete", name, work)

    def drop_copy(self, key: str) -> None:
        """Deletes what a snapshot kept of a thing, which itself may be gone."""
        self._call("drop", self._name(key), lambda: self.copies.discard(key))

    def list(self) -> list[tuple[str, dict[str, Any]]]:
        found: list[tuple[str, dict[str, Any]]] = self._call("list", "", lambda: list(self.things.items()))
        return found

    def forget(self, key: str) -> None:
        """Loses a thing all by itself."""
        self.things.pop(key, None)
        self.forgotten.add(key)

    def address(self, service: str) -> str:
        """Where a service answers."""
        return f"http://cloud/{service}"

    def _name(self, key: str) -> str:
        return str(self.things.get(key, {}).get("name", key))

    def called(self, verb: str) -> list[str]:
        """Resource names that a verb was called for, in order."""
        return [what.split("-")[1] if "-" in what else what for done, what in self.calls if done == verb]


class Users:
    """The users of stacks, kept in the cloud beside its things."""

    auth_url, region, insecure, domain_id, waitcondition_url = "http://cloud/v3", "R", False, "d", ""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def project_id(self) -> str:
        return "users"

    def make(self, name: str, password: str) -> str:
        self._cloud.users[f"user-{name}"] = password
        return f"user-{name}"

    def find(self, name: str) -> str | None:
        return f"user-{name}" if f"user-{name}" in self._cloud.users else None

    def make_keys(self, user_id: str, access: str, secret: str) -> None:
        assert user_id in self._cloud.users

    def remove_keys(self, access: str) -> None:
        assert access

    def set_enabled(self, user_id: str, enabled: bool) -> None:
        assert user_id in self._cloud.users

    def remove(self, user_id: str) -> None:
        self._cloud.users.pop(user_id, None)


@resource_type("Test::Thing")
class Thing(Resource):
    """Lives in the cloud."""

    can_find = True
    properties = (
        Prop("size", INTEGER, "Changed in place.", default=1, update=True),
        Prop("kind", STRING, "Changed by replacement."),
        Prop("swap", STRING, "The handler asks for a replacement.", update=True),
        Prop("peer", STRING, "Another one's id or address.", update=True),
        Prop("broken", BOOLEAN, "Goes into error.", default=False, update=True),
        Prop("secret", STRING, "Never shown.", update=True, secret=True),
    )
    attributes = (Attr("address", STRING, "Where it is."), Attr("size", INTEGER, "How big."))

    @property
    def cloud(self) -> Cloud:
        return self.ports.cloud()  # type: ignore[return-value]

    def _values(self) -> dict[str, Any]:
        return {key: self.properties.get(key) for key in ("size", "kind", "swap", "peer", "secret")}

    def handle_create(self) -> Any:
        self.set_physical_id(self.cloud.create(self.physical_name, **self._values()))
        return {"made": self.physical_id}

    def check_create_complete(self, token: Any) -> bool:
        if self.properties.get("broken"):
            raise ResourceInError("ERROR", "it broke")
        assert self.physical_id is not None
        found = self.cloud.get(self.physical_id)
        if found.get("error"):
            raise ResourceInError("ERROR", "it came out broken")
        return bool(found["ready_at"] <= self.ports.clock.now())

    def handle_update(self, changes: Mapping[str, Any]) -> Any:
        if "swap" in changes:
            raise ReplacementNeeded(self.name)
        if self.properties.get("broken"):
            raise PermanentError("it broke", "Broken")
        assert self.physical_id is not None
        self.cloud.update(self.physical_id, **{key: value for key, value in changes.items() if key != "broken"})

    def handle_delete(self) -> Any:
        if self.physical_id is None:
            return None
        self.cloud.delete(self.physical_id)
        return {"deleted": True}

    def handle_suspend(self) -> Any:
        assert self.physical_id is not None
        self.cloud.update(self.physical_id, suspended=True)

    def handle_resume(self) -> Any:
        assert self.physical_id is not None
        self.cloud.update(self.physical_id, suspended=False)

    def handle_snapshot(self) -> Any:
        assert self.physical_id is not None
        self.cloud.update(self.physical_id)
        self.cloud.copies.add(self.physical_id)

    def handle_delete_snapshot(self, data: Mapping[str, Any]) -> Any:
        self.cloud.drop_copy(data["resource_id"])

    def handle_check(self) -> Any:
        assert self.physical_id is not None
        self.cloud.get(self.physical_id)

    def check_adopt_complete(self, token: Any) -> bool:
        assert self.physical_id is not None
        return bool(self.cloud.get(self.physical_id)["ready_at"] <= self.ports.clock.now())

    def observe(self) -> dict[str, Any]:
        assert self.physical_id is not None
        there = self.cloud.get(self.physical_id)
        return {
            key: there[key]
            for key in ("size", "peer")
            if self.properties.get(key) is not None and there[key] != self.properties[key]
        }

    def find_existing(self, since: datetime, taken: Collection[str]) -> str | None:
        for key, thing in self.cloud.list():
            if thing["name"] == self.physical_name and thing["created_at"] >= since and key not in taken:
                return key
        return None

    def attribute(self, name: str) -> Any:
        assert self.physical_id is not None
        return {"address": f"at {self.physical_id}", "size": self.cloud.get(self.physical_id)["size"]}[name]


@resource_type("Test::Described")
class Described(Resource):
    """What instances are made from, as a launch configuration has it, without a cloud that knows images."""

    nameless = True
    properties = tuple(Prop(name, STRING, "Not checked.") for name in ("ImageId", "InstanceType", "UserData"))

    def reference(self) -> str:
        return self.physical_name


@resource_type("Test::Sturdy")
class Sturdy(Thing):
    """Keeps what failed."""

    properties = Thing.properties
    attributes = Thing.attributes

    def needs_replace_failed(self) -> bool:
        return self.physical_id not in self.cloud.things


@resource_type("Test::Holder")
class Holder(Thing):
    """Holds a place that only one may have; an old one gives it up for its replacement, and takes it back."""

    properties = (*Thing.properties, Prop("place", STRING, "What only one can have."))
    attributes = Thing.attributes

    def handle_create(self) -> Any:
        place = self.properties.get("place")
        if any(thing.get("place") == place for thing in self.cloud.things.values()):
            raise PermanentError(f"{place} is taken", "Conflict")
        self.set_physical_id(self.cloud.create(self.physical_name, place=place, **self._values()))
        return None

    def prepare_for_replace(self) -> None:
        assert self.physical_id is not None
        if self.physical_id in self.cloud.things:
            self.cloud.update(self.physical_id, place=None)

    def restore_prev_rsrc(self) -> None:
        assert self.physical_id is not None
        self.cloud.update(self.physical_id, place=self.properties.get("place"))


def _held_by(thing: Any) -> list[Blocker]:
    return [Blocker(key, f"thing {key}") for key in thing.cloud.get(thing.physical_id).get("held_by", ())]


@resource_type("Test::Clinging")
class Clinging(Thing):
    """Its deletion takes until ``lets_go`` is set on the thing; ``held_by`` are ids of what is in its way."""

    blocked_by = (_held_by,)
    properties = Thing.properties
    attributes = Thing.attributes

    def handle_delete(self) -> Any:
        assert self.physical_id is not None
        self.cloud.update(self.physical_id, deleting=True)

    def check_delete_complete(self, token: Any) -> bool:
        assert self.physical_id is not None
        if not self.cloud.get(self.physical_id).get("lets_go"):
            return False
        self.cloud.delete(self.physical_id)
        return True


@resource_type("Test::Named")
class Named(Thing):
    """Known in the cloud by its name, as a key pair is: its replacement of the same name has the same id."""

    properties = Thing.properties
    attributes = Thing.attributes

    def handle_create(self) -> Any:
        name = f"world-{self.name}-named"
        self.cloud.create(name, key=name, **self._values())
        self.set_physical_id(name)
        return None

    def prepare_for_replace(self) -> None:
        assert self.physical_id is not None
        if self.physical_id in self.cloud.things:
            self.cloud.delete(self.physical_id)


class Look:
    """What tests see of a world: its database (``store``) and what is in its cloud (``cloud``)."""

    store: Store
    cloud: Cloud

    def live(self) -> bool:
        """Whether any operation has not ended."""
        from sqlalchemy import func, select

        from kamado.store.schema import operation

        statement = select(func.count()).where(operation.c.slot.is_not(None))
        return bool(self.store.read(lambda connection: connection.scalar(statement)))

    def stack(self, stack_id: str) -> StackRecord:
        """The stack, deleted ones too."""
        stack = self.store.stacks.get(stack_id, True)
        assert stack is not None
        return stack

    def state(self, stack_id: str) -> str:
        """Like CREATE_COMPLETE."""
        stack = self.stack(stack_id)
        return f"{stack.action}_{stack.status}"

    def rows(self, stack_id: str) -> dict[str, ResourceRecord]:
        """Rows by name; fails when a name has several."""
        found = self.store.resources.of_stack(stack_id)
        rows = {row.name: row for row in found}
        assert len(rows) == len(found), [(row.name, row.action, row.status) for row in found]
        return rows

    def states(self, stack_id: str) -> dict[str, str]:
        """Resource name → like CREATE_COMPLETE."""
        return {name: f"{row.action}_{row.status}" for name, row in self.rows(stack_id).items()}

    def history(self, stack_id: str, name: str | None = None) -> list[str]:
        """Lines like "a CREATE_COMPLETE", oldest first."""
        lines = reversed(self.store.events.page([stack_id]))
        return [
            f"{line.resource_name} {line.action}_{line.status}"
            for line in lines
            if name is None or line.resource_name == name
        ]

    def tree(self, stack_id: str) -> list[StackRecord]:
        """The live stacks of a tree, parents first."""
        return self.store.stacks.tree(stack_id)

    def child(self, stack_id: str, name: str) -> StackRecord:
        """The nested stack of a resource."""
        key = self.rows(stack_id)[name].physical_id
        assert key is not None
        return self.stack(key)

    def all_rows(self, stack_id: str) -> list[ResourceRecord]:
        """The rows of a stack and of all that is nested in it."""
        stacks = [stack_id, *(stack.id for stack in self.store.stacks.tree(stack_id, True) if stack.id != stack_id)]
        return [row for key in stacks for row in self.store.resources.of_stack(key)]

    def check(self, stack_id: str) -> None:
        """The cloud holds exactly what the rows say (or know that they cannot know), and nothing is in the middle.

        Of a tree of stacks each nested one is held by exactly one row.
        """
        rows = self.all_rows(stack_id)
        nested = [stack.id for stack in self.tree(stack_id) if stack.id != stack_id]
        held_stacks = [
            row.physical_id
            for row in rows
            if row.type in NESTED_TYPES
            and row.physical_id is not None
            and (row.physical_id in nested or row.action is not Action.DELETE)  # given up when it had done its work
        ]
        assert Counter(nested) == Counter(held_stacks), (nested, held_stacks)
        busy = [stack.name for stack in self.tree(stack_id) if stack.status is Status.IN_PROGRESS]
        assert not busy, busy
        unsure = {
            row.physical_name
            for row in rows
            if row.physical_id is None and (row.phase is not Phase.NONE or row.progress)
        }
        # A deletion that was given up half-way may have done its work, be it of what came out broken and was to be made anew.
        doubtful = {row.physical_id for row in rows if row.action is Action.DELETE or row.status is Status.FAILED}
        mine = [row for row in rows if row.type.startswith("Test::")]
        held = Counter(row.physical_id for row in mine if row.physical_id is not None)
        there = Counter(key for key, thing in self.cloud.things.items() if thing["name"] not in unsure)
        for key in (doubtful | self.cloud.forgotten) - there.keys():
            held.pop(key, None)
        assert held == there, (held, self.cloud.things)
        unfinished = [(row.name, row.action) for row in rows if row.status is Status.IN_PROGRESS]
        assert not unfinished, unfinished
        assert not self.live()

    def _drawn_names(self, stack_id: str) -> set[str]:
        """Names of members that were drawn by lot, so that they are others in each run."""
        groups = {row.physical_id for row in self.all_rows(stack_id) if row.type in DRAWN}
        return {row.name for key in groups if key for row in self.store.resources.of_stack(key)}

    def summary(self, stack_id: str) -> dict[str, Any]:
        """How the world looks in the end, without what may differ from run to run (ids and times)."""
        rows = self.all_rows(stack_id)
        drawn = self._drawn_names(stack_id)
        called = lambda name: "*" if name in drawn else name  # noqa: E731
        names = {row.id: row.name for row in rows}
        ids = {row.physical_id: f"<{called(row.name)}>" for row in rows if row.physical_id}
        plain = lambda value: ids.get(value, ids.get(str(value).removeprefix("at "), value))  # noqa: E731
        return {
            "stack": self.state(stack_id),
            "rows": sorted(
                (
                    called(row.name),
                    row.type,
                    row.action,
                    row.status,
                    row.reason.replace(row.name, called(row.name)),
                    sorted(called(names.get(key, "?")) for key in row.requires),
                )
                for row in rows
            ),
            "events": Counter(self.history(stack_id)),
            "nested": sorted(
                (called(str(s.parent_resource)), s.action, s.status, s.reason)
                for s in self.tree(stack_id)
                if s.owner_id
            ),
            "nested events": Counter(
                line.split(" ", 1)[1]
                for s in self.store.stacks.tree(stack_id, True)
                if s.owner_id
                for line in self.history(s.id)
            ),
            "cloud": sorted(
                (called(thing["name"].split("-")[-2]), thing["size"], thing["kind"], plain(thing["peer"]))
                for thing in self.cloud.things.values()
            ),
        }


class _Jump(selectors.SelectSelector):
    """Waits by moving the loop's time."""

    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            return super().select(10)
        if timeout > 0:
            self.loop.passed += timeout
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop on which an hour passes at once."""

    def __init__(self, passed: float = 0.0) -> None:
        selector = _Jump()
        selector.loop = self
        self.passed = passed
        super().__init__(selector)

    def time(self) -> float:
        return self.passed


class VirtualClock:
    """The loop's time as a time of day."""

    def __init__(self, world: World) -> None:
        self._world = world

    def now(self) -> datetime:
        return START + timedelta(seconds=self._world.loop.time())

    def monotonic(self) -> float:
        return self._world.loop.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    @property
    def blocking(self) -> Any:
        return self


class DirectJournal:
    """Commits at once, so that a run is the same each time; each commit is a point at which the world can be killed."""

    def __init__(self, world: World) -> None:
        self._world = world

    def submit(self, operation_id: str, epoch: int, changes: Sequence[Change]) -> Future[None]:
        self._world.point("before commit")
        future = self._world.journal.submit(operation_id, epoch, changes)
        with contextlib.suppress(Exception):
            future.result(30)
        self._world.point("after commit")
        return future


class Calls(InlineCalls):
    """Inline calls of a process that may be dead."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def run(self, function: Callable[[], Any]) -> Any:
        if self._world.dead:
            raise Killed
        return function()


class World(Look):
    """Everything an engine needs, on one store. ``kill_at``: the number of the point at which the process dies."""

    def __init__(self, store: Store, **settings: Any) -> None:
        self.store = store
        self.journal = Journal(store)
        self.loop = VirtualLoop()
        self.clock = VirtualClock(self)
        self.cloud = Cloud(self.clock.now)
        self.cloud.point = self.point
        self.registry = Registry((*HEAT_TYPES, LaunchConfiguration, Thing, Sturdy, Holder, Named, Clinging))
        self.settings = EngineSettings(**{"alone": True, **settings})
        self._tasks: list[asyncio.Task[Any]] = []
        self.points: list[str] = []
        self.kill_at: int | None = None
        self.dead = False
        self.watch: Watch = Nobody()

    def close(self) -> None:
        """Ends the loop and the journal's thread."""
        self.loop.close()
        self.journal.close()

    def point(self, what: str) -> None:
        """Something durable, or a call: where a process may die."""
        if self.dead:
            raise Killed
        self.points.append(what)
        if self.kill_at is not None and len(self.points) > self.kill_at:
            self.dead = True
            raise Killed

    def reborn(self) -> None:
        """Another process: nothing of the dead one is left but store and cloud."""
        passed = self.loop.passed
        for _ in range(10):
            tasks = [task for task in asyncio.all_tasks(self.loop) if not task.done()]
            if not tasks:
                break
            for task in tasks:
                task.cancel()
            with contextlib.suppress(BaseException):
                self.loop.run_until_complete(asyncio.wait(tasks, timeout=1))
        self.loop.close()
        self.loop = VirtualLoop(passed + 0.01)
        self.dead = False
        self.kill_at = None

    def ports(self) -> EnginePorts:
        """What an engine is given."""
        calls = Calls(self)
        return EnginePorts(
            store=self.store,
            journal=DirectJournal(self),
            clock=self.clock,
            calls=calls,
            store_calls=calls,
            registry=self.registry,
            cloud=lambda stack, operation: self.cloud,
            users=lambda stack: Users(self.cloud),
            watch=self.watch,
        )

    def accept(
        self, resources: Any, action: Action = Action.CREATE, stack_id: str | None = None, **options: Any
    ) -> str:
        """Accepts an operation as the orchestrator does; the stack's id. ``resources``: a template's, or a whole template."""
        body = resources
        if "heat_template_version" not in resources:
            body = {"heat_template_version": "2018-08-31", "resources": resources}
        name = options.pop("name", "world")
        project = options.pop("project", "p")
        entries = options.pop("entries", {})
        environment = {
            "parameters": options.pop("parameters", {}),
            "resource_registry": {**options.pop("registry", {}), "resources": entries},
            "parameter_defaults": options.pop("defaults", {}),
        }
        texts = {
            name: text if isinstance(text, str) else json.dumps(text) for name, text in options.pop("files", {}).items()
        }
        files = {name: self.store.files.put(text) for name, text in texts.items()}
        target = Target(self.store.templates.put(body), files, environment)
        now = self.clock.now()
        previous = None
        reason = events.started(action)
        key = stack_id or new_id()
        if stack_id is not None:
            before = self.store.stacks.get(stack_id)
            assert before is not None
            previous = before.target
            if not resources:
                target = replace(previous, environment=environment) if entries else previous
        operation = OperationRecord(
            id=new_id(),
            stack_id=key,
            action=action,
            state=OperationState.PENDING,
            target=target,
            created_at=now,
            previous=previous,
            project_id=project,
            **options,
        )
        stack = StackRecord(
            id=key,
            name=name,
            project_id=project,
            action=action,
            status=Status.IN_PROGRESS,
            reason=reason,
            target=target,
            created_at=now,
        )
        event = events.stack_event(stack, action, Status.IN_PROGRESS, reason, now)
        if stack_id is None:
            self.store.stacks.create(stack, operation, event)
        else:
            values = {"action": action, "status": Status.IN_PROGRESS, "reason": reason, "target": target}
            self.store.stacks.start(operation, values, event)
        return key

    def run(self, meanwhile: Callable[[Engine], Any] | None = None, seconds: float = 7200) -> None:
        """Runs an engine until nothing is left to do (or the world dies). ``meanwhile`` is a coroutine function given the engine."""
        self.loop.set_exception_handler(self._unheard)
        self.loop.run_until_complete(self._run(meanwhile, seconds))

    def _unheard(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Nobody asks a dead process for its last words; those of a living one matter."""
        if not isinstance(context.get("exception"), Killed):
            loop.default_exception_handler(context)

    async def _run(self, meanwhile: Callable[[Engine], Any] | None, seconds: float) -> None:
        engine = Engine(self.ports(), self.settings)
        task = asyncio.get_running_loop().create_task(engine.run())
        other = asyncio.get_running_loop().create_task(meanwhile(engine)) if meanwhile is not None else None
        self._tasks = [task, *([other] if other is not None else [])]
        give_up = self.loop.time() + seconds
        await asyncio.sleep(0.001)
        while not self.dead and self.loop.time() < give_up:
            if (other is None or other.done()) and not engine.running and not self.live():
                break
            await asyncio.sleep(0.05)
        if not self.dead:
            if other is not None:
                await other
            engine.stop()
            await task


def held(world: World, stack_id: str, **moved: str) -> dict[str, Any]:
    """Options of an operation that is held to a plan made now; ``moved``: parts of its basis that were something else then."""
    stack = world.stack(stack_id)
    stacks = below(world.store.stacks.tree(stack.root_id), stack_id)
    tree = [(one, world.store.resources.of_stack(one.id)) for one in stacks]
    parts = {"rows": rows_digest(world.store.sign, tree), "types": world.registry.fingerprint, **moved}
    before = {
        "action": stack.action.value,
        "status": stack.status.value,
        "tags": list(stack.tags),
        "timeout_mins": stack.timeout_mins,
        "disable_rollback": stack.disable_rollback,
        "description": stack.description,
        "updated_at": None,
    }
    return {PLAN: {"basis": str(Basis(operation=stack.operation_id or "", wanted="w", **parts)), "before": before}}
