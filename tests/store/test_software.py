"""Software configs and deployments in the database."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from tests.store.things import NOW

from kamado.model.identifiers import new_id
from kamado.model.records import SoftwareConfigRecord, SoftwareDeploymentRecord
from kamado.store import ConfigGone, ConfigInUse, Store, schema


def a_config(store: Store, **values: object) -> SoftwareConfigRecord:
    made = SoftwareConfigRecord(
        **{"id": new_id(), "project_id": "p1", "name": "c", "group": "g", "created_at": NOW, **values}
    )
    store.software_configs.create(made)
    return made


def a_deployment(store: Store, config: SoftwareConfigRecord, **values: object) -> SoftwareDeploymentRecord:
    made = SoftwareDeploymentRecord(
        **{"id": new_id(), "project_id": "p1", "config_id": config.id, "server_id": "s", "created_at": NOW, **values}
    )
    store.software_deployments.create(made)
    return made


def test_what_is_written_is_read(store: Store) -> None:
    config = a_config(store, config={"a": [1]}, inputs=({"name": "i", "value": "s3cret"},), outputs=({"name": "o"},))
    deployment = a_deployment(store, config, input_values={"i": "s3cret"}, output_values={"o": 1}, updated_at=NOW)
    assert store.software_configs.get(config.id, "p1") == config
    assert store.software_configs.many([config.id, "other"]) == {config.id: config}
    assert store.software_deployments.get(deployment.id, None) == deployment


def test_values_are_not_readable_in_the_database(store: Store) -> None:
    config = a_config(store, config="s3cret", inputs=({"name": "i", "value": "s3cret"},))
    a_deployment(store, config, input_values={"i": "s3cret"}, output_values={"o": "s3cret"})
    with store.reader.engine.connect() as connection:
        for table in (schema.software_config, schema.software_deployment):
            assert "s3cret" not in str(connection.execute(select(table)).all())


def test_projects_do_not_see_each_other(store: Store) -> None:
    config = a_config(store)
    mine, shared = a_deployment(store, config), a_deployment(store, config, stack_user_project_id="p2")
    assert store.software_configs.get(config.id, "p2") is None
    assert store.software_configs.page("p2") == []
    assert store.software_deployments.get(mine.id, "p2") is None
    assert store.software_deployments.listing("p2") == [shared]
    assert store.software_deployments.listing("p2", "other") == []


def test_pages_hold_each_config_once(store: Store) -> None:
    made = {a_config(store).id for _ in range(5)}
    seen: list[str] = []
    while page := store.software_configs.page("p1", 2, seen[-1] if seen else None):
        seen += [config.id for config in page]
    assert len(seen) == 5
    assert set(seen) == made


def test_a_config_in_use_cannot_go(store: Store) -> None:
    config = a_config(store)
    deployment = a_deployment(store, config)
    with pytest.raises(ConfigInUse):
        store.software_configs.remove(config.id)
    store.software_deployments.remove(deployment.id)
    store.software_configs.remove(config.id)
    assert store.software_configs.get(config.id, None) is None


def test_a_deployment_needs_a_config(store: Store) -> None:
    config = a_config(store)
    deployment = a_deployment(store, config)
    with pytest.raises(ConfigGone):
        a_deployment(store, config, config_id=new_id())
    with pytest.raises(ConfigGone):
        store.software_deployments.change(deployment.id, lambda _: {"config_id": new_id()})
    assert store.software_deployments.get(deployment.id, None) == deployment
