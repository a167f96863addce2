"""Environments: parameter values, defaults, and which type means what.

Read by the API from what clients send and by `kamado validate -e`. Several are merged in order. The trap: `parameters` must name parameters
of the template, `parameter_defaults` need not, and the registry always shows a `resources` key.
"""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Mapping, Sequence
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


@dataclass(frozen=True)
class Environment:
    """One environment, or several merged into one. Immutable; `as_dict` is its stored and shown form."""

    parameters: Mapping[str, Any] = field(default_factory=dict)
    parameter_defaults: Mapping[str, Any] = field(default_factory=dict)
    registry: Mapping[str, Any] = field(default_factory=dict)
    event_sinks: tuple[Any, ...] = ()
    encrypted_param_names: tuple[str, ...] = ()
    merge_strategies: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def load(
        cls,
        source: str | bytes | Mapping[str, Any] | None,
        file: str = "environment",
        limits: Limits | None = None,
    ) -> Environment:
        """Read an environment from YAML or JSON text or an object; raises TemplateInvalid with all problems."""
        if source is None or (isinstance(source, str | bytes) and not source.strip()):
            return cls()
        return cls._from(read(source, file, limits or Limits(), "environment"))

    @classmethod
    def _from(cls, source: Source) -> Environment:
        body = source.value
        if body is None:
            return cls()
        if not isinstance(body, Mapping):
            raise TemplateInvalid(_malformed(source, "The environment is not a valid YAML mapping data type.", ()))
        problems = [problem for key, value in body.items() for problem in _section_problems(source, key, value)]
        if problems:
            raise TemplateInvalid(problems)
        registry = body.get("resource_registry") or {}
        problems = _registry_problems(source, registry)
        if problems:
            raise TemplateInvalid(problems)
        return cls(
            parameters=body.get("parameters") or {},
            parameter_defaults=body.get("parameter_defaults") or {},
            registry=registry,
            event_sinks=tuple(body.get("event_sinks") or ()),
            encrypted_param_names=tuple(body.get("encrypted_param_names") or ()),
            merge_strategies=body.get("parameter_merge_strategies") or {},
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
        )

    @classmethod
    def merge_all(
        cls,
        environments: Sequence[Environment],
        strategies: Mapping[str, str] | None = None,
        types: Mapping[str, str] | None = None,
    ) -> Environment:
        """Several environments in order, later ones over earlier ones.

        `types` are the parameters' types, which the strategies `merge` and `deep_merge` need; `strategies` come on top of the ones that
        the environments name themselves. Raises TemplateInvalid for strategies that contradict each other or a parameter's type.
        """
        from kamado.template.merging import merge_parameters

        merged = cls()
        for environment in environments:
            chosen = {**environment.merge_strategies, **(strategies or {})}
            joined = merged.merge(environment)
            if chosen and any(name != "overwrite" for name in chosen.values()):
                joined = replace(
                    joined,
                    parameters=merge_parameters(merged.parameters, environment.parameters, chosen, types or {}),
                    parameter_defaults=merge_parameters(
                        merged.parameter_defaults, environment.parameter_defaults, chosen, types or {}
                    ),
                )
            merged = joined
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
_HOPS = 20


def registry_target(sections: Sequence[Mapping[str, Any]], type_name: str, resource: str = "") -> str:
    """What ``resource_registry`` sections make of a type name, followed to its end; a section wins over the ones after it.

    Heat's order inside a section: an entry for the single resource before one for all; an exact name before a pattern; of patterns
    (``*`` at the end) the longest. A pattern whose target ends in ``*`` too keeps what the star stood for. A name that is mapped to
    itself is at its end: so a section can say that the ones after it do not count.
    """
    current = type_name
    for _ in range(_HOPS):
        found = next(filter(None, (_step(section, current, resource) for section in sections)), None)
        if found is None or found == current:
            break
        current = found
    return current


def _step(section: Mapping[str, Any], name: str, resource: str) -> str | None:
    entries = section.get("resources")
    if resource and isinstance(entries, Mapping):
        for pattern in sorted(entries, key=lambda pattern: (pattern != resource, -len(pattern))):
            entry = entries[pattern]
            if isinstance(entry, Mapping) and fnmatch.fnmatchcase(resource, pattern):
                found = _hop(entry, name)
                if found is not None:
                    return found
    return _hop(section, name)


def _hop(section: Mapping[str, Any], name: str) -> str | None:
    exact = section.get(name)
    if isinstance(exact, str) and name not in _SINGLE_KEYS:
        return exact
    patterns = [
        key
        for key, target in section.items()
        if key.endswith("*") and isinstance(target, str) and name.startswith(key[:-1])
    ]
    if not patterns:
        return None
    longest = max(patterns, key=len)
    target: str = section[longest]
    return target[:-1] + name[len(longest) - 1 :] if target.endswith("*") else target


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


def _malformed(source: Source, text: str, path: tuple[str, ...], hint: str = "") -> Problem:
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
    return []


def _registry_problems(source: Source, registry: Mapping[str, Any]) -> list[Problem]:
    problems: list[Problem] = []
    for key, value in registry.items():
        if key == "resources":
            problems.extend(_resource_entries(source, value, ("resource_registry", "resources")))
        elif value is not None and not isinstance(value, str):
            problems.append(
                _malformed(
                    source, f'the registry entry "{key}" must name a type or a template', ("resource_registry", key)
                )
            )
    return problems


def _resource_entries(source: Source, entries: Any, path: tuple[str, ...]) -> list[Problem]:
    if entries is None:
        return []
    if not isinstance(entries, Mapping):
        return [_malformed(source, f'"{".".join(path)}" must be a map', path)]
    problems: list[Problem] = []
    for key, value in entries.items():
        here = (*path, key)
        if key == "hooks":
            for word in _unknown_words(value, HOOKS):
                problems.append(
                    source.problem(
                        "KT302",
                        f'Invalid hook type "{word}" for resource breakpoint, acceptable hook types are: {HOOKS}',
                        here,
                        error_type="InvalidBreakPointHook",
                        hint=did_you_mean(str(word), HOOKS),
                    )
                )
        elif key == "restricted_actions":
            for word in _unknown_words(value, RESTRICTED_ACTIONS):
                problems.append(
                    source.problem(
                        "KT303",
                        f'Invalid restricted_action type "{word}" for resource, acceptable restricted_action types are: '
                        f"{RESTRICTED_ACTIONS}",
                        here,
                        error_type="InvalidRestrictedAction",
                    )
                )
        elif isinstance(value, Mapping):
            problems.extend(_resource_entries(source, value, here))
        elif value is not None and not isinstance(value, str):
            problems.append(_malformed(source, f'the registry entry "{key}" must name a type or a template', here))
    return problems


def _unknown_words(value: Any, known: Sequence[str]) -> list[Any]:
    words = value if isinstance(value, list) else [value]
    return [word for word in words if word not in known]
