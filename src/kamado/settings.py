"""Settings: Heat's option names read by oslo.config, handed out as frozen sections.

The only importer of oslo.config. `load` is called by `kamado.assemble` and the commands; everything else gets the section it
needs as an argument. Options that Kamado adds stand in the group ``[kamado]``; an option of Heat that has no meaning here is
accepted and ignored, so that an operator's file works unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from oslo_config import cfg
from oslo_log import log as oslo_log


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """``url`` is an SQLAlchemy URL; ``key`` the secret that encrypts hidden values and credentials at rest."""

    url: str
    key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """Where the REST API listens, how wide it works, and what it refuses for size (bytes)."""

    host: str
    port: int
    threads: int
    max_json_body_size: int
    policy_file: str | None
    policy_dirs: tuple[str, ...]
    cors_origins: tuple[str, ...]
    trust_proxy_headers: bool


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """What a template and a project may have at most; -1 means no limit. Sizes in bytes, the timeout in seconds."""

    template_size: int
    resources_per_stack: int
    stacks_per_project: int
    nested_depth: int
    events_per_stack: int
    stack_action_timeout: int
    hidden_stack_tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WorkSettings:
    """How an engine works: seconds of a lease, steps at once, threads for blocking calls, retries of a failed call."""

    lease_seconds: float
    heartbeat_seconds: int
    concurrent_steps: int
    worker_threads: int
    action_retry_limit: int


@dataclass(frozen=True, slots=True)
class ServiceUser:
    """A user in Keystone that Kamado itself is: the one that validates tokens and is the trustee of stacks."""

    auth_url: str
    username: str
    password: str = field(repr=False)
    project_name: str | None = None
    user_domain_id: str | None = None
    user_domain_name: str | None = None
    project_domain_id: str | None = None
    project_domain_name: str | None = None


@dataclass(frozen=True, slots=True)
class CloudSettings:
    """How to reach the cloud: the service user, the trustee (the same unless configured), region, endpoint type, TLS."""

    service: ServiceUser
    trustee: ServiceUser
    region: str | None
    interface: str
    verify: bool | str
    trusts_delegated_roles: tuple[str, ...]
    stack_domain_id: str | None
    stack_domain_admin: str | None
    stack_domain_admin_password: str | None = field(repr=False)
    stack_user_role: str = "heat_stack_user"


@dataclass(frozen=True, slots=True)
class Settings:
    """All sections. ``raw`` is the parsed oslo.config object, only for libraries that insist on one."""

    store: StoreSettings
    api: ApiSettings
    limits: LimitSettings
    work: WorkSettings
    cloud: CloudSettings
    raw: Any = field(repr=False)


_DEFAULT = [
    cfg.StrOpt(
        "auth_encryption_key",
        secret=True,
        help="Key that encrypts credentials and hidden values in the database. Must be the same in all processes.",
    ),
    cfg.IntOpt("max_template_size", default=524288, help="Largest template in bytes."),
    cfg.IntOpt("max_json_body_size", default=1048576, help="Largest request body in bytes."),
    cfg.IntOpt("max_resources_per_stack", default=1000, help="Resources in a whole stack tree; -1: any number."),
    cfg.IntOpt("max_stacks_per_tenant", default=512, help="Top-level stacks of a project; -1: any number."),
    cfg.IntOpt("max_nested_stack_depth", default=5, help="How deep stacks may nest."),
    cfg.IntOpt("max_events_per_stack", default=1000, help="Events kept for a stack; -1: all."),
    cfg.IntOpt("stack_action_timeout", default=3600, help="Seconds until an operation times out, when it sets none."),
    cfg.IntOpt("action_retry_limit", default=5, help="How often a failed call for a resource is tried again."),
    cfg.ListOpt("hidden_stack_tags", default=[], help="Stacks with one of these tags are left out of lists."),
    cfg.StrOpt("region_name_for_services", help="Region whose endpoints are used."),
    cfg.ListOpt(
        "trusts_delegated_roles", default=[], help="Roles that a trust delegates; all of the user's when empty."
    ),
    cfg.StrOpt("stack_user_domain_id", help="Domain in which stack users are made."),
    cfg.StrOpt("stack_domain_admin", help="User who administers that domain."),
    cfg.StrOpt("stack_domain_admin_password", secret=True, help="That user's password."),
    cfg.StrOpt("heat_stack_user_role", default="heat_stack_user", help="Role of stack users."),
    cfg.IntOpt("periodic_interval", default=60, help="Seconds between an engine's entries in the service list."),
]
_HEAT_API = [
    cfg.StrOpt("bind_host", default="0.0.0.0", help="Address that the REST API listens on."),
    cfg.PortOpt("bind_port", default=8004, help="Port that the REST API listens on."),
    cfg.IntOpt("threads", default=8, min=1, help="Requests served at the same time by one process."),
]
_DATABASE = [cfg.StrOpt("connection", secret=True, help="SQLAlchemy URL of the database.")]
_CLIENTS = [
    cfg.StrOpt("endpoint_type", default="publicURL", help="Endpoint of the catalog to use: public, internal or admin."),
    cfg.StrOpt("ca_file", help="CA certificates for HTTPS endpoints."),
    cfg.BoolOpt("insecure", default=False, help="Do not verify HTTPS certificates."),
]
_OSLO_POLICY = [
    cfg.StrOpt("policy_file", default="policy.yaml", help="File that overrides policy rules."),
    cfg.MultiStrOpt("policy_dirs", default=["policy.d"], help="Folders with more of them."),
]
_OSLO_MIDDLEWARE = [cfg.BoolOpt("enable_proxy_headers_parsing", default=False, help="Believe X-Forwarded-* headers.")]
_CORS = [cfg.ListOpt("allowed_origin", default=[], help="Origins that browsers may call from.")]
_USER = [
    cfg.StrOpt("auth_url", help="Keystone's URL."),
    cfg.StrOpt("username", help="User name."),
    cfg.StrOpt("password", secret=True, help="Password."),
    cfg.StrOpt("project_name", help="Project to be scoped to."),
    cfg.StrOpt("user_domain_id", help="Domain of the user, by id."),
    cfg.StrOpt("user_domain_name", help="Domain of the user, by name."),
    cfg.StrOpt("project_domain_id", help="Domain of the project, by id."),
    cfg.StrOpt("project_domain_name", help="Domain of the project, by name."),
]
_KAMADO = [
    cfg.FloatOpt("lease_seconds", default=30.0, min=1.0, help="After this an engine that fell silent loses its work."),
    cfg.IntOpt("concurrent_steps", default=200, min=1, help="Resources that one operation works on at the same time."),
    cfg.IntOpt("worker_threads", default=32, min=1, help="Blocking calls at the same time in one engine."),
]

_GROUPS: Mapping[str, Sequence[cfg.Opt]] = {
    "DEFAULT": _DEFAULT,
    "heat_api": _HEAT_API,
    "database": _DATABASE,
    "clients": _CLIENTS,
    "oslo_policy": _OSLO_POLICY,
    "oslo_middleware": _OSLO_MIDDLEWARE,
    "cors": _CORS,
    "keystone_authtoken": _USER,
    "trustee": _USER,
    "kamado": _KAMADO,
}


_QUIET = ("keystonemiddleware", "keystoneauth", "urllib3", "stevedore", "alembic", "oslo_policy")


class SettingsError(Exception):
    """An option is missing or does not fit; the message names it and says what to do."""


def load(config_files: Sequence[str] = (), overrides: Mapping[tuple[str, str], Any] | None = None) -> Settings:
    """Read ``config_files`` (later ones win), then ``overrides`` of (group, option), into frozen sections.

    Raises SettingsError with the option's name when a value is missing or of the wrong type.
    """
    conf = cfg.ConfigOpts()
    oslo_log.register_options(conf)
    for group, options in _GROUPS.items():
        conf.register_opts(options, group=None if group == "DEFAULT" else group)
    try:
        conf([], project="kamado", default_config_files=list(config_files), default_config_dirs=[])
        for (group, name), value in (overrides or {}).items():
            conf.set_override(name, value, group=None if group == "DEFAULT" else group)
        return _sections(conf)
    except cfg.Error as error:
        raise SettingsError(str(error)) from error


def _sections(conf: Any) -> Settings:
    if not conf.database.connection:
        raise SettingsError("[database] connection is not set: give the SQLAlchemy URL of the database")
    if not conf.auth_encryption_key:
        raise SettingsError("auth_encryption_key is not set: give a long random text, the same in all processes")
    service = _user(conf.keystone_authtoken, "keystone_authtoken")
    return Settings(
        store=StoreSettings(url=conf.database.connection, key=conf.auth_encryption_key),
        api=ApiSettings(
            host=conf.heat_api.bind_host,
            port=conf.heat_api.bind_port,
            threads=conf.heat_api.threads,
            max_json_body_size=conf.max_json_body_size,
            policy_file=conf.find_file(conf.oslo_policy.policy_file),
            policy_dirs=tuple(found for name in conf.oslo_policy.policy_dirs if (found := conf.find_file(name))),
            cors_origins=tuple(conf.cors.allowed_origin),
            trust_proxy_headers=conf.oslo_middleware.enable_proxy_headers_parsing,
        ),
        limits=LimitSettings(
            template_size=conf.max_template_size,
            resources_per_stack=conf.max_resources_per_stack,
            stacks_per_project=conf.max_stacks_per_tenant,
            nested_depth=conf.max_nested_stack_depth,
            events_per_stack=conf.max_events_per_stack,
            stack_action_timeout=conf.stack_action_timeout,
            hidden_stack_tags=tuple(conf.hidden_stack_tags),
        ),
        work=WorkSettings(
            lease_seconds=conf.kamado.lease_seconds,
            heartbeat_seconds=conf.periodic_interval,
            concurrent_steps=conf.kamado.concurrent_steps,
            worker_threads=conf.kamado.worker_threads,
            action_retry_limit=conf.action_retry_limit,
        ),
        cloud=CloudSettings(
            service=service,
            trustee=_user(conf.trustee, "trustee", service),
            region=conf.region_name_for_services,
            interface=conf.clients.endpoint_type.removesuffix("URL"),
            verify=False if conf.clients.insecure else (conf.clients.ca_file or True),
            trusts_delegated_roles=tuple(conf.trusts_delegated_roles),
            stack_domain_id=conf.stack_user_domain_id,
            stack_domain_admin=conf.stack_domain_admin,
            stack_domain_admin_password=conf.stack_domain_admin_password,
            stack_user_role=conf.heat_stack_user_role,
        ),
        raw=conf,
    )


def _user(section: Any, group: str, default: ServiceUser | None = None) -> ServiceUser:
    if default is not None and not section.username:
        return default
    auth_url: str = section.auth_url or (default.auth_url if default else "")
    for name, value in (("auth_url", auth_url), ("username", section.username), ("password", section.password)):
        if not value:
            raise SettingsError(f"[{group}] {name} is not set: Kamado needs a user of its own in Keystone")
    return ServiceUser(
        auth_url=auth_url,
        username=section.username,
        password=section.password,
        project_name=section.project_name,
        user_domain_id=section.user_domain_id,
        user_domain_name=section.user_domain_name,
        project_domain_id=section.project_domain_id,
        project_domain_name=section.project_domain_name,
    )


def set_up_logging(settings: Settings) -> None:
    """Start oslo.log by the options of the file (``debug``, ``log_file``, ``use_json``, formats …)."""
    oslo_log.set_defaults(default_log_levels=[f"{name}=WARN" for name in _QUIET])
    oslo_log.setup(settings.raw, "kamado")
