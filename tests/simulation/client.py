"""Users of a simulated installation: requests as the API hands them on, against the real orchestrator."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from kamado.cloud.grants import Grant
from kamado.engine.hooks import waits_at
from kamado.engine.targets import TargetLoader
from kamado.model.lifecycle import Action, Status
from kamado.model.records import StackRecord
from kamado.orchestrator import actions, health, plans, signals, snapshots, stacks
from kamado.orchestrator.context import OrchestratorSettings, RequestContext, Services
from kamado.orchestrator.requests import StackRequest
from kamado.template import Environment

if TYPE_CHECKING:
    from tests.simulation.process import Process
    from tests.simulation.simulation import Simulation

T = TypeVar("T")

VERSION = "2018-08-31"


class _Clouds:
    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    def for_token(self, context: Any) -> Any:
        return self._simulation.cloud

    def grant(self, context: Any, name: str) -> Grant:
        return Grant("trusts", "a trust")

    def holds(self, record: Any, *, surely: bool) -> bool:
        return True


class _Everything:
    def allows(self, context: RequestContext, rule: str) -> bool:
        return True


class Client:
    """One user; every method is one request, answered when the API would answer it."""

    def __init__(self, simulation: Simulation, process: Process) -> None:
        self.simulation = simulation
        self.process = process
        self._context = RequestContext("p", "u", "user", ("member",), request_id="req")
        self._services = Services(
            store=process.store,
            registry=simulation.registry,
            targets=TargetLoader(process.store, simulation.registry),
            clouds=_Clouds(simulation),
            policy=_Everything(),
            clock=process.clock.blocking,
            wake=self._wake,
            settings=OrchestratorSettings(
                enable_stack_abandon=True, enable_stack_adopt=True, max_events_per_stack=-1, stack_action_timeout=3600
            ),
            cloud_of=lambda stack: simulation.cloud,
        )

    def _wake(self) -> None:
        """Every engine hears of it, or not: a wake-up is a courtesy."""
        for process in self.simulation.engines:
            if process.engine is not None and self.simulation.dice.random() < 0.8:
                process.engine.wake()

    async def _ask(self, function: Callable[..., T], *arguments: Any, **named: Any) -> T:
        return await self.process.calls.run(partial(function, self._services, *arguments, **named))

    def _of(self, stack_id: str) -> StackRecord:
        found = self.process.store.stacks.get(stack_id, True)
        assert found is not None
        return found

    async def create(self, resources: Mapping[str, Any], name: str = "world", **options: Any) -> str:
        """Its id. ``resources`` are the template's, or it is a whole template."""
        request = _request(resources, name=name, **options)
        stack = await self._ask(stacks.create, self._context, request)
        return stack.id

    async def update(self, stack_id: str, resources: Mapping[str, Any] | None = None, **options: Any) -> None:
        """PUT, or with ``existing`` PATCH."""
        await self._stack(stacks.update, stack_id, _request(resources, **options))

    async def plan(self, stack_id: str, resources: Mapping[str, Any], **options: Any) -> str:
        """The basis of the plan of an update; `update` can be held to it by ``plan``."""
        return (await self.whole_plan(stack_id, resources, **options))[1]

    async def whole_plan(
        self, stack_id: str, resources: Mapping[str, Any], **options: Any
    ) -> tuple[plans.StackPlan, str]:
        """The plan of an update, and its basis."""
        shown = await self._stack(plans.update, stack_id, _request(resources, **options))
        assert shown.basis is not None
        return shown.plan, shown.basis

    async def delete(self, stack_id: str) -> None:
        """DELETE."""
        await self._stack(actions.delete, stack_id)

    async def act(self, stack_id: str, action: Action) -> None:
        """Check, suspend, resume."""
        await self._stack(actions.act, stack_id, action)

    async def cancel(self, stack_id: str) -> None:
        """Cancel an update and go back."""
        await self._stack(actions.cancel_update, stack_id)

    async def cancel_without_rollback(self, stack_id: str) -> None:
        """Cancel, and stay where it is."""
        await self._stack(actions.cancel, stack_id)

    async def retry(self, stack_id: str) -> None:
        """What failed again."""
        await self._stack(actions.retry, stack_id)

    async def roll_back(self, stack_id: str) -> None:
        """Back to what was before."""
        await self._stack(actions.roll_back, stack_id)

    async def abandon(self, stack_id: str) -> dict[str, Any]:
        """What `create` can adopt."""
        return await self._stack(stacks.abandon, stack_id)

    async def snapshot(self, stack_id: str) -> str:
        """The snapshot's id."""
        return (await self._stack(snapshots.create, stack_id, "a snapshot")).id

    async def restore(self, stack_id: str, snapshot_id: str) -> None:
        """Go back to a snapshot."""
        await self._stack(snapshots.restore, stack_id, snapshot_id)

    async def delete_snapshot(self, stack_id: str, snapshot_id: str) -> None:
        """Remove a snapshot."""
        await self._stack(snapshots.delete, stack_id, snapshot_id)

    async def outputs(self, stack_id: str) -> dict[str, Any]:
        """Outputs by name; those that cannot be read have an error instead of a value."""
        detail = await self._stack(stacks.show, stack_id)
        return {one["output_key"]: one.get("output_error") or one["output_value"] for one in detail.outputs or ()}

    async def signal(self, stack_id: str, name: str, details: Mapping[str, Any] | None = None) -> None:
        """A signal to a resource."""

        def work(services: Services) -> None:
            signals.signal(services, self._of(stack_id), name, details)

        await self._ask(work)

    async def mark_unhealthy(self, stack_id: str, name: str) -> None:
        """Say that a resource is broken."""

        def work(services: Services) -> None:
            health.mark(services, self._of(stack_id), name, True, "marked")

        await self._ask(work)

    async def _stack(self, function: Callable[..., T], stack_id: str, *arguments: Any) -> T:
        def work(services: Services) -> T:
            return function(services, self._context, self._of(stack_id), *arguments)

        return await self._ask(work)

    # Waiting, by looking now and then.

    async def calm(self, stack_id: str) -> None:
        """The same, and nobody sleeps through it."""
        await self.until(lambda: not self.simulation.awakening)
        await self.rest(stack_id)

    async def until(self, true: Callable[[], Any]) -> None:
        """Until something is so; looks at it less and less often."""
        wait = 0.05
        while not true():
            await asyncio.sleep(wait)
            wait = min(wait * 1.3, 5.0)

    async def rest(self, stack_id: str) -> str:
        """Until nothing is done any more, to the stack and what is nested in it; its state then."""
        simulation = self.simulation

        def at_rest() -> bool:
            return not simulation.live() and simulation.stack(stack_id).status is not Status.IN_PROGRESS

        await self.until(at_rest)
        return simulation.state(stack_id)

    async def reaches(self, stack_id: str, name: str, state: str) -> None:
        """Until a resource is in a state, like CREATE_IN_PROGRESS."""
        await self.until(
            lambda: any(
                row.name == name and f"{row.action}_{row.status}" == state
                for row in self.simulation.store.resources.of_stack(stack_id)
            )
        )

    async def let_go(self, stack_id: str, name: str, hook: str) -> None:
        """Clears a hook once the resource waits at it."""

        def waits() -> bool:
            rows = self.simulation.store.resources.of_stack(stack_id)
            return any(row.name == name and waits_at(row) == hook for row in rows)

        await self.until(waits)
        await self.signal(stack_id, name, {"unset_hook": hook})


def _request(resources: Mapping[str, Any] | None, **options: Any) -> StackRequest:
    body: Mapping[str, Any] | None = resources
    if resources is not None and "heat_template_version" not in resources:
        body = {"heat_template_version": VERSION, "resources": resources}
    files = {
        name: text if isinstance(text, str) else json.dumps(text) for name, text in options.pop("files", {}).items()
    }
    environment = Environment.load(options.pop("environment", None))
    rollback = options.pop("rollback", None)
    return StackRequest(
        template=body,
        files=files,
        environment=environment,
        disable_rollback=None if rollback is None else not rollback,
        **options,
    )
