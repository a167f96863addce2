"""Sending without waiting: a thread of its own sends what others leave for it.

Used for whatever goes over a bus that may be slow or away. The trap: nothing here is a promise; what does not fit is dropped, and what
has not been sent when the process ends is lost.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

LOG = logging.getLogger(__name__)

T = TypeVar("T")


class Outbox(Generic[T]):
    """Hands what is put to ``send``, in order and everything that has gathered at once, in a thread that is made with the first.

    ``send`` may block for as long as it likes. ``capacity``: how many items wait at most; more are dropped and counted in ``dropped``.
    ``pause``: seconds after each sending in which more may gather.
    """

    def __init__(self, name: str, send: Callable[[Sequence[T]], None], capacity: int, pause: float = 0.0) -> None:
        self._name = name
        self._send = send
        self._capacity = capacity
        self._pause = pause
        self._items: list[T] = []
        self._ready = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False
        self.dropped = 0

    def put(self, item: T) -> bool:
        """Leaves an item; False when it was dropped because the box is full or closed. Never blocks."""
        with self._ready:
            if self._closed or len(self._items) >= self._capacity:
                self.dropped += 1
                return False
            self._items.append(item)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
            self._ready.notify()
            return True

    def close(self, seconds: float = 1.0) -> bool:
        """Takes nothing more, and gives what is there so many seconds to be sent; whether the thread has ended."""
        with self._ready:
            self._closed = True
            self._ready.notify()
        if self._thread is None:
            return True
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            with self._ready:
                while not self._items and not self._closed:
                    self._ready.wait()
                if not self._items:
                    return
                items, self._items = self._items, []
            try:
                self._send(items)
            except Exception as error:
                LOG.warning("%s: %d not sent: %s", self._name, len(items), error)
            if self._pause and not self._closed:
                time.sleep(self._pause)
