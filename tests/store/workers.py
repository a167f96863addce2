"""What the concurrency and crash tests run in processes of their own: ``python -m tests.store.workers WORK URL …``."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta

from tests.databases import KEY
from tests.store.things import a_resource, an_event

from kamado.model.changes import AppendEvent, InsertResource, UpdateResource
from kamado.model.lifecycle import Status
from kamado.store import Journal, Store


def claim(url: str, engine: str, rounds: str) -> None:
    """Claim two at a time until ``rounds`` claims in a row give nothing; print what was got."""
    store = Store(url, KEY)
    print("ready", flush=True)
    sys.stdin.readline()
    empty = 0
    while empty < int(rounds):
        got = store.operations.claim(engine, datetime.now(UTC), timedelta(minutes=5), 2)
        for operation in got:
            print(operation.id, operation.epoch, flush=True)
        empty = 0 if got else empty + 1
    store.close()


def write(url: str, operation_id: str, stack_id: str, epoch: str) -> None:
    """Write groups of two rows, an update and an event as fast as possible; print each group that was acknowledged."""
    store = Store(url, KEY)
    journal = Journal(store)
    number = 0
    while True:
        waiting = []
        for _ in range(10):
            rows = [a_resource(stack_id, f"{number}-{part}") for part in ("a", "b")]
            changes = [
                *(InsertResource(row) for row in rows),
                UpdateResource(rows[0].id, {"status": Status.COMPLETE}),
                AppendEvent(an_event(stack_id, str(number))),
            ]
            waiting.append((number, journal.submit(operation_id, int(epoch), changes)))
            number += 1
        for group, future in waiting:
            future.result(30)
            print(group, flush=True)


if __name__ == "__main__":
    {"claim": claim, "write": write}[sys.argv[1]](*sys.argv[2:])
