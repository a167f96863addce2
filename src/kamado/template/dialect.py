"""A template language version as data: its words, its functions, its rules.

`hot/versions.py` and `cfn/versions.py` fill these tables; `loader.py` is one loader for all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from kamado.template.functions.core import Function

Functions = Mapping[str, type[Function]]
Calls = Mapping[str, type[Function] | None]


@dataclass(frozen=True)
class Words:
    """The keys of a language family, canonical name to spelling."""

    sections: Mapping[str, str]
    resource: Mapping[str, str]
    output: Mapping[str, str]
    type_missing: str
    value_missing: str
    unknown_resource_keys_refused: bool


@dataclass(frozen=True)
class Dialect:
    """One version. `functions` may stand in values, `condition_functions` where a condition is asked for."""

    flavour: str
    version_key: str
    version: str
    words: Words
    functions: Functions
    condition_functions: Functions = field(default_factory=dict)
    removed: frozenset[str] = frozenset()
    resource_keys: frozenset[str] = frozenset()
    deletion_policies: Mapping[str, str] = field(default_factory=dict)
    conditions: bool = False
    parameter_tags: bool = False
    pseudo: tuple[str, ...] = ()

    @cached_property
    def calls(self) -> Calls:
        """What a map with this one key is in a value: a call, or None for one that is refused; a key that is not here makes no call."""
        return {**dict.fromkeys(self.removed), **self.functions}

    @cached_property
    def condition_calls(self) -> Calls:
        """The same where a condition is asked for."""
        return {**dict.fromkeys((*self.removed, *self.functions)), **self.condition_functions}
