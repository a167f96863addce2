"""What the engine calls to drive a resource: build, start, poll, and what came of it.

Nothing else of the plugin API is its business.

The trap: nothing here raises for an action that a type has no handler for; `start` then has nothing to do and `poll`
says that it is done (Heat's behaviour); ask `supports` where the difference shows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol, TypeVar

from kamado.cloud import guard
from kamado.cloud.failures import CloudError, FailureKind
from kamado.model.lifecycle import Action
from kamado.model.records import ResourceRecord
from kamado.plugin import thing
from kamado.plugin.context import Ports, StackInfo
from kamado.plugin.declare import Blocker, PollList, ResourceSchema
from kamado.plugin.errors import (
    NotFoundInCloud,
    ReplacementNeeded,
    ResourceInError,
    TemporaryError,
    describe,
    heat_name,
    place_of,
)
from kamado.plugin.resource import Resource
from kamado.plugin.stack_resource import OF_MEMBERS
from kamado.template import walk
from kamado.template.properties import canonical, coerce_properties
from kamado.template.schema import CustomCheck, TypeSchema
from kamado.template.unknown import contains_unknown

T = TypeVar("T")

Token = Any
"""What a handler returned: JSON, stored so that polling can go on elsewhere."""


class Types(Protocol):
    """Where classes come from: a registry or a view of one."""

    def of(self, row: ResourceRecord) -> type[Resource]:
        """The class that a row was made with."""


class OutcomeKind(StrEnum):
    """What to do after an error of a handler."""

    RETRY = "retry"
    REPLACE = "replace"
    FAIL = "fail"
    GONE = "gone"


class ErrorKind(StrEnum):
    """What kind of error it was, where that decides what is tried next."""

    CONFLICT = "conflict"
    """The cloud says that something stands in the way: it may go by itself."""
    BROKEN = "broken"
    """The thing is there and in error: another one may do better."""
    TROUBLE = "trouble"
    """The service failed by itself (500): what may be done twice may be asked for again."""
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Outcome:
    """An error of a handler as data.

    ``reason`` is in Heat's format; ``after`` is the least wait in seconds before a retry (None: growing waits);
    ``unknown``: the call may have done its work, so `find` comes before another create; ``error`` is what kind it was.
    """

    kind: OutcomeKind
    reason: str
    after: float | None = None
    unknown: bool = False
    error: ErrorKind = ErrorKind.OTHER


@dataclass(frozen=True, slots=True)
class PropertyChanges:
    """How new properties differ from those last applied.

    ``values``: changed property → new value (None when taken away); ``paths``: where exactly, for people;
    ``replace``: properties that cannot be changed in place; ``refused``: immutable ones; ``undecided``: their new
    value is not yet known.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    paths: tuple[str, ...] = ()
    replace: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    undecided: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.values)

    @property
    def must_replace(self) -> bool:
        """Whether the change cannot be made in place."""
        return bool(self.replace)


def build(
    types: Types,
    record: ResourceRecord,
    stack: StackInfo,
    ports: Ports,
    *,
    properties: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Resource:
    """The resource of a row, with the properties it is to have (default: those last applied)."""
    cls = types.of(record)
    given = record.properties if properties is None else properties
    return cls(
        record.name,
        record.type,
        stack,
        ports,
        record,
        canonical(cls.schema, given or {}),
        record.metadata if metadata is None else metadata,
    )


def coerce(
    schema: TypeSchema, values: Mapping[str, Any], custom: CustomCheck | None = None, path: tuple[str | int, ...] = ()
) -> dict[str, Any]:
    """Resolved properties as a resource is built with them; see `kamado.template.properties.coerce_properties`.

    ``custom`` checks custom constraints (see `kamado.plugin.finders.check`).
    """
    return coerce_properties(schema, values, custom, path)


def supports(resource: Resource, action: Action | str) -> bool:
    """Whether the type does anything for an action."""
    return hasattr(resource, f"handle_{_word(action)}")


def guarded(may: Callable[[], None], call: Callable[[], T]) -> T:
    """Calls it; each request that it sends to a cloud asks ``may`` first, which raises when none may be sent any more."""
    return guard.guarded(may, call)


def start(resource: Resource, action: Action | str, changes: Mapping[str, Any] | None = None) -> Token:
    """Calls the handler of an action.

    ``changes``: for UPDATE the changed properties, for ADOPT and ``delete_snapshot`` the data.
    """
    word = _word(action)
    if word == "update" and changes is not None and resource.needs_replace(changes):
        raise ReplacementNeeded(resource.name)
    handler = getattr(resource, f"handle_{word}", None)
    if handler is None:
        return None
    if word in ("update", "adopt", "delete_snapshot"):
        return handler(changes or {})
    return handler()


def poll(resource: Resource, action: Action | str, token: Token) -> bool:
    """Whether the action is over; a token that is a dict may have been changed and is to be stored again."""
    check = getattr(resource, f"check_{_word(action)}_complete", None)
    if check is None:
        return True
    try:
        return bool(check(token))
    except CloudError as error:
        if error.kind is FailureKind.SERVER_ERROR and error.method == "GET":
            raise TemporaryError(str(error)) from error
        raise


def blockers(resource: Resource) -> list[Blocker]:
    """What is known to stand in the way of deleting it. Raises what a call to the cloud raises."""
    return [found for find in resource.blocked_by for found in find(resource)]


def polled_by_list(resource: Resource) -> PollList | None:
    """The list that shows a thing as its poll wants to see it, beside others of its collection; None: it is looked at singly."""
    return thing.polled_by_list(resource) if isinstance(resource, thing.RestThing) else None


def look_together(resources: Collection[Resource]) -> None:
    """Looks at things of one collection by one list call, where that costs less; `observe` of each then makes no call.

    What a list does not show, and what no list can tell, is left to `observe`. Blocks. Raises CloudError where a list failed for a
    passing cause: that a service is busy must not bring it a call for each thing.
    """
    groups: dict[tuple[type[Resource], str], list[thing.RestThing]] = {}
    for resource in resources:
        if isinstance(resource, thing.RestThing) and (shared := thing.polled_by_list(resource)) is not None:
            groups.setdefault((type(resource), shared.name), []).append(resource)
    for several in groups.values():
        together = thing.observed_by_list(several[0], len(several))
        if together is None:
            continue
        try:
            found = together.read([str(one.physical_id) for one in several])
        except CloudError as error:
            if error.passing:
                raise
            continue
        for one in several:
            one.seen = found.get(str(one.physical_id))


@dataclass(frozen=True, slots=True)
class Observation:
    """What a look at reality gave: ``gone``, or the properties that are otherwise there, by name."""

    gone: bool = False
    differing: Mapping[str, Any] = field(default_factory=dict)


def observe(resource: Resource) -> Observation:
    """Looks at the thing itself; at most one read. Errors as from handlers."""
    try:
        return Observation(differing=resource.observe())
    except NotFoundInCloud:
        return Observation(gone=True)
    except CloudError as error:
        if error.not_found:
            return Observation(gone=True)
        raise


def makes_way(resource: Resource) -> bool:
    """Whether the type has something to give up for a replacement; else `make_way` and `take_back` need not be called."""
    return type(resource).prepare_for_replace is not Resource.prepare_for_replace


def make_way(resource: Resource) -> None:
    """To be called on a resource that has a physical id before its replacement is created; errors as from handlers."""
    resource.prepare_for_replace()


def take_back(resource: Resource) -> None:
    """To be called when a replacement is given up (rollback) and this resource is in use again.

    Its replacement, if it came to be, makes way before that.
    """
    resource.restore_prev_rsrc()


def find(resource: Resource, since: datetime, taken: Collection[str]) -> str | None:
    """What a create with an unknown outcome has made; None also for a type that cannot look."""
    return resource.find_existing(since, taken) if resource.can_find else None


def takes_signals(resource: Resource) -> bool:
    """Whether the type does anything with a signal."""
    return hasattr(resource, "handle_signal")


def signal(resource: Resource, details: Mapping[str, Any] | None) -> Any:
    """Hands a signal over (None: one without details); the handler's answer goes into the event's reason."""
    handler = getattr(resource, "handle_signal", None)
    return None if handler is None else handler(details)


def read(resource: Resource, names: Collection[str]) -> dict[str, Any]:
    """Attributes as templates name them: one of a group's may come with a step into it (``outputs.<name>``), which others do not know."""
    steps = {name: name.partition(".") for name in names}
    apart = {
        name: (before, after)
        for name, (before, _, after) in steps.items()
        if after and before in OF_MEMBERS and before not in resource.takes_keys
    }
    plain = [name for name in names if name not in apart]
    whole = {before for before, _ in apart.values()}
    found = dict(resource.read_attributes([*plain, *sorted(whole.difference(plain))]))
    inner = {name: walk(found.get(before), (after,)) for name, (before, after) in apart.items()}
    return {name: inner[name] if name in inner else found.get(name) for name in names}


def outcome(error: BaseException, resource_name: str = "") -> Outcome:
    """What an exception of a handler means; `resource_name` gives the path in the reason."""
    reason = describe(error, place_of(resource_name)) if resource_name else f"{heat_name(error)}: {error}"
    kind = _kind(error)
    if isinstance(error, TemporaryError):
        return Outcome(OutcomeKind.RETRY, reason, error.after, error.unknown, kind)
    if isinstance(error, ReplacementNeeded):
        return Outcome(OutcomeKind.REPLACE, reason)
    if isinstance(error, NotFoundInCloud):
        return Outcome(OutcomeKind.GONE, reason)
    if isinstance(error, CloudError) and (error.passing or (error.status == 413 and error.retry_after is not None)):
        unknown = error.kind is FailureKind.LOST or error.status in (502, 504)
        return Outcome(OutcomeKind.RETRY, reason, error.retry_after, unknown, kind)
    return Outcome(OutcomeKind.FAIL, reason, error=kind)


def _kind(error: BaseException) -> ErrorKind:
    if isinstance(error, ResourceInError):
        return ErrorKind.BROKEN
    if heat_name(error) == "Conflict" or _conflict(error):
        return ErrorKind.CONFLICT
    if isinstance(error, CloudError) and error.kind is FailureKind.SERVER_ERROR:
        return ErrorKind.TROUBLE
    return ErrorKind.OTHER


def _conflict(error: BaseException | None) -> bool:
    """Also under a service's own name for it, such as IpAddressInUse."""
    return isinstance(error, CloudError) and error.conflict


def diff(
    schema: TypeSchema, old: Mapping[str, Any], new: Mapping[str, Any], doubtful: Collection[str] = ()
) -> PropertyChanges:
    """Compares the properties last applied with new ones, both coerced; values inside ``new`` may be UNKNOWN. Pure.

    ``doubtful``: names of properties that count as changed whatever ``old`` says.
    """
    if schema.any_properties and not (isinstance(schema, ResourceSchema) and schema.heeds_any):
        return PropertyChanges()
    before, after = canonical(schema, old), canonical(schema, new)
    doubted = {schema.aliases.get(name, name) for name in doubtful}
    as_set: frozenset[str] = schema.as_set if isinstance(schema, ResourceSchema) else frozenset()
    values: dict[str, Any] = {}
    paths: list[str] = []
    undecided: list[str] = []
    for name in [*after, *(name for name in before if name not in after)]:
        was, will = before.get(name), after.get(name)
        if contains_unknown(will):
            undecided.append(name)
        elif name not in doubted and _same(was, will, name in as_set):
            continue
        values[name] = will
        paths += [name] if name in doubted else _where(name, was, will)
    known = schema.properties
    fixed = (name for name in values if name not in known or not (known[name].update or known[name].immutable))
    replace = [] if schema.any_properties else list(fixed)
    refused = [name for name in values if name in known and known[name].immutable]
    if isinstance(schema, ResourceSchema) and schema.replaces is not None and values and not replace:
        decided = frozenset(values) - frozenset(undecided)
        if decided and schema.replaces(before, after, decided):
            replace = sorted(decided)
    return PropertyChanges(values, tuple(paths), tuple(replace), tuple(refused), tuple(undecided))


def _same(was: Any, will: Any, as_set: bool) -> bool:
    if as_set and isinstance(was, list) and isinstance(will, list):
        return len(was) == len(will) and all(item in will for item in was) and all(item in was for item in will)
    return bool(was == will)


def _where(name: str, was: Any, will: Any) -> list[str]:
    """Dotted places of a difference, one level of maps at a time."""
    if isinstance(was, Mapping) and isinstance(will, Mapping):
        keys = [*will, *(key for key in was if key not in will)]
        return [
            place
            for key in keys
            if was.get(key) != will.get(key)
            for place in _where(f"{name}.{key}", was.get(key), will.get(key))
        ]
    return [name]


def _word(action: Action | str) -> str:
    return str(action).lower()
