"""Queues of the messaging service (Zaqar v2), as one credential sees them.

Called by resource types: with the cloud of a stack's owner, or with that of a user of the stack.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from kamado.cloud.session import Cloud

SERVICE = "messaging"
_PAGE = 20
"""The most that one request is given."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message: its id and its body, any JSON."""

    id: str
    body: Any


class Queue:
    """One queue; it need not be there for anything."""

    def __init__(self, cloud: Cloud, name: str) -> None:
        self._cloud = cloud
        self._path = f"/v2/queues/{quote(name, safe='')}"
        self._client = str(uuid.uuid5(uuid.NAMESPACE_URL, f"kamado:{name}"))

    def messages(self) -> list[Message]:
        """All messages, oldest first, which stay where they are. Raises CloudError."""
        found: list[Message] = []
        params: dict[str, Any] = {"echo": "true", "limit": _PAGE}
        while True:
            answer = self.call("GET", "/messages", params=params) or {}
            page = answer.get("messages", [])
            found += [Message(_id(message), message["body"]) for message in page]
            if len(page) < _PAGE:
                return found
            params = {**params, "marker": found[-1].id}

    def post(self, body: Any, ttl: int) -> None:
        """Puts a message at the end, for ``ttl`` seconds. Raises CloudError."""
        self.call("POST", "/messages", json={"messages": [{"body": body, "ttl": ttl}]})

    def remove_messages(self, ids: Collection[str]) -> None:
        """Removes messages; those that are gone are fine. Raises CloudError."""
        known = list(ids)
        for start in range(0, len(known), _PAGE):
            # One by one in the query: a comma that is quoted separates nothing.
            self.call("DELETE", "/messages", params={"ids": known[start : start + _PAGE]})

    def remove(self) -> None:
        """Removes the queue with all that is in it; one that is not there is fine. Raises CloudError."""
        self.call("DELETE", "", ok=(404,))

    def call(self, method: str, path: str, **options: Any) -> Any:
        """One call below the queue. Raises CloudError."""
        headers = {"Client-ID": self._client, **options.pop("headers", {})}
        return self._cloud.service(SERVICE).call(method, self._path + path, headers=headers, **options)


def _id(message: Any) -> str:
    return str(message.get("id") or str(message["href"]).partition("?")[0].rpartition("/")[2])
