"""The template library by itself: how long reading, checking and resolving take, in this process and without a server.

Called by `python -m benchmarks template`. Times are CPU time: nothing here waits, and other work on the machine does not count. The
trap: a template that was loaded remembers things, so each round loads anew.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import yaml

from benchmarks.measure import Result

ROUNDS = 5
"""Rounds of each measurement; the median counts."""


def measure(note: Callable[[Result], None]) -> None:
    """All measurements of the library."""
    from kamado.processes import starting

    note(Result("template:import", 1, round(_import_seconds(), 4)))
    with starting():  # as every process of Kamado
        from kamado.plugin.registry import Registry
        from kamado.template import check, load, resolve
        from kamado.template.conditions import ParameterScope

        registry = Registry.load()
    for size in (500, 5000):
        body = template(size)
        text = yaml.dump(body, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper), sort_keys=False)

        def work(source: Any) -> None:
            found = [
                problem
                for problem in check(load(source, limits=_limits()), None, registry)
                if problem.severity == "error"
            ]
            assert not found, found[0]

        note(Result(f"template-{size}:object", size, _median(lambda body=body, work=work: work(body))))
        note(Result(f"template-{size}:yaml", size, _median(lambda text=text, work=work: work(text))))
    for size in (5, 5000):
        loaded = load(template(size), limits=_limits())
        parameters = loaded.open_parameters()
        definition = loaded.definitions(parameters)[f"r{size - 1}"]
        scope = ParameterScope(parameters)

        def many(definition: Any = definition, scope: Any = scope) -> None:
            for _ in range(1000):
                resolve(definition.properties, scope)

        note(Result(f"template-{size}:resolve", 1000, _median(many)))


def template(size: int) -> dict[str, Any]:
    """A template of ``size`` resources that read parameters and each other."""
    resources: dict[str, Any] = {}
    for number in range(size):
        salt: Any = {"str_replace": {"template": "p-n", "params": {"p": {"get_param": "prefix"}, "n": f"{number}"}}}
        if number:
            salt = {"list_join": ["-", [salt, {"get_attr": [f"r{number - 1}", "value"]}]]}
        resources[f"r{number}"] = {
            "type": "OS::Heat::RandomString",
            "properties": {
                "length": {"get_param": "length"},
                "salt": salt,
                "character_classes": [{"class": "lettersdigits", "min": 1}],
            },
        }
    return {
        "heat_template_version": "2021-04-16",
        "parameters": {
            "prefix": {"type": "string", "default": "a"},
            "length": {"type": "number", "default": 16},
        },
        "resources": resources,
        "outputs": {"last": {"value": {"get_attr": [f"r{size - 1}", "value"]}}},
    }


def _limits() -> Any:
    from kamado.template import Limits

    return Limits(max_bytes=2**25)


def _median(work: Callable[[], None]) -> float:
    times = []
    for _ in range(ROUNDS):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return round(statistics.median(times), 5)


def _import_seconds() -> float:
    code = "import time; t = time.process_time(); import kamado.template; print(time.process_time() - t)"
    times = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
        for _ in range(ROUNDS)
    ]
    return statistics.median(times)
