"""Settings: Heat's option names read by oslo.config, handed out as frozen sections.

The only importer of oslo.config. `load` is called by `kamado.assemble` and the commands; everything else gets the section it
needs as an argument. Options that Kamado adds stand in the group ``[kamado]``; an option of Heat that has no meaning here is
accepted and ignored, so that an operator's file works unchanged.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from oslo_config import cfg
from oslo_log import log as oslo_log
from oslo_policy import opts as oslo_policy_opts

from kamado.api.call import ApiSettings as ApiLimits
from kamado.cloud.limits import CallLimits
from kamado.cloud.session import CloudSettings, ServiceUser
from kamado.engine.ports import EngineSettings
from kamado.messaging.transport import MessagingSettings
from kamado.orchestrator.context import OrchestratorSettings


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """``url`` is an SQLAlchemy URL; ``key`` the secret that encrypts hidden values and credentials at rest."""

    url: str
    key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """Where the REST API listens, how wide it works, its policy file and token cache; ``limits`` is the API's own section."""

    host: str
    port: int
    threads: int
    policy_file: str | None
    memcached_servers: tuple[str, ...]
    limits: ApiLimits


@dataclass(frozen=True, slots=True)
class Settings:
    """All sections. ``environment_dir`` is the folder of the global environment; ``raw`` the parsed oslo.config object, only for
    libraries that insist on one.
    """

    store: StoreSettings
    api: ApiSettings
    orchestrator: OrchestratorSettings
    engine: EngineSettings
    cloud: CloudSettings
    messaging: MessagingSettings
    environment_dir: Path
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
    cfg.IntOpt("max_snapshots_per_stack", default=32, help="Snapshots of one stack; -1: any number."),
    cfg.IntOpt("max_software_configs_per_tenant", default=4096, help="Software configs of a project; -1: any number."),
    cfg.IntOpt(
        "max_software_deployments_per_tenant", default=4096, help="Software deployments of a project; -1: any number."
    ),
    cfg.BoolOpt("enable_stack_abandon", default=False, help="Let stacks be abandoned and exported."),
    cfg.BoolOpt("enable_stack_adopt", default=False, help="Let new stacks take existing resources over."),
    cfg.IntOpt("max_nested_stack_depth", default=5, help="How deep stacks may nest."),
    cfg.IntOpt("max_events_per_stack", default=1000, help="Events kept for a stack; -1: all."),
    cfg.IntOpt("stack_action_timeout", default=3600, help="Seconds until an operation times out, when it sets none."),
    cfg.BoolOpt(
        "observe_on_update", default=False, help="Every update looks at what is really there, as with `converge`."
    ),
    cfg.IntOpt("action_retry_limit", default=5, help="How often a failed call for a resource is tried again."),
    cfg.ListOpt("hidden_stack_tags", default=[], help="Stacks with one of these tags are left out of lists."),
    cfg.StrOpt("region_name_for_services", help="Region whose endpoints are used."),
    cfg.ListOpt(
        "trusts_delegated_roles", default=[], help="Roles that a trust delegates; all of the user's when empty."
    ),
    cfg.StrOpt(
        "deferred_auth_method",
        default="trusts",
        choices=["trusts", "application_credential", "password"],
        help="How the service acts for users after their request: by a trust, by an application credential, or by the password that "
        "the request carries in X-Auth-Key.",
    ),
    cfg.StrOpt("stack_user_domain_id", help="Domain in which stack users are made, by id."),
    cfg.StrOpt("stack_user_domain_name", help="Domain in which stack users are made, by name."),
    cfg.StrOpt("stack_domain_admin", help="User who administers that domain."),
    cfg.StrOpt("stack_domain_admin_password", secret=True, help="That user's password."),
    cfg.StrOpt("heat_stack_user_role", default="heat_stack_user", help="Role of stack users."),
    cfg.StrOpt(
        "transport_url",
        secret=True,
        help="Message bus over which processes wake each other, as oslo.messaging writes it: rabbit://user:password@host:5672/.",
    ),
    cfg.StrOpt(
        "environment_dir",
        default="/etc/heat/environment.d",
        help="Folder of the global environment: its *.yaml, *.yml and *.json files, sorted, lie under every user's environment.",
    ),
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
_TOKENS = [
    cfg.ListOpt("memcached_servers", default=[], help="Where validated tokens are kept; in this process when empty."),
    cfg.IntOpt("token_cache_time", default=300, help="Seconds that a validated token is believed."),
]
_KAMADO = [
    cfg.FloatOpt("lease_seconds", default=30.0, min=1.0, help="After this an engine that fell silent loses its work."),
    cfg.FloatOpt("claim_interval", default=2.0, min=0.01, help="Seconds between looks at the queue without a wake-up."),
    cfg.IntOpt("concurrent_steps", default=200, min=1, help="Resources that one operation works on at the same time."),
    cfg.BoolOpt("alone", default=False, help="No other engine works on this database: take everything over at start."),
    cfg.IntOpt(
        "calls_per_service", default=32, min=1, help="Calls in flight to one service of the cloud from one process."
    ),
    cfg.IntOpt(
        "calls_per_project", min=1, help="Blocking calls at the same time for one project; all of them when unset."
    ),
    cfg.FloatOpt(
        "forced_delete_patience",
        default=300.0,
        min=0.0,
        help="Seconds until a forced deletion lets go of what does not go.",
    ),
    cfg.IntOpt("worker_threads", default=32, min=1, help="Blocking calls at the same time in one engine."),
]

_GROUPS: Mapping[str, Sequence[cfg.Opt]] = {
    "DEFAULT": _DEFAULT,
    "heat_api": _HEAT_API,
    "database": _DATABASE,
    "clients": _CLIENTS,
    "oslo_middleware": _OSLO_MIDDLEWARE,
    "cors": _CORS,
    "keystone_authtoken": [*_USER, *_TOKENS],
    "trustee": _USER,
    "kamado": _KAMADO,
}


_QUIET = ("keystonemiddleware", "keystoneauth", "urllib3", "stevedore", "alembic", "oslo_policy")

_WRONG_WARNINGS = "keystonemiddleware._common.config=ERROR"
"""It warns of every option that is given to it as a mapping, though it heeds them."""


class SettingsError(Exception):
    """An option is missing or does not fit; the message names it and says what to do."""


def load(config_files: Sequence[str] = (), overrides: Mapping[tuple[str, str], Any] | None = None) -> Settings:
    """Read ``config_files`` (later ones win), then ``overrides`` of (group, option), into frozen sections.

    Raises SettingsError with the option's name when a value is missing or of the wrong type.
    """
    conf = cfg.ConfigOpts()
    oslo_log.register_options(conf)
    oslo_policy_opts.set_defaults(conf)
    for group, options in _GROUPS.items():
        conf.register_opts(options, group=None if group == "DEFAULT" else group)
    try:
        conf([], project="kamado", default_config_files=list(config_files), default_config_dirs=[])
        for (group, name), value in (overrides or {}).items():
            conf.set_override(name, value, group=None if group == "DEFAULT" else group)
        return _sections(conf, _messaging(conf.transport_url, config_files))
    except cfg.Error as error:
        raise SettingsError(str(error)) from error


def _messaging(transport_url: str | None, config_files: Sequence[str]) -> MessagingSettings:
    """oslo.messaging defines ``transport_url`` and others itself, in another way: it is given the same files, parsed for it alone."""
    conf = cfg.ConfigOpts()
    conf([], project="kamado", default_config_files=list(config_files), default_config_dirs=[])
    return MessagingSettings(transport_url=transport_url, conf=conf)


def _sections(conf: Any, messaging: MessagingSettings) -> Settings:
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
            policy_file=conf.oslo_policy.policy_file,
            memcached_servers=tuple(conf.keystone_authtoken.memcached_servers),
            limits=ApiLimits(
                max_json_body_size=conf.max_json_body_size,
                allowed_origins=tuple(conf.cors.allowed_origin),
                proxy_headers=conf.oslo_middleware.enable_proxy_headers_parsing,
                token_cache_time=conf.keystone_authtoken.token_cache_time,
            ),
        ),
        orchestrator=OrchestratorSettings(
            max_resources_per_stack=conf.max_resources_per_stack,
            max_template_size=conf.max_template_size,
            max_stacks_per_tenant=conf.max_stacks_per_tenant,
            max_snapshots_per_stack=conf.max_snapshots_per_stack,
            max_software_configs_per_tenant=conf.max_software_configs_per_tenant,
            max_software_deployments_per_tenant=conf.max_software_deployments_per_tenant,
            enable_stack_abandon=conf.enable_stack_abandon,
            enable_stack_adopt=conf.enable_stack_adopt,
            max_nested_stack_depth=conf.max_nested_stack_depth,
            max_events_per_stack=conf.max_events_per_stack,
            stack_action_timeout=conf.stack_action_timeout,
            hidden_stack_tags=tuple(conf.hidden_stack_tags),
            region_name=conf.region_name_for_services or "RegionOne",
            observe_on_update=conf.observe_on_update,
        ),
        engine=EngineSettings(
            lease_seconds=conf.kamado.lease_seconds,
            claim_interval=conf.kamado.claim_interval,
            heartbeat_seconds=conf.periodic_interval,
            concurrent_steps=conf.kamado.concurrent_steps,
            worker_threads=conf.kamado.worker_threads,
            calls_per_project=conf.kamado.calls_per_project,
            forced_delete_patience=conf.kamado.forced_delete_patience,
            action_retry_limit=conf.action_retry_limit,
            max_nested_stack_depth=conf.max_nested_stack_depth,
            stack_action_timeout=conf.stack_action_timeout,
            region=conf.region_name_for_services or "",
            alone=conf.kamado.alone,
            observe_on_update=conf.observe_on_update,
        ),
        cloud=CloudSettings(
            service=service,
            trustee=_user(conf.trustee, "trustee", service),
            region=conf.region_name_for_services or "",
            interface=conf.clients.endpoint_type.removesuffix("URL"),
            verify=False if conf.clients.insecure else (conf.clients.ca_file or True),
            delegated_roles=tuple(conf.trusts_delegated_roles),
            stack_domain_id=conf.stack_user_domain_id or "",
            stack_domain_admin=_domain_admin(conf, service),
            stack_user_role=conf.heat_stack_user_role,
            deferred_auth_method=conf.deferred_auth_method,
            limits=CallLimits(in_flight=conf.kamado.calls_per_service),
        ),
        messaging=messaging,
        environment_dir=Path(conf.environment_dir),
        raw=conf,
    )


def _domain_admin(conf: Any, service: ServiceUser) -> ServiceUser | None:
    if not conf.stack_domain_admin:
        return None
    return ServiceUser(
        auth_url=service.auth_url,
        username=conf.stack_domain_admin,
        password=conf.stack_domain_admin_password or "",
        user_domain_id=conf.stack_user_domain_id,
        user_domain_name=None if conf.stack_user_domain_id else (conf.stack_user_domain_name or "heat"),
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
    """Start oslo.log by the options of the file (``debug``, ``log_file``, ``use_json``, formats …).

    Log calls carry ids as fields (stack, operation, engine, request …): in JSON they are keys, in text they end the line.
    """
    oslo_log.set_defaults(default_log_levels=[*(f"{name}=WARN" for name in _QUIET), _WRONG_WARNINGS])
    oslo_log.setup(settings.raw, "kamado")
    if not settings.raw.use_json:
        for handler in logging.getLogger().handlers:
            handler.addFilter(_Fields())


class _Fields(logging.Filter):
    """Appends the fields of a record to its text, as ``key=value``."""

    _STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}

    def filter(self, record: logging.LogRecord) -> bool:
        """Lets every record through."""
        fields = {key: value for key, value in record.__dict__.items() if key not in self._STANDARD}
        if record.name.startswith("kamado") and fields:
            words = " ".join(f"{key}={value}" for key, value in fields.items() if value != "")
            record.msg, record.args = f"{record.getMessage()}  {words}", ()
        return True
