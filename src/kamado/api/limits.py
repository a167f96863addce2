"""Limits and places of the REST API, as `kamado.settings` reads them: in a module of their own, for every process reads settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kamado.api.fetching import FetchSettings


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """Limits and places of the REST API; names are Heat's options.

    ``max_json_body_size`` in bytes. ``cors`` and ``health`` are the options of oslo.middleware's sections of these names; without
    any, browsers may not call from other origins. ``proxy_headers``: believe X-Forwarded-* and Forwarded, for running behind a
    proxy. ``token_cache_time``: seconds that a validated token is believed without asking Keystone again.
    ``followers``: how many may follow events in one process at the same time.
    """

    max_json_body_size: int = 1048576
    cors: Mapping[str, Any] = field(default_factory=dict)
    health: Mapping[str, Any] = field(default_factory=dict)
    proxy_headers: bool = False
    token_cache_time: int = 300
    followers: int = 200
    fetch: FetchSettings = field(default_factory=FetchSettings)
