"""Resource types by name: ours and those of others, found by entry point; environments may rename and replace them.

Made by `assemble`; asked by the engine, by the template checker (it is a `TypeCatalog`) and by the API. The trap:
ours are loaded by entry point name too, never by import, so a checkout that was not installed (``pip install -e .``)
has no types.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import logging
from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Protocol

from kamado import __version__
from kamado.plugin.declare import DeclarationError
from kamado.plugin.global_environment import read_global_environment
from kamado.plugin.resource import Resource
from kamado.plugin.template_resource import ENDINGS, template_type, unreadable_type
from kamado.template import Problem, TemplateInvalid
from kamado.template.environment import registry_target
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

_GIVEN_UP = {
    "Aodh": "CombinationAlarm",
    "Designate": "Domain Record",
    "Glance": "Image",
    "Magnum": "Bay BayModel",
    "Monasca": "AlarmDefinition Notification",
    "Neutron": "HealthMonitor LoadBalancer Pool PoolMember RouterGateway",
    "Neutron::LBaaS": "HealthMonitor L7Policy L7Rule Listener LoadBalancer Pool PoolMember",
    "Nova": "FloatingIP FloatingIPAssociation",
    "Sahara": "Cluster ClusterTemplate DataSource ImageRegistry Job JobBinary NodeGroupTemplate",
    "Senlin": "Cluster Node Policy Profile Receiver",
    "Vitrage": "Template",
}
WITHDRAWN = frozenset(f"OS::{family}::{name}" for family, names in _GIVEN_UP.items() for name in names.split())
"""Names of types that Heat hides, for OpenStack has given up what they make: known to clients, not supported here."""


class UnknownType(LookupError):
    """There is no such resource type."""

    def __init__(self, type_name: str) -> None:
        super().__init__(f"The Resource Type ({type_name}) could not be found.")
        self.type_name = type_name


class Row(Protocol):
    """What is asked of a resource row: the name of its type as written, its own name, and what the type was when it was made."""

    @property
    def name(self) -> str:
        """The resource's name."""

    @property
    def type(self) -> str:
        """The name of its type, as the template has it."""

    @property
    def implementation(self) -> str | None:
        """The type or file that this name stood for; None when that was not written down."""


class TemplateFiles:
    """The files of a stack as resource types: each class is made when it is first asked for."""

    def __init__(
        self,
        files: Mapping[str, str] | None = None,
        sections: Sequence[Mapping[str, Any]] = (),
        defaults: Mapping[str, Any] | None = None,
        lenient: bool = False,
    ) -> None:
        self._files = {} if files is None else files
        # An environment that was stored has empty parts, and means the same.
        kept = ({key: value for key, value in section.items() if value} for section in sections)
        self._sections = tuple(filter(None, kept))
        self._defaults = defaults or {}
        self._lenient = lenient
        self._made: dict[str, type[Resource]] = {}
        self._whole: str | None = None

    def text(self, name: str) -> str | None:
        """The content of a file."""
        return self._files.get(name)

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
        found = [name, *(target for section in self._sections for target in _texts(section) if target in self._files)]
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
            self._whole = self._digest(self._files) if self._files or any(self._sections) else ""
        return self._whole

    def _digest(self, names: Iterable[str]) -> str:
        body = [*self._sections, self._defaults, sorted((name, self._files[name]) for name in names)]
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
    """All resource types of the process, with the names that environments give them.

    ``sections`` are ``resource_registry`` sections, each winning over the ones after it; ``operators`` are the files that the operator's
    environment names, by the names that it uses.
    """

    def __init__(
        self,
        types: Iterable[type[Resource]],
        sections: Sequence[Mapping[str, Any]] = (STANDARD_NAMES,),
        files: TemplateFiles | None = None,
        operators: Mapping[str, str] | None = None,
    ) -> None:
        self._types: dict[str, type[Resource]] = {}
        for cls in types:
            if not cls.type_name:
                raise DeclarationError(f"{cls.__module__}.{cls.__name__} is not declared with @resource_type")
            self._types[cls.type_name] = cls
        self._sections = tuple(sections)
        self.operators: Mapping[str, str] = operators or {}
        self._files = files or TemplateFiles(self.operators, self._sections)
        self._singles = any(section.get("resources") for section in self._sections)
        self._resolved: dict[tuple[str, str], str] = {}
        self._found: dict[tuple[str, str], type[Resource]] = {}

    @classmethod
    def load(cls, environment_dir: Path | None = None) -> Registry:
        """Everything that is installed: each entry point of the group is a tuple of classes. A later one of a name wins.

        ``environment_dir``: the folder of the operator's environment; raises GlobalEnvironmentInvalid.
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
        loaded = cls(found)
        if environment_dir is None:
            return loaded
        operators = read_global_environment(environment_dir)
        return loaded.with_global(operators.section, operators.files)

    def with_global(self, section: Mapping[str, Any], files: Mapping[str, str]) -> Registry:
        """The same types under the operator's ``resource_registry``; ``files`` are the templates that it names."""
        return Registry(self._types.values(), (section, *self._sections), operators=files)

    def get(self, type_name: str, resource_name: str) -> type[Resource]:
        """The class of a type, for the resource of that name (an environment may treat single ones otherwise; empty: for none).

        Raises UnknownType, and TemplateInvalid for a file that is no template.
        """
        key = (type_name, resource_name if self._singles else "")
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = self._class(self.resolve(type_name, resource_name), type_name)
        return found

    def of(self, row: Row) -> type[Resource]:
        """The class that a row was made with, whatever its type's name stands for now. Raises as `get`."""
        return self._class(row.implementation, row.type) if row.implementation else self.get(row.type, row.name)

    def _class(self, resolved: str, type_name: str) -> type[Resource]:
        found = self._types.get(resolved) or self._files.find(resolved)
        if found is None:
            raise UnknownType(type_name)
        return found

    def resolve(self, type_name: str, resource_name: str) -> str:
        """The name that a type name stands for after all mappings."""
        key = (type_name, resource_name if self._singles else "")
        found = self._resolved.get(key)
        if found is None:
            found = self._resolved[key] = registry_target(self._sections, type_name, resource_name, self._exists)
        return found

    def _exists(self, name: str) -> bool:
        """Whether a name is a type's or a file's; a file that should be there counts, so that its absence is told."""
        return name in self._types or name.endswith(ENDINGS) or self._files.text(name) is not None

    @property
    def fingerprint(self) -> str:
        """Stands for the installed types and the names that everybody may use for them: a plan made with others may be another one."""
        types = [f"{name} {cls.__module__}.{cls.__qualname__} {cls.version}" for name, cls in self._types.items()]
        names = (*map(repr, self._sections), *map(repr, sorted(self.operators.items())))
        text = "\n".join([__version__, *sorted(types), *names])
        return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()

    def names(self) -> list[str]:
        """All type names, sorted; mapped ones too where their target is known."""
        mapped = {name for section in self._sections for name in section if "*" not in name}
        return sorted({*self._types, *(name for name in mapped if self.resolve(name, "") in self._types)})

    def offered(self) -> dict[str, type[Resource]]:
        """Name → class of what the service offers: its own types and the operator's templates.

        A name that is mapped to another type is left out, as in Heat's list.
        """
        found = dict(self._types)
        for section in reversed(self._sections):
            for name, target in section.items():
                if isinstance(target, str) and not name.endswith("*"):
                    found.pop(name, None)
                    if target in self.operators:
                        found[name] = self._class(target, name)
        return dict(sorted(found.items()))

    def schema(self, type_name: str, resource_name: str) -> TypeSchema | None:
        """The schema of a type, None when there is no such type."""
        try:
            return self.get(type_name, resource_name).schema
        except UnknownType:
            return None

    def text(self, name: str) -> str | None:
        """The template that a type's name stands for, None when it is no file's."""
        return self._files.text(name)

    def version(self, type_name: str, resource_name: str) -> str:
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
        sections = (section, *self._sections) if section else self._sections
        defaults = {} if isinstance(environment, Mapping) else environment.parameter_defaults
        # which are only read: `files` may be a folder, of which nobody knows what is in it
        texts = ChainMap(files or {}, self.operators) if self.operators else files  # type: ignore[arg-type]
        view = Registry((), sections, TemplateFiles(texts, sections, defaults, lenient), self.operators)
        view._types = self._types
        return view

    def stand_in(self, row: Row) -> None:
        """Have what this view does not know stand for the nested stack that a row holds, which is only deleted; for engines only."""
        self._files.stand_in(row.implementation or self.resolve(row.type, row.name))
