"""Kamado's API over real HTTP for tests: real store (SQLite), real types, a real engine, tokens from the local cloud's Keystone.

Nothing of ours is replaced. Only the process is missing: everything runs in threads of the test.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests
from oslo_config import cfg
from oslo_policy import opts as policy_opts
from tests.wire.exchange import Target

from kamado import assemble
from kamado.api import app as api_app
from kamado.api.limits import ApiSettings
from kamado.api.policies import Rules
from kamado.cfn import app as cfn_app
from kamado.cloud.limits import CallLimits
from kamado.cloud.session import CloudFactory, CloudSettings, ServiceUser
from kamado.cloud.users import remove_project
from kamado.engine.engine import Engine
from kamado.engine.ports import EnginePorts, EngineSettings
from kamado.engine.system import SystemClock, ThreadCalls
from kamado.engine.targets import TargetLoader
from kamado.localcloud.identity import announce
from kamado.localcloud.identity.seeding import SERVICE_PASSWORD
from kamado.localcloud.server import LocalCloud
from kamado.orchestrator.context import OrchestratorSettings, Services
from kamado.orchestrator.stack_software import StackSoftware
from kamado.plugin.registry import Registry
from kamado.store import Journal, Store
from kamado.streams import StreamingServer
from kamado.telemetry.traces import Traces, watched

KEY = "0123456789abcdef0123456789abcdef"


class WallClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class Clouds(assemble.Clouds):
    """Counts besides."""

    def __init__(self, factory: CloudFactory) -> None:
        super().__init__(factory)
        self.trusts_made = 0

    def grant(self, context: Any, name: str) -> Any:
        self.trusts_made += 1
        return super().grant(context, name)


class Stand:
    """One Kamado on free ports. `endpoint` is what stands before /v1."""

    def __init__(
        self,
        folder: Path,
        cloud: LocalCloud,
        *,
        settings: OrchestratorSettings | None = None,
        api: ApiSettings | None = None,
        policy: str | None = None,
        working: bool = True,
        options: Mapping[str, Any] | None = None,
        types: tuple[Any, ...] = (),
        deferred_auth_method: str = "trusts",
        tokens: Mapping[str, Any] | None = None,
        endpoints: Mapping[str, str] | None = None,
        traces: Traces | None = None,
        limits: CallLimits | None = None,
        engine: EngineSettings | None = None,
    ) -> None:
        """``working`` False: no engine, accepted operations stay where they are. ``types``: more of them, for tests.
        ``tokens``: what keystonemiddleware is given, in place of the service user's password.
        ``endpoints``: service type → URL, beside the catalog. ``traces``: where the requests of both APIs are spans.
        ``limits``: of calls to the cloud; ``engine``: its settings."""
        engine = engine or EngineSettings(worker_threads=8, poll_first=0.02, claim_interval=0.5)
        self.cloud = cloud
        self.store = Store.open(f"sqlite:///{folder / 'kamado.sqlite'}", KEY, durable=False)
        self.journal = Journal(self.store)
        registry = Registry((*Registry.load()._types.values(), *types))
        service = ServiceUser(
            auth_url=cloud.auth_url, username="heat", password=SERVICE_PASSWORD, project_name="service"
        )
        keeper = ServiceUser(cloud.auth_url, "heat_domain_admin", SERVICE_PASSWORD, user_domain_name="heat")
        self.factory = CloudFactory(
            CloudSettings(
                service=service,
                deferred_auth_method=deferred_auth_method,
                overrides=dict(endpoints or {}),
                stack_domain_admin=keeper,
                limits=limits or CallLimits(),
            )
        )
        self.clouds = Clouds(self.factory)
        self.targets = TargetLoader(self.store, registry, "RegionOne")
        self._calls = ThreadCalls(engine.worker_threads, "handler", engine.calls_per_project)
        self._store_calls = ThreadCalls(4, "store")
        ports = EnginePorts(
            store=self.store,
            journal=self.journal,
            clock=SystemClock(),
            calls=self._calls,
            store_calls=self._store_calls,
            registry=registry,
            cloud=lambda stack, operation: self.factory.for_credential(
                self.store.credentials.get((operation and operation.credential_id) or stack.credential_id)
            ),
            users=lambda stack: assemble.users_of(self.store, self.factory, stack),
            software=lambda stack: StackSoftware.of(self.services, stack),
            remove_users=lambda project_id: remove_project(self.factory, project_id),
        )
        self.engine = Engine(ports, engine, loader=self.targets)
        conf = cfg.ConfigOpts()
        policy_opts._register(conf)
        conf([], project="kamado", default_config_files=[])
        if policy is not None:
            (folder / "policy.yaml").write_text(policy)
        self.services = Services(
            store=self.store,
            registry=registry,
            targets=self.targets,
            clouds=self.clouds,
            policy=Rules(conf, str(folder / "policy.yaml") if policy is not None else None),
            clock=WallClock(),
            wake=self.engine.wake,
            users_of=lambda stack: assemble.users_of(self.store, self.factory, stack),
            ring=lambda row_id: self.engine.hear(False, (row_id,)),
            settings=settings or OrchestratorSettings(enable_stack_abandon=True, enable_stack_adopt=True),
            cloud_of=lambda stack: self.factory.for_credential(self.store.credentials.get(stack.credential_id)),
        )
        keystone = {
            "www_authenticate_uri": cloud.urls["identity"],
            "auth_url": cloud.urls["identity"],
            "auth_type": "password",
            "username": "heat",
            "password": SERVICE_PASSWORD,
            "user_domain_name": "Default",
            "project_name": "service",
            "project_domain_name": "Default",
            **(options or {}),
        }
        application = api_app.build(self.services, keystone=tokens or keystone, settings=api or ApiSettings())
        if traces is not None:
            application = watched(application, lambda *_: None, traces)
        self._server = StreamingServer(("127.0.0.1", 0), application, numthreads=10)
        self._server.prepare()
        self.endpoint = f"http://127.0.0.1:{self._server.bind_addr[1]}"
        identity = self.factory.admin
        cfn = cfn_app.build(self.services, lambda: identity().service("identity"))
        if traces is not None:
            cfn = watched(cfn, lambda *_: None, traces)
        self._cfn = StreamingServer(("127.0.0.1", 0), cfn, numthreads=4)
        self._cfn.prepare()
        self.cfn_endpoint = f"http://127.0.0.1:{self._cfn.bind_addr[1]}/v1"
        self._threads = [threading.Thread(target=server.serve, daemon=True) for server in (self._server, self._cfn)]
        if working:
            self._threads.append(threading.Thread(target=lambda: asyncio.run(self.engine.run()), daemon=True))
        self._working = working
        for thread in self._threads:
            thread.start()
        self._sessions: dict[str, tuple[str, str]] = {}

    def close(self) -> None:
        self._server.stop()
        self._cfn.stop()
        if self._working:
            self.engine.stop()
        for thread in self._threads:
            thread.join(timeout=20)
        self.journal.close()
        self._calls.close()
        self._store_calls.close()
        self.factory.close()
        self.store.close()

    def enter_catalog(self, cloud: LocalCloud) -> None:
        """Has the catalog of the cloud tell where this Kamado answers, with both APIs."""
        cloud.external["orchestration"] = f"{self.endpoint}/v1/%(project_id)s"
        cloud.external["cloudformation"] = self.cfn_endpoint
        with cloud.state.lock:
            announce(cloud)
            cloud.state.commit()

    def wait_for_engine(self) -> None:
        """Until the engine, told to stop, has done so."""
        self._threads[-1].join(timeout=20)

    def token(self, user: str) -> tuple[str, str]:
        """A token of a user in the project of the same name, and that project's id; got once."""
        if user not in self._sessions:
            self._sessions[user] = issue(self.cloud.auth_url, user)
        return self._sessions[user]

    def target(self) -> Target:
        users = ("demo", "alt_demo", "admin")
        return Target(
            self.endpoint,
            {user: self.token(user)[0] for user in users},
            {user: self.token(user)[1] for user in users},
        )

    def ask(
        self,
        verb: str,
        path: str,
        body: Any = None,
        *,
        user: str = "demo",
        raw: Any = None,
        stream: bool = False,
        **headers: str | None,
    ) -> requests.Response:
        """One request below /v1/{project}; redirects are not followed."""
        token, project = self.token(user)
        url = path if path.startswith("http") else f"{self.endpoint}/v1/{project}{path}"
        given: dict[str, str | None] = {"X-Auth-Token": token, "Accept": "application/json"}
        given.update({name.replace("_", "-"): value for name, value in headers.items()})
        sent = {name: value for name, value in given.items() if value is not None}
        return requests.request(
            verb, url, json=body, data=raw, headers=sent, allow_redirects=False, timeout=30, stream=stream
        )

    def gone(self, path: str, seconds: float = 60) -> None:
        """Waits until there is nothing at a path any more."""
        deadline = time.monotonic() + seconds
        while self.ask("GET", path).status_code != 404:
            assert time.monotonic() < deadline, path
            time.sleep(0.02)

    def settled(self, path: str, seconds: float = 60) -> dict[str, Any]:
        """The stack at a path once nothing is in progress."""
        deadline = time.monotonic() + seconds
        while True:
            stack: dict[str, Any] = self.ask("GET", path).json()["stack"]
            if not stack["stack_status"].endswith("IN_PROGRESS"):
                return stack
            assert time.monotonic() < deadline, stack
            time.sleep(0.02)


def issue(auth_url: str, user: str, password: str | None = None, project: str | None = None) -> tuple[str, str]:
    """A token of a user in a project, and the project's id. Password and project are called like the user unless they are given."""
    default = {"domain": {"id": "default"}}
    who = {"name": user, "password": password or user, **default}
    identity = {"methods": ["password"], "password": {"user": who}}
    scope = {"project": {"name": project or user, **default}}
    answer = requests.post(f"{auth_url}/auth/tokens", json={"auth": {"identity": identity, "scope": scope}}, timeout=30)
    answer.raise_for_status()
    return answer.headers["X-Subject-Token"], answer.json()["token"]["project"]["id"]
