"""`python -m benchmarks`: start a Kamado (or take a server that runs), measure, print, and write JSON and the table of the docs."""

from __future__ import annotations

import argparse
import compileall
import json
import os
import platform
import re
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from keystoneauth1 import session
from keystoneauth1.identity import v3
from tests.brokers import BROKER
from tests.cluster.cluster import Cluster
from tests.databases import Servers
from tests.kamado_process import KamadoProcess

import kamado
from benchmarks import budgets, template, workloads
from benchmarks.client import Heat
from benchmarks.measure import Result, Server, rate, timed

STANDARD = [
    "template",
    "start",
    "idle",
    "flat-1000",
    "flat-100",
    "chain-300",
    "stacks-200",
    "group-1000",
    "scaling-1000",
    "nested-1000",
    "servers-200",
    "reads",
    "flat-10000",
]
_ONE_PROCESS = ("template", "start", "idle", "reads")
LIMITS = """[DEFAULT]
max_resources_per_stack = -1
max_template_size = 33554432
max_json_body_size = 33554432
max_stacks_per_tenant = -1
[kamado]
api_metrics = true
"""


def main() -> None:
    args = _arguments()
    # As every installation has it; where Python may not write bytecode, compiling would be most of what a start is seen to take.
    compileall.compile_dir(Path(kamado.__file__).parent, quiet=1)
    runs: dict[str, list[list[Result]]] = {"alone": [], "several": []}
    for number in range(args.runs):
        print(f"run {number + 1} of {args.runs}", flush=True)
        if not args.both:
            runs["several" if args.engines else "alone"].append(_run(args))
            continue
        runs["alone"].append(_run(args))
        runs["several"].append(_with_postgresql(args))
    document = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "command": "python -m benchmarks " + " ".join(sys.argv[1:]),
        **{name: [[result.as_json() for result in run] for run in found] for name, found in runs.items()},
    }
    if args.out:
        args.out.write_text(json.dumps(document, indent=1) + "\n")
    alone, several = ([{one.name: one for one in run} for run in found] for found in runs.values())
    said = f"Measured {document['at'][:10]} on {document['machine']}, by `make bench`."
    for page, lines in budgets.PAGES.items():
        text = f"{budgets.table(alone, several, lines)}\n\n{said}"
        print(f"\n{page.name}:\n\n{text}")
        if args.write:
            budgets.write(page, text)
    if any(result.error for found in runs.values() for run in found for result in run):
        raise SystemExit(1)


def _with_postgresql(args: argparse.Namespace) -> list[Result]:
    """The same workloads on a database of its own, with two engines and RabbitMQ; what is about one process is left out."""
    with tempfile.TemporaryDirectory(prefix="kamado-bench-") as folder:
        servers = Servers(Path(folder))
        try:
            names = [name for name in args.workloads if name not in _ONE_PROCESS]
            more = {"database": servers.make("postgresql"), "engines": 2, "bus": BROKER, "workloads": names}
            return _run(argparse.Namespace(**{**vars(args), **more}))
        finally:
            servers.drop()


def machine() -> str:
    """What the figures were measured on."""
    model = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        "",
    )
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    load = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} × {model}, {memory:.0f} GiB, Python {platform.python_version()} "
        f"(a million additions in {_yardstick():.0f} ms), load {load:.1f}"
    )


def _yardstick() -> float:
    """Milliseconds of CPU for a loop of a million additions: how fast this machine's Python is, so that tables can be compared."""

    def once() -> float:
        started, total = time.process_time(), 0
        for number in range(1_000_000):
            total += number
        return time.process_time() - started

    return 1000 * min(once() for _ in range(5))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "workloads",
        nargs="*",
        default=STANDARD,
        help=f"default: {' '.join(STANDARD)}; also wide-N, networks-N; `template` alone needs no server",
    )
    parser.add_argument(
        "--both",
        action="store_true",
        help="also on PostgreSQL with two engines and RabbitMQ, those of the tests (make bench)",
    )
    parser.add_argument("--write", action="store_true", help="write the tables into README.md and docs/performance.md")
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
        elif shape == "servers":
            _servers(heat, server, tag, int(size), note)
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
    prefix, big = f"reads{tag}", f"big{tag}"
    steps = dict(workloads.many(heat, prefix, 200))
    steps["create"]()
    one = next(s for s in heat.call("GET", "/stacks")["stacks"] if s["stack_name"].startswith(prefix))
    where = f"/stacks/{one['stack_name']}/{one['id']}"
    stack_id = heat.create(big, workloads.flat(500))
    heat.wait(big, stack_id, "CREATE")
    resources = f"/stacks/{big}/{stack_id}/resources"
    for name, path in (("list-200", "/stacks?limit=200"), ("show", where), ("resources-500", resources)):
        note(rate(f"reads:{name}", heat, path, 8, 5.0, server))
    with workloads.always_making(heat, f"busy{tag}", 1000):
        note(rate("reads:beside-1000", heat, where, 8, 5.0, server))
    heat.delete(big, stack_id)
    heat.wait(big, stack_id, "DELETE")
    steps["delete"]()


def _servers(heat: Heat, server: Server, tag: str, count: int, note: Callable[[Result], None]) -> None:
    """How many calls it takes to create servers that take a while; the time is the cloud's."""
    server.build(10.0)
    steps = dict(workloads.life(heat, f"servers-{tag}", "servers", count, plans=False))
    before = server.calls()
    made = timed(f"servers-{count}:create", count, server, steps["create"])
    note(replace(made, more={"each": round((server.calls() - before) / count, 2)}))
    server.build(0.0)
    note(timed(f"servers-{count}:delete", count, server, steps["delete"]))


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
        server = Server(process.pid, calls=lambda: _compute_calls(heat), build=partial(_build, process.auth_url))
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

            def calls() -> int:
                return sum(one.service == "compute" for one in cluster.cloud.log)

            def build(seconds: float) -> None:
                cluster.cloud.faults.build("compute.servers", seconds=seconds)

            yield heat, Server(*cluster.pids(), calls=calls, build=build)


def _compute_calls(heat: Heat) -> int:
    """Calls to Nova so far, as the process itself counts them."""
    found = re.findall(rb'^kamado_cloud_calls_total\{service="compute".*\} (\S+)$', heat.metrics(), re.MULTILINE)
    return int(sum(map(float, found)))


def _build(auth_url: str, seconds: float) -> None:
    """How long servers of the local cloud take from now on."""
    admin = _keystone(auth_url, "admin")
    body = {"build": {"table": "compute.servers", "seconds": seconds}}
    admin.post(auth_url.removesuffix("/v3") + "/_local/builds", json=body)


def _keystone(auth_url: str, name: str = "demo") -> session.Session:
    auth = v3.Password(
        auth_url,
        username=name,
        password=name,
        project_name=name,
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
