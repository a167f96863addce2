"""What a handler gets: the services, the caller, the request, and where links start.

Made by `app` for each request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from falcon import Request, Response

from kamado.api import bodies
from kamado.api.fetching import FetchSettings
from kamado.api.following import Seats
from kamado.model.records import StackRecord
from kamado.orchestrator import stacks
from kamado.orchestrator.context import RequestContext, Services
from kamado.orchestrator.errors import Forbidden


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


@dataclass(frozen=True, slots=True)
class Call:
    """One request on its way through a handler; ``path`` are the parts of the URL by name."""

    services: Services
    settings: ApiSettings
    context: RequestContext
    req: Request
    path: Mapping[str, str]
    seats: Seats

    @property
    def base(self) -> str:
        """Where links start: …/v1."""
        return f"{self.req.prefix}/v1"

    def body(self) -> dict[str, Any] | None:
        """The JSON object that was sent, None when there was none."""
        return bodies.read(self.req, self.settings.max_json_body_size)

    def needed_body(self) -> dict[str, Any]:
        """The JSON object, refused when there is none."""
        return bodies.needed(self.req, self.settings.max_json_body_size)

    def stack(self) -> StackRecord:
        """The stack that the URL names."""
        return stacks.named(self.services, self.context, self.path["stack_name"], self.path["stack_id"])

    def must(self, rule: str) -> None:
        """Refuse unless policy allows the rule.

        :raises Forbidden: it does not.
        """
        if not self.services.policy.allows(self.context, rule):
            raise Forbidden.of(rule)


Handler = Callable[[Call, Response], None]
"""A handler writes into the response; what it refuses it raises."""
