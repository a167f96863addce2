"""The right to act for a user after the request: trust ids, encrypted, shared by stacks of one user, project and role set."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import not_, or_, select

from kamado.model.records import CredentialRecord
from kamado.store import schema
from kamado.store.crypt import Cipher
from kamado.store.encoding import at, canonical_json, clean, decode_list, encode_list, encode_time

if TYPE_CHECKING:
    from kamado.store.store import Store

_COLUMNS = tuple(
    schema.credential.c[name]
    for name in (
        "id",
        "project_id",
        "user_id",
        "username",
        "trustor_user_id",
        "roles",
        "created_at",
        "used_at",
        "trust_id",
    )
)


def _digest(roles: Iterable[str]) -> str:
    return hashlib.sha256(canonical_json(sorted(roles)).encode()).hexdigest()


def _record(row: Sequence[Any], cipher: Cipher) -> CredentialRecord:
    key, project_id, user_id, username, trustor, roles, created_at, used_at, trust_id = row
    return CredentialRecord(
        key,
        project_id,
        user_id,
        username,
        trustor,
        decode_list(roles),
        at(created_at),
        at(used_at),
        **_opened(cipher.decrypt(trust_id)),
    )


def _closed(record: CredentialRecord) -> str:
    """What is encrypted: the id of a trust as it is, as all releases read it; other ways with their secrets as JSON."""
    if record.method == "trusts":
        return record.trust_id
    return canonical_json({"method": record.method, "trust_id": record.trust_id, "secret": record.secret})


def _opened(text: str) -> dict[str, str]:
    return json.loads(text) if text.startswith("{") else {"trust_id": text}


class Credentials:
    """Trusts and who uses them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def find(self, project_id: str, trustor_user_id: str, roles: Iterable[str]) -> CredentialRecord | None:
        """The newest credential of that user in that project with exactly these roles (in any order)."""
        table = schema.credential.c
        statement = (
            select(*_COLUMNS)
            .where(
                table.project_id == project_id,
                table.trustor_user_id == trustor_user_id,
                table.roles_digest == _digest(roles),
            )
            .order_by(table.created_at.desc(), table.id)
            .limit(1)
        )
        return self._one(statement)

    def add(self, record: CredentialRecord) -> None:
        """Keep a new credential. Raises `kamado.store.errors.KeyMissing` when the store has no key."""
        row = {
            "id": record.id,
            "project_id": record.project_id,
            "user_id": record.user_id,
            "username": clean(record.username),
            "trustor_user_id": record.trustor_user_id,
            "roles": encode_list(record.roles),
            "roles_digest": _digest(record.roles),
            "trust_id": self._sealed(record),
            "created_at": encode_time(record.created_at),
            "used_at": encode_time(record.used_at),
        }
        self._store.write(lambda connection: connection.execute(schema.credential.insert(), row).rowcount)

    def get(self, key: str) -> CredentialRecord | None:
        """One credential by its id."""
        return self._one(select(*_COLUMNS).where(schema.credential.c.id == key))

    def renew(self, record: CredentialRecord) -> bool:
        """Put another trust (or what stands for one) in the place of one that is no longer accepted; False when the row is gone."""
        table = schema.credential
        values = {"trust_id": self._sealed(record), "used_at": encode_time(record.used_at)}
        statement = table.update().where(table.c.id == record.id).values(values)
        return self._store.write(lambda connection: connection.execute(statement).rowcount) == 1

    def hand_over(self, root_id: str, old: str, new: str) -> None:
        """Have the stacks of a tree that use one credential use another one, those that were deleted too."""
        table = schema.stack
        statement = table.update().where(table.c.root_id == root_id, table.c.credential_id == old)
        self._store.write(lambda connection: connection.execute(statement.values(credential_id=new)).rowcount)

    def _sealed(self, record: CredentialRecord) -> str:
        text = _closed(record)
        return self._store.cipher.encrypt(text) if text else ""

    def touch(self, key: str, now: datetime) -> bool:
        """Note that a request takes it; False when it has been removed meanwhile."""
        statement = schema.credential.update().where(schema.credential.c.id == key).values(used_at=encode_time(now))
        return self._store.write(lambda connection: connection.execute(statement).rowcount) == 1

    def unused(self, before: datetime) -> list[CredentialRecord]:
        """Those that no live stack or operation has and no request took since ``before``."""
        stack, operation = schema.stack.c, schema.operation.c
        table = schema.credential.c
        stacks = select(stack.id).where(stack.credential_id == table.id, stack.deleted_at == 0)
        operations = select(operation.id).where(
            operation.credential_id == table.id, or_(operation.slot == "RUNNING", operation.slot == "PENDING")
        )
        statement = select(*_COLUMNS).where(
            table.used_at < encode_time(before), not_(stacks.exists()), not_(operations.exists())
        )
        rows = self._store.read(lambda connection: connection.execute(statement).all())
        return [_record(row, self._store.cipher) for row in rows]

    def remove(self, record: CredentialRecord) -> bool:
        """Forget a credential unless a request took it since it was read; the trust itself is the caller's to remove."""
        table = schema.credential
        statement = table.delete().where(table.c.id == record.id, table.c.used_at == encode_time(record.used_at))
        return self._store.write(lambda connection: connection.execute(statement).rowcount) == 1

    def _one(self, statement: Any) -> CredentialRecord | None:
        row = self._store.read(lambda connection: connection.execute(statement).first())
        return None if row is None else _record(row, self._store.cipher)
