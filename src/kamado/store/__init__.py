"""The only place that knows SQL: tables, the durable work queue, the group-commit journal.

Callers use `Store` and `Journal`; everything else of this package is reached through the store's attributes.
"""

from kamado.store.errors import (
    ConfigGone,
    ConfigInUse,
    JournalClosed,
    KeyMissing,
    LeaseLost,
    NameTaken,
    SchemaAhead,
    StackGone,
    StoreError,
    WrongKey,
)
from kamado.store.events import EventFilter
from kamado.store.journal import Journal
from kamado.store.stack_pages import StackFilter
from kamado.store.store import Store

__all__ = [
    "ConfigGone",
    "ConfigInUse",
    "EventFilter",
    "Journal",
    "JournalClosed",
    "KeyMissing",
    "LeaseLost",
    "NameTaken",
    "SchemaAhead",
    "StackFilter",
    "StackGone",
    "Store",
    "StoreError",
    "WrongKey",
]
