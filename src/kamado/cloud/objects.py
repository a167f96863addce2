"""Reading objects of the object store: templates and files that a user keeps there, signals that servers leave.

Called through the port that `assemble` makes of it. Objects are not JSON, so they are read past `Service`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

from keystoneauth1 import exceptions as ksa

from kamado.cloud.failures import CloudError, FailureKind, classify
from kamado.cloud.rest import from_keystone
from kamado.cloud.session import Cloud

SERVICE = "object-store"
_CHUNK = 65536


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object: its bytes and when it was last written."""

    body: bytes
    modified_at: datetime


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
        return StoredObject(bytes(body[: most + 1]), _moment(answer.headers.get("Last-Modified")))

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


def _moment(text: str | None) -> datetime:
    """A time of HTTP; the beginning of all times when there is none."""
    try:
        return parsedate_to_datetime(text or "").astimezone(UTC)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
