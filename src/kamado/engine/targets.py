"""From a stored target to what the planner wants: definitions, parameters, outputs, types.

A template that was parsed once is kept, for it is immutable; the orchestrator may share the loader, so that a template which
came in by a request is not parsed again to run it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from kamado.engine.ports import StorePort, Types, TypeSource
from kamado.engine.scope import RowScope
from kamado.model.records import SnapshotRecord, StackRecord, Target
from kamado.plugin.errors import PermanentError
from kamado.template import (
    Definition,
    Environment,
    Limits,
    Output,
    Parameters,
    PseudoParameters,
    Template,
    load,
    resolve,
)

_ACCEPTED = Limits(max_bytes=2**31)
"""What is stored was within the service's limits when it was accepted."""

_KEPT = 128


@dataclass(frozen=True)
class Desired:
    """What a stack should become; without a template for a deletion."""

    types: Types
    template: Template | None = None
    parameters: Parameters | None = None
    definitions: Mapping[str, Definition] = field(default_factory=dict)
    outputs: Mapping[str, Output] = field(default_factory=dict)
    entries: Mapping[str, Any] = field(default_factory=dict)
    """What the environment says of single resources: hooks, restricted actions."""
    snapshots: Sequence[SnapshotRecord] = ()
    """What a deletion takes along."""
    environment: Environment = field(default_factory=Environment)

    @property
    def hidden(self) -> frozenset[str]:
        """Names of parameters that are hidden, by the template or because something hidden of the stack above went into them."""
        declared: Collection[str] = () if self.parameters is None else self.parameters.hidden
        return frozenset((*declared, *self.environment.encrypted_param_names))


class TargetLoader:
    """Reads targets from the store. Safe from any thread. ``region`` is what ``AWS::Region`` gives."""

    def __init__(self, store: StorePort, registry: TypeSource, region: str = "") -> None:
        self._store = store
        self._templates = store.templates
        self._files = store.files
        self._registry = registry
        self._region = region
        self._kept: OrderedDict[tuple[Any, ...], Template] = OrderedDict()
        self._of_files: dict[str, str] = {}  # id of a file that is a template → id of its body
        self._lock = Lock()

    def at_hand(self, target: Target, most: int) -> bool:
        """Whether `desired` has nothing to read and, with at most so many resources, little to do."""
        found = self._known(target)
        return found is not None and not found.reads_parent and len(found.resources) <= most

    def template(self, target: Target) -> Template:
        """The parsed template of a target. Raises TemplateInvalid."""
        found = self._known(target)
        if found is not None:
            return found
        files = {name: self._files.get(file_id) for name, file_id in target.files.items()}
        return self.keep(target, load(self._templates.get(target.template_id), files=files, limits=_ACCEPTED))

    def _known(self, target: Target) -> Template | None:
        key = (target.template_id, tuple(sorted(target.files.items())))
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def keep(self, target: Target, template: Template) -> Template:
        """Remembers a template that somebody has parsed already."""
        key = (target.template_id, tuple(sorted(target.files.items())))
        with self._lock:
            self._kept[key] = template
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return template

    def desired(self, stack: StackRecord, target: Target) -> Desired:
        """Everything about a target. Raises TemplateInvalid."""
        template = self.template(target)
        environment = Environment.load(dict(target.environment))
        parameters = template.bind(environment, self.pseudo(stack, template))
        return Desired(
            template=template,
            environment=environment,
            parameters=parameters,
            definitions=template.definitions(parameters),
            outputs=template.active_outputs(parameters),
            types=self._registry.for_environment(environment, template.files, lenient=True),
            entries=environment.registry.get("resources") or {},
        )

    def pseudo(self, stack: StackRecord, template: Template) -> PseudoParameters:
        """What a stack knows of itself, and of its resource in the parent if the template asks for that."""
        facade = self._facade(stack) if stack.owner_id is not None and template.reads_parent else None
        return PseudoParameters(stack.name, stack.id, stack.project_id, self._region, facade)

    def _facade(self, stack: StackRecord) -> dict[str, Any]:
        """Metadata as the parent's row has it; policies as the parent's template has them. Empty when there is no such row any more."""
        parent = self._store.stacks.get(stack.owner_id or "", True)
        if parent is None:
            return {}
        rows = self._store.resources.named(parent.id, [stack.parent_resource or ""])
        row = next((row for row in rows if row.physical_id == stack.id), None)
        if row is None:
            return {}
        above = self.desired(parent, parent.target)
        definition = above.definitions.get(row.name)
        written = {} if definition is None else definition.update_policy
        policy = resolve(written, RowScope(above.parameters, lambda _: None))
        return {
            "metadata": dict(row.metadata),
            "deletion_policy": row.deletion_policy,
            "update_policy": {} if policy is None else policy,
        }

    def nothing(self, target: Target) -> Desired:
        """What a deletion wants: no resource; only types are needed, so a template that can no longer be read is no hindrance."""
        environment = Environment.load(dict(target.environment))
        known = self._known(target)
        files = known.files if known else {name: self._files.get(file_id) for name, file_id in target.files.items()}
        return Desired(
            types=self._registry.for_environment(environment, files, lenient=True),
            entries=environment.registry.get("resources") or {},
        )

    def child_target(self, parent: Target, template: str | Mapping[str, Any], environment: Mapping[str, Any]) -> Target:
        """The target of a nested stack: a file of the parent's, or a whole template, with all files of the parent's. May write."""
        if not isinstance(template, str):
            return Target(self._templates.put(template), parent.files, environment)
        file_id = parent.files.get(template)
        if file_id is None and template in self._registry.operators:
            file_id = self._files.put(self._registry.operators[template])
        if file_id is None:
            raise PermanentError(f'The template "{template}" of a nested stack is not among the files', "NotFound")
        template_id = self._of_files.get(file_id)
        if template_id is None:
            loaded = load(self._files.get(file_id), file=template, limits=_ACCEPTED)
            template_id = self._of_files[file_id] = self._templates.put(loaded.raw)
        return Target(template_id, parent.files, environment)
