"""The words every service of the local cloud is written in: who asks, what is asked, what is answered, where.

Called by `server` (which builds a `Call` from each request and runs the route's handler) and by every service module.
The trap: a handler runs inside the cloud's one lock and one transaction, so it must not wait for anything; raising
`Refusal` undoes all that it wrote.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kamado.localcloud.state import Obj, State

if TYPE_CHECKING:
    from kamado.localcloud.collection import Collection
    from kamado.localcloud.errors import Dialect
    from kamado.localcloud.server import LocalCloud


@dataclass(frozen=True)
class Identity:
    """Whom a token stands for, as any service needs it. `roles` holds names, implied ones included."""

    user_id: str = ""
    user_name: str = ""
    user_domain_id: str = ""
    project_id: str = ""
    project_name: str = ""
    domain_id: str = ""
    system: bool = False
    roles: frozenset[str] = frozenset()
    trust_id: str = ""
    credential_id: str = ""
    token: Obj = field(default_factory=dict)

    @property
    def is_admin(self) -> bool:
        """True for the cloud's administrators (role admin in whatever scope, as the default policies read it)."""
        return "admin" in self.roles


NOBODY = Identity()


class Refusal(Exception):
    """A request that is refused: status, message and, where the service names its errors, the error's type.

    `body` replaces the dialect's own body (JSON, or a str for text); `headers` are added to the answer.
    """

    def __init__(
        self,
        status: int,
        message: str = "",
        kind: str = "",
        *,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.kind = status, message, kind
        self.body, self.headers = body, dict(headers or {})


@dataclass(frozen=True)
class Answer:
    """A status with a JSON body (None: no body; `raw` bytes with `media` instead of JSON where a service has such)."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    media: str = "application/json"


@dataclass
class Call:
    """One request on its way through a handler. `json` is the parsed body (None: there is none), `raw` its bytes."""

    cloud: "LocalCloud"
    service: "Service"
    method: str
    path: str
    params: dict[str, str]
    query: dict[str, list[str]]
    headers: Mapping[str, Any]
    raw: bytes
    who: Identity
    now: float
    request_id: str
    url: str
    notes: dict[str, Any] = field(default_factory=dict)
    json: Any = None

    @property
    def state(self) -> State:
        """The cloud's memory."""
        return self.cloud.state

    def arg(self, name: str, default: str = "") -> str:
        """The last value of a query argument."""
        values = self.query.get(name)
        return values[-1] if values else default

    def header(self, name: str, default: str = "") -> str:
        """A request header; names are compared without case (`headers` is the WSGI environment)."""
        key = name.upper().replace("-", "_")
        return str(self.headers.get(key if key == "CONTENT_TYPE" else "HTTP_" + key, default))

    def stamp(self) -> str:
        """Now, as this service writes times."""
        return self.service.dialect.stamp(self.now)


Handler = Callable[[Call], "Answer | Obj | None"]


@dataclass(frozen=True)
class Route:
    """One method on one path template, such as `/v2.0/networks/{id}`. A handler returns an Answer, or a dict (200), or None (204).

    `public` routes need no token. `body` says how the request body is read: `json`, `raw` or `none` (ignored).
    """

    method: str
    path: str
    handler: Handler
    public: bool = False
    body: str = "json"


@dataclass(frozen=True)
class CatalogEntry:
    """One line of the Keystone catalog; `path` is put after the service's own address: `/v3/%(project_id)s`."""

    name: str
    type: str
    path: str = ""


@dataclass(frozen=True)
class Service:
    """One API of the cloud: a table of collections, plus routes where behaviour is special.

    `before` runs ahead of each authenticated handler (microversions, project in the URL); `after` may replace the answer
    (version headers). `seed` fills a new cloud, in the order of `SERVICES`. `settled` hears of every planned change
    (`State.later`) that took place: (cloud, table, object; the object has `_gone` when it was removed).
    """

    name: str
    catalog: tuple[CatalogEntry, ...]
    dialect: "Dialect"
    collections: tuple["Collection", ...] = ()
    routes: tuple[Route, ...] = ()
    before: Callable[[Call], None] | None = None
    after: Callable[[Call, Answer], Answer] | None = None
    seed: Callable[["LocalCloud"], None] | None = None
    settled: Callable[["LocalCloud", str, Obj], None] | None = None
    quotas: Mapping[str, int] = field(default_factory=dict)
