"""Work that takes a while: an object goes through a passing state and ends in another, or fails when a fault says so.

Called by `compute` and `blockstorage` for builds and actions. How long is set like any build time, for a *kind* of work:
`cloud.faults.build("compute.servers", seconds=0)` is the build, `"compute.servers.actions"` and `"compute.servers.deletion"` (and
the same for `blockstorage.volumes`, `.snapshots`, `.backups`) the rest. The trap: with 0 seconds the end is reached before
`start` returns, and `Service.settled` has run.
"""

from collections.abc import Callable

from kamado.localcloud.service import Call
from kamado.localcloud.state import Obj


def start(
    call: Call,
    table: str,
    obj: Obj,
    passing: Obj,
    end: Obj | None,
    *,
    kind: str = "",
    seconds: float = 0.0,
    fail: Callable[[str], Obj] | None = None,
) -> Obj | None:
    """Put an object into `passing` now and into `end` (None: it is gone) after `seconds`, unless set otherwise.

    `fail(message)` gives the end when a fault was set for this kind of work. Returns the object as it is now.
    """
    plan = call.cloud.faults.next_build(f"{table}.{kind}" if kind else table)
    wait = seconds if plan.seconds is None else plan.seconds
    if plan.fail and fail is not None:
        end = fail(plan.fail)
    state = call.state
    state.change(table, obj["id"], **passing)
    state.later(table, obj["id"], call.now + max(wait, 0.0), end, plan.reads)
    if wait <= 0 and plan.reads <= 0:
        state.settle(call.now)
    return state.get(table, obj["id"])
