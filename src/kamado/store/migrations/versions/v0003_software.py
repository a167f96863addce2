"""Software configs and deployments."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql, postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# A revision is history: it repeats what schema.py said then, and never imports it.
NAME = sa.String(255).with_variant(postgresql.VARCHAR(255, collation="C"), "postgresql")
LONG = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
TIME = sa.BigInteger()
ID = sa.String(36)
MYSQL: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def upgrade() -> None:
    op.create_table(
        "software_config",
        sa.Column("id", ID, nullable=False),
        sa.Column("project_id", NAME, nullable=False),
        sa.Column("name", NAME, nullable=True),
        sa.Column("group_name", NAME, nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("data", LONG, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_software_config")),
        **MYSQL,
    )
    _index("software_config", "project_id", "created_at", "id")
    op.create_table(
        "software_deployment",
        sa.Column("id", ID, nullable=False),
        sa.Column("project_id", NAME, nullable=False),
        sa.Column("config_id", ID, nullable=False),
        sa.Column("server_id", NAME, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("input_values", LONG, nullable=False),
        sa.Column("output_values", LONG, nullable=True),
        sa.Column("action", NAME, nullable=True),
        sa.Column("status", NAME, nullable=True),
        sa.Column("status_reason", LONG, nullable=True),
        sa.Column("stack_user_project_id", NAME, nullable=True),
        sa.Column("updated_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(["config_id"], ["software_config.id"], name=op.f("fk_software_deployment_config_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_software_deployment")),
        **MYSQL,
    )
    _index("software_deployment", "project_id", "created_at", "id")
    for column in ("server_id", "config_id", "stack_user_project_id"):
        _index("software_deployment", column)


def _index(table: str, *columns: str) -> None:
    op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, list(columns), unique=False)
