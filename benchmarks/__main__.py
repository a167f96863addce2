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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from keystoneauth1 import session
from keystoneauth1.identity import v3
from tests.kamado_process import KamadoProcess

from benchmarks import template, workloads
from benchmarks.client import Heat
from benchmarks.measure import Result, Server, rate, timed

STANDARD = ["template", "start", "flat-1000", "group-1000", "chain-300", "stacks-200", "reads", "idle"]
LIMITS = """[DEFAULT]
max_resources_per_stack = -1
max_template_size = 33554432
max_json_body_size = 33554432
max_stacks_per_tenant = -1
"""

BUDGETS: dict[str, tuple[str, str, float, Callable[[Result], float | None]]] = {
    "flat-1000:create": ("create 1,000 independent local resources, POST to COMPLETE", "s", 1.0, lambda r: r.seconds),
    "flat-1000:update-noop": ("no-op update of the same", "s", 0.3, lambda r: r.seconds),
    "flat-1000:update": ("in-place update of all of them", "s", 1.0, lambda r: r.seconds),
    "flat-1000:delete": ("delete of the same", "s", 1.0, lambda r: r.seconds),
    "group-1000:create": ("1,000-member ResourceGroup", "s", 2.0, lambda r: r.seconds),
    "chain-300:create": ("300-long chain of get_attr", "s", 0.5, lambda r: r.seconds),
    "stacks-200:create": ("200 small stacks made by 8 clients", "s", 2.0, lambda r: r.seconds),
    "reads:list-200": ("GET /stacks page of 200, p95 with 8 clients", "ms", 40.0, lambda r: r.more.get("p95_ms")),
    "template-500:object": (
        "parse and validate a 500-resource template (object)",
        "ms",
        50.0,
        lambda r: r.seconds * 1000,
    ),
    "template-500:yaml": ("the same as YAML", "ms", 50.0, lambda r: r.seconds * 1000),
    "template-5000:object": (
        "parse and validate a 5,000-resource template (object)",
        "ms",
        600.0,
        lambda r: r.seconds * 1000,
    ),
    "template-5000:yaml": ("the same as YAML", "ms", 600.0, lambda r: r.seconds * 1000),
    "template-5:resolve": ("resolve the properties of one resource of 5", "µs", 50.0, lambda r: r.seconds * 1000),
    "template-5000:resolve": (
        "resolve the properties of one resource of 5,000",
        "µs",
        50.0,
        lambda r: r.seconds * 1000,
    ),
    "template:import": ("import of `kamado.template`", "ms", 150.0, lambda r: r.seconds * 1000),
    "start": ("start-up of `kamado up` to the first answered request", "s", 2.0, lambda r: r.seconds),
    "idle": ("idle resident memory, everything in one process", "MiB", 180.0, lambda r: r.rss_mib),
}
"""Measurement → its line in design §9: words, unit, budget, and where the figure stands."""


def main() -> None:
    args = _arguments()
    runs: list[list[Result]] = []
    for number in range(args.runs):
        print(f"run {number + 1} of {args.runs}", flush=True)
        runs.append(_run(args))
    document = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "database": args.database or "sqlite",
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
    for name, (words, unit, budget, figure) in BUDGETS.items():
        found = [
            value for run in runs for result in run if result.name == name and (value := figure(result)) is not None
        ]
        if found:
            lines.append(f"| {words} | {budget:g} {unit} | {statistics.median(found):.3g} {unit} |")
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
        help=f"default: {' '.join(STANDARD)}; also wide-N, networks-N; `template` alone needs no server",
    )
    parser.add_argument("--runs", type=int, default=1, help="repeat everything so often; medians are shown")
    parser.add_argument("--database", help="SQLAlchemy URL for the Kamado that is started; default: SQLite")
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
        _measure(args, _heat(keystone, args), Server(args.pid), note)
        return found
    with _own(args, note) as (heat, server):
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
                else workloads.life(heat, f"{workload}-{tag}", shape, count)
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
