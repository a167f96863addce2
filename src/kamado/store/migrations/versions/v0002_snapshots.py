"""Snapshots of stacks."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql, postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# A revision is history: it repeats what schema.py said then, and never imports it.
NAME = sa.String(255).with_variant(postgresql.VARCHAR(255, collation="C"), "postgresql")
LONG = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
TIME = sa.BigInteger()
ID = sa.String(36)
WORD = sa.String(32)
MYSQL: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def upgrade() -> None:
    op.create_table(
        "snapshot",
        sa.Column("id", ID, nullable=False),
        sa.Column("stack_id", ID, nullable=False),
        sa.Column("project_id", NAME, nullable=False),
        sa.Column("name", NAME, nullable=True),
        sa.Column("action", WORD, nullable=False),
        sa.Column("status", WORD, nullable=False),
        sa.Column("reason", LONG, nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("data", LONG, nullable=False),
        sa.ForeignKeyConstraint(["stack_id"], ["stack.id"], name=op.f("fk_snapshot_stack_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_snapshot")),
        **MYSQL,
    )
    op.create_index(op.f("ix_snapshot_stack_id_created_at"), "snapshot", ["stack_id", "created_at"], unique=False)
