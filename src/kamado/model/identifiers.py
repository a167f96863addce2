"""Names and ids: how they are made and what they look like on the wire."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from random import Random
from urllib.parse import quote

_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_.-]{0,254}\Z")


_DRAWN_FROM: ContextVar[Random | None] = ContextVar("ids_drawn_from", default=None)


def new_id() -> str:
    """A random UUID in its usual spelling."""
    source = _DRAWN_FROM.get()
    return str(uuid.uuid4() if source is None else uuid.UUID(int=source.getrandbits(128), version=4))


@contextmanager
def ids_drawn_from(source: Random) -> Iterator[None]:
    """What is done in this context gets its ids from ``source``: a simulation has the same ids each time."""
    token = _DRAWN_FROM.set(source)
    try:
        yield
    finally:
        _DRAWN_FROM.reset(token)


def valid_stack_name(name: str) -> bool:
    """Whether Heat accepts ``name`` for a stack: a letter, then letters, digits, ``_``, ``.``, ``-``; 255 at most."""
    return bool(_NAME.match(name))


def short_id(identifier: str) -> str:
    """Twelve lower-case base32 characters that stand for a UUID in physical names."""
    number = uuid.UUID(identifier).int >> 68
    alphabet = "abcdefghijklmnopqrstuvwxyz234567"
    return "".join(alphabet[(number >> (5 * i)) & 31] for i in reversed(range(12)))


def physical_name(stack_name: str, resource_name: str, row_id: str, limit: int = 255) -> str:
    """The name that an unnamed resource gets in the cloud: unique by the row's id, cut in the middle to ``limit``.

    Source: Heat's users know ``<stack>-<resource>-<12 characters>``; the last part stays whole when the name is cut.
    """
    tail = f"-{resource_name}-{short_id(row_id)}"
    if len(stack_name) + len(tail) <= limit:
        return stack_name + tail
    tail = f"-{short_id(row_id)}"
    return f"{stack_name}-{resource_name}"[: limit - len(tail)] + tail


@dataclass(frozen=True, slots=True)
class StackIdentity:
    """A stack as clients name it in URLs and ARNs."""

    project_id: str
    name: str
    id: str

    @property
    def path(self) -> str:
        """``stacks/<name>/<id>``, quoted for a URL."""
        return f"stacks/{quote(self.name, safe='')}/{self.id}"

    @property
    def arn(self) -> str:
        """The ARN that CloudFormation clients and ``get_param: OS::stack_id`` consumers know."""
        return f"arn:openstack:heat::{self.project_id}:{self.path}"
