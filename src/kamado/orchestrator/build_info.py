"""What the service says about itself: its build and its engines. Called by the REST API."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kamado.model.records import EngineRecord
from kamado.orchestrator.context import Services


def build_info(services: Services) -> dict[str, Any]:
    """The revisions of the API and of the engine: one program, one revision."""
    revision = {"revision": services.settings.revision}
    return {"api": revision, "engine": dict(revision)}


def engines(services: Services) -> Sequence[EngineRecord]:
    """The engines that have reported and not said goodbye."""
    return services.store.engines.list()
