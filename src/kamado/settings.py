"""Settings: Heat's option names read by oslo.config, handed out as frozen sections.

The only importer of oslo.config. `load` is called by `kamado.assemble` and the commands; everything else gets the section it
needs as an argument. Options that Kamado adds stand in the group ``[kamado]``; an option of Heat that has no meaning here is
accepted and ignored, so that an operator's file works unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from keystoneauth1.loading import register_auth_conf_options
from oslo_config import cfg
from oslo_log import log as oslo_log
from oslo_middleware import cors, http_proxy_to_wsgi
from oslo_middleware.healthcheck import opts as health
from oslo_policy import opts as oslo_policy_opts

from kamado.api.fetching import FetchSettings
from kamado.api.limits import ApiSettings as ApiLimits
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
class ListenSettings:
    """Where an API listens, and how many requests it serves at the same time."""

    host: str
    port: int
    threads: int


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """Where the REST API listens, how wide it works, its policy file; ``limits`` is the API's own section.

    ``tokens`` gives what keystonemiddleware is told: the whole section of the file, with what other sections say put in.
    """

    host: str
    port: int
    threads: int
    policy_file: str | None
    tokens: Callable[[], Mapping[str, Any]] = field(repr=False)
    limits: ApiLimits


@dataclass(frozen=True, slots=True)
class MetricsSettings:
    """Where the numbers of a process are answered: ``port`` None for nowhere, ``on_api`` on the API's port too."""

    host: str
    port: int | None
    on_api: bool


@dataclass(frozen=True, slots=True)
class Settings:
    """All sections. ``environment_dir`` is the folder of the global environment; ``drain_timeout`` the seconds that calls in flight may
    take when the process is to end; ``raw`` the parsed oslo.config object, only for libraries that insist on one.
    """

    store: StoreSettings
    api: ApiSettings
    cfn: ListenSettings
    orchestrator: OrchestratorSettings
    engine: EngineSettings
    cloud: CloudSettings
    messaging: MessagingSettings
    environment_dir: Path
    metrics: MetricsSettings
    drain_timeout: float
    raw: Any = field(repr=False)


_DEFAULT = [
    cfg.StrOpt(
        "auth_encryption_key",
        secret=True,
        help="Key that encrypts credentials and hidden values in the database. Must be the same in all processes.",
    ),
    cfg.IntOpt("max_template_size", default=524288, help="Largest template in bytes."),
    cfg.FloatOpt("template_fetch_timeout", default=60, min=0, help="Seconds that fetching a template may take."),
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
    cfg.StrOpt(
        "heat_waitcondition_server_url",
        help="Where servers signal wait conditions, ending in /v1/waitcondition; the catalog's cloudformation endpoint when not set.",
    ),
    cfg.StrOpt(
        "heat_metadata_server_url",
        help="Where servers read their metadata by the CloudFormation API; the catalog's cloudformation endpoint when not set.",
    ),
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
    cfg.StrOpt("default_publisher_id", help="Who notifications are from; orchestration.<host> when unset."),
    cfg.StrOpt(
        "default_notification_level",
        default="INFO",
        help="Level of notifications; those of failures are of level error.",
    ),
    cfg.IntOpt("periodic_interval", default=60, help="Seconds between an engine's entries in the service list."),
]
_FETCH = [
    cfg.ListOpt(
        "template_fetch_hosts",
        default=[],
        help="Hosts that template_url may name, *.example.org for all below one, * for any; none: nothing is fetched.",
    ),
    cfg.ListOpt(
        "remote_cloud_hosts",
        default=[],
        help="Hosts of other clouds that the credential of an OS::Heat::Stack may lead to, besides our own Keystone:"
        " *.example.org for all below one, * for any.",
    ),
]
_FOLLOWERS = [cfg.IntOpt("max_followers", default=200, min=0, help="Who may follow events in one process at a time.")]
_HEAT_API_CFN = [
    cfg.StrOpt("bind_host", default="0.0.0.0", help="Address that the CloudFormation API listens on."),
    cfg.PortOpt("bind_port", default=8000, help="Port that the CloudFormation API listens on."),
    cfg.IntOpt("threads", default=8, min=1, help="Requests served at the same time by one process."),
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
_HEALTH = [
    *health.HEALTHCHECK_OPTS,
    *health.DISABLE_BY_FILE_OPTS,
    *health.DISABLE_BY_FILES_OPTS,
    *health.ENABLE_BY_FILES_OPTS,
]
_AUTH_TYPE = [
    cfg.StrOpt(
        "auth_type",
        default="password",
        help="How the service user authenticates; any way that keystoneauth has, with its options in this section. "
        "With another than password, [trustee] must name a user with a password.",
    ),
    cfg.StrOpt("auth_section", help="Another section that the way to authenticate is read from."),
]
_NOTIFICATIONS = [
    cfg.MultiStrOpt("driver", default=[], help="How notifications are sent: messagingv2, log …; none when unset.")
]
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
    cfg.IntOpt("token_cache_time", default=300, help="Seconds that a validated token is believed, and up to 5 more."),
]
_KAMADO = [
    cfg.FloatOpt("lease_seconds", default=30.0, min=1.0, help="After this an engine that fell silent loses its work."),
    cfg.FloatOpt("claim_interval", default=2.0, min=0.01, help="Seconds between looks at the queue without a wake-up."),
    cfg.IntOpt("concurrent_steps", default=200, min=1, help="Resources that one operation works on at the same time."),
    cfg.FloatOpt(
        "drain_timeout", default=60.0, min=0.0, help="Seconds that an engine told to stop waits for calls in flight."
    ),
    cfg.BoolOpt("alone", default=False, help="No other engine works on this database: take everything over at start."),
    cfg.BoolOpt("api_metrics", default=False, help="Answer /metrics on the API's port too, without a token."),
    cfg.PortOpt("metrics_port", help="Port on which this process answers /metrics; none when unset."),
    cfg.StrOpt("metrics_host", default="127.0.0.1", help="Address that /metrics is answered on."),
    cfg.IntOpt(
        "calls_per_service", default=32, min=1, help="Calls in flight to one service of the cloud from one process."
    ),
    cfg.IntOpt(
        "calls_per_project",
        min=1,
        help="Blocking calls of one engine at the same time for one project; three quarters of what there may be when unset.",
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
    "heat_api_cfn": _HEAT_API_CFN,
    "database": _DATABASE,
    "clients": _CLIENTS,
    "oslo_middleware": http_proxy_to_wsgi.OPTS,
    "cors": cors.CORS_OPTS,
    "healthcheck": _HEALTH,
    "keystone_authtoken": [*_AUTH_TYPE, *_USER, *_TOKENS],
    "trustee": _USER,
    "oslo_messaging_notifications": _NOTIFICATIONS,
    "kamado": [*_KAMADO, *_FETCH, *_FOLLOWERS],
}


class SettingsError(Exception):
    """An option is missing or does not fit; the message names it and says what to do."""


def usual_config_files() -> list[str]:
    """The files of a project called kamado in oslo.config's usual places (~/.kamado, /etc/kamado …)."""
    return list(cfg.find_config_files(project="kamado"))


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
        return _sections(conf, config_files)
    except cfg.Error as error:
        raise SettingsError(str(error)) from error


def _parsed(config_files: Sequence[str]) -> Any:
    """The same files, parsed for a library that defines its options itself, in another way than we do."""
    conf = cfg.ConfigOpts()
    conf([], project="kamado", default_config_files=list(config_files), default_config_dirs=[])
    return conf


def _messaging(ours: Any, config_files: Sequence[str]) -> MessagingSettings:
    return MessagingSettings(
        transport_url=ours.transport_url,
        conf=_parsed(config_files),
        notifies=any(driver not in ("", "noop") for driver in ours.oslo_messaging_notifications.driver),
        publisher=ours.default_publisher_id,
        notification_level=ours.default_notification_level,
    )


def _sections(conf: Any, config_files: Sequence[str]) -> Settings:
    if not conf.database.connection:
        raise SettingsError("[database] connection is not set: give the SQLAlchemy URL of the database")
    if not conf.auth_encryption_key:
        raise SettingsError("auth_encryption_key is not set: give a long random text, the same in all processes")
    plain = conf.keystone_authtoken.auth_type in _PASSWORD and not conf.keystone_authtoken.auth_section
    service = _user(conf.keystone_authtoken, "keystone_authtoken") if plain else _user(conf.trustee, "trustee")
    return Settings(
        store=StoreSettings(url=conf.database.connection, key=conf.auth_encryption_key),
        cfn=ListenSettings(conf.heat_api_cfn.bind_host, conf.heat_api_cfn.bind_port, conf.heat_api_cfn.threads),
        api=ApiSettings(
            host=conf.heat_api.bind_host,
            port=conf.heat_api.bind_port,
            threads=conf.heat_api.threads,
            policy_file=conf.oslo_policy.policy_file,
            tokens=partial(_tokens, conf, config_files, service if plain else None),
            limits=ApiLimits(
                max_json_body_size=conf.max_json_body_size,
                cors=dict(conf.cors) if conf.cors.allowed_origin else {},
                health=dict(conf.healthcheck),
                proxy_headers=conf.oslo_middleware.enable_proxy_headers_parsing,
                followers=conf.kamado.max_followers,
                fetch=FetchSettings(tuple(conf.kamado.template_fetch_hosts), conf.template_fetch_timeout),
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
            calls_per_project=conf.kamado.calls_per_project or _share(conf.kamado),
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
            remote_hosts=tuple(conf.kamado.remote_cloud_hosts),
            waitcondition_url=conf.heat_waitcondition_server_url or "",
            metadata_url=conf.heat_metadata_server_url or "",
        ),
        messaging=_messaging(conf, config_files),
        metrics=MetricsSettings(conf.kamado.metrics_host, conf.kamado.metrics_port, conf.kamado.api_metrics),
        environment_dir=Path(conf.environment_dir),
        drain_timeout=conf.kamado.drain_timeout,
        raw=conf,
    )


def _share(limits: Any) -> int:
    """So many calls may one project have in flight: some are left to others, even when all of its calls hang."""
    most: int = min(limits.worker_threads, limits.calls_per_service)
    return max(1, most * 3 // 4)


_PASSWORD = ("password", "v3password")


def _tokens(conf: Any, config_files: Sequence[str], user: ServiceUser | None) -> dict[str, Any]:
    """What keystonemiddleware is given: the file as it is, and what it does not say itself.

    :param user: who asks Keystone, None when the section has another way than a password.
    """
    from keystonemiddleware import (
        opts as token_opts,  # with all that it takes to check a token, which an API alone does
    )

    section = _parsed(config_files)
    for group, options in token_opts.list_auth_token_opts():
        section.register_opts(options, group=group)
    register_auth_conf_options(section, "keystone_authtoken")  # in the section that auth_section names
    elsewhere = {
        "interface": conf.clients.endpoint_type.removesuffix("URL"),
        "region_name": conf.region_name_for_services,
        "insecure": conf.clients.insecure,
        "cafile": conf.clients.ca_file,
        "service_token_roles_required": True,
        "www_authenticate_uri": user.auth_url if user else None,
    }
    given: dict[str, Any] = {name: value for name, value in elsewhere.items() if not _is_said(section, name)}
    given["memcached_servers"] = ",".join(conf.keystone_authtoken.memcached_servers) or None
    if user is not None:
        given |= {
            "auth_type": "password",
            "auth_url": user.auth_url,
            "username": user.username,
            "password": user.password,
            "project_name": user.project_name,
            "user_domain_id": user.user_domain_id,
            "user_domain_name": user.user_domain_name,
            "project_domain_id": user.project_domain_id,
            "project_domain_name": user.project_domain_name,
        }
    return {"oslo_config_config": section, **{name: value for name, value in given.items() if value is not None}}


def _is_said(section: Any, name: str) -> bool:
    place = section.get_location(name, "keystone_authtoken")
    return place is not None and bool(place.location.is_user_controlled)


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
