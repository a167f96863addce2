"""What Alembic runs for each command: the connection comes from `kamado.store.migrations.configuration`."""

from __future__ import annotations

from alembic import context

from kamado.store.schema import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, transactional_ddl=False)
context.run_migrations()
