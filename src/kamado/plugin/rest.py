"""The generic life of a thing behind a REST API, driven by its type's declaration.

Base of nearly all types below `kamado.resources`. The trap: a create makes the one thing and records its id, nothing
else; whatever else has to happen are side calls, run once the thing is ready, so that a failure in them never loses
the id.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from kamado.cloud.failures import CloudError, FailureKind
from kamado.cloud.rest import Service
from kamado.cloud.session import Cloud
from kamado.plugin import finders
from kamado.plugin.declare import Attr, Query, Ready, Rest, SideCall
from kamado.plugin.errors import PermanentError, ResourceInError, ResourceUnknownStatus, TemporaryError
from kamado.plugin.resource import Resource
from kamado.plugin.wire import create_body, fill, pick, update_body

_FRESH_SECONDS = 2.0
_LOOKED = "looked_first"
"""Key of the data that says: before the create there was nothing of that name (`Rest.unique`)."""
_SLACK = timedelta(seconds=60)
"""How far the clocks of the cloud and ours may differ when an adoption look-up goes by the time of creation."""


class CloudResource(Resource):
    """A resource of a service: what both collections and odd things (an association, an interface) need."""

    service_type: ClassVar[str] = ""
    microversion: ClassVar[str | None] = None

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


class RestResource(CloudResource):
    """A thing of a plain REST collection. A subclass declares `rest`, perhaps `ready` and `side_calls`, and is done."""

    rest: ClassVar[Rest]
    ready: ClassVar[Ready | None] = None
    not_observed: ClassVar[frozenset[str] | set[str]] = frozenset()
    """Properties that a comparison with the live object leaves out."""
    can_find = True

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._body: tuple[float, Any] | None = None

    # What a subclass may want to say otherwise, piece by piece.

    def create_request(self) -> dict[str, Any]:
        """The body of the create, without its envelope."""
        body = create_body(type(self).props.values(), self.properties, self.physical_name, self.find)
        return {**self.rest.always, **body}

    def update_request(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """The body of the update, without its envelope; empty when no call is needed."""
        return update_body(type(self).props.values(), changes, self.physical_name, self.find)

    def physical_id_of(self, body: Mapping[str, Any]) -> str:
        """The id in the answer to the create."""
        return str(body[self.rest.id_key])

    def list_params(self) -> dict[str, Any]:
        """What a list call must say for the list to be whole, beside the keys that are looked for."""
        return {}

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

    def show(self, *, fresh: bool = True) -> dict[str, Any]:
        """The thing as the service shows it now.

        With ``fresh`` off a copy made a moment ago will do. Raises CloudError.
        """
        now = self.ports.clock.monotonic()
        if not fresh and self._body is not None and now - self._body[0] <= _FRESH_SECONDS:
            return dict(self._body[1])
        body = self.unwrapped(self.call("GET", self.item_path()))
        self._body = (now, body)
        return body

    def _keep(self, body: dict[str, Any]) -> None:
        self._body = (self.ports.clock.monotonic(), body)

    # Create.

    def handle_create(self) -> Any:
        """Makes it and records its id."""
        started = self.ports.clock.now()
        request = self.create_request()
        if self.rest.unique and _LOOKED not in self.data and not self._find(request, started, ()):
            self.set_data(_LOOKED, True)
        try:
            body = self.unwrapped(
                self._busy(lambda: self.call("POST", self.collection_path(), json=self.wrapped(request)))
            )
        except CloudError as error:
            found = self._after_lost_answer(error, started)
            if found is None:
                raise
            self.set_physical_id(found)
            return None
        self.set_physical_id(self.physical_id_of(body))
        self._keep(body)
        return None

    def _after_lost_answer(self, error: CloudError, started: datetime) -> str | None:
        """The cloud may have done the work and lost the answer: look before anything else is done."""
        if error.kind is not FailureKind.LOST and error.status not in (500, 502, 504):
            return None
        if not self.can_find:
            return None
        found = self.find_existing(started, ())
        if found is None and error.passing:
            raise TemporaryError(str(error), unknown=True) from error
        return found

    def check_create_complete(self, token: Any) -> bool:  # noqa: ARG002  # there is nothing in it; None after a crash
        """Ready, and all side calls done."""
        return self._is_ready() and self._reconcile(self._sides_set())

    def find_existing(self, since: datetime, taken: Collection[str]) -> str | None:
        """Looks by the keys of `Rest.find_by` that the create would send, made since then, owned by nobody else."""
        if self.rest.unique and _LOOKED not in self.data:
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
        return self.oldest(alike, since, taken)

    def oldest(self, bodies: Iterable[Mapping[str, Any]], since: datetime, taken: Collection[str]) -> str | None:
        """The id of the oldest that was made since then (or does not say when) and that nobody owns."""
        made = []
        for thing in bodies:
            created = parse_time(thing.get(self.rest.created))
            if self.physical_id_of(thing) not in taken and (created is None or created >= since - _SLACK):
                made.append((created or since, self.physical_id_of(thing)))
        return min(made)[1] if made else None

    def _version(self) -> dict[str, Any]:
        return {} if self.microversion is None else {"microversion": self.microversion}

    # Readiness.

    def _is_ready(self) -> bool:
        """By the answer to the call just made when that already says so, else by a new look."""
        if self.ready is None:
            return True
        if self._body is not None and pick(self._body[1], self.ready.field) in self.ready.done:
            return self.judge(self.ready, self.show(fresh=False))
        return self.judge(self.ready, self.show())

    def judge(self, ready: Ready, body: Mapping[str, Any]) -> bool:
        """Whether a body says "ready"; raises ResourceInError or ResourceUnknownStatus."""
        status = pick(body, ready.field)
        if status in ready.done:
            return True
        if status in ready.pending:
            return False
        reason = pick(body, ready.reason) if ready.reason else None
        if status in ready.bad:
            raise ResourceInError(str(status), str(reason or ""))
        if ready.unknown_waits:
            return False
        raise ResourceUnknownStatus(str(status), ready.result, str(reason or ""))

    def needs_replace_failed(self) -> bool:
        """A FAILED one is kept when it is there and not broken."""
        if not self.physical_id:
            return True
        try:
            body = self.show()
        except CloudError as error:
            if error.not_found:
                return True
            raise
        return self.ready is not None and pick(body, self.ready.field) in self.ready.bad

    # Update.

    def handle_update(self, changes: Mapping[str, Any]) -> Any:
        """Sends what has changed; the side calls that are due are in the token."""
        request = self.update_request(changes)
        if request:
            self._body = None
            answer = self._busy(lambda: self.call(self.rest.update, self.item_path(), json=self.wrapped(request)))
            if answer:
                self._keep(self.unwrapped(answer))
        due = [index for index, side in enumerate(self.side_calls) if any(name in changes for name in side.claims)]
        return {"sides": due, "sent": bool(request)}

    def check_update_complete(self, token: Any) -> bool:
        """Ready again, and the side calls for what has changed done (all of them when a crash lost the token)."""
        if (token is None or token.get("sent")) and not self._is_ready():
            return False
        sides = self.side_calls if token is None else [self.side_calls[index] for index in token["sides"]]
        return self._reconcile(sides)

    def _sides_set(self) -> list[SideCall]:
        return [side for side in self.side_calls if any(self.properties.get(name) is not None for name in side.claims)]

    def _reconcile(self, sides: Iterable[SideCall]) -> bool:
        for side in sides:
            side.reconcile(self)
            self._body = None
        return True

    # Delete.

    def handle_delete(self) -> Any:
        """Deletes it; what is gone is fine, what is still in use is tried again later."""
        if not self.physical_id:
            return None
        self._body = None
        try:
            self._busy(lambda: self.call("DELETE", self.item_path()))
        except CloudError as error:
            if error.not_found:
                return {"gone": True}
            if error.conflict:
                raise TemporaryError(str(error)) from error
            raise
        return None

    def check_delete_complete(self, token: Any) -> bool:
        """At once, or when the service does not know it any more."""
        if not self.physical_id or not self.rest.waits_for_absence or (token or {}).get("gone"):
            return True
        try:
            body = self.show()
        except CloudError as error:
            if error.not_found:
                return True
            raise
        return self.is_deleted(body)

    def is_deleted(self, body: Mapping[str, Any]) -> bool:
        """Whether what is still shown counts as gone; raises ResourceInError when the deletion went wrong."""
        if self.ready is None:
            return False
        status = pick(body, self.ready.field)
        if str(status).upper() in ("DELETED", "SOFT_DELETED"):
            return True
        if str(status).upper() in ("ERROR", "ERROR_DELETING"):
            reason = pick(body, self.ready.reason) if self.ready.reason else ""
            raise ResourceInError(str(status), str(reason or ""))
        return False

    def _busy(self, request: Any) -> Any:
        """A request whose "busy" answers (`Rest.retry`) become "again later"."""
        try:
            return request()
        except CloudError as error:
            if error.status in self.rest.retry:
                raise TemporaryError(str(error), error.retry_after) from error
            raise

    # Check and attributes.

    def handle_check(self) -> None:
        """It is there and in order."""
        try:
            body = self.show()
        except CloudError as error:
            if error.not_found:
                raise PermanentError(str(error), "NotFound") from error
            raise
        if self.ready is not None and pick(body, self.ready.field) not in self.ready.done:
            self.judge(self.ready, body)

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
                body = self.show(fresh=any(name == "show" or type(self).attrs[name].live for name in plain))
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
            return self._query(attr.read) if isinstance(attr.read, Query) else attr.read(self)
        value = pick(body, attr.key or attr.name)
        return value if attr.shape is None or value is None else attr.shape(value)

    def _query(self, query: Query) -> Any:
        service = self.cloud.service(query.service) if query.service else self.service
        path, where = fill(query.path, self.values), fill(dict(query.where), self.values)
        try:
            things = service.list(path, query.key, where)
        except CloudError as error:
            if error.not_found:
                return None
            raise
        return sorted(things, key=lambda thing: thing.get(query.order) or "") if query.order else things


def parse_time(text: Any) -> datetime | None:
    """A time as OpenStack writes it (ISO 8601; without a zone it is UTC), None when there is none."""
    if not isinstance(text, str) or not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
