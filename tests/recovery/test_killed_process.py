"""A real process, really killed (SIGKILL), again and again, until it has come to the end: nothing orphaned, doubled or forgotten.

On each database that can be reached. What `tests.simulation` does in one thread at every point is sampled here as it is in life.
"""

from __future__ import annotations

import json
import multiprocessing
import random
import time
from collections import Counter
from pathlib import Path

from tests.databases import KEY
from tests.engine_world import World
from tests.recovery.engine_process import run

from kamado.engine.system import SystemClock
from kamado.model.lifecycle import Action, Status
from kamado.store import Store

# A server that has imported everything and forks for each process: what is killed is a process all the same.
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["tests.recovery.engine_process"])


def _template(kind: str) -> dict[str, object]:
    resources: dict[str, object] = {}
    for number in range(12):
        peer = {"get_resource": f"f{number - 3}"} if number >= 3 else "none"
        resources[f"f{number}"] = {
            "type": "Test::File",
            "properties": {"peer": peer, "kind": kind if number < 3 else "same"},
        }
    return resources


def test_killed_again_and_again(database_url: str, tmp_path: Path) -> None:
    dice = random.Random(database_url.partition(":")[0])
    store = Store.open(database_url, KEY)
    world = World(store)
    world.clock = SystemClock()  # type: ignore[assignment]  # what it accepts is for processes that live in real time
    try:
        stack = world.accept(_template("x"))
        folder = tmp_path / stack
        folder.mkdir()
        kills = _to_the_end(database_url, folder, dice)
        _check(world, stack, folder, "CREATE_COMPLETE")
        world.accept(_template("y"), Action.UPDATE, stack)
        kills += _to_the_end(database_url, folder, dice)
        _check(world, stack, folder, "UPDATE_COMPLETE")
        world.accept({}, Action.DELETE, stack)
        kills += _to_the_end(database_url, folder, dice)
        assert world.state(stack) == "DELETE_COMPLETE"
        assert list(folder.iterdir()) == []
        assert kills >= 2
        doubled = {
            line: count for line, count in Counter(world.history(stack)).items() if count > 1 and not _twice(line)
        }
        assert doubled == {}
    finally:
        world.close()
        store.close()


def _twice(line: str) -> bool:
    """f0 to f2 are replaced: made twice, deleted twice; what depends on them is updated once."""
    name, state = line.split()
    return name in ("f0", "f1", "f2") and state.split("_")[0] in ("CREATE", "DELETE")


def _check(world: World, stack: str, folder: Path, state: str) -> None:
    assert world.state(stack) == state
    rows = world.rows(stack)
    assert {row.status for row in rows.values()} == {Status.COMPLETE}
    assert {row.physical_id for row in rows.values()} == {path.name for path in folder.iterdir()}
    for row in rows.values():
        body = json.loads((folder / str(row.physical_id)).read_text())
        assert row.properties is not None
        assert {key: body[key] for key in ("peer", "kind")} == {key: row.properties[key] for key in ("peer", "kind")}


def _to_the_end(url: str, folder: Path, dice: random.Random) -> int:
    """Runs processes until one comes to its end by itself; how many were killed."""
    for kills in range(20):
        ours, theirs = _PROCESSES.Pipe(duplex=False)
        process = _PROCESSES.Process(target=run, args=(url, str(folder), theirs))
        process.start()
        theirs.close()
        try:
            assert ours.poll(60)
            assert ours.recv() == "running"
            if kills < 3:
                time.sleep(dice.uniform(0.02, 0.15))
                process.kill()
            process.join(60)
        finally:
            ours.close()
        if process.exitcode == 0:
            return kills
    raise AssertionError("it never came to its end")
