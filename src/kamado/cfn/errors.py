"""Refusals of the CloudFormation API, under the codes that AWS's clients know, and how they are written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

from kamado.orchestrator.errors import HeatError


class CfnError(Exception):
    """A refusal. ``code`` is what clients compare, ``status`` the HTTP status; below 500 the sender is to blame."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


_OF_ENGINE: Mapping[str, tuple[int, str]] = {
    "Forbidden": (403, "AccessDenied"),
    "StackExists": (400, "AlreadyExists"),
    "ActionInProgress": (400, "InvalidAction"),
    "RequestLimitExceeded": (400, "RequestLimitExceeded"),
}
"""Refusals of the use cases that are not about a value of the request."""


def of_engine(error: HeatError) -> CfnError:
    """The refusal that a use case's refusal becomes."""
    status, code = _OF_ENGINE.get(error.type_name, (400, "InvalidParameterValue"))
    return CfnError(status, code, error.message)


def as_xml(error: CfnError) -> bytes:
    """The body of a refusal."""
    root = Element("ErrorResponse")
    inner = SubElement(root, "Error")
    words = {"Type": "Sender" if error.status < 500 else "Server", "Code": error.code, "Message": error.message}
    for name, value in words.items():
        SubElement(inner, name).text = value
    return tostring(root)


def answer(name: str, value: Any, *, as_json: bool) -> tuple[bytes, str]:
    """Body and media type of an answer that is one map: in XML only its first entry has room."""
    if as_json:
        return json.dumps(value).encode(), "application/json"
    root = Element(name)
    root.text = str(value[name])
    return tostring(root), "application/xml"
