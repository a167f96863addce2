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

from sqlalchemy import Connection, Table, select
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

    def put(self, body: Mapping[str, Any]) -> str:
        """The id of ``body``, stored unless it is there. 1 query when it is, 2 when not.

        Keys keep their order; it counts for the id, because clients get back what they sent.
        """
        text = encode_json(body)
        key = hashlib.sha256(text.encode("ascii")).hexdigest()
        _insert_if_absent(self._store, schema.template, key, text)
        return key

    def get(self, key: str) -> Mapping[str, Any]:
        """The body of an id, shared with other callers: never change it. Raises KeyError. No query when it is cached."""
        body = self._cache.get(key)
        if body is None:
            body = decode_json(_body(self._store, schema.template, key))
            self._cache.put(key, body)
        return body


class Files:
    """Texts that templates name (``get_file``, nested templates)."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._cache: Cache[str] = Cache(256)

    def put(self, text: str) -> str:
        """The id of ``text``, stored unless it is there. 1 query when it is, 2 when not."""
        data = text.encode("utf-8", "surrogatepass")
        key = hashlib.sha256(data).hexdigest()
        _insert_if_absent(self._store, schema.file, key, data)
        return key

    def get(self, key: str) -> str:
        """The text of an id. Raises KeyError. No query when it is cached."""
        text = self._cache.get(key)
        if text is None:
            text = bytes(_body(self._store, schema.file, key)).decode("utf-8", "surrogatepass")
            self._cache.put(key, text)
        return text


def _insert_if_absent(store: Store, table: Table, key: str, body: str | bytes) -> None:
    def there(connection: Connection) -> bool:
        return connection.execute(select(table.c.id).where(table.c.id == key)).first() is not None

    def insert(connection: Connection) -> None:
        connection.execute(table.insert(), {"id": key, "body": body, "created_at": time.time_ns() // 1000})

    if not store.read(there):
        try:
            store.write(insert)
        except IntegrityError:
            # Another caller was quicker with the same body.
            if not store.read(there):
                raise


def _body(store: Store, table: Table, key: str) -> Any:
    row = store.read(lambda connection: connection.execute(select(table.c.body).where(table.c.id == key)).first())
    if row is None:
        raise KeyError(key)
    return row[0]
