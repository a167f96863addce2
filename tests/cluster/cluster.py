"""Kamado as it stands in production: `kamado api` and `kamado engine` as processes of their own over one database and one broker.

The cloud is the local one, in the test's process, so that its faults can be set and its calls read. Processes are real: killed, stopped
in the middle (SIGSTOP), asked to end.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any, Self

from sqlalchemy import create_engine, make_url, select
from tests.cluster.processes import Begin, Process, begun_anew
from tests.databases import KEY, kill_all_others
from tests.kamado_process import free_ports
from tests.scenarios.site import Site, user
from tests.wire_cutter import WireCutter

from kamado.localcloud.identity.seeding import SERVICE_PASSWORD
from kamado.localcloud.server import LocalCloud
from kamado.store import Store, schema


class Cluster:
    """Any number of APIs and engines. A context manager that kills what still runs."""

    def __init__(
        self,
        folder: Path,
        database_url: str,
        transport_url: str | None = None,
        config_file: Path | None = None,
        begin: Begin = begun_anew,
        database_wire: WireCutter | None = None,
        **kamado: object,
    ) -> None:
        """``kamado``: options of the group of that name; ``config_file``: whatever else; ``begin``: how processes do.

        ``database_wire``: by which the processes (not this one) reach the database.
        """
        self._begin = begin
        self.folder = folder
        self.store = Store.open(database_url, KEY)
        self.api_ports: list[int] = []
        first, cfn = free_ports(2)
        self.cloud = LocalCloud(
            identity_port=0,
            orchestration_url=f"http://127.0.0.1:{first}/v1/%(project_id)s",
            cloudformation_url=f"http://127.0.0.1:{cfn}/v1",
        )
        self.cloud.start()
        self._first_port = first
        self._first_cfn_port = cfn
        self._config = folder / "kamado.conf"
        theirs = _through(database_url, database_wire) if database_wire else database_url
        self._config.write_text(self._text(theirs, transport_url, kamado))
        self._files = [self._config, *([config_file] if config_file else [])]
        self._processes: list[Process] = []

    def _text(self, database_url: str, transport_url: str | None, options: dict[str, object]) -> str:
        bus = f"transport_url = {transport_url}\n" if transport_url else ""
        own = "".join(f"{name} = {value}\n" for name, value in options.items())
        return (
            f"[DEFAULT]\nauth_encryption_key = {KEY}\nmax_resources_per_stack = -1\nmax_stacks_per_tenant = -1\n{bus}"
            f"stack_domain_admin = heat_domain_admin\nstack_domain_admin_password = {SERVICE_PASSWORD}\n"
            f"[database]\nconnection = {database_url}\n"
            f"[keystone_authtoken]\nauth_url = {self.cloud.auth_url}\nusername = heat\npassword = {SERVICE_PASSWORD}\n"
            "project_name = service\nuser_domain_id = default\nproject_domain_id = default\n"
            "[oslo_messaging_rabbit]\nkombu_reconnect_delay = 0.1\nrabbit_interval_max = 1\n"
            f"[kamado]\n{own}"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            if process.runs:
                process.kill()
        self.cloud.stop()
        self.store.close()

    def api(self) -> Site:
        """Starts one more API; it as the user demo sees it."""
        more = bool(self.api_ports)
        port = free_ports(1)[0] if more else self._first_port
        self.api_ports.append(port)
        config = self.folder / f"api{len(self.api_ports)}.conf"
        sections = {"heat_api": port, "heat_api_cfn": 0 if more else self._first_cfn_port}
        config.write_text(
            "".join(f"[{name}]\nbind_host = 127.0.0.1\nbind_port = {at}\n" for name, at in sections.items())
        )
        self._start("api", [*self._files, config], len(self.api_ports)).wait_for("answers at")
        return self.site("demo", port)

    def site(self, name: str, port: int | None = None) -> Site:
        """An API (the first one) as a user sees it."""
        site = Site(user(self.cloud.auth_url, name, name), user(self.cloud.auth_url, "alt_demo", "alt_demo"))
        site.url = f"http://127.0.0.1:{port or self._first_port}/v1/{site.keystone.get_project_id()}"
        return site

    def engine(self) -> Process:
        """Starts one more engine."""
        return self.engines(1)[0]

    def engines(self, count: int) -> list[Process]:
        """Starts so many more engines."""
        first = 1 + sum(process.log.name.startswith("engine") for process in self._processes)
        begun = [self._start("engine", self._files, first + number) for number in range(count)]
        return [engine.wait_for("at work") for engine in begun]

    def _start(self, command: str, config_files: list[Path], number: int) -> Process:
        process = Process(self._begin, command, config_files, self.folder / f"{command}{number}.log")
        self._processes.append(process)
        return process

    def pids(self) -> list[int]:
        """Of all processes that run."""
        return [process.pid for process in self._processes if process.runs]

    def log(self) -> str:
        """What all processes have said, for messages of failed tests."""
        return "\n".join(f"== {one.log.name}\n{one.said()[-3000:]}" for one in self._processes)

    def break_connections(self) -> int:
        """Has the database end every connection; how many there were."""
        engine = create_engine(self.store.url, isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as executioner:
                return kill_all_others(self.store, executioner)
        finally:
            engine.dispose()

    # what is there

    def names(self, site: Site) -> Counter[str]:
        """How many networks of each name the project has, beside those it had in the beginning."""
        answer = site.keystone.get("/v2.0/networks", endpoint_filter={"service_type": "network", "interface": "public"})
        project = site.keystone.get_project_id()
        names = Counter(row["name"] for row in answer.json()["networks"] if row["project_id"] == project)
        return names - Counter(_SEEDED)

    def at_work(self, nested: bool = False) -> Counter[int]:
        """Process id of an engine → how many operations it holds; 0 for what waits for somebody to take it over.

        ``nested``: of those on nested stacks only.
        """
        operation, engine = schema.operation.c, schema.engine.c
        pids = dict(self._rows(select(engine.id, engine.pid)))
        statement = select(operation.engine_id).where(_RUNS)
        if nested:
            statement = statement.where(operation.parent_id.is_not(None))
        return Counter(pids.get(key, 0) for (key,) in self._rows(statement))

    def finished(self) -> Counter[str]:
        """State → how many operations have ended in it."""
        operation = schema.operation.c
        return Counter(state for (state,) in self._rows(select(operation.state).where(operation.slot.is_(None))))

    def events(self) -> Counter[tuple[str, str, str, str]]:
        """Stack, resource, action and status → how often it was said."""
        event = schema.event.c
        rows = self._rows(select(event.stack_id, event.resource_name, event.action, event.status))
        return Counter(tuple(row) for row in rows)

    def _rows(self, statement: Any) -> list[Any]:
        return self.store.read(lambda connection: list(connection.execute(statement)))


_SEEDED = ("private", "heat-net")
"""Networks that the local cloud gives a project."""

_RUNS = schema.operation.c.slot == "RUNNING"


def _through(url: str, wire: WireCutter) -> str:
    return make_url(url).set(host="127.0.0.1", port=wire.port).render_as_string(hide_password=False)


def nested(count: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """A template of that many nested stacks of one network each, and its files."""
    resources = {f"c{number}": {"type": "one.yaml"} for number in range(count)}
    return {"heat_template_version": "2018-08-31", "resources": resources}, {"one.yaml": json.dumps(networks(1))}


def networks(count: int, **properties: object) -> dict[str, Any]:
    """A template of that many networks, every third of which waits for the one before it."""
    resources = {
        f"n{number}": {
            "type": "OS::Neutron::Net",
            "properties": properties,
            **({"depends_on": f"n{number - 1}"} if number % 3 == 2 else {}),
        }
        for number in range(count)
    }
    return {"heat_template_version": "2018-08-31", "resources": resources}


def settled(sites: list[Site], names: list[str]) -> dict[str, str]:
    """Name → state, once nothing is in progress any more."""
    return {name: sites[place % len(sites)].settled(name)["stack_status"] for place, name in enumerate(names)}
