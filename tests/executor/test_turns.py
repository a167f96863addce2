"""Blocking calls of several projects take turns, and looks at many things of one collection share a call. No clocks: order and counts."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Collection
from typing import Any

import pytest

from kamado.engine.looks import FEWEST, GATHER_SECONDS, Looks, together
from kamado.engine.system import InlineCalls, SystemClock, ThreadCalls


def test_a_single_call_does_not_wait_for_anothers_thousand() -> None:
    calls = ThreadCalls(2)
    order: list[str] = []
    gate = threading.Event()

    def work(name: str) -> None:
        gate.wait(10)
        order.append(name)

    async def run() -> None:
        many = [calls.lane("big").run(lambda: work("big")) for _ in range(1000)]
        one = calls.lane("small").run(lambda: work("small"))
        gate.set()
        await asyncio.gather(one, *many)

    asyncio.run(run())
    calls.close()
    assert len(order) == 1001
    assert order.index("small") <= 4  # two were in the threads already, and perhaps one more before it


def test_a_lane_has_its_share_of_the_threads_at_most() -> None:
    calls = ThreadCalls(4, each=2)
    lock = threading.Lock()
    busy = {"a": 0, "b": 0}
    most = {"a": 0, "b": 0}
    both = threading.Barrier(4, timeout=10)

    def work(name: str) -> None:
        with lock:
            busy[name] += 1
            most[name] = max(most[name], busy[name])
        both.wait()  # four at once, so two of each
        with lock:
            busy[name] -= 1

    async def run() -> None:
        jobs = [calls.lane(name).run(lambda name=name: work(name)) for name in ("a", "b") for _ in range(6)]
        await asyncio.gather(*jobs)

    asyncio.run(run())
    calls.close()
    assert most == {"a": 2, "b": 2}


def test_errors_come_to_who_asked_and_threads_go_on() -> None:
    calls = ThreadCalls(1)

    def fail() -> None:
        raise ValueError("no")

    async def run() -> int:
        with pytest.raises(ValueError, match="no"):
            await calls.run(fail)
        return await calls.run(lambda: 7)

    assert asyncio.run(run()) == 7
    calls.close()


def test_what_has_not_begun_when_the_calls_close_is_cancelled() -> None:
    calls = ThreadCalls(1)
    gate = threading.Event()
    begun = threading.Event()

    async def run() -> None:
        first = calls.run(lambda: (begun.set(), gate.wait(10)))
        second = calls.run(lambda: None)
        await asyncio.to_thread(begun.wait, 10)
        threading.Timer(0.05, gate.set).start()
        await asyncio.to_thread(calls.close)
        assert (await first)[1]
        with pytest.raises(asyncio.CancelledError):
            await second

    asyncio.run(run())


def looked(ids: list[str], answer: Any) -> tuple[list[Any], list[list[str]]]:
    asked: list[list[str]] = []

    def list_them(wanted: Collection[str]) -> Any:
        asked.append(sorted(wanted))
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def run() -> list[Any]:
        board = Looks()
        looks = [board.look("k", thing, list_them, (SystemClock(), InlineCalls())) for thing in ids]
        return await asyncio.gather(*looks, return_exceptions=True)

    return asyncio.run(run()), asked


def test_those_who_are_due_together_share_one_call() -> None:
    ids = [f"id{number}" for number in range(50)]
    found, asked = looked(ids, {"id0": {"a": 1}, "id7": {"b": 2}, "stranger": {}})
    assert asked == [sorted(ids)]
    assert found[0] == {"a": 1}
    assert found[7] == {"b": 2}
    assert found[1] is None


def test_a_few_look_singly() -> None:
    assert looked(["id0", "id1"][: FEWEST - 1], {}) == ([None, None], [])


def test_a_failure_of_the_call_is_everybodys() -> None:
    error = ValueError("down")
    found, asked = looked(["a", "b", "c"], error)
    assert found == [error] * 3
    assert len(asked) == 1


def test_who_comes_while_a_call_fails_gathers_for_the_next() -> None:
    asked: list[list[str]] = []

    async def run() -> list[Any]:
        board, late = Looks(), []

        def list_them(wanted: Collection[str]) -> Any:
            asked.append(sorted(wanted))
            if len(asked) == 1:
                late.extend(look(f"late{number}") for number in range(3))
                raise ValueError("down")
            return dict.fromkeys(wanted, "there")

        def look(thing: str) -> asyncio.Task[Any]:
            return asyncio.ensure_future(board.look("k", thing, list_them, (SystemClock(), Yielding())))

        first = [look(f"id{number}") for number in range(3)]
        refused = await asyncio.gather(*first, return_exceptions=True)
        assert [type(one) for one in refused] == [ValueError] * 3
        return await asyncio.gather(*late)

    class Yielding(InlineCalls):
        async def run(self, function: Any) -> Any:
            try:
                return function()
            finally:
                await asyncio.sleep(0.001)

    assert asyncio.run(run()) == ["there"] * 3
    assert asked == [["id0", "id1", "id2"], ["late0", "late1", "late2"]]


@pytest.mark.parametrize("seconds", [0.1, 1.5, 5.0])
def test_waits_are_drawn_together_and_never_shortened(seconds: float) -> None:
    ends = set()
    for begin in range(100):
        now = 1000 + begin * seconds / 100
        wait = together(now, seconds)
        assert seconds <= wait + 1e-9 <= 1.5 * seconds + 1e-6
        ends.add(now + wait)
        assert together(now + wait - 0.05, 0.05) == pytest.approx(0.05, abs=0.02), "who waits for less is due then too"
    assert len(ends) <= 5
    assert GATHER_SECONDS < 0.05
