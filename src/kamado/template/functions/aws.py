"""Functions that only CloudFormation templates, and the oldest HOT version, have."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from kamado.template.functions.core import CallInvalid, Function, ResolveError, Scope, several

_MEMBER = re.compile(r"\.member\.([0-9]+)\.(.*)")


class FindInMap(Function):
    """`Fn::FindInMap: [mapping, key, name]`."""

    __slots__ = ()

    def check(self, args: Any) -> None:
        """Three items."""
        count = len(args) if isinstance(args, list | Mapping | str) else 0
        known = (
            "too many values to unpack (expected 3)"
            if count > 3
            else f"not enough values to unpack (expected 3, got {count})"
        )
        several(args, 3, repr(known))

    def evaluate(self, args: Any) -> Any:
        """What the mapping holds there."""
        self.check(args)
        value: Any = self.context.mappings
        for key in args:
            value = value[key]
        return value


class GetAZs(Function):
    """`Fn::GetAZs: region`: the names of the availability zones."""

    __slots__ = ()

    def resolve(self, scope: Scope) -> Any:
        """The zones that the scope knows, or the stock one."""
        zones = getattr(scope, "availability_zones", None)
        return list(zones()) if callable(zones) else ["nova"]


class Base64(Function):
    """`Fn::Base64: text`: the text as it is; the service encodes it."""

    __slots__ = ()

    def evaluate(self, args: Any) -> Any:
        """The text."""
        if not isinstance(args, str):
            raise ResolveError(f'"{self.name}" argument must be a string')
        return args


class Select(Function):
    """`Fn::Select: [index or key, list, map or JSON text]`; a miss gives ""."""

    __slots__ = ()

    def check(self, args: Any) -> None:
        """Two items."""
        several(args, 2, f'Arguments to "{self.name}" must be of the form [index, collection]')

    def evaluate(self, args: Any) -> Any:
        """The item."""
        self.check(args)
        index, items = args
        if not items and not isinstance(items, int | float):
            return ""
        if isinstance(items, str):
            try:
                items = json.loads(items)
            except ValueError as error:
                raise ResolveError(f'"{self.name}": {error}') from None
        if isinstance(items, Mapping):
            if not isinstance(index, str):
                raise ResolveError(f'Index to "{self.name}" must be a string')
            return items.get(index, "")
        if isinstance(items, list):
            return self._item(index, items)
        raise ResolveError(f"Arguments to {self.name} not fully resolved")

    def _item(self, index: Any, items: list[Any]) -> Any:
        try:
            position = int(index)
        except (ValueError, TypeError):
            raise ResolveError(f'Index to "{self.name}" must be an integer') from None
        return items[position] if -len(items) <= position < len(items) else ""


class Split(Function):
    """`Fn::Split: [delimiter, text]`."""

    __slots__ = ()

    def check(self, args: Any) -> None:
        """Two items."""
        several(args, 2, f'Incorrect arguments to "{self.name}" should be: "{self.name}" : [ ",", "str1,str2"]]')

    def evaluate(self, args: Any) -> Any:
        """The pieces."""
        self.check(args)
        delimiter, text = args
        if not isinstance(delimiter, str):
            raise ResolveError(f"Delimiter for {self.name} must be string")
        if not isinstance(text, str):
            raise ResolveError(f"String to split must be string; got {type(text)}")
        return text.split(delimiter)


class MemberListToMap(Function):
    """`Fn::MemberListToMap: [key name, value name, [".member.N.<name>=…", …]]`."""

    __slots__ = ()

    def check(self, args: Any) -> None:
        """Two names and a list."""
        example = (
            'Wrong Arguments try: "\n'
            f"            {{'{self.name}': ['Name', 'Value',\n"
            "                                     ['.member.0.Name=key',\n"
            "                                      '.member.0.Value=door']]}\n"
            '            "'
        )
        several(args, 3, example)
        for position, role in ((0, "Key"), (1, "Value")):
            if not isinstance(args[position], str | Function):
                raise CallInvalid(f"{self.name} {role} Name must be a string")

    def evaluate(self, args: Any) -> Any:
        """The map."""
        self.check(args)
        key_name, value_name, items = args
        if not isinstance(items, list):
            raise ResolveError("Member list must be a list")
        if not all(isinstance(item, str) for item in items):
            raise ResolveError("Member list items must be strings")
        rows: dict[str, dict[str, str]] = {}
        for item in items:
            left, equals, value = item.partition("=")
            if not equals:
                raise ResolveError("Member list items must have the form name=value")
            member = _MEMBER.fullmatch(left)
            if member is not None:
                rows.setdefault(member[1], {})[member[2]] = value
        return {row[key_name]: row[value_name] for row in rows.values() if key_name in row and value_name in row}
