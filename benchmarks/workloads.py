"""What is measured: templates of a few shapes, and the life of a stack or of many. The shapes are those of Heat's baseline."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks.client import Failed, Heat

VERSION = "2018-08-31"
Template = dict[str, Any]


def flat(count: int, word: str = "a", kind: str = "OS::Heat::Value") -> Template:
    """``count`` resources that know nothing of each other."""
    if kind == "OS::Heat::RandomString":
        properties: dict[str, Any] = {"length": 8 if word == "a" else 9}
    else:
        properties = {"value": word}
    return _hot({f"r{i}": {"type": kind, "properties": properties} for i in range(count)})


def chain(count: int, word: str = "a") -> Template:
    """Each reads an attribute of the one before; an output reads the last."""
    resources = {"r0": {"type": "OS::Heat::Value", "properties": {"value": word}}}
    for i in range(1, count):
        resources[f"r{i}"] = {"type": "OS::Heat::Value", "properties": {"value": {"get_attr": [f"r{i - 1}", "value"]}}}
    return _hot(resources) | {"outputs": {"last": {"value": {"get_attr": [f"r{count - 1}", "value"]}}}}


def wide(count: int, word: str = "a") -> Template:
    """One root, ``count`` that read it, one that reads them all."""
    resources: dict[str, Any] = {"root": {"type": "OS::Heat::Value", "properties": {"value": word}}}
    for i in range(count):
        resources[f"l{i}"] = {"type": "OS::Heat::Value", "properties": {"value": {"get_attr": ["root", "value"]}}}
    joined = {"list_join": [",", [{"get_attr": [f"l{i}", "value"]} for i in range(count)]]}
    resources["sink"] = {"type": "OS::Heat::Value", "properties": {"value": joined}}
    return _hot(resources)


def networks(count: int, word: str = "a") -> Template:
    """``count`` networks, each with a subnet and a port."""
    resources: dict[str, Any] = {}
    for i in range(count):
        net, subnet = {"get_resource": f"net{i}"}, {"get_resource": f"subnet{i}"}
        cidr = f"10.{100 + i // 250}.{i % 250}.0/24"
        resources[f"net{i}"] = {"type": "OS::Neutron::Net", "properties": {"name": f"bench-{i}-{word}"}}
        resources[f"subnet{i}"] = {"type": "OS::Neutron::Subnet", "properties": {"network": net, "cidr": cidr}}
        resources[f"port{i}"] = {
            "type": "OS::Neutron::Port",
            "properties": {"network": net, "fixed_ips": [{"subnet": subnet}], "name": f"bench-{i}-{word}"},
        }
    return _hot(resources)


def group(count: int, word: str = "a") -> Template:
    """One ResourceGroup with ``count`` members."""
    member = {"type": "OS::Heat::Value", "properties": {"value": f"{word} %index%"}}
    return _hot({"g": {"type": "OS::Heat::ResourceGroup", "properties": {"count": count, "resource_def": member}}})


def scaling(count: int, word: str = "a", batch: int | None = None) -> Template:
    """One AutoScalingGroup with ``count`` members, and a policy that adds one. ``batch``: how many are changed at once."""
    member = {"type": "OS::Heat::Value", "properties": {"value": word}}
    sizes = {
        "min_size": 0,
        "max_size": 2 * count,
        "desired_capacity": count,
        "rolling_updates": {"max_batch_size": batch or count},
    }
    adds = {
        "auto_scaling_group_id": {"get_resource": "g"},
        "scaling_adjustment": 1,
        "adjustment_type": "change_in_capacity",
    }
    return _hot(
        {
            "g": {"type": "OS::Heat::AutoScalingGroup", "properties": {**sizes, "resource": member}},
            "up": {"type": "OS::Heat::ScalingPolicy", "properties": adds},
        }
    ) | {"outputs": {"size": {"value": {"get_attr": ["g", "current_size"]}}}}


def _hot(resources: dict[str, Any]) -> Template:
    return {"heat_template_version": VERSION, "resources": resources}


CHILD = {
    "heat_template_version": VERSION,
    "parameters": {"value": {"type": "string"}},
    "resources": {"v": {"type": "OS::Heat::Value", "properties": {"value": {"get_param": "value"}}}},
}


def nested(count: int, word: str = "a") -> Template:
    """``count`` nested stacks of one resource each."""
    return _hot({f"c{i}": {"type": "child.yaml", "properties": {"value": word}} for i in range(count)})


def servers(count: int, word: str = "a") -> Template:
    """``count`` servers without a network."""
    properties = {"image": "cirros", "flavor": "m1.nano", "networks": [{"allocate_network": "none"}], "name": word}
    return _hot({f"s{i}": {"type": "OS::Nova::Server", "properties": properties} for i in range(count)})


SHAPES: dict[str, Callable[..., Template]] = {
    "flat": flat,
    "flat-random": lambda count, word="a": flat(count, word, "OS::Heat::RandomString"),
    "chain": chain,
    "wide": wide,
    "networks": networks,
    "group": group,
    "scaling": scaling,
    "nested": nested,
    "servers": servers,
}
FILES: dict[str, dict[str, str]] = {"nested": {"child.yaml": json.dumps(CHILD)}}


def life(heat: Heat, name: str, shape: str, count: int, plans: bool = True) -> Iterable[tuple[str, Callable[[], None]]]:
    """The steps of one stack's life, each with its name: create, in-place update, no-op update, delete; with ``plans`` (which Heat has
    not) the plan of an update that changes nothing.
    """
    make = SHAPES[shape]
    first, second = make(count), make(count, "b")
    files = FILES.get(shape, {})
    box: dict[str, str] = {}

    def create() -> None:
        box["id"] = heat.create(name, first, files)
        heat.wait(name, box["id"], "CREATE")

    def update(template: Template) -> Callable[[], None]:
        def step() -> None:
            heat.update(name, box["id"], template, files)
            heat.wait(name, box["id"], "UPDATE")

        return step

    def plan() -> None:
        if heat.call("POST", f"/stacks/{name}/{box['id']}/plan", {"existing": True})["plan"]["has_changes"]:
            raise Failed("there should be nothing to do")

    def delete() -> None:
        heat.delete(name, box["id"])
        heat.wait(name, box["id"], "DELETE")

    yield "create", create
    yield "update", update(second)
    yield "update-noop", update(second)
    if plans:
        yield "plan-noop", plan
    if shape == "scaling":
        yield "update-in-turn", update(scaling(count, "c", batch=1))
        yield "signal", lambda: _scale(heat, f"/stacks/{name}/{box['id']}", count + 1)
    yield "delete", delete


def _scale(heat: Heat, path: str, size: int) -> None:
    """Signal the policy and wait until the group's nested stack has done it; Failed when the group is not of that size then."""
    heat.call("POST", f"{path}/resources/up/signal", {})
    child = heat.call("GET", f"{path}/resources/g")["resource"]["physical_resource_id"]
    heat.wait("the group", child, "UPDATE", nested=True)
    shown = heat.call("GET", f"{path}/outputs/size")["output"]["output_value"]
    if shown != size:
        raise Failed(f"{shown} members, not {size}")


def many(heat: Heat, prefix: str, count: int, clients: int = 8) -> Iterable[tuple[str, Callable[[], None]]]:
    """``count`` stacks of one resource, made and removed by ``clients`` threads at once."""
    template = flat(1, kind="OS::Heat::RandomString")
    ids: dict[str, str] = {}

    def create() -> None:
        names = [f"{prefix}-{i}" for i in range(count)]
        in_threads(clients, names, lambda name: ids.__setitem__(name, heat.create(name, template)))
        _settle(heat, prefix, lambda found: len(found) == count)
        stacks = _mine(heat, prefix)
        if any(s["stack_status"] != "CREATE_COMPLETE" for s in stacks):
            raise Failed("not all stacks are CREATE_COMPLETE")

    def delete() -> None:
        in_threads(clients, list(ids.items()), lambda item: heat.delete(*item))
        _settle(heat, prefix, lambda found: not found)

    yield "create", create
    yield "delete", delete


@contextmanager
def always_making(heat: Heat, prefix: str, count: int) -> Iterator[None]:
    """Meanwhile stacks of ``count`` resources are made, one after the other, and removed."""
    over = threading.Event()

    def run() -> None:
        number = 0
        while not over.is_set():
            number += 1
            for _, step in list(life(heat, f"{prefix}-{number}", "flat", count, plans=False)):
                step()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def in_threads(count: int, items: list[Any], work: Callable[[Any], Any]) -> None:
    """Do ``work`` for all items with ``count`` threads; the first error is raised."""
    todo = iter(items)
    lock = threading.Lock()
    errors: list[BaseException] = []

    def run() -> None:
        while not errors:
            with lock:
                item = next(todo, None)
            if item is None:
                return
            try:
                work(item)
            except Exception as error:
                errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def _mine(heat: Heat, prefix: str) -> list[dict[str, Any]]:
    return [s for s in heat.call("GET", "/stacks")["stacks"] if s["stack_name"].startswith(prefix)]


def _settle(heat: Heat, prefix: str, complete: Callable[[list[dict[str, Any]]], bool], limit: float = 900) -> None:
    end = time.monotonic() + limit
    while time.monotonic() < end:
        found = _mine(heat, prefix)
        if complete(found) and not any(s["stack_status"].endswith("_IN_PROGRESS") for s in found):
            return
        time.sleep(0.05)
    raise Failed(f"{prefix}: not settled within {limit} s")
