"""What a resource type says without a resource at hand: about properties, other resources of the template, the cloud.

Base of `kamado.plugin.resource.Resource`; asked before a template is accepted and by the planner. Nothing in here may touch a resource.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from kamado.cloud.session import Cloud
from kamado.plugin.declare import After
from kamado.plugin.rules import Finding, Rule, alike, at


class Kind:
    """The class side of a resource type."""

    rules: ClassVar[tuple[Rule, ...]] = ()
    after: ClassVar[tuple[After, ...]] = ()

    @classmethod
    def validate(cls, properties: Mapping[str, Any]) -> list[Finding]:
        """What is wrong across properties; values that are not yet known are UNKNOWN."""
        return [finding for rule in cls.rules for finding in rule.check(properties)]

    @classmethod
    def validate_beside(
        cls,
        definition: Any,  # noqa: ARG003
        definitions: Mapping[str, Any],  # noqa: ARG003
        properties: Callable[[str], Mapping[str, Any] | None],  # noqa: ARG003
    ) -> list[Finding]:
        """What is wrong between the resource and others of its template (`kamado.template.Definition`, by name).

        ``properties``: those of one of them, as far as they are known; None when they are not as they should be.
        """
        return []

    @classmethod
    def unavailable(cls, cloud: Cloud) -> str | None:  # noqa: ARG003
        """Why the cloud cannot have such resources, in Heat's words; None when it can. Asked before a template is accepted."""
        return None

    @classmethod
    def takes_over(cls, other: type | None) -> bool:
        """Whether what was made with another class (None: one that is gone) goes on under this one; else it is replaced."""
        return cls is other

    @classmethod
    def implied_by(cls, name: str, definition: Any, definitions: Mapping[str, Any]) -> set[str]:
        """Names of other resources of the template that this one must come after though nothing in it refers to them.

        ``definition`` and ``definitions`` (by name) are `kamado.template.Definition`: unresolved properties, compared
        as written.
        """
        found: set[str] = set()
        for rule in cls.after:
            for other_name, other in definitions.items():
                if (
                    other_name != name
                    and other.type == rule.type
                    and _match(rule, definition.properties, other.properties)
                ):
                    found.add(other_name)
        return found

    @classmethod
    def replaces(cls, before: Mapping[str, Any], after: Mapping[str, Any], changed: frozenset[str]) -> bool:  # noqa: ARG003
        """Whether a change asks for a replacement though all changed properties may be updated. Pure.

        Asked by the planner.
        """
        return False

    @classmethod
    def restored(cls, properties: Mapping[str, Any], data: Mapping[str, Any]) -> Mapping[str, Any]:  # noqa: ARG003
        """The properties, as written, with which a resource is brought back to a snapshot; ``data`` is what was kept of it then."""
        return properties


def _match(rule: After, ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> bool:
    for their_path, our_path in rule.where.items():
        value = at(ours, our_path)
        if value is None or not alike(at(theirs, their_path), value):
            return False
    return True
