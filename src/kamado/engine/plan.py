"""The plan: what an operation will do, as frozen data. Made by the planner, shown by preview, run by the executor.

Nothing is done that is not a step of the plan. Two kinds of steps leave a decision to the run, because it needs values that
only the cloud can give: an ``undecided`` step (keep, update or replace, once its properties are known) and a ``conditional``
delete (the clean-up that belongs to a step which may replace its row; it does nothing when the row stayed).
The trap: ``keeps`` are resources for which nothing at all will happen; they have no step.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from kamado.model.lifecycle import Action


class StepKind(StrEnum):
    """What a step does to one resource row."""

    CREATE = "create"
    """Make a new one, or finish (``row_id`` set) one whose creation was interrupted."""
    REPLACE = "replace"
    """Make a new one that takes the place of ``replaces``; the old one's deletion is a step of its own."""
    UPDATE = "update"
    """Change in place; whether that is possible may turn out at run time."""
    KEEP = "keep"
    """Only our own books change: what it depends on, its metadata, attributes that are newly asked for."""
    ADOPT = "adopt"
    """Take over something that exists already (``external_id``)."""
    DELETE = "delete"
    """Remove it from the cloud and from the stack."""
    SUSPEND = "suspend"
    RESUME = "resume"
    CHECK = "check"
    SNAPSHOT = "snapshot"
    RESTORE = "restore"

    @property
    def makes(self) -> bool:
        """Whether the step brings its resource to what the template wants (others of its name wait for it)."""
        return self in _MAKES


_MAKES = frozenset({StepKind.CREATE, StepKind.REPLACE, StepKind.UPDATE, StepKind.KEEP, StepKind.ADOPT})


class Reason(StrEnum):
    """Why a step is in the plan: one word a cause, so that preview and tests need no sentences."""

    NEW = "new"
    PROPERTY_CHANGED = "property changed"
    IMMUTABLE_PROPERTY_CHANGED = "property changed that cannot be changed in place"
    MAY_CHANGE = "depends on a value that is only known later"
    METADATA_CHANGED = "metadata changed"
    CONTENT_CHANGED = "what it consists of may have changed"
    DEFINITION_CHANGED = "definition changed without effect on the resource"
    DEPENDENCY_REPLACED = "something it depends on was replaced"
    DEPENDENCY_UPDATED = "something it depends on is updated, and may turn out to be replaced"
    ATTRIBUTE_NEEDED = "an attribute is asked for that was not read yet"
    TYPE_CHANGED = "type changed"
    DRIFTED = "differs from what is really there"
    GONE = "is not there any more"
    UNSOUND_INSIDE = "something inside is not in order"
    ALWAYS_NEW = "is made anew by each update"
    FAILED_BEFORE = "failed before"
    INTERRUPTED = "was interrupted half-way"
    HOOKED = "waits at a hook"
    TAKEN_BACK = "the one that was being replaced is taken back"
    EXTERNAL = "exists outside the stack"
    REMOVED_FROM_TEMPLATE = "removed from the template"
    STACK_DELETED = "the stack is deleted"
    REPLACED = "was replaced"
    MAY_BE_REPLACED = "deleted only if the run replaces it"
    LEFT_OVER = "left over from an earlier operation"
    ASKED = "asked for"


ALL_MADE = "all made"
"""A key in a plan's edges that is no step: the point at which everything that is wanted is there, and deleting may begin."""


@dataclass(frozen=True, slots=True)
class PropertyDifference:
    """One place in a resource's properties: its path, the value it was applied with and the one it will get.

    `UNKNOWN` stands for what is only known later, `MASKED` for a secret. ``replaces``: this change cannot be made in place.
    """

    path: tuple[str | int, ...]
    old: Any
    new: Any
    replaces: bool = False


MASKED = "******"
"""What is shown in place of a secret value."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do to one resource.

    ``row_id``: the existing row it works on (None when a new one is made); ``replaces``: the row whose place a new one takes;
    ``undecided``: the run decides between keep, update and replace; ``conditional``: see the module's header; ``force``: names of
    properties that an interrupted update may have changed already, so they count as changed whatever the books say.
    """

    key: str
    kind: StepKind
    name: str
    type: str
    reason: Reason
    row_id: str | None = None
    replaces: str | None = None
    changes: tuple[PropertyDifference, ...] = ()
    undecided: bool = False
    conditional: bool = False
    force: frozenset[str] = frozenset()
    physical_id: str | None = None
    external_id: str | None = None

    @property
    def may_become(self) -> frozenset[StepKind]:
        """What the run may make of the step: its kind, and what is left to the run; nothing else may happen.

        An update that was decided may still turn out to be a replacement, when the resource type finds out that it must.
        """
        if self.undecided or (self.kind is StepKind.CREATE and self.row_id is not None):
            return frozenset({self.kind, StepKind.KEEP, StepKind.UPDATE, StepKind.REPLACE})
        if self.kind is StepKind.UPDATE:
            return frozenset({StepKind.UPDATE, StepKind.REPLACE})
        return frozenset({self.kind})


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything an operation will do. ``steps`` stand in an order in which they could run one after the other.

    ``edges``: per step key the keys of the steps that must be done before it. ``keeps``: name → row id of resources that stay as they
    are. ``requires``: per resource the names of all it comes after. ``wanted``: per resource the attributes that are read
    somewhere (None: all of them). ``pauses``: keys in ``edges`` that are no steps, with the seconds that are waited there.
    """

    action: Action
    steps: tuple[Step, ...] = ()
    edges: Mapping[str, frozenset[str]] = field(default_factory=dict)
    keeps: Mapping[str, str] = field(default_factory=dict)
    requires: Mapping[str, frozenset[str]] = field(default_factory=dict)
    wanted: Mapping[str, frozenset[str | None]] = field(default_factory=dict)
    pauses: Mapping[str, float] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether nothing will happen to any resource."""
        return not self.steps

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)

    def of(self, name: str) -> tuple[Step, ...]:
        """The steps of one resource, in order."""
        return tuple(step for step in self.steps if step.name == name)

    def graph(self) -> dict[str, frozenset[str]]:
        """Key of a step (or of a point where others meet, such as `ALL_MADE`) → keys that it needs, for `graphlib.TopologicalSorter`."""
        empty: frozenset[str] = frozenset()
        return {**{step.key: empty for step in self.steps}, **self.edges}
