"""`python -m benchmarks`: start a Kamado (or take a server that runs), measure, print, and write JSON and the table of the docs."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from keystoneauth1 import session
from keystoneauth1.identity import v3
from sqlalchemy import make_url
from tests.cluster.cluster import Cluster
from tests.kamado_process import KamadoProcess

from benchmarks import template, workloads
from benchmarks.client import Heat
from benchmarks.measure import Result, Server, rate, timed

STANDARD = [
    "template",
    "start",
    "flat-1000",
    "group-1000",
    "chain-300",
    "stacks-200",
    "nested-1000",
    "reads",
    "idle",
    "flat-10000",
]
LIMITS = """[DEFAULT]
max_resources_per_stack = -1
max_template_size = 33554432
max_json_body_size = 33554432
max_stacks_per_tenant = -1
"""

Run = Mapping[str, Result]
"""One run's results by the name of the measurement."""


@dataclass(frozen=True, slots=True)
class Budget:
    """One line of design §9 or of the issues: words, unit, what it may be at most, and how the figure comes out of a run."""

    words: str
    unit: str
    most: float
    figure: Callable[[Run], float | None]


def _seconds(name: str, factor: float = 1.0) -> Callable[[Run], float | None]:
    return lambda run: run[name].seconds * factor if name in run and not run[name].error else None


def _milliseconds(name: str) -> Callable[[Run], float | None]:
    return _seconds(name, 1000)


def _memory(name: str) -> Callable[[Run], float | None]:
    return lambda run: run[name].rss_mib if name in run else None


def _growth(run: Run) -> float | None:
    """Cost of one resource of 10,000, measured in that of one of 1,000."""
    small, huge = run.get("flat-1000:create"), run.get("flat-10000:create")
    return None if small is None or huge is None else (huge.seconds / huge.n) / (small.seconds / small.n)


BUDGETS = (
    Budget("create 1,000 independent local resources, POST to COMPLETE", "s", 1.0, _seconds("flat-1000:create")),
    Budget("no-op update of the same", "s", 0.3, _seconds("flat-1000:update-noop")),
    Budget("in-place update of all of them", "s", 1.0, _seconds("flat-1000:update")),
    Budget("delete of the same", "s", 1.0, _seconds("flat-1000:delete")),
    Budget("create 10,000 of them", "s", 10.0, _seconds("flat-10000:create")),
    Budget("resident memory after that, of all processes together", "MiB", 600.0, _memory("flat-10000:create")),
    Budget("cost of a resource of 10,000 over that of one of 1,000", "×", 1.5, _growth),
    Budget("plan of a no-op update of the 10,000, as a request", "s", 1.0, _seconds("flat-10000:plan-noop")),
    Budget("1,000-member ResourceGroup", "s", 2.0, _seconds("group-1000:create")),
    Budget("1,000 nested stacks of one resource", "s", 4.0, _seconds("nested-1000:create")),
    Budget("300-long chain of get_attr", "s", 0.5, _seconds("chain-300:create")),
    Budget("200 small stacks made by 8 clients", "s", 2.0, _seconds("stacks-200:create")),
    Budget(
        "GET /stacks page of 200, p95 with 8 clients",
        "ms",
        40.0,
        lambda run: run["reads:list-200"].more.get("p95_ms") if "reads:list-200" in run else None,
    ),
    Budget("parse and validate a 500-resource template (object)", "ms", 50.0, _milliseconds("template-500:object")),
    Budget("the same as YAML", "ms", 50.0, _milliseconds("template-500:yaml")),
    Budget("parse and validate a 5,000-resource template (object)", "ms", 600.0, _milliseconds("template-5000:object")),
    Budget("the same as YAML", "ms", 600.0, _milliseconds("template-5000:yaml")),
    Budget("resolve the properties of one resource of 5", "µs", 50.0, _milliseconds("template-5:resolve")),
    Budget("resolve the properties of one resource of 5,000", "µs", 50.0, _milliseconds("template-5000:resolve")),
    Budget("import of `kamado.template`", "ms", 150.0, _milliseconds("template:import")),
    Budget("start-up of `kamado up` to the first answered request", "s", 2.0, _seconds("start")),
    Budget("idle resident memory, everything in one process", "MiB", 180.0, _memory("idle")),
)


def main() -> None:
    args = _arguments()
    runs: list[list[Result]] = []
    for number in range(args.runs):
        print(f"run {number + 1} of {args.runs}", flush=True)
        runs.append(_run(args))
    document = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "database": make_url(args.database).get_backend_name() if args.database else "sqlite",
        "engines": args.engines or "in one process with the API",
        "command": "python -m benchmarks " + " ".join(args.workloads),
        "runs": [[result.as_json() for result in run] for run in runs],
    }
    if args.out:
        args.out.write_text(json.dumps(document, indent=1) + "\n")
    print()
    print(table(runs))
    if any(result.error for run in runs for result in run):
        raise SystemExit(1)


def table(runs: list[list[Result]]) -> str:
    """The budgets with the median of all runs, as Markdown."""
    lines = ["| work | budget | measured (median) |", "| --- | ---: | ---: |"]
    by_name = [{result.name: result for result in run} for run in runs]
    for budget in BUDGETS:
        found = [value for run in by_name if (value := budget.figure(run)) is not None]
        if found:
            median = statistics.median(found)
            missed = " (missed)" if median > budget.most else ""
            lines.append(f"| {budget.words} | {budget.most:g} {budget.unit} | {median:.3g} {budget.unit}{missed} |")
    return "\n".join(lines)


def machine() -> str:
    """What the figures were measured on."""
    model = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        "",
    )
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return f"{os.cpu_count()} × {model}, {memory:.0f} GiB, Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "workloads",
        nargs="*",
        default=STANDARD,
        help=f"default: {' '.join(STANDARD)}; also wide-N, networks-N, nested-N; `template` alone needs no server",
    )
    parser.add_argument("--runs", type=int, default=1, help="repeat everything so often; medians are shown")
    parser.add_argument("--database", help="SQLAlchemy URL for the Kamado that is started; default: SQLite")
    parser.add_argument(
        "--engines",
        type=int,
        help="with --database: one `kamado api` and so many `kamado engine` instead of `kamado up`",
    )
    parser.add_argument("--bus", help="with --engines: transport_url of a RabbitMQ")
    parser.add_argument("--auth-url", help="measure a server that runs: its Keystone (user, project and password demo)")
    parser.add_argument("--endpoint", help="with --auth-url: the orchestration URL; %%(project_id)s is filled in")
    parser.add_argument("--pid", type=int, help="with --auth-url: process whose CPU and memory are read")
    parser.add_argument("--poll", type=float, default=0.02, help="seconds between two looks at a stack")
    parser.add_argument("--out", type=Path, help="write all results here as JSON")
    return parser.parse_args()


def _run(args: argparse.Namespace) -> list[Result]:
    found: list[Result] = []

    def note(result: Result) -> None:
        found.append(result)
        print(json.dumps(result.as_json()), flush=True)

    if "template" in args.workloads:
        template.measure(note)
        if args.workloads == ["template"]:
            return found
    if args.auth_url:
        keystone = _keystone(args.auth_url)
        _measure(args, _heat(keystone, args), Server(*([args.pid] if args.pid else [])), note)
        return found
    with _several(args) if args.engines else _own(args, note) as (heat, server):
        _measure(args, heat, server, note)
    return found


def _measure(args: argparse.Namespace, heat: Heat, server: Server, note: Callable[[Result], None]) -> None:
    tag = uuid.uuid4().hex[:6]
    for workload in args.workloads:
        shape, _, size = workload.rpartition("-")
        if workload == "reads":
            _reads(heat, server, tag, note)
        elif workload in ("start", "idle", "template"):
            continue
        else:
            count = int(size)
            steps = (
                workloads.many(heat, f"s{tag}", count)
                if shape == "stacks"
                else workloads.life(heat, f"{workload}-{tag}", shape, count, plans=not args.auth_url)
            )
            for step, work in steps:
                note(timed(f"{workload}:{step}", count, server, work))


def _reads(heat: Heat, server: Server, tag: str, note: Callable[[Result], None]) -> None:
    prefix = f"reads{tag}"
    steps = dict(workloads.many(heat, prefix, 200))
    steps["create"]()
    one = next(s for s in heat.call("GET", "/stacks")["stacks"] if s["stack_name"].startswith(prefix))
    where = f"/stacks/{one['stack_name']}/{one['id']}"
    for name, path in (("list-200", "/stacks?limit=200"), ("show", where), ("resources", f"{where}/resources")):
        note(rate(f"reads:{name}", heat, path, 8, 5.0, server))
    steps["delete"]()


@contextmanager
def _own(args: argparse.Namespace, note: Callable[[Result], None]) -> Iterator[tuple[Heat, Server]]:
    with tempfile.TemporaryDirectory(prefix="kamado-bench-") as folder:
        limits = Path(folder) / "limits.conf"
        limits.write_text(LIMITS)
        options = ["--database", args.database] if args.database else []
        process = KamadoProcess(Path(folder) / "state", *options, config_file=limits)
        at = time.monotonic()
        process.start()
        keystone = _keystone(process.auth_url)
        heat = _heat(keystone, args)
        heat.call("GET", "/stacks")
        if "start" in args.workloads:
            note(Result("start", 1, round(time.monotonic() - at, 3)))
        server = Server(process.pid)
        if "idle" in args.workloads:
            time.sleep(2)
            note(timed("idle", 1, server, lambda: time.sleep(3)))
        try:
            yield heat, server
        finally:
            process.terminate()


@contextmanager
def _several(args: argparse.Namespace) -> Iterator[tuple[Heat, Server]]:
    """An API and some engines as processes of their own; the local cloud is in this one."""
    with tempfile.TemporaryDirectory(prefix="kamado-bench-") as folder:
        limits = Path(folder) / "limits.conf"
        limits.write_text(LIMITS)
        with Cluster(Path(folder), args.database, args.bus, config_file=limits) as cluster:
            site = cluster.api()
            for _ in range(args.engines):
                cluster.engine()
            heat = Heat(site.url, site.keystone.get_token(), args.poll)
            heat.call("GET", "/stacks")
            yield heat, Server(*cluster.pids())


def _keystone(auth_url: str) -> session.Session:
    auth = v3.Password(
        auth_url,
        username="demo",
        password="demo",
        project_name="demo",
        user_domain_id="default",
        project_domain_id="default",
    )
    return session.Session(auth)


def _heat(keystone: session.Session, args: argparse.Namespace) -> Heat:
    endpoint = args.endpoint or keystone.get_endpoint(service_type="orchestration", interface="public")
    endpoint = endpoint.replace("%(project_id)s", keystone.get_project_id())
    return Heat(endpoint, keystone.get_token(), args.poll)


if __name__ == "__main__":
    main()
