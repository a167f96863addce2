"""A thing behind a REST API: where it is, how it is seen and how it is found again. What happens to it is in `rest`.

Base of `kamado.plugin.rest.RestResource`; odd resources (an association, an interface) build on `CloudResource`
directly. The trap: a body that was just seen is used again for two seconds, so whoever changes the thing must drop it
(``_body = None``).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, ClassVar

from kamado.cloud.failures import CloudError
from kamado.cloud.rest import Service
from kamado.cloud.session import Cloud
from kamado.plugin import finders
from kamado.plugin.declare import Attr, PollList, Query, Ready, Rest
from kamado.plugin.resource import Resource
from kamado.plugin.wire import create_body, differing, fill, pick

_FRESH_SECONDS = 2.0
_EXTENSIONS_SECONDS = 300.0
_IDS_OF_ONE_CALL = 100
"""Ids that one list call is narrowed to: an address may have some thousand characters."""

_FEWEST_NARROWED, _FEWEST_WHOLE = 3, 20
"""So many things at least are looked at by one list that shows no others, and by one that shows the whole project."""

_AT_MOST = timedelta(hours=1)
"""What is waited for for longer is looked at singly where a list goes by the time of the change."""
LOOKED = "looked_first"
"""Key of the data that says: before the create there was nothing of that name (`Rest.unique`)."""
_SLACK = timedelta(seconds=60)
"""How far the clocks of the cloud and ours may differ when an adoption look-up goes by the time of creation."""


_CLIENTS = {
    "network": "neutron",
    "compute": "nova",
    "volumev3": "cinder",
    "image": "glance",
    "identity": "keystone",
    "load-balancer": "octavia",
    "dns": "designate",
    "key-manager": "barbican",
    "object-store": "swift",
}
"""Heat's names of services, for messages."""


class CloudResource(Resource):
    """A resource of a service: what both collections and odd things (an association, an interface) need."""

    service_type: ClassVar[str] = ""
    microversion: ClassVar[str | None] = None

    @classmethod
    def unavailable(cls, cloud: Cloud) -> str | None:
        """Why the cloud cannot have such resources, in Heat's words (error type ResourceTypeUnavailable); None when it can."""
        reason = _lacking(cls, cloud)
        if reason is None:
            return None
        name = _CLIENTS.get(cls.service_type, cls.service_type)
        return f"HEAT-E99001 Service {name} is not available for resource type {cls.type_name}, reason: {reason}"

    @property
    def cloud(self) -> Cloud:
        """The cloud, as the stack's owner."""
        return self.ports.cloud()

    @property
    def service(self) -> Service:
        """The service of the type."""
        return self.cloud.service(self.service_type)

    @property
    def values(self) -> dict[str, Any]:
        """What placeholders in paths and call templates stand for: the properties, ``id`` and ``physical_name``."""
        return {**self.properties, "id": self.physical_id, "physical_name": self.physical_name}

    def find(self, constraint: str, value: Any) -> Any:
        """The id of what a name (or id) stands for; raises `finders.NotFoundByName`."""
        return finders.find(constraint, value, self.cloud)

    def call(self, method: str, path: str, *, json: Any = None, ok: tuple[int, ...] = (), **options: Any) -> Any:
        """One call to the service, with the type's microversion. Raises CloudError."""
        if self.microversion is not None:
            options.setdefault("microversion", self.microversion)
        return self.service.call(method, path, json=json, ok=ok, **options)


class RestThing(CloudResource):
    """One thing of a REST collection, as `Rest` declares it."""

    rest: ClassVar[Rest]
    ready: ClassVar[Ready | None] = None
    not_observed: ClassVar[frozenset[str] | set[str]] = frozenset()
    """Properties that a comparison with the live object leaves out."""
    can_find = True

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._body: tuple[float, Any] | None = None

    def create_request(self) -> dict[str, Any]:
        """The body of the create, without its envelope."""
        body = create_body(type(self).props.values(), self.properties, self.physical_name, self.find)
        return {**self.rest.always, **body}

    def physical_id_of(self, body: Mapping[str, Any]) -> str:
        """The id in the answer to the create."""
        return str(body[self.rest.id_key])

    def list_params(self) -> dict[str, Any]:
        """What a list call must say for the list to be whole, beside the keys that are looked for."""
        return {}

    def observe(self) -> dict[str, Any]:
        """What the service shows otherwise than it would be sent now; what it does not show at all is not told."""
        body = self.show(whole=True) if self.seen is None else self.seen
        looked_at = [prop for name, prop in type(self).props.items() if name not in self.not_observed | self.handled]
        return differing(looked_at, self.properties, body, self.physical_name, self.find)

    # Paths and calls.

    def collection_path(self) -> str:
        """The collection, with the ids of its parents filled in."""
        return str(fill(self.rest.path, self._parents())) if "{" in self.rest.path else self.rest.path

    def item_path(self) -> str:
        """The thing."""
        return f"{self.collection_path()}/{self.physical_id}"

    def _parents(self) -> dict[str, Any]:
        values = self.values
        for prop in type(self).props.values():
            if prop.refers is not None and f"{{{prop.name}}}" in self.rest.path and values.get(prop.name) is not None:
                values[prop.name] = self.find(prop.refers, values[prop.name])
        return values

    def wrapped(self, body: Mapping[str, Any]) -> Any:
        """A body in its envelope."""
        if self.rest.envelope is None:
            return body
        inside = {key: value for key, value in body.items() if key not in self.rest.beside}
        return {self.rest.envelope: inside} | {key: body[key] for key in self.rest.beside if key in body}

    def unwrapped(self, answer: Any) -> dict[str, Any]:
        """The body in an answer."""
        if self.rest.envelope is None or not isinstance(answer, Mapping):
            return dict(answer or {})
        return dict(answer.get(self.rest.envelope) or {})

    def show(self, *, fresh: bool = True, whole: bool = False) -> dict[str, Any]:
        """The thing as the service shows it now.

        With ``fresh`` off a copy made a moment ago will do; with ``whole`` on it is asked for all that it can tell.
        Raises CloudError.
        """
        if whole and self.rest.shown:
            return self.unwrapped(self.call("GET", self.item_path(), microversion=self.rest.shown))
        now = self.ports.clock.monotonic()
        if self.seen is not None:
            self._body, self.seen = (now, self.seen), None
            return dict(self._body[1])
        if not fresh and self._body is not None and now - self._body[0] <= _FRESH_SECONDS:
            return dict(self._body[1])
        body = self.unwrapped(self.call("GET", self.item_path()))
        self._body = (now, body)
        return body

    def _keep(self, body: dict[str, Any]) -> None:
        self._body = (self.ports.clock.monotonic(), body)

    def find_existing(self, since: datetime, taken: Collection[str]) -> str | None:
        """Looks by the keys of `Rest.find_by` that the create would send, made since then, owned by nobody else."""
        if self.rest.unique and LOOKED not in self.data:
            return None
        return self._find(self.create_request(), since, taken)

    def _find(self, request: Mapping[str, Any], since: datetime, taken: Collection[str]) -> str | None:
        wanted = {key: request[key] for key in self.rest.find_by if request.get(key) is not None}
        if not wanted:
            return None
        things = self.service.list(
            self.rest.listing or self.collection_path(),
            self.rest.many,
            {**self.list_params(), **{k: v for k, v in wanted.items() if isinstance(v, str)}},
            **self._version(),
        )
        bodies = [thing.get(self.rest.envelope, thing) if self.rest.envelope else thing for thing in things]
        alike = [body for body in bodies if all(body.get(key, value) == value for key, value in wanted.items())]
        return self.oldest([body for body in alike if not _of_others(request, body)], since, taken)

    def oldest(self, bodies: Iterable[Mapping[str, Any]], since: datetime, taken: Collection[str]) -> str | None:
        """The id of the oldest that was made since then (or does not say when) and that nobody owns."""
        made = []
        for thing in bodies:
            created = parse_time(thing.get(self.rest.created))
            if created is None or created >= since - _SLACK:
                made.append((created or since, self.physical_id_of(thing)))
        return next((key for _, key in sorted(made) if key not in taken), None)

    def _version(self) -> dict[str, Any]:
        return {} if self.microversion is None else {"microversion": self.microversion}

    def read_attributes(self, names: Iterable[str]) -> dict[str, Any]:
        """All plain ones by one look; what the service does not have is None."""
        wanted = list(names) or [*type(self).attrs]
        if not self.physical_id:
            return dict.fromkeys(wanted)
        plain = [
            name
            for name in wanted
            if name == "show" or (name in type(self).attrs and type(self).attrs[name].read is None)
        ]
        body: Mapping[str, Any] | None = {}
        if plain:
            try:
                whole = "show" in plain
                body = self.show(fresh=whole or any(type(self).attrs[name].live for name in plain), whole=whole)
            except CloudError as error:
                if not error.not_found:
                    raise
                body = None
        return {name: self._read(name, body) for name in wanted}

    def attribute(self, name: str) -> Any:
        """One attribute."""
        return self.read_attributes([name])[name]

    def _read(self, name: str, body: Mapping[str, Any] | None) -> Any:
        if name == "show":
            return body
        attr: Attr | None = type(self).attrs.get(name)
        if attr is None:
            return None
        if attr.read is not None:
            return self.query(attr.read) if isinstance(attr.read, Query) else attr.read(self)
        value = pick(body, attr.key or attr.name)
        return value if attr.shape is None or value is None else attr.shape(value)

    def query(self, query: Query) -> Any:
        """What a query finds; None where it is asked of is not there. Raises CloudError."""
        service = self.cloud.service(query.service) if query.service else self.service
        path, where = fill(query.path, self.values), fill(dict(query.where), self.values)
        try:
            things = service.list(path, query.key, where)
        except CloudError as error:
            if error.not_found:
                return None
            raise
        return sorted(things, key=lambda thing: thing.get(query.order) or "") if query.order else things


def _of_others(request: Mapping[str, Any], body: Mapping[str, Any]) -> bool:
    """Whether a thing belongs to something else than the create would have it belong to: a port to another network.

    Ids alone are compared, for much else is shown in other words than it was sent in.
    """
    return any(
        finders.is_id(value) and finders.is_id(body.get(key)) and not finders.same_id(value, body[key])
        for key, value in request.items()
    )


def polled_by_list(thing: RestThing) -> PollList | None:
    """The list that shows the thing beside others, where `Rest.polled_by_list` says so and the collection is not inside another thing."""
    rest = thing.rest
    if not rest.polled_by_list or not thing.physical_id or "{" in rest.path:
        return None
    return PollList(f"{rest.service} {rest.listing or rest.path}", partial(_listed, thing))


def observed_by_list(thing: RestThing, beside: int) -> PollList | None:
    """The list that shows all there is to say of the thing and of others ``beside`` it; None when single looks cost less."""
    rest = thing.rest
    if polled_by_list(thing) is None or beside < (_FEWEST_NARROWED if rest.lists_by else _FEWEST_WHOLE):
        return None
    return PollList(f"{rest.service} {rest.listing or rest.path}", partial(_observed, thing))


def _listed(thing: RestThing, ids: Collection[str]) -> dict[str, dict[str, Any]]:
    """Things of the collection by id, of what has changed lately. Raises CloudError."""
    where: dict[str, Any] = {}
    if thing.rest.lists_since:
        since = (thing.record.updated_at or thing.record.created_at) - _AT_MOST
        where[thing.rest.lists_since] = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return _members(thing, ids, where, thing.microversion)


def _observed(thing: RestThing, ids: Collection[str]) -> dict[str, dict[str, Any]]:
    return _members(thing, ids, {}, thing.rest.shown or thing.microversion)


def _members(
    thing: RestThing, ids: Collection[str], narrowed: Mapping[str, Any], microversion: str | None
) -> dict[str, dict[str, Any]]:
    rest = thing.rest
    where = {**thing.list_params(), **narrowed}
    version = {} if microversion is None else {"microversion": microversion}
    wanted = sorted(ids)
    parts = [wanted[at : at + _IDS_OF_ONE_CALL] for at in range(0, len(wanted), _IDS_OF_ONE_CALL)]
    calls = [{**where, rest.lists_by: part} for part in parts] if rest.lists_by else [where]
    things = (
        body for call in calls for body in thing.service.list(rest.listing or rest.path, rest.many, call, **version)
    )
    found = {thing.physical_id_of(body): body for body in things}
    return {key: found[key] for key in found.keys() & set(wanted)}


def _lacking(cls: type[CloudResource], cloud: Cloud) -> str | None:
    if not cloud.has(cls.service_type):
        name = _CLIENTS.get(cls.service_type, cls.service_type)
        return f"{name} {cls.service_type} endpoint is not in service catalog."
    rest: Rest | None = getattr(cls, "rest", None)
    for extension in () if rest is None else rest.extension:
        if extension not in cloud.remember(("extensions",), _EXTENSIONS_SECONDS, lambda: _extensions(cloud)):
            return f"Required extension {extension} in {_CLIENTS[cls.service_type]} service is not available."
    return None


def _extensions(cloud: Cloud) -> frozenset[str]:
    found = cloud.service("network").list("/v2.0/extensions", "extensions")
    return frozenset(extension["alias"] for extension in found)


def parse_time(text: Any) -> datetime | None:
    """A time as OpenStack writes it (ISO 8601; without a zone it is UTC), None when there is none."""
    if not isinstance(text, str) or not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def is_there(resource: Resource) -> bool:
    """Whether the cloud shows what ``physical_id`` names; yes for a type that is no thing of a service. Raises CloudError."""
    if not isinstance(resource, RestThing):
        return True
    try:
        resource.show()
    except CloudError as error:
        if error.not_found or error.status == 400:  # an id that cannot be one
            return False
        raise
    return True
