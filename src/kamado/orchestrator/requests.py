"""What a request asks of a stack, before anything is looked up.

Made by the APIs, read by the use cases.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kamado.template import Environment


@dataclass(frozen=True, slots=True)
class StackRequest:
    """A create, update, preview or validate request.

    None means "not said": on create the default holds, on update what is stored. ``name`` is as it came, any type.
    ``existing``: the environment is merged into the stored one instead of taking its place. ``converge``: look at the
    real resources before planning.
    ``plan``: the basis of a plan that the request is held to (`kamado.orchestrator.binding`).
    ``as_seen``: an update is only accepted while no other operation was accepted since the stack was read.
    ``adopt``: resource name → what there is of it already, when the stack is to take them over. ``changes`` are the keys that the body had.
    """

    name: Any = None
    template: str | Mapping[str, Any] | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    environment: Environment = field(default_factory=lambda: Environment.load(None))
    timeout_mins: int | None = None
    disable_rollback: bool | None = None
    tags: tuple[str, ...] | None = None
    clear_parameters: tuple[str, ...] = ()
    existing: bool = False
    converge: bool = False
    adopt: Mapping[str, Any] | None = None
    changes: frozenset[str] = frozenset()
    plan: str | None = None
    as_seen: bool = False
