"""Random schedules: random templates, requests, faults, deaths and pauses; what must hold whatever happens is in `invariants`.

A schedule is drawn from a `random.Random`, be it a seed's or Hypothesis'. It is data: what happens is settled before it is lived through.
"""

from __future__ import annotations

import asyncio
import random
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.engine_world import Cloud
from tests.simulation.client import VERSION, Client
from tests.simulation.invariants import check_all
from tests.simulation.killing import empty_database
from tests.simulation.simulation import Simulation

from kamado.engine.hooks import waits_at
from kamado.model.lifecycle import Action
from kamado.orchestrator.errors import HeatError
from kamado.plugin.errors import PermanentError, TemporaryError
from kamado.template import TemplateInvalid

LEASE = 10.0
# Without slack, for there is one clock: whoever looks for what was made since a moment that is too late finds nothing.
SETTINGS = {
    "action_retry_limit": 3,
    "lease_seconds": LEASE,
    "claim_interval": 4.0,
    "heartbeat_seconds": 60.0,
    "adoption_slack": 0.0,
}

Body = dict[str, Any]

ONE = {
    "heat_template_version": VERSION,
    "parameters": {"size": {"type": "number"}, "kind": {"type": "string"}, "broken": {"type": "boolean"}},
    "resources": {
        "t": {
            "type": "Test::Thing",
            "properties": {name: {"get_param": name} for name in ("size", "kind", "broken")},
        },
        "u": {"type": "Test::Sturdy", "properties": {"peer": {"get_resource": "t"}}},
    },
    "outputs": {"id": {"value": {"get_resource": "t"}}},
}
FILES = {
    "one.yaml": ONE,
    "two.yaml": {
        **ONE,
        "resources": {"t": {**ONE["resources"]["t"], "type": "one.yaml"}},  # type: ignore[index]
        "outputs": {"id": {"value": {"get_attr": ["t", "id"]}}},
    },
}


@dataclass(frozen=True)
class Request:
    """What a user asks for, and how long after the request before; ``rest``: not before the stack is at rest."""

    kind: str
    after: float
    rest: bool
    body: Body = field(default_factory=dict)
    rollback: bool = False
    hooks: Body = field(default_factory=dict)
    pick: int = 0


@dataclass(frozen=True)
class Disturbance:
    """What happens to a process (``kill``, ``pause`` for so many seconds) or to the cloud (``forget``) at a time."""

    kind: str
    at: float
    pick: int
    seconds: float = 0.0


@dataclass(frozen=True)
class Schedule:
    """One life of a stack; ``faults``: for each call of the cloud what its next ones do; ``deaths``: see `Simulation`."""

    engines: int
    build_seconds: float
    requests: list[Request]
    disturbances: list[Disturbance]
    faults: dict[str, list[Any]]
    deaths: list[tuple[int, float]] = field(default_factory=list)


def draw(dice: random.Random) -> Schedule:
    """A schedule."""
    requests = [Request("create", 0.0, False, _template(dice), dice.random() < 0.4, _hooks(dice))]
    requests += [_request(dice) for _ in range(dice.randint(0, 5))]
    quiet = dice.random() < 0.15
    return Schedule(
        engines=dice.choice((1, 1, 2, 3)),
        build_seconds=dice.choice((0.0, 1.0, 7.0, 30.0)),
        requests=requests,
        disturbances=[] if quiet else [_disturbance(dice) for _ in range(dice.randint(0, 6))],
        faults={} if dice.random() < 0.3 else _faults(dice),
        deaths=[] if quiet else [_death(dice) for _ in range(dice.randint(0, 4))],
    )


_KINDS = (
    *("update",) * 8,
    *("delete", "suspend", "resume", "check", "snapshot", "restore"),
    *("cancel", "stay", "unhealthy", "signal", "retry", "roll back"),
)


def _request(dice: random.Random) -> Request:
    kind = dice.choice(_KINDS)
    body = _template(dice) if kind == "update" else {}
    return Request(
        kind,
        after=dice.choice((0.0, 0.01, 0.1, 1.0, dice.uniform(0, 20))),
        rest=dice.random() < 0.5,
        body=body,
        rollback=dice.random() < 0.4,
        hooks=_hooks(dice) if body else {},
        pick=dice.randint(0, 5),
    )


def _disturbance(dice: random.Random) -> Disturbance:
    kind = dice.choice(("kill", "kill", "pause", "pause", "forget"))
    return Disturbance(
        kind,
        dice.choice((dice.uniform(0, 2), dice.uniform(0, 60))),
        dice.randint(0, 9),
        dice.choice((1.0, 8.0, 11.0, 40.0)),
    )


def _death(dice: random.Random) -> tuple[int, float]:
    """At a point: mostly soon after the one before; killed, or stopped for less or more than a lease."""
    return dice.choice((dice.randint(0, 12), dice.randint(0, 120))), dice.choice((0.0, 0.0, 6.0, 12.0, 30.0))


def _hooks(dice: random.Random) -> Body:
    if dice.random() < 0.85:
        return {}
    names = ("pre-create", "post-create", "pre-update", "post-update", "pre-delete", "post-delete")
    return {f"r{dice.randint(0, 3)}": {"hooks": [dice.choice(names)]}}


def _template(dice: random.Random) -> Body:
    resources: Body = {}
    for number in range(dice.randint(1, 6)):
        resources[f"r{number}"] = _resource(dice, resources, number)
    outputs = {
        f"o_{name}": {"value": _reads(resources, name, dice.random() < 0.5)}
        for name in resources
        if dice.random() < 0.5
    }
    return {"heat_template_version": VERSION, "resources": resources, "outputs": outputs}


_TYPES = ("Test::Thing",) * 4 + ("Test::Sturdy", "Test::Holder", "OS::Heat::Value", "one.yaml", "two.yaml")


def _reads(resources: Body, name: str, attribute: bool) -> Body:
    kind = resources[name]["type"]
    if kind == "OS::Heat::Value":
        return {"get_attr": [name, "value"]}
    if kind.endswith(".yaml"):
        return {"get_attr": [name, "id"]}
    return {"get_attr": [name, "address"]} if attribute else {"get_resource": name}


def _resource(dice: random.Random, others: Body, number: int) -> Body:
    kind = dice.choice(_TYPES)
    peers = [name for name in others if dice.random() < 0.4]
    peer = _reads(others, peers[0], dice.random() < 0.5) if peers else None
    properties: Body
    if kind == "OS::Heat::Value":
        properties = {"value": peer or dice.randint(1, 3)}
    else:
        properties = {"size": dice.randint(1, 3), "kind": dice.choice("xy")}
        broken = dice.random() < 0.06
        if kind.endswith(".yaml"):
            properties["broken"] = broken
        else:
            properties |= {"swap": dice.choice("ppq")}
            properties |= {"peer": peer} if peer else {}
            properties |= {"broken": True} if broken else {}
        if kind == "Test::Holder":
            properties["place"] = f"place {number}"
    resource = {"type": kind, "properties": properties, "depends_on": peers[1:]}
    return resource | ({"deletion_policy": "Snapshot"} if dice.random() < 0.05 else {})


def _faults(dice: random.Random) -> dict[str, list[Any]]:
    faults: dict[str, list[Any]] = {}
    for verb in ("create", "update", "delete", "get", "list"):
        kinds: list[Any] = [None, None, None, TemporaryError("busy"), PermanentError("no"), Cloud.LOSE, 3.0, 20.0]
        if verb == "create":
            kinds += [Cloud.LOSE, Cloud.BREAK]
        faults[verb] = [dice.choice(kinds) for _ in range(dice.randint(0, 6))]
    return faults


def live(schedule: Schedule, seed: int, folder: Path, trace_file: Path | None = None) -> Simulation:
    """Lives through a schedule and checks what must hold, in the middle and in the end. Raises AssertionError."""
    path = folder / "schedule.sqlite"
    shutil.copy(empty_database(folder), path)
    with Simulation(path, seed, settings=SETTINGS, trace_file=trace_file) as simulation:
        simulation.cloud.build_seconds = schedule.build_seconds
        simulation.deaths = list(schedule.deaths)
        simulation.cloud.faults = {verb: list(faults) for verb, faults in schedule.faults.items()}
        simulation.run(lambda client: _Life(simulation, client, schedule).live())
        simulation.end()
    return simulation


class _Life:
    """A schedule while it is lived through."""

    def __init__(self, simulation: Simulation, client: Client, schedule: Schedule) -> None:
        self.simulation = simulation
        self.client = client
        self.schedule = schedule
        self.stack = ""
        self.snapshots: list[str] = []
        self.over = False

    async def live(self) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(self.schedule.engines - 1):
            self.simulation.add_engine()
        for disturbance in self.schedule.disturbances:
            loop.call_later(disturbance.at, self._disturb, disturbance)
        letting_go = loop.create_task(self._let_go())
        for request in self.schedule.requests:
            await asyncio.sleep(request.after)
            if request.rest and self.stack:
                await self.client.calm(self.stack)
                await check_all(self.client, self.stack)
            await self._ask(request)
        await self._end()
        letting_go.cancel()

    async def _end(self) -> None:
        """The weather clears up; what runs ends; everything is as it is said to be; and then everything goes."""
        self.over = True
        self.simulation.cloud.faults = {}
        self.simulation.deaths = []
        await self.client.calm(self.stack)
        await check_all(self.client, self.stack)
        if self.simulation.stack(self.stack).deleted_at is None:
            await self.client.delete(self.stack)
            await self.client.calm(self.stack)
            await check_all(self.client, self.stack)
        assert self.simulation.state(self.stack) == "DELETE_COMPLETE", self.simulation.stack(self.stack).reason
        assert self.simulation.cloud.things == {}, self.simulation.cloud.things

    async def _ask(self, request: Request) -> None:
        """A request; being refused is an answer too."""
        try:
            await _ASKED[request.kind](self, request)
        except (HeatError, TemplateInvalid) as error:
            self.simulation.note(self.client.process, f"{request.kind} is refused: {error}")

    async def _create(self, request: Request) -> None:
        self.stack = await self.client.create(request.body, **_options(request))

    async def _update(self, request: Request) -> None:
        await self.client.update(self.stack, request.body, **_options(request))

    async def _restore(self, request: Request) -> None:
        if self.snapshots:
            await self.client.restore(self.stack, self.snapshots[-1])

    async def _snapshot(self, request: Request) -> None:
        self.snapshots.append(await self.client.snapshot(self.stack))

    async def _let_go(self) -> None:
        """Somebody lets go whatever waits at a hook."""
        while True:
            await asyncio.sleep(2.0)
            for row in self.simulation.store.resources.of_stack(self.stack) if self.stack else ():
                hook = waits_at(row)
                if hook is not None:
                    try:
                        await self.client.signal(self.stack, row.name, {"unset_hook": hook})
                    except HeatError as error:
                        self.simulation.note(self.client.process, f"hook not cleared: {error}")

    def _disturb(self, disturbance: Disturbance) -> None:
        simulation = self.simulation
        if self.over:
            return
        if disturbance.kind == "forget":
            things = sorted(simulation.cloud.things)
            if things:
                simulation.cloud.forget(things[disturbance.pick % len(things)])
            return
        engines = simulation.engines
        if not engines:
            return
        process = engines[disturbance.pick % len(engines)]
        if disturbance.kind == "pause":
            process.pause(disturbance.seconds)
            simulation.note(process, f"pauses for {disturbance.seconds} s")
        else:
            simulation.kill(process)
            asyncio.get_running_loop().call_later(disturbance.seconds, simulation.add_engine)


def _options(request: Request) -> Body:
    environment = {"resource_registry": {"resources": request.hooks}} if request.hooks else None
    return {"files": FILES, "rollback": request.rollback, "environment": environment}


_Asked = Callable[[_Life, Request], Any]
_ASKED: dict[str, _Asked] = {
    "create": _Life._create,
    "update": _Life._update,
    "restore": _Life._restore,
    "snapshot": _Life._snapshot,
    "delete": lambda life, _: life.client.delete(life.stack),
    "suspend": lambda life, _: life.client.act(life.stack, Action.SUSPEND),
    "resume": lambda life, _: life.client.act(life.stack, Action.RESUME),
    "check": lambda life, _: life.client.act(life.stack, Action.CHECK),
    "cancel": lambda life, _: life.client.cancel(life.stack),
    "stay": lambda life, _: life.client.cancel_without_rollback(life.stack),
    "retry": lambda life, _: life.client.retry(life.stack),
    "roll back": lambda life, _: life.client.roll_back(life.stack),
    "unhealthy": lambda life, request: life.client.mark_unhealthy(life.stack, f"r{request.pick}"),
    "signal": lambda life, request: life.client.signal(life.stack, f"r{request.pick}", {"from": "outside"}),
}


def kinds(schedule: Schedule) -> Counter[str]:
    """How often each kind of request is in it."""
    return Counter(request.kind for request in schedule.requests)
