"""How a service of the local cloud is declared. Read this first when you add one.

A service is four things in `localcloud/<service>/__init__.py`:

    NETWORKS = Collection(                       # 1. a table of collections, one for each kind of object
        service="network", plural="networks", singular="network", path="/v2.0/networks",
        noun="Network", kind="Network",          #    as error messages and error types name it
        fields=(
            Field("name", text(255), default=""),
            Field("admin_state_up", boolean, default=True),
            Field("shared", boolean, default=False, admin=True),     # only an administrator may give it
            Field("status", read_only=True, default="ACTIVE"),       # the server's own
            Field("subnets", read_only=True, default=tuple),         # a callable default is called: fresh value
        ),
        visible=lambda call, obj: obj["shared"], # others' objects that one may see, besides the project's own
        blockers=(Blocker("network.ports", "network_id"),),          # DELETE → 409 while one refers to it
        quota="network",                         #    counted per project against Service.quotas
    )
    PORTS = Collection(..., fields=(Field("network_id", text(), required=True, update=False,
                                          refers="network.networks"), ...))   # dangling or invisible → 404

    SERVICE = Service(                           # 2. the service: its lines in the catalog, its way to say no
        name="network", catalog=(CatalogEntry("neutron", "network"),), dialect=NetworkDialect(),
        collections=(NETWORKS, PORTS),
        routes=(Route("PUT", "/v2.0/routers/{id}/add_router_interface", add_interface),   # 3. what is special
                Route("GET", "/", versions, public=True)),
        quotas={"network": 100}, seed=seed)      # 4. what a new cloud starts with

and one line in `server.SERVICES`. That gives list (filters, limit/marker, sort_key/sort_dir, fields), create, show,
update and delete over real HTTP, with the token checked, other projects' objects hidden (404), unknown and wrong fields
refused in the service's own words, timestamps, quotas, references. `path` may hold `{project_id}` (Cinder) or a parent's id
(`parent=`), and `{id}` of the object is added by `crud`.

Life cycles: `life=Lifecycle("BUILD", "ACTIVE")` starts an object in BUILD; it turns ACTIVE at once, or after the seconds or
reads set with `cloud.faults.build("compute.servers", seconds=3)` / `reads=2`, or ERROR with `fail="No valid host"`
(`Lifecycle.fault` says how the message is shown). To move it yourself: `call.state.later(table, id, at, changes)`.

Hooks are plain functions, all inside the request's transaction; raise `Refusal` (or what `call.service.dialect` returns) to
refuse: then nothing that was written stays.

    before_create(call, values)         values: validated, defaults filled in; change them in place, they are not stored yet
    after_create(call, obj)             obj: stored. Make what comes with it (`call.state.put("network.ports", …)`)
    before_update(call, obj, changes)   changes in place; obj as it is
    after_update(call, old, new)
    before_delete(call, obj)            last chance to refuse; blockers were asked already
    after_delete(call, obj)             take along what belonged to it
    view(call, obj) -> dict             what the client sees; without it: every field in the order declared

The trap: objects in the state are never changed in place (see `state`). What is not declared as a field may still be kept
in the object under a key with an underscore; it is never shown.
"""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kamado.localcloud.service import Call
from kamado.localcloud.state import Obj

# Field types: a function that gives the value to store, or raises ValueError with the service's own reason.
FieldType = Callable[[Any], Any]


def anything(value: Any) -> Any:
    """Any JSON value."""
    return value


def text(longest: int = 0, shortest: int = 0) -> FieldType:
    """A string of at most `longest` (0: any length) and at least `shortest` characters; wording of JSON schema."""

    def check(value: Any) -> Any:
        if not isinstance(value, str):
            raise ValueError(f"{value!r} is not of type 'string'")
        if longest and len(value) > longest:
            raise ValueError(f"{value!r} is too long")
        if len(value) < shortest:
            raise ValueError(f"{value!r} is too short")
        return value

    return check


def boolean(value: Any) -> Any:
    """true or false, nothing else."""
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} is not of type 'boolean'")
    return value


def integer(least: int | None = None, most: int | None = None) -> FieldType:
    """A whole number within bounds."""

    def check(value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError(f"{value!r} is not of type 'integer'")
        if least is not None and value < least:
            raise ValueError(f"{value} is less than the minimum of {least}")
        if most is not None and value > most:
            raise ValueError(f"{value} is greater than the maximum of {most}")
        return value

    return check


def one_of(*allowed: Any) -> FieldType:
    """One of the values named."""

    def check(value: Any) -> Any:
        if value not in allowed:
            raise ValueError(f"{value!r} is not one of {list(allowed)}")
        return value

    return check


def list_of(item: FieldType, unique: bool = False) -> FieldType:
    """A list whose members are of one type."""

    def check(value: Any) -> Any:
        if not isinstance(value, list):
            raise ValueError(f"{value!r} is not of type 'array'")
        if unique and len({repr(v) for v in value}) < len(value):
            raise ValueError(f"{value!r} has non-unique elements")
        return [item(v) for v in value]

    return check


def map_of(item: FieldType) -> FieldType:
    """An object whose values are of one type."""

    def check(value: Any) -> Any:
        if not isinstance(value, dict):
            raise ValueError(f"{value!r} is not of type 'object'")
        return {k: item(v) for k, v in value.items()}

    return check


def nullable(inner: FieldType) -> FieldType:
    """The same, or null."""

    def check(value: Any) -> Any:
        return None if value is None else inner(value)

    return check


def new_uuid() -> str:
    """An id as Neutron, Nova, Cinder and Glance make them."""
    return str(uuid.uuid4())


def new_hex() -> str:
    """An id as Keystone makes them."""
    return uuid.uuid4().hex


@dataclass(frozen=True)
class Field:
    """One field of a collection's objects.

    `default` may be callable (called for each object). `create`/`update` say whether a client may give it there;
    `read_only` means neither. `admin`: only an administrator may give it (403). `hidden`: stored, never shown.
    `filter`: may be used as `?name=value`. `refers` names the table that the value (or each of a list's values) must be
    in and visible to the caller.
    """

    name: str
    type: FieldType = anything
    required: bool = False
    default: Any = None
    create: bool = True
    update: bool = True
    read_only: bool = False
    admin: bool = False
    hidden: bool = False
    filter: bool = True
    refers: str = ""


@dataclass(frozen=True)
class Blocker:
    """Objects of `table` whose `field` is our id keep us from being deleted (409), unless `unless(obj)` is true."""

    table: str
    field: str
    unless: Callable[[Obj], bool] | None = None


@dataclass(frozen=True)
class Parent:
    """The collection lives under one object of `table`; its id is the path's `{param}` and is kept in `field`."""

    table: str
    param: str
    field: str


def no_fault(message: str, now: str) -> Obj:
    """A failed build that shows no more than its status."""
    return {}


@dataclass(frozen=True)
class Lifecycle:
    """A status that moves on its own: `pending` after create, then `done`, or `bad` when a fault says so.

    `fault(message, now)` gives the fields that show why (Nova's `fault`).
    """

    pending: str
    done: str
    bad: str = "ERROR"
    field: str = "status"
    seconds: float = 0.0
    fault: Callable[[str, str], Obj] = no_fault


@dataclass(frozen=True)
class Policy:
    """Who may do what: `reader`, `member`, `admin`, `any` (whoever has a token); empty: there is no such request.

    `names` gives the rules' names for the 403 message, by action (`create`, `list`, `show`, `update`, `delete`).
    """

    create: str = "member"
    list: str = "reader"
    show: str = "reader"
    update: str = "member"
    delete: str = "member"
    names: Mapping[str, str] = field(default_factory=dict)


def _nothing_to_create(call: Call, values: Obj) -> None: ...


def _nothing(call: Call, obj: Obj) -> None: ...


def _nothing_to_update(call: Call, obj: Obj, changes: Obj) -> None: ...


def _nothing_more(call: Call, action: str) -> bool:
    return False


def nobody_else(call: Call, obj: Obj) -> bool:
    """Only the project that owns an object (and an administrator) sees it."""
    return False


@dataclass(frozen=True)
class Collection:
    """One kind of object with its REST requests; the module's header shows how to write one.

    `owner` names the field that holds the owning project (empty: the objects are the whole cloud's). `unique` fields
    may not repeat (`conflict(values) → Refusal` words it). `detailed`: `GET path` shows `brief` only and `GET path/detail`
    everything (Nova, Cinder). `bulk`: several objects in one POST under the plural. `by_name`: `{id}` may be the name.
    `page` is the most that one list answer holds (0: everything). `newest_first`: lists begin with the youngest object.
    `own_list`: an administrator's lists hold only his own project's objects unless he asks for `all_tenants`.
    `open`: fields that are not declared are kept and shown as given (Keystone's extras). `allow(call, action)` may permit
    what the policy does not (one's own user).
    """

    service: str
    plural: str
    singular: str
    path: str
    fields: tuple[Field, ...]
    noun: str = ""
    kind: str = ""
    owner: str = "project_id"
    visible: Callable[[Call, Obj], bool] = nobody_else
    policy: Policy = Policy()
    blockers: tuple[Blocker, ...] = ()
    parent: Parent | None = None
    quota: str = ""
    life: Lifecycle | None = None
    update_method: str = "PUT"
    statuses: tuple[int, int, int] = (201, 200, 204)
    created: str = "created_at"
    updated: str = "updated_at"
    new_id: Callable[[], str] = new_uuid
    bulk: bool = False
    by_name: bool = False
    page: int = 0
    newest_first: bool = False
    own_list: bool = False
    open: bool = False
    allow: Callable[[Call, str], bool] = _nothing_more
    brief: Callable[[Call, Obj], Obj] | None = None
    detailed: bool = False
    view: Callable[[Call, Obj], Obj] | None = None
    filters: Mapping[str, Callable[[Call, Obj, str], bool]] = field(default_factory=dict)
    before_create: Callable[[Call, Obj], None] = _nothing_to_create
    after_create: Callable[[Call, Obj], None] = _nothing
    before_update: Callable[[Call, Obj, Obj], None] = _nothing_to_update
    after_update: Callable[[Call, Obj, Obj], None] = _nothing_to_update
    before_delete: Callable[[Call, Obj], None] = _nothing
    after_delete: Callable[[Call, Obj], None] = _nothing

    def __post_init__(self) -> None:
        object.__setattr__(self, "noun", self.noun or self.singular.replace("_", " ").capitalize())
        object.__setattr__(self, "kind", self.kind or self.noun.replace(" ", ""))
        object.__setattr__(self, "by_field", {f.name: f for f in self.fields})

    by_field: dict[str, Field] = field(init=False, repr=False, compare=False, default_factory=dict)

    @property
    def table(self) -> str:
        """The name of the state's table: `network.ports`."""
        return f"{self.service}.{self.plural}"
