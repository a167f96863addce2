"""Operations know their project, so that engines can be fair between projects."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# A revision is history: it repeats what schema.py said then, and never imports it.
NAME = sa.String(255).with_variant(postgresql.VARCHAR(255, collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("operation", sa.Column("project_id", NAME, nullable=False, server_default=sa.text("''")))
    op.execute(
        "UPDATE operation SET project_id = (SELECT project_id FROM stack WHERE stack.id = operation.stack_id)"
        " WHERE EXISTS (SELECT 1 FROM stack WHERE stack.id = operation.stack_id)"
    )
    op.create_index(op.f("ix_operation_slot_project_id_created_at"), "operation", ["slot", "project_id", "created_at"])
    op.drop_index(op.f("ix_operation_slot_created_at"), table_name="operation")
