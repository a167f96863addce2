"""The object store: templates and files that a user keeps there, and objects that servers write to by temporary URLs.

Called by resource types with their stack's cloud, and through the port that `assemble` makes of it. A temporary URL is signed with a key
of the account. The trap: Swift cannot say "set it unless it is set", so a key that is missing is one that every engine would
choose (see `ObjectStore.signing_key`).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from keystoneauth1 import exceptions as ksa

from kamado.cloud.failures import CloudError, FailureKind, classify
from kamado.cloud.rest import from_keystone
from kamado.cloud.session import Cloud

SERVICE = "object-store"
_CHUNK = 65536
_KEY = "X-Account-Meta-Temp-URL-Key"
FOREVER = 2147483586
"""When a temporary URL ends that is not to end: just before 32 bits do."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object: its bytes and when it was last written."""

    body: bytes
    modified_at: datetime
    stamp: str = ""
    """Its time as the store keeps it: with the name it tells one version of an object from another."""


class ObjectStore:
    """The object store as one credential sees it."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def names(self, container: str, most: int) -> list[str] | None:
        """Names of the objects in a container; None when there is no such container.

        :param most: how many at most; one more is enough to know that there are too many.
        """
        answer = self._get(quote(container, safe=""), params={"format": "json", "limit": str(most)})
        if answer is None:
            return None
        return [str(entry["name"]) for entry in answer.json() if "name" in entry]

    def read(self, container: str, name: str, most: int) -> StoredObject | None:
        """One object; None when there is none of the name.

        :param most: bytes that it may have; more is read no further and is one byte too long.
        """
        answer = self._get(f"{quote(container, safe='')}/{quote(name)}", stream=True)
        if answer is None:
            return None
        body = bytearray()
        try:
            for chunk in answer.iter_content(_CHUNK):
                body += chunk
                if len(body) > most:
                    break
        finally:
            answer.close()
        return StoredObject(
            bytes(body[: most + 1]), _moment(answer.headers.get("Last-Modified")), answer.headers.get("X-Timestamp", "")
        )

    def listing(self, container: str, prefix: str) -> list[str]:
        """Names of all objects in a container that begin so, in their order; none when there is no such container. Raises CloudError."""
        service, marker = self._cloud.service(SERVICE), ""
        found: list[str] = []
        while True:
            params = {"format": "json", "prefix": prefix, "marker": marker}
            page = service.call("GET", f"/{quote(container, safe='')}", params=params, ok=(404,))
            if not page:
                return found
            found += [str(entry["name"]) for entry in page]
            marker = found[-1]

    def make_container(self, container: str, headers: Mapping[str, str] | None = None) -> None:
        """Makes a container, or gives it these headers. Raises CloudError."""
        self._send("PUT", f"/{quote(container, safe='')}", headers or {})

    def write(self, container: str, name: str, body: bytes) -> None:
        """Writes an object. Raises CloudError."""
        self._send("PUT", _path(container, name), {"Content-Type": "application/octet-stream"}, data=body)

    def remove(self, container: str, name: str) -> bool:
        """Removes an object; False when there was none (any more). Raises CloudError."""
        return self._send("DELETE", _path(container, name), {}, ok=(404,)) is not None

    def remove_container(self, container: str) -> bool:
        """Removes a container unless there is something in it; whether it is gone. Raises CloudError."""
        path = f"/{quote(container, safe='')}"
        if self._send("DELETE", path, {}, ok=(404, 409)) is not None:
            return True
        return self._send("HEAD", path, {}, ok=(404,)) is None

    def signing_key(self, choose: Callable[[], str]) -> str:
        """The account's key for temporary URLs; set to what ``choose`` gives when there is none. Raises CloudError.

        ``choose`` must give the same to everybody who might be setting it at the same time.
        """
        found = self._send("HEAD", "", {}).headers.get(_KEY)
        if found:
            return str(found)
        chosen = choose()
        self._send("POST", "", {_KEY: chosen})
        return chosen

    def temporary_url(self, key: str, container: str, name: str, method: str, expires: int = FOREVER) -> str:
        """A URL by which whoever knows it may do one thing to one object until a time (seconds since 1970)."""
        url = f"{self._cloud.service(SERVICE).base.rstrip('/')}{_path(container, name)}"
        path = urlsplit(url).path
        # A gateway may put something in front of the store's own path.
        text = f"{method}\n{expires}\n{unquote(path[path.find('/v1/') :])}"
        signature = hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()
        return f"{url}?temp_url_sig={signature}&temp_url_expires={expires}"

    def _send(self, method: str, path: str, headers: Mapping[str, str], **options: Any) -> Any:
        return self._cloud.service(SERVICE).fetch(method, path, headers=headers, **options)

    def _get(self, path: str, **options: Any) -> Any:
        url = f"{self._cloud.service(SERVICE).base.rstrip('/')}/{path}"
        try:
            answer = self._cloud.session.request(url, "GET", raise_exc=False, redirect=False, **options)
        except ksa.ConnectFailure as error:
            raise CloudError(FailureKind.UNREACHABLE, str(error), service=SERVICE, method="GET", url=url) from error
        except ksa.ClientException as error:
            raise from_keystone(error, SERVICE, "GET", url) from error
        if answer.status_code == 404:
            return None
        if answer.status_code >= 400:
            raise classify(
                answer.status_code, answer.content, headers=answer.headers, service=SERVICE, method="GET", url=url
            )
        return answer


def _path(container: str, name: str) -> str:
    return f"/{quote(container, safe='')}/{quote(name)}"


def _moment(text: str | None) -> datetime:
    """A time of HTTP; the beginning of all times when there is none."""
    try:
        return parsedate_to_datetime(text or "").astimezone(UTC)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
