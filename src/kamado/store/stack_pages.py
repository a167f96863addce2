"""Pages of stacks as SQL: filters, orders, markers; and the columns that stacks are read by.

Used by `stacks` alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, or_, select

from kamado.store import schema
from kamado.store.events import beyond
from kamado.store.remembered import Rows

PLAIN = tuple(
    schema.stack.c[name]
    for name in (
        "id",
        "name",
        "project_id",
        "action",
        "status",
        "reason",
        "template_id",
        "created_at",
        "updated_at",
        "deleted_at",
        "owner_id",
        "root_id",
        "nested_depth",
        "parent_resource",
        "timeout_mins",
        "disable_rollback",
        "description",
        "tags",
        "user_id",
        "username",
        "credential_id",
        "stack_user_project_id",
        "operation_id",
    )
)
"""The columns of lists."""
WHOLE = (*PLAIN, schema.stack.c.files, schema.stack.c.environment)

_SORT_KEYS = {
    "stack_name": schema.stack.c.name,
    "name": schema.stack.c.name,
    "stack_status": schema.stack.c.status,
    "status": schema.stack.c.status,
    "creation_time": schema.stack.c.created_at,
    "created_at": schema.stack.c.created_at,
    "updated_time": func.coalesce(schema.stack.c.updated_at, 0),
    "updated_at": func.coalesce(schema.stack.c.updated_at, 0),
}


@dataclass(frozen=True, slots=True)
class StackFilter:
    """Which stacks, in which order. Empty tuples filter nothing; several values mean any of them.

    ``project_id`` None means all projects. ``nested`` and ``deleted`` let nested and deleted stacks in as well. ``tags``
    must all be there, of ``tags_any`` one, of ``not_tags`` not all, of ``not_tags_any`` none; ``hidden_tags`` hides like
    ``not_tags_any`` (the configured hidden ones, unless hidden stacks are asked for). ``sort_keys`` are Heat's (others are
    ignored); without any, newest first. ``marker`` is the id of the last stack of the page before; an unknown one is
    ignored, as in Heat. ``limit`` None means all.
    """

    project_id: str | None = None
    ids: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    usernames: tuple[str, ...] = ()
    project_ids: tuple[str, ...] = ()
    owner_ids: tuple[str, ...] = ()
    user_project_ids: tuple[str, ...] = ()
    disable_rollback: tuple[bool, ...] = ()
    timeout_mins: tuple[int, ...] = ()
    tags: tuple[str, ...] = ()
    tags_any: tuple[str, ...] = ()
    not_tags: tuple[str, ...] = ()
    not_tags_any: tuple[str, ...] = ()
    hidden_tags: tuple[str, ...] = ()
    nested: bool = False
    deleted: bool = False
    sort_keys: tuple[str, ...] = ()
    sort_dir: str | None = None
    marker: str | None = None
    limit: int | None = None


def _order(filter: StackFilter) -> tuple[list[Any], str]:  # noqa: A002
    """By what a page is sorted, and in which direction."""
    keys = [_SORT_KEYS[key] for key in filter.sort_keys if key in _SORT_KEYS]
    return [*(keys or [schema.stack.c.created_at]), schema.stack.c.id], filter.sort_dir or ("asc" if keys else "desc")


def page_rows(connection: Connection, filter: StackFilter, whole: bool) -> Rows:  # noqa: A002
    """The rows of a page, which begins after its marker."""
    if filter.marker is None:
        return Rows.read(connection, _page(filter, whole, False), {})
    bare = replace(filter, marker=None)
    keys, _ = _order(filter)
    mark = connection.execute(select(*keys).where(schema.stack.c.id == filter.marker)).first()
    if mark is None:
        return Rows.read(connection, _page(bare, whole, False), {})
    return Rows.read(connection, _page(bare, whole, True), {_AFTER(number): one for number, one in enumerate(mark)})


_AFTER = "after_{}".format


@lru_cache(maxsize=512)
def _page(filter: StackFilter, whole: bool, marked: bool) -> Select[Any]:  # noqa: A002
    """The statement of a page: the same few are asked for again and again, and cost more to build than to run."""
    keys, direction = _order(filter)
    order = [key.asc() if direction == "asc" else key.desc() for key in keys]
    statement = select(*(WHOLE if whole else PLAIN)).where(*conditions(filter)).order_by(*order)
    if marked:
        marks = tuple(bindparam(_AFTER(number), type_=key.type) for number, key in enumerate(keys))
        statement = statement.where(beyond(keys, marks, direction))
    return statement if filter.limit is None else statement.limit(filter.limit)


def conditions(filter: StackFilter) -> list[Any]:  # noqa: A002
    """What a filter means, its page left aside."""
    table = schema.stack.c
    conditions: list[Any] = []
    if filter.project_id is not None:
        conditions.append(table.project_id == filter.project_id)
    if not filter.nested:
        conditions.append(table.owner_id == "")
    if not filter.deleted:
        conditions.append(table.deleted_at == 0)
    for column, values in (
        (table.id, filter.ids),
        (table.name, filter.names),
        (table.action, filter.actions),
        (table.status, filter.statuses),
        (table.reason, filter.reasons),
        (table.username, filter.usernames),
        (table.project_id, filter.project_ids),
        (table.owner_id, filter.owner_ids),
        (table.stack_user_project_id, filter.user_project_ids),
        (table.disable_rollback, filter.disable_rollback),
        (table.timeout_mins, filter.timeout_mins),
    ):
        if len(values) == 1:
            conditions.append(column == values[0])
        elif values:
            conditions.append(column.in_(values))
    conditions.extend(_tag_conditions(filter))
    return conditions


def _tag_conditions(filter: StackFilter) -> list[Any]:  # noqa: A002
    def has(*tags: str) -> Any:
        tag = schema.stack_tag.c
        return select(tag.tag).where(tag.stack_id == schema.stack.c.id, tag.tag.in_(tags)).exists()

    conditions: list[Any] = [has(tag) for tag in filter.tags]
    if filter.tags_any:
        conditions.append(has(*filter.tags_any))
    if filter.not_tags:
        conditions.append(or_(*(~has(tag) for tag in filter.not_tags)))
    if filter.not_tags_any:
        conditions.append(~has(*filter.not_tags_any))
    if filter.hidden_tags:
        conditions.append(~has(*filter.hidden_tags))
    return conditions
