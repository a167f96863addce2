"""Resources that wait until they are let go, and resources that must not be touched."""

import asyncio
from datetime import timedelta

import pytest
from tests.engine_world import World

from kamado.engine.engine import Engine
from kamado.engine.hooks import cleared, waits_at
from kamado.model.lifecycle import Action, Phase, Status

T = "Test::Thing"
TEMPLATE = {"a": {"type": T, "properties": {"size": 1}}, "b": {"type": T, "depends_on": "a"}}


def reasons(world: World, stack: str, name: str) -> list[str]:
    return [line.reason for line in reversed(world.store.events.page([stack])) if line.resource_name == name]


def clear(world: World, stack: str, name: str) -> str | None:
    """Lets the resource go if it waits; the hook at which it did."""
    row = world.store.resources.get(stack, name)
    hook = None if row is None else waits_at(row)
    if row is not None and hook is not None:
        world.store.resources.change(row.id, lambda now: ({"progress": cleared(now)}, ()))
    return hook


def let_go(world: World, stack: str, name: str, seen: list[tuple[str, int]]):  # type: ignore[no-untyped-def]
    """Clears whatever the resource waits at, after a while; notes at what, and how many calls were made until then."""

    async def work(engine: object) -> None:
        for _ in range(200):
            await asyncio.sleep(0.5)
            row = world.store.resources.get(stack, name)
            if row is None or not world.live():
                return
            if waits_at(row) is not None:
                await asyncio.sleep(30)
                seen.append((clear(world, stack, name) or "", len(world.cloud.called("create"))))

    return work


def test_a_creation_waits_before_and_after(world: World) -> None:
    seen: list[tuple[str, int]] = []
    stack = world.accept(TEMPLATE, entries={"a*": {"hooks": ["pre-create", "post-create"]}})
    world.run(let_go(world, stack, "a", seen))
    assert world.state(stack) == "CREATE_COMPLETE"
    assert seen == [("pre-create", 0), ("post-create", 1)]
    assert "CREATE paused until Hook pre-create is cleared" in reasons(world, stack, "a")
    assert "CREATE paused until Hook post-create is cleared" in reasons(world, stack, "a")
    assert world.rows(stack)["a"].progress is None
    world.check(stack)


def test_what_waits_to_be_begun_is_not_begun(world: World) -> None:
    stack = world.accept(TEMPLATE, entries={"a": {"hooks": "pre-create"}})

    async def look(engine: object) -> None:
        await asyncio.sleep(20)
        row = world.rows(stack)["a"]
        assert (row.action, row.status, row.reason, row.phase) == (Action.INIT, Status.COMPLETE, "", Phase.NONE)
        assert world.history(stack, "a") == ["a INIT_COMPLETE"]
        clear(world, stack, "a")

    world.run(look)
    assert world.state(stack) == "CREATE_COMPLETE"
    assert world.history(stack, "a") == ["a INIT_COMPLETE", "a CREATE_IN_PROGRESS", "a CREATE_COMPLETE"]


@pytest.mark.parametrize("kind", [T, "Test::Sturdy"])
def test_what_was_never_begun_is_made_by_the_next_update_as_that_says(world: World, kind: str) -> None:
    stack = world.accept(TEMPLATE, entries={"a": {"hooks": "pre-create"}})

    async def cancel(engine: Engine) -> None:
        await asyncio.sleep(20)
        world.store.operations.cancel(stack)
        engine.wake()

    world.run(cancel)
    assert world.state(stack) == "CREATE_FAILED"
    assert world.states(stack) == {"a": "INIT_COMPLETE"}
    assert world.cloud.things == {}
    changed = {**TEMPLATE, "a": {"type": kind, "properties": {"size": 7}}}
    world.accept(changed, Action.UPDATE, stack, entries={"a": {"hooks": "pre-create"}})
    world.run()
    assert world.state(stack) == "UPDATE_COMPLETE"
    assert sorted(thing["size"] for thing in world.cloud.things.values()) == [1, 7]
    assert {row.type for row in world.rows(stack).values()} == {kind, T}
    world.check(stack)


@pytest.mark.parametrize("action", [Action.SUSPEND, Action.CHECK, Action.SNAPSHOT, Action.DELETE])
def test_what_was_never_begun_is_left_alone(world: World, action: Action) -> None:
    stack = world.accept(
        TEMPLATE, entries={"a": {"hooks": "pre-create"}}, deadline=world.clock.now() + timedelta(seconds=30)
    )
    world.run()
    assert world.state(stack) == "CREATE_FAILED"
    world.accept({}, action, stack)
    world.run()
    assert world.state(stack) == f"{action}_COMPLETE"
    assert world.cloud.calls == []
    assert world.history(stack, "a") == ["a INIT_COMPLETE"]
    assert world.rows(stack).keys() == (set() if action is Action.DELETE else {"a"})


def test_an_update_waits_before_what_it_changes(world: World) -> None:
    seen: list[tuple[str, int]] = []
    stack = world.accept(TEMPLATE)
    world.run()
    changed = {**TEMPLATE, "a": {"type": T, "properties": {"size": 2}}}
    world.accept(changed, Action.UPDATE, stack, entries={"a": {"hooks": ["pre-update", "post-update"]}})
    world.run(let_go(world, stack, "a", seen))
    assert world.state(stack) == "UPDATE_COMPLETE"
    assert [hook for hook, _ in seen] == ["pre-update", "post-update"]
    assert world.rows(stack)["a"].progress is None


@pytest.mark.parametrize("crash", [False, True])
def test_an_update_waits_before_what_it_does_not_change(world: World, crash: bool) -> None:
    """As in Heat: before, but not after, for there is no update that could be over."""
    stack = world.accept(TEMPLATE)
    world.run()
    calls = len(world.cloud.calls)
    world.accept(TEMPLATE, Action.UPDATE, stack, entries={"*": {"hooks": ["pre-update", "post-update"]}})
    world.accept(TEMPLATE, Action.UPDATE, stack, entries={"b": {"hooks": ["pre-update", "post-update"]}})
    if crash:

        async def die(engine: object) -> None:
            await asyncio.sleep(60)
            world.dead = True

        world.run(die)
        world.reborn()
    seen: list[tuple[str, int]] = []
    world.run(let_go(world, stack, "b", seen))
    assert world.state(stack) == "UPDATE_COMPLETE"
    assert [hook for hook, _ in seen] == ["pre-update"]
    assert world.history(stack, "b") == ["b CREATE_IN_PROGRESS", "b CREATE_COMPLETE", "b CREATE_COMPLETE"]
    assert reasons(world, stack, "b")[-1] == "UPDATE paused until Hook pre-update is cleared"
    assert len(world.cloud.calls) == calls
    world.accept(TEMPLATE, Action.UPDATE, stack)
    world.run()
    assert world.state(stack) == "UPDATE_COMPLETE"


def test_a_replacement_waits_too(world: World) -> None:
    seen: list[tuple[str, int]] = []
    stack = world.accept(TEMPLATE)
    world.run()
    changed = {**TEMPLATE, "a": {"type": T, "properties": {"kind": "other"}}}
    world.accept(changed, Action.UPDATE, stack, entries={"a": {"hooks": "pre-update"}})
    world.run(let_go(world, stack, "a", seen))
    assert world.state(stack) == "UPDATE_COMPLETE"
    assert seen == [("pre-update", 2)]
    world.check(stack)


def test_a_deletion_waits_before_and_after(world: World) -> None:
    seen: list[tuple[str, int]] = []
    stack = world.accept(TEMPLATE)
    world.run()
    world.accept({}, Action.DELETE, stack, entries={"a": {"hooks": ["pre-delete", "post-delete"]}})
    world.run(let_go(world, stack, "a", seen))
    assert world.state(stack) == "DELETE_COMPLETE"
    assert [hook for hook, _ in seen] == ["pre-delete", "post-delete"]
    assert world.cloud.things == {}


def test_a_wait_goes_on_after_a_crash(world: World) -> None:
    for hook in ("pre-create", "post-create"):
        stack = world.accept(TEMPLATE, entries={"a": {"hooks": hook}}, name=hook)

        async def die(engine: object) -> None:
            await asyncio.sleep(60)
            world.dead = True

        world.run(die)
        world.reborn()
        assert waits_at(world.rows(stack)["a"]) == hook
        world.run(let_go(world, stack, "a", []))
        assert world.state(stack) == "CREATE_COMPLETE"
        assert reasons(world, stack, "a").count(f"CREATE paused until Hook {hook} is cleared") == 1
        assert world.history(stack, "a").count("a CREATE_COMPLETE") == (2 if hook == "post-create" else 1)


def test_an_update_takes_over_from_one_that_waits(world: World) -> None:
    stack = world.accept(TEMPLATE, entries={"a": {"hooks": "pre-create"}})

    async def update(engine: object) -> None:
        await asyncio.sleep(20)
        world.accept(TEMPLATE, Action.UPDATE, stack)

    world.run(update)
    assert world.state(stack) == "UPDATE_COMPLETE"
    world.check(stack)


def test_what_is_restricted_is_not_done_and_stays(world: World) -> None:
    stack = world.accept(TEMPLATE)
    world.run()
    cases = (("update", {"size": 2}), ("replace", {"size": 1, "kind": "z"}))
    for word, properties in cases:
        changed = {**TEMPLATE, "a": {"type": T, "properties": properties}}
        world.accept(changed, Action.UPDATE, stack, entries={"a": {"restricted_actions": word}})
        world.run()
        assert world.state(stack) == "UPDATE_FAILED"
        said = f"{word} is restricted for resource."
        assert world.stack(stack).reason == f"Resource UPDATE failed: ResourceActionRestricted: resources.a: {said}"
        assert world.states(stack)["a"] == "CREATE_COMPLETE"
        assert reasons(world, stack, "a")[-1] == said
        assert world.history(stack, "a")[-1] == "a UPDATE_FAILED"
    assert len(world.cloud.things) == 2
