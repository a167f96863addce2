"""How results of the Query API are written: XML in AWS's shape, or the same as JSON. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

_AS_JSON = frozenset({"Metadata", "TemplateBody"})
"""Values that are JSON texts inside XML."""


def written(action: str, result: Any, *, as_json: bool) -> tuple[bytes, str]:
    """Body and media type of the answer to an action."""
    if as_json:
        return json.dumps({f"{action}Response": {f"{action}Result": result}}).encode(), "application/json"
    root = Element(f"{action}Response")
    _fill(SubElement(root, f"{action}Result"), result)
    return tostring(root), "application/xml"


def _fill(element: Element, value: Any) -> None:
    """Maps become elements, entries of lists ``member``, anything else is text."""
    if element.tag in _AS_JSON:
        element.text = json.dumps(value)
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            _fill(SubElement(element, name), inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            _fill(SubElement(element, "member"), inner)
    else:
        element.text = str(value)
