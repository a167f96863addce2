"""Bodies by their content: templates (maps) and files (texts).

Put by the orchestrator before the stack that uses them, read by orchestrator and engine. A body is stored once however many
stacks use it; its id is the SHA-256 of what is stored.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sqlalchemy import Table, select
from sqlalchemy.exc import IntegrityError

from kamado.store import schema
from kamado.store.encoding import decode_json, encode_json

if TYPE_CHECKING:
    from kamado.store.store import Store

V = TypeVar("V")


class Cache(Generic[V]):
    """The latest values by id, a bounded number; thread-safe."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: OrderedDict[str, V] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str) -> V | None:
        """The value, or None."""
        with self._lock:
            value = self._values.get(key)
            if value is not None:
                self._values.move_to_end(key)
            return value

    def put(self, key: str, value: V) -> None:
        """Keep ``value``; the one not used for longest goes."""
        with self._lock:
            self._values[key] = value
            self._values.move_to_end(key)
            if len(self._values) > self._size:
                self._values.popitem(last=False)


class Templates:
    """Template bodies as parsed maps."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._cache: Cache[Mapping[str, Any]] = Cache(256)
        self._bodies = _Bodies(store, schema.template)

    def put(self, body: Mapping[str, Any]) -> str:
        """The id of ``body``, stored unless it is there. 2 queries when it is not, and at most 1 when it is.

        Keys keep their order; it counts for the id, because clients get back what they sent.
        """
        text = encode_json(body)
        key = _id(text.encode("ascii"))
        self._bodies.insert_if_absent(key, text)
        return key

    def id_of(self, body: Mapping[str, Any]) -> str:
        """The id that ``body`` has or would have. No query."""
        return _id(encode_json(body).encode("ascii"))

    def get(self, key: str) -> Mapping[str, Any]:
        """The body of an id, shared with other callers: never change it. Raises KeyError. No query when it is cached."""
        body = self._cache.get(key)
        if body is None:
            body = decode_json(self._bodies.get(key))
            self._cache.put(key, body)
        return body


class Files:
    """Texts that templates name (``get_file``, nested templates)."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._cache: Cache[str] = Cache(256)
        self._bodies = _Bodies(store, schema.file)

    def put(self, text: str) -> str:
        """The id of ``text``, stored unless it is there. 2 queries when it is not, and at most 1 when it is."""
        data = text.encode("utf-8", "surrogatepass")
        key = _id(data)
        self._bodies.insert_if_absent(key, data)
        return key

    def id_of(self, text: str) -> str:
        """The id that ``text`` has or would have. No query."""
        return _id(text.encode("utf-8", "surrogatepass"))

    def get(self, key: str) -> str:
        """The text of an id. Raises KeyError. No query when it is cached."""
        text = self._cache.get(key)
        if text is None:
            text = bytes(self._bodies.get(key)).decode("utf-8", "surrogatepass")
            self._cache.put(key, text)
        return text


def _id(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


_BELIEVED_SECONDS = 60.0
"""So long a body that was there is believed to be there: no release takes one away, but a database may be put back to a backup."""


class _Bodies:
    """The rows of one table."""

    def __init__(self, store: Store, table: Table) -> None:
        self._store = store
        self._table = table
        self._seen: Cache[float] = Cache(10_000)

    def insert_if_absent(self, key: str, body: str | bytes) -> None:
        now = time.monotonic()
        seen = self._seen.get(key)
        if seen is not None and now - seen < _BELIEVED_SECONDS:
            return
        if not self._is_there(key):
            values = {"id": key, "body": body, "created_at": time.time_ns() // 1000}
            try:
                self._store.write(lambda connection: connection.execute(self._table.insert(), values).rowcount)
            except IntegrityError:
                # Another caller was quicker with the same body.
                if not self._is_there(key):
                    raise
        self._seen.put(key, now)

    def _is_there(self, key: str) -> bool:
        statement = select(self._table.c.id).where(self._table.c.id == key)
        return self._store.read(lambda connection: connection.execute(statement).first()) is not None

    def get(self, key: str) -> Any:
        statement = select(self._table.c.body).where(self._table.c.id == key)
        row = self._store.read(lambda connection: connection.execute(statement).first())
        if row is None:
            raise KeyError(key)
        return row[0]
