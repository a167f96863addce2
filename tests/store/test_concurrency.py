"""Two of everything at once, in threads and in processes: exactly one wins."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from tests.databases import KEY
from tests.store.things import LEASE, NOW, a_stack, accept, an_event, an_operation, running, update

from kamado.model.changes import AppendEvent, UpdateOperation, UpdateStack
from kamado.model.lifecycle import Action, OperationState, Stop
from kamado.store import Journal, LeaseLost, NameTaken, StackFilter, Store

ROOT = Path(__file__).parents[2]


def _at_once(*works: Callable[[], object]) -> list[object]:
    """What each work returned or raised, all started at one moment."""
    start = threading.Barrier(len(works))
    results: list[object] = [None] * len(works)

    def run(position: int, work: Callable[[], object]) -> None:
        start.wait()
        try:
            results[position] = work()
        except BaseException as error:
            results[position] = error

    threads = [threading.Thread(target=run, args=item) for item in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_one_of_many_creates_gets_the_name(store: Store) -> None:
    others = [Store(store.url.render_as_string(hide_password=False), KEY) for _ in range(3)]
    for round_number in range(5):
        stacks = [a_stack(f"web{round_number}") for _ in range(8)]

        def create(number: int, stacks: list[object] = stacks) -> Callable[[], object]:
            stack = stacks[number]
            chosen = [store, *others][number % 4]
            return lambda: chosen.stacks.create(stack, an_operation(stack.id), an_event(stack.id))  # type: ignore[attr-defined,arg-type,func-returns-value]

        results = _at_once(*(create(number) for number in range(8)))
        assert Counter(type(result) for result in results) == {type(None): 1, NameTaken: 7}
        (live,) = store.stacks.page(StackFilter(names=(f"web{round_number}",)))
        assert live.id == stacks[results.index(None)].id
        assert sum(store.events.count([stack.id]) for stack in stacks) == 1
    for other in others:
        other.close()


def test_claims_of_many_threads_are_apart(store: Store) -> None:
    expected = {accept(store, f"s{number}", created_at=NOW + timedelta(seconds=number)).id for number in range(40)}

    def claim(engine: str) -> list[str]:
        got: list[str] = []
        empty = 0
        while empty < 5:
            found = [operation.id for operation in store.operations.claim(engine, NOW, LEASE, 3)]
            got += found
            empty = 0 if found else empty + 1
        return got

    results = _at_once(*(lambda engine=f"e{number}": claim(engine) for number in range(6)))  # type: ignore[misc]
    claimed = [key for result in results for key in result]  # type: ignore[attr-defined]
    assert Counter(claimed) == dict.fromkeys(expected, 1)


def test_claims_of_processes_are_apart(store: Store) -> None:
    """Pending ones and expired leases alike; successors of running ones stay where they are."""
    pending = {accept(store, f"p{number}").id for number in range(25)}
    expired = {running(store, f"x{number}", "dead", created_at=NOW - LEASE).id for number in range(15)}
    busy = running(store, "busy", "dead", created_at=NOW - LEASE)
    successor = update(store, busy.stack_id)
    workers = [
        subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.store.workers",
                "claim",
                store.url.render_as_string(False),
                f"e{number}",
                "5",
            ],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(3)
    ]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    lines = [line for worker in workers for line in [worker.stdin] if line is not None]
    for line in lines:
        line.write("go\n")
        line.flush()
    got = [line.split() for worker in workers for line in worker.communicate(timeout=60)[0].splitlines()]
    assert [worker.returncode for worker in workers] == [0, 0, 0]
    assert Counter(key for key, _ in got) == dict.fromkeys(pending | expired | {busy.id}, 1)
    assert all(epoch == ("1" if key in pending else "2") for key, epoch in got)
    waiting = store.operations.get(successor.id)
    assert waiting is not None
    assert waiting.state is OperationState.PENDING


def test_requests_at_once_leave_one_waiting(store: Store) -> None:
    held = running(store)
    operations = [an_operation(held.stack_id, action=Action.UPDATE, reason=str(number)) for number in range(8)]

    def start(number: int) -> Callable[[], object]:
        operation = operations[number]
        values = {"reason": operation.reason}
        return lambda: store.stacks.start(operation, values, an_event(held.stack_id))

    results = _at_once(*(start(number) for number in range(8)))
    assert [result for result in results if not isinstance(result, list)] == []
    live = store.operations.live(held.stack_id)
    assert len(live) == 2
    (waiting,) = (operation for operation in live if operation.state is OperationState.PENDING)
    stack = store.stacks.get(held.stack_id)
    assert stack is not None
    assert (stack.operation_id, stack.reason) == (waiting.id, waiting.reason)
    superseded = Counter(key for result in results for key in result)  # type: ignore[attr-defined]
    assert superseded.pop(held.id) == 8
    assert superseded == {operation.id: 1 for operation in operations if operation.id != waiting.id}


def test_an_end_and_a_new_request_at_once(store: Store) -> None:
    """Whoever comes first, the stack is left in the newer request's hands and one operation can be claimed."""
    for round_number in range(10):
        held = running(store, f"web{round_number}")
        follow_up = an_operation(held.stack_id, action=Action.ROLLBACK)
        newer = an_operation(held.stack_id, action=Action.DELETE)
        with Journal(store) as journal:
            from kamado.model.changes import InsertOperation

            changes = [
                UpdateStack(held.stack_id, {"action": Action.ROLLBACK, "operation_id": follow_up.id}),
                UpdateOperation(held.id, {"state": OperationState.FAILED}),
                InsertOperation(follow_up),
            ]
            results = _at_once(
                lambda held=held, changes=changes, journal=journal: journal.submit(held.id, 1, changes).result(20),  # type: ignore[misc]
                lambda held=held, newer=newer: store.stacks.start(  # type: ignore[misc]
                    newer, {"action": Action.DELETE}, an_event(held.stack_id)
                ),
            )
        assert results[0] is None
        assert results[1] in ([held.id], [follow_up.id])
        stack = store.stacks.get(held.stack_id)
        assert stack is not None
        assert (stack.action, stack.operation_id) == (Action.DELETE, newer.id)
        ended = store.operations.get(follow_up.id)
        assert ended is not None
        assert ended.state is OperationState.SUPERSEDED
        assert [operation.id for operation in store.operations.claim("e2", NOW, LEASE, 5)] == [newer.id]


def test_a_take_over_and_a_late_write_at_once(store: Store) -> None:
    """Either the write was first and the new holder reads it, or it is refused."""
    later = NOW + LEASE + LEASE
    for round_number in range(10):
        held = running(store, f"web{round_number}", created_at=NOW + timedelta(seconds=round_number))
        with Journal(store) as journal:
            written, taken = _at_once(
                lambda held=held, journal=journal: journal.submit(  # type: ignore[misc]
                    held.id, 1, [AppendEvent(an_event(held.stack_id, "late"))]
                ).result(20),
                lambda: store.operations.claim("e2", later, LEASE, 5),
            )
        assert written is None or isinstance(written, LeaseLost)
        assert isinstance(taken, list)
        assert store.events.count([held.stack_id]) == (2 if written is None else 1)
        if not taken:
            # The row was locked by the write: the next claim gets it.
            taken = store.operations.claim("e2", later, LEASE, 5)
        assert [(operation.id, operation.epoch) for operation in taken] == [(held.id, 2)]
        assert store.operations.renew("e2", later + LEASE * round_number * 100, LEASE * 1000, [held.id]) == {
            held.id: Stop.NONE
        }
