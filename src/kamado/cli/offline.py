"""Templates and environments on disk, checked as the server would, without one: what `kamado validate` does before it prints.

Called by `kamado.cli.validate`. Files are found as Heat's client finds them: those of `get_file` and nested templates beside the
template that names them, those of a `resource_registry` beside the environment that names them. The trap: nothing is fetched, so
a name that starts with http counts as there and empty.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from kamado.orchestrator.constraints import rule_problems
from kamado.orchestrator.nested import Level, Tree
from kamado.plugin.registry import Registry
from kamado.template import (
    UNKNOWN,
    Environment,
    Limits,
    Parameters,
    Problem,
    PseudoParameters,
    Template,
    TemplateInvalid,
    TypeSchema,
    check,
    draft,
)
from kamado.template.nested import schema_of
from kamado.template.parameters import bind
from kamado.template.source import read

ENDINGS = (".yaml", ".yml", ".template", ".json")
"""How the name of a type ends that is a template's file."""

MAX_DEPTH = 5
"""How deep templates may nest: the default of Heat's `max_nested_stack_depth`."""

_REMOTE = ("http", "https", "swift")
_MEMBER = re.compile(r"(?<=resources)\[\d+\]")
"""Where a path names a member of a group."""


@dataclass
class Report:
    """What a look at a template and its environments found. ``texts``: file name → text, for excerpts."""

    file: str
    problems: list[Problem] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    resources: int = 0
    nested: int = 0

    @property
    def errors(self) -> int:
        """How many findings would keep the stack from being made."""
        return sum(problem.severity == "error" for problem in self.problems)

    @property
    def warnings(self) -> int:
        """How many findings are only advice."""
        return len(self.problems) - self.errors


def validate(
    template: Path,
    environments: Sequence[Path] = (),
    parameters: Mapping[str, str] | None = None,
    environment_dir: Path | None = None,
) -> Report:
    """Check a template with environments and parameter values, and under the operator's environment if its folder is given.

    Raises OSError when one of the named files cannot be read, GlobalEnvironmentInvalid for what is in the folder.
    """
    work = _Work(str(template), Registry.load(environment_dir))
    text = work.text(template)
    try:
        loaded = draft(text, file=str(template), files=Folder(template.parent))
    except TemplateInvalid as refused:
        work.environment(environments, parameters or {}, {})
        work.report.problems.extend(refused.problems)
        return work.report
    types = {name: schema.type for name, schema in loaded.parameters.items()}
    merged = work.environment(environments, parameters or {}, types)
    work.report.resources = len(loaded.resources)
    told = bool(environments or parameters) and not merged.unread
    bound = work.bound(loaded, merged, told)
    work.check(loaded, bound, merged, template, ())
    return work.report


class Folder(Mapping[str, str]):
    """The files of a template by the names that it uses for them: relative to its folder, absolute, or file: URLs."""

    def __init__(self, base: Path) -> None:
        self.base = base

    def path(self, name: str) -> Path | None:
        """Where a name points to on this machine, None when it points elsewhere."""
        parts = urlsplit(name)
        if parts.scheme in _REMOTE:
            return None
        return Path(unquote(parts.path)) if parts.scheme == "file" else self.base / name

    def __getitem__(self, name: str) -> str:
        path = self.path(name)
        if path is None:
            return ""
        try:
            return _content(path)
        except (OSError, ValueError):
            raise KeyError(name) from None

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __bool__(self) -> bool:
        """True: what it holds is not listed beforehand, which is not the same as holding nothing."""
        return True


@lru_cache(maxsize=1024)
def _content(path: Path) -> str:
    """A file as text; one that is no text as base64, as Heat's client sends it."""
    raw = path.read_bytes()
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return base64.encodebytes(raw).decode("ascii")


def _anything(name: str) -> TypeSchema:
    """A type of which nothing is known, so that nothing is said against its use."""
    return TypeSchema(name, any_properties=True, any_attributes=True)


class _Catalog:
    """The installed types and, beside them, templates on disk."""

    def __init__(self, work: _Work, environment: Environment, folder: Folder, above: tuple[Path, ...]) -> None:
        self.work = work
        self.environment = environment
        self.types = work.registry.for_environment(environment)
        self.folder = folder
        self.above = above

    def schema(self, type_name: str, resource_name: str) -> TypeSchema | None:
        """The schema of a type or of a nested template; everything that is wrong in the latter is reported on the way."""
        target = self.types.resolve(type_name, resource_name)
        if not target.endswith(ENDINGS):
            return self.types.schema(type_name, resource_name)
        path = self.folder.path(target)
        if path is None:
            return _anything(target)
        return self.work.nested(path, self.environment, self.above) if path.is_file() else None

    def suggestions(self, type_name: str) -> Sequence[str]:
        """Types that may have been meant."""
        return () if type_name.endswith(ENDINGS) else self.types.suggestions(type_name)


class _Work:
    def __init__(self, file: str, registry: Registry) -> None:
        self.report = Report(file)
        self.registry = registry
        self.known: dict[Path, TypeSchema] = {}
        self.environments: dict[str, str] = {}
        self.said: Mapping[str, str] = {}

    def text(self, path: Path) -> str:
        """A file's text, remembered for excerpts."""
        text = path.read_text(encoding="utf-8", errors="replace")
        self.report.texts[str(path)] = text
        return text

    # environments

    def environment(
        self, paths: Sequence[Path], parameters: Mapping[str, str], types: Mapping[str, str]
    ) -> Environment:
        """All environments as one, parameters on top; what is wrong with them goes into the report. ``types``: the parameters' types."""
        found: list[Environment] = []
        self.said = parameters
        for path in paths:
            text = self.environments[str(path)] = self.text(path)
            found.append(_beside(Environment.draft(text, file=str(path)), path.parent))
            self.report.problems.extend(found[-1].problems)
        try:
            merged = Environment.merge_all(found, types, [str(path) for path in paths])
        except TemplateInvalid as refused:
            self.report.problems.extend(refused.problems)
            merged = Environment.unreadable(refused.problems)
        return merged.with_parameters(parameters)

    def bound(self, template: Template, environment: Environment, told: bool) -> Parameters:
        """The values that are known; the others stay open. ``told``: values were given, so a missing one is worth a word."""
        given = {name: value for name, value in environment.parameters.items() if value is not None}
        missing = template.missing(environment)
        pseudo = dict.fromkeys(PseudoParameters().values(template.flavour), UNKNOWN)
        unread = template.parts.unread.get("parameters", ())
        defaults = environment.parameter_defaults
        bound, problems = bind(template.parameters, {**given, **missing}, defaults, pseudo, unread=unread)
        self.report.problems.extend(self._placed(template, problem) for problem in problems)
        section = "parameters" if template.flavour == "hot" else "Parameters"
        if told:
            for name in missing:
                text = f"The Parameter ({name}) was not provided."
                hint = f"give it a value: in an environment, or by --parameter {name}=…"
                path = (section, name)
                self.report.problems.append(template.source.problem("KT202", text, path, severity="warning", hint=hint))
        return bound

    def _placed(self, template: Template, problem: Problem) -> Problem:
        """A finding about a parameter's value, where that value was written; else where the parameter was declared."""
        name = problem.path[-1] if problem.path else ""
        if name in self.said:
            return replace(problem, file="--parameter")
        for file, text in reversed(self.environments.items()):
            for section in ("parameters", "parameter_defaults"):
                source = read(text, file, Limits(), "environment")
                if isinstance(source.value, Mapping) and name in (_map(source.value.get(section))):
                    place = source.place((section, name))
                    return replace(problem, file=file, line=place.line, column=place.column, path=(section, name))
        place = template.source.place(problem.path)
        return replace(problem, file=template.file, line=place.line, column=place.column)

    # templates

    def check(
        self,
        template: Template,
        bound: Parameters | None,
        environment: Environment,
        path: Path,
        above: tuple[Path, ...],
    ) -> None:
        """Report everything about one template and the ones that it uses."""
        folder = Folder(path.parent)
        catalog = _Catalog(self, environment, folder, (*above, path.resolve()))
        found = [*template.problems, *check(template, bound, catalog, environment)]
        values = bound if bound is not None else template.open_parameters()
        definitions = template.decided(values)[0]
        found += rule_problems(catalog.types, template, definitions, values)
        found += self._in_groups(Level(template, values, definitions, environment, catalog.types), folder)
        found.sort(key=lambda problem: problem.severity != "error")
        self.report.problems.extend(_with_file_hint(problem, folder) for problem in found)

    def _in_groups(self, level: Level, folder: Folder) -> Iterator[Problem]:
        """What is wrong in the members of groups, once for all that are alike. (Types that are templates are looked at by themselves.)"""
        types = self.registry.for_environment(level.environment, folder)
        tree = Tree(self.registry, folder, MAX_DEPTH)
        section = "resources" if level.template.flavour == "hot" else "Resources"
        for name, one in level.definitions.items():
            if level.types.resolve(one.type, name).endswith(ENDINGS):
                continue
            place = level.template.source.place((section, name))
            told: set[str] = set()
            for problem in tree.look(replace(level, definitions={name: one}, types=types)).problems:
                words = _MEMBER.sub("", problem.message)
                if words in told or urlsplit(problem.file).scheme in _REMOTE:
                    continue
                told.add(words)
                if problem.file == one.type:  # of the template that the group makes of itself
                    problem = replace(problem, file=place.file, line=place.line, column=place.column)
                yield problem

    def nested(self, path: Path, environment: Environment, above: tuple[Path, ...]) -> TypeSchema:
        """The type that a template on disk is. One that cannot be read takes everything, so that it is reported once only."""
        key = path.resolve()
        shown = os.path.relpath(path)
        anything = _anything(shown)
        if key in above or len(above) > MAX_DEPTH:
            circle = " -> ".join(os.path.relpath(one) for one in (*above, key))
            self.report.problems.append(
                Problem(
                    "KT411",
                    f"Recursion depth exceeds {MAX_DEPTH}.",
                    "RequestLimitExceeded",
                    ("resources",),
                    os.path.relpath(above[-1]),
                    hint=circle,
                )
            )
            return anything
        if key in self.known:
            return self.known[key]
        self.known[key] = anything
        self.report.nested += 1
        text = self.text(Path(shown))
        try:
            template = draft(text, file=shown, files=Folder(path.parent))
        except TemplateInvalid as refused:
            self.report.problems.extend(refused.problems)
            return anything
        schema = anything if "parameters" in template.parts.unread else schema_of(shown, template)
        self.known[key] = schema
        inner = replace(environment, parameters={})
        self.check(template, None, inner, Path(shown), above)
        return schema


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _beside(environment: Environment, folder: Path) -> Environment:
    """The environment with the files of its registry by their full names."""
    base = environment.registry.get("base_url")
    if isinstance(base, str):
        folder = Folder(folder).path(base) or folder

    def absolute(section: Mapping[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for name, target in section.items():
            if isinstance(target, Mapping):
                made[name] = absolute(target)
            elif isinstance(target, str) and target.endswith(ENDINGS) and not urlsplit(target).scheme:
                made[name] = str((folder / target).resolve())
            else:
                made[name] = target
        return made

    return replace(environment, registry=absolute(environment.registry))


def _with_file_hint(problem: Problem, folder: Folder) -> Problem:
    """A file that is not there, or a template, gets the place where it was looked for."""
    if problem.hint or problem.severity != "error":
        return problem
    if 'in the "files" section' in problem.message:
        name = problem.message.rpartition("path: ")[2]
        return replace(problem, hint=f"there is no file {folder.path(name)}")
    if problem.code == "KT403":
        name = problem.message.partition("(")[2].rpartition(")")[0]
        if name.endswith(ENDINGS):
            return replace(problem, hint=f"there is no file {folder.path(name)}")
    return problem
