"""The vocabulary in which resource types are declared: frozen dataclasses, checked when the class is made.

Used by every module below `kamado.resources` and by plugins of others. The trap: `properties` is a tuple of `Prop`,
not class attributes, because a property and an attribute may share a name; what is wrong with a declaration fails at
import, not in use.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar, overload

from kamado.plugin.rules import Rule
from kamado.template.schema import (
    AllowedPattern,
    AllowedValues,
    AttributeSchema,
    Constraint,
    Custom,
    CustomCheck,
    Length,
    Modulo,
    PropertyType,
    Range,
    Schema,
    Support,
    TypeSchema,
)

if TYPE_CHECKING:
    from kamado.plugin.resource import Resource

STRING: Final = PropertyType.STRING
NUMBER: Final = PropertyType.NUMBER
INTEGER: Final = PropertyType.INTEGER
BOOLEAN: Final = PropertyType.BOOLEAN
LIST: Final = PropertyType.LIST
MAP: Final = PropertyType.MAP
ANY: Final = PropertyType.ANY


class Body(Enum):
    """Where a property goes when it is not simply sent under its own name."""

    SAME = "same"
    MERGED = "merged"
    NOT_SENT = "not sent"


SAME: Final = Body.SAME
MERGED: Final = Body.MERGED
NOT_SENT: Final = Body.NOT_SENT


class Fallback(Enum):
    """What stands in for a property that is not set."""

    PHYSICAL_NAME = "physical name"


PHYSICAL_NAME: Final = Fallback.PHYSICAL_NAME


class Unset(Enum):
    """What is sent when an update takes a property away."""

    SENT_AS_NULL = "null"
    LEFT_OUT = "left out"


SENT_AS_NULL: Final = Unset.SENT_AS_NULL
LEFT_OUT: Final = Unset.LEFT_OUT


class AllowedTexts(AllowedValues):
    """Allowed values of a text that are listed as numbers too (protocols): 6 and "6" are the same."""

    def check(self, value: Any, custom: CustomCheck | None = None) -> str | None:
        """None when the text of an allowed value."""
        return None if str(value) in map(str, self.allowed) else super().check(value, custom)


@dataclass(frozen=True)
class Prop:
    """One property, top-level or nested.

    What it must be: ``required``, ``default``, ``allowed`` (values), ``low``/``high`` (range, both included),
    ``length`` (shortest, longest; None is open), ``pattern``, ``step`` (modulo: step, offset), ``check`` (a named
    custom constraint without a look-up), ``items`` (type of the items of a LIST or of the values of a MAP),
    ``fields`` (fixed keys: of the MAP itself, or of each map in the LIST), ``convert_text`` (a text is taken for the
    LIST or MAP that it writes down).

    Life: ``update`` (changed in place), ``immutable`` (a change is refused), ``since``/``status``/``message``
    (support), ``instead`` (this is an old name of that property), ``secret`` (never shown, encrypted).

    The wire: ``refers`` (constraint, and names become ids: "neutron.network"), ``looks_up`` (the same without the
    constraint), ``body`` (another key, dotted for a nested one; MERGED: its keys go into the body; NOT_SENT: a side
    call claims it), ``fallback`` (what stands in when it is not set), ``unset`` (what an update that takes it away
    sends: SENT_AS_NULL, LEFT_OUT, or a value), ``wire`` (makes the value that is sent from the resolved one),
    ``as_set`` (order means nothing: no change by order), ``create_only`` (sent by create though it may be updated:
    the update has a call of its own).
    """

    name: str
    type: PropertyType
    description: str = ""
    required: bool = False
    default: Any = None
    update: bool = False
    immutable: bool = False
    allowed: tuple[Any, ...] | None = None
    low: float | None = None
    high: float | None = None
    length: tuple[int | None, int | None] | None = None
    pattern: str | None = None
    step: tuple[int, int] | None = None
    check: str | None = None
    refers: str | None = None
    looks_up: str | None = None
    items: PropertyType | Prop | None = None
    fields: tuple[Prop, ...] | None = None
    convert_text: bool = False
    since: str | None = None
    status: str = "SUPPORTED"
    message: str | None = None
    instead: str | None = None
    secret: bool = False
    body: str | Body = SAME
    fallback: Fallback | None = None
    unset: Any = SENT_AS_NULL
    wire: Callable[[Any], Any] | None = None
    as_set: bool = False
    create_only: bool = False

    def __post_init__(self) -> None:
        if self.fields is not None and self.type not in (LIST, MAP):
            raise DeclarationError(f"{self.name}: fields belong to a LIST or MAP")
        if self.items is not None and self.type not in (LIST, MAP):
            raise DeclarationError(f"{self.name}: items belong to a LIST or MAP")
        if self.items is not None and self.fields is not None:
            raise DeclarationError(f"{self.name}: either items or fields")

    @property
    def key(self) -> str:
        """The key it is sent under."""
        return self.body if isinstance(self.body, str) else self.name

    def schema(self) -> Schema:
        """The property for the template checker and for clients."""
        fields = {nested.name: nested.schema() for nested in self.fields} if self.fields is not None else None
        items: Schema | None = None
        if isinstance(self.items, Prop):
            items = self.items.schema()
        elif self.items is not None:
            items = Schema(self.items)
        if fields is not None and self.type is LIST:
            items, fields = Schema(MAP, fields=fields), None
        return Schema(
            type=self.type,
            required=self.required,
            default=self.default,
            description=self.description,
            update=self.update,
            immutable=self.immutable,
            constraints=tuple(self._constraints()),
            fields=fields,
            items=items,
            secret=self.secret,
            support=Support(self.status, self.since, self.message),
            allow_conversion=self.convert_text,
        )

    def _constraints(self) -> Iterator[Constraint]:
        if self.allowed is not None:
            texts = self.type is STRING and not all(isinstance(value, str) for value in self.allowed)
            yield AllowedTexts(self.allowed) if texts else AllowedValues(self.allowed)
        if self.low is not None or self.high is not None:
            yield Range(self.low, self.high)
        if self.length is not None:
            yield Length(*self.length)
        if self.pattern is not None:
            yield AllowedPattern(self.pattern)
        if self.step is not None:
            yield Modulo(*self.step)
        for name in (self.check, self.refers):
            if name is not None:
                yield Custom(name)


class Properties:
    """The declaration of a type's properties on its class; on an instance, under the same name, their values."""

    def __init__(self, *declared: Prop) -> None:
        self.declared = declared

    def __iter__(self) -> Iterator[Prop]:
        return iter(self.declared)

    @overload
    def __get__(self, instance: None, owner: type) -> Properties: ...

    @overload
    def __get__(self, instance: object, owner: type) -> Mapping[str, Any]: ...

    def __get__(self, instance: object | None, owner: type) -> Properties | Mapping[str, Any]:
        if instance is None:
            return self
        values: Mapping[str, Any] = instance.__dict__["properties"]
        return values

    def __set__(self, instance: object, values: Mapping[str, Any]) -> None:
        instance.__dict__["properties"] = values

    def without(self, *names: str) -> tuple[Prop, ...]:
        """The declarations but for some: for a type that shares most of another's."""
        return tuple(prop for prop in self if prop.name not in names)


@dataclass(frozen=True, slots=True)
class Query:
    """An attribute read from another collection: ``key`` of the answer to GET ``path`` with ``where`` as its query.

    ``{id}`` and names of properties in ``path`` and ``where`` are filled in; ``order`` sorts by a key, empty values
    first.
    """

    path: str
    key: str
    where: Mapping[str, str] = field(default_factory=dict)
    order: str = ""
    service: str = ""


@dataclass(frozen=True, slots=True)
class PollList:
    """A list that many polls share: ``name`` of the collection, and ``read``, which gives things of these ids by id, as far as listed."""

    name: str
    read: Callable[[Collection[str]], Mapping[str, Any]] = field(compare=False)


@dataclass(frozen=True, slots=True)
class Blocker:
    """A thing that keeps another from being deleted: its id, and what it is in words."""

    id: str
    words: str


@dataclass(frozen=True, slots=True)
class BlockedBy:
    """Things whose existence forbids to delete one of a type: what ``query`` finds are of ``kind`` ("port").

    ``says``: keys of such a thing that are told beside its id, where they have a value.
    """

    kind: str
    query: Query
    says: tuple[str, ...] = ("name",)

    def __call__(self, resource: Any) -> list[Blocker]:
        """Those that there are now. Raises CloudError."""
        return [self.named(thing) for thing in resource.query(self.query) or ()]

    def named(self, thing: Mapping[str, Any]) -> Blocker:
        """One of them in words, such as ``port 4711 (name web, device_owner compute:nova)``."""
        found = ", ".join(f"{key} {thing[key]}" for key in self.says if thing.get(key))
        return Blocker(str(thing["id"]), f"{self.kind} {thing['id']}" + (f" ({found})" if found else ""))


@dataclass(frozen=True, slots=True)
class Attr:
    """One attribute. ``key``: where it lies in the thing's body (dotted.

    Default: its name). ``read``: how else it is read: a `Query`, or a function of the resource. ``live``: changes by
    itself, so a stored value is not good for showing. ``shape``: makes the value from the one found in the body.
    """

    name: str
    type: PropertyType | None = None
    description: str = ""
    since: str | None = None
    status: str = "SUPPORTED"
    message: str | None = None
    key: str | None = None
    read: Query | Callable[[Any], Any] | None = None
    live: bool = False
    shape: Callable[[Any], Any] | None = None

    def schema(self) -> AttributeSchema:
        """The attribute for the template checker and for clients."""
        return AttributeSchema(self.description, self.type, Support(self.status, self.since, self.message))


@dataclass(frozen=True, slots=True)
class Rest:
    """A plain REST collection.

    ``service``: the service type in the catalog. ``path``: of the collection; ``{property}`` in it stands for a
    parent's id (``/v2.0/qos/policies/{policy}/bandwidth_limit_rules``). ``envelope``: the key around one thing, None
    for none; ``plural``: around many (default: envelope + "s"). ``update``: the method. ``id_key``: where the answer
    has the id. ``microversion``: asked for in each call; ``shown``: when all that
    the service has to say of the thing is shown to somebody. ``retry``: statuses on create, update and delete that mean
    "busy, again later". ``waits_for_absence``: the thing is gone only when GET says 404. ``find_by``: keys of the
    create body that an adoption look-up filters by; ``created``: the key with the time of creation. ``extension``:
    network extensions that must be there. ``always``: sent with each create. ``beside``: keys of the body that go
    beside the envelope instead of into it (scheduler hints). ``unique``: the service refuses a second thing of the same
    name and does not say when the first was made, so a create looks first, else a thing of somebody else could be taken
    for ours after a lost answer. ``listing``: the path that lists things whole, where that is not ``path``
    (``/volumes/detail``). ``polled_by_list``: a list shows a thing as GET of the thing itself does, so many that are waited for
    are looked at by one call; ``lists_since``: the key by which the list can be narrowed to what has changed since a moment;
    ``lists_by``: the key by which it can be narrowed to some ids.
    """

    service: str
    path: str
    envelope: str | None
    plural: str = ""
    update: str = "PUT"
    id_key: str = "id"
    microversion: str | None = None
    shown: str | None = None
    retry: frozenset[int] | set[int] = frozenset()
    waits_for_absence: bool = False
    find_by: tuple[str, ...] = ("name",)
    created: str = "created_at"
    extension: tuple[str, ...] = ()
    always: Mapping[str, Any] = field(default_factory=dict)
    beside: tuple[str, ...] = ()
    unique: bool = False
    listing: str = ""
    polled_by_list: bool = False
    lists_since: str = ""
    lists_by: str = ""

    @property
    def many(self) -> str:
        """The key around a list of things."""
        return self.plural or f"{self.envelope}s"


@dataclass(frozen=True, slots=True)
class Ready:
    """The status field of a thing: values on the way, at the goal, and beyond repair.

    ``reason``: dotted key with the cloud's words for a bad status. ``unknown_waits``: another value is waited on
    instead of failing. ``result``: Heat's words before an unknown status.
    """

    field: str
    pending: frozenset[str] | set[str] = frozenset()
    done: frozenset[str] | set[str] = frozenset()
    bad: frozenset[str] | set[str] = frozenset()
    reason: str = ""
    unknown_waits: bool = False
    result: str = "Resource failed"


@dataclass(frozen=True, slots=True)
class After:
    """An implicit dependency: on each resource of ``type`` in the template whose properties equal ours.

    ``where`` maps a property of the other to one of ours; dotted for nested ones, ``a|b`` for "a, or else its old
    name b".
    """

    type: str
    where: Mapping[str, str]


class SideCall(Protocol):
    """What comes after the thing itself: brings one aspect of it to what the properties want.

    May be run any number of times.
    """

    @property
    def claims(self) -> tuple[str, ...]:
        """The properties it takes care of."""

    def reconcile(self, resource: Any) -> None:
        """Makes it so; raises CloudError or PluginError."""


@dataclass(frozen=True)
class ResourceSchema(TypeSchema):
    """A type's schema with what the planner's comparison needs beside it.

    ``as_set``: properties compared without order. ``replaces``: `Resource.replaces` of the class (pure). ``secrets``:
    properties and attributes that are never shown. ``heeds_any``: see `Resource.heeds_any`.
    """

    as_set: frozenset[str] = frozenset()
    replaces: Callable[[Mapping[str, Any], Mapping[str, Any], frozenset[str]], bool] | None = None
    secrets: frozenset[str] = frozenset()
    description: str = ""
    live_attributes: frozenset[str] = frozenset()
    heeds_any: bool = False


class DeclarationError(TypeError):
    """A resource type is declared wrongly; raised when its module is imported."""


R = TypeVar("R", bound="type[Resource]")

_SHOW = AttributeSchema("Everything that the service tells about it.", MAP)


def resource_type(
    name: str, *, since: str | None = None, status: str = "SUPPORTED", message: str | None = None
) -> Callable[[R], R]:
    """Declares the class below to be the resource type ``name``; checks the declaration and makes ``cls.schema``."""

    def declare(cls: R) -> R:
        declared = declared_by(cls)
        names = [prop.name for prop in declared]
        _unique(name, "property", names)
        _unique(name, "attribute", [attr.name for attr in cls.attributes])
        _check_claims(name, cls)
        for rule in cls.rules:
            _check_rule(name, rule, declared)
        for prop in declared:
            if prop.instead is not None and prop.instead not in names:
                raise DeclarationError(f"{name}: {prop.name} stands for {prop.instead}, which is not declared")
        rest: Rest | None = getattr(cls, "rest", None)
        if rest is not None:
            cls.service_type, cls.microversion = rest.service, rest.microversion  # type: ignore[attr-defined]
        cls.type_name = name
        cls.support = Support(status, since, message)
        cls.props = {prop.name: prop for prop in declared}
        cls.attrs = {attr.name: attr for attr in cls.attributes}
        cls.schema = ResourceSchema(
            name=name,
            properties={prop.name: prop.schema() for prop in declared},
            attributes={attr.name: attr.schema() for attr in cls.attributes} | {"show": _SHOW},
            any_attributes=cls.any_attributes,
            support=cls.support,
            any_properties=cls.any_properties,
            heeds_any=cls.heeds_any,
            aliases={prop.name: prop.instead for prop in declared if prop.instead is not None},
            as_set=frozenset(prop.name for prop in declared if prop.as_set),
            replaces=cls.replaces,
            secrets=frozenset(prop.name for prop in declared if prop.secret),
            description=(cls.__doc__ or "").strip(),
            heat_class=cls.heat_class,
            live_attributes=frozenset(attr.name for attr in cls.attributes if attr.live),
            update_policy={prop.name: prop.schema() for prop in cls.update_policies},
        )
        return cls

    return declare


def declared_by(cls: type[Resource]) -> Properties:
    """The declaration of a class."""
    return cls.properties


def _unique(type_name: str, what: str, names: list[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DeclarationError(f"{type_name}: {what} declared twice: {', '.join(twice)}")


def _check_claims(type_name: str, cls: type[Resource]) -> None:
    """Each property that is not sent is claimed by a side call or named by the class.

    And nobody claims what is not there.
    """
    declared = {prop.name for prop in cls.properties}
    claimed = {name for side in cls.side_calls for name in side.claims}
    if claimed - declared:
        raise DeclarationError(
            f"{type_name}: side calls claim unknown properties: {', '.join(sorted(claimed - declared))}"
        )
    idle = {
        prop.name
        for prop in cls.properties
        if prop.body is NOT_SENT and prop.instead is None and prop.name not in claimed | cls.handled
    }
    if idle:
        raise DeclarationError(f"{type_name}: neither sent nor claimed: {', '.join(sorted(idle))}")


def _check_rule(type_name: str, rule: Rule, properties: Properties) -> None:
    for path in rule.paths:
        known: Mapping[str, Prop] = {prop.name: prop for prop in properties}
        for part in path.split("."):
            if part not in known:
                raise DeclarationError(f"{type_name}: a rule names {path}, which is not declared")
            known = {prop.name: prop for prop in known[part].fields or ()}


def adapted(prop: Prop, **changes: Any) -> Prop:
    """A declaration with other values in some fields: for shared shapes that differ in a detail."""
    return replace(prop, **changes)
