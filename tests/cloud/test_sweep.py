"""Credentials that nobody has any more: their trusts go, those in use and those just taken stay."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from kamado.model.records import CredentialRecord
from kamado.orchestrator import credentials
from kamado.store import Store

NOW = datetime(2026, 1, 2, tzinfo=UTC)
OLD = CredentialRecord("old", "p", "u", "demo", "u", ("member",), NOW, NOW, "trust-old")


def test_a_sweep_removes_old_unused_trusts_once(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path / 'db'}", "key")
    try:
        later = NOW + timedelta(hours=3)
        store.credentials.add(OLD)
        store.credentials.add(replace(OLD, id="taken", used_at=later - timedelta(minutes=5), trust_id="trust-taken"))
        removed: list[str] = []
        assert credentials.sweep(store.credentials, lambda record: removed.append(record.trust_id), later) == 1
        assert removed == ["trust-old"]
        assert credentials.sweep(store.credentials, lambda record: removed.append(record.trust_id), later) == 0
        assert store.credentials.get("taken") is not None
    finally:
        store.close()
