"""Builds everything from settings: store, types, clouds, engine, API. Nothing else constructs these; only `cli` and tests import it.

`Parts` makes each piece once, when first asked for, so that an API process builds no engine and an engine no API. `Installation`
is all of them in one process, running: `kamado up`. The trap: order. A cloud answers before anything that asks it for a token; the file of
variables is written last; stopping goes backwards.
What only one of API, engine
and local cloud needs is imported where it is built: an engine is up without the libraries of a web server.
"""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from random import Random
from typing import IO, TYPE_CHECKING, Any, Self

from kamado.cloud import grants, users
from kamado.cloud.failures import CloudError, FailureKind
from kamado.cloud.objects import SERVICE, ObjectStore
from kamado.cloud.session import Cloud, CloudFactory
from kamado.engine.engine import Engine
from kamado.engine.ports import EnginePorts
from kamado.engine.system import BlockingSystemClock, SystemClock, ThreadCalls
from kamado.engine.targets import TargetLoader
from kamado.engine.waiting import nobody_else
from kamado.model.identifiers import new_id
from kamado.model.records import CredentialRecord, OperationRecord, StackRecord
from kamado.plugin.global_environment import GlobalEnvironmentInvalid
from kamado.plugin.registry import Registry
from kamado.settings import Settings, SettingsError
from kamado.store import Journal, Store
from kamado.store.retry import JOURNAL
from kamado.telemetry.metrics import CONTENT_TYPE, Metrics, Server
from kamado.telemetry.traces import Traces, watched, with_metrics
from kamado.telemetry.watchers import CallWatchers, Watchers

if TYPE_CHECKING:
    from kamado.api.policies import Rules
    from kamado.api.tokens import WsgiApp
    from kamado.localcloud.server import LocalCloud
    from kamado.messaging.bus import Bus
    from kamado.messaging.notifications import Notifier
    from kamado.orchestrator.context import Services
    from kamado.orchestrator.stack_software import StackSoftware

LOG = logging.getLogger(__name__)

_HOLDS_SECONDS = 60.0
"""So long a credential is believed to be accepted without asking Keystone again."""
_HOLDS_KEPT = 10_000
_SWEEP_SECONDS = 600.0
"""At least so long between two looks for credentials that nobody has."""


class Clouds:
    """The orchestrator's way to the user's cloud."""

    def __init__(self, factory: CloudFactory) -> None:
        self._factory = factory
        self._held: dict[tuple[str, str], float] = {}

    def for_token(self, context: Any) -> Cloud:
        """A cloud that acts with the token of the request."""
        return self._factory.for_token(context)

    def objects(self, context: Any) -> ObjectStore | None:
        """The object store, if the cloud has one."""
        cloud = self.for_token(context)
        return ObjectStore(cloud) if cloud.has(SERVICE) else None

    def grant(self, context: Any, name: str) -> grants.Grant:
        """Let the service act for the user later. ``name`` is unique. Raises CloudError, MissingCredentialError."""
        if self._factory.settings.deferred_auth_method == "password" and not context.password:
            from kamado.orchestrator.errors import MissingCredentialError

            raise MissingCredentialError.of("X-Auth-Key")
        return grants.make(self._factory, context, name)

    def holds(self, record: CredentialRecord, *, surely: bool) -> bool:
        """Whether a credential is still accepted; unless ``surely``, as far as was found within the last minute."""
        key = (record.id, record.trust_id)
        now = time.monotonic()
        if not surely and now - self._held.get(key, -_HOLDS_SECONDS) < _HOLDS_SECONDS:
            return True
        if not grants.holds(self._factory, record):
            self._held.pop(key, None)
            return False
        if len(self._held) >= _HOLDS_KEPT:
            self._held.clear()
        self._held[key] = now
        return True


def store(settings: Settings) -> Store:
    """The store of the configured database, its schema brought up to this release."""
    return Store.open(settings.store.url, settings.store.key)


def _patient(settings: Settings, store: Store) -> Store:
    """The database as an engine sees it: a fail-over is waited for as long as the journal does.

    For whoever gave up after seconds would make a resource fail for the database's sake. SQLite has no wire: it is the same there.
    """
    if store.dialect == "sqlite":
        return store
    return Store(settings.store.url, settings.store.key, patience=JOURNAL)


def local_cloud(host: str, identity_port: int, api_port: int, cfn_port: int, keep_path: Path | None) -> LocalCloud:
    """The local cloud, not yet started; its catalog names the ports of both APIs."""
    from kamado.localcloud.server import LocalCloud

    return LocalCloud(
        host,
        identity_port,
        orchestration_url=f"http://{host}:{api_port}/v1/%(project_id)s",
        cloudformation_url=f"http://{host}:{cfn_port}/v1",
        keep_path=keep_path,
    )


def users_of(store: Store, factory: CloudFactory, stack: StackRecord) -> users.StackUsers:
    """The users of a stack: those of a tree of stacks are in one project, which goes with the root."""
    stacks = store.stacks
    root_id = stack.root_id or stack.id

    def known() -> str | None:
        own = stacks.get(stack.id)
        if own is not None and own.stack_user_project_id:
            return own.stack_user_project_id
        root = stacks.get(root_id)
        if root is None or not root.stack_user_project_id:
            return None
        stacks.keep_user_project((stack.id,), root.stack_user_project_id)
        return root.stack_user_project_id

    def remember(project_id: str) -> None:
        stacks.keep_user_project((stack.id, root_id), project_id)

    # Keystone's names have at most 64 characters; the id of the stack makes it unique.
    return users.StackUsers(factory, f"{stack.project_id[:27]}-{root_id}", known, remember)


def software_of(store: Store, factory: CloudFactory, settings: Settings, stack: StackRecord) -> StackSoftware:
    """The software configs and deployments of a stack's project."""
    from kamado.orchestrator.stack_software import StackSoftware

    cloud_of = partial(owners_cloud, store, factory)
    return StackSoftware(
        stack, store, BlockingSystemClock(), settings.orchestrator, cloud_of, partial(users_of, store, factory)
    )


def owners_cloud(
    store: Store, factory: CloudFactory, stack: StackRecord, operation: OperationRecord | None = None
) -> Cloud:
    """The cloud of a stack's owner, by the credential that the operation or else the stack has."""
    found = (operation.credential_id if operation is not None else None) or stack.credential_id
    credential = store.credentials.get(found) if found else None
    if credential is None:
        raise CloudError(
            FailureKind.UNAUTHORIZED,
            f"the stack {stack.name} has no credential: update it as a user who may act in its project",
        )
    return factory.for_credential(credential)


class Parts:
    """The pieces of one process, each made when first asked for."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.random = Random()
        self._swept_at = 0.0
        self._patient: Store | None = None

    @cached_property
    def store(self) -> Store:
        """The database."""
        return store(self.settings)

    @cached_property
    def registry(self) -> Registry:
        """All resource types that are installed, under the operator's environment. Raises SettingsError."""
        try:
            return Registry.load(self.settings.environment_dir)
        except GlobalEnvironmentInvalid as error:
            raise SettingsError(f"environment_dir {self.settings.environment_dir}: {error}") from error

    @cached_property
    def clouds(self) -> CloudFactory:
        """Sessions with the cloud."""
        return CloudFactory(self.settings.cloud, self.random, CallWatchers(self.metrics, self.traces))

    @cached_property
    def loader(self) -> TargetLoader:
        """Parsed templates."""
        return TargetLoader(self.store, self.registry, self.settings.engine.region)

    @cached_property
    def journal(self) -> Journal:
        """The engine's way of writing."""
        return Journal(self.store)

    @cached_property
    def rules(self) -> Rules:
        """Who may do what."""
        from kamado.api.policies import Rules

        return Rules(self.settings.raw, self.settings.api.policy_file)

    @cached_property
    def bus(self) -> Bus | None:
        """The way to other processes; None when there is no ``transport_url``."""
        settings = self.settings.messaging
        if not settings.transport_url:
            return None
        from kamado.messaging.bus import Bus

        return Bus(settings, new_id())

    @cached_property
    def traces(self) -> Traces:
        """Spans, where OpenTelemetry is installed."""
        return Traces()

    @cached_property
    def metrics(self) -> Metrics:
        """The numbers of the process."""
        made = Metrics()
        made.watch_queue(lambda: self.store.operations.length(), lambda: datetime.now(UTC))
        return made

    @cached_property
    def notifier(self) -> Notifier | None:
        """Who sends notifications; None when no driver is named."""
        if not self.settings.messaging.notifies:
            return None
        from kamado.messaging.notifications import Notifier

        return Notifier(self.settings.messaging)

    @cached_property
    def watchers(self) -> Watchers:
        """Whoever watches the engine."""
        return Watchers(self.metrics, self.traces, self.notifier)

    def metrics_server(self) -> Server | None:
        """The numbers on a port of their own, answering; None when there is to be none. Raises OSError when it is taken."""
        where = self.settings.metrics
        return None if where.port is None else self.metrics.serve(where.host, where.port)

    def engine(self) -> Engine:
        """An engine, not yet running."""
        settings = self.settings.engine
        store = self._patient = _patient(self.settings, self.store)
        ports = EnginePorts(
            store=store,
            journal=self.journal,
            clock=SystemClock(),
            calls=ThreadCalls(settings.worker_threads, "handler", settings.calls_per_project),
            store_calls=ThreadCalls(4, "store"),
            registry=self.registry,
            random=self.random,
            watch=self.watchers,
            cloud=partial(owners_cloud, store, self.clouds),
            users=partial(users_of, store, self.clouds),
            software=partial(software_of, store, self.clouds, self.settings),
            remove_users=partial(users.remove_project, self.clouds),
            tidy=self._sweep_credentials,
            tell=self.bus.tell if self.bus else nobody_else,
        )
        shared = self.loader if store is self.store else None
        engine = Engine(ports, settings, loader=shared)
        if self.bus:
            self.bus.listen(engine.hear)
        return engine

    def _services(self, engine: Engine | None) -> Services:
        """What use cases work with; ``engine``: that of the same process, which is told of work at once."""
        from kamado.orchestrator.context import Services

        settings = self.settings
        bus = self.bus

        def wake() -> None:
            if engine:
                engine.wake()
            if bus:
                bus.tell()

        def ring(row_id: str) -> None:
            if engine:
                engine.hear(False, (row_id,))
            if bus:
                bus.tell((row_id,))

        return Services(
            store=self.store,
            registry=self.registry,
            clouds=Clouds(self.clouds),
            policy=self.rules,
            clock=BlockingSystemClock(),
            targets=self.loader,
            wake=wake,
            settings=settings.orchestrator,
            cloud_of=partial(owners_cloud, self.store, self.clouds),
            users_of=partial(users_of, self.store, self.clouds),
            ring=ring,
        )

    def cfn(self, engine: Engine | None = None) -> WsgiApp:
        """The CloudFormation API; ``engine`` as in `api`."""
        from kamado.cfn import app as cfn_app

        limit = self.settings.api.limits.max_json_body_size
        app: WsgiApp = cfn_app.build(self._services(engine), lambda: self.clouds.admin().service("identity"), limit)
        return watched(app, self.metrics.request_answered, self.traces)

    def api(self, engine: Engine | None = None) -> WsgiApp:
        """The REST API; ``engine``: that of the same process, which is told of work at once."""
        from kamado.api import app as api_app

        settings, services = self.settings, self._services(engine)
        app = api_app.build(services, keystone=settings.api.tokens(), settings=settings.api.limits)
        app = watched(app, self.metrics.request_answered, self.traces)
        return with_metrics(app, self.metrics.text, CONTENT_TYPE) if settings.metrics.on_api else app

    def close(self) -> None:
        """Let go of everything that was made."""
        made = self.__dict__
        if "notifier" in made and self.notifier:
            self.notifier.close()
        if "bus" in made and self.bus:
            self.bus.close()
        if "journal" in made:
            self.journal.close()
        if "clouds" in made:
            self.clouds.close()
        for store in (self._patient, made.get("store")):
            if store:
                store.close()

    def _sweep_credentials(self) -> None:
        """Remove trusts that nobody has needed for a while. Often called, seldom done."""
        from kamado.orchestrator import credentials

        now = time.monotonic()
        if now - self._swept_at < _SWEEP_SECONDS:
            return
        self._swept_at = now

        def remove_trust(record: CredentialRecord) -> None:
            try:
                grants.remove(self.clouds, record)
            except CloudError as error:
                LOG.warning("a credential that nobody uses stays in Keystone: %s", error.message)

        credentials.sweep(self.store.credentials, remove_trust, datetime.now(UTC))


class Installation:
    """Everything in one process, running: local cloud (perhaps), database, engine, API. A context manager that stops it."""

    def __init__(self, settings: Settings, local: LocalCloud | None, lock: IO[str], openrc: Path | None) -> None:
        self.settings = settings
        self.local = local
        self._lock = lock
        self._openrc = openrc
        self._parts = Parts(settings)
        self._running: list[Any] = []

    @property
    def url(self) -> str:
        """Where the REST API answers."""
        return f"http://{self.settings.api.host}:{self.settings.api.port}"

    @property
    def auth_url(self) -> str:
        """Where Keystone answers."""
        return self.settings.cloud.auth_url

    def start(self) -> Self:
        """Start everything, then write the file of variables. Raises OSError when a port is taken."""
        from kamado.processes import EngineThread, WebServer

        try:
            engine = self._parts.engine()
            server = WebServer(self._parts.api(engine), self.settings.api)
            cfn = WebServer(self._parts.cfn(engine), self.settings.cfn)
            worker = EngineThread(engine)
            for part in (worker, server, cfn):
                part.start()
                self._running.append(part)
            numbers = self._parts.metrics_server()
            if numbers:
                self._running.append(numbers)
        except BaseException:
            self.stop()
            raise
        if self._openrc is not None:
            _write_whole(self._openrc, self.openrc() + "\n")
        return self

    def stop(self) -> None:
        """End in the reverse order: nobody new is let in, the work is handed back, the database is closed, the cloud goes."""
        while self._running:
            self._running.pop().stop()
        self._parts.close()
        if self.local is not None:
            self.local.stop()
        self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def openrc(self) -> str:
        """The variables with which the usual clients work as user demo (with a real cloud: as whoever they are)."""
        variables = {
            "OS_AUTH_URL": self.auth_url,
            "OS_IDENTITY_API_VERSION": "3",
            "OS_REGION_NAME": self.settings.cloud.region or "RegionOne",
        }
        if self.local is not None:
            variables |= {
                "OS_USERNAME": "demo",
                "OS_PASSWORD": "demo",
                "OS_PROJECT_NAME": "demo",
                "OS_USER_DOMAIN_ID": "default",
                "OS_PROJECT_DOMAIN_ID": "default",
            }
        return "\n".join(f"export {name}={value}" for name, value in variables.items())


def _write_whole(path: Path, text: str) -> None:
    """Write a file so that a reader sees all of it or none."""
    partial = path.with_name(path.name + ".new")
    partial.write_text(text)
    partial.rename(path)
