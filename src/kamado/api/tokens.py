"""Who asks: the token, validated by keystonemiddleware, whose answers are kept for a while.

Called by `middleware`. auth_token asks Keystone for every request unless it is given a cache; `TokenCache` lives in the process, is
bounded, and is handed over in the way the middleware supports (an object in the WSGI environment, named by its option ``cache``). Even
with it, auth_token parses and copies what it knows anew for each request, which costs more than a small request itself: what it has
vouched for is taken as read for `VOUCHED_SECONDS`. The trap: that must let nobody in whom auth_token would refuse, see `key_of`.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from keystonemiddleware import auth_token

StartResponse = Callable[..., Any]
WsgiApp = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]

CACHE_KEY = "kamado.token_cache"
VOUCHED_SECONDS = 5.0
"""So much later than auth_token would, a revoked token is noticed."""
RETRY_AFTER = "2"
"""Seconds that a client is asked to wait when Keystone could not say whether its token is good."""

_OF_CLIENTS = frozenset(
    f"HTTP_X_{name}"
    for name in (
        "AUTH_TOKEN", "AUTH_KEY", "AUTH_USER", "AUTH_URL", "REGION_NAME", "OPENSTACK_REQUEST_ID",
        "FORWARDED_FOR", "FORWARDED_HOST", "FORWARDED_PORT", "FORWARDED_PREFIX", "FORWARDED_PROTO", "REAL_IP",
    )
)  # fmt: skip
"""Headers named X-… that say nothing of who asks. All others may be identity, which only auth_token may set."""
_TOKEN, _INFO, _SCOPE = "HTTP_X_AUTH_TOKEN", "keystone.token_info", "HTTP_OPENSTACK_SYSTEM_SCOPE"


class TokenCache:
    """Validated tokens for a bounded time, in the form that auth_token expects of a memcache client."""

    def __init__(self, most: int = 10_000, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[float, Any]] = OrderedDict()

    def get(self, key: str) -> Any:
        """The value, None when there is none or it is too old."""
        with self._lock:
            found = self._kept.get(key)
            if found is None:
                return None
            if found[0] < self._monotonic():
                del self._kept[key]
                return None
            return found[1]

    def set(self, key: str, value: Any, time: float = 300) -> None:  # the client's interface
        """Keep a value for ``time`` seconds."""
        with self._lock:
            self._kept[key] = (self._monotonic() + time, value)
            self._kept.move_to_end(key)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)


@dataclass(frozen=True, slots=True)
class Vouched:
    """What auth_token has put into the environment for a token that ends at ``until`` (seconds since 1970)."""

    until: float
    environ: Mapping[str, Any]


def guarded(app: WsgiApp, keystone: Mapping[str, Any], cache_seconds: float) -> WsgiApp:
    """The application for those whose token Keystone accepts; see `kamado.api.app.build` for ``keystone``.

    ``cache_seconds``: so long a token is believed without asking Keystone again, 0 or less: not at all.
    """
    cache, vouched = TokenCache(), TokenCache()
    # The catalog is not wanted in a header: the cloud side reads it from Keystone, once a project.
    conf = {"token_cache_time": cache_seconds, "include_service_catalog": False, **keystone}
    if not conf.get("memcached_servers"):
        conf["cache"] = CACHE_KEY
    seconds = min(VOUCHED_SECONDS, cache_seconds)

    def accepted(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        environ[_LET_IN] = True
        key = environ.pop(_KEY, None)
        if key is not None:
            found = identity_of(environ)
            if found is not None:
                vouched.set(key, found, seconds)
        return app(environ, start_response)

    protocol: WsgiApp = auth_token.AuthProtocol(accepted, conf)

    def respond(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        key = key_of(environ) if seconds > 0 else None
        if key is not None:
            found: Vouched | None = vouched.get(key)
            if found is not None and found.until > time.time():
                environ.update(found.environ)
                return app(environ, start_response)
            environ[_KEY] = key
        environ[CACHE_KEY] = cache

        def told(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            # auth_token repeats a check whose connection failed, but not one that a busy Keystone refused: the client may.
            if status.startswith("503") and _LET_IN not in environ:
                headers = [*headers, ("Retry-After", RETRY_AFTER)]
            return start_response(status, headers, *rest)

        return protocol(environ, told)

    return respond


_KEY, _LET_IN = "kamado.vouched_key", "kamado.let_in"


def key_of(environ: Mapping[str, Any]) -> str | None:
    """Under which a request's token is remembered; None when auth_token has to look at the request itself.

    So it is for whoever sends a header that might be one of identity, as a second token or a forged role is.
    """
    token = environ.get(_TOKEN)
    if not token or not _OF_CLIENTS.issuperset([name for name in environ if name[:7] == "HTTP_X_"]):
        return None
    return hashlib.sha256(token.encode("latin-1")).hexdigest()


def identity_of(environ: Mapping[str, Any]) -> Vouched | None:
    """What a request that was let in is known by; None for a token whose worth depends on the request.

    Such are tokens bound to how they are used, and of application credentials, which may be good for some paths only.
    """
    token = (environ.get(_INFO) or {}).get("token") or {}
    ends = token.get("expires_at")
    if environ.get("HTTP_X_IDENTITY_STATUS") != "Confirmed" or not ends or "bind" in token:
        return None
    if "application_credential" in token:
        return None
    found = {name: value for name, value in environ.items() if name.startswith("HTTP_X_") and name not in _OF_CLIENTS}
    try:
        until = datetime.fromisoformat(ends).timestamp()
    except ValueError:
        return None
    return Vouched(until, {**found, _SCOPE: environ.get(_SCOPE), _INFO: environ[_INFO]})
