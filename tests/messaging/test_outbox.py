"""Who leaves something to be sent never waits, whatever becomes of the sending."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from kamado.messaging.outbox import Outbox


class Slow:
    """Sends when it may."""

    def __init__(self) -> None:
        self.may = threading.Semaphore(0)
        self.began = threading.Semaphore(0)
        self.sent: list[list[int]] = []

    def __call__(self, items: Sequence[int]) -> None:
        self.began.release()
        assert self.may.acquire(timeout=30)
        self.sent.append(list(items))


def test_what_gathers_while_something_is_sent_goes_together_and_in_order() -> None:
    slow = Slow()
    box = Outbox("box", slow, capacity=10)
    assert box.put(1)
    assert slow.began.acquire(timeout=30)
    assert [box.put(number) for number in (2, 3, 4)] == [True] * 3
    slow.may.release(2)
    assert box.close(seconds=30)
    assert slow.sent == [[1], [2, 3, 4]]


def test_what_does_not_fit_is_dropped_and_counted() -> None:
    slow = Slow()
    box = Outbox("box", slow, capacity=2)
    box.put(1)
    assert slow.began.acquire(timeout=30)
    assert [box.put(number) for number in (2, 3, 4, 5)] == [True, True, False, False]
    assert box.dropped == 2
    slow.may.release(2)
    assert box.close(seconds=30)
    assert slow.sent == [[1], [2, 3]]


def test_a_failure_to_send_ends_nothing() -> None:
    sent: list[int] = []

    def send(items: Sequence[int]) -> None:
        if 1 in items:
            raise RuntimeError("no")
        sent.extend(items)
        done.set()

    done = threading.Event()
    box = Outbox("box", send, capacity=10)
    box.put(1)
    while not done.wait(0.01):
        box.put(2)
    assert box.close(seconds=30)
    assert set(sent) == {2}


def test_closing_does_not_wait_for_a_sender_that_hangs() -> None:
    slow = Slow()
    box = Outbox("box", slow, capacity=10)
    box.put(1)
    assert slow.began.acquire(timeout=30)
    assert not box.close(seconds=0.01)
    assert not box.put(2)
    slow.may.release()
    assert box.close(seconds=30)


def test_a_box_that_was_never_used_closes_without_a_thread() -> None:
    before = threading.active_count()
    box = Outbox("box", Slow(), capacity=1)
    assert box.close()
    assert threading.active_count() == before
