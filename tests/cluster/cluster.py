"""Kamado as it stands in production: `kamado api` and `kamado engine` as processes of their own over one database and one broker.

The cloud is the local one, in the test's process, so that its faults can be set and its calls read. Processes are real: killed, stopped
in the middle (SIGSTOP), asked to end.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from sqlalchemy import create_engine, select
from tests.databases import KEY, kill_all_others
from tests.kamado_process import KAMADO, free_ports
from tests.scenarios.site import Site, user

from kamado.localcloud.identity.seeding import SERVICE_PASSWORD
from kamado.localcloud.server import LocalCloud
from kamado.store import Store, schema

SECONDS = 120.0
"""For whatever is waited for: long, for the machine may be busy."""


class Process:
    """One `kamado COMMAND`, with what it says in a file."""

    def __init__(self, command: str, config_files: list[Path], log: Path) -> None:
        self.log = log
        words: list[str | Path] = [KAMADO]
        for path in config_files:
            words += ["--config-file", path]
        environment = {key: value for key, value in os.environ.items() if not key.startswith("OS_")}
        with log.open("ab") as file:
            self._process = subprocess.Popen([*words, command], stdout=file, stderr=file, env=environment)

    def wait_for(self, text: str) -> Self:
        """Until it has said ``text``."""
        until(
            lambda: text in self.said(), lambda: f"{self.log.name} did not say {text!r}:\n{self.said()[-3000:]}", self
        )
        return self

    def said(self) -> str:
        """All that it has said."""
        return self.log.read_text()

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        self._process.kill()
        self._process.wait()

    def pause(self) -> None:
        """It sleeps in the middle of whatever it does, and knows nothing of it."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """It wakes up and believes that no time has passed."""
        self._process.send_signal(signal.SIGCONT)

    def ask_to_end(self) -> None:
        """SIGTERM."""
        self._process.send_signal(signal.SIGTERM)

    def ended(self) -> int:
        """Its exit code, once it has ended."""
        return self._process.wait(SECONDS)


def until(what: Callable[[], bool], otherwise: Callable[[], str], process: Process | None = None) -> None:
    """Wait for something; an AssertionError with words when it does not come, or when ``process`` ends before."""
    end = time.monotonic() + SECONDS
    while not what():
        if time.monotonic() > end or (process is not None and not process.runs and not what()):
            raise AssertionError(otherwise())
        time.sleep(0.02)


class Cluster:
    """Any number of APIs and engines. A context manager that kills what still runs."""

    def __init__(
        self,
        folder: Path,
        database_url: str,
        transport_url: str | None = None,
        config_file: Path | None = None,
        **kamado: object,
    ) -> None:
        """``kamado``: options of the group of that name; ``config_file``: whatever else."""
        self.folder = folder
        self.store = Store.open(database_url, KEY)
        self.api_ports: list[int] = []
        (first,) = free_ports(1)
        self.cloud = LocalCloud(identity_port=0, orchestration_url=f"http://127.0.0.1:{first}/v1/%(project_id)s")
        self.cloud.start()
        self._first_port = first
        self._config = folder / "kamado.conf"
        self._config.write_text(self._text(database_url, transport_url, kamado))
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
        port = free_ports(1)[0] if self.api_ports else self._first_port
        self.api_ports.append(port)
        config = self.folder / f"api{len(self.api_ports)}.conf"
        sections = {"heat_api": port, "heat_api_cfn": 0}
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
        count = sum(process.log.name.startswith("engine") for process in self._processes)
        return self._start("engine", self._files, count + 1).wait_for("at work")

    def _start(self, command: str, config_files: list[Path], number: int) -> Process:
        process = Process(command, config_files, self.folder / f"{command}{number}.log")
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

    def at_work(self) -> Counter[int]:
        """Process id of an engine → how many operations it holds; 0 for what waits for somebody to take it over."""
        operation, engine = schema.operation.c, schema.engine.c
        pids = dict(self._rows(select(engine.id, engine.pid)))
        return Counter(pids.get(key, 0) for (key,) in self._rows(select(operation.engine_id).where(_RUNS)))

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
