"""Trusts that stacks share, and the list of engines."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from tests.store.things import NOW, a_stack, accept, an_event, an_operation

from kamado.model.identifiers import new_id
from kamado.model.records import CredentialRecord, EngineRecord
from kamado.store import Store

CREDENTIAL = CredentialRecord("c1", "p1", "u1", "demo", "u1", ("member", "reader"), NOW, NOW, "trust-1")


def test_credentials_are_shared_by_user_project_and_roles(store: Store) -> None:
    store.credentials.add(CREDENTIAL)
    assert store.credentials.get("c1") == CREDENTIAL
    assert store.credentials.find("p1", "u1", ["reader", "member"]) == CREDENTIAL
    assert store.credentials.find("p1", "u1", ["member"]) is None
    assert store.credentials.find("p2", "u1", ["member", "reader"]) is None
    assert store.credentials.find("p1", "u2", ["member", "reader"]) is None
    newer = replace(CREDENTIAL, id="c2", created_at=NOW + timedelta(seconds=1), trust_id="trust-2")
    store.credentials.add(newer)
    assert store.credentials.find("p1", "u1", ["member", "reader"]) == newer
    assert store.credentials.remove(newer)
    assert store.credentials.get("c2") is None


def test_a_credential_is_unused_once_no_stack_and_no_operation_has_it(store: Store) -> None:
    later = NOW + timedelta(hours=3)
    store.credentials.add(CREDENTIAL)
    store.credentials.add(replace(CREDENTIAL, id="c2"))
    accept(store, "gone", credential_id="c1", deleted_at=NOW)
    assert [found.id for found in store.credentials.unused(later)] == ["c1", "c2"]
    accept(store, "a", credential_id="c2")
    assert [found.id for found in store.credentials.unused(later)] == ["c1"]
    stack = a_stack("b")
    store.stacks.create(stack, an_operation(stack.id, credential_id="c1"), an_event(stack.id))
    assert store.credentials.unused(later) == []


def test_a_credential_that_a_request_has_just_taken_stays(store: Store) -> None:
    store.credentials.add(CREDENTIAL)
    assert store.credentials.unused(NOW) == []
    [seen] = store.credentials.unused(NOW + timedelta(hours=2))
    assert store.credentials.touch("c1", NOW + timedelta(hours=2))
    assert not store.credentials.remove(seen), "taken between the look and the removal"
    assert store.credentials.get("c1") is not None
    assert not store.credentials.touch("c9", NOW)


def test_engines_report_and_leave(store: Store) -> None:
    first = EngineRecord(new_id(), "host-1", "kamado-engine", 4711, NOW, NOW, 60)
    second = replace(first, id=new_id(), started_at=NOW + timedelta(seconds=1))
    store.engines.beat(first)
    store.engines.beat(second)
    later = replace(first, updated_at=NOW + timedelta(minutes=1))
    store.engines.beat(later)
    assert store.engines.list() == [later, second]
    store.engines.goodbye(second.id, NOW + timedelta(minutes=2))
    assert store.engines.list() == [later]
    assert store.engines.list(gone=True) == [later, replace(second, deleted_at=NOW + timedelta(minutes=2))]
    assert store.engines.forget(NOW + timedelta(seconds=30)) == 1
    assert store.engines.list(gone=True) == [later]
