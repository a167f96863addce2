"""Whether a request may still be sent: asked at the last moment before it goes out, right before the call of the system.

An engine that was stopped for longer than its lease wakes in the middle of a handler: behind the checks of the engine and before the
request, at a gate, in a wait between two attempts, or with half a request sent; for in a busy process threads that send wait for others.
`guarded` is set by the engine (through `kamado.plugin.lifecycle`), the connections of `GuardedAdapter` ask. The trap: it is a matter of the
calling context, so a handler that starts threads of its own must hand its context on.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, TypeVar

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, ProxyManager
from urllib3.connection import HTTPConnection, HTTPSConnection

T = TypeVar("T")

_MAY: ContextVar[Callable[[], None] | None] = ContextVar("may", default=None)


def guarded(may: Callable[[], None], call: Callable[[], T]) -> T:
    """Calls it; each request that it sends to a cloud asks ``may`` first, which raises when none may be sent any more."""
    token = _MAY.set(may)
    try:
        return call()
    finally:
        _MAY.reset(token)


class _Asking:
    """Of a connection: asks before each piece that goes out, for a request of which one is missing is none."""

    def send(self, data: Any) -> None:
        """Raises what the guard raises, besides what sending raises; the connection is then closed."""
        may = _MAY.get()
        if may is not None:
            may()
        super().send(data)  # type: ignore[misc]


class _Connection(_Asking, HTTPConnection):
    pass


class _ConnectionOverTls(_Asking, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _PoolOverTls(HTTPSConnectionPool):
    ConnectionCls = _ConnectionOverTls


class GuardedAdapter(HTTPAdapter):
    """Sends what may still be sent."""

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """As of the adapter of `requests`, with connections that ask."""
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **options: Any) -> ProxyManager:
        """The same through a proxy."""
        manager: ProxyManager = super().proxy_manager_for(proxy, **options)
        manager.pool_classes_by_scheme = _POOLS
        return manager


_POOLS = {"http": _Pool, "https": _PoolOverTls}
