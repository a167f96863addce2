"""Names and ids: how they are made and what they look like on the wire."""

from __future__ import annotations

import os
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


_AT_ONCE = 256
_VARIANT = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))
_random: list[str] = []
"""The random digits of ids to come: each call of the system lets go of the interpreter, which other threads then keep for a while."""
os.register_at_fork(after_in_child=_random.clear)


def new_id() -> str:
    """A random UUID (version 4) in its usual spelling."""
    source = _DRAWN_FROM.get()
    if source is not None:
        return str(uuid.UUID(int=source.getrandbits(128), version=4))
    try:
        digits = _random.pop()
    except IndexError:
        more = os.urandom(16 * _AT_ONCE).hex()
        _random.extend(more[begin : begin + 32] for begin in range(32, len(more), 32))
        digits = more[:32]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{_VARIANT[digits[16]]}{digits[17:20]}-{digits[20:]}"


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


_BASE32 = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS = [first + second for first in _BASE32 for second in _BASE32]


def short_id(identifier: str) -> str:
    """Twelve lower-case base32 characters that stand for a UUID in physical names."""
    number = int(identifier.replace("-", "")[:15], 16)
    return "".join([_PAIRS[(number >> shift) & 1023] for shift in (50, 40, 30, 20, 10, 0)])


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
