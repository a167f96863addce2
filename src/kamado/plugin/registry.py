"""Resource types by name: ours and those of others, found by entry point; environments may rename and replace them.

Made by `assemble`; asked by the engine, by the template checker (it is a `TypeCatalog`) and by the API. The trap:
ours are loaded by entry point name too, never by import, so a checkout that was not installed (``pip install -e .``)
has no types.
"""

from __future__ import annotations

import difflib
import fnmatch
import hashlib
import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import entry_points
from typing import Any

from kamado import __version__
from kamado.plugin.declare import DeclarationError
from kamado.plugin.resource import Resource
from kamado.plugin.template_resource import ENDINGS, template_type, unreadable_type
from kamado.template import Problem, TemplateInvalid
from kamado.template.schema import TypeSchema

GROUP = "kamado.resource_types"

STANDARD_NAMES: Mapping[str, str] = {
    "OS::Ceilometer::Alarm": "OS::Aodh::Alarm",
    "OS::Ceilometer::CombinationAlarm": "OS::Aodh::CombinationAlarm",
    "OS::Ceilometer::GnocchiAggregationByMetricsAlarm": "OS::Aodh::GnocchiAggregationByMetricsAlarm",
    "OS::Ceilometer::GnocchiAggregationByResourcesAlarm": "OS::Aodh::GnocchiAggregationByResourcesAlarm",
    "OS::Ceilometer::GnocchiResourcesAlarm": "OS::Aodh::GnocchiResourcesAlarm",
    "OS::Metering::Alarm": "OS::Aodh::Alarm",
    "OS::Quantum*": "OS::Neutron*",
}
"""Names that Heat maps by default."""

_HOPS = 20


class UnknownType(LookupError):
    """There is no such resource type."""

    def __init__(self, type_name: str) -> None:
        super().__init__(f"The Resource Type ({type_name}) could not be found.")
        self.type_name = type_name


class TemplateFiles:
    """The files of a stack as resource types: each class is made when it is first asked for."""

    def __init__(
        self,
        files: Mapping[str, str] | None = None,
        section: Mapping[str, Any] | None = None,
        defaults: Mapping[str, Any] | None = None,
        lenient: bool = False,
    ) -> None:
        self._files = files or {}
        # An environment that was stored has empty parts, and means the same.
        self._section = {key: value for key, value in (section or {}).items() if value}
        self._defaults = defaults or {}
        self._lenient = lenient
        self._made: dict[str, type[Resource]] = {}
        self._whole: str | None = None

    def find(self, name: str) -> type[Resource] | None:
        """The type that a file is, None when the name is no file's. Raises TemplateInvalid."""
        found = self._made.get(name)
        if found is None:
            made = self._make(name)
            if made is None:
                return None
            found = self._made[name] = made
        return found

    def stand_in(self, name: str) -> None:
        """Take a name that means nothing any more for a nested stack's, so that this can be deleted."""
        self._made[name] = unreadable_type(name)

    def _make(self, name: str) -> type[Resource] | None:
        text = self._files.get(name)
        if text is None:
            if not name.endswith(ENDINGS):
                return None
            if self._lenient:
                return unreadable_type(name)
            raise TemplateInvalid(Problem("KT403", _not_there(name), path=("resources",)))
        try:
            return template_type(name, text, self._version(name))
        except TemplateInvalid as error:
            if self._lenient:
                return unreadable_type(name)
            raise TemplateInvalid([_of_file(problem, name) for problem in error.problems]) from error

    def _version(self, name: str) -> str:
        """A digest of all that the template may use: files that it or one of those names, and the environment."""
        found = [name, *(target for target in _texts(self._section) if target in self._files)]
        used = set(found)
        while found:
            text = self._files[found.pop()]
            more = [other for other in self._files if other not in used and other in text]
            used.update(more)
            found += more
        return self._digest(used)

    def version(self) -> str:
        """A digest of everything that is here: for a type that may come to use any of it."""
        if self._whole is None:
            self._whole = self._digest(self._files) if self._files or self._section else ""
        return self._whole

    def _digest(self, names: Iterable[str]) -> str:
        body = [self._section, self._defaults, sorted((name, self._files[name]) for name in names)]
        return hashlib.blake2b(json.dumps(body, sort_keys=True, default=str).encode(), digest_size=16).hexdigest()


def _texts(section: Mapping[str, Any]) -> Iterator[str]:
    for value in section.values():
        if isinstance(value, str):
            yield value
        elif isinstance(value, Mapping):
            yield from _texts(value)


def _of_file(problem: Problem, name: str) -> Problem:
    """A problem of a file that is used as a type, as Heat words it."""
    message = problem.message.removeprefix("Template not in valid format: ")
    if problem.code == "KT007":
        return replace(problem, message=message, error_type="StackValidationFailed", line=None, column=None)
    if message != problem.message:
        message = f"Error parsing template {name} {message}"
    return replace(problem, message=message, error_type="StackValidationFailed")


def _not_there(name: str) -> str:
    """Heat's sentence on a template that it was not given: it would have fetched it."""
    scheme = name.split(":", 1)[0] if ":" in name else ""
    if scheme in ("http", "https"):
        return f'Could not fetch remote template "{name}": Failed to retrieve template from {name}'
    return f'Could not fetch remote template "{name}": Invalid URL scheme {scheme}'


class Registry:
    """All resource types of the process, with the names that an environment gives them."""

    def __init__(
        self,
        types: Iterable[type[Resource]],
        names: Mapping[str, str] = STANDARD_NAMES,
        resources: Mapping[str, Any] | None = None,
        files: TemplateFiles | None = None,
    ) -> None:
        self._types: dict[str, type[Resource]] = {}
        for cls in types:
            if not cls.type_name:
                raise DeclarationError(f"{cls.__module__}.{cls.__name__} is not declared with @resource_type")
            self._types[cls.type_name] = cls
        self._names = dict(names)
        self._resources = resources or {}
        self._files = files or TemplateFiles()

    @classmethod
    def load(cls) -> Registry:
        """Everything that is installed: each entry point of the group is a tuple of classes.

        A later one of a name wins.
        """
        found: list[type[Resource]] = []
        log = logging.getLogger(__name__)
        for entry in sorted(
            entry_points(group=GROUP), key=lambda entry: (not entry.value.startswith("kamado."), entry.name)
        ):
            try:
                found.extend(entry.load())
            except Exception:
                if entry.value.startswith("kamado."):
                    raise
                # A stranger's broken plugin must not keep all stacks from being served; its types are unknown then.
                log.exception("resource types not loaded", extra={"entry_point": entry.name, "value": entry.value})
        return cls(found)

    def get(self, type_name: str, resource_name: str = "") -> type[Resource]:
        """The class of a type.

        ``resource_name`` matters where an environment treats single resources. Raises UnknownType, and TemplateInvalid
        for a file that is no template.
        """
        resolved = self.resolve(type_name, resource_name)
        found = self._types.get(resolved) or self._files.find(resolved)
        if found is None:
            raise UnknownType(type_name)
        return found

    def resolve(self, type_name: str, resource_name: str = "") -> str:
        """The name that a type name stands for after all mappings."""
        current = self._for_resource(type_name, resource_name)
        for _ in range(_HOPS):
            target = self._hop(current)
            if target is None or target == current:
                return current
            current = target
        return current

    @property
    def fingerprint(self) -> str:
        """Stands for the installed types and the names that everybody may use for them: a plan made with others may be another one."""
        types = [f"{name} {cls.__module__}.{cls.__qualname__} {cls.version}" for name, cls in self._types.items()]
        text = "\n".join([__version__, *sorted(types), *sorted(map(repr, self._names.items()))])
        return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()

    def names(self) -> list[str]:
        """All type names, sorted; mapped ones too where their target is known."""
        mapped = (name for name in self._names if "*" not in name and self.resolve(name) in self._types)
        return sorted({*self._types, *mapped})

    def types(self) -> list[type[Resource]]:
        """All classes, by name."""
        return [self._types[name] for name in sorted(self._types)]

    def schema(self, type_name: str, resource_name: str = "") -> TypeSchema | None:
        """The schema of a type, None when there is no such type."""
        resolved = self.resolve(type_name, resource_name)
        found = self._types.get(resolved) or self._files.find(resolved)
        return None if found is None else found.schema

    def version(self, type_name: str, resource_name: str = "") -> str:
        """What besides its properties makes a composite type what it is (files, mappings), as a digest; "" for others."""
        cls = self.get(type_name, resource_name)
        return cls.version or self._files.version() if cls.composite else ""

    def suggestions(self, type_name: str) -> Sequence[str]:
        """Names that may have been meant."""
        return difflib.get_close_matches(type_name, self._types, n=3, cutoff=0.75)

    def for_environment(
        self, environment: Any, files: Mapping[str, str] | None = None, *, lenient: bool = False
    ) -> Registry:
        """A view with the mappings of an environment's ``resource_registry`` on top (an Environment, or the mapping itself).

        ``files``: those that come with the template; some may be templates that are used as types. ``lenient``: for what is
        only deleted, a file need not be there.
        """
        section: Mapping[str, Any] = environment if isinstance(environment, Mapping) else environment.registry
        if not section and not files and not lenient:
            return self
        names = {name: target for name, target in section.items() if isinstance(target, str) and name != "base_url"}
        defaults = {} if isinstance(environment, Mapping) else environment.parameter_defaults
        own = TemplateFiles(files or {}, section, defaults, lenient)
        view = Registry((), {**self._names, **names}, section.get("resources") or {}, own)
        view._types = self._types
        return view

    def stand_in(self, type_name: str) -> None:
        """Have a name that this view does not know stand for a nested stack that is only deleted; views for engines only."""
        self._files.stand_in(self.resolve(type_name))

    def _for_resource(self, type_name: str, resource_name: str) -> str:
        if not resource_name:
            return type_name
        for pattern, section in self._resources.items():
            if isinstance(section, Mapping) and fnmatch.fnmatchcase(resource_name, pattern):
                for name, target in section.items():
                    if (
                        isinstance(target, str)
                        and _matches(name, type_name)
                        and name not in ("hooks", "restricted_actions", "base_url")
                    ):
                        return _through(name, target, type_name)
        return type_name

    def _hop(self, type_name: str) -> str | None:
        if type_name in self._names:
            return self._names[type_name]
        patterns = [name for name in self._names if name.endswith("*") and _matches(name, type_name)]
        if not patterns:
            return None
        longest = max(patterns, key=len)
        return _through(longest, self._names[longest], type_name)


def _matches(pattern: str, name: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


def _through(pattern: str, target: str, name: str) -> str:
    if pattern.endswith("*") and target.endswith("*"):
        return target[:-1] + name[len(pattern) - 1 :]
    return target
