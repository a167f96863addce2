"""What the store raises by itself; anything else that comes out of it is SQLAlchemy's or a programming error.

Called by everyone above the store; names and meaning are part of its contract.
"""

from __future__ import annotations


class StoreError(Exception):
    """Base of the errors below."""


class NameTaken(StoreError):
    """A live root stack of that name is in the project; nothing was written."""

    def __init__(self, project_id: str, name: str) -> None:
        super().__init__(f"a stack named {name!r} exists in project {project_id}")
        self.project_id = project_id
        self.name = name


class StackGone(StoreError):
    """The stack does not exist or is deleted; nothing was written."""

    def __init__(self, stack_id: str) -> None:
        super().__init__(f"stack {stack_id} is gone")
        self.stack_id = stack_id


class ConfigInUse(StoreError):
    """The software config has a deployment; nothing was written."""

    def __init__(self, config_id: str) -> None:
        super().__init__(f"software config {config_id} has deployments")
        self.config_id = config_id


class ConfigGone(StoreError):
    """The software config is not there; nothing was written."""

    def __init__(self, config_id: str) -> None:
        super().__init__(f"software config {config_id} is gone")
        self.config_id = config_id


class LeaseLost(StoreError):
    """The operation is no longer this engine's (or has ended); nothing of these changes was written."""

    def __init__(self, operation_id: str, epoch: int) -> None:
        super().__init__(f"the lease of operation {operation_id}, epoch {epoch}, is lost")
        self.operation_id = operation_id
        self.epoch = epoch


class JournalClosed(StoreError):
    """The journal was closed before these changes were written."""


class KeyMissing(StoreError):
    """A secret has to be written or read and the store was given no key."""


class WrongKey(StoreError):
    """A stored secret cannot be read with the configured key."""


class SchemaAhead(StoreError):
    """The database was migrated by a newer release than this one."""
