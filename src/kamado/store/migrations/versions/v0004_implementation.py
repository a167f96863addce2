"""What the type of a resource stood for when it was made."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# A revision is history: it repeats what schema.py said then, and never imports it.
ADDRESS = sa.String(2048).with_variant(postgresql.VARCHAR(2048, collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("resource", sa.Column("implementation", ADDRESS, nullable=True))
