"""Wake-ups between processes: what an API or an engine has made durable, the engines elsewhere hear of at once.

Fanout casts on one topic, made by `kamado.assemble`. The trap: a message is a courtesy. It may be lost, come twice or come late, and
nobody may rest on it: engines look at the queue, and at nested stacks that they wait for, every few seconds anyway. While the broker
is away nobody waits for it: oslo.messaging connects again in threads of ours, and what gathers meanwhile is put together, or dropped.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Collection, Sequence
from typing import Any

from kamado.messaging.outbox import Outbox
from kamado.messaging.transport import MessagingSettings, library, rpc_transport

LOG = logging.getLogger(__name__)

TOPIC = "kamado_engine"
"""Heat's engines listen on others, so both may be on one broker."""

_CAPACITY = 5_000
"""Ends of operations that are remembered while the broker is away; of work in the queue once is enough."""

_PAUSE = 0.03
"""Seconds between two messages of one process, whatever happens: sending and hearing one costs more than a small operation."""

_HANGING_UP = 5.0
"""Seconds for which the end of a process waits for the broker."""

Hear = Callable[[bool, Collection[str]], None]
"""Called with what is new: whether there is work in the queue, and nested stacks on which an operation has ended. In any thread."""


class Bus:
    """One process's end of the bus. ``name`` tells its messages from those of others. Raises MessagingMissing."""

    def __init__(self, settings: MessagingSettings, name: str) -> None:
        self._name = name
        self._messaging = library()
        self._transport = rpc_transport(settings)
        self._client = self._messaging.get_rpc_client(self._transport, self._messaging.Target(topic=TOPIC, fanout=True))
        self._lock = threading.Lock()
        self._work = False
        self._ended: set[str] = set()
        self._outbox: Outbox[None] = Outbox("bus", self._send, 1, _PAUSE)
        self._server: Any = None
        self._hear: Hear = lambda _work, _ended: None
        self._listening = threading.Event()

    def tell(self, ended: Collection[str] = ()) -> None:
        """There is work in the queue, or else: operations on these nested stacks have ended. Never blocks."""
        with self._lock:
            if ended and len(self._ended) < _CAPACITY:
                self._ended.update(ended)
            self._work = self._work or not ended
        self._outbox.put(None)  # when one lies there already, it takes this along

    def listen(self, hear: Hear) -> None:
        """Has ``hear`` called for what other processes tell. Returns at once; the broker may come later."""
        target = self._messaging.Target(topic=TOPIC, server=socket.gethostname())
        self._hear = hear
        endpoint = _Endpoint(self._name, hear)
        self._server = self._messaging.get_rpc_server(self._transport, target, [endpoint], executor="threading")
        threading.Thread(target=self._start, name="bus-listener", daemon=True).start()

    def wait_until_listening(self, seconds: float) -> bool:
        """Whether the broker has been reached within so many seconds."""
        return self._listening.wait(seconds)

    def close(self) -> None:
        """Sends what can be sent within a second, and hangs up within a few; with a broker that is away, the process's end does that.

        Hanging up waits for oslo.messaging's heartbeats, which may hang themselves when the process slept and the broker gave it up.
        """
        sent = self._outbox.close()
        hanging_up = threading.Thread(target=self._hang_up, args=(sent,), name="bus-close", daemon=True)
        hanging_up.start()
        hanging_up.join(_HANGING_UP)

    def _hang_up(self, sent: bool) -> None:
        if self._server is not None and self._listening.is_set():
            self._server.stop()
            self._server.wait()
        if sent and (self._server is None or self._listening.is_set()):
            self._transport.cleanup()

    def _start(self) -> None:
        try:
            self._server.start()
        except Exception:
            LOG.exception("wake-ups of other processes are not heard; the queue is looked at every few seconds")
            return
        self._listening.set()
        self._hear(True, ())  # what was told while nobody listened yet

    def _send(self, _: Sequence[None]) -> None:
        with self._lock:
            work, ended = self._work, sorted(self._ended)
            self._work, self._ended = False, set()
        self._client.cast({}, "news", sender=self._name, work=work, ended=ended)


class _Endpoint:
    """What oslo.messaging calls for a message."""

    def __init__(self, name: str, hear: Hear) -> None:
        self._name = name
        self._hear = hear

    def news(self, _context: Any, sender: str = "", work: bool = True, ended: Sequence[str] = (), **_: Any) -> None:
        """Something is new in the process ``sender``; words that a newer release adds are overlooked."""
        if sender != self._name:
            self._hear(bool(work), [str(stack_id) for stack_id in ended])
