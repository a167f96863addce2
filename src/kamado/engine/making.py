"""Steps that bring a resource to what the template wants: create, update, replace, keep, adopt.

The last values are resolved here, so here an undecided step is decided; the comparison is the planner's own. Called by the executor.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from kamado.engine import events
from kamado.engine.carried import uncertain
from kamado.engine.creating import create
from kamado.engine.digests import applied_digest, definition_digest
from kamado.engine.effects import DURABLE, Enter, Routine, StepFailed
from kamado.engine.hooks import PRE_UPDATE, hooked, wait_at, waiting_for, waits_at, waits_unchanged
from kamado.engine.plan import Step, StepKind
from kamado.engine.planner.differences import ATTEMPTED, property_changes
from kamado.engine.resolving import hidden_properties, wanted_metadata, wanted_properties, wanted_update_policy
from kamado.engine.scope import REFERENCE
from kamado.model.identifiers import new_id, physical_name
from kamado.model.lifecycle import Action, Phase, Status
from kamado.model.records import ResourceRecord, taken_over
from kamado.plugin import lifecycle
from kamado.plugin.declare import ResourceSchema
from kamado.plugin.errors import place_of
from kamado.plugin.lifecycle import Outcome, OutcomeKind, PropertyChanges
from kamado.plugin.resource import Resource
from kamado.template import Definition, ResolveError, resolve
from kamado.template.schema import TypeSchema, ValuesInvalid

if TYPE_CHECKING:
    from kamado.engine.run import Run

LOG = logging.getLogger(__name__)

UNCHANGED_FAILED = "Update status to COMPLETE for FAILED resource neither update nor replace."
"""Heat's reason for a FAILED resource that turned out to need nothing."""


def make(run: Run, step: Step) -> Routine[None]:
    """Carries out one making step. Raises StepFailed."""
    wanted = Wanted(run, step)
    row = run.ledger.rows.get(step.row_id) if step.row_id is not None else None
    if step.kind is StepKind.ADOPT:
        yield from _adopt(wanted, step.replaces)
    elif row is None and _is_taken_over(run, step):
        yield from _take_over(wanted)
    elif row is None:
        yield from _create(wanted, step.replaces)
    elif step.kind is StepKind.CREATE:
        yield from _finish(wanted, row, step)
    elif step.kind is StepKind.KEEP and not step.undecided:
        yield from _keep(wanted, row)
    else:
        yield from _update(wanted, row, step)


def _is_taken_over(run: Run, step: Step) -> bool:
    """Whether what a step is to make is there already: all that is adopted, and what an adoption that was overtaken had not come to."""
    if run.operation.action is Action.ADOPT:
        return True
    before = run.ledger.rows.get(step.replaces or "")
    half_way = before is None or before.physical_id is None or before.action is Action.ADOPT
    if not half_way or (before is not None and before.status is Status.COMPLETE):
        return False  # it is to succeed what was taken over, or made
    return _tells_of(run.kind(step), taken_over(run.operation.options, step.name))


def _tells_of(kind: type[Resource], data: Mapping[str, Any]) -> bool:
    return data.get("resources") is not None if kind.composite else bool(data.get("resource_id"))


class Wanted:
    """What one resource should be, resolved: the values of the definition at the moment when its step runs."""

    def __init__(self, run: Run, step: Step) -> None:
        self.run = run
        self.name = step.name
        self.definition: Definition = run.desired.definitions[step.name]
        self.kind: type[Resource] = run.desired.types.get(step.type, step.name)
        self.schema: TypeSchema = self.kind.schema
        version = run.desired.types.version(step.type, step.name)
        written = definition_digest(self.definition, run.desired.parameters, version)
        self.digest = applied_digest(written, self.definition, run.scope, run.keeps_secrets)
        self.requires = tuple(
            sorted(run.current[name] for name in run.plan.requires.get(step.name, ()) if name in run.current)
        )
        self.hidden = hidden_properties(self.definition, run.desired.hidden, run.keeps_secrets)
        self.properties: dict[str, Any] = {}
        self.metadata: dict[str, Any] = {}
        self.update_policy: dict[str, Any] = {}
        self.problem: Outcome | None = None
        self._resolve()

    def _resolve(self) -> None:
        path = place_of(self.name)
        try:
            self.properties = wanted_properties(self.schema, self.definition, self.run.scope)
            self.metadata = wanted_metadata(self.definition, self.run.scope)
            self.update_policy = wanted_update_policy(self.schema, self.definition, self.run.scope)
        except ResolveError as error:
            kind = getattr(error, "error_type", "") or "StackValidationFailed"
            self.problem = Outcome(OutcomeKind.FAIL, f"{kind}: {path}: {error}")
            return
        except ValuesInvalid as invalid:
            first = invalid.errors[0]
            where = f"{path}.properties.{first.dotted}" if first.path else f"{path}.properties"
            reason = f"StackValidationFailed: {path}: Property error: {where}: {first.message}"
            self.problem = Outcome(OutcomeKind.FAIL, reason)
            return
        findings = self.kind.validate(self.properties)
        if findings:
            self.problem = Outcome(OutcomeKind.FAIL, f"{findings[0].error_type}: {path}: {findings[0].told(self.name)}")

    @property
    def secret(self) -> bool:
        """Whether what the row keeps must be encrypted: by its type, a secret property, a hidden parameter, or by what it reads."""
        secrets = self.schema.secrets if isinstance(self.schema, ResourceSchema) else frozenset()
        rows = self.run.ledger.rows
        hidden = self.run.desired.hidden
        return (
            self.kind.secret
            or not hidden.isdisjoint(self.definition.parameters)
            or not secrets.isdisjoint(self.properties)
            or any(rows[row_id].secret for row_id in self.requires if row_id in rows)
        )

    def applied(self, *, first: bool = False) -> dict[str, Any]:
        """Fields of a row that was brought to this. ``first``: it did not exist before."""
        values = {
            "definition": self.digest,
            "implementation": self.kind.type_name,
            "requires": self.requires,
            "deletion_policy": self.definition.deletion_policy,
        }
        # Signals may be written to kept metadata at any moment: it must not be put back to what was read before.
        return values if self.kind.keeps_metadata and not first else {**values, "metadata": self.metadata}

    def resource(self, row: ResourceRecord) -> Resource:
        """The resource of a row with the wanted properties."""
        resource = self.run.resource(row, self.properties, self.metadata)
        if self.update_policy:
            resource.update_policy = self.update_policy
        return resource

    def event(self, row: ResourceRecord) -> None:
        """A line of history in the state that the row has now, with the properties that the template has written."""
        written = {name: self.properties[name] for name in self.definition.properties if name in self.properties}
        self.run.event(row, events.visible(self.schema, written, self.hidden))


def _insert(wanted: Wanted, action: Action, replaces: str | None, physical_id: str | None = None) -> ResourceRecord:
    """A new row. With ``INIT`` nothing of it has begun, so there is no line of history either."""
    run = wanted.run
    row_id = new_id()
    begun = action is not Action.INIT
    row = ResourceRecord(
        id=row_id,
        stack_id=run.stack.id,
        name=wanted.name,
        type=wanted.definition.type,
        action=action,
        status=Status.IN_PROGRESS if begun else Status.COMPLETE,
        reason=events.STATE_CHANGED if begun else "",
        created_at=run.now(),
        physical_id=physical_id,
        physical_name=physical_name(run.stack.name, wanted.name, row_id, wanted.kind.physical_name_limit),
        operation_id=run.operation.id,
        phase=Phase.INTENT if begun else Phase.NONE,
        properties=wanted.properties,
        replaces=replaces,
        external_id=physical_id,
        secret=wanted.secret,
        **wanted.applied(first=True),
    )
    run.ledger.insert(row)
    run.current[wanted.name] = row_id
    if replaces is not None and replaces in run.ledger.rows:
        run.ledger.update(replaces, replaced_by=row_id)
    if begun:
        wanted.event(row)
    return row


def _superseded(wanted: Wanted, old: ResourceRecord | None, *, begun: bool = False) -> None:
    """Heat's lines for one that cannot become what is wanted: an update that ends by saying so. The row stays what it was.

    ``begun``: the update had begun when the type found that out. Heat names the resource at length where the type wants the
    replacement, and in short where a property cannot be changed in place.
    """
    if old is None or old.status is Status.FAILED or old.type != wanted.definition.type or wanted.kind.always_new:
        return
    stack = wanted.run.stack
    title = f'{wanted.schema.called} "{old.name}" [{old.physical_id}] Stack "{stack.name}" [{stack.id}]'
    before = old.properties or {}
    properties = wanted.schema.properties
    changed = frozenset(name for name in properties if before.get(name) != wanted.properties.get(name))
    asked = wanted.kind.replaces(before, wanted.properties, changed) or all(properties[name].update for name in changed)
    at_length = begun or asked
    row = replace(old, action=Action.UPDATE, status=Status.IN_PROGRESS, reason=events.STATE_CHANGED)
    if not begun:
        wanted.event(row)
    wanted.event(
        replace(
            row, status=Status.COMPLETE, reason=events.REQUIRES_REPLACEMENT.format(title if at_length else old.name)
        )
    )


def _refuse_restricted(wanted: Wanted, row: ResourceRecord, action: str) -> None:
    """Raises StepFailed when the environment's ``restricted_actions`` forbid it: the row stays what it is."""
    if action not in wanted.run.desired.environment.restricted_actions(wanted.name):
        return
    reason = events.RESTRICTED.format(action)
    wanted.event(replace(row, action=Action.UPDATE, status=Status.FAILED, reason=reason))
    failure = Outcome(OutcomeKind.FAIL, f"ResourceActionRestricted: {place_of(wanted.name)}: {reason}")
    raise StepFailed(failure, row.id, spared=True)


def _create(wanted: Wanted, replaces: str | None, *, begun: bool = False) -> Routine[None]:
    run = wanted.run
    old = run.ledger.rows.get(replaces or "")
    if old is not None:
        _refuse_restricted(wanted, old, "replace")
        yield from wait_at(run, old.id, PRE_UPDATE, Action.UPDATE)
    _superseded(wanted, old, begun=begun)
    if run.operation.action is Action.CREATE and hooked(run, wanted.name, "pre-create"):
        yield from _create_waiting(wanted, _insert(wanted, Action.INIT, replaces))
    else:
        yield from _bring_into_being(wanted, _insert(wanted, Action.CREATE, replaces))


def _create_waiting(wanted: Wanted, row: ResourceRecord) -> Routine[None]:
    """The creation of a row that stands there as INIT_COMPLETE: it is waited for, or was when an operation ended."""
    run = wanted.run
    run.current[wanted.name] = row.id
    if run.operation.action is Action.CREATE:
        yield from wait_at(run, row.id, "pre-create", Action.CREATE)
    row = run.ledger.update(
        row.id,
        action=Action.CREATE,
        status=Status.IN_PROGRESS,
        reason=events.STATE_CHANGED,
        phase=Phase.INTENT,
        progress=None,
        properties=wanted.properties,
        operation_id=run.operation.id,
        secret=row.secret or wanted.secret,
        **wanted.applied(first=True),
    )
    wanted.event(row)
    yield from _bring_into_being(wanted, row)


def _bring_into_being(wanted: Wanted, row: ResourceRecord) -> Routine[None]:
    run = wanted.run
    if wanted.problem is not None:
        raise StepFailed(wanted.problem, row.id)
    yield from _make_way(run, row, row.replaces)
    resource = yield from create(run, row.id, wanted.resource, wanted.event)
    yield from _complete(wanted, resource)
    if run.operation.action is Action.CREATE:
        yield from _hold(run, row.id, "post-create", Action.CREATE)


def _hold(run: Run, row_id: str, hook: str, action: Action) -> Routine[None]:
    """Waits after what was done; nothing of the hook is left behind."""
    yield from wait_at(run, row_id, hook, action)
    if run.ledger.rows[row_id].progress is not None:
        run.ledger.update(row_id, progress=None)


def _make_way(run: Run, row: ResourceRecord, replaced: str | None) -> Routine[None]:
    """Has the replaced one give up what only one of the two can have. May be done again after a crash."""
    old = run.ledger.rows.get(replaced or "")
    if old is None or old.physical_id is None:
        return
    resource = run.resource(old, old.properties, old.metadata)
    if not lifecycle.makes_way(resource):
        return
    yield Enter(bool(resource.local))
    yield DURABLE
    try:
        yield from run.caller.patiently(resource, partial(lifecycle.make_way, resource))
    except StepFailed as failed:
        raise StepFailed(failed.outcome, row.id) from failed


def _take_back(run: Run, row: ResourceRecord) -> Routine[None]:
    """Gives back to a row that is in use again what it gave up; its replacement, if there is one, makes way first."""
    resource = run.resource(row, row.properties, row.metadata)
    if row.physical_id is None or not lifecycle.makes_way(resource):
        return
    yield from _make_way(run, row, row.replaced_by)
    yield Enter(bool(resource.local))
    yield DURABLE
    yield from run.caller.patiently(resource, partial(lifecycle.take_back, resource))


def _adopt(wanted: Wanted, replaces: str | None) -> Routine[None]:
    """Something that exists outside: it is looked at, never changed, never deleted."""
    external_id = resolve(wanted.definition.external_id, wanted.run.scope)
    row = _insert(wanted, Action.ADOPT, replaces, str(external_id))
    if wanted.problem is not None:
        raise StepFailed(wanted.problem, row.id)
    resource = wanted.resource(row)
    yield Enter(bool(resource.local))
    yield from _complete(wanted, resource)
    if not lifecycle.supports(resource, Action.CHECK):
        wanted.event(_completed(wanted, row.id, Action.CHECK, events.CHECK_NOT_SUPPORTED.format(row.type)))
        return
    row = wanted.run.ledger.update(row.id, action=Action.CHECK, status=Status.IN_PROGRESS, phase=Phase.INTENT)
    wanted.event(row)
    yield from wanted.run.caller.carry_out(resource, Action.CHECK)
    yield from _complete(wanted, resource)


def _take_over(wanted: Wanted) -> Routine[None]:
    """Something that another engine had made, with what that one kept of it; from now on it is ours."""
    row = _insert(wanted, Action.ADOPT, None)
    if wanted.problem is not None:
        raise StepFailed(wanted.problem, row.id)
    resource = wanted.resource(row)
    yield Enter(bool(resource.local))
    yield from _handed_over(wanted, resource, resume=False)
    yield from _complete(wanted, resource)


def _handed_over(wanted: Wanted, resource: Resource, *, resume: bool) -> Routine[None]:
    data = taken_over(wanted.run.operation.options, wanted.name)
    if not _tells_of(wanted.kind, data) and resource.physical_id is None:
        reason = f"Exception: {place_of(wanted.name)}: Resource ID was not provided."
        raise StepFailed(Outcome(OutcomeKind.FAIL, reason), resource.id)
    yield from wanted.run.caller.carry_out(resource, Action.ADOPT, data, resume=resume)
    if isinstance(data.get("metadata"), Mapping):
        wanted.metadata = dict(data["metadata"])
        wanted.run.ledger.update(resource.id, metadata=wanted.metadata)


def _finish(wanted: Wanted, row: ResourceRecord, step: Step) -> Routine[None]:
    """Goes on with a creation that an earlier engine had begun, then looks whether it is still what is wanted."""
    run = wanted.run
    if row.action is Action.INIT:
        yield from _create_waiting(wanted, row)
        return
    if _begun_otherwise(wanted, row):
        yield from _create(wanted, row.id)
        return
    run.current[wanted.name] = row.id
    row = run.ledger.update(row.id, operation_id=run.operation.id)
    born = run.operation.action is Action.CREATE
    if row.physical_id is None:
        yield from _make_way(run, row, row.replaces)
    resource = yield from _bring_up(wanted, row)
    unchanged = not property_changes(wanted.schema, row, wanted.properties, frozenset())
    if wanted.problem is None and unchanged and not (wanted.kind.composite and row.definition != wanted.digest):
        yield from _complete(wanted, resource)
        if born:
            yield from _hold(run, row.id, "post-create", Action.CREATE)
        return
    finished = _completed(wanted, row.id, row.action)
    wanted.event(finished)
    yield from _update(wanted, finished, step)


def _begun_otherwise(wanted: Wanted, row: ResourceRecord) -> bool:
    """Whether an operation that was superseded had begun it as something else than is wanted now, so that nobody waits for it.

    What was written is the same, as far as the planner could tell. So a thing that is being built is finished first, and changed then; but
    not when that waits for somebody outside, or when the planner could not tell.
    """
    if row.operation_id == wanted.run.operation.id or wanted.problem is not None:
        return False
    waits = wanted.kind.waits_outside and row.phase is Phase.CALLED
    same = wanted.kind.keeps_metadata or wanted.metadata == dict(row.metadata)
    changes = property_changes(wanted.schema, row, wanted.properties, frozenset())
    return bool(changes) if waits and row.definition else not row.definition and (bool(changes) or not same)


def _bring_up(wanted: Wanted, row: ResourceRecord) -> Routine[Resource]:
    """To the end of what was begun, with the properties it was begun with."""

    def build(now: ResourceRecord) -> Resource:
        return wanted.run.resource(now, now.properties, now.metadata)

    if row.action is Action.CREATE:
        return (yield from create(wanted.run, row.id, build, wanted.event, resume=True))
    resource = build(row)
    if row.action is Action.ADOPT:
        yield Enter(bool(resource.local))
        yield from _handed_over(wanted, resource, resume=True)
    else:
        yield from wanted.run.caller.carry_out(resource, row.action, resume=True)
    return resource


def _is_sound(wanted: Wanted, row: ResourceRecord, step: Step) -> bool:
    """Whether a composite needs no look: it is complete, was made from the same, and only something before it may have moved."""
    same = bool(wanted.digest) and wanted.digest == row.definition
    return same and row.status is Status.COMPLETE and step.kind is StepKind.KEEP


def _update(wanted: Wanted, row: ResourceRecord, step: Step) -> Routine[None]:
    """Decides between keep, update and replace now that every value is known."""
    run = wanted.run
    run.current[wanted.name] = row.id
    if wanted.problem is not None:
        raise StepFailed(wanted.problem, _begin(wanted, row, {}).id)
    force = step.force if step.kind is not StepKind.CREATE else frozenset()
    changes = property_changes(wanted.schema, row, wanted.properties, force)
    if row.status is Status.FAILED:
        resource = run.resource(row, row.properties, row.metadata)
        yield Enter(bool(resource.local))
        if uncertain(row) or (yield from run.caller.patiently(resource, resource.needs_replace_failed)):
            yield from _create(wanted, row.id)
            return
    if changes.refused:
        raise StepFailed(_refusal(wanted, changes), _begin(wanted, row, changes.values).id)
    if changes.must_replace:
        yield from _create(wanted, row.id)
        return
    interrupted = row.action is Action.UPDATE and row.status is Status.IN_PROGRESS
    if wanted.kind.keeps_metadata:
        wanted.metadata = dict(row.metadata)
    whole = wanted.kind.composite and not _is_sound(wanted, row, step)
    if not changes and wanted.metadata == dict(row.metadata) and not interrupted and not whole:
        yield from _keep(wanted, row)
        return
    if not interrupted:
        _refuse_restricted(wanted, row, "update")
    yield from _apply(wanted, row, changes)


def _refusal(wanted: Wanted, changes: PropertyChanges) -> Outcome:
    names = ", ".join(changes.refused)
    message = f"Update to properties {names} of {wanted.name} ({wanted.definition.type}) is not supported"
    return Outcome(OutcomeKind.FAIL, f"NotSupported: {place_of(wanted.name)}: {message}")


def _begin(wanted: Wanted, row: ResourceRecord, attempted: Mapping[str, Any]) -> ResourceRecord:
    """The intent of an update; its line of history only when it is not there from before a crash."""
    run = wanted.run
    again = run.is_ours(row, Action.UPDATE)
    row = run.ledger.update(
        row.id,
        action=Action.UPDATE,
        status=Status.IN_PROGRESS,
        reason=events.STATE_CHANGED,
        phase=row.phase if again else Phase.INTENT,
        progress=row.progress if again else {ATTEMPTED: dict(attempted)},
        operation_id=run.operation.id,
        updated_at=run.now(),
        replaced_by=None,
        secret=row.secret or wanted.secret,
        **_begun(wanted),
    )
    if not again:
        wanted.event(row)
    return row


def _begun(wanted: Wanted) -> dict[str, Any]:
    """What a row has to say as soon as its update begins: what it is now, and to a nested stack what its template reads of the parent."""
    begun: dict[str, Any] = {"implementation": wanted.kind.type_name}
    if wanted.kind.composite:
        begun["deletion_policy"] = wanted.definition.deletion_policy
        if not wanted.kind.keeps_metadata:
            begun["metadata"] = wanted.metadata
    return begun


def _apply(wanted: Wanted, row: ResourceRecord, changes: PropertyChanges) -> Routine[None]:
    run = wanted.run
    before = row
    again = run.is_ours(row, Action.UPDATE)
    if not again:
        yield from wait_at(run, row.id, PRE_UPDATE, Action.UPDATE)
        row = run.ledger.rows[row.id]
    row = _begin(wanted, row, changes.values)
    resource = wanted.resource(row)
    try:
        told = wanted.kind.tells_metadata and wanted.metadata != dict(before.metadata)
        if changes.values or again or wanted.kind.composite or told:
            yield from run.caller.carry_out(resource, Action.UPDATE, changes.values, resume=again)
    except StepFailed as failed:
        if failed.outcome.kind is not OutcomeKind.REPLACE:
            raise
        # The old one stays what it was until its replacement is there; the clean-up step will see that it was replaced.
        state = (
            {"action": Action.CREATE, "status": Status.COMPLETE}
            if again
            else {"action": before.action, "status": before.status}
        )
        run.ledger.update(row.id, phase=Phase.NONE, progress=None, reason=before.reason, **state)
        yield from _create(wanted, row.id, begun=True)
        return
    yield from _complete(wanted, resource)
    yield from _hold(run, row.id, "post-update", Action.UPDATE)


def _keep(wanted: Wanted, row: ResourceRecord) -> Routine[None]:
    """Only our own books: what it depends on, attributes newly asked for, and the state of one that had failed but needs nothing."""
    run = wanted.run
    run.current[wanted.name] = row.id
    if row.replaced_by is not None:
        yield from _take_back(run, row)
    hook = waits_at(row) if waiting_for(row, run.operation.id) else None
    if hook is not None and hook != PRE_UPDATE:
        yield from _hold(run, row.id, hook, Action.CREATE if hook == "post-create" else Action.UPDATE)
    elif waits_unchanged(run.desired.entries, run.operation.action, row, run.operation.id):
        yield from wait_at(run, row.id, PRE_UPDATE, Action.UPDATE)
    row = run.ledger.rows[row.id]
    stale = wanted.kind.changes_beside
    named = (name for name in run.plan.wanted.get(wanted.name, ()) if name is not None)
    missing = {name for name in named if stale or name not in row.attributes}
    values: dict[str, Any] = {**wanted.applied(), "replaced_by": None}
    if wanted.schema.any_properties and wanted.problem is None:
        values["properties"] = wanted.properties  # of which no change is a reason to do anything
    if missing:
        resource = run.resource(row, row.properties, row.metadata)
        yield Enter(bool(resource.local))
        values["attributes"] = {**row.attributes, **(yield from _read(wanted, resource, missing))}
    repaired = row.status is not Status.COMPLETE
    if repaired:
        values |= {
            "status": Status.COMPLETE,
            "reason": UNCHANGED_FAILED,
            "phase": Phase.NONE,
            "progress": None,
            "operation_id": run.operation.id,
        }
    changed = {name: value for name, value in values.items() if getattr(row, name) != value}
    if changed:
        row = run.ledger.update(row.id, **changed)
    if repaired:
        wanted.event(row)


def _completed(
    wanted: Wanted, row_id: str, action: Action, reason: str = events.STATE_CHANGED, **values: Any
) -> ResourceRecord:
    return wanted.run.ledger.update(
        row_id,
        action=action,
        status=Status.COMPLETE,
        reason=reason,
        phase=Phase.NONE,
        progress=None,
        updated_at=wanted.run.now(),
        operation_id=wanted.run.operation.id,
        **values,
    )


def _complete(wanted: Wanted, resource: Resource) -> Routine[None]:
    """Reads what others want to know of it, and writes that it is done."""
    names = wanted.run.plan.wanted.get(wanted.name, frozenset())
    attributes = yield from _read(wanted, resource, names)
    row = wanted.run.ledger.rows[resource.id]
    row = _completed(
        wanted, row.id, row.action, properties=wanted.properties, attributes=attributes, **wanted.applied()
    )
    wanted.event(row)


def _read(wanted: Wanted, resource: Resource, names: Any) -> Routine[dict[str, Any]]:
    """The named attributes, in one call, and the reference where it is not simply the physical id."""
    plain: set[str] = {name for name in names if name is not None}
    if None in names:
        plain.update(resource.attrs)
    attributes: dict[str, Any] = {}

    def read() -> dict[str, Any]:
        values = lifecycle.read(resource, sorted(plain)) if plain else {}
        reference = resource.reference()
        if reference != resource.physical_id:
            values[REFERENCE] = reference
        return values

    try:
        attributes = yield from wanted.run.caller.patiently(resource, read, reads=bool(plain) or resource.names_itself)
    except StepFailed as failed:
        # The thing itself is in order; what it has to tell may come later.
        LOG.warning(
            "attributes could not be read: %s", failed, extra={"resource": wanted.name, "stack": wanted.run.stack.id}
        )
    return attributes
