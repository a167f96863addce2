"""The tables of the first release."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql, postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# A revision is history: it repeats what schema.py said then, and never imports it.
NAME = sa.String(255).with_variant(postgresql.VARCHAR(255, collation="C"), "postgresql")
PHYSICAL = sa.String(512).with_variant(postgresql.VARCHAR(512, collation="C"), "postgresql")
LONG = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
BLOB = sa.LargeBinary().with_variant(mysql.LONGBLOB(), "mysql", "mariadb")
SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.BigInteger()
ID = sa.String(36)
DIGEST = sa.String(64)
WORD = sa.String(32)
MYSQL: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def upgrade() -> None:
    op.create_table(
        "credential",
        sa.Column("id", ID, nullable=False),
        sa.Column("project_id", NAME, nullable=False),
        sa.Column("user_id", NAME, nullable=False),
        sa.Column("username", NAME, nullable=False),
        sa.Column("trustor_user_id", NAME, nullable=False),
        sa.Column("roles", LONG, nullable=False),
        sa.Column("roles_digest", DIGEST, nullable=False),
        sa.Column("trust_id", LONG, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("used_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credential")),
        **MYSQL,
    )
    op.create_index(
        op.f("ix_credential_project_id_trustor_user_id_roles_digest"),
        "credential",
        ["project_id", "trustor_user_id", "roles_digest"],
        unique=False,
    )
    op.create_index(op.f("ix_credential_used_at"), "credential", ["used_at"], unique=False)
    op.create_table(
        "engine",
        sa.Column("id", ID, nullable=False),
        sa.Column("hostname", NAME, nullable=False),
        sa.Column("binary", NAME, nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("started_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.Column("report_interval", sa.Integer(), nullable=False),
        sa.Column("deleted_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_engine")),
        **MYSQL,
    )
    op.create_table(
        "file",
        sa.Column("id", DIGEST, nullable=False),
        sa.Column("body", BLOB, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_file")),
        **MYSQL,
    )
    op.create_table(
        "journal_mark",
        sa.Column("id", ID, nullable=False),
        sa.Column("batch", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_journal_mark")),
        **MYSQL,
    )
    op.create_table(
        "stack",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", NAME, nullable=False),
        sa.Column("live_name", NAME, nullable=True),
        sa.Column("project_id", NAME, nullable=False),
        sa.Column("action", WORD, nullable=False),
        sa.Column("status", WORD, nullable=False),
        sa.Column("reason", LONG, nullable=False),
        sa.Column("template_id", DIGEST, nullable=False),
        sa.Column("files", LONG, nullable=False),
        sa.Column("environment", LONG, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=True),
        sa.Column("deleted_at", TIME, nullable=False),
        sa.Column("owner_id", ID, nullable=False),
        sa.Column("root_id", ID, nullable=False),
        sa.Column("nested_depth", sa.SmallInteger(), nullable=False),
        sa.Column("parent_resource", NAME, nullable=True),
        sa.Column("timeout_mins", sa.Integer(), nullable=True),
        sa.Column("disable_rollback", sa.Boolean(), nullable=False),
        sa.Column("description", LONG, nullable=False),
        sa.Column("tags", LONG, nullable=False),
        sa.Column("user_id", NAME, nullable=False),
        sa.Column("username", NAME, nullable=False),
        sa.Column("credential_id", ID, nullable=True),
        sa.Column("stack_user_project_id", NAME, nullable=True),
        sa.Column("operation_id", ID, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stack")),
        sa.UniqueConstraint("project_id", "live_name", name=op.f("uq_stack_project_id_live_name")),
        **MYSQL,
    )
    op.create_index(op.f("ix_stack_credential_id"), "stack", ["credential_id"], unique=False)
    op.create_index(op.f("ix_stack_deleted_at_created_at"), "stack", ["deleted_at", "created_at"], unique=False)
    op.create_index(op.f("ix_stack_owner_id"), "stack", ["owner_id"], unique=False)
    op.create_index(op.f("ix_stack_project_id_name"), "stack", ["project_id", "name"], unique=False)
    op.create_index(
        op.f("ix_stack_project_id_owner_id_deleted_at_created_at_id"),
        "stack",
        ["project_id", "owner_id", "deleted_at", "created_at", "id"],
        unique=False,
    )
    op.create_index(op.f("ix_stack_root_id"), "stack", ["root_id"], unique=False)
    op.create_index(op.f("ix_stack_stack_user_project_id"), "stack", ["stack_user_project_id"], unique=False)
    op.create_table(
        "template",
        sa.Column("id", DIGEST, nullable=False),
        sa.Column("body", LONG, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_template")),
        **MYSQL,
    )
    op.create_table(
        "event",
        sa.Column("seq", SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("stack_id", ID, nullable=False),
        sa.Column("resource_name", NAME, nullable=False),
        sa.Column("resource_type", NAME, nullable=False),
        sa.Column("physical_id", PHYSICAL, nullable=True),
        sa.Column("action", WORD, nullable=False),
        sa.Column("status", WORD, nullable=False),
        sa.Column("reason", LONG, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("properties", LONG, nullable=True),
        sa.Column("secret", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["stack_id"], ["stack.id"], name=op.f("fk_event_stack_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_event")),
        sa.UniqueConstraint("id", name=op.f("uq_event_id")),
        **MYSQL,
    )
    op.create_index(op.f("ix_event_stack_id_seq"), "event", ["stack_id", "seq"], unique=False)
    op.create_table(
        "operation",
        sa.Column("id", ID, nullable=False),
        sa.Column("stack_id", ID, nullable=False),
        sa.Column("action", WORD, nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("slot", WORD, nullable=True),
        sa.Column("template_id", DIGEST, nullable=False),
        sa.Column("files", LONG, nullable=False),
        sa.Column("environment", LONG, nullable=False),
        sa.Column("previous_template_id", DIGEST, nullable=True),
        sa.Column("previous_files", LONG, nullable=True),
        sa.Column("previous_environment", LONG, nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("parent_id", ID, nullable=True),
        sa.Column("engine_id", ID, nullable=True),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("lease_expires_at", TIME, nullable=True),
        sa.Column("started_at", TIME, nullable=True),
        sa.Column("finished_at", TIME, nullable=True),
        sa.Column("deadline", TIME, nullable=True),
        sa.Column("stop", WORD, nullable=False),
        sa.Column("rollback", sa.Boolean(), nullable=False),
        sa.Column("credential_id", ID, nullable=True),
        sa.Column("request_id", NAME, nullable=False),
        sa.Column("reason", LONG, nullable=False),
        sa.Column("options", LONG, nullable=False),
        sa.ForeignKeyConstraint(["stack_id"], ["stack.id"], name=op.f("fk_operation_stack_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operation")),
        sa.UniqueConstraint("stack_id", "slot", name=op.f("uq_operation_stack_id_slot")),
        **MYSQL,
    )
    op.create_index(op.f("ix_operation_parent_id"), "operation", ["parent_id"], unique=False)
    op.create_index(op.f("ix_operation_slot_created_at"), "operation", ["slot", "created_at"], unique=False)
    op.create_index(op.f("ix_operation_stack_id_created_at"), "operation", ["stack_id", "created_at"], unique=False)
    op.create_table(
        "resource",
        sa.Column("id", ID, nullable=False),
        sa.Column("stack_id", ID, nullable=False),
        sa.Column("name", NAME, nullable=False),
        sa.Column("type", NAME, nullable=False),
        sa.Column("action", WORD, nullable=False),
        sa.Column("status", WORD, nullable=False),
        sa.Column("reason", LONG, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=True),
        sa.Column("physical_id", PHYSICAL, nullable=True),
        sa.Column("physical_name", PHYSICAL, nullable=True),
        sa.Column("operation_id", ID, nullable=True),
        sa.Column("phase", WORD, nullable=False),
        sa.Column("progress", LONG, nullable=True),
        sa.Column("properties", LONG, nullable=True),
        sa.Column("definition", sa.String(128), nullable=False),
        sa.Column("metadata", LONG, nullable=False),
        sa.Column("attributes", LONG, nullable=False),
        sa.Column("data", LONG, nullable=False),
        sa.Column("requires", LONG, nullable=False),
        sa.Column("replaces", ID, nullable=True),
        sa.Column("replaced_by", ID, nullable=True),
        sa.Column("deletion_policy", WORD, nullable=False),
        sa.Column("external_id", PHYSICAL, nullable=True),
        sa.Column("secret", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["stack_id"], ["stack.id"], name=op.f("fk_resource_stack_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_resource")),
        **MYSQL,
    )
    op.create_index(op.f("ix_resource_physical_id"), "resource", ["physical_id"], unique=False)
    op.create_index(op.f("ix_resource_stack_id_name"), "resource", ["stack_id", "name"], unique=False)
    op.create_table(
        "stack_tag",
        sa.Column("stack_id", ID, nullable=False),
        sa.Column("tag", NAME, nullable=False),
        sa.ForeignKeyConstraint(["stack_id"], ["stack.id"], name=op.f("fk_stack_tag_stack_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("stack_id", "tag", name=op.f("pk_stack_tag")),
        **MYSQL,
    )
