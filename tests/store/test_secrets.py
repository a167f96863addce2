"""What must not be readable in the database is not, and comes back all the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import select
from tests.databases import KEY
from tests.store.things import NOW, a_resource, a_stack, an_event, an_operation

from kamado.model.changes import AppendEvent, InsertResource, UpdateOperation, UpdateResource, UpdateStack
from kamado.model.records import CredentialRecord, Target
from kamado.store import Journal, KeyMissing, Store, WrongKey, schema

WORD = "s3cret-word"
HIDDEN = {
    "parameters": {"password": WORD, "plain": "seen", "nested": {"deep": [WORD, 1]}},
    "parameter_defaults": {"password": [WORD]},
    "encrypted_param_names": ["password", "nested", "absent"],
}


def _cells(store: Store) -> Iterator[str]:
    """Every value of every row as text."""
    with store.reader.engine.connect() as connection:
        for table in schema.metadata.sorted_tables:
            for row in connection.execute(select(table)):
                yield from (str(value) for value in row)


def _hidden(store: Store) -> None:
    cells = list(_cells(store))
    assert any("seen" in cell for cell in cells)
    assert [cell for cell in cells if WORD in cell] == []


def test_hidden_parameters(store: Store) -> None:
    stack = a_stack(target=Target("t", {}, HIDDEN))
    operation = an_operation(stack.id, target=Target("t", {}, HIDDEN), previous=Target("t", {}, HIDDEN))
    store.stacks.create(stack, operation, an_event(stack.id))
    _hidden(store)
    found = store.stacks.get(stack.id)
    assert found is not None
    assert found.target.environment == HIDDEN
    assert store.operations.get(operation.id) == operation

    (held,) = store.operations.claim("e1", NOW, NOW - NOW.replace(year=2025), 1)
    assert held.target.environment == HIDDEN
    target = Target("t", {}, {**HIDDEN, "parameters": {"password": WORD + "!", "plain": "seen"}})
    with Journal(store) as journal:
        changes = [UpdateStack(stack.id, {"target": target}), UpdateOperation(held.id, {"previous": target})]
        journal.submit(held.id, held.epoch, changes).result(20)
    _hidden(store)
    found = store.stacks.get(stack.id)
    changed = store.operations.get(held.id)
    assert found is not None
    assert changed is not None
    assert found.target == target == changed.previous


def test_secret_resources(store: Store) -> None:
    stack = a_stack()
    store.stacks.create(stack, an_operation(stack.id), an_event(stack.id))
    (held,) = store.operations.claim("e1", NOW, NOW - NOW.replace(year=2025), 1)
    content = {"password": WORD}
    row = a_resource(
        stack.id,
        secret=True,
        properties=content,
        attributes=content,
        progress=content,
        data=content,
        metadata={"a": "seen"},
    )
    event = an_event(stack.id, properties=content, secret=True)
    with Journal(store) as journal:
        journal.submit(held.id, held.epoch, [InsertResource(row), AppendEvent(event)]).result(20)
        _hidden(store)
        assert store.resources.get(stack.id, "net") == row
        assert store.events.get(stack.id, event.id) == event
        other = {"password": WORD + "!"}
        values = {"properties": other, "attributes": other, "data": other, "progress": None}
        journal.submit(held.id, held.epoch, [UpdateResource(row.id, values, secret=True)]).result(20)
    _hidden(store)
    assert store.resources.get(stack.id, "net") == replace(
        row, properties=other, attributes=other, data=other, progress=None
    )


def test_a_resource_may_become_secret(store: Store) -> None:
    stack = a_stack(description="seen")
    store.stacks.create(stack, an_operation(stack.id), an_event(stack.id))
    (held,) = store.operations.claim("e1", NOW, NOW - NOW.replace(year=2025), 1)
    row = a_resource(stack.id)
    with Journal(store) as journal:
        values = {"properties": {"a": WORD}, "secret": True}
        journal.submit(held.id, held.epoch, [InsertResource(row), UpdateResource(row.id, values)]).result(20)
    _hidden(store)
    assert store.resources.get(stack.id, "net") == replace(row, properties={"a": WORD}, secret=True)


def test_trusts(store: Store) -> None:
    record = CredentialRecord("c", "p", "u", "seen", "u", (), NOW, NOW, WORD)
    store.credentials.add(record)
    _hidden(store)
    assert store.credentials.get("c") == record
    assert WORD not in repr(record)


def test_keys(store: Store) -> None:
    url = store.url.render_as_string(hide_password=False)
    record = CredentialRecord("c", "p", "u", "seen", "u", (), NOW, NOW, WORD)
    keyless, wrong, same = Store(url, ""), Store(url, KEY + "!"), Store(url, KEY)
    with pytest.raises(KeyMissing):
        keyless.credentials.add(record)
    store.credentials.add(record)
    with pytest.raises(KeyMissing):
        keyless.credentials.get("c")
    with pytest.raises(WrongKey):
        wrong.credentials.get("c")
    assert same.credentials.get("c") == record
    for other in (keyless, wrong, same):
        other.close()
