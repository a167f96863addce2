"""Software configs and deployments: rows that requests and resource types make, read and remove.

Called by the orchestrator. ``project_id`` None means: of any project (administrators). The trap: a deployment belongs to two projects,
that of its stack and that of the stack user on the server, and both may see it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Select, func, or_, select
from sqlalchemy.exc import IntegrityError

from kamado.model.records import SoftwareConfigRecord, SoftwareDeploymentRecord
from kamado.store import bulk, schema
from kamado.store.crypt import Cipher
from kamado.store.encoding import at, clean, clean_optional, decode_time, encode_time
from kamado.store.errors import ConfigGone, ConfigInUse
from kamado.store.events import beyond

if TYPE_CHECKING:
    from kamado.store.store import Store

_CONFIG = schema.software_config.c
_DEPLOYMENT = schema.software_deployment.c

_CONFIG_COLUMNS = (
    _CONFIG.id,
    _CONFIG.project_id,
    _CONFIG.name,
    _CONFIG.group_name,
    _CONFIG.created_at,
    _CONFIG.data,
)
_DEPLOYMENT_COLUMNS = (
    _DEPLOYMENT.id,
    _DEPLOYMENT.project_id,
    _DEPLOYMENT.config_id,
    _DEPLOYMENT.server_id,
    _DEPLOYMENT.created_at,
    _DEPLOYMENT.input_values,
    _DEPLOYMENT.output_values,
    _DEPLOYMENT.action,
    _DEPLOYMENT.status,
    _DEPLOYMENT.status_reason,
    _DEPLOYMENT.stack_user_project_id,
    _DEPLOYMENT.updated_at,
)

Decide = Callable[[SoftwareDeploymentRecord], Mapping[str, Any]]
"""Given the locked deployment: the fields that get new values; may raise to refuse."""


def _config(row: Sequence[Any], cipher: Cipher) -> SoftwareConfigRecord:
    key, project_id, name, group, created_at, data = row
    held = cipher.open_map(data)
    return SoftwareConfigRecord(
        key,
        project_id,
        name,
        group,
        at(created_at),
        held["config"],
        tuple(held["inputs"]),
        tuple(held["outputs"]),
        held["options"],
    )


def _deployment(row: Sequence[Any], cipher: Cipher) -> SoftwareDeploymentRecord:
    key, project_id, config_id, server_id, created_at, given, told, action, status, reason, user_project, updated = row
    return SoftwareDeploymentRecord(
        key,
        project_id,
        config_id,
        server_id,
        at(created_at),
        cipher.open_map(given),
        None if told is None else cipher.open_map(told),
        action,
        status,
        reason,
        user_project,
        decode_time(updated),
    )


def _values(values: Mapping[str, Any], cipher: Cipher) -> dict[str, Any]:
    encoders: dict[str, Callable[[Any], Any]] = {
        "config_id": str,
        "input_values": cipher.seal_map,
        "output_values": cipher.seal_map,
        "action": clean_optional,
        "status": clean_optional,
        "status_reason": clean_optional,
        "updated_at": encode_time,
    }
    return {name: encoders[name](value) for name, value in values.items()}


def _config_row(record: SoftwareConfigRecord, cipher: Cipher) -> dict[str, Any]:
    data = {
        "config": record.config,
        "inputs": list(record.inputs),
        "outputs": list(record.outputs),
        "options": dict(record.options),
    }
    return {
        "id": record.id,
        "project_id": clean(record.project_id),
        "name": clean_optional(record.name),
        "group_name": clean_optional(record.group),
        "created_at": encode_time(record.created_at),
        "data": cipher.seal_map(data),
    }


def _insert_config(connection: Connection, row: Mapping[str, Any]) -> None:
    if connection.execute(select(_CONFIG.id).where(_CONFIG.id == row["id"])).first() is None:
        bulk.insert(connection, schema.software_config, [row])


_CHANGEABLE = ("config_id", "input_values", "output_values", "action", "status", "status_reason", "updated_at")


def _deployment_row(record: SoftwareDeploymentRecord, cipher: Cipher) -> dict[str, Any]:
    return {
        "id": record.id,
        "project_id": clean(record.project_id),
        "server_id": clean(record.server_id),
        "created_at": encode_time(record.created_at),
        "stack_user_project_id": clean_optional(record.stack_user_project_id),
        **_values({name: getattr(record, name) for name in _CHANGEABLE}, cipher),
    }


class SoftwareConfigs:
    """Configs; none is ever changed."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def create(self, record: SoftwareConfigRecord) -> None:
        """Write a new one; one with that id that is there already is left as it is."""
        row = _config_row(record, self._store.cipher)
        self._store.write(lambda connection: _insert_config(connection, row))

    def get(self, key: str, project_id: str | None) -> SoftwareConfigRecord | None:
        """One of them."""
        return next(iter(self._records(select(*_CONFIG_COLUMNS).where(_CONFIG.id == key, *_owned(project_id)))), None)

    def many(self, keys: Sequence[str]) -> dict[str, SoftwareConfigRecord]:
        """By id, those that are there."""
        found = self._records(select(*_CONFIG_COLUMNS).where(_CONFIG.id.in_(list(keys)))) if keys else []
        return {record.id: record for record in found}

    def page(
        self, project_id: str | None, limit: int | None = None, marker: str | None = None
    ) -> list[SoftwareConfigRecord]:
        """Newest first; ``marker`` is the id of the last one of the page before, an unknown one is ignored."""
        keys = [_CONFIG.created_at, _CONFIG.id]
        statement = select(*_CONFIG_COLUMNS).where(*_owned(project_id)).order_by(*(key.desc() for key in keys))
        if marker is not None:
            mark = self._store.read(
                lambda connection: connection.execute(select(*keys).where(_CONFIG.id == marker)).first()
            )
            if mark is not None:
                statement = statement.where(beyond(keys, tuple(mark), "desc"))
        return self._records(statement if limit is None else statement.limit(limit))

    def count(self, project_id: str) -> int:
        """How many a project has."""
        statement = select(func.count()).where(_CONFIG.project_id == project_id)
        return self._store.read(lambda connection: connection.execute(statement).scalar_one())

    def remove(self, key: str) -> None:
        """It goes.

        :raises ConfigInUse: a deployment has it.
        """
        users = select(_DEPLOYMENT.id).where(_DEPLOYMENT.config_id == key).limit(1)

        def work(connection: Connection) -> None:
            if connection.execute(users).first() is not None:
                raise ConfigInUse(key)
            bulk.delete(connection, schema.software_config, [key])

        try:
            self._store.write(work)
        except IntegrityError as error:
            raise ConfigInUse(key) from error

    def _records(self, statement: Select[Any]) -> list[SoftwareConfigRecord]:
        cipher = self._store.cipher
        return self._store.read(lambda connection: [_config(row, cipher) for row in connection.execute(statement)])


class SoftwareDeployments:
    """Deployments."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def create(self, record: SoftwareDeploymentRecord) -> None:
        """Write a new one.

        :raises ConfigGone: its config is not there.
        """
        row = _deployment_row(record, self._store.cipher)
        try:
            self._store.write(lambda connection: bulk.insert(connection, schema.software_deployment, [row]))
        except IntegrityError as error:
            raise ConfigGone(record.config_id) from error

    def deploy(self, record: SoftwareDeploymentRecord, config: SoftwareConfigRecord) -> None:
        """Write a deployment with a config of its own, or give one that is there that config in place of the one that it had, which goes.

        Done already (it has that config): nothing changes, whatever the server has told since. Both or nothing.
        """
        cipher = self._store.cipher
        statement = select(*_DEPLOYMENT_COLUMNS).where(_DEPLOYMENT.id == record.id).with_for_update()

        def work(connection: Connection) -> None:
            found = connection.execute(statement).first()
            before = None if found is None else _deployment(found, cipher).config_id
            if before == config.id:
                return
            _insert_config(connection, _config_row(config, cipher))
            if before is None:
                bulk.insert(connection, schema.software_deployment, [_deployment_row(record, cipher)])
                return
            kept = ("config_id", "input_values", "action", "status", "status_reason")
            values = {name: getattr(record, name) for name in kept} | {"updated_at": record.created_at}
            bulk.update(connection, schema.software_deployment, {record.id: _values(values, cipher)})
            _drop_config(connection, before)

        self._store.write(work)

    def undeploy(self, key: str) -> None:
        """It goes, and its config with it unless another one has that."""

        def work(connection: Connection) -> None:
            found = connection.execute(select(_DEPLOYMENT.config_id).where(_DEPLOYMENT.id == key)).first()
            bulk.delete(connection, schema.software_deployment, [key])
            if found is not None:
                _drop_config(connection, found[0])

        self._store.write(work)

    def get(self, key: str, project_id: str | None) -> SoftwareDeploymentRecord | None:
        """One of them."""
        return next(iter(self._records(_DEPLOYMENT.id == key, *_seen(project_id))), None)

    def listing(self, project_id: str | None, server_id: str | None = None) -> list[SoftwareDeploymentRecord]:
        """All that a project may see, or those on one server; oldest first."""
        conditions = [] if server_id is None else [_DEPLOYMENT.server_id == server_id]
        return self._records(*conditions, *_seen(project_id))

    def count(self, project_id: str) -> int:
        """How many a project has."""
        statement = select(func.count()).where(_DEPLOYMENT.project_id == project_id)
        return self._store.read(lambda connection: connection.execute(statement).scalar_one())

    def change(self, key: str, decide: Decide) -> SoftwareDeploymentRecord | None:
        """Change one; as it is then, None when it is gone.

        :raises ConfigGone: its new config is not there.
        """
        statement = select(*_DEPLOYMENT_COLUMNS).where(_DEPLOYMENT.id == key).with_for_update()
        cipher = self._store.cipher

        def work(connection: Connection) -> SoftwareDeploymentRecord | None:
            found = connection.execute(statement).first()
            if found is None:
                return None
            record = _deployment(found, cipher)
            values = decide(record)
            if values:
                bulk.update(connection, schema.software_deployment, {key: _values(values, cipher)})
            return replace(record, **values)

        try:
            return self._store.write(work)
        except IntegrityError as error:
            raise ConfigGone(key) from error

    def remove(self, key: str) -> None:
        """It goes."""
        self._store.write(lambda connection: bulk.delete(connection, schema.software_deployment, [key]))

    def _records(self, *conditions: Any) -> list[SoftwareDeploymentRecord]:
        statement = select(*_DEPLOYMENT_COLUMNS).where(*conditions).order_by(_DEPLOYMENT.created_at, _DEPLOYMENT.id)
        cipher = self._store.cipher
        return self._store.read(lambda connection: [_deployment(row, cipher) for row in connection.execute(statement)])


def _drop_config(connection: Connection, key: str) -> None:
    if connection.execute(select(_DEPLOYMENT.id).where(_DEPLOYMENT.config_id == key).limit(1)).first() is None:
        bulk.delete(connection, schema.software_config, [key])


def _owned(project_id: str | None) -> list[Any]:
    return [] if project_id is None else [_CONFIG.project_id == project_id]


def _seen(project_id: str | None) -> list[Any]:
    if project_id is None:
        return []
    return [or_(_DEPLOYMENT.project_id == project_id, _DEPLOYMENT.stack_user_project_id == project_id)]
