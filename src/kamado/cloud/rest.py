"""Plain REST calls to one service of one cloud, retried only where that is safe.

Resource types call it through `kamado.plugin`. The trap: a POST whose answer was lost must never be sent again from
here; it ends as `CloudError` of kind LOST and the caller looks for what it may have made.
"""

from __future__ import annotations

import json as json_module
import re
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from typing import Any, TypeVar

import requests.exceptions
import urllib3.exceptions
from keystoneauth1 import exceptions as ksa
from keystoneauth1.session import Session

from kamado.cloud.failures import CloudError, FailureKind, classify
from kamado.cloud.limits import CallLimits, CallWatch, Gates

T = TypeVar("T")

_VERSION_END = re.compile(r"/v\d+(\.\d+)?/?$")
_PAGES = 10_000


@dataclass(frozen=True, slots=True)
class _Base:
    """How the address in the catalog becomes the base of our paths: cut the version off, then append."""

    append: str = ""
    keep_version: bool = False


_BASES: Mapping[str, _Base] = {
    "network": _Base(),
    "image": _Base(),
    "identity": _Base(),
    "load-balancer": _Base(),
    "compute": _Base(append="/v2.1"),
    "volumev3": _Base(append="/v3/{project_id}"),
    "block-storage": _Base(append="/v3/{project_id}"),
}

_MICROVERSION_NAMES: Mapping[str, str] = {"volumev3": "volume", "block-storage": "volume"}

_SAFE = frozenset({"GET", "HEAD", "PUT", "DELETE"})
"""Methods that may be sent again when their answer was lost: doing them twice is doing them once."""

_NEVER_SENT = (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError)


def base_url(service_type: str, endpoint: str, project_id: str) -> str:
    """The address that paths are appended to.

    Paths of network, image, identity and load-balancer start with the version; those of compute and volume do not, as
    there the version (and project) belong to the endpoint.
    """
    endpoint = endpoint.rstrip("/")
    rule = _BASES.get(service_type, _Base(keep_version=True))
    if rule.keep_version:
        return endpoint
    if project_id and endpoint.endswith(project_id):
        endpoint = endpoint[: -len(project_id)].rstrip("/")
    return _VERSION_END.sub("", endpoint) + rule.append.format(project_id=project_id)


def was_never_sent(error: BaseException) -> bool:
    """Whether a connection failure happened before the request could reach the server."""
    return any(isinstance(item, (*_NEVER_SENT, requests.exceptions.ConnectTimeout)) for item in _within(error))


def is_untrusted(error: BaseException) -> bool:
    """Whether a connection failed because of a certificate, the server's or those that are to be trusted."""
    return any(
        isinstance(item, ssl.SSLCertVerificationError)
        or (isinstance(item, ssl.SSLError) and "certificate" in str(item).lower())
        for item in _within(error)
    )


def _within(error: BaseException) -> Iterator[BaseException]:
    """An error and all those that it came from or was made of."""
    seen: set[int] = set()
    stack: list[BaseException | None] = [error]
    while stack:
        item = stack.pop()
        if item is None or id(item) in seen:
            continue
        seen.add(id(item))
        yield item
        stack += [item.__cause__, item.__context__, getattr(item, "reason", None)]
        stack += [arg for arg in item.args if isinstance(arg, BaseException)]


def persist(limits: CallLimits, random: Random, call: Callable[[], T], may_repeat: Callable[[CloudError], bool]) -> T:
    """The answer of a call that is made again while it fails for a passing cause; blocks for the waits. Raises CloudError."""
    attempt = 1
    while True:
        try:
            return call()
        except CloudError as error:
            wait = limits.wait(attempt, error.retry_after, random) if may_repeat(error) else None
            if wait is None:
                raise
            time.sleep(wait)
            attempt += 1


Refused = Callable[[CloudError], CloudError]
"""Words the refusal of a token for whoever reads the error."""


def as_it_is(error: CloudError) -> CloudError:
    """Keystone's own words."""
    return error


class Service:
    """One service of one cloud; safe from any thread. Made by `Cloud.service`."""

    def __init__(
        self,
        session: Session,
        service_type: str,
        base: str,
        limits: CallLimits,
        gates: Gates,
        user_agent: str = "kamado",
        refused: Refused = as_it_is,
    ) -> None:
        self._refused = refused
        self._session = session
        self.type = service_type
        self.base = base
        self._limits = limits
        self._gate = gates.of(service_type)
        self._random = gates.random
        self._watch = gates.watch
        self._user_agent = user_agent

    def get(self, path: str, **options: Any) -> Any:
        """GET; options as for `call`."""
        return self.call("GET", path, **options)

    def post(self, path: str, **options: Any) -> Any:
        """POST; options as for `call`."""
        return self.call("POST", path, **options)

    def put(self, path: str, **options: Any) -> Any:
        """PUT; options as for `call`."""
        return self.call("PUT", path, **options)

    def patch(self, path: str, **options: Any) -> Any:
        """PATCH; options as for `call`."""
        return self.call("PATCH", path, **options)

    def delete(self, path: str, **options: Any) -> Any:
        """DELETE; options as for `call`."""
        return self.call("DELETE", path, **options)

    def list(self, path: str, key: str, params: Mapping[str, Any] | None = None, **options: Any) -> list[Any]:
        """All members of a collection, page after page; ``key`` is the collection's key in the answer."""
        return list(self._pages(path, key, params, options))

    def _pages(
        self, path: str, key: str, params: Mapping[str, Any] | None, options: Mapping[str, Any]
    ) -> Iterator[Any]:
        url: str | None = path
        for _ in range(_PAGES):
            if url is None:
                return
            answer = self.call("GET", url, params=params, **options)
            yield from answer.get(key, [])
            url, params = self._next(answer, key), None

    def _next(self, answer: Mapping[str, Any], key: str) -> str | None:
        links = answer.get(f"{key}_links") or answer.get("links") or {}
        if isinstance(links, Mapping):
            target = links.get("next") or answer.get("next")
        else:
            target = next((link.get("href") for link in links if link.get("rel") == "next"), None)
        if not target:
            return None
        # The host that a service believes to have is often not the one that it is reached at: keep ours.
        path = re.sub(r"^https?://[^/]+", "", str(target))
        own = re.sub(r"^https?://[^/]+", "", self.base)
        return path[len(own) :] if own and path.startswith(own) else path

    def call(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        params: Mapping[str, Any] | None = None,
        microversion: str | None = None,
        headers: Mapping[str, str] | None = None,
        ok: tuple[int, ...] = (),
        data: bytes | None = None,
    ) -> Any:
        """One call; the parsed JSON of the answer (None when it is empty).

        ``ok``: statuses of 400 or above that are no error here (the answer is then None). Raises CloudError.
        """
        sent = self._headers(microversion, headers)
        answer = self.fetch(method, path, json=json, params=params, headers=sent, ok=ok, data=data)
        if answer is None or not answer.content:
            return None
        try:
            return answer.json()
        except json_module.JSONDecodeError as error:
            url = self.base + path
            words = f"{method} {url}: the answer is no JSON"
            raise CloudError(
                FailureKind.LOST, words, status=answer.status_code, service=self.type, method=method, url=url
            ) from error

    def fetch(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        ok: tuple[int, ...] = (),
        data: bytes | None = None,
    ) -> Any:
        """The same with the answer as it came (`requests.Response`), for what is no JSON; None for a status of ``ok``."""
        return persist(
            self._limits,
            self._random,
            lambda: self._once(method, path, json, params, headers or {}, ok, data),
            lambda error: self._may_repeat(method, error),
        )

    @staticmethod
    def _may_repeat(method: str, error: CloudError) -> bool:
        if error.kind is FailureKind.UNREACHABLE:
            return True
        if error.kind is FailureKind.LOST:
            return method in _SAFE
        # 502 and 504 come from a proxy that may have passed the request on; 429 and 503 say that nothing was done.
        return error.status in (429, 503) or (error.status in (502, 504) and method in _SAFE)

    def _headers(self, microversion: str | None, headers: Mapping[str, str] | None) -> dict[str, str]:
        sent = {"Accept": "application/json", **(headers or {})}
        if microversion:
            sent["OpenStack-API-Version"] = f"{_MICROVERSION_NAMES.get(self.type, self.type)} {microversion}"
        return sent

    def _once(
        self,
        method: str,
        path: str,
        json: Any,
        params: Mapping[str, Any] | None,
        headers: Mapping[str, str],
        ok: tuple[int, ...],
        data: bytes | None,
    ) -> Any:
        url = self.base + path
        options: dict[str, Any] = {"params": params} if params else {}
        if data is not None:
            options["data"] = data
        try:
            with self._gate, _counted(self._watch, self.type) as count:
                answer = self._session.request(
                    url,
                    method,
                    json=json,
                    headers=dict(headers),
                    raise_exc=False,
                    redirect=False,
                    user_agent=self._user_agent,
                    timeout=self._limits.timeout,
                    **options,
                )
                count.append(answer.status_code)
        except ksa.ConnectFailure as error:
            kind = FailureKind.UNREACHABLE if was_never_sent(error) else FailureKind.LOST
            raise CloudError(kind, str(error), service=self.type, method=method, url=url) from error
        except (ksa.ConnectTimeout, ksa.UnknownConnectionError, ksa.SSLError) as error:
            kind = FailureKind.LOST if isinstance(error, ksa.UnknownConnectionError) else FailureKind.UNREACHABLE
            kind = FailureKind.UNTRUSTED if is_untrusted(error) else kind
            raise CloudError(kind, str(error), service=self.type, method=method, url=url) from error
        except ksa.ClientException as error:
            raise self._refused(from_keystone(error, self.type, method, url)) from error
        if answer.status_code >= 400:
            if answer.status_code in ok:
                return None
            raise classify(
                answer.status_code, answer.content, headers=answer.headers, service=self.type, method=method, url=url
            )
        return answer


def from_keystone(error: ksa.ClientException, service: str, method: str, url: str) -> CloudError:
    """A failure to get a token, as one of ours."""
    status = getattr(error, "http_status", None) or None
    if isinstance(status, int) and status >= 400:
        response = getattr(error, "response", None)
        body = getattr(response, "content", b"") or str(error).encode()
        headers = getattr(response, "headers", None) or {}
        return classify(status, body, headers=headers, service=service, method=method, url=url)
    kind = FailureKind.UNTRUSTED if is_untrusted(error) else FailureKind.UNREACHABLE
    return CloudError(kind, str(error), service=service, method=method, url=url)


@contextmanager
def _counted(watch: CallWatch, service: str) -> Iterator[list[int]]:
    """Tells who counts; the status goes into the list."""
    begun = time.monotonic()
    statuses: list[int] = []
    watch.call_began(service)
    try:
        yield statuses
    finally:
        watch.call_ended(service, statuses[0] if statuses else None, time.monotonic() - begun)
