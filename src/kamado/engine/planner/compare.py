"""Pass 3: what to do with each wanted resource: nothing, create, update in place, replace, or decide once more is known.

Goes through the resources in dependency order, because what happens to one decides which values of it are still true for the
next. The quick way comes first: nothing about the definition, its parameters and the resources it reads has changed, so nothing is
resolved at all; that is what makes a no-op update of thousands of resources cheap.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from kamado.engine.digests import applied_digest, definition_digest, same_writing
from kamado.engine.hooks import waiting_for, waits_unchanged
from kamado.engine.plan import Reason, StepKind
from kamado.engine.planner.differences import differences, forced, property_changes
from kamado.engine.planner.request import Decision, Draft
from kamado.engine.resolving import hidden_properties, wanted_metadata, wanted_properties
from kamado.engine.scope import RowScope, attribute_place, attributes_read, inside
from kamado.model.lifecycle import Action, Status
from kamado.model.records import ResourceRecord
from kamado.plugin.registry import UnknownType
from kamado.plugin.resource import Resource
from kamado.template import UNKNOWN, Definition, ResolveError, contains_unknown, resolve
from kamado.template.hidden import NOTHING, all_of
from kamado.template.schema import ValuesInvalid

_MAKING = frozenset({Action.CREATE, Action.ADOPT})


class DraftScope(RowScope):
    """Values as far as they are known before the run: whatever a step may change is UNKNOWN."""

    def __init__(self, draft: Draft) -> None:
        super().__init__(draft.request.parameters, draft.chosen.get)
        self._decisions = draft.decisions
        self._chosen = draft.chosen

    def keeps_secrets(self, resource: str) -> bool:
        """Whether the row that stands for a resource is encrypted at rest."""
        row = self._chosen.get(resource)
        return row is not None and row.secret

    def reference(self, resource: str) -> Any:
        """The stored reference, when the resource surely keeps it."""
        decision = self._decisions.get(resource)
        if decision is None or not decision.keeps_reference:
            return UNKNOWN
        return super().reference(resource)

    def attribute(self, resource: str, path: tuple[Any, ...]) -> Any:
        """The stored attribute, when the resource is surely not touched and the attribute was read."""
        decision = self._decisions.get(resource)
        if decision is None or decision.row is None or not decision.keeps_attributes:
            return UNKNOWN
        if not path:
            return super().attribute(resource, path)
        name, rest = attribute_place(path)
        if name not in decision.row.attributes:
            return UNKNOWN
        return inside(decision.row.attributes[name], rest)


def compare(draft: Draft) -> None:
    """Fills ``wanted`` (attributes that are read somewhere) and ``decisions``."""
    request = draft.request
    draft.wanted = attributes_read(request.definitions, request.outputs)
    scope = DraftScope(draft)
    for name in draft.order:
        draft.decisions[name] = _decide(draft, scope, request.definitions[name], draft.chosen.get(name))


def _decide(draft: Draft, scope: DraftScope, definition: Definition, row: ResourceRecord | None) -> Decision:
    if definition.external_id is not None:
        return _external(draft, scope, definition, row)
    if row is None or row.action is Action.INIT:
        return Decision(StepKind.CREATE, Reason.NEW, row)  # perhaps with a row that waited to be begun
    if row.external_id is not None:
        return Decision(StepKind.REPLACE, Reason.EXTERNAL, row)  # until now somebody else's, from now on one of our own
    kind = draft.request.types.get(definition.type, row.name)
    if row.type != definition.type or not kind.takes_over(_made_with(draft, row)):
        return Decision(StepKind.REPLACE, Reason.TYPE_CHANGED, row)
    version = draft.request.types.version(definition.type, row.name)
    written = definition_digest(definition, draft.request.parameters, version)
    digest = applied_digest(written, definition, scope, scope.keeps_secrets)
    seen = draft.request.observed.get(row.id)
    if seen is not None and seen.gone:
        return Decision(StepKind.REPLACE, Reason.GONE, row)
    if row.status is Status.COMPLETE:
        if seen is not None and seen.differing:
            return _compared(draft, scope, definition, row, digest, seen.differing)
        if kind.always_new and row.operation_id != draft.request.operation_id:
            return Decision(StepKind.REPLACE, Reason.ALWAYS_NEW, row)
        if digest and digest == row.definition and row.physical_id not in draft.request.unsound:
            return _kept(draft, definition, row, digest)
    elif row.action in _MAKING:
        return _unmade(draft, definition, row, written)
    elif row.status is Status.FAILED:
        found_broken = row.action is Action.CHECK and kind.always_replace_on_check_failed
        if row.physical_id is None or found_broken or kind.needs_replace_failed is Resource.needs_replace_failed:
            return Decision(StepKind.REPLACE, Reason.FAILED_BEFORE, row)
    return _compared(draft, scope, definition, row, digest)


def _made_with(draft: Draft, row: ResourceRecord) -> type[Resource] | None:
    try:
        return draft.request.types.of(row)
    except UnknownType:
        return None


def _external(draft: Draft, scope: DraftScope, definition: Definition, row: ResourceRecord | None) -> Decision:
    """For what exists outside: it is taken over once, and never changed."""
    wanted = resolve(definition.external_id, scope)
    if row is None or row.type != definition.type or row.external_id != wanted or row.status is not Status.COMPLETE:
        return Decision(StepKind.ADOPT, Reason.EXTERNAL, row)
    return _kept(draft, definition, row, row.definition)


def _unmade(draft: Draft, definition: Definition, row: ResourceRecord, written: str) -> Decision:
    """For a row whose creation did not come to its end."""
    ours = row.operation_id == draft.request.operation_id
    kind = draft.request.types.get(definition.type, row.name)
    # Of what reads something secret nobody knows what was written: the run compares the values.
    untold = not row.definition and not kind.composite
    if row.status is Status.IN_PROGRESS and (ours or untold or same_writing(row, written)):
        return Decision(StepKind.CREATE, Reason.INTERRUPTED, row)
    may_stay = kind.needs_replace_failed is not Resource.needs_replace_failed
    over = row.status is Status.FAILED or kind.composite
    if over and row.physical_id is not None and may_stay:
        return Decision(StepKind.UPDATE, Reason.FAILED_BEFORE, row, undecided=True)
    reason = Reason.FAILED_BEFORE if row.status is Status.FAILED else Reason.INTERRUPTED
    return Decision(StepKind.REPLACE, reason, row)


def _kept(draft: Draft, definition: Definition, row: ResourceRecord, digest: str) -> Decision:
    """For a resource that stays as it is in the cloud: are our own books right, too?"""
    wanted = draft.wanted.get(row.name)
    reason = None
    stale = draft.request.types.get(definition.type, row.name).changes_beside
    if wanted is not None and any(name is not None and (stale or name not in row.attributes) for name in wanted):
        reason = Reason.ATTRIBUTE_NEEDED
    elif row.replaced_by is not None:
        reason = Reason.TAKEN_BACK
    elif waiting_for(row, draft.request.operation_id):
        reason = Reason.INTERRUPTED
    elif _requires_changed(draft, definition, row):
        reason = Reason.DEPENDENCY_REPLACED
    elif row.definition != digest or row.deletion_policy != definition.deletion_policy:
        reason = Reason.DEFINITION_CHANGED
    elif waits_unchanged(draft.request.entries, draft.request.action, row, draft.request.operation_id):
        reason = Reason.HOOKED
    watch = any(_may_move(draft, name) for name in definition.reads)
    if reason is None and (watch or any(_may_move(draft, name) for name in draft.requires[definition.name])):
        reason = Reason.DEPENDENCY_UPDATED
    return Decision(StepKind.KEEP, reason, row, silent=reason is None, watch=watch, stale=stale)


def _may_move(draft: Draft, name: str) -> bool:
    decision = draft.decisions.get(name)
    return decision is not None and (decision.kind is StepKind.UPDATE or decision.watch)


def _requires_changed(draft: Draft, definition: Definition, row: ResourceRecord) -> bool:
    requires = draft.requires[definition.name]
    if not requires:
        return bool(row.requires)
    now: set[str] = set()
    for name in requires:
        decision = draft.decisions.get(name)
        if decision is None or decision.row is None or not decision.keeps_reference:
            return True
        now.add(decision.row.id)
    return now != set(row.requires)


def _compared(
    draft: Draft,
    scope: DraftScope,
    definition: Definition,
    row: ResourceRecord,
    digest: str,
    drift: Mapping[str, Any] = MappingProxyType({}),
) -> Decision:
    """The thorough way: resolve what is known and compare it with what the row was applied with, or with what is really there.

    ``drift``: properties that are otherwise there, with their values.
    """
    force = forced(row) | frozenset(drift)
    kind = draft.request.types.get(definition.type, row.name)
    schema = kind.schema
    try:
        properties = wanted_properties(schema, definition, scope)
        metadata = wanted_metadata(definition, scope)
    except (ResolveError, ValuesInvalid):
        # The run will meet the same error and blame this resource for it; the plan must not hide the others.
        return Decision(StepKind.UPDATE, Reason.MAY_CHANGE, row, undecided=True, force=force)
    changes = property_changes(schema, row, properties, force)
    names = () if draft.request.parameters is None else draft.request.parameters.hidden
    hidden = hidden_properties(definition, names, scope.keeps_secrets)
    before = {**(row.properties or {}), **drift}
    was_hidden = draft.request.hidden_before.get(row.name, all_of(before)) if row.secret else NOTHING
    shown = differences(schema, before, properties, changes, hidden, was_hidden)
    if changes.must_replace and not set(changes.replace) <= set(changes.undecided):
        return Decision(StepKind.REPLACE, Reason.IMMUTABLE_PROPERTY_CHANGED, row, shown)
    if row.status is not Status.COMPLETE:
        reason = Reason.FAILED_BEFORE if row.status is Status.FAILED else Reason.INTERRUPTED
        return Decision(StepKind.UPDATE, reason, row, shown, undecided=True, force=force)
    if changes:
        only_maybe = len(changes.undecided) == len(changes.values)
        reason = Reason.MAY_CHANGE if only_maybe else Reason.PROPERTY_CHANGED
        if changes.values.keys() <= drift.keys():
            reason = Reason.DRIFTED
        return Decision(StepKind.UPDATE, reason, row, shown, undecided=bool(changes.undecided), force=force)
    if kind.composite:
        unsound = row.physical_id in draft.request.unsound
        return Decision(StepKind.UPDATE, Reason.UNSOUND_INSIDE if unsound else Reason.CONTENT_CHANGED, row)
    if not kind.keeps_metadata and (contains_unknown(metadata) or metadata != dict(row.metadata)):
        return Decision(StepKind.UPDATE, Reason.METADATA_CHANGED, row, undecided=contains_unknown(metadata))
    return _kept(draft, definition, row, digest)
