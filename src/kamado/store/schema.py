"""The tables. Read by every module of this package; the only description of the schema besides the migrations.

A fresh database is made from here and stamped with the newest revision; an older one is brought up by the migrations; a test
proves that both end at the same schema, so a change here needs a migration. Conventions: times are microseconds (BIGINT),
maps and lists are JSON text, "none" in a column that an index pages by is 0 or the empty text (NULL sorts and matches
differently on the three databases), and text compares by bytes everywhere.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeEngine

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_MYSQL: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def _text(length: int) -> TypeEngine[str]:
    """A bounded text that sorts by bytes."""
    return String(length).with_variant(String(length, collation="C"), "postgresql")


LONG = Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
BLOB = LargeBinary().with_variant(mysql.LONGBLOB(), "mysql", "mariadb")
SEQUENCE = BigInteger().with_variant(Integer(), "sqlite")
TIME = BigInteger()
ID = String(36)
DIGEST = String(64)
NAME = _text(255)
PHYSICAL = _text(512)
ADDRESS = _text(2048)
WORD = String(32)

template = Table(
    "template",
    metadata,
    Column("id", DIGEST, primary_key=True),
    Column("body", LONG, nullable=False),
    Column("created_at", TIME, nullable=False),
    **_MYSQL,
)

file = Table(
    "file",
    metadata,
    Column("id", DIGEST, primary_key=True),
    Column("body", BLOB, nullable=False),
    Column("created_at", TIME, nullable=False),
    **_MYSQL,
)

stack = Table(
    "stack",
    metadata,
    Column("id", ID, primary_key=True),
    Column("name", NAME, nullable=False),
    # The name again while it is taken: set for a live root stack, else NULL, so that the unique constraint below holds
    # names apart even when two requests come at once.
    Column("live_name", NAME),
    Column("project_id", NAME, nullable=False),
    Column("action", WORD, nullable=False),
    Column("status", WORD, nullable=False),
    Column("reason", LONG, nullable=False),
    Column("template_id", DIGEST, nullable=False),
    Column("files", LONG, nullable=False),
    Column("environment", LONG, nullable=False),
    Column("created_at", TIME, nullable=False),
    Column("updated_at", TIME),
    Column("deleted_at", TIME, nullable=False),
    Column("owner_id", ID, nullable=False),
    Column("root_id", ID, nullable=False),
    Column("nested_depth", SmallInteger, nullable=False),
    Column("parent_resource", NAME),
    Column("timeout_mins", Integer),
    Column("disable_rollback", Boolean, nullable=False),
    Column("description", LONG, nullable=False),
    # In order and with repetitions; stack_tag is for the filters.
    Column("tags", LONG, nullable=False),
    Column("user_id", NAME, nullable=False),
    Column("username", NAME, nullable=False),
    Column("credential_id", ID),
    Column("stack_user_project_id", NAME),
    Column("operation_id", ID),
    UniqueConstraint("project_id", "live_name"),
    Index(None, "project_id", "owner_id", "deleted_at", "created_at", "id"),
    Index(None, "deleted_at", "created_at"),
    Index(None, "project_id", "name"),
    Index(None, "owner_id"),
    Index(None, "root_id"),
    Index(None, "credential_id"),
    Index(None, "stack_user_project_id"),
    **_MYSQL,
)

stack_tag = Table(
    "stack_tag",
    metadata,
    Column("stack_id", ID, ForeignKey("stack.id", ondelete="CASCADE"), primary_key=True),
    Column("tag", NAME, primary_key=True),
    **_MYSQL,
)

resource = Table(
    "resource",
    metadata,
    Column("id", ID, primary_key=True),
    Column("stack_id", ID, ForeignKey("stack.id", ondelete="CASCADE"), nullable=False),
    Column("name", NAME, nullable=False),
    Column("type", NAME, nullable=False),
    Column("action", WORD, nullable=False),
    Column("status", WORD, nullable=False),
    Column("reason", LONG, nullable=False),
    Column("created_at", TIME, nullable=False),
    Column("updated_at", TIME),
    Column("physical_id", PHYSICAL),
    Column("physical_name", PHYSICAL),
    Column("operation_id", ID),
    Column("phase", WORD, nullable=False),
    Column("progress", LONG),
    Column("properties", LONG),
    Column("definition", String(128), nullable=False),
    Column("metadata", LONG, nullable=False),
    Column("attributes", LONG, nullable=False),
    Column("data", LONG, nullable=False),
    Column("requires", LONG, nullable=False),
    Column("replaces", ID),
    Column("replaced_by", ID),
    Column("deletion_policy", WORD, nullable=False),
    Column("external_id", PHYSICAL),
    Column("secret", Boolean, nullable=False),
    # Added later: an engine of the release before this writes rows without it.
    Column("implementation", ADDRESS),
    Index(None, "stack_id", "name"),
    Index(None, "physical_id"),
    **_MYSQL,
)

event = Table(
    "event",
    metadata,
    # Gives order and paging; the UUID is what clients see.
    Column("seq", SEQUENCE, primary_key=True, autoincrement=True),
    Column("id", ID, nullable=False),
    Column("stack_id", ID, ForeignKey("stack.id", ondelete="CASCADE"), nullable=False),
    Column("resource_name", NAME, nullable=False),
    Column("resource_type", NAME, nullable=False),
    Column("physical_id", PHYSICAL),
    Column("action", WORD, nullable=False),
    Column("status", WORD, nullable=False),
    Column("reason", LONG, nullable=False),
    Column("created_at", TIME, nullable=False),
    Column("properties", LONG),
    Column("secret", Boolean, nullable=False),
    UniqueConstraint("id"),
    Index(None, "stack_id", "seq"),
    **_MYSQL,
)

operation = Table(
    "operation",
    metadata,
    Column("id", ID, primary_key=True),
    Column("stack_id", ID, ForeignKey("stack.id", ondelete="CASCADE"), nullable=False),
    Column("action", WORD, nullable=False),
    Column("state", WORD, nullable=False),
    # The state again while it is PENDING or RUNNING, else NULL: the unique constraint below lets a stack have one operation
    # that runs and one that waits, and the index holds the live ones only where they are looked for.
    Column("slot", WORD),
    Column("template_id", DIGEST, nullable=False),
    Column("files", LONG, nullable=False),
    Column("environment", LONG, nullable=False),
    Column("previous_template_id", DIGEST),
    Column("previous_files", LONG),
    Column("previous_environment", LONG),
    Column("created_at", TIME, nullable=False),
    Column("parent_id", ID),
    Column("engine_id", ID),
    Column("epoch", Integer, nullable=False),
    Column("lease_expires_at", TIME),
    Column("started_at", TIME),
    Column("finished_at", TIME),
    Column("deadline", TIME),
    Column("stop", WORD, nullable=False),
    Column("rollback", Boolean, nullable=False),
    Column("credential_id", ID),
    Column("request_id", NAME, nullable=False),
    Column("reason", LONG, nullable=False),
    Column("options", LONG, nullable=False),
    # The stack's: engines are shared by projects. Has a default for engines of the release before, which do not know it.
    Column("project_id", NAME, nullable=False, server_default=text("''")),
    UniqueConstraint("stack_id", "slot"),
    Index(None, "slot", "project_id", "created_at"),
    Index(None, "stack_id", "created_at"),
    Index(None, "parent_id"),
    **_MYSQL,
)

snapshot = Table(
    "snapshot",
    metadata,
    Column("id", ID, primary_key=True),
    Column("stack_id", ID, ForeignKey("stack.id", ondelete="CASCADE"), nullable=False),
    Column("project_id", NAME, nullable=False),
    Column("name", NAME),
    Column("action", WORD, nullable=False),
    Column("status", WORD, nullable=False),
    Column("reason", LONG),
    Column("created_at", TIME, nullable=False),
    # The stack as it was, encrypted: parameters and what resources keep may be secret.
    Column("data", LONG, nullable=False),
    Index(None, "stack_id", "created_at"),
    **_MYSQL,
)

software_config = Table(
    "software_config",
    metadata,
    Column("id", ID, primary_key=True),
    Column("project_id", NAME, nullable=False),
    Column("name", NAME),
    Column("group_name", NAME),
    Column("created_at", TIME, nullable=False),
    # Config, inputs, outputs and options as one map, encrypted: values of inputs may be secret.
    Column("data", LONG, nullable=False),
    Index(None, "project_id", "created_at", "id"),
    **_MYSQL,
)

software_deployment = Table(
    "software_deployment",
    metadata,
    Column("id", ID, primary_key=True),
    Column("project_id", NAME, nullable=False),
    Column("config_id", ID, ForeignKey("software_config.id"), nullable=False),
    Column("server_id", NAME, nullable=False),
    Column("created_at", TIME, nullable=False),
    # Both encrypted, as the inputs of a config are.
    Column("input_values", LONG, nullable=False),
    Column("output_values", LONG),
    Column("action", NAME),
    Column("status", NAME),
    Column("status_reason", LONG),
    Column("stack_user_project_id", NAME),
    Column("updated_at", TIME),
    Index(None, "project_id", "created_at", "id"),
    Index(None, "server_id"),
    Index(None, "config_id"),
    Index(None, "stack_user_project_id"),
    **_MYSQL,
)

credential = Table(
    "credential",
    metadata,
    Column("id", ID, primary_key=True),
    Column("project_id", NAME, nullable=False),
    Column("user_id", NAME, nullable=False),
    Column("username", NAME, nullable=False),
    Column("trustor_user_id", NAME, nullable=False),
    Column("roles", LONG, nullable=False),
    # Digest of the sorted roles: what a look-up compares.
    Column("roles_digest", DIGEST, nullable=False),
    Column("trust_id", LONG, nullable=False),
    Column("created_at", TIME, nullable=False),
    Column("used_at", TIME, nullable=False),
    Index(None, "project_id", "trustor_user_id", "roles_digest"),
    Index(None, "used_at"),
    **_MYSQL,
)

engine = Table(
    "engine",
    metadata,
    Column("id", ID, primary_key=True),
    Column("hostname", NAME, nullable=False),
    Column("binary", NAME, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("started_at", TIME, nullable=False),
    Column("updated_at", TIME, nullable=False),
    Column("report_interval", Integer, nullable=False),
    Column("deleted_at", TIME),
    **_MYSQL,
)

journal_mark = Table(
    "journal_mark",
    metadata,
    # One row a journal: the number of the batch it committed last, which tells a lost COMMIT answer from a lost COMMIT.
    Column("id", ID, primary_key=True),
    Column("batch", BigInteger, nullable=False),
    Column("updated_at", TIME, nullable=False),
    **_MYSQL,
)
