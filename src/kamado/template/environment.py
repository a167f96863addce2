"""Environments: parameter values, defaults, and which type means what.

Read by the API from what clients send and by `kamado validate -e`. Several are merged in order. The trap: `parameters` must name parameters
of the template, `parameter_defaults` need not, and the registry always shows a `resources` key.
"""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from kamado.template.limits import Limits
from kamado.template.problems import Problem, TemplateInvalid, did_you_mean
from kamado.template.source import Source, read

SECTIONS = (
    "parameters",
    "resource_registry",
    "parameter_defaults",
    "encrypted_param_names",
    "event_sinks",
    "parameter_merge_strategies",
)
_MAPS = frozenset({"parameters", "resource_registry", "parameter_defaults", "parameter_merge_strategies"})
HOOKS = ("pre-create", "pre-update", "pre-delete", "post-create", "post-update", "post-delete")
RESTRICTED_ACTIONS = ("update", "replace")
STRATEGIES = ("overwrite", "merge", "deep_merge")
SINK = "zaqar-queue"


@dataclass(frozen=True)
class Environment:
    """One environment, or several merged into one. Immutable; `as_dict` is its stored and shown form.

    What is wrong with it is in its ``problems``, and ``unread`` has the sections of which something could not be read, so that nobody takes
    what they would have said for missing; only a `draft` has any of both.
    """

    parameters: Mapping[str, Any] = field(default_factory=dict)
    parameter_defaults: Mapping[str, Any] = field(default_factory=dict)
    registry: Mapping[str, Any] = field(default_factory=dict)
    event_sinks: tuple[Any, ...] = ()
    encrypted_param_names: tuple[str, ...] = ()
    merge_strategies: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    unread: frozenset[str] = frozenset()

    @classmethod
    def load(cls, source: object, file: str = "environment", limits: Limits | None = None) -> Environment:
        """Read an environment from YAML or JSON text or an object (None is an empty one); raises TemplateInvalid with all problems."""
        found = cls.draft(source, file, limits)
        if found.problems:
            raise TemplateInvalid(found.problems)
        return found

    @classmethod
    def draft(cls, source: object, file: str = "environment", limits: Limits | None = None) -> Environment:
        """As `load`, but what is wrong is in its `problems`, and what is right can be used."""
        if source is None or (isinstance(source, str | bytes) and not source.strip()):
            return cls()
        if not isinstance(source, str | bytes | Mapping):
            words = "Environment not in valid format: The environment is not a JSON object or YAML mapping."
            return cls.unreadable([Problem("KT301", words, "HTTPBadRequest", (), file)])
        try:
            return cls._from(read(source, file, limits or Limits(), "environment"))
        except TemplateInvalid as refused:
            return cls.unreadable(refused.problems)

    @classmethod
    def unreadable(cls, problems: Sequence[Problem]) -> Environment:
        """The draft of one of which nothing could be read."""
        return cls(problems=tuple(problems), unread=frozenset(SECTIONS))

    @classmethod
    def _from(cls, source: Source) -> Environment:
        body = source.value
        if body is None:
            return cls()
        if not isinstance(body, Mapping):
            raise TemplateInvalid(_malformed(source, "The environment is not a valid YAML mapping data type.", ()))
        problems = [problem for key, value in body.items() for problem in _section_problems(source, key, value)]
        unread = {_meant(problem) for problem in problems}
        right = {key: value for key, value in body.items() if key not in unread}
        registry = right.get("resource_registry") or {}
        wrong = _registry_problems(source, registry)
        if wrong:
            unread.add("resource_registry")
            registry = {key: value for key, value in registry.items() if all(key != one.path[1] for one in wrong)}
        return cls(
            parameters=right.get("parameters") or {},
            parameter_defaults=right.get("parameter_defaults") or {},
            registry=registry,
            event_sinks=tuple(right.get("event_sinks") or ()),
            encrypted_param_names=tuple(right.get("encrypted_param_names") or ()),
            merge_strategies=right.get("parameter_merge_strategies") or {},
            problems=(*problems, *wrong),
            unread=frozenset(unread),
        )

    def merge(self, other: Environment) -> Environment:
        """This environment with another laid over it: the other's entries win, section by section."""
        return Environment(
            parameters={**self.parameters, **other.parameters},
            parameter_defaults={**self.parameter_defaults, **other.parameter_defaults},
            registry=_merged_registry(self.registry, other.registry),
            event_sinks=(*self.event_sinks, *other.event_sinks),
            encrypted_param_names=tuple(dict.fromkeys((*self.encrypted_param_names, *other.encrypted_param_names))),
            merge_strategies={**self.merge_strategies, **other.merge_strategies},
            problems=(*self.problems, *other.problems),
            unread=self.unread | other.unread,
        )

    @classmethod
    def merge_all(
        cls,
        environments: Sequence[Environment],
        types: Mapping[str, str] | None = None,
        names: Sequence[str] = (),
    ) -> Environment:
        """Several environment files in order, later ones over earlier ones, as Heat merges them: a null says nothing, and the
        registry's `resources` of a later file replace all that went before.

        `types` are the parameters' types, which the strategies `merge` and `deep_merge` need; `names` the files' names, for messages.
        Raises TemplateInvalid for strategies that contradict each other or a parameter's type.
        """
        from kamado.template.merging import Merging

        merging = Merging(types or {})
        merged = cls()
        for number, environment in enumerate(environments):
            file = names[number] if number < len(names) else f"environment {number + 1}"
            ways = merging.ways(environment, file)
            said = {key: value for key, value in environment.registry.items() if value is not None}
            merged = replace(
                merged.merge(environment),
                parameters=merging.merged(merged.parameters, environment.parameters, ways),
                parameter_defaults=merging.merged(merged.parameter_defaults, environment.parameter_defaults, ways),
                registry={**merged.registry, **said},
            )
        return merged

    def with_parameters(self, values: Mapping[str, Any]) -> Environment:
        """The same with parameter values laid over, as a request's own `parameters` are."""
        return replace(self, parameters={**self.parameters, **values}) if values else self

    @property
    def names_resources(self) -> bool:
        """Whether the registry says something about single resources."""
        return bool(self.registry.get("resources"))

    def target(self, type_name: str, resource: str = "") -> str:
        """What the registry makes of a type name, for a single resource perhaps; the name itself when it says nothing."""
        return registry_target((self.registry,), type_name, resource)

    def restricted_actions(self, resource_name: str) -> frozenset[str]:
        """What may not be done to a resource: ``update``, ``replace``; entries may be patterns of names."""
        found: set[str] = set()
        for pattern, section in (self.registry.get("resources") or {}).items():
            if isinstance(section, Mapping) and fnmatch.fnmatchcase(resource_name, str(pattern)):
                words = section.get("restricted_actions") or ()
                found.update([words] if isinstance(words, str) else words)
        return frozenset(found)

    def as_dict(self) -> dict[str, Any]:
        """The form in which Heat stores and shows an environment."""
        registry = dict(self.registry)
        registry["resources"] = dict(registry.get("resources") or {})
        shown: dict[str, Any] = {
            "resource_registry": registry,
            "parameters": dict(self.parameters),
            "parameter_defaults": dict(self.parameter_defaults),
            "event_sinks": list(self.event_sinks),
        }
        if self.encrypted_param_names:
            shown["encrypted_param_names"] = list(self.encrypted_param_names)
        return shown

    def dump(self) -> str:
        """As JSON text, which is YAML too."""
        return json.dumps(self.as_dict(), indent=2)


EMPTY = Environment()

_SINGLE_KEYS = ("hooks", "restricted_actions", "base_url", "resources")
_LOOKS = 100


def registry_target(
    sections: Sequence[Mapping[str, Any]],
    type_name: str,
    resource: str = "",
    exists: Callable[[str], bool] | None = None,
) -> str:
    """What ``resource_registry`` sections make of a type name, followed to its end; a section wins over the ones after it.

    Heat's order inside a section: the entry for the single resource, then the name's own and every pattern (``*`` at the end) that
    fits, by the alphabet: so ``My::*`` comes before ``My::Type``. A pattern whose target ends in ``*`` too keeps what the star stood
    for. What ends at a name that ``exists`` denies is passed over. A name that is mapped to itself is at its end: so a section can
    say that the ones after it do not count.
    """
    return _followed(sections, type_name, resource, exists, set())


def _followed(
    sections: Sequence[Mapping[str, Any]],
    name: str,
    resource: str,
    exists: Callable[[str], bool] | None,
    seen: set[str],
) -> str:
    seen.add(name)
    first = ""
    for target in _targets(sections, name, resource):
        if target == name:
            end = name
        elif target in seen or len(seen) > _LOOKS:  # a circle, or a way that led to nothing
            continue
        else:
            end = _followed(sections, target, resource, exists, seen)
        if exists is None or exists(end):
            return end
        first = first or end
    return name if exists is not None and exists(name) else first or name


def _targets(sections: Sequence[Mapping[str, Any]], name: str, resource: str) -> Iterator[str]:
    if name in _SINGLE_KEYS:
        return
    for section in sections:
        entries = section.get("resources")
        entry = entries.get(resource) if resource and isinstance(entries, Mapping) else None
        if isinstance(entry, Mapping) and isinstance(entry.get(name), str):
            yield entry[name]
        for key in sorted(key for key in section if key == name or (key.endswith("*") and name.startswith(key[:-1]))):
            target = section[key]
            if not isinstance(target, str):
                continue
            if key == name or not target.endswith("*"):
                yield target
            elif not name.startswith(target[:-1]):
                yield target[:-1] + name[len(key) - 1 :]


def _merged_registry(lower: Mapping[str, Any], upper: Mapping[str, Any]) -> dict[str, Any]:
    made = dict(lower)
    for key, value in upper.items():
        if value is None and key != "resources":
            _remove(made, key)
        elif key == "resources" and isinstance(value, Mapping) and isinstance(made.get(key), Mapping):
            made[key] = _merged_resources(made[key], value)
        else:
            made[key] = value
    return made


def _merged_resources(lower: Mapping[str, Any], upper: Mapping[str, Any]) -> dict[str, Any]:
    made = dict(lower)
    for key, value in upper.items():
        before = made.get(key)
        if isinstance(value, Mapping) and isinstance(before, Mapping):
            made[key] = _merged_resources(before, value)
        else:
            made[key] = value
    return made


def _remove(registry: dict[str, Any], key: str) -> None:
    if key.endswith("*"):
        for name in [name for name in registry if name.startswith(key[:-1]) and name != "resources"]:
            del registry[name]
    registry.pop(key, None)


def _malformed(source: Source, text: str, path: tuple[str | int, ...], hint: str = "") -> Problem:
    return source.problem(
        "KT301", f"Environment not in valid format: {text}", path, error_type="HTTPBadRequest", hint=hint
    )


def _section_problems(source: Source, key: str, value: Any) -> list[Problem]:
    if key not in SECTIONS:
        return [_malformed(source, f'environment has wrong section "{key}"', (key,), did_you_mean(key, SECTIONS))]
    if value is None:
        return [_malformed(source, f'environment has empty section "{key}"', (key,))]
    if key in _MAPS and not isinstance(value, Mapping):
        return [_malformed(source, f'environment section "{key}" must be a map', (key,))]
    if key not in _MAPS and not isinstance(value, list):
        return [_malformed(source, f'environment section "{key}" must be a list', (key,))]
    if key == "event_sinks":
        return [
            _malformed(source, f'an entry of "event_sinks" must be a map with the type {SINK}', (key, number))
            for number, sink in enumerate(value)
            if not isinstance(sink, Mapping) or sink.get("type") != SINK
        ]
    return []


def _meant(problem: Problem) -> str:
    """The section that a problem with a section is about: the one that was probably meant, when it is none."""
    section = str(problem.path[0])
    return next((name for name in SECTIONS if f'"{name}"' in problem.hint), section)


def _registry_problems(source: Source, registry: Mapping[str, Any]) -> list[Problem]:
    problems: list[Problem] = []
    for key, value in registry.items():
        here = ("resource_registry", key)
        if key == "resources":
            problems.extend(_resource_entries(source, value, here))
        elif key in _WORDS:
            problems.extend(_wrong_words(source, key, value, here))
        elif value is not None and not isinstance(value, str):
            problems.append(_malformed(source, f'the registry entry "{key}" must name a type or a template', here))
    return problems


def _resource_entries(source: Source, entries: Any, path: tuple[str, ...]) -> list[Problem]:
    """What is wrong in `resources`, by the names of resources."""
    if entries is None:
        return []
    if not isinstance(entries, Mapping):
        return [_malformed(source, f'"{".".join(path)}" must be a map', path)]
    problems: list[Problem] = []
    for name, entry in entries.items():
        if isinstance(entry, str):
            problems.append(
                _malformed(source, f'what "{".".join(path)}" says of "{name}" must be a map', (*path, name))
            )
        else:
            problems.extend(_entry_problems(source, name, entry, (*path, name)))
    return problems


def _entry_problems(source: Source, key: str, value: Any, here: tuple[str, ...]) -> list[Problem]:
    """What is wrong with one line of what is said of a resource: its types, hooks, and the resources inside it."""
    if key in _WORDS:
        return _wrong_words(source, key, value, here)
    if isinstance(value, Mapping):
        return [
            problem
            for inner, entry in value.items()
            for problem in _entry_problems(source, inner, entry, (*here, inner))
        ]
    if value is not None and not isinstance(value, str):
        return [_malformed(source, f'the registry entry "{key}" must name a type or a template', here)]
    return []


_WORDS: Mapping[str, tuple[str, str, str, str, Sequence[str]]] = {
    "hooks": ("KT302", "InvalidBreakPointHook", "hook type", "resource breakpoint, acceptable hook", HOOKS),
    "restricted_actions": (
        *("KT303", "InvalidRestrictedAction", "restricted_action type", "resource, acceptable restricted_action"),
        RESTRICTED_ACTIONS,
    ),
}
"""Code, Heat's exception, two parts of its sentence, and the words that are allowed: of the entries that are words or lists of them."""


def _wrong_words(source: Source, key: str, value: Any, here: tuple[str, ...]) -> list[Problem]:
    code, error_type, kind, where, known = _WORDS[key]
    words = value if isinstance(value, list) else [] if value is None else [value]
    wrong = [word for word in words if word not in known]
    if not wrong:
        return []
    return [
        source.problem(
            code,
            f'Invalid {kind} "{value}" for {where} types are: {known}',
            here,
            error_type=error_type,
            hint=did_you_mean(str(wrong[0]), known),
        )
    ]
