"""The right to act for a user after the request: trust ids, encrypted, shared by stacks of one user, project and role set."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, func, or_, select

from kamado.model.records import CredentialRecord
from kamado.store import schema
from kamado.store.crypt import Cipher
from kamado.store.encoding import at, canonical_json, clean, decode_list, encode_list, encode_time

if TYPE_CHECKING:
    from kamado.store.store import Store

_COLUMNS = tuple(
    schema.credential.c[name]
    for name in ("id", "project_id", "user_id", "username", "trustor_user_id", "roles", "created_at", "trust_id")
)


def _digest(roles: Iterable[str]) -> str:
    return hashlib.sha256(canonical_json(sorted(roles)).encode()).hexdigest()


def _record(row: Sequence[Any], cipher: Cipher) -> CredentialRecord:
    key, project_id, user_id, username, trustor, roles, created_at, trust_id = row
    return CredentialRecord(
        key, project_id, user_id, username, trustor, decode_list(roles), at(created_at), cipher.decrypt(trust_id)
    )


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
            "trust_id": self._store.cipher.encrypt(record.trust_id) if record.trust_id else "",
            "created_at": encode_time(record.created_at),
        }
        self._store.write(lambda connection: connection.execute(schema.credential.insert(), row).rowcount)

    def get(self, key: str) -> CredentialRecord | None:
        """One credential by its id."""
        return self._one(select(*_COLUMNS).where(schema.credential.c.id == key))

    def users_of(self, key: str) -> int:
        """How many live stacks and live operations use the credential. 2 queries."""
        stack, operation = schema.stack.c, schema.operation.c
        stacks = select(func.count()).where(stack.credential_id == key, stack.deleted_at == 0)
        operations = select(func.count()).where(
            operation.credential_id == key, or_(operation.slot == "RUNNING", operation.slot == "PENDING")
        )

        def work(connection: Connection) -> int:
            return connection.execute(stacks).scalar_one() + connection.execute(operations).scalar_one()

        return self._store.read(work)

    def remove(self, key: str) -> None:
        """Forget a credential; the trust itself is the caller's to remove."""
        statement = schema.credential.delete().where(schema.credential.c.id == key)
        self._store.write(lambda connection: connection.execute(statement).rowcount)

    def _one(self, statement: Any) -> CredentialRecord | None:
        row = self._store.read(lambda connection: connection.execute(statement).first())
        return None if row is None else _record(row, self._store.cipher)
