"""One loader for all languages: sections, resources, outputs, each read by the words of its dialect.

Called by `draft`. It never stops at the first mistake: every part is read as far as it can be, and all problems come together, in
the order in which Heat would meet them. What could not be read keeps its name, for who refers to it is not wrong. The trap: null and
"not there" are the same for a section and different for a resource's key.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from kamado.template.compiler import Compiler, removed_function
from kamado.template.declarations import read_parameters
from kamado.template.definition import Definition, Output, reads
from kamado.template.dialect import Dialect
from kamado.template.functions.core import CallContext, Found, Function, Unread
from kamado.template.limits import Limits
from kamado.template.parameters import ParameterSchema
from kamado.template.problems import Problem, TemplateInvalid, did_you_mean
from kamado.template.source import Source
from kamado.template.unknown import EVERYTHING, MAPS, UNKNOWN, with_unread


@dataclass(eq=False, slots=True)
class Resource:
    """A resource as it stands in the template, compiled, its condition undecided."""

    definition: Definition
    """What it is; of one that is ``undecided``, without what it refers to. The type is empty when it cannot be read."""
    condition: Any
    undecided: bool
    """Whether anything but the condition is decided by parameters: an `if`, a computed name or policy."""


@dataclass
class Parts:
    """Everything that the loader found.

    ``unread``: section (as in `Words`) → names in it that could not be read: parameters; resources and conditions only when all may
    be missing, for single ones stand in their place.
    """

    description: str = "No description"
    parameters: dict[str, ParameterSchema] = field(default_factory=dict)
    parameter_groups: list[Any] = field(default_factory=list)
    conditions: dict[str, Any] = field(default_factory=dict)
    mappings: Mapping[str, Any] = field(default_factory=dict)
    resources: dict[str, Resource] = field(default_factory=dict)
    outputs: dict[str, Output] = field(default_factory=dict)
    warnings: list[Problem] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    unread: dict[str, Collection[str]] = field(default_factory=dict)


_VERSION_KEYS = ("heat_template_version", "HeatTemplateFormatVersion", "AWSTemplateFormatVersion")


def find_dialect(source: Source) -> Dialect:
    """The dialect that the template's version names; raises TemplateInvalid."""
    from kamado.template.cfn.versions import DIALECTS as CFN
    from kamado.template.hot.versions import DIALECTS as HOT

    body = source.value
    if not isinstance(body, Mapping):
        if body is None and source.from_text:
            source.value = body = {}
        else:
            text = "Template not in valid format: The template is not a JSON object or YAML mapping."
            raise TemplateInvalid(source.problem("KT006", text, error_type="HTTPBadRequest"))
    given = [key for key in _VERSION_KEYS if body.get(key) is not None]
    if len(given) > 1:
        raise TemplateInvalid(_bad_version(source, f"Ambiguous versions ({', '.join(sorted(given))})", given[1]))
    if not given and source.from_text and not any(key in body for key in _VERSION_KEYS):
        close = did_you_mean(next(iter(body), ""), _VERSION_KEYS) if body else ""
        text = "Template not in valid format: Template format version not found."
        raise TemplateInvalid(source.problem("KT007", text, error_type="HTTPBadRequest", hint=close))
    if not given:
        close = did_you_mean(next(iter(body), ""), _VERSION_KEYS) if body else ""
        raise TemplateInvalid(_bad_version(source, "Template version was not provided", None, close))
    key, version = given[0], str(body[given[0]])
    if key == "heat_template_version":
        known: Mapping[str, Dialect] = HOT
    else:
        known = {name: dialect for (family, name), dialect in CFN.items() if family == key}
    dialect = known.get(version)
    if dialect is None:
        should = (
            f"should be one of: {', '.join(sorted(known))}" if len(known) > 1 else f"should be: {next(iter(known))}"
        )
        raise TemplateInvalid(
            _bad_version(source, f'"{key}: {version}". "{key}" {should}', key, did_you_mean(version, known))
        )
    return dialect


def _bad_version(source: Source, text: str, key: str | None, hint: str = "") -> Problem:
    return source.problem(
        "KT007",
        f"The template version is invalid: {text}",
        (key,) if key else (),
        error_type="InvalidTemplateVersion",
        hint=hint,
    )


class _Sections:
    """A template's sections as they stand there, and the ones that cannot be read."""

    def __init__(self, source: Source, dialect: Dialect, files: Mapping[str, str], limits: Limits) -> None:
        self.source = source
        self.dialect = dialect
        self.limits = limits
        self.files = files
        self.body: Mapping[str, Any] = source.value
        self.parts = Parts()
        self.problems: list[Problem] = []

    def _note(self, code: str, message: str, path: tuple[Any, ...], **more: Any) -> None:
        self.problems.append(self.source.problem(code, message, path, **more))

    def _sections(self) -> None:
        known = {*self.dialect.words.sections.values(), self.dialect.version_key}
        if self.dialect.flavour == "cfn":
            known |= {"AWSTemplateFormatVersion", "HeatTemplateFormatVersion"}
        if not self.dialect.conditions:
            known.discard(self.dialect.words.sections["conditions"])
        for key in self.body:
            if key not in known:
                hint = did_you_mean(key, known)
                if hint:
                    self._unread_section(next(word for word in known if f'"{word}"' in hint))
                else:
                    hint = self._misplaced(key)
                self._note("KT008", f"The template section is invalid: {key}", (key,), hint=hint)

    def _misplaced(self, key: str) -> str:
        inner = self.body[key]
        words = self.dialect.words
        if key in words.resource.values() or (isinstance(inner, Mapping) and words.resource["type"] in inner):
            self._unread_section(words.sections["resources"])
            return f'a resource belongs into the section "{words.sections["resources"]}"'
        return ""

    def _unread_section(self, key: str) -> None:
        """Note that names of this section stand where they are not read."""
        for section, spelling in self.dialect.words.sections.items():
            if spelling == key:
                self.parts.unread[section] = EVERYTHING

    def _parameters(self, key: str) -> None:
        section = self.body.get(key) or {}
        if not isinstance(section, Mapping):
            self._unread_section(key)
            self._note("KT101", f'"{key}" must contain a map of parameters', (key,), error_type="InvalidSchemaError")
            return
        cfn = self.dialect.flavour == "cfn"
        self.parts.parameters, wrong = read_parameters(section, key, self.source, cfn, self.dialect.parameter_tags)
        self.problems.extend(wrong)
        unread = section.keys() - self.parts.parameters.keys()
        for name in unread:
            self._unread_section(name)
        if unread:
            self.parts.unread.setdefault("parameters", unread)

    def _map(self, section: str) -> Mapping[str, Any]:
        key = self.dialect.words.sections[section]
        value = self.body.get(key)
        if not value:
            return {}
        if not isinstance(value, Mapping):
            text = f"'{type(value).__name__}' object has no attribute 'items'"
            self._unread_section(key)
            self._note("KT009", text, (key,), hint=f'"{key}" must be a map')
            return {}
        return value

    def _limit(self, resources: Mapping[str, Any]) -> None:
        most = self.limits.max_resources
        if most is not None and 0 <= most < len(resources):
            raise TemplateInvalid(
                self.source.problem(
                    "KT010",
                    "Request limit exceeded: Maximum resources per stack exceeded.",
                    (self.dialect.words.sections["resources"],),
                    error_type="RequestLimitExceeded",
                )
            )

    def _stray(self, name: str) -> str:
        if name in self.dialect.words.resource.values():
            return f'"{name}" is a key of a resource; is it one level too high?'
        if name in self.dialect.words.sections.values():
            self._unread_section(name)
            return f'"{name}" is a section; is it one level too deep?'
        return ""


class Loader(_Sections):
    """Reads one template; `run` gives its parts and what is wrong with the others."""

    def run(self) -> Parts:
        """All parts; raises TemplateInvalid for more resources than allowed."""
        self._sections()
        words = self.dialect.words.sections
        resources = self._map("resources")
        self._limit(resources)
        self._parameters(words["parameters"])
        description = self.body.get(words["description"])
        self.parts.description = "No description" if description is None else str(description)
        self.parts.mappings = self._map("mappings") if "mappings" in words else {}
        context = CallContext(
            files=self.files,
            resources=self.parts.unread.get("resources", frozenset(resources)),
            parameters=frozenset(self.parts.parameters),
            mappings=self.parts.mappings,
            limits=self.limits,
        )
        self.compiler = Compiler(self.dialect, context, self.source)
        spelling = self.dialect.words.resource
        self.fields = {spelling[name]: (name, *kind) for name, kind in _FIELD_TYPES.items() if name in spelling}
        self.shapes: dict[tuple[Any, ...], bool] = {}
        self._conditions()
        self._resources(resources)
        self._outputs()
        self._groups()
        self.parts.warnings.extend(self.compiler.warnings)
        self.parts.problems = self.problems[: self.limits.max_problems]
        return self.parts

    # conditions

    def _conditions(self) -> None:
        key = self.dialect.words.sections["conditions"]
        section = self.body.get(key) if self.dialect.conditions else None
        self.compiler.condition_table = with_unread({}, self.parts.unread.get("conditions", ()))
        if section is None:
            return
        if not isinstance(section, Mapping):
            self._note(
                "KT120",
                "Conditions validation error: : Condition definitions must be a map. "
                f"Found a {type(section).__name__} instead",
                (key,),
            )
            self.compiler.condition_table = with_unread({}, EVERYTHING)
            return
        table = self.compiler.condition_table
        table.update(dict.fromkeys(section, UNKNOWN))
        for name, value in section.items():
            called = next(iter(value)) if isinstance(value, Mapping) and len(value) == 1 else None
            is_call = called in self.dialect.condition_functions or called in self.dialect.functions
            if not isinstance(value, bool) and not is_call:
                words = f'Condition validation error: : The definition of condition "{name}" is invalid: {value}'
                if called in self.dialect.removed:  # told without the section, as in Heat
                    words = f"{called}: : {removed_function(called)}"
                self._note("KT121", words, (key, name))
                continue
            table[name] = value if isinstance(value, bool) else self.compiler.definition(value, (key, name), None)
        self._drain()
        self.parts.conditions = table

    def _drain(self) -> None:
        if self.compiler.problems:
            self.problems.extend(self.compiler.problems)
            self.compiler.problems = []

    # resources

    def _resources(self, section: Mapping[str, Any]) -> None:
        key = self.dialect.words.sections["resources"]
        for name, body in section.items():
            self.parts.resources[name] = self._resource(key, name, body)
            self._drain()

    def _resource(self, section: str, name: str, body: Any) -> Resource:
        words = self.dialect.words
        path = (section, name)
        if not isinstance(body, MAPS):
            text = words.type_missing
            if body is not None:
                text = f'"{section}" must contain a map of resource maps. Found a [{type(body)}] instead'
            self._note("KT130", text, path, hint=self._stray(name))
            return self._compiled(path, name, "", {}, set())
        if "/" in name:
            self._note("KT131", 'Resource name may not contain "/"', path)
        kind = body.get(words.resource["type"])
        if kind and self._well_shaped(body):
            return self._compiled(path, name, kind, body, ())
        first = len(self.problems)
        unread = self._resource_keys(path, body)
        kind = "" if words.resource["type"] in unread else self._type(path, name, body)
        usable = self._usable(path, name, body)
        unread |= body.keys() - usable.keys()
        stray = self._stray(name)
        if stray:  # a section, or a key, at the wrong level: what it holds is no worse than that
            self.problems[first:] = [replace(problem, hint=stray) for problem in self.problems[first : first + 1]]
        return self._compiled(path, name, kind, usable, unread)

    def _well_shaped(self, body: Mapping[str, Any]) -> bool:
        """Whether all keys are known and hold what they should, whatever that is; found out once for all bodies that are alike in both."""
        shape = (*body, *map(type, body.values()))
        found = self.shapes.get(shape)
        if found is None:
            words = self.dialect.words
            known = self.dialect.resource_keys if words.unknown_resource_keys_refused else body
            kinds = {words.resource["type"]: (str,), **{key: kinds for key, (_, _, kinds) in self.fields.items()}}
            found = all(key in known and isinstance(value, kinds.get(key, object)) for key, value in body.items())
            self.shapes[shape] = found
        return found

    def _type(self, path: tuple[str, str], name: str, body: Mapping[str, Any]) -> str:
        """The type; empty, which is a problem that is noted, when it is not said."""
        words = self.dialect.words
        key = words.resource["type"]
        if key not in body:
            hint = next(filter(None, (did_you_mean(other, [key]) for other in body)), "")
            self._note("KT132", words.type_missing, path, hint=hint)
            return ""
        kind = body[key]
        if kind is None or kind == "":
            self._note("KT132", "Each Resource must contain a Type key.", (*path, key))
        elif not isinstance(kind, str):
            self._note("KT133", f"Resource {name} {key} type must be string", (*path, key))
        return kind if isinstance(kind, str) else ""

    def _usable(self, path: tuple[str, str], name: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """The body without keys whose values are not of their kind, which is noted."""
        fields = self.fields
        odd = [key for key in fields if key in body and not isinstance(body[key], fields[key][2])]
        wrong = [key for key in odd if not self._is_call(body[key], fields[key][0])]
        for key in wrong:
            self._note("KT133", f"Resource {name} {key} type must be {fields[key][1]}", (*path, key))
        return {key: value for key, value in body.items() if key not in wrong} if wrong else body

    def _is_call(self, value: Any, field_name: str) -> bool:
        if not isinstance(value, Mapping) or len(value) != 1:
            return False
        name = next(iter(value))
        if field_name in ("description", "depends_on"):
            return False
        if field_name == "condition":
            return name in self.dialect.condition_functions or name in self.dialect.functions
        return name in self.dialect.functions or name in self.dialect.removed

    def _resource_keys(self, path: tuple[str, str], body: Mapping[str, Any]) -> set[str]:
        """Refuse keys that mean nothing; the known ones that some of them were probably meant to be."""
        words = self.dialect.words
        meant: set[str] = set()
        if not words.unknown_resource_keys_refused:
            return meant
        for key in body:
            if key in words.resource and key not in self.dialect.resource_keys:
                self._note("KT134", f"Invalid keyword(s) inside a resource definition: {key}", (*path, key))
            elif key not in words.resource:
                hint = did_you_mean(key, self.dialect.resource_keys)
                self._note(
                    "KT134", f'"{key}" is not a valid keyword inside a resource definition', (*path, key), hint=hint
                )
                meant.update(word for word in self.dialect.resource_keys if f'"{word}"' in hint)
        return meant

    def _compiled(
        self, path: tuple[str, str], name: str, kind: str, body: Mapping[str, Any], unread: Collection[str]
    ) -> Resource:
        keys, compiler = self.dialect.words.resource, self.compiler
        condition: Any = True
        policy: Any = "Delete"
        undecided = False
        key = keys["deletion_policy"]
        if key in body:
            policy = compiler.compile(body[key], (*path, key))
            undecided = bool(compiler.taken())
            if isinstance(policy, str):
                policy = self._policy(path, policy)
        key = keys.get("condition", "")
        if key in body and self.dialect.conditions:
            place = (*path, key)
            condition = compiler.condition(body[key], place, place)
            compiler.taken()
        values = dict(_NOTHING_SAID)
        for field_name in values:
            key = keys.get(field_name, "")
            if key in body:
                values[field_name] = compiler.compile(body[key], (*path, key))
        properties = values["properties"]
        if isinstance(properties, Function) and not isinstance(properties, Unread):
            text = f"Resource {name} {keys['properties']} type must be object"
            hint = "the map must be written down; calls may stand for the values in it"
            self._note("KT133", text, (*path, keys["properties"]), hint=hint)
        if isinstance(properties, Function) or keys["properties"] in unread:
            values["properties"] = Unread("properties", properties, path, compiler.context)
        key = keys["depends_on"]
        definition = Definition(
            name,
            kind,
            depends_on=self._depends_on(path, name, body[key]) if body.get(key) else (),
            deletion_policy=policy,
            description=str(body.get(keys["description"]) or ""),
            **values,
        )
        found = Found()
        for call in compiler.taken():
            undecided = undecided or call.undecided
            call.tell(found, None)
        if not undecided:
            definition.refer(found)
        return Resource(definition, condition, undecided)

    def _depends_on(self, path: tuple[str, str], name: str, value: Any) -> tuple[str, ...]:
        if isinstance(value, str):
            return (value,)
        names = tuple(item for item in value if isinstance(item, str))
        if len(names) < len(value):
            key = self.dialect.words.resource["depends_on"]
            self._note("KT133", f"Resource {name} {key} must be a list of strings", (*path, key))
        return names

    def _policy(self, path: tuple[str, str], policy: str) -> str:
        known = self.dialect.deletion_policies
        if policy not in known:
            self._note(
                "KT135",
                f'Invalid deletion policy "{policy}"',
                (*path, self.dialect.words.resource["deletion_policy"]),
                hint=did_you_mean(policy, known),
            )
        return known.get(policy, "Delete")

    # outputs

    def _outputs(self) -> None:
        key = self.dialect.words.sections["outputs"]
        for name, body in self._map("outputs").items():
            output = self._output(key, name, body)
            self._drain()
            if output is not None:
                self.parts.outputs[name] = output

    def _output(self, section: str, name: str, body: Any) -> Output | None:
        words = self.dialect.words.output
        path = (section, name)
        prefix = f"Output validation error: : {section}.{name}: : "
        if not isinstance(body, Mapping):
            self._note(
                "KT140", f"{prefix}Output definitions must be a map. Found a {type(body).__name__} instead", path
            )
            return None
        if words["value"] not in body:
            self._note("KT141", prefix + self.dialect.words.value_missing, path, hint=_value_hint(body, words))
            return None
        for key in body:
            if key not in words.values():
                hint = did_you_mean(key, words.values()) or (
                    f'"{key}" is a section; is it one level too deep?'
                    if key in self.dialect.words.sections.values()
                    else ""
                )
                text = f'"{key}" is not a key of an output and is ignored'
                self.parts.warnings.append(
                    self.source.problem("KT502", text, (*path, key), severity="warning", hint=hint)
                )
        value_path = (*path, words["value"])
        value = self.compiler.compile(body[words["value"]], value_path)
        condition: Any = None
        if self.dialect.conditions and body.get(words["condition"]) is not None:
            place = (*path, words["condition"])
            condition = self.compiler.condition(body[words["condition"]], place, place)
        found = reads(None, value)
        description = body.get(words["description"])
        return Output(
            name,
            "No description given" if description is None else str(description),
            value,
            condition,
            found.resources,
            found.attributes,
            found.parameters,
            value_path,
        )

    # parameter groups

    def _groups(self) -> None:
        key = self.dialect.words.sections.get("parameter_groups")
        section = self.body.get(key) if key else None
        if not section or not key:
            return
        if not isinstance(section, list):
            self._note(
                "KT150", "Parameter Groups error: : parameter_groups: : The parameter_groups should be a list.", (key,)
            )
            return
        seen: set[str] = set()
        for index, group in enumerate(section):
            self._group((key, index), group, seen)
        self.parts.parameter_groups = section

    def _group(self, path: tuple[str, int], group: Any, seen: set[str]) -> None:
        label = group.get("label", "") if isinstance(group, Mapping) else ""
        prefix = f"Parameter Groups error: : parameter_groups.{label}: : "
        members = group.get("parameters") if isinstance(group, Mapping) else None
        if members is None:
            self._note("KT151", prefix + "The parameters must be provided for each parameter group.", path)
            return
        if not isinstance(members, list):
            self._note("KT151", prefix + "The parameters of parameter group should be a list.", path)
            return
        for name in members:
            if isinstance(name, str) and name in seen:
                text = f"The {name} parameter must be assigned to one parameter group only."
            elif isinstance(name, str) and name in self.parts.unread.get("parameters", ()):
                continue
            elif not isinstance(name, str) or name not in self.parts.parameters:
                text = f"The grouped parameter {name} does not reference a valid parameter."
            else:
                seen.add(name)
                continue
            self._note("KT152", prefix + text, path, hint=did_you_mean(str(name), self.parts.parameters))


def _value_hint(body: Mapping[str, Any], words: Mapping[str, str]) -> str:
    return next(
        (hint for hint in (did_you_mean(key, words.values()) for key in body if key not in words.values()) if hint), ""
    )


_NOTHING_SAID: Mapping[str, Any] = {"properties": {}, "metadata": {}, "update_policy": {}, "external_id": None}
"""What a resource has for values that may hold calls when it does not say, in the order in which they are looked at."""
_FIELD_TYPES: Mapping[str, tuple[str, tuple[type, ...]]] = {
    "properties": ("object", MAPS),
    "metadata": ("object", MAPS),
    "depends_on": ("list or string", (list, str)),
    "deletion_policy": ("string", (str,)),
    "update_policy": ("object", MAPS),
    "description": ("string", (str,)),
    "external_id": ("string", (str,)),
    "condition": ("string_or_boolean", (str, bool)),
}
"""What each key of a resource has to be, in Heat's word and as types; a call may stand where a value may be computed."""
