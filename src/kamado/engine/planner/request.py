"""What the planner is given, and the draft that its passes fill in.

The request is frozen; the draft is the planner's scratch paper and never leaves it. The trap: a pass may rely on what the passes
before it have written, so their order (`kamado.engine.planner`) is part of their meaning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kamado.engine.plan import PropertyDifference, Reason, Step, StepKind
from kamado.engine.ports import Types
from kamado.model.lifecycle import Action
from kamado.model.records import ResourceRecord
from kamado.plugin.lifecycle import Observation
from kamado.template import Definition, Output, Parameters
from kamado.template.hidden import Hidden


@dataclass(frozen=True, slots=True)
class Turns:
    """Resources that come one list of ``names`` after the other, ``pause`` seconds between two; others come with the first.

    ``first``: seconds before whatever is left begins, the rest of a pause that a crash cut off.
    """

    names: Sequence[Sequence[str]] = ()
    pause: float = 0.0
    first: float = 0.0


@dataclass(frozen=True)
class PlanRequest:
    """The live rows of a stack and what it should become.

    ``definitions`` is empty for a deletion. ``operation_id`` tells our own interrupted rows from those of earlier operations.
    ``unsound`` are ids of nested stacks in which something is not in order, so that an update must look at them.
    ``observed``: row id → what a look at the thing itself gave, where somebody looked. ``entries``: what the environment says of single
    resources (hooks).
    """

    action: Action
    rows: Sequence[ResourceRecord]
    types: Types
    definitions: Mapping[str, Definition] = field(default_factory=dict)
    parameters: Parameters | None = None
    outputs: Mapping[str, Output] = field(default_factory=dict)
    operation_id: str = ""
    unsound: frozenset[str] = frozenset()
    observed: Mapping[str, Observation] = field(default_factory=dict)
    entries: Mapping[str, Any] = field(default_factory=dict)
    turns: Turns = Turns()
    hidden_before: Mapping[str, Hidden] = field(default_factory=dict)
    """Resource name → where the old values must not be shown, where that is known of one that keeps secrets; else none is shown."""


@dataclass(slots=True)
class Decision:
    """What will be done for one wanted resource; ``row`` is the live row that it starts from."""

    kind: StepKind
    reason: Reason | None = None
    row: ResourceRecord | None = None
    changes: tuple[PropertyDifference, ...] = ()
    undecided: bool = False
    force: frozenset[str] = frozenset()
    silent: bool = False
    """Nothing to do at all: the resource is kept and gets no step."""
    watch: bool = False
    """Kept as far as can be said, but looked at again in the run: something it depends on may turn out to be replaced."""

    stale: bool = False
    """Its attributes may have changed since they were read, though nothing is done to it."""

    @property
    def keeps_reference(self) -> bool:
        """Whether ``get_resource`` surely gives after the step what it gave before."""
        return self.row is not None and not self.undecided and self.kind in (StepKind.KEEP, StepKind.UPDATE)

    @property
    def keeps_attributes(self) -> bool:
        """Whether stored attributes stay true."""
        return self.kind is StepKind.KEEP and self.row is not None and not self.stale


@dataclass
class Draft:
    """What the passes have found out so far."""

    request: PlanRequest
    order: Sequence[str] = ()
    requires: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Resource name → names of all it comes after, written or implied by its type."""
    by_id: dict[str, ResourceRecord] = field(default_factory=dict)
    chosen: dict[str, ResourceRecord] = field(default_factory=dict)
    leftovers: list[tuple[ResourceRecord, Reason]] = field(default_factory=list)
    wanted: dict[str, frozenset[str | None]] = field(default_factory=dict)
    decisions: dict[str, Decision] = field(default_factory=dict)
    steps: dict[str, Step] = field(default_factory=dict)
    edges: dict[str, set[str]] = field(default_factory=dict)
    making: dict[str, str] = field(default_factory=dict)
    """Resource name → key of the step that brings it to what is wanted."""
    deleting: dict[str, str] = field(default_factory=dict)
    """Row id → key of the step that deletes (or may delete) it."""
    pauses: dict[str, float] = field(default_factory=dict)
    """Key of a point in ``edges`` → seconds that are waited there."""

    def add(self, step: Step) -> None:
        """Puts a step in; its edges come later."""
        self.steps[step.key] = step
        self.edges[step.key] = set()
