"""An engine that was stopped in the middle of a handler for longer than its lease: what it had not sent by then it does not send."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kamado.cloud.rest import Service
from kamado.engine.hold import Hold
from kamado.model.lifecycle import Action, OperationState
from kamado.model.records import OperationRecord, Target
from kamado.store.errors import LeaseLost

NOW = datetime(2026, 1, 2, tzinfo=UTC)


class Sleeper:
    """Time that passes while the process does not run."""

    def __init__(self) -> None:
        self.slept = 0.0
        self.blocking = self

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.slept)

    def monotonic(self) -> float:
        return self.slept

    def sleep(self, seconds: float) -> Any:
        self.slept += seconds


def hold(clock: Sleeper) -> Hold:
    operation = OperationRecord("o", "s", Action.CREATE, OperationState.RUNNING, Target("t"), NOW, epoch=3)
    return Hold(clock, 30.0, operation)


def test_what_was_not_sent_before_the_sleep_is_not_sent_after_it(service: Service, script: Any) -> None:
    clock = Sleeper()

    def handler() -> None:
        service.post("/things", json={})
        clock.sleep(60)
        service.post("/things", json={})

    with pytest.raises(LeaseLost):
        hold(clock).call(handler)
    assert len(script.seen) == 1


def test_a_wait_between_two_attempts_may_be_too_long(service: Service, script: Any) -> None:
    clock = Sleeper()
    script.answers = [(503, {}, {})] * 9
    script.pause = lambda: clock.sleep(60)
    with pytest.raises(LeaseLost):
        hold(clock).call(lambda: service.post("/things", json={}))
    assert len(script.seen) == 1


def test_what_goes_on_within_the_lease_is_not_disturbed(service: Service, script: Any) -> None:
    clock = Sleeper()
    script.answers = [(503, {}, {})]
    script.pause = lambda: clock.sleep(5)
    hold(clock).call(lambda: service.post("/things", json={}))
    assert len(script.seen) == 2
