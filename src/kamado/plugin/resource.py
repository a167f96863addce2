"""The base of all resource types: what a type is given, what it may define, what everybody may ask of it.

Subclassed in `kamado.resources` and by plugins (usually through `kamado.plugin.rest.RestResource`); driven by
`kamado.plugin.lifecycle`. The traps: a token that a handler returns must be JSON (it is stored, and polling goes on
with it in another process after a crash; after a crash between id and token it is None), and a handler may be called
twice, so it must bear that.

Handlers, all optional, with Heat's names: ``handle_create() -> token``, ``handle_update(changes) -> token`` (changed
properties → new values, None for one that was taken away; `properties` is the new whole), ``handle_delete``,
``handle_suspend``, ``handle_resume``, ``handle_check``, ``handle_snapshot``, ``handle_delete_snapshot(data)``,
``handle_adopt(data)``, each with ``check_<action>_complete(token) -> bool``;
``handle_signal(details) -> what the event says``. A check may change a token that is a dict: the engine stores it after each poll.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, ClassVar

from kamado.model.identifiers import physical_name
from kamado.model.lifecycle import Action, Status
from kamado.model.records import ResourceRecord
from kamado.plugin.context import ChildState, Ports, StackInfo
from kamado.plugin.declare import Attr, Blocker, Prop, Properties, ResourceSchema, SideCall
from kamado.plugin.kind import Kind
from kamado.template.schema import SUPPORTED, Support


class Resource(Kind):
    """One resource of one stack, alive for one step.

    ``properties`` are resolved, coerced and complete with defaults.
    """

    type_name: str = ""
    schema: ClassVar[ResourceSchema] = ResourceSchema("")
    support: ClassVar[Support] = SUPPORTED
    props: ClassVar[Mapping[str, Prop]] = {}
    attrs: ClassVar[Mapping[str, Attr]] = {}

    properties = Properties()
    attributes: ClassVar[tuple[Attr, ...]] = ()
    update_policies: ClassVar[tuple[Prop, ...]] = ()
    """What may stand in the template's ``update_policy``."""
    update_policy: Mapping[str, Any] = {}
    """That section, resolved and complete with defaults; there while the resource is brought to what the template wants."""
    side_calls: ClassVar[tuple[SideCall, ...]] = ()
    handled: ClassVar[frozenset[str] | set[str]] = frozenset()
    """Properties that are not sent because a handler of the class deals with them."""

    heat_class: ClassVar[str] = ""
    """What Heat's sentences call such a resource, when that is not the last part of the type's name."""
    any_properties: ClassVar[bool] = False
    heeds_any: ClassVar[bool] = False
    """Of a type that takes any properties: whether a change of them is an update, in place."""
    any_attributes: ClassVar[bool] = False
    local: bool = False
    """Touches nothing outside the process and never blocks: handlers run inline and may be repeated.

    An instance may say otherwise.
    """
    can_find: ClassVar[bool] = False
    composite: ClassVar[bool] = False
    """Consists of a child stack: any difference is handed to ``handle_update``, which finds out what there is to do.

    Its handlers run inline, everything that reads in a thread; a wait ends as soon as the child stack does.
    """
    names_itself: ClassVar[bool] = False
    """Of a composite: whether the child's template has an output ``OS::stack_id``, which is its reference then."""
    version: ClassVar[str] = ""
    """What besides its properties makes a composite what it is (templates, mappings), as a digest."""
    blocked_by: ClassVar[tuple[Callable[[Any], list[Blocker]], ...]] = ()
    """What finds things that stand in the way when the cloud refuses to delete it (`BlockedBy`); asked before such a deletion fails."""
    secret: ClassVar[bool] = False
    """What the type keeps (data, attributes, properties) is encrypted at rest."""
    physical_name_limit: ClassVar[int] = 255
    no_signal_actions: ClassVar[frozenset[Action]] = frozenset({Action.SUSPEND, Action.DELETE})
    """After which actions a signal is refused."""
    nameless: ClassVar[bool] = False
    """Has no physical id, though it is there: it stands for nothing in the cloud."""
    waits_for: ClassVar[str] = ""
    """Key of its token: the id of the row whose signals it waits for. A signal there has it polled at once."""
    waits_outside: ClassVar[bool] = False
    """What it waits for, once it is made, is done by somebody else, perhaps never. When that is for something else than what is wanted now,
    nobody waits for it any more: it is replaced.
    """
    always_new: ClassVar[bool] = False
    """Each update of the stack replaces it."""
    tells_metadata: ClassVar[bool] = False
    """Somebody has to be told of other metadata: ``handle_update`` is called for them too, without changed properties."""
    keeps_metadata: ClassVar[bool] = False
    """The metadata belongs to the resource once it is made (signals are kept in it): an update leaves it alone."""
    takes_keys: ClassVar[frozenset[str]] = frozenset()
    """Attributes that it wants to be asked together with the first step of the path into them: ``attributes.<step>``."""
    changes_beside: ClassVar[bool] = False
    """Its attributes change beside the operations of its stack (a group that is scaled): each update reads those that are used anew."""
    always_replace_on_check_failed: ClassVar[bool] = True
    """Whether one that a check found broken, or a user marked as such, is replaced without asking the cloud again."""

    seen: Any = None
    """What a list has shown of the thing a moment ago (`lifecycle.polled_by_list`): the poll that follows need not ask."""

    def __init__(
        self,
        name: str,
        type_name: str,
        stack: StackInfo,
        ports: Ports,
        record: ResourceRecord,
        properties: Mapping[str, Any],
        metadata: Mapping[str, Any],
    ) -> None:
        self.name = name
        self.type_name = type_name  # the name it was asked for under, an alias perhaps
        self.stack = stack
        self.ports = ports
        self.record = record
        self.properties = properties
        self.metadata = metadata
        self.physical_id = record.physical_id
        self.data: dict[str, Any] = dict(record.data)
        self.action: Action = record.action
        self.status: Status = record.status

    @property
    def id(self) -> str:
        """The id of the row."""
        return self.record.id

    @property
    def physical_name(self) -> str:
        """The unique name for the thing in the cloud when the template gives none."""
        return self.record.physical_name or physical_name(
            self.stack.name, self.name, self.record.id, self.physical_name_limit
        )

    def __repr__(self) -> str:
        return f"<{self.type_name} {self.name} {self.physical_id}>"

    def set_physical_id(self, physical_id: str | None) -> None:
        """Records the cloud's id; returns when it is durable."""
        self.ports.saver.save_physical_id(physical_id)
        self.physical_id = physical_id

    def set_data(self, key: str, value: Any) -> None:
        """Keeps a value (JSON) with the resource; None takes it away. Returns when it is durable."""
        changed = dict(self.data)
        if value is None:
            changed.pop(key, None)
        else:
            changed[key] = value
        self.ports.saver.save_data(changed)
        self.data = changed

    def set_metadata(self, metadata: Mapping[str, Any]) -> None:
        """Replaces the metadata; returns when it is durable."""
        self.ports.saver.save_metadata(metadata)
        self.metadata = dict(metadata)

    def saw(self, child: ChildState | None) -> None:
        """Is told how its child stack is, before each poll; composites only."""

    def asks_again_after(self, token: Any) -> float | None:  # noqa: ARG002
        """Seconds after which it wants to be polled again though nothing has happened (to its child, no signal), None for no such wish."""
        return None

    def reference(self) -> str:
        """What get_resource and Ref give."""
        return self.physical_id or self.name

    def read_attributes(self, names: Iterable[str]) -> dict[str, Any]:
        """Values of some attributes (of all that are declared when none is named); what cannot be had is None."""
        return {name: self.attribute(name) for name in names}

    def attribute(self, name: str) -> Any:  # noqa: ARG002
        """The value of one attribute; a type without a service overrides this one."""
        return None

    def observe(self) -> Mapping[str, Any]:
        """Which of its properties that can be changed in place are otherwise in reality: name → the value there.

        Raises NotFoundInCloud (or the cloud's own "not found") when the thing is gone. Nothing is told by default.
        """
        return {}

    def needs_replace(self, changes: Mapping[str, Any]) -> bool:
        """The same question with the resource at hand, asked right before an update; may call the cloud."""
        before = self.record.properties or {}
        return self.replaces(before, self.properties, frozenset(changes))

    def needs_replace_failed(self) -> bool:
        """Whether a FAILED one must be replaced; False when it may be kept and updated."""
        return True

    def prepare_for_replace(self) -> None:
        """Makes way for a replacement, before that is created.

        Gives up what only one of the two can have (ports, a name).

        May be called more than once; the thing itself must go on to exist where it can.
        """

    def restore_prev_rsrc(self) -> None:
        """Takes back what `prepare_for_replace` gave up: the replacement failed and this one is in use again."""

    def find_existing(self, since: datetime, taken: Collection[str]) -> str | None:  # noqa: ARG002
        """The id of what a create with an unknown outcome has made, None when there is nothing.

        ``since``: when the intent was recorded; ``taken``: ids that other resources own.
        """
        return None

    def handle_metadata_reset(self) -> None:
        """Called when one that was marked unhealthy is healthy again."""

    def handle_adopt(self, data: Mapping[str, Any]) -> Any:
        """Takes over what exists: ``resource_id``, ``resource_data``, ``metadata`` of Heat's adopt data."""
        if data.get("resource_id"):
            self.set_physical_id(str(data["resource_id"]))
        for key, value in (data.get("resource_data") or {}).items():
            self.set_data(key, value)
        return None
