"""What the local cloud remembers: tables of objects, in memory, optionally kept in one SQLite file.

Called by every handler through `call.state`. One request is one transaction: `LocalCloud` holds `state.lock`, runs the
handler and then calls `commit()` (before the answer goes out) or `rollback()` (after any exception), so a refused request
leaves nothing behind and a process killed after the answer has lost nothing.

The trap: objects are plain dicts that are **never changed in place**. Read with `get`/`find`, write with
`put`/`change`/`remove`; else rollback, the indexes and the kept file do not see the change. Keys that begin with an
underscore are the object's private notes: they are kept but never shown to a client.
"""

import heapq
import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Obj = dict[str, Any]
Settled = Callable[[str, Obj], None]

_SCHEMA = "CREATE TABLE IF NOT EXISTS object (tbl TEXT, id TEXT, body TEXT, PRIMARY KEY (tbl, id)) WITHOUT ROWID"


class _Index:
    """One field's value → ids; knows what it stored, so that a change needs no old object."""

    def __init__(self, field: str) -> None:
        self.field = field
        self.ids: dict[Any, dict[str, None]] = {}
        self.keys: dict[str, Any] = {}

    def add(self, object_id: str, obj: Obj) -> None:
        key = obj.get(self.field)
        if isinstance(key, list | dict):
            raise TypeError(f"field {self.field} holds {type(key).__name__}: it cannot be looked up by value")
        if object_id in self.keys:
            if self.keys[object_id] == key:
                return
            self.drop(object_id)
        self.keys[object_id] = key
        self.ids.setdefault(key, {})[object_id] = None

    def drop(self, object_id: str) -> None:
        key = self.keys.pop(object_id)
        bucket = self.ids[key]
        del bucket[object_id]
        if not bucket:
            del self.ids[key]


class _Table:
    """The objects of one collection by id, in order of creation, with the indexes that were asked for."""

    def __init__(self) -> None:
        self.rows: dict[str, Obj] = {}
        self.indexes: dict[str, _Index] = {}

    def write(self, object_id: str, obj: Obj | None) -> Obj | None:
        """Put (or with None remove) and return what was there before."""
        old = self.rows.get(object_id)
        if obj is None:
            if old is not None:
                del self.rows[object_id]
                for index in self.indexes.values():
                    index.drop(object_id)
            return old
        self.rows[object_id] = obj
        for index in self.indexes.values():
            index.add(object_id, obj)
        return old

    def index(self, field: str) -> _Index:
        found = self.indexes.get(field)
        if found is None:
            found = _Index(field)
            for object_id, obj in self.rows.items():
                found.add(object_id, obj)
            self.indexes[field] = found
        return found


class State:
    """All objects of one local cloud. Tables are named `<service>.<collection>`, as in `network.ports`."""

    def __init__(self, keep_path: str | Path | None = None) -> None:
        self.lock = threading.RLock()
        self.revision: dict[str, int] = {}
        self.on_settled: Settled | None = None
        self._tables: dict[str, _Table] = {}
        self._undo: list[tuple[str, str, Obj | None]] = []
        self._due: list[tuple[float, int, str, str]] = []
        self._serial = 0
        self._order = 0
        self._db: sqlite3.Connection | None = None
        self.was_kept = False
        if keep_path is not None:
            self._open(Path(keep_path))

    # reading

    def get(self, table: str, object_id: str) -> Obj | None:
        """The object, or None. Do not change what you get."""
        found = self._tables.get(table)
        return None if found is None else found.rows.get(object_id)

    def all(self, table: str) -> Iterator[Obj]:
        """Every object of a table in order of creation (a snapshot: the table may change meanwhile)."""
        found = self._tables.get(table)
        return iter(()) if found is None else iter(list(found.rows.values()))

    def count(self, table: str) -> int:
        """How many objects a table holds."""
        found = self._tables.get(table)
        return 0 if found is None else len(found.rows)

    def find(self, table: str, **equal: Any) -> list[Obj]:
        """The objects whose fields equal all of `equal`; the first field named is looked up through an index."""
        found = self._table(table)
        if not equal:
            return list(found.rows.values())
        (first, value), *rest = equal.items()
        ids = found.index(first).ids.get(value, {})
        rows = [found.rows[i] for i in ids]
        return [r for r in rows if all(r.get(k) == v for k, v in rest)] if rest else rows

    def first(self, table: str, **equal: Any) -> Obj | None:
        """The oldest of `find(...)`, or None."""
        found = self.find(table, **equal)
        return found[0] if found else None

    # writing

    def put(self, table: str, obj: Obj, object_id: str | None = None) -> Obj:
        """Store an object under its `id` (or under `object_id`) and return it."""
        key = object_id if object_id is not None else obj["id"]
        if "_seq" not in obj:
            old = self.get(table, key)
            self._order += 0 if old else 1
            obj = {**obj, "_seq": old["_seq"] if old else self._order}
        self._write(table, key, obj)
        return obj

    def change(self, table: str, object_id: str, **changes: Any) -> Obj:
        """Replace an object by a copy with `changes` and return the copy. KeyError when it is not there."""
        old = self._table(table).rows[object_id]
        new = {**old, **changes}
        self._write(table, object_id, new)
        return new

    def remove(self, table: str, object_id: str) -> Obj | None:
        """Forget an object; returns it, or None when it was not there."""
        if self.get(table, object_id) is None:
            return None
        return self._write(table, object_id, None)

    # what will happen later

    def later(self, table: str, object_id: str, at: float, changes: Obj | None, reads: int = 0) -> Obj:
        """Plan a change: once the clock is at `at` (or the object was read `reads` times) `changes` are applied;
        None means that the object goes away. A newer plan replaces an older one.
        """
        return self.change(table, object_id, _next={"at": at, "reads": reads, "set": changes})

    def settle(self, now: float) -> None:
        """Apply every planned change whose time has come; called at the start of each request."""
        while self._due and self._due[0][0] <= now:
            _, _, table, object_id = heapq.heappop(self._due)
            obj = self.get(table, object_id)
            plan = obj.get("_next") if obj else None
            if obj is not None and plan and plan["reads"] <= 0 and plan["at"] <= now:
                self._apply(table, object_id, obj, plan)

    def touch(self, table: str, obj: Obj) -> Obj | None:
        """Count one read of an object whose life cycle moves by reads; returns it as it is now (None: gone)."""
        plan = obj.get("_next")
        if not plan or plan["reads"] <= 0:
            return obj
        left = {**plan, "reads": plan["reads"] - 1}
        obj = self.change(table, obj["id"], _next=left)
        if left["reads"] <= 0:
            self._apply(table, obj["id"], obj, left)
            return self.get(table, obj["id"])
        return obj

    def _apply(self, table: str, object_id: str, obj: Obj, plan: Obj) -> None:
        if plan["set"] is None:
            self._write(table, object_id, None)
            settled = {**obj, "_gone": True}
        else:
            settled = {k: v for k, v in obj.items() if k != "_next"} | plan["set"]
            self._write(table, object_id, settled)
        if self.on_settled is not None:
            self.on_settled(table, settled)

    # transactions

    def commit(self) -> None:
        """Write what changed to the kept file (if there is one) and forget how to undo it."""
        if self._undo and self._db is not None:
            latest = {(table, object_id): self.get(table, object_id) for table, object_id, _ in self._undo}
            gone = [key for key, obj in latest.items() if obj is None]
            kept = [(t, i, json.dumps(obj)) for (t, i), obj in latest.items() if obj is not None]
            with self._db:
                if kept:
                    self._db.executemany("INSERT OR REPLACE INTO object VALUES (?, ?, ?)", kept)
                if gone:
                    self._db.executemany("DELETE FROM object WHERE tbl = ? AND id = ?", gone)
        self._undo.clear()

    def rollback(self) -> None:
        """Put back everything since the last commit."""
        undo, self._undo = self._undo, []
        for table, object_id, old in reversed(undo):
            self._write(table, object_id, old)
        self._undo.clear()

    def close(self) -> None:
        """Close the kept file; the state must not be used afterwards."""
        with self.lock:
            self.commit()
            if self._db is not None:
                self._db.close()
                self._db = None

    def _table(self, table: str) -> _Table:
        found = self._tables.get(table)
        if found is None:
            found = self._tables[table] = _Table()
        return found

    def _write(self, table: str, object_id: str, obj: Obj | None) -> Obj | None:
        old = self._table(table).write(object_id, obj)
        self._undo.append((table, object_id, old))
        self.revision[table] = self.revision.get(table, 0) + 1
        if obj is not None:
            self._schedule(table, object_id, obj)
        return old

    def _schedule(self, table: str, object_id: str, obj: Obj) -> None:
        plan = obj.get("_next")
        if plan and plan["reads"] <= 0:
            self._serial += 1
            heapq.heappush(self._due, (plan["at"], self._serial, table, object_id))

    def _open(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, check_same_thread=False)
        # A killed process must lose nothing, a killed machine may: no fsync.
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=OFF")
        self._db.execute(_SCHEMA)
        for table, object_id, body in self._db.execute("SELECT tbl, id, body FROM object"):
            self.was_kept = True
            obj = json.loads(body)
            self._table(table).rows[object_id] = obj
            self._schedule(table, object_id, obj)
        for found in self._tables.values():
            # the file knows no order of creation; the serial that every object carries does
            found.rows = dict(sorted(found.rows.items(), key=lambda row: row[1]["_seq"]))
            self._order = max(self._order, *(row["_seq"] for row in found.rows.values()))
