"""Sessions with a cloud: one `Cloud` a credential, made when first needed and shared by all threads.

`assemble` makes one `CloudFactory`; orchestrator and engine ask it for clouds. The trap: a request's token dies;
anything that goes on after the request needs `for_credential` (a trust, acting for the user).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from random import Random
from typing import Any, Protocol

import requests
from keystoneauth1 import exceptions as ksa
from keystoneauth1 import loading
from keystoneauth1 import plugin as ksa_plugin
from keystoneauth1.identity import v3
from keystoneauth1.session import Session
from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from kamado.cloud.failures import CloudError, FailureKind
from kamado.cloud.guard import GuardedAdapter
from kamado.cloud.hosts import is_named
from kamado.cloud.limits import CallLimits, CallWatch, Gates, NobodyCounts
from kamado.cloud.rest import Refused, Service, as_it_is, base_url, from_keystone, persist
from kamado.model.records import CredentialRecord

_CATALOG_SECONDS = 300.0
_KEPT = 2048
_PORTS = {"http": 80, "https": 443}

_OTHER_NAMES: Mapping[str, tuple[str, ...]] = {
    "volumev3": ("volumev3", "block-storage", "block-store", "volume"),
    "compute": ("compute",),
    "workflow": ("workflowv2", "workflow"),
    "container-infra": ("container-infra", "container-infrastructure-management"),
    "share": ("sharev2", "shared-file-system", "share"),
}
"""Names under which a service may stand in the catalog, the first found wins."""


class RequestToken(Protocol):
    """What of a request's context is needed to act with its token."""

    @property
    def token(self) -> str | None:
        """The token."""

    @property
    def project_id(self) -> str:
        """The project it is scoped to."""

    @property
    def user_id(self) -> str:
        """Whose it is."""


@dataclass(frozen=True, slots=True)
class ServiceUser:
    """A user of Kamado's own in Keystone; of each domain either the id or the name counts, the id first."""

    auth_url: str
    username: str
    password: str = field(repr=False)
    project_name: str | None = None
    user_domain_id: str | None = None
    user_domain_name: str | None = None
    project_domain_id: str | None = None
    project_domain_name: str | None = None

    def auth(self, **scope: Any) -> v3.Password:
        """The way to a token: for the project, or for another ``scope`` (``trust_id``, ``domain_id``, ``unscoped``)."""
        if not scope:
            scope = {
                "project_name": self.project_name,
                "project_domain_id": self.project_domain_id,
                "project_domain_name": None if self.project_domain_id else (self.project_domain_name or "Default"),
            }
        return v3.Password(
            _v3(self.auth_url),
            username=self.username,
            password=self.password,
            user_domain_id=self.user_domain_id,
            user_domain_name=None if self.user_domain_id else (self.user_domain_name or "Default"),
            **scope,
        )


@dataclass(frozen=True, slots=True)
class CloudSettings:
    """Where the cloud is and who the service is in it.

    ``trustee``: whom users trust, the service user when None. ``stack_domain_admin``: administers the domain of the
    users of stacks. ``delegated_roles``: what a trust hands on, all roles of the token when empty. ``overrides``:
    service type → address that wins over the catalog. ``deferred_auth_method``: one of `kamado.cloud.grants.METHODS`.
    ``waitcondition_url``: where servers reach the CloudFormation API's wait conditions, ``metadata_url`` where that API itself; as the
    catalog says when empty. ``remote_hosts``: where credentials of other clouds may lead, besides our own Keystone (`kamado.cloud.hosts`).
    """

    service: ServiceUser
    trustee: ServiceUser | None = None
    region: str = ""
    interface: str = "public"
    verify: bool | str = True
    delegated_roles: tuple[str, ...] = ()
    stack_domain_id: str = ""
    stack_domain_admin: ServiceUser | None = None
    stack_user_role: str = "heat_stack_user"
    overrides: Mapping[str, str] = field(default_factory=dict)
    limits: CallLimits = field(default_factory=CallLimits)
    deferred_auth_method: str = "trusts"
    waitcondition_url: str = ""
    metadata_url: str = ""
    remote_hosts: tuple[str, ...] = ()

    @property
    def auth_url(self) -> str:
        """Keystone's address."""
        return self.service.auth_url


class _GivenToken(ksa_plugin.BaseAuthPlugin):  # type: ignore[misc]  # keystoneauth1 is not typed
    """A token that somebody else got; there is no getting another."""

    def __init__(self, token: str, project_id: str, user_id: str) -> None:
        super().__init__()
        self._token = token
        self._project_id = project_id
        self._user_id = user_id

    def get_token(self, session: Any, **kwargs: Any) -> str:  # noqa: ARG002
        """The token."""
        return self._token

    def get_project_id(self, session: Any, **kwargs: Any) -> str:  # noqa: ARG002
        """The project of the token."""
        return self._project_id

    def get_user_id(self, session: Any, **kwargs: Any) -> str:  # noqa: ARG002
        """The user of the token."""
        return self._user_id


class Cloud:
    """A cloud seen with one credential; thread-safe."""

    def __init__(
        self,
        settings: CloudSettings,
        session: Session,
        catalog: Callable[[str], Mapping[str, str]],
        identity: Callable[[], tuple[str, str]],
        gates: Gates,
        refused: Refused = as_it_is,
    ) -> None:
        self._refused = refused
        self._settings = settings
        self.session = session
        self._catalog = catalog
        self._identity = identity
        self._gates = gates
        self._services: dict[str, Service] = {}
        self._known: dict[Hashable, tuple[float, Any]] = {}

    @property
    def region(self) -> str:
        """The region whose endpoints are used; empty for whichever is first in the catalog."""
        return self._settings.region

    @property
    def project_id(self) -> str:
        """The project of the credential."""
        return self._identity()[0]

    @property
    def user_id(self) -> str:
        """The user of the credential (for a trust: the one who trusts)."""
        return self._identity()[1]

    @property
    def domain_id(self) -> str:
        """The domain that the credential is scoped to; empty when it is scoped to a project."""
        access = self._asking(lambda: self.session.auth.get_access(self.session))
        return str(access.domain_id or "")

    def elsewhere(self, region: str, verify: bool | str | None = None, auth: Mapping[str, Any] | None = None) -> Cloud:
        """Another region, seen with the same credential, or another cloud with a credential of its own.

        ``verify``: whether certificates are looked at, or a file of those that are trusted; as here when None. ``auth``: ``auth_type``,
        the name of a plugin of keystoneauth, and ``auth``, its options. Raises CloudError for options that do not fit, and for those
        that lead to a host which the operator has not named: nobody is asked there.
        """
        if auth is not None:
            own = (self._settings.auth_url, self._catalog(self._settings.region).get("identity", ""))
            _refuse_hosts(auth.get("auth"), self._settings.remote_hosts, own)
        # Addresses that win over the catalog are of this region.
        settings = replace(self._settings, region=region, overrides={})
        plugin = self.session.auth if auth is None else _plugin(auth)
        seen = self.session.verify if verify is None else verify
        session = Session(auth=plugin, session=self.session.session, verify=seen, timeout=settings.limits.timeout)
        if auth is not None:
            return _with_access(replace(settings, service=_of(settings, auth)), session, self._gates)
        return Cloud(settings, session, self._catalog, self._identity, self._gates, self._refused)

    def has(self, service_type: str) -> bool:
        """Whether the cloud offers a service."""
        return self._endpoint(service_type) is not None

    def service(self, service_type: str) -> Service:
        """A service by its type; raises CloudError (NOT_FOUND) when the cloud has none."""
        found = self._services.get(service_type)
        if found is None:
            endpoint = self._endpoint(service_type)
            if endpoint is None:
                raise CloudError(
                    FailureKind.NOT_FOUND,
                    f"no {service_type} endpoint in the catalog of the cloud",
                    service=service_type,
                )
            project_id = "" if service_type == "identity" else self.project_id
            base = base_url(service_type, endpoint, project_id)
            found = Service(self.session, service_type, base, self._settings.limits, self._gates, refused=self._refused)
            self._services[service_type] = found
        return found

    def remember(self, key: Hashable, seconds: float, make: Callable[[], Any]) -> Any:
        """What ``make`` gave, kept for a while: for look-ups that many resources of a stack have in common."""
        now = time.monotonic()
        kept = self._known.get(key)
        if kept is not None and kept[0] > now:
            return kept[1]
        value = make()
        if len(self._known) >= _KEPT:
            self._known.clear()
        self._known[key] = (now + seconds, value)
        return value

    def address(self, service_type: str) -> str:
        """Where the catalog says that a service is, without a slash at its end. Raises CloudError (NOT_FOUND) when it does not."""
        endpoint = self._endpoint(service_type)
        if endpoint is None:
            words = f"no {service_type} endpoint in the catalog of the cloud"
            raise CloudError(FailureKind.NOT_FOUND, words, service=service_type)
        return endpoint.rstrip("/")

    @property
    def metadata_url(self) -> str | None:
        """The CloudFormation API as servers expect it: with its version and a slash at the end. None when there is none."""
        found = self._settings.metadata_url or self._endpoint("cloudformation")
        return None if found is None else metadata_server_url(found)

    def token(self) -> str:
        """A valid token of this credential."""
        return str(self._asking(self.session.get_token))

    def _asking(self, call: Callable[[], Any]) -> Any:
        return _asking(self._settings, self._gates, call, self._refused)

    def _endpoint(self, service_type: str) -> str | None:
        names = _OTHER_NAMES.get(service_type, (service_type,))
        for name in names:
            if name in self._settings.overrides:
                return self._settings.overrides[name]
        if service_type == "identity":
            return self._settings.auth_url
        catalog = self._catalog(self._settings.region)
        return next((catalog[name] for name in names if name in catalog), None)


def metadata_server_url(endpoint: str) -> str:
    """The CloudFormation API's address as servers expect it: with its version and a slash at the end."""
    address = endpoint if "/v1" in endpoint else endpoint.rstrip("/") + "/v1"
    return address if address.endswith("/") else address + "/"


def _refuse_hosts(options: Any, hosts: Sequence[str], own: Sequence[str]) -> None:
    """Refuse options with an address (of a Keystone, an identity provider, a service) elsewhere than ``own`` and than the named hosts."""
    texts = options.values() if isinstance(options, Mapping) else ()
    addresses = [
        text for text in texts if isinstance(text, str) and text.strip().lower().startswith(("http:", "https:"))
    ]
    allowed = {_place(address) for address in own} - {None}
    for place in map(_place, addresses):
        if place is None or not (place in allowed or is_named(place[0], hosts)):
            words = (
                "the credential leads to a host that this server does not connect to;"
                " the operator names the hosts of other clouds in [kamado] remote_cloud_hosts"
            )
            raise CloudError(FailureKind.BAD_REQUEST, words, service="identity")


def _place(address: str) -> tuple[str, int | None] | None:
    """Host and port, read as the connection will read them; None for what is no address."""
    try:
        parts = parse_url(address.strip())
    except LocationParseError:
        return None
    return (parts.host.rstrip("."), parts.port or _PORTS.get(parts.scheme or "")) if parts.host else None


def _plugin(given: Mapping[str, Any]) -> Any:
    """The way to a token that options describe. Raises CloudError."""
    options = given.get("auth")
    try:
        loader = loading.get_plugin_loader(str(given.get("auth_type") or "password"))
        return loader.load_from_options(**(options if isinstance(options, Mapping) else {}))
    except (ksa.ClientException, TypeError) as error:
        raise CloudError(
            FailureKind.BAD_REQUEST, f"the credential cannot be used: {error}", service="identity"
        ) from error


def _of(settings: CloudSettings, given: Mapping[str, Any]) -> ServiceUser:
    """Where the Keystone of a credential is."""
    return replace(settings.service, auth_url=str((given.get("auth") or {}).get("auth_url") or settings.auth_url))


def _asking(settings: CloudSettings, gates: Gates, call: Callable[[], Any], refused: Refused) -> Any:
    """What Keystone says to who wants a token, asked again while it is busy or away: one token more does no harm. Raises CloudError."""

    def once() -> Any:
        try:
            return call()
        except ksa.ClientException as error:
            raise refused(from_keystone(error, "identity", "POST", settings.auth_url)) from error

    return persist(settings.limits, gates.random, once, lambda error: error.passing)


def _key(record: CredentialRecord) -> tuple[str, ...]:
    return ("credential", record.id, record.method, record.trust_id, record.secret)


_KINDS_OF_RIGHT = {"trusts": "trust", "application_credential": "application credential", "password": "password"}


def died(record: CredentialRecord, error: CloudError) -> CloudError:
    """A refusal of a token for a credential, with what it means: a deleted user, a lost role, a right that was revoked or has expired."""
    if error.status not in (401, 403, 404):
        return error
    who = record.username or record.trustor_user_id
    words = (
        f"Keystone no longer accepts the {_KINDS_OF_RIGHT[record.method]} with which the service acts for user {who} "
        f"({error.message.rstrip('.')}). The next update, deletion or retry of the stack by a user who may act in its project replaces it."
    )
    return CloudError(FailureKind.UNAUTHORIZED, words, status=error.status, service="", method="", url=error.url)


def endpoints(catalog: list[Mapping[str, Any]], interface: str, region: str) -> dict[str, str]:
    """Service type → address, from a catalog in Keystone's v3 shape."""
    found: dict[str, str] = {}
    for entry in catalog:
        for endpoint in entry.get("endpoints", ()):
            if endpoint.get("interface") == interface and (not region or endpoint.get("region_id", region) == region):
                found.setdefault(entry["type"], endpoint["url"])
    return found


class CloudFactory:
    """Makes clouds and keeps them: a credential has one session, one token, one set of connections."""

    def __init__(self, settings: CloudSettings, random: Random | None = None, watch: CallWatch | None = None) -> None:
        self.settings = settings
        self._gates = Gates(settings.limits, random or Random(), watch or NobodyCounts())
        self._lock = threading.Lock()
        self._clouds: dict[tuple[str, ...], Cloud] = {}
        self._catalogs: dict[tuple[str, str], tuple[float, Mapping[str, str]]] = {}
        self._http = connections(settings.limits)

    def close(self) -> None:
        """Closes all connections."""
        self._http.close()

    def for_token(self, context: RequestToken) -> Cloud:
        """The cloud with the token of a request; good for as long as the token is."""
        token = context.token
        if not token:
            raise CloudError(FailureKind.UNAUTHORIZED, "the request has no token", service="identity")
        project_id, user_id = context.project_id, context.user_id

        def make() -> Cloud:
            session = self._session(_GivenToken(token, project_id, user_id))
            return Cloud(
                self.settings,
                session,
                lambda region: self._catalog_of(session, project_id, region),
                lambda: (project_id, user_id),
                self._gates,
            )

        return self._kept(("token", token), make)

    def for_credential(self, record: CredentialRecord) -> Cloud:
        """The cloud for a user who is not there any more, as the record's method says: the trustee's session scoped to the user's
        trust, or a session of the user's own. When Keystone does not accept it any more, errors say so and what to do.
        """

        def make() -> Cloud:
            return self._with_access(self._deferred(record), partial(died, record))

        return self._kept(_key(record), make)

    def _deferred(self, record: CredentialRecord) -> Any:
        if record.method == "application_credential":
            return v3.ApplicationCredential(
                _v3(self.settings.auth_url),
                application_credential_id=record.trust_id,
                application_credential_secret=record.secret,
            )
        if record.method == "password":
            return v3.Password(
                _v3(self.settings.auth_url),
                user_id=record.trustor_user_id,
                password=record.secret,
                project_id=record.project_id,
            )
        return self._trustee.auth(trust_id=record.trust_id)

    def for_user(self, username: str, password: str, project: str, domain: str = "Default") -> Cloud:
        """The cloud with a user's own name and password (the local cloud, tests, `clouds.yaml`)."""
        user = ServiceUser(
            self.settings.auth_url,
            username,
            password,
            project_name=project,
            user_domain_name=domain,
            project_domain_name=domain,
        )
        return self._kept(("user", username, password, project, domain), lambda: self._with_access(user.auth()))

    def admin(self) -> Cloud:
        """The cloud as the service user."""
        return self._kept(("admin",), lambda: self._with_access(self.settings.service.auth()))

    def trustee_user_id(self) -> str:
        """The id of the user whom users trust; asked once."""
        return self._kept(("trustee",), lambda: self._with_access(self._trustee.auth(unscoped=True))).user_id

    @property
    def _trustee(self) -> ServiceUser:
        return self.settings.trustee or self.settings.service

    def stack_domain_admin(self) -> Cloud:
        """The cloud as the administrator of the domain that users of stacks live in; CloudError when there is none."""
        user = self.settings.stack_domain_admin
        if user is None:
            raise CloudError(
                FailureKind.NOT_FOUND, "no administrator of a stack domain is configured", service="identity"
            )
        if self.settings.stack_domain_id:
            scope = {"domain_id": self.settings.stack_domain_id}
        elif user.user_domain_id:
            scope = {"domain_id": user.user_domain_id}
        else:
            scope = {"domain_name": user.user_domain_name or "heat"}
        return self._kept(("stack domain",), lambda: self._with_access(user.auth(**scope)))

    def stack_domain_id(self) -> str:
        """The id of the stack domain."""
        return self.settings.stack_domain_id or self.stack_domain_admin().domain_id

    def token_of(self, user_id: str, password: str, project_id: str) -> str:
        """A new token of a user for a project. Raises CloudError."""
        return self._with_access(self._user_auth(user_id, password, project_id)).token()

    def for_stack_user(self, user_id: str, password: str, project_id: str) -> Cloud:
        """The cloud as a user of a stack sees it."""

        def make() -> Cloud:
            return self._with_access(self._user_auth(user_id, password, project_id))

        return self._kept(("stack user", user_id, password, project_id), make)

    def _user_auth(self, user_id: str, password: str, project_id: str) -> Any:
        return v3.Password(_v3(self.settings.auth_url), user_id=user_id, password=password, project_id=project_id)

    def forget_credential(self, record: CredentialRecord) -> None:
        """Drops the kept cloud of a credential that is gone."""
        with self._lock:
            self._clouds.pop(_key(record), None)

    def _kept(self, key: tuple[str, ...], make: Callable[[], Cloud]) -> Cloud:
        with self._lock:
            cloud = self._clouds.pop(key, None) or make()
            self._clouds[key] = cloud
            while len(self._clouds) > _KEPT:
                self._clouds.pop(next(iter(self._clouds)))
            return cloud

    def _session(self, auth: Any) -> Session:
        return Session(auth=auth, session=self._http, verify=self.settings.verify, timeout=self.settings.limits.timeout)

    def _with_access(self, auth: Any, refused: Refused = as_it_is) -> Cloud:
        return _with_access(self.settings, self._session(auth), self._gates, refused)

    def _catalog_of(self, session: Session, project_id: str, region: str) -> Mapping[str, str]:
        kept = self._catalogs.get((project_id, region))
        if kept is not None and time.monotonic() - kept[0] < _CATALOG_SECONDS:
            return kept[1]
        identity = Service(
            session, "identity", base_url("identity", self.settings.auth_url, ""), self.settings.limits, self._gates
        )
        answer = identity.get("/v3/auth/catalog")
        found = endpoints(answer["catalog"], self.settings.interface, region)
        self._catalogs[project_id, region] = (time.monotonic(), found)
        return found


def connections(limits: CallLimits) -> requests.Session:
    """Connections that are kept, as many as there may be calls to one service; what may not be sent any more is not."""
    http = requests.Session()
    adapter = GuardedAdapter(pool_connections=32, pool_maxsize=max(32, limits.in_flight))
    for prefix in ("http://", "https://"):
        http.mount(prefix, adapter)
    return http


def _with_access(settings: CloudSettings, session: Session, gates: Gates, refused: Refused = as_it_is) -> Cloud:
    def access() -> Any:
        return _asking(settings, gates, lambda: session.auth.get_access(session), refused)

    return Cloud(
        settings,
        session,
        lambda region: endpoints(access().service_catalog.catalog, settings.interface, region),
        lambda: (access().project_id or "", access().user_id),
        gates,
        refused,
    )


def _v3(auth_url: str) -> str:
    return base_url("identity", auth_url, "") + "/v3"
