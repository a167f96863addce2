"""kill -9 in the middle of commits: what was acknowledged is there, nothing is there by half."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import defaultdict
from datetime import timedelta
from pathlib import Path

from tests.store.things import LEASE, NOW, running

from kamado.model.lifecycle import Status
from kamado.store import Journal, Store

ROOT = Path(__file__).parents[2]


def test_killed_in_the_middle_of_commits(store: Store) -> None:
    for round_number in range(3):
        held = running(store, f"web{round_number}", created_at=NOW + timedelta(seconds=round_number))
        words = [sys.executable, "-m", "tests.store.workers", "write", store.url.render_as_string(False)]
        child = subprocess.Popen(
            [*words, held.id, held.stack_id, str(held.epoch)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        acknowledged = [int(child.stdout.readline())]
        time.sleep(0.1 + round_number * 0.037)
        child.kill()
        acknowledged += [int(line) for line in child.stdout.read().split("\n")[:-1]]
        child.wait(10)
        child.stdout.close()

        groups: dict[int, list[str]] = defaultdict(list)
        for row in store.resources.of_stack(held.stack_id):
            number, part = row.name.split("-")
            groups[int(number)].append(f"{part} {row.status}")
        for event in store.events.page([held.stack_id]):
            if event.resource_name != "web":
                groups[int(event.resource_name)].append("event")
        assert len(acknowledged) > 5
        assert set(acknowledged) <= set(groups)
        whole = sorted([f"a {Status.COMPLETE}", f"b {Status.IN_PROGRESS}", "event"])
        assert {number: sorted(parts) for number, parts in groups.items()} == dict.fromkeys(groups, whole)

        later = NOW + LEASE * (2 + round_number * 3)
        (taken,) = store.operations.claim("e2", later, LEASE, 5)
        assert (taken.id, taken.epoch) == (held.id, held.epoch + 1)
        with Journal(store) as journal:
            from kamado.model.changes import UpdateOperation
            from kamado.model.lifecycle import OperationState

            end = UpdateOperation(taken.id, {"state": OperationState.DONE})
            journal.submit(taken.id, taken.epoch, [end]).result(20)
