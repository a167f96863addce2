"""How large a template may be, in every direction; the API fills it from Heat's options.

Read by `source` while it composes and by the loaders. The trap: `max_nodes` counts what aliases unfold to, not what is written.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one template. Bytes of text, nodes after unfolding aliases, levels, and numbers of things."""

    max_bytes: int = 524288
    max_nodes: int = 500_000
    max_depth: int = 100
    max_resources: int | None = None
    max_problems: int = 100
    max_result: int = 4_194_304
    """Characters or items that one function call may produce."""
