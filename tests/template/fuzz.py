"""Mutation fuzz of the template languages: changed texts and trees must give a template or problems with a place, in bounded time.

Run by `make fuzz ARGS="--seconds 1800"`, not by pytest. It starts from the case tables and examples, and keeps changed inputs
that lead to a finding or a shape not seen before. The trap: an input is written to a file before it is tried, so that a crash of
the whole process leaves it behind; a run with the same seed tries the same inputs.
"""

from __future__ import annotations

import argparse
import copy
import faulthandler
import json
import random
import re
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from kamado.plugin.registry import Registry
from kamado.template import Environment, TemplateInvalid, check, load

HERE = Path(__file__).parent
CPU_SECONDS = 8.0
"""What one input may cost. A query may run for a second by itself; the rest is slack for a loaded machine."""
_PLACELESS = frozenset({"KT001", "KT002", "KT004", "KT006", "KT007"})
"""Texts that cannot be read, are too long or too deep, or are one word or nothing, have no place in them."""
WORDS: list[str] = (  # noqa: SIM905
    "get_param get_attr get_resource get_file str_replace str_replace_strict list_join list_concat repeat digest map_merge "
    "map_replace resource_facade yaql contains filter make_url if equals not and or str_split Ref Fn::GetAtt Fn::Join Fn::Select "
    "Fn::If Fn::FindInMap resources outputs parameters conditions condition type properties depends_on value default constraints "
    "heat_template_version AWSTemplateFormatVersion OS::Heat::Value OS::Nova::Server OS::stack_id template params for_each null true "
    "2021-04-16 2013-05-23 ~ <<: *a &a !!binary !foo {{ [] {} ' \" | > ? : - \t # 0x1F .inf 1e999 -0 \u00fc \U0001f600 \x00 \ufeff \ud7ff"
).split(" ")  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 10**30, 1.5, float("inf"), "", "x", "\x00", "\u00fc", [], {}, [[]], {"": None}, [None], {1: 2}, {None: 1},
    {"get_param": "a"}, {"get_attr": ["a", "b"]}, {"get_resource": "a"}, {"if": ["c", 1, 2]}, {"get_file": "f"},
    {"repeat": {"template": "%a%", "for_each": {"%a%": [1, 2]}}}, {"str_replace": {"template": "t", "params": {"t": "u"}}},
    {"yaql": {"expression": "$.data.a", "data": {"a": 1}}}, {"Ref": "a"}, {"Fn::GetAtt": ["a", "b"]}, {"Fn::Join": ["", ["a"]]},
)  # fmt: skip


class Hang(BaseException):
    """An input that took too long."""


def seeds() -> list[Any]:
    """Texts and trees to start from: the tables, and templates of every section."""
    found: list[Any] = []
    for name in ("structure.yaml", "parameters.yaml"):
        rows = yaml.safe_load((HERE / "cases" / name).read_text())
        found += [row["template"] for row in rows if isinstance(row.get("template"), dict)]
    parameters = {"a": {"type": "json", "default": {"k": [1]}}, "b": {"type": "comma_delimited_list", "default": "a,b"}}
    for row in yaml.safe_load((HERE / "cases" / "functions.yaml").read_text()):
        found.append(
            {
                "heat_template_version": row["version"],
                "parameters": parameters,
                "resources": {
                    "a": {"type": "OS::Heat::Value", "properties": {"value": row["value"]}, "depends_on": "r"},
                    "r": {"type": "OS::Heat::RandomString"},
                },
                "outputs": {"o": {"value": row["value"]}},
            }
        )
    roots = [HERE.parents[1] / "examples", HERE.parents[1] / "docs", HERE.parents[1] / "tests"]
    for root in roots:
        for path in sorted(root.rglob("*.yaml")) if root.exists() else ():
            text = path.read_text(errors="replace")
            if len(text) < 20_000 and "emplate_version" in text.lower():
                found.append(text)
    return found


def as_text(value: Any, rng: random.Random) -> str:
    """A seed as text: YAML in either style, or JSON."""
    if isinstance(value, str):
        return value
    if rng.random() < 0.3:
        try:
            return json.dumps(value)
        except (TypeError, ValueError):
            pass
    return str(
        yaml.safe_dump(value, sort_keys=False, allow_unicode=True, default_flow_style=rng.choice((None, False, True)))
    )


def change_text(text: str, other: str, rng: random.Random) -> str:
    """One to eight small changes of a text."""
    for _ in range(rng.randint(1, 8)):
        lines = text.split("\n")
        at = rng.randrange(len(text) + 1)
        end = min(len(text), at + rng.choice((1, 1, 2, 5, 20, 200)))
        row = rng.randrange(len(lines))
        kind = rng.randrange(10)
        if kind == 0:
            text = text[:at] + text[end:]
        elif kind == 1:
            text = text[:at] + text[at:end] * rng.choice((2, 3, 50)) + text[end:]
        elif kind in (2, 3):
            text = text[:at] + rng.choice(WORDS) + text[at if kind == 2 else end :]
        elif kind == 4:
            text = (
                text[:at] + chr(rng.choice((rng.randrange(32), rng.randrange(127), rng.randrange(0xD7FF)))) + text[end:]
            )
        elif kind == 5:
            lines[row] = " " * rng.randrange(9) + lines[row].lstrip()
            text = "\n".join(lines)
        elif kind == 6:
            lines.insert(rng.randrange(len(lines) + 1), lines[row])
            text = "\n".join(lines)
        elif kind == 7:
            theirs = other.split("\n")
            start = rng.randrange(len(theirs))
            lines[row:row] = theirs[start : start + rng.randint(1, 10)]
            text = "\n".join(lines)
        elif kind == 8:
            words = [m.span() for m in re.finditer(r"[\w:]+", text)] or [(0, 0)]
            (a, b), word = rng.choice(words), rng.choice(WORDS)
            text = text[:a] + word + text[b:]
        else:
            del lines[row : row + rng.randint(1, 3)]
            text = "\n".join(lines)
    return text[:60_000]


def places(tree: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) of a tree."""
    found: list[tuple[Any, Any]] = []
    stack = [tree]
    while stack and len(found) < 5000:
        item = stack.pop()
        keys = list(item) if isinstance(item, dict) else range(len(item))
        for key in keys:
            found.append((item, key))
            if isinstance(item[key], dict | list):
                stack.append(item[key])
    return found


def change_tree(tree: Any, other: Any, rng: random.Random) -> Any:
    """One to five changes of a tree's nodes and keys."""
    tree = copy.deepcopy(tree)
    for _ in range(rng.randint(1, 5)):
        spots = places(tree)
        if not spots:
            return tree
        container, key = rng.choice(spots)
        kind = rng.randrange(8)
        if kind in (0, 1):
            container[key] = copy.deepcopy(rng.choice(VALUES))
        elif kind == 2:
            theirs, name = rng.choice(places(other) or spots)
            container[key] = copy.deepcopy(theirs[name])
        elif kind == 3:
            del container[key]
        elif kind == 4:
            container[key] = {rng.choice(WORDS): container[key]}
        elif kind == 5:
            container[key] = [container[key], copy.deepcopy(rng.choice(VALUES))]
        elif kind == 6 and isinstance(container, dict):
            container[rng.choice(WORDS)] = container[key]
        elif isinstance(container, dict):
            container[rng.choice(("a", "r", "1", "", "condition", "type"))] = copy.deepcopy(rng.choice(VALUES))
    return tree


class Fuzz:
    """One run: the inputs so far, what they led to, and where a bad one is written."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.rng = random.Random(seed)
        self.folder = folder
        self.registry = Registry.load()
        self.inputs = seeds()
        self.seen: set[Any] = set()
        self.tried = self.bad = 0
        self.slowest = 0.0

    def one(self) -> None:
        """Make one input and try it."""
        chosen, other = self.rng.choice(self.inputs), self.rng.choice(self.inputs)
        if isinstance(chosen, dict) and self.rng.random() < 0.5:
            made: Any = change_tree(chosen, other if isinstance(other, dict) else chosen, self.rng)
            written = repr(made)
            if self.rng.random() < 0.5:
                made = written = as_text(made, self.rng)
        else:
            made = written = change_text(as_text(chosen, self.rng), as_text(other, self.rng), self.rng)
        current = self.folder / "current"
        current.write_text(written, errors="surrogatepass")
        started = time.process_time()
        faulthandler.dump_traceback_later(CPU_SECONDS * 10, exit=True)
        signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
        try:
            sign = self.judge(made)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise
            signal.setitimer(signal.ITIMER_PROF, 0)
            self._report(written, error)
            sign = None
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            faulthandler.cancel_dump_traceback_later()
        self.tried += 1
        self.slowest = max(self.slowest, time.process_time() - started)
        if sign is not None and sign not in self.seen and len(written) < 20_000:
            self.seen.add(sign)
            self.inputs.append(made)

    def judge(self, made: Any) -> Any:
        """Read, check, bind, render; what came of it, for telling new from known. Raises AssertionError where a promise is broken."""
        from_text = isinstance(made, str)
        try:
            environment = Environment.load(made)
            shape = len(environment.registry)
        except TemplateInvalid as refused:
            self._told(refused, False)
            shape = -1
        if not from_text and not isinstance(made, dict):
            return None
        try:
            template = load(made, files={"f": "content"})
        except TemplateInvalid as refused:
            return self._told(refused, from_text)
        found = check(template, None, self.registry)
        for problem in found:
            assert problem.code, problem
            assert problem.message, problem
            assert not from_text or problem.line is not None, f"no place: {problem!r}"
        text = template.render()
        if re.search(r"\.(nan|NaN)", text) is None:
            again = load(text, files={"f": "content"})
            assert again.raw == template.raw or not from_text, "parse, dump, parse is not the same"
            assert list(again.resources) == [str(n) for n in template.resources] or not from_text
        try:
            template.definitions(template.bind())
        except TemplateInvalid as refused:
            self._told(refused, False)
        calls = tuple(sorted({type(p).__name__ for p in template.outputs.values()}))
        return (
            shape,
            calls,
            len(template.resources),
            tuple(sorted({(p.code, re.sub(r"\W.*", "", p.message)) for p in found})),
        )

    def _told(self, refused: TemplateInvalid, from_text: bool) -> Any:
        for problem in refused.problems:
            assert problem.code, problem
            assert problem.message, problem
            if from_text and problem.code not in _PLACELESS:
                assert problem.line is not None, f"no place: {problem!r}"
        return tuple(sorted({(p.code, p.message[:24]) for p in refused.problems}))

    def _report(self, written: str, error: BaseException) -> None:
        self.bad += 1
        path = self.folder / f"bad-{self.bad}"
        path.write_text(written, errors="surrogatepass")
        print(f"\n{path}: {type(error).__name__}: {error}", flush=True)
        traceback.print_exception(error, limit=-6, file=sys.stdout)


def main() -> int:
    """Fuzz for so many seconds; 1 when a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long (60)")
    parser.add_argument("--seed", type=int, default=1, help="another seed tries other inputs (1)")
    parser.add_argument("--folder", type=Path, default=Path(".fuzz"), help="where bad inputs are written (.fuzz)")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)

    def late(*_: Any) -> None:
        raise Hang(f"took more than {CPU_SECONDS:g} s of CPU")

    signal.signal(signal.SIGPROF, late)
    faulthandler.enable()
    fuzz = Fuzz(options.seed, options.folder)
    end = time.monotonic() + options.seconds
    told = time.monotonic()
    say: Callable[[], None] = lambda: print(  # noqa: E731
        f"{fuzz.tried} inputs, {len(fuzz.inputs)} kept, {fuzz.bad} bad, slowest {fuzz.slowest:.2f} s", flush=True
    )
    while time.monotonic() < end and fuzz.bad < 50:
        fuzz.one()
        if time.monotonic() - told > 60:
            told = time.monotonic()
            say()
    say()
    return 1 if fuzz.bad else 0


if __name__ == "__main__":
    sys.exit(main())
