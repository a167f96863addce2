"""Whether a request may still be sent: asked at the last moment before it goes out.

An engine that was stopped for longer than its lease wakes in the middle of a handler: behind the checks of the engine and before the
request, at a gate, in a wait between two attempts. `guarded` is set by the engine (through `kamado.plugin.lifecycle`), `GuardedAdapter`
asks. The trap: it is a matter of the calling context, so a handler that starts threads of its own must hand its context on.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, TypeVar

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter

T = TypeVar("T")

_MAY: ContextVar[Callable[[], None] | None] = ContextVar("may", default=None)


def guarded(may: Callable[[], None], call: Callable[[], T]) -> T:
    """Calls it; each request that it sends to a cloud asks ``may`` first, which raises when none may be sent any more."""
    token = _MAY.set(may)
    try:
        return call()
    finally:
        _MAY.reset(token)


class GuardedAdapter(HTTPAdapter):
    """Sends what may still be sent."""

    def send(self, request: PreparedRequest, *args: Any, **options: Any) -> Response:
        """Raises what the guard raises, besides what sending raises."""
        may = _MAY.get()
        if may is not None:
            may()
        return super().send(request, *args, **options)
